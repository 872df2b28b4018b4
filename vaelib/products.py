"""Matrix products for gradients written by hand: those of oneDNN, a part of torch, where they are faster.

torch leaves single-precision products to MKL, which on many processors uses half the width of their vectors. oneDNN
uses all of it, and computes tanh while it is at it. autograd does not see what is done here.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["product", "weight_gradient"]

_FEW = 2**21  # multiplications, among which a call of oneDNN costs more than it saves
# What torch itself takes for compiled models; where it is missing, nothing is lost but time.
_linear = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if torch.backends.mkldnn.is_available()
    else None
)


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
    few = _FEW // 4 if tanh else _FEW  # torch's own tanh is slow
    if a.numel() * b.shape[1] >= few and _linear is not None and _fits(a):
        aligned = None if bias is None else bias.contiguous()
        # Of a right factor that has gaps in memory, a part of a wider one, oneDNN would make number after number.
        dense = b if b.is_contiguous() or b.mT.is_contiguous() else b.contiguous()
        by_onednn: Tensor = _linear(a, dense.mT, aligned, "tanh" if tanh else "none", [], "")
        return by_onednn
    out = torch.mm(a, b) if bias is None else torch.addmm(bias, a, b)
    return out.tanh_() if tanh else out


def weight_gradient(grad: Tensor, given: Tensor) -> Tensor:
    """The gradient of a layer's weight, the product grad' given.

    oneDNN first copies a transposed left factor, at length. Where a layer widens, it may be quicker to copy the other
    one, and to turn the result over.

    Args:
        grad: of the layer's outputs, shape ``(M, N_out)``.
        given: the layer's inputs, shape ``(M, N_in)``.

    Returns:
        shape ``(N_out, N_in)``.
    """
    (rows, n_out), n_in = grad.shape, given.shape[1]
    if rows * n_in + n_out * n_in < rows * n_out:
        return product(given.mT, grad).mT
    return product(grad.mT, given)


def _fits(a: Tensor) -> bool:
    return (
        a.dtype == torch.float32 and a.device.type == "cpu" and bool(torch.backends.mkldnn.enabled)
    )
