"""The card's floor: the matrix products of one step on the GPU."""

from functools import partial

from contenders import floor

prepare = partial(floor.prepare, device="cuda")
