"""Latent-variable models p(x, z), and models whose evidence and posterior are known exactly.

Chapter 1 of *Bounding the Evidence*. Two axes recur: ``B`` data and ``K`` samples; ``X`` and ``Z``
are the numbers of dimensions of a datum and of a latent. All log-densities are in nats.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    kl_divergence,
    register_kl,
)

from vaelib._validate import (
    check_integer,
    check_like,
    check_positive,
    check_tensor,
    describe,
    describe_shape,
    looks_at_values,
)
from vaelib.densities import IsotropicGaussian, StandardGaussian
from vaelib.protocol import (
    check_support,
    checked_data,
    evaluate_log_joint,
    get_likelihood,
    get_prior,
    split_samples,
)

__all__ = [
    "GaussianMixture",
    "LatentVariableModel",
    "LinearGaussian",
    "StandardNormal",
    "fit_ppca",
    "simple_monte_carlo",
]


class StandardNormal(nn.Module):
    r"""The prior :math:`p(z) = \mathcal{N}(z; 0, I)` over ``latent_dim`` dimensions.

    Called with nothing, it returns a distribution whose event is one latent, of shape ``(Z,)``.
    Equation :eq:`eq-standard-normal`.

    Args:
        latent_dim: Z, the number of latent dimensions.

    Raises:
        ValueError: ``latent_dim`` is not a positive integer.
    """

    zero: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(check_integer(latent_dim, "latent_dim")))

    def forward(self) -> StandardGaussian:
        return StandardGaussian(self.zero)


class LatentVariableModel(nn.Module):
    r"""A prior and a decoder, :math:`p_\theta(x, z) = p(z)\,p_\theta(x \mid z)`.

    Args:
        prior: a module called with nothing; its distribution's event is one latent.
        decoder: a module called with z ``(*, Z)``; its distribution's event is one datum.

    Raises:
        TypeError: a prior or decoder that cannot be called; when used, one that returns no
            distribution.

    Source: Kingma & Welling (2014), section 2.1.
    """

    def __init__(self, prior: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        for name, module in {"prior": prior, "decoder": decoder}.items():
            if not callable(module):
                raise TypeError(
                    f"{name} must be a module that returns a distribution; "
                    f"got {type(module).__name__}"
                )
        self.prior = prior
        self.decoder = decoder

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        r"""The log joint density :math:`\log p_\theta(x, z) = \log p(z) + \log p_\theta(x \mid z)`.

        Equation :eq:`eq-joint`.

        Args:
            x: data, shape ``(B, X)``.
            z: latents, shape ``(*, B, Z)``.

        Returns:
            shape ``(*, B)``, in nats.

        Raises:
            ValueError: x has no batch axis, its batch is not the one of z, or one of them does not
                fit the model.
            TypeError: x or z is no tensor, or of another type or on another device than the
                parameters.
        """
        log_p_z = _log_p_z(get_prior(self), x, z)
        p_x_given_z = get_likelihood(self, z, log_p_z.shape, x)
        check_support(p_x_given_z, x, "x", "the likelihood", self.decoder)
        log_p_x_given_z: Tensor = p_x_given_z.log_prob(x)
        return log_p_z + log_p_x_given_z

    def check_data(self, x: Tensor) -> None:
        """Ask the decoder whether it can have made these data, if it has a ``check_data``.

        Args:
            x: data, shape ``(B, X)``.

        Raises:
            ValueError: the decoder refuses them, as one of binary pixels refuses grey ones.
        """
        check_values = getattr(self.decoder, "check_data", None)
        if check_values is not None:
            check_values(x)

    @torch.no_grad()
    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        r"""Ancestral samples: :math:`z \sim p(z)`, then :math:`x \sim p_\theta(x \mid z)`.

        Equation :eq:`eq-ancestral`.

        Args:
            n: how many pairs.

        Returns:
            x of shape ``(n, X)`` and the z that made it, ``(n, Z)``.

        Raises:
            ValueError: ``n`` is not a positive integer.
            TypeError: the prior or the decoder returns no distribution.
        """
        z = get_prior(self).sample(torch.Size([check_integer(n, "n")]))
        return get_likelihood(self, z, z.shape[:1]).sample(), z


class _AffineNormal(nn.Module):
    """x | z ~ N(Wz + b, sigma² I): the decoder of a linear-Gaussian model."""

    def __init__(self, weight: Tensor, bias: Tensor, sigma: float | Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone())
        self.bias = nn.Parameter(bias.detach().clone())
        self.log_sigma = nn.Parameter(check_positive(sigma, "sigma").to(weight).log())

    def forward(self, z: Tensor) -> IsotropicGaussian:
        _check_latents(z, self.weight.mT)
        with _no_autocast(z):
            return IsotropicGaussian(z @ self.weight.mT + self.bias, self.log_sigma)


class LinearGaussian(LatentVariableModel):
    r"""The linear-Gaussian model, whose evidence and posterior are known in closed form.

    .. math:: z \sim \mathcal{N}(0, I), \qquad x \mid z \sim \mathcal{N}(Wz + b, \sigma^2 I)

    Every bound can be held against it. Its parameters ``weight``, ``bias`` and ``log_sigma`` train
    like those of any other model.

    Args:
        weight: W, shape ``(X, Z)``.
        bias: b, shape ``(X,)``.
        sigma: the standard deviation of the noise, one positive number.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or a sigma that is not
            positive.
        TypeError: tensors of different types, or on different devices.

    Source: Tipping & Bishop (1999), section 3.
    """

    decoder: _AffineNormal

    def __init__(self, weight: Tensor, bias: Tensor, sigma: float | Tensor) -> None:
        check_tensor(weight, "weight", "X", "Z")
        check_tensor(bias, "bias", weight.shape[0], like=weight)
        prior = StandardNormal(weight.shape[1]).to(weight)
        super().__init__(prior, _AffineNormal(weight, bias, sigma))

    @property
    def weight(self) -> nn.Parameter:
        """W, shape ``(X, Z)``."""
        return self.decoder.weight

    @property
    def bias(self) -> nn.Parameter:
        """b, shape ``(X,)``."""
        return self.decoder.bias

    @property
    def log_sigma(self) -> nn.Parameter:
        """The logarithm of sigma, a scalar tensor. This is what trains."""
        return self.decoder.log_sigma

    @property
    def sigma(self) -> Tensor:
        """The standard deviation of the noise, a scalar tensor."""
        return self.log_sigma.exp()

    def log_evidence(self, x: Tensor) -> Tensor:
        r"""The exact log-evidence, log p(x).

        .. math:: \log p_\theta(x) = \log \mathcal{N}(x; b, WW^\top + \sigma^2 I)

        Equation :eq:`eq-lg-evidence`.

        Args:
            x: data, shape ``(B, X)``.

        Returns:
            shape ``(B,)``, in nats.

        Raises:
            ValueError: x has another shape, no datum, or a number that is not finite.
            TypeError: x is of another type or on another device than the parameters.
        """
        check_tensor(x, "x", "B", self.bias.shape[0], like=self.bias)
        variance = (2 * self.log_sigma).exp().expand_as(self.bias)
        with _no_autocast(x):
            p_x = LowRankMultivariateNormal(self.bias, self.weight, variance)
            log_p_x: Tensor = p_x.log_prob(x)
        return log_p_x

    def posterior(self, x: Tensor) -> MultivariateNormal:
        r"""The exact posterior, p(z | x).

        .. math:: p_\theta(z \mid x) = \mathcal{N}(z; M^{-1}W^\top(x - b), \sigma^2 M^{-1}),
            \qquad M = W^\top W + \sigma^2 I

        Equation :eq:`eq-lg-posterior`. The method is itself an encoder: any bound takes
        ``model.posterior`` as q.

        Args:
            x: data, shape ``(B, X)``.

        Returns:
            a distribution of batch shape ``(B,)`` and event shape ``(Z,)``.

        Raises:
            ValueError: x has another shape, no datum, or a number that is not finite.
            TypeError: x is of another type or on another device than the parameters.
        """
        check_tensor(x, "x", "B", self.bias.shape[0], like=self.bias)
        variance = (2 * self.log_sigma).exp()
        eye = torch.eye(self.weight.shape[1]).to(self.weight)
        with _no_autocast(x):
            m = self.weight.mT @ self.weight + variance * eye
            mean = torch.linalg.solve(m, self.weight.mT @ (x - self.bias).mT).mT
            return MultivariateNormal(mean, precision_matrix=m / variance, validate_args=False)


class _MixtureDecoder(nn.Module):
    """x | z ~ N(means[z], sigma² I) for a one-hot z."""

    def __init__(self, means: Tensor, sigma: float | Tensor) -> None:
        super().__init__()
        self.means = nn.Parameter(means.detach().clone())
        self.log_sigma = nn.Parameter(check_positive(sigma, "sigma").to(means).log())

    def forward(self, z: Tensor) -> IsotropicGaussian:
        _check_latents(z, self.means)
        with _no_autocast(z):
            return IsotropicGaussian(z @ self.means, self.log_sigma)


class _Categorical(nn.Module):
    """A prior over one-hot z."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.detach().clone())

    def forward(self) -> OneHotCategorical:
        return OneHotCategorical(logits=self.logits, validate_args=looks_at_values())


