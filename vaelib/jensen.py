"""The logarithm of an average, and how far the average of logarithms lies below it.

Chapter 3 of *Bounding the Evidence*.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["jensen_gap", "log_mean_exp"]


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""The log of the mean of w, given log w, without overflow or underflow.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} w_k
        = \log w_\text{max} + \log \frac{1}{K} \sum_{k=1}^{K} \frac{w_k}{w_\text{max}}

    where each ratio is computed as the exponential of a difference of logarithms.

    Its gradient is the softmax of ``log_w``. Where every weight is zero (all ``-inf``) the value is ``-inf`` and
    the gradient zero. Equation :eq:`eq-log-mean-exp`.

    Args:
        log_w: logarithms of the weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape without ``dim``, in nats.

    Raises:
        ValueError: there is nothing to average along ``dim``.
    """
    _check_samples(log_w, dim)
    nothing = (log_w == -math.inf).all(dim, keepdim=True)
    # logsumexp's own gradient is 0/0 where all weights are zero, so it must not see those columns.
    log_sum = torch.logsumexp(log_w.masked_fill(nothing, 0.0), dim)
    return (log_sum - math.log(log_w.shape[dim])).masked_fill(nothing.squeeze(dim), -math.inf)


def jensen_gap(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""How far the mean of the logs lies below the log of the mean.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} w_k - \frac{1}{K} \sum_{k=1}^{K} \log w_k \;\ge\; 0

    It is zero only if all weights are equal, infinite if some but not all of them are zero, and not a number if all
    are. Equation :eq:`eq-jensen-gap`.

    Args:
        log_w: logarithms of the weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape without ``dim``, in nats.

    Raises:
        ValueError: there is nothing to average along ``dim``.

    Source: Jensen (1906).
    """
    return log_mean_exp(log_w, dim) - log_w.mean(dim)


def _check_samples(log_w: Tensor, dim: int) -> None:
    if log_w.ndim == 0 or not -log_w.ndim <= dim < log_w.ndim or log_w.shape[dim] == 0:
        raise ValueError(f"log_w must have at least one sample along dim {dim}; got shape {tuple(log_w.shape)}")
