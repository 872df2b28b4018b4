"""NumPyro: SVI with RenyiELBO(alpha=0), ten updates in one jitted lax.scan."""

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


def flat(weights: _jax.Tree) -> dict[str, jax.Array]:
    """The weights under the names that NumPyro's parameters have."""
    return {
        f"{net}.{i}.{j}": array
        for net, layers in weights.items()
        for i, layer in enumerate(layers)
        for j, array in enumerate(layer)
    }


def layers(net: str) -> _jax.Tree:
    """A net's layers as parameters of NumPyro, whose values are given when it is initialised."""
    return [(numpyro.param(f"{net}.{i}.0"), numpyro.param(f"{net}.{i}.1")) for i in range(3)]


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    x = jnp.asarray(work.images()[0])
    batches = _jax.indices(len(x), batch_size)

    def model(x: jax.Array) -> None:
        decoder = layers("decoder")
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(work.Z), jnp.ones(work.Z)).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=_jax.net(decoder, z)).to_event(1), obs=x)

    def guide(x: jax.Array) -> None:
        encoder = layers("encoder")
        with numpyro.plate("data", len(x)):
            mean, log_sigma = jnp.split(_jax.net(encoder, x), 2, axis=-1)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_sigma)).to_event(1))

    svi = SVI(model, guide, Adam(work.LR), RenyiELBO(alpha=0, num_particles=K))
    # Initialising traces the model, which is slow: it is done before the clock runs.
    states = {
        start: svi.init(jax.random.key(0), x[:batch_size], init_params=flat(_jax.weights(start)))
        for start in ("untrained", "trained")
    }

    @partial(jax.jit, donate_argnums=0)
    def scan(state: _jax.Tree, x: jax.Array, rows: jax.Array) -> tuple[_jax.Tree, jax.Array]:
        return jax.lax.scan(lambda state, rows: svi.update(state, x[rows]), state, rows)

    def run(start: str, steps: int) -> None:
        assert steps % LENGTH == 0
        state = jax.tree.map(jnp.copy, states[start])  # the scan takes its memory
        for _ in range(steps // LENGTH):
            state, _losses = scan(state, x, np.stack(list(islice(batches, LENGTH))))
        jax.block_until_ready(state)

    return run