class GaussianMixture(LatentVariableModel):
    r"""A mixture of C Gaussians: z is a one-hot vector.

    .. math:: z \sim \operatorname{Categorical}(\pi), \qquad
        x \mid z \sim \mathcal{N}(\mu_z, \sigma^2 I)

    The smallest model with a discrete latent; its evidence is a sum over C terms.

    Args:
        logits: unnormalised log-weights of the components, shape ``(C,)``.
        means: shape ``(C, X)``.
        sigma: the standard deviation that all components share, one positive number.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or a sigma that is not
            positive.
        TypeError: tensors of different types, or on different devices.

    Source: Bishop (2006), section 9.2.
    """

    prior: _Categorical
    decoder: _MixtureDecoder

    def __init__(self, logits: Tensor, means: Tensor, sigma: float | Tensor) -> None:
        check_tensor(logits, "logits", "C")
        check_tensor(means, "means", logits.shape[0], "X", like=logits)
        super().__init__(_Categorical(logits), _MixtureDecoder(means, sigma))

    @property
    def logits(self) -> nn.Parameter:
        """Unnormalised log-weights of the components, shape ``(C,)``."""
        return self.prior.logits

    @property
    def means(self) -> nn.Parameter:
        """The components' means, shape ``(C, X)``."""
        return self.decoder.means

    @property
    def sigma(self) -> Tensor:
        """The standard deviation of the components, a scalar tensor."""
        return self.decoder.log_sigma.exp()

    def _log_joint_all(self, x: Tensor) -> Tensor:
        """log p(x, z) for every component: shape (C, B)."""
        check_tensor(x, "x", "B", self.means.shape[1], like=self.means)
        n_components = self.means.shape[0]
        every_z = torch.eye(n_components).to(x)[:, None].expand(-1, x.shape[0], -1)
        return self.log_joint(x, every_z)

    def log_evidence(self, x: Tensor) -> Tensor:
        r"""The exact log-evidence, log p(x).

        .. math:: \log p_\theta(x) = \log \sum_c \pi_c\,\mathcal{N}(x; \mu_c, \sigma^2 I)

        Equation :eq:`eq-mixture-evidence`.

        Args:
            x: data, shape ``(B, X)``.

        Returns:
            shape ``(B,)``, in nats.

        Raises:
            ValueError: x has another shape, no datum, or a number that is not finite.
            TypeError: x is of another type or on another device than the parameters.
        """
        return torch.logsumexp(self._log_joint_all(x), dim=0)

    def posterior(self, x: Tensor) -> OneHotCategorical:
        r"""The exact posterior, p(z | x).

        .. math:: p_\theta(z_c = 1 \mid x) \propto \pi_c\,\mathcal{N}(x; \mu_c, \sigma^2 I)

        Equation :eq:`eq-mixture-posterior`. The method is itself an encoder, one that cannot
        reparameterise.

        Args:
            x: data, shape ``(B, X)``.

        Returns:
            a distribution of batch shape ``(B,)`` and event shape ``(C,)``.

        Raises:
            ValueError: x has another shape, no datum, or a number that is not finite.
            TypeError: x is of another type or on another device than the parameters.
        """
        logits = self._log_joint_all(x).mT
        return OneHotCategorical(logits=logits, validate_args=looks_at_values())


