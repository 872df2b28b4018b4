"""The distributions that priors, encoders and decoders return, each with its density as a formula.

Chapter 2 of *Bounding the Evidence*. Each is a ``torch.distributions.Distribution`` with torch's
own values and gradients. Called by you, a density looks at the values that it is given. Inside a
bound it only computes, because the bound has looked at its data before.

A log-density is computed in single precision at least, also where the parameters and the draws are
in half precision: a sum over hundreds of pixels would be off by nats there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Normal,
    constraints,
    kl_divergence,
    register_kl,
)
from torch.nn.functional import logsigmoid

from vaelib._validate import (
    HALF,
    check_dense,
    check_finite,
    check_like,
    describe,
    describe_shape,
    looks_at_values,
    widen,
)

__all__ = [
    "BinaryPixels",
    "DiagonalGaussian",
    "IsotropicGaussian",
    "StandardGaussian",
    "Symbols",
    "check_pixels",
    "check_symbols",
]

LOG_2_PI = math.log(2 * math.pi)


class _OneEvent(Independent):  # type: ignore[type-arg]
    """torch's ``Independent`` of a base distribution that is made only when somebody asks for it.

    Mean, entropy, divergences and the like come from there. A step of training asks only for draws
    and densities, which the formulas below give.
    """

    reinterpreted_batch_ndims = 1

    def __init__(self, batch_shape: torch.Size, event_shape: torch.Size) -> None:
        Distribution.__init__(self, batch_shape, event_shape, validate_args=False)

    @property
    def base_dist(self) -> Distribution:
        """The distribution of each entry by itself, one of torch's."""
        raise NotImplementedError


