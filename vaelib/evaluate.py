"""Honest evaluation: log p(x) of a trained model, and what its latents do."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from vaelib.elbo import Encoder, Model, _proxy, log_weights
from vaelib.iwae import _sizes
from vaelib.latent import _positive_int

__all__ = ["active_units", "interpolate", "log_likelihood", "reconstruct"]


@torch.no_grad()
def log_likelihood(
    model: Model, q: Encoder, x: Tensor, K: int = 5000, chunk: int = 100, return_se: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Estimate log p(x) by importance sampling from q, in memory that does not grow with K.

    .. math:: \log \hat p(x) = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p_\theta(x, z_k)}{q_\phi(z_k \mid x)}

    Its expectation is the bound :math:`\mathcal{L}_K(x) \le \log p_\theta(x)`. The standard error is that of the
    delta method; it means something only where the weights have a finite variance, and it does not include the
    bias, about half its square. Equation :eq:`eq-log-likelihood`.

    Args:
        model: the joint, p(x, z).
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum, exactly.
        chunk: how many samples are in memory at a time.
        return_se: whether the standard error is returned too; then K must be at least 2.

    Returns:
        shape ``(B,)``, in nats; with ``return_se`` a pair of such tensors.

    Raises:
        ValueError: K or chunk is not a positive integer, K = 1 with ``return_se``, or x does not fit.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5; Wu et al. (2017).
    """
    if return_se and K == 1:
        raise ValueError("K must be at least 2 for a standard error; got 1")
    q_z = _proxy(q, x)
    log_sum = log_sum_of_squares = torch.tensor(-math.inf)
    for size in _sizes(K, chunk):
        log_w = log_weights(model, lambda _: q_z, x, size)
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, 0))
        log_sum_of_squares = torch.logaddexp(log_sum_of_squares, torch.logsumexp(2 * log_w, 0))
    log_p = log_sum - math.log(K)
    if not return_se:
        return log_p
    # K Σw²/(Σw)² - 1 is the relative variance of one weight (up to K/(K - 1)); one over ESS/K minus one.
    relative_variance = ((log_sum_of_squares - 2 * log_sum).exp() * K - 1).clamp(min=0)
    return log_p, (relative_variance / (K - 1)).sqrt()


@torch.no_grad()
def active_units(q: Encoder, x: Tensor, threshold: float = 0.01) -> int:
    r"""How many latent dimensions carry information about x.

    .. math:: \#\left\{ i : \operatorname{Var}_x\left( \mathbb{E}_{q_\phi(z \mid x)}[z_i] \right)
        > \text{threshold} \right\}

    Equation :eq:`eq-active-units`.

    Args:
        q: the encoder.
        x: data, shape ``(B, X)``, at least two of them.
        threshold: the variance (over the data, divided by B - 1) above which a unit counts.

    Returns:
        the number of active units, from 0 to Z.

    Raises:
        ValueError: fewer than two data, or x does not fit q.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5.2.
    """
    mean: Tensor = _proxy(q, x).mean
    if mean.shape[0] < 2:
        raise ValueError(f"x must hold at least two data; got {tuple(x.shape)}")
    return int((mean.var(0) > threshold).sum())


@torch.no_grad()
def reconstruct(model: Any, q: Encoder, x: Tensor) -> Tensor:
    r"""The decoder's mean at the encoder's mean: :math:`\mathbb{E}[x \mid z = \mu_\phi(x)]`.

    Equation :eq:`eq-reconstruct`.

    Args:
        model: a model with a ``decoder``.
        q: the encoder.
        x: data, shape ``(B, X)``.

    Returns:
        shape ``(B, X)``.

    Raises:
        ValueError: x does not fit the model or q.
        TypeError: q does not return a distribution.
    """
    mean: Tensor = model.decoder(_proxy(q, x).mean).mean
    return mean


@torch.no_grad()
def interpolate(model: Any, q: Encoder, x_from: Tensor, x_to: Tensor, n: int) -> Tensor:
    r"""The decoder's means along the straight line between two data's codes.

    .. math:: \mathbb{E}\left[x \mid z = (1 - t)\,\mu_\phi(x_\text{from}) + t\,\mu_\phi(x_\text{to})\right],
        \qquad t = 0, \tfrac{1}{n - 1}, \dots, 1

    Equation :eq:`eq-interpolate`.

    Args:
        model: a model with a ``decoder``.
        q: the encoder.
        x_from: data, shape ``(B, X)``.
        x_to: data, shape ``(B, X)``.
        n: how many points on the line, ends included.

    Returns:
        shape ``(n, B, X)``.

    Raises:
        ValueError: the two shapes differ, n is not a positive integer, or the data do not fit.
        TypeError: q does not return a distribution.
    """
    if x_from.shape != x_to.shape:
        raise ValueError(f"x_from and x_to must have one shape; got {tuple(x_from.shape)}, {tuple(x_to.shape)}")
    start, end = _proxy(q, x_from).mean, _proxy(q, x_to).mean
    t = torch.linspace(0, 1, _positive_int(n, "n"), dtype=start.dtype, device=start.device)[:, None, None]
    mean: Tensor = model.decoder((1 - t) * start + t * end).mean
    return mean