def fit_ppca(x: Tensor, latent_dim: int, sigma: float | None = None) -> LinearGaussian:
    r"""The linear-Gaussian model of greatest likelihood, in closed form: probabilistic PCA.

    With :math:`\lambda_1 \ge \lambda_2 \ge \dots` the eigenvalues of the data's covariance (divided
    by N) and :math:`U_Z` the first Z eigenvectors,

    .. math:: W = U_Z\,(\Lambda_Z - \sigma^2 I)_+^{1/2}, \qquad
        \sigma^2 = \tfrac{1}{X - Z}\textstyle\sum_{i > Z} \lambda_i,

    and b is the mean; the largest entry of each column of W is positive. With ``sigma`` given it
    stays fixed, and directions with less variance than that get a zero column. Equation
    :eq:`eq-ppca`.

    Args:
        x: data, shape ``(N, X)``.
        latent_dim: Z, less than X unless ``sigma`` is given.
        sigma: a fixed standard deviation of the noise; None fits it too.

    Raises:
        ValueError: x is not ``(N, X)``, of floating point and finite, Z does not fit X, or no
            variance is left over for sigma.

    Source: Tipping & Bishop (1999), equations 7 and 8.
    """
    check_tensor(x, "x", "N", "X")
    n_most = x.shape[1] - (sigma is None)
    if check_integer(latent_dim, "latent_dim") > n_most:
        raise ValueError(
            f"latent_dim must be at most {n_most} for x {tuple(x.shape)}; got {latent_dim}"
        )
    # The spectrum needs double precision, which Apple's GPUs do not have.
    on_cpu = x.detach().cpu().double()
    mean = on_cpu.mean(0)
    centred = on_cpu - mean
    eigenvalues, u = torch.linalg.eigh(centred.mT @ centred / x.shape[0])
    eigenvalues, u = eigenvalues.flip(0), u.flip(1)
    # Either sign would do. One is fixed, so that every machine finds the same W.
    u = u * u.gather(0, u.abs().argmax(0, keepdim=True)).sign()
    if sigma is None:
        variance = eigenvalues[latent_dim:].mean()
    else:
        variance = check_positive(sigma, "sigma").cpu().double() ** 2
    if sigma is None and variance <= 1e-12 * eigenvalues[0].clamp(min=1e-300):
        raise ValueError(
            f"x has no variance left outside {latent_dim} dimensions; give a positive sigma"
        )
    w = u[:, :latent_dim] * (eigenvalues[:latent_dim] - variance).clamp(min=0).sqrt()
    return LinearGaussian(w.to(x), mean.to(x), variance.sqrt().to(x))


