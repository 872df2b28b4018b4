"""NumPyro: SVI with RenyiELBO(alpha=0), ten updates in one jitted lax.scan, everything else as it comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import work
from numpyro.infer import SVI, RenyiELBO
from numpyro.optim import Adam

from contenders import _jax

LENGTH = 10


def layers(name: str, start: _jax.Tree) -> _jax.Tree:
    """A net's weights as parameters of NumPyro."""
    return [
        (numpyro.param(f"{name}.{i}.weight", weight), numpyro.param(f"{name}.{i}.bias", bias))
        for i, (weight, bias) in enumerate(start)
    ]


def prepare(batch_size: int, K: int) -> Callable[[int], None]:
    x, start = jnp.asarray(work.images()[0]), _jax.weights()
    batches = _jax.indices(len(x), batch_size)

    def model(x: jax.Array) -> None:
        decoder = layers("decoder", start["decoder"])
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(work.Z), jnp.ones(work.Z)).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=_jax.net(decoder, z)).to_event(1), obs=x)

    def guide(x: jax.Array) -> None:
        encoder = layers("encoder", start["encoder"])
        with numpyro.plate("data", len(x)):
            mean, log_sigma = jnp.split(_jax.net(encoder, x), 2, axis=-1)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_sigma)).to_event(1))

    svi = SVI(model, guide, Adam(work.LR), RenyiELBO(alpha=0, num_particles=K))
    state = svi.init(jax.random.key(0), x[:batch_size])

    @partial(jax.jit, donate_argnums=0)
    def scan(state: _jax.Tree, x: jax.Array, rows: jax.Array) -> tuple[_jax.Tree, jax.Array]:
        return jax.lax.scan(lambda state, rows: svi.update(state, x[rows]), state, rows)

    def run(steps: int) -> None:
        nonlocal state
        assert steps % LENGTH == 0
        for _ in range(steps // LENGTH):
            state, _losses = scan(state, x, np.stack(list(islice(batches, LENGTH))))
        jax.block_until_ready(state)

    return run
