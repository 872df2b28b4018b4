"""The distributions that encoders and decoders return: torch's own, in fewer passes, and plain about what is wrong.

Each is a ``torch.distributions.Distribution`` like any other, held against torch's in value and gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from vaelib.kernels import Mlp, bernoulli_log_prob

__all__: list[str] = []

_LOG_2_PI = math.log(2 * math.pi)


class _DiagonalGaussian(Independent):  # type: ignore[type-arg]
    """N(z; mu, diag sigma²): what torch computes, in fewer passes over the samples."""

    def __init__(self, mean: Tensor, log_sigma: Tensor) -> None:
        super().__init__(Normal(mean, log_sigma.exp(), validate_args=False), 1)
        self.log_sigma = log_sigma

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> _DiagonalGaussian:
        shape = (*batch_shape, *self.event_shape)
        return _DiagonalGaussian(self.mean.expand(shape), self.log_sigma.expand(shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.mean.dtype, device=self.mean.device)
        return torch.addcmul(self.mean, self.base_dist.scale, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.mean, "z")
        noise = (value - self.mean) / self.base_dist.scale
        return -0.5 * value.shape[-1] * _LOG_2_PI - torch.addcmul(
            self.log_sigma, noise, noise, value=0.5
        ).sum(-1)


class _IsotropicGaussian(Independent):  # type: ignore[type-arg]
    """N(x; f(z), sigma² I), with one number for all dimensions: one pass over the residuals."""

    def __init__(self, mean: Tensor, log_sigma: Tensor) -> None:
        super().__init__(Normal(mean, log_sigma.exp(), validate_args=False), 1)
        self.log_sigma = log_sigma

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> _IsotropicGaussian:
        return _IsotropicGaussian(self.mean.expand(*batch_shape, *self.event_shape), self.log_sigma)

    def log_prob(self, value: Tensor) -> Tensor:
        _check_value(self, value, self.mean, "x")
        if value.dtype not in (self.mean.dtype, self.log_sigma.dtype):
            raise TypeError(f"x must be {self.mean.dtype} for this likelihood; got {value.dtype}")
        _check_finite(value)
        residual = (value - self.mean) * (-self.log_sigma).exp()
        return -0.5 * residual.square().sum(-1) - value.shape[-1] * (
            self.log_sigma + 0.5 * _LOG_2_PI
        )


class _BinaryPixels(Independent):  # type: ignore[type-arg]
    """Independent Bernoulli pixels, in one pass over the logits; it says what is wrong with grey ones."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(Bernoulli(logits=logits, validate_args=False), 1)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> _BinaryPixels:
        return _BinaryPixels(self.base_dist.logits.expand(*batch_shape, *self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return bernoulli_log_prob(self.base_dist.logits, self._sign(value, self.base_dist.logits))

    def _sign(self, value: Tensor, like: Tensor) -> Tensor:
        _check_value(self, value, like, "x")
        value = value.to(like.dtype)
        if (
            torch.addcmul(value, value, value, value=-1).abs_().sum().item() != 0
        ):  # x - x² is zero for 0 and 1 only
            grey = value[(value != 0) & (value != 1)][0].item()
            raise ValueError(
                f"x must hold binary pixels, 0 or 1, for a Bernoulli likelihood; got the grey value {grey:.4g}. "
                "Binarise x (torch.bernoulli(x)) or use a GaussianDecoder"
            )
        return 2 * value - 1


class _StreamedPixels(_BinaryPixels):
    """The same for many latents: the logits, far more numbers than the latents, are made when they are asked for."""

    def __init__(self, net: Mlp, z: Tensor, data_dim: int) -> None:
        Distribution.__init__(self, z.shape[:-1], torch.Size([data_dim]))
        self.reinterpreted_batch_ndims = 1
        self._net, self._z, self._versions = net, z, self._versions_of(net)

    @staticmethod
    def _versions_of(net: Mlp) -> list[int]:
        return [
            0 if parameter.is_inference() else parameter._version for parameter in net.parameters()
        ]

    def _as_it_was(self) -> Mlp:
        if self._versions_of(self._net) != self._versions:
            raise RuntimeError(
                "the decoder's parameters have changed since it was called; call it again"
            )
        return self._net

    @cached_property
    def base_dist(self) -> Bernoulli:
        return Bernoulli(
            logits=self._as_it_was()(self._z.flatten(0, -2)).unflatten(0, self.batch_shape)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        sign = self._sign(value, self._z)
        # Since the decoder was called somebody may have begun to listen to it, or to transform it.
        if sign.shape != self._z.shape[-2:-1] + self.event_shape or not self._net.streams(self._z):
            return bernoulli_log_prob(self.base_dist.logits, sign)
        return self._as_it_was().bernoulli_log_prob(self._z, sign)


class _Symbols(Categorical):
    """A Categorical that says what is wrong with symbols outside the alphabet."""

    def _validate_sample(self, value: Tensor) -> None:
        length, alphabet = self.logits.shape[-2:]
        _check_tensor(value, self.logits, "x")
        if value.shape[-1:] != (length,):
            raise ValueError(f"value must have shape (*, {length}); got {tuple(value.shape)}")
        outside = value[(value < 0) | (value >= alphabet) | (value % 1 != 0)]
        if outside.numel():
            raise ValueError(
                f"x must hold integers from 0 to {alphabet - 1}, the symbols of the alphabet; "
                f"got {outside.flatten()[0].item()}"
            )
        super()._validate_sample(value)


def _check_value(distribution: Distribution, value: Tensor, like: Tensor, name: str) -> None:
    """torch's own check of a value's shape; its check of every number is left to those who need it."""
    _check_tensor(value, like, name)
    event = distribution.event_shape
    fits = value.shape[-1:] == event
    for n, of in zip(reversed(value.shape[:-1]), reversed(distribution.batch_shape), strict=False):
        fits = fits and (n == of or 1 in (n, of))
    if not fits:
        batch = tuple(distribution.batch_shape)
        raise ValueError(
            f"value must have shape (*, {event[0]}), * fitting the batch {batch}; got {tuple(value.shape)}"
        )


def _check_tensor(value: Tensor, like: Tensor, name: str) -> None:
    if not isinstance(value, Tensor) or value.is_complex():
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a tensor of real numbers; got {got}")
    if value.device != like.device:
        raise TypeError(f"{name} must be on {like.device}; got one on {value.device}")


def _check_finite(x: Tensor) -> None:
    # One pass, where isfinite takes several: a sum is finite only if all are. But it may overflow where all are.
    if x.is_floating_point() and not (
        x.is_meta or math.isfinite(x.sum().item()) or x.isfinite().all()
    ):
        raise ValueError("x must be finite; it holds an infinity or not-a-number")
