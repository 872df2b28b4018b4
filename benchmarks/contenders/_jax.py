"""What the contenders in JAX share: weights, nets, log-weights, Adam, and mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import work

Tree = Any
TINY = 1e-8


def weights(start: str) -> Tree:
    """The encoder's and the decoder's layers."""
    encoder, decoder = work.weights(start)
    return jax.tree.map(jnp.asarray, {"encoder": encoder, "decoder": decoder})


def net(layers: Tree, given: jax.Array) -> jax.Array:
    for weight, bias in layers[:-1]:
        given = jnp.tanh(given @ weight.T + bias)
    weight, bias = layers[-1]
    return given @ weight.T + bias


def log_w(
    decoder: Tree, mean: jax.Array, log_sigma: jax.Array, x: jax.Array, key: jax.Array, K: int
) -> jax.Array:
    """K log-weights for each datum, (K, B); the constants of log p(z) and log q cancel."""
    eps = jax.random.normal(key, (K, *mean.shape))
    z = mean + jnp.exp(log_sigma) * eps
    logits = net(decoder, z.reshape(-1, work.Z)).reshape(K, -1, work.X)
    log_p_x = (x * logits - jax.nn.softplus(logits)).sum(-1)
    return log_p_x + 0.5 * (eps**2 - z**2).sum(-1) + log_sigma.sum(-1)


def loss(params: Tree, x: jax.Array, key: jax.Array, K: int) -> jax.Array:
    """Minus the importance-weighted bound, averaged over the batch."""
    mean, log_sigma = jnp.split(net(params["encoder"], x), 2, axis=-1)
    log_weights = log_w(params["decoder"], mean, log_sigma, x, key, K)
    return (jnp.log(K) - jax.nn.logsumexp(log_weights, axis=0)).mean()


def begin(start: str) -> Tree:
    """Weights, Adam's two moments, the number of steps, and a key."""
    params = weights(start)
    zeros = jax.tree.map(jnp.zeros_like, params)
    return params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros(()), jax.random.key(0)


def step(state: Tree, x: jax.Array, K: int) -> tuple[Tree, jax.Array]:
    """One step of Adam on the bound."""
    params, first, second, t, key = state
    key, noise = jax.random.split(key)
    value, grads = jax.value_and_grad(loss)(params, x, noise, K)
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, grads)
    lr = work.LR * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = jax.tree.map(lambda p, m, v: p - lr * m / (jnp.sqrt(v) + TINY), params, first, second)
    return (params, first, second, t, key), value


def indices(n: int, batch_size: int) -> Iterator[np.ndarray]:
    """The rows of shuffled mini-batches, without end."""
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(n)
        yield from (order[i : i + batch_size] for i in range(0, n, batch_size))
