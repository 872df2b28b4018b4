"""JAX: one step jitted by hand, called once for each mini-batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import work

from contenders import _jax

CHUNK = 100


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    x = jnp.asarray(work.images()[0])
    batches = _jax.indices(len(x), batch_size)

    @partial(jax.jit, donate_argnums=0)
    def step(state: _jax.Tree, x: jax.Array, rows: jax.Array) -> tuple[_jax.Tree, jax.Array]:
        return _jax.step(state, x[rows], K)

    def run(start: str, steps: int) -> None:
        state = _jax.begin(start)
        for _ in range(steps):
            state, _value = step(state, x, next(batches))
        jax.block_until_ready(state)

    return run


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    """The encoder once, then a scan over chunks of samples; K is a multiple of the chunk."""
    params, x = _jax.weights("trained"), jnp.asarray(work.images()[1])

    @jax.jit
    def log_p(params: _jax.Tree, x: jax.Array, key: jax.Array) -> jax.Array:
        mean, log_sigma = jnp.split(_jax.net(params["encoder"], x), 2, axis=-1)

        def add(log_sum: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
            log_w = _jax.log_w(params["decoder"], mean, log_sigma, x, key, CHUNK)
            return jnp.logaddexp(log_sum, jax.nn.logsumexp(log_w, axis=0)), None

        keys = jax.random.split(key, K // CHUNK)
        log_sum, _ = jax.lax.scan(add, jnp.full(len(x), -jnp.inf), keys)
        return (log_sum - jnp.log(K)).mean()

    return lambda: float(log_p(params, x, jax.random.key(0)))
