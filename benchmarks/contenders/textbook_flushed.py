"""The textbook loop with subnormal numbers flushed to zero, in the whole process."""

import torch

from contenders.textbook import prepare, prepare_log_likelihood

torch.set_flush_denormal(True)

__all__ = ["prepare", "prepare_log_likelihood"]
