"""Judging a trained model: log p(x) by importance sampling, and what its latents do.

Chapter 6 of *Bounding the Evidence*.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaelib._validate import check_data, check_flag, check_integer, describe, quote
from vaelib.protocol import (
    Encoder,
    Model,
    checked_data,
    encode,
    get_likelihood,
    sample_log_weights,
    split_samples,
)

__all__ = [
    "active_units",
    "estimate_log_evidence",
    "estimate_standard_error",
    "interpolate",
    "log_likelihood",
    "reconstruct",
]


@torch.no_grad()
def log_likelihood(
    model: Model,
    q: Encoder,
    x: Tensor,
    K: int = 5000,
    chunk: int | None = None,
    return_se: bool = False,
    return_ess: bool = False,
) -> Tensor | tuple[Tensor, ...]:
    r"""Estimate log p(x) by importance sampling from q, in memory that does not grow with K.

    .. math:: \log \hat p(x)
        = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p_\theta(x, z_k)}{q_\phi(z_k \mid x)}

    Its expectation is the bound :math:`\mathcal{L}_K(x) \le \log p_\theta(x)`. The standard error
    is that of the delta method; it means something only where the weights have a finite variance,
    and it does not include the bias, about half its square. Equation :eq:`eq-log-likelihood`.

    The effective sample size says whether the standard error can be believed: how many equally
    weighted samples these K are worth, as :func:`vaelib.iwae.effective_sample_size` counts them.
    Where it is near 1, one sample makes the estimate: log p(x) is probably larger, by more than the
    error says. A large one is no proof. Where q never draws there are no weights that could tell.

    Args:
        model: the joint, p(x, z).
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum, exactly.
        chunk: how many samples are in memory at a time; None: as many as make some 2,000 pairs with
            the data.
        return_se: whether the standard error is returned too; then K must be at least 2.
        return_ess: whether the effective sample size is returned too, from 1 to K; it is not a
            number where all weights are zero.

    Returns:
        shape ``(B,)``, in nats; with ``return_se`` or ``return_ess`` a tuple of such tensors, in
        this order, the effective sample size a number of samples.

    Raises:
        ValueError: K or chunk is not a positive integer, K = 1 with ``return_se``, or x does not
            fit.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5; Wu et al. (2017).
    """
    check_flag(return_se, "return_se")
    check_integer(K, "K", least=2 if return_se else 1)
    check_flag(return_ess, "return_ess")
    with checked_data(model, x):
        log_p, se, ess = estimate_log_evidence(model, encode(q, x, model=model), x, K, chunk)
    asked = (log_p, *[se] * return_se, *[ess] * return_ess)
    return asked if len(asked) > 1 else log_p


@torch.no_grad()
def estimate_log_evidence(
    model: Model, q_z: Distribution, x: Tensor, K: int, chunk: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What :func:`log_likelihood` estimates, from a q(z | x) that is already made.

    Args:
        model: the joint, p(x, z).
        q_z: batch shape ``(B,)``.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time; None: some 2,000 pairs with the data.

    Returns:
        log p(x) and its standard error, in nats, and the effective sample size, all of shape
        ``(B,)``.
    """
    log_sum = log_sum_of_squares = torch.tensor(-math.inf)
    for size in split_samples(K, max(1, 2000 // len(x)) if chunk is None else chunk):
        log_w = sample_log_weights(model, q_z, x, size)
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, 0))
        log_sum_of_squares = torch.logaddexp(log_sum_of_squares, torch.logsumexp(2 * log_w, 0))
    se = estimate_standard_error(log_sum, log_sum_of_squares, K)
    # Rounding must not make K samples worth more than K.
    ess = (2 * log_sum - log_sum_of_squares).exp().clamp(1, K)
    return log_sum - math.log(K), se, ess


