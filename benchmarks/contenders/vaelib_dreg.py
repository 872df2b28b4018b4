"""vaelib: fit with the doubly reparameterised gradient."""

from functools import partial

from contenders.vaelib_fit import prepare_bound
from vaelib.iwae import iwae_dreg

prepare = partial(prepare_bound, iwae_dreg)
