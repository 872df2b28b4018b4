"""vaelib: fit with ten samples in memory at a time."""

from functools import partial

from contenders.vaelib_fit import prepare_bound
from vaelib.iwae import iwae

prepare = partial(prepare_bound, partial(iwae, chunk=10))