def estimate_standard_error(log_sum: Tensor, log_sum_of_squares: Tensor, K: int) -> Tensor:
    r"""The standard error of the log of a mean of K weights, by the delta method.

    .. math:: \sqrt{\frac{1}{K - 1} \left( K\, \frac{\sum_k w_k^2}{(\sum_k w_k)^2} - 1 \right)}

    Args:
        log_sum: :math:`\log \sum_k w_k`, any shape.
        log_sum_of_squares: :math:`\log \sum_k w_k^2`, the same shape.
        K: how many weights.

    Returns:
        that shape, in nats; not a number for K = 1.
    """
    if K == 1:
        return torch.full_like(log_sum, math.nan)
    # The relative variance of one weight, up to K/(K - 1). It is K/ESS - 1.
    relative_variance = ((log_sum_of_squares - 2 * log_sum).exp() * K - 1).clamp(min=0)
    return (relative_variance / (K - 1)).sqrt()


@torch.no_grad()
def active_units(q: Encoder, x: Tensor, threshold: float = 0.01) -> int:
    r"""How many latent dimensions carry information about x.

    .. math:: \#\left\{ i : \operatorname{Var}_x\left( \mathbb{E}_{q_\phi(z \mid x)}[z_i] \right)
        > \text{threshold} \right\}

    Equation :eq:`eq-active-units`.

    Args:
        q: the encoder.
        x: data, shape ``(B, X)``, at least two of them.
        threshold: the variance (over the data, divided by B - 1) above which a unit counts, at
            least 0.

    Returns:
        the number of active units, from 0 to Z.

    Raises:
        ValueError: fewer than two data, x does not fit q, or the threshold is not a finite number
            of at least 0.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5.2.
    """
    if (
        isinstance(threshold, bool)
        or not isinstance(threshold, Real)
        or not 0 <= threshold < math.inf
    ):
        raise ValueError(f"threshold must be a finite number, at least 0; got {quote(threshold)}")
    mean: Tensor = encode(q, check_data(x)).mean
    if mean.shape[0] < 2:
        raise ValueError(f"x must hold at least two data; got {tuple(x.shape)}")
    if not mean.isfinite().all():
        raise ValueError("q must return finite means; got an infinity or not-a-number")
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
        TypeError: the model has no decoder, the decoder or q does not return a distribution, or the
            decoder wants more than z.
    """
    z = encode(q, check_data(x)).mean
    return _decode(model, z, x.shape[:1])


@torch.no_grad()
def interpolate(model: Any, q: Encoder, x_from: Tensor, x_to: Tensor, n: int) -> Tensor:
    r"""The decoder's means along the straight line between two data's codes.

    .. math::
        \mathbb{E}[x \mid z = (1 - t)\,\mu_\phi(x_\text{from}) + t\,\mu_\phi(x_\text{to})],
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
        TypeError: the model has no decoder, the decoder or q does not return a distribution, or the
            decoder wants more than z.
    """
    check_data(x_from, "x_from")
    check_data(x_to, "x_to")
    check_integer(n, "n")
    if x_from.shape != x_to.shape:
        raise ValueError(
            f"x_from and x_to must have one shape; got {tuple(x_from.shape)}, {tuple(x_to.shape)}"
        )
    start, end = encode(q, x_from).mean, encode(q, x_to).mean
    t = torch.linspace(0, 1, n, dtype=start.dtype, device=start.device)
    t = t.reshape(n, *[1] * start.ndim)
    z = (1 - t) * start + t * end
    return _decode(model, z, z.shape[:2])


def _decode(model: Any, z: Tensor, batch: torch.Size) -> Tensor:
    """The mean of what the decoder makes of z, and of nothing else."""
    try:
        p_x = get_likelihood(model, z, batch)
    except (TypeError, ValueError) as error:
        # What vaelib's decoders say of another z, and Python of an argument that is missing.
        if str(error).startswith("z ") or "required positional argument" in str(error):
            raise TypeError(
                f"model.decoder must take what q draws, shape {tuple(z.shape)}, and nothing else: "
                f"{error}. A decoder that takes a label too is to be called by you: "
                "model.decoder(...).mean at q(x).mean"
            ) from error
        raise
    mean: Tensor = p_x.mean
    if not mean.is_meta and mean.isnan().all():  # as torch has it for a distribution without a mean
        raise TypeError(f"decoder must return a distribution with a mean; got {describe(p_x)}")
    return mean
