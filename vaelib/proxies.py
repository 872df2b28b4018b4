"""Conditional distributions made by networks: encoders q(z | x) and decoders p(x | z).

Chapter 2 of *Bounding the Evidence*. Each is a module that, called with what it is conditioned on,
returns a ``torch.distributions.Distribution``; the network inside predicts that distribution's
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from vaelib._validate import (
    HALF,
    check_finite,
    check_flag,
    check_integer,
    check_positive,
    describe,
    quote,
    widen,
)
from vaelib.densities import (
    BinaryPixels,
    DiagonalGaussian,
    IsotropicGaussian,
    Symbols,
    check_pixels,
    check_symbols,
)
from vaelib.protocol import call_network

__all__ = [
    "BernoulliDecoder",
    "CategoricalDecoder",
    "FreeGaussian",
    "GaussianDecoder",
    "GaussianEncoder",
]

Activation = Callable[[], nn.Module]


class GaussianEncoder(nn.Module):
    r"""An encoder whose answer is a Gaussian with independent entries.

    .. math:: q_\phi(z \mid x) = \mathcal{N}(z; \mu_\phi(x), \operatorname{diag} \sigma_\phi(x)^2)

    One network predicts the mean and the logarithm of the standard deviation. Equation
    :eq:`eq-gaussian-encoder`.

    Args:
        data_dim: X, the number of dimensions of a datum.
        latent_dim: Z, the number of latent dimensions.
        hidden: widths of the hidden layers; ``()`` makes the map linear.
        activation: the class of the non-linearity.
        net: a module of your own instead, from ``(B, X)`` to ``(B, 2 Z)``: first the means, then
            the log σ.

    Raises:
        ValueError: a dimension that is not a positive integer; x of another shape than ``(B, X)``,
            or not finite; a net whose output is not ``(B, 2 Z)``.
        TypeError: hidden, activation or net of another kind; x of another type or on another device
            than the parameters.

    Source: Kingma & Welling (2014), equation 9.
    """

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: Sequence[int] = (128, 128),
        activation: Activation = nn.Tanh,
        net: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.data_dim = check_integer(data_dim, "data_dim")
        self.latent_dim = check_integer(latent_dim, "latent_dim")
        self.net = _mlp(data_dim, hidden, 2 * latent_dim, activation) if net is None else _own(net)

    def forward(self, x: Tensor) -> DiagonalGaussian:
        if (
            not isinstance(x, Tensor)
            or x.ndim < 2
            or x.shape[-1] != self.data_dim
            or x.shape[0] == 0
        ):
            raise ValueError(f"x must have shape (B, {self.data_dim}); got {describe(x)}")
        check_finite(x, "x")
        mean, log_sigma = _output(self.net, x, 2 * self.latent_dim, "x").chunk(2, -1)
        return DiagonalGaussian(mean, log_sigma)


class FreeGaussian(nn.Module):
    r"""A Gaussian :math:`(\mu_n, \sigma_n)` of its own for each of N data: nothing is amortised.

    It must be called with all N data at once, in their order. Equation :eq:`eq-free-gaussian`.

    Args:
        num_data: N, the number of data.
        latent_dim: Z, the number of latent dimensions.

    Raises:
        ValueError: a number that is not a positive integer; x with another number of rows than N.

    Source: Jordan et al. (1999), section 6; Cremer et al. (2018), section 2.
    """

    def __init__(self, num_data: int, latent_dim: int) -> None:
        super().__init__()
        shape = (check_integer(num_data, "num_data"), check_integer(latent_dim, "latent_dim"))
        self.mean = nn.Parameter(torch.zeros(shape))
        self.log_sigma = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> DiagonalGaussian:
        if not isinstance(x, Tensor) or x.shape[:1] != self.mean.shape[:1]:
            raise ValueError(
                f"x must hold all {self.mean.shape[0]} data of this FreeGaussian, in their order "
                f"(batch_size=None in fit); got {describe(x)}"
            )
        return DiagonalGaussian(self.mean, self.log_sigma)


class GaussianDecoder(nn.Module):
    r"""A decoder :math:`p_\theta(x \mid z) = \mathcal{N}(x; f_\theta(z), \sigma_\mathrm{dec}^2 I)`.

    Equation :eq:`eq-gaussian-decoder`.

    Args:
        latent_dim: Z, the number of latent dimensions.
        data_dim: X, the number of dimensions of a datum.
        hidden: widths of the hidden layers; ``()`` makes f linear.
        activation: the class of the non-linearity.
        net: a module of your own for f instead, from ``(B, Z)`` to ``(B, X)``.
        sigma_dec: the standard deviation, one positive number for all dimensions.
        learn_sigma: whether its logarithm is a parameter; otherwise it stays fixed.

    Raises:
        ValueError: a dimension that is not a positive integer; a sigma_dec that is not positive; z
            of another shape than ``(*, Z)``; a net whose output is not ``(B, X)``.
        TypeError: sigma_dec, learn_sigma, hidden, activation or net of another kind; z of another
            type or on another device than the parameters.

    Source: Kingma & Welling (2014), appendix C.2.
    """

    log_sigma: Tensor

    def __init__(
        self,
        latent_dim: int,
        data_dim: int,
        hidden: Sequence[int] = (128, 128),
        activation: Activation = nn.Tanh,
        net: nn.Module | None = None,
        sigma_dec: float | Tensor = 1.0,
        learn_sigma: bool = False,
    ) -> None:
        super().__init__()
        self.latent_dim = check_integer(latent_dim, "latent_dim")
        self.data_dim = check_integer(data_dim, "data_dim")
        self.net = _mlp(latent_dim, hidden, data_dim, activation) if net is None else _own(net)
        check_flag(learn_sigma, "learn_sigma")
        sigma = check_positive(sigma_dec, "sigma_dec").to(torch.get_default_dtype())
        log_sigma = sigma.log()
        if learn_sigma:
            self.log_sigma = nn.Parameter(log_sigma)
        else:
            self.register_buffer("log_sigma", log_sigma)

    @property
    def sigma_dec(self) -> Tensor:
        """The standard deviation of the likelihood, a scalar tensor."""
        return self.log_sigma.exp()

    def forward(self, z: Tensor) -> IsotropicGaussian:
        _check_latent(z, self.latent_dim)
        return IsotropicGaussian(_output(self.net, z, self.data_dim, "z"), self.log_sigma)


class BernoulliDecoder(nn.Module):
    r"""A decoder for binary data.

    .. math:: p_\theta(x \mid z) = \prod_i \rho_i^{x_i} (1 - \rho_i)^{1 - x_i}

    The network predicts the logits of :math:`\rho = \rho_\theta(z)`. Grey pixels are refused: the
    Bernoulli is no density over [0, 1]. Equation :eq:`eq-bernoulli-decoder`.

    Args:
        latent_dim: Z, the number of latent dimensions.
        data_dim: X, the number of dimensions of a datum.
        hidden: widths of the hidden layers; ``()`` makes the logits linear in z.
        activation: the class of the non-linearity.
        net: a module of your own for the logits instead, from ``(B, Z)`` to ``(B, X)``.

    Raises:
        ValueError: a dimension that is not a positive integer; z of another shape than ``(*, Z)``;
            a net whose output is not ``(B, X)``; from ``log_prob``, an x with values other than 0
            and 1.
        TypeError: hidden, activation or net of another kind; z of another type or on another device
            than the parameters.

    Source: Kingma & Welling (2014), appendix C.1.
    """

    def __init__(
        self,
        latent_dim: int,
        data_dim: int,
        hidden: Sequence[int] = (128, 128),
        activation: Activation = nn.Tanh,
        net: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = check_integer(latent_dim, "latent_dim")
        self.data_dim = check_integer(data_dim, "data_dim")
        self.net = _mlp(latent_dim, hidden, data_dim, activation) if net is None else _own(net)

    def forward(self, z: Tensor) -> BinaryPixels:
        _check_latent(z, self.latent_dim)
        return BinaryPixels(_output(self.net, z, self.data_dim, "z"))

    def check_data(self, x: Tensor) -> None:
        """Refuse pixels that are neither 0 nor 1.

        Args:
            x: data, shape ``(B, X)``.

        Raises:
            ValueError: a pixel is grey.
        """
        check_pixels(x)


class CategoricalDecoder(nn.Module):
    r"""A decoder for sequences of symbols.

    .. math:: p_\theta(x \mid z) = \prod_{i=1}^{\text{length}} \rho_{i, x_i}(z)

    x is a tensor of integers, shape ``(B, length)``; given z its positions are independent.
    Equation :eq:`eq-categorical-decoder`.

    Args:
        latent_dim: Z, the number of latent dimensions.
        length: how many positions.
        alphabet: how many symbols; 4 for DNA.
        hidden: widths of the hidden layers; ``()`` makes the logits linear in z.
        activation: the class of the non-linearity.
        net: a module of your own for the logits instead, from ``(B, Z)`` to ``(B, length *
            alphabet)``.

    Raises:
        ValueError: a number that is not a positive integer; z of another shape than ``(*, Z)``; a
            net whose output does not fit; from ``log_prob``, a symbol outside the alphabet.
        TypeError: hidden, activation or net of another kind; z of another type or on another device
            than the parameters.
    """

    def __init__(
        self,
        latent_dim: int,
        length: int,
        alphabet: int,
        hidden: Sequence[int] = (128, 128),
        activation: Activation = nn.Tanh,
        net: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = check_integer(latent_dim, "latent_dim")
        self.length = check_integer(length, "length")
        self.alphabet = check_integer(alphabet, "alphabet")
        self.net = (
            _mlp(latent_dim, hidden, length * alphabet, activation) if net is None else _own(net)
        )

    def forward(self, z: Tensor) -> Symbols:
        _check_latent(z, self.latent_dim)
        logits = _output(self.net, z, self.length * self.alphabet, "z")
        return Symbols(logits.unflatten(-1, (self.length, self.alphabet)))

    def check_data(self, x: Tensor) -> None:
        """Refuse symbols outside the alphabet.

        Args:
            x: data, shape ``(B, length)``.

        Raises:
            ValueError: a symbol is no integer from 0 to ``alphabet - 1``.
        """
        check_symbols(x, self.alphabet)


def _mlp(n_in: int, hidden: Sequence[int], n_out: int, activation: Activation) -> nn.Sequential:
    if not isinstance(hidden, Iterable):
        raise TypeError(
            f"hidden must be the widths of the layers, such as (128, 128); got {quote(hidden)}"
        )
    widths = [n_in, *(check_integer(width, "hidden") for width in hidden), n_out]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), _layer(activation)]
    return nn.Sequential(*layers[:-1])


def _layer(activation: Activation) -> nn.Module:
    try:
        layer: Any = activation()
    except TypeError:
        layer = None
    if not isinstance(layer, nn.Module):
        raise TypeError(
            f"activation must be a class of module, such as nn.Tanh; got {quote(activation)}"
        )
    return layer


def _own(net: nn.Module) -> nn.Module:
    if not callable(net):
        raise TypeError(f"net must be a module; got {type(net).__name__}")
    return net


def _output(net: nn.Module, given: Tensor, n_out: int, name: str) -> Tensor:
    # One batch axis, whatever came in: convolutions and batch normalisation know no samples' axis.
    rows = given if given.ndim == 2 else given.reshape(-1, given.shape[-1])
    out: Tensor = call_network(net, rows, name)
    if not isinstance(out, Tensor) or out.shape != (rows.shape[0], n_out):
        raise ValueError(
            f"net must return shape {(rows.shape[0], n_out)} here; got {describe(out)}"
        )
    # Autocast makes a network compute in half precision; what is made of its answer is not.
    if out.dtype in HALF and given.dtype not in HALF:
        out = widen(out)
    return out.reshape(*given.shape[:-1], n_out)


def _check_latent(z: Tensor, latent_dim: int) -> None:
    if not isinstance(z, Tensor) or z.ndim < 1 or z.shape[-1] != latent_dim:
        raise ValueError(f"z must have shape (*, {latent_dim}); got {describe(z)}")
