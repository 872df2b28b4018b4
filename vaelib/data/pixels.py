"""Grey images as binary ones: a new draw of the pixels for each epoch of a training."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from vaelib._validate import check_dense, check_integer, check_seed

__all__ = ["FreshPixels"]


class FreshPixels:
    r"""Binary pixels, drawn anew for each epoch of ``fit``: a grey value is the probability of a 1.

    .. math:: x_{ni}^{(\text{epoch})} \sim \operatorname{Bernoulli}(p_{ni})

    The draw depends on the seed, the epoch and the shape only, not on what was drawn before. So a
    training that goes on from a checkpoint sees what it would have seen, and several processes
    see the same.

    Args:
        p: grey values, shape ``(N, X)``, in [0, 1].
        seed: of the draws; torch's global generator is not touched.

    Raises:
        ValueError: p is no floating-point tensor of that shape, or has values outside [0, 1].
        TypeError: the seed is no integer.

    Source: Burda et al. (2016), section 5.
    """

    def __init__(self, p: Tensor, seed: int = 0) -> None:
        if not isinstance(p, Tensor) or p.ndim < 2 or not p.is_floating_point():
            got = f"{tuple(p.shape)} of {p.dtype}" if isinstance(p, Tensor) else type(p).__name__
            raise ValueError(f"p must be a floating-point tensor of shape (N, X); got {got}")
        check_dense(p, "p")
        if not ((p >= 0) & (p <= 1)).all():
            low, high = p.min().item(), p.max().item()
            raise ValueError(f"p must hold grey values in [0, 1]; got {low:g} to {high:g}")
        check_seed(seed)
        self.p, self.seed = p, seed

    def __call__(self, epoch: int) -> Tensor:
        """The pixels of an epoch.

        Args:
            epoch: which, from 0.

        Returns:
            shape ``(N, X)`` and type of the grey values, each pixel 0 or 1.

        Raises:
            ValueError: the epoch is no integer of at least 0.
        """
        check_integer(epoch, "epoch", least=0)
        key = hashlib.sha256(f"{self.seed} {epoch} {tuple(self.p.shape)}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "big"))
        # The draw is made on the CPU, so that it is the same for data on another device.
        uniform = torch.rand(self.p.shape, generator=generator)
        return (uniform.to(self.p.device) < self.p).to(self.p.dtype)
