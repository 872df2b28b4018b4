"""JAX: ten steps in one jitted lax.scan, so that Python is called once for ten steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import work

from contenders import _jax

LENGTH = 10


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    x = jnp.asarray(work.images()[0])
    batches = _jax.indices(len(x), batch_size)

    @partial(jax.jit, donate_argnums=0)
    def scan(state: _jax.Tree, x: jax.Array, rows: jax.Array) -> tuple[_jax.Tree, jax.Array]:
        return jax.lax.scan(lambda state, rows: _jax.step(state, x[rows], K), state, rows)

    def run(start: str, steps: int) -> None:
        assert steps % LENGTH == 0
        state = _jax.begin(start)
        for _ in range(steps // LENGTH):
            state, _values = scan(state, x, np.stack(list(islice(batches, LENGTH))))
        jax.block_until_ready(state)

    return run