class StandardGaussian(_OneEvent):
    r"""The standard Gaussian, :math:`\mathcal{N}(z; 0, I)`.

    .. math:: \log p(z) = -\tfrac{1}{2} \sum_i (z_i^2 + \log 2\pi)

    Args:
        zero: its mean, zeros of shape ``(*, Z)``; they fix the device and the precision.
    """

    support = constraints.real_vector

    def __init__(self, zero: Tensor) -> None:
        super().__init__(zero.shape[:-1], zero.shape[-1:])
        self.zero = zero

    @property
    def base_dist(self) -> Normal:
        return Normal(self.zero, torch.ones_like(self.zero), validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> StandardGaussian:
        return StandardGaussian(self.zero.expand(*batch_shape, *self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        _check_kind(value, "z")
        if value.shape[-1:] != self.event_shape:
            raise ValueError(f"z must have shape (*, {self.event_shape[0]}); got {describe(value)}")
        return -0.5 * (widen(value).square().sum(-1) + LOG_2_PI * value.shape[-1])


class DiagonalGaussian(_OneEvent):
    r"""Independent Gaussian entries, :math:`\mathcal{N}(z; \mu, \operatorname{diag} \sigma^2)`.

    .. math::
        \log q(z) = -\tfrac{1}{2} \sum_i (\varepsilon_i^2 + 2 \log \sigma_i + \log 2\pi),
        \qquad \varepsilon_i = (z_i - \mu_i) / \sigma_i

    Args:
        mean: :math:`\mu`, shape ``(*, Z)``.
        log_sigma: :math:`\log \sigma`, shape ``(*, Z)``.

    Raises:
        ValueError: they are of two shapes.
    """

    has_rsample = True
    support = constraints.real_vector

    def __init__(self, mean: Tensor, log_sigma: Tensor) -> None:
        if mean.ndim == 0 or mean.shape != log_sigma.shape:
            raise ValueError(
                "mean and log_sigma must have one shape (*, Z); "
                f"got {describe(mean)}, {describe(log_sigma)}"
            )
        super().__init__(mean.shape[:-1], mean.shape[-1:])
        self.mu = mean
        self.log_sigma = log_sigma
        self.sigma = log_sigma.exp()

    @property
    def base_dist(self) -> Normal:
        return Normal(self.mu, self.sigma, validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> DiagonalGaussian:
        shape = (*batch_shape, *self.event_shape)
        return DiagonalGaussian(self.mu.expand(shape), self.log_sigma.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.mu.dtype, device=self.mu.device)
        return torch.addcmul(self.mu, self.sigma, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.mu, "z")
        if self.mu.dtype in HALF:
            wide = DiagonalGaussian(widen(self.mu), widen(self.log_sigma))
            return wide.log_prob(widen(value))
        noise = (value - self.mu) / self.sigma
        # One pass: addcmul is log σ + ½ ε².
        terms = torch.addcmul(self.log_sigma, noise, noise, value=0.5)
        return -0.5 * LOG_2_PI * value.shape[-1] - terms.sum(-1)


class IsotropicGaussian(_OneEvent):
    r"""Gaussian entries of one standard deviation, :math:`\mathcal{N}(x; \mu, \sigma^2 I)`.

    .. math:: \log p(x) = -\frac{\|x - \mu\|^2}{2 \sigma^2} - X \log \sigma - \frac{X}{2} \log 2\pi

    Args:
        mean: :math:`\mu`, shape ``(*, X)``.
        log_sigma: :math:`\log \sigma`, shape ``()``.

    Raises:
        ValueError: another shape.
    """

    support = constraints.real_vector

    def __init__(self, mean: Tensor, log_sigma: Tensor) -> None:
        if log_sigma.ndim:
            raise ValueError(f"log_sigma must have shape (); got {describe(log_sigma)}")
        super().__init__(mean.shape[:-1], mean.shape[-1:])
        self.mu = mean
        self.log_sigma = log_sigma

    @property
    def base_dist(self) -> Normal:
        return Normal(self.mu, self.log_sigma.exp(), validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> IsotropicGaussian:
        return IsotropicGaussian(self.mu.expand(*batch_shape, *self.event_shape), self.log_sigma)

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.mu, "x")
        if value.dtype != self.mu.dtype:
            check_like(value, self.log_sigma, "x")
        check_finite(value, "x")
        if self.mu.dtype in HALF:
            wide = IsotropicGaussian(widen(self.mu), widen(self.log_sigma))
            return wide.log_prob(widen(value))
        residual = (value - self.mu) * (-self.log_sigma).exp()
        log_scale = value.shape[-1] * (self.log_sigma + 0.5 * LOG_2_PI)
        return -0.5 * residual.square().sum(-1) - log_scale


class BinaryPixels(_OneEvent):
    r"""Independent pixels that are 0 or 1: Bernoulli variables, given by their logits.

    .. math:: \log p(x) = \sum_i \log \operatorname{sigmoid}(s_i \ell_i), \qquad s_i = 2 x_i - 1

    This is minus the binary cross-entropy. It subtracts nothing, so a decoder that is sure and
    right keeps every digit.

    Args:
        logits: :math:`\ell`, shape ``(*, X)``.
    """

    support = constraints.independent(constraints.boolean, 1)

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits.shape[:-1], logits.shape[-1:])
        self.logits = logits

    @property
    def base_dist(self) -> Bernoulli:
        return Bernoulli(logits=self.logits, validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> BinaryPixels:
        return BinaryPixels(self.logits.expand(*batch_shape, *self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.logits, "x")
        check_pixels(value)
        logits = widen(self.logits)
        sign = 2 * value.to(logits.dtype) - 1
        return logsigmoid(logits * sign).sum(-1)


class Symbols(_OneEvent):
    r"""Independent symbols of an alphabet, one for each position, given by their logits.

    .. math:: \log p(x) = \sum_i \log \operatorname{softmax}(\ell_i)_{x_i}

    Args:
        logits: :math:`\ell`, shape ``(*, length, alphabet)``.
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits.shape[:-2], logits.shape[-2:-1])
        self.logits = logits

    @property
    def support(self) -> constraints.Constraint:
        return constraints.independent(
            constraints.integer_interval(0, self.logits.shape[-1] - 1), 1
        )

    @property
    def base_dist(self) -> Categorical:
        return Categorical(logits=self.logits, validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Symbols:
        return Symbols(self.logits.expand(*batch_shape, *self.logits.shape[-2:]))

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.logits, "x")
        check_symbols(value, self.logits.shape[-1])
        each = Categorical(logits=widen(self.logits), validate_args=False)
        log_p: Tensor = each.log_prob(value)
        return log_p.sum(-1)


def _kl_gaussians(p: DiagonalGaussian, q: DiagonalGaussian | StandardGaussian) -> Tensor:
    """torch's own, in single precision at least."""
    p_each, q_each = (
        Normal(widen(each.loc), widen(each.scale), validate_args=False)
        for each in (p.base_dist, q.base_dist)
    )
    return kl_divergence(p_each, q_each).sum(-1)


register_kl(DiagonalGaussian, DiagonalGaussian)(_kl_gaussians)
register_kl(DiagonalGaussian, StandardGaussian)(_kl_gaussians)


def check_pixels(x: Tensor) -> None:
    """Pixels that are 0 or 1.

    Args:
        x: the pixels, any shape.

    Raises:
        ValueError: one of them is neither 0 nor 1.
    """
    _check_kind(x, "x")
    if x.dtype == torch.bool or x.is_meta or not looks_at_values():
        return
    grey = x[(x != 0) & (x != 1)]
    if grey.numel():
        raise ValueError(
            f"x must hold binary pixels, 0 or 1, for a Bernoulli likelihood; got the grey value "
            f"{grey[0].item():.4g}. Binarise x (torch.bernoulli(x)) or use a GaussianDecoder"
        )


def check_symbols(x: Tensor, alphabet: int) -> None:
    """Symbols of an alphabet.

    Args:
        x: the symbols, any shape.
        alphabet: how many symbols there are.

    Raises:
        ValueError: one of them is no integer from 0 to ``alphabet - 1``.
    """
    _check_kind(x, "x")
    if x.is_meta or not looks_at_values():
        return
    outside = x[(x < 0) | (x >= alphabet) | (x % 1 != 0)]
    if outside.numel():
        raise ValueError(
            f"x must hold integers from 0 to {alphabet - 1}, the symbols of the alphabet; "
            f"got {outside[0].item()}"
        )


def _check_kind(value: Any, name: str) -> None:
    if not isinstance(value, Tensor) or value.is_complex():
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of real numbers; got {got}")
    if value.is_nested or value.layout != torch.strided:
        check_dense(value, name)


def _check_value(p: Distribution, value: Any, like: Tensor, name: str) -> None:
    """What a density is asked of: its kind, device and shape. No number is looked at."""
    _check_kind(value, name)
    if value.device != like.device:
        raise TypeError(f"{name} must be on {like.device}; got one on {value.device}")
    event, batch = p.event_shape, p.batch_shape
    of_value = value.shape[: max(value.ndim - len(event), 0)]
    pairs = zip(reversed(of_value), reversed(batch), strict=False)
    if value.shape[len(of_value) :] != event or any(
        n != of and 1 not in (n, of) for n, of in pairs
    ):
        shape = describe_shape("*", *event)
        raise ValueError(
            f"value must have shape {shape}, * fitting the batch {tuple(batch)}; "
            f"got {describe(value)}"
        )
