"""Matrix products for gradients written by hand: those of oneDNN, a part of torch, where they are faster.

torch leaves single-precision products to MKL, which on many processors uses half the width of their vectors. oneDNN
uses all of it, and computes tanh while it is at it. autograd does not see what is done here.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["product"]

_FEW = 2**20  # multiplications, among which a call of oneDNN costs more than it saves
# What torch itself takes for compiled models; where it is missing, nothing is lost but time.
_linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def product(a: Tensor, b: Tensor, bias: Tensor | None = None, tanh: bool = False) -> Tensor:
    """The product a b, with a bias added to each row, and then its tanh, if these are asked for.

    Args:
        a: shape ``(M, N)``.
        b: shape ``(N, L)``.
        bias: shape ``(L,)``.
        tanh: whether the result is what tanh makes of it.

    Returns:
        shape ``(M, L)``.
    """
    if _linear is not None and torch.backends.mkldnn.enabled and _fits(a, b):
        aligned = None if bias is None else bias.contiguous()
        by_onednn: Tensor = _linear(a, b.mT, aligned, "tanh" if tanh else "none", [], "")
        return by_onednn
    out = torch.mm(a, b) if bias is None else torch.addmm(bias, a, b)
    return out.tanh_() if tanh else out


def _fits(a: Tensor, b: Tensor) -> bool:
    return a.dtype == torch.float32 and a.device.type == "cpu" and a.numel() * b.shape[1] >= _FEW