@torch.no_grad()
def simple_monte_carlo(model: LatentVariableModel, x: Tensor, K: int, chunk: int = 1000) -> Tensor:
    r"""Estimate log p(x) with latents drawn from the prior, without an encoder.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} p_\theta(x \mid z_k), \qquad z_k \sim p(z)

    The average is an unbiased estimate of p(x); its logarithm is biased low. Every datum has
    samples of its own. Equation :eq:`eq-simple-mc`.

    Args:
        model: anything with ``log_joint(x, z)`` and ``prior()``.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K or chunk is not a positive integer, or x does not fit the model or is not
            finite.
        TypeError: the model does not honour the protocol, or x is of another type than its
            parameters.
    """
    with checked_data(model, x):
        prior = get_prior(model)
        log_sum = torch.tensor(-math.inf)
        for size in split_samples(K, chunk):
            z = prior.sample(torch.Size([size, x.shape[0]]))
            log_p_x_given_z = evaluate_log_joint(model, x, z) - prior.log_prob(z)
            log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_p_x_given_z, dim=0))
    return log_sum - math.log(K)


def _kl_full_diagonal(p: MultivariateNormal, q: Independent[Normal]) -> Tensor:
    return kl_divergence(p, _as_multivariate(q))


def _kl_diagonal_full(p: Independent[Normal], q: MultivariateNormal) -> Tensor:
    return kl_divergence(_as_multivariate(p), q)


register_kl(MultivariateNormal, Independent)(_kl_full_diagonal)
register_kl(Independent, MultivariateNormal)(_kl_diagonal_full)


def _as_multivariate(p: Distribution) -> MultivariateNormal:
    if not (
        isinstance(p, Independent) and isinstance(p.base_dist, Normal) and len(p.event_shape) == 1
    ):
        raise NotImplementedError(
            f"a KL with a MultivariateNormal needs Independent(Normal, 1); got {p}"
        )
    return MultivariateNormal(p.mean, scale_tril=torch.diag_embed(p.stddev))


def _log_p_z(prior: Distribution, x: Tensor, z: Tensor) -> Tensor:
    """log p(z), shape (*, B), if z fits the prior and x."""
    for name, value in {"x": x, "z": z}.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor; got {type(value).__name__}")
    if z.shape[z.ndim - len(prior.event_shape) :] != prior.event_shape:
        raise ValueError(
            f"z must have shape {describe_shape('*', *prior.event_shape)}; got {describe(z)}"
        )
    check_support(prior, z, "z", "the prior")
    log_p_z: Tensor = prior.log_prob(z)
    if x.ndim < 2 or log_p_z.ndim < 1 or x.shape[0] != log_p_z.shape[-1] or x.shape[0] == 0:
        raise ValueError(
            f"x must have shape (B, X) and z (*, B, Z), B at least 1; "
            f"got {describe(x)} and {describe(z)}"
        )
    return log_p_z


def _no_autocast(x: Tensor) -> AbstractContextManager[Any]:
    """What is to be exact is not computed in half precision, whoever asks for that."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def _check_latents(z: Tensor, columns: Tensor) -> None:
    """z must fit what its last axis is multiplied with."""
    if not isinstance(z, Tensor) or z.shape[-1:] != columns.shape[:1]:
        raise ValueError(f"z must have shape (*, {columns.shape[0]}); got {describe(z)}")
    check_like(z, columns, "z")
