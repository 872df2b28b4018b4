"""vaelib: fit with the bound under torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch

from contenders import vaelib_fit


def prepare(batch_size: int, K: int) -> Callable[[str, int], float]:
    torch.compiler.reset()  # torch keeps only some programs of one function
    return vaelib_fit.prepare(batch_size, K, compile=True)
