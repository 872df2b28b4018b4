"""The logarithm of an average, and how far the average of logarithms lies below it.

Chapter 3 of *Bounding the Evidence*.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaelib._validate import check_samples, widen

__all__ = ["jensen_gap", "log_mean_exp"]


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""The log of the mean of w, given log w, without overflow or underflow.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} w_k
        = \log w_\text{max} + \log \frac{1}{K} \sum_{k=1}^{K} \frac{w_k}{w_\text{max}}

    where each ratio is computed as the exponential of a difference of logarithms.

    Its gradient is the softmax of ``log_w``, in which a share below 1/K of the rounding unit (1e-7
    in float32, 2e-16 in float64) counts as zero: all of these together are less than one rounding
    of their sum. Where every weight is zero (all ``-inf``) the value is ``-inf`` and the gradient
    zero. Equation :eq:`eq-log-mean-exp`.

    Args:
        log_w: logarithms of the weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape without ``dim``, in nats.

    Raises:
        ValueError: there is nothing to average along ``dim``.
        TypeError: ``log_w`` is no tensor of floating point, or ``dim`` no integer.
    """
    check_samples(log_w, dim)
    log_w = widen(log_w)
    with torch.no_grad():
        log_share = log_w - torch.logsumexp(log_w, dim, keepdim=True)
        rounding = torch.finfo(log_w.dtype).eps / log_w.shape[dim]
        negligible = (log_w == -math.inf) | (log_share < math.log(rounding))
    # These weights keep their value and get no gradient. Behind one so small, float32 would compute
    # with subnormal numbers, which is slow; where all weights are zero, the softmax would be 0/0.
    log_w = torch.where(negligible, log_w.detach(), log_w)
    return torch.logsumexp(log_w, dim) - math.log(log_w.shape[dim])


def jensen_gap(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""How far the mean of the logs lies below the log of the mean.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} w_k - \frac{1}{K} \sum_{k=1}^{K} \log w_k \;\ge\; 0

    It is zero only if all weights are equal, infinite if some but not all of them are zero, and not
    a number if all are. Equation :eq:`eq-jensen-gap`.

    Args:
        log_w: logarithms of the weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape without ``dim``, in nats.

    Raises:
        ValueError: there is nothing to average along ``dim``.
        TypeError: ``log_w`` is no tensor of floating point, or ``dim`` no integer.

    Source: Jensen (1906).
    """
    return log_mean_exp(log_w, dim) - log_w.mean(dim)
