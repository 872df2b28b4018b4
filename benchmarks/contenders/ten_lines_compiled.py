"""The ten lines under torch.compile."""

from __future__ import annotations

from collections.abc import Callable

import torch

from contenders import ten_lines


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    torch.compiler.reset()  # torch keeps only some programs of one function
    return ten_lines.prepare(batch_size, K, torch.compile(ten_lines.loss, dynamic=False))
