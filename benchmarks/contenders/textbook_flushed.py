"""The textbook loop with subnormal numbers flushed to zero, in the whole process."""

import torch

from contenders.textbook import prepare

torch.set_flush_denormal(True)

__all__ = ["prepare"]
