"""vaelib on a GPU: the same calls as in vaelib_fit, model and data on the card."""

from __future__ import annotations

from collections.abc import Callable

import torch

from contenders.vaelib_fit import prepare_bound
from vaelib.elbo import elbo
from vaelib.iwae import iwae


def prepare(batch_size: int, K: int) -> Callable[[int], None]:
    fit_on_card = prepare_bound(elbo if K == 1 else iwae, batch_size, K, device="cuda")

    def run(steps: int) -> None:
        fit_on_card(steps)
        torch.cuda.synchronize()

    return run
