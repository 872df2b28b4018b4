"""The evidence lower bound: the mean of the log-weights, and four estimators of its gradient.

Chapter 4 of *Bounding the Evidence*. Every function takes a model, an encoder q and data x of shape ``(B, X)``,
and returns one bound per datum, shape ``(B,)``, in nats, to be maximised. The value is always the bound itself;
the estimators differ in the gradient (``elbo_kl`` also in the noise of its value).

A model is anything with ``log_joint(x, z)`` and ``prior()``; q is anything that, called with x, returns a
distribution of batch shape ``(B,)`` whose event is one latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from vaelib.latent import _check_finite, _got, _positive_int, _prior
from vaelib.latent import _log_joint as _log_joint_of
from vaelib.proxies import _called

__all__ = ["Model", "elbo", "elbo_kl", "elbo_score", "elbo_stl", "log_weights"]

Encoder = Callable[[Tensor], Distribution]


class Model(Protocol):
    """All that a bound asks of a model. Whatever honours it works with every bound; densities are in nats."""

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """The log joint density, log p(x, z).

        Args:
            x: data, shape ``(B, X)``.
            z: latents, shape ``(*, B, Z)``.

        Returns:
            shape ``(*, B)``, in nats.
        """
        ...

    def prior(self) -> Distribution:
        """The prior p(z), a distribution whose event is one latent and whose log-density is in nats."""
        ...


def log_weights(model: Model, q: Encoder, x: Tensor, K: int) -> Tensor:
    r"""K log-weights for each datum, with latents drawn from q.

    .. math:: \log w_k = \log p_\theta(x, z_k) - \log q_\phi(z_k \mid x), \qquad z_k \sim q_\phi(z \mid x)

    Latents are reparameterised where q can; where it cannot they are plain samples, through which no gradient
    flows. Equation :eq:`eq-log-weight`.

    Args:
        model: the joint, p(x, z).
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.

    Returns:
        shape ``(K, B)``, in nats.

    Raises:
        ValueError: K is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q does not return a distribution, or model, q and x are not of one kind.
    """
    q_z = _proxy(q, x)
    z = _draw(q_z, K)
    return _log_joint(model, x, z) - q_z.log_prob(z)


def elbo(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound: the **mean of the log-weights**.

    .. math:: \mathcal{L}(x; \theta, \phi)
        = \mathbb{E}_{q_\phi(z \mid x)}\left[\log \frac{p_\theta(x, z)}{q_\phi(z \mid x)}\right] \le \log p_\theta(x)

    estimated with K samples; the gradient is the pathwise one. Where q cannot reparameterise (a discrete latent),
    z is sampled: the value is right, but the gradient in the encoder's parameters is not, so use
    :func:`elbo_score` to train there. Equation :eq:`eq-elbo`.

    Args:
        model: the joint, p(x, z).
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples are averaged; it lessens the noise and does not tighten the bound.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q does not return a distribution, or model, q and x are not of one kind.

    Source: Kingma & Welling (2014), equation 6.
    """
    return log_weights(model, q, x, K).mean(0)


def elbo_kl(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound as reconstruction minus KL, the KL in closed form.

    .. math:: \mathcal{L}(x; \theta, \phi)
        = \mathbb{E}_{q_\phi(z \mid x)}\left[\log p_\theta(x \mid z)\right]
        - \mathrm{KL}\left(q_\phi(z \mid x) \,\|\, p(z)\right)

    The same bound as :func:`elbo`, with other noise in value and gradient. Equation :eq:`eq-elbo-kl`.

    Args:
        model: the joint, p(x, z).
        q: the encoder; it must be able to reparameterise.
        x: data, shape ``(B, X)``.
        K: how many samples the reconstruction term averages.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q cannot reparameterise, or model, q and x are not of one kind.
        NotImplementedError: torch knows no closed-form KL between q and the prior.

    Source: Kingma & Welling (2014), equation 7.
    """
    q_z = _proxy(q, x, needs_rsample=True)
    prior = _prior(model)
    z = _draw(q_z, K)
    log_p_x_given_z = _log_joint(model, x, z) - prior.log_prob(z)
    return log_p_x_given_z.mean(0) - kl_divergence(q_z, prior)


def elbo_score(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound, its encoder gradient by the score function (REINFORCE).

    .. math:: \nabla_\phi \mathcal{L}
        = \mathbb{E}_{q_\phi(z \mid x)}\left[\log \frac{p_\theta(x, z)}{q_\phi(z \mid x)}\,
        \nabla_\phi \log q_\phi(z \mid x)\right]

    It needs no derivative of the model in z, so it serves discrete latents; its noise is larger for smooth models.
    Equation :eq:`eq-elbo-score`.

    Args:
        model: the joint, p(x, z).
        q: the encoder; any distribution will do.
        x: data, shape ``(B, X)``.
        K: how many samples are averaged.

    Returns:
        shape ``(B,)``, in nats. The value equals :func:`elbo`'s on the same samples.

    Raises:
        ValueError: K is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q does not return a distribution, or model, q and x are not of one kind.

    Source: Williams (1992); Mohamed et al. (2020), section 4.
    """
    q_z = _proxy(q, x)
    z = _draw(q_z, K).detach()
    log_q = q_z.log_prob(z)
    log_w = _log_joint(model, x, z) - log_q.detach()
    # The second term is zero in value; its gradient is log w times the score.
    return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


def elbo_stl(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound, its gradient by "sticking the landing".

    .. math:: \nabla_\phi \mathcal{L} = \mathbb{E}_\varepsilon\left[
        \nabla_z \log \frac{p_\theta(x, z)}{q_{\bar\phi}(z \mid x)}\; \nabla_\phi\, g_\phi(\varepsilon, x)\right],
        \qquad z = g_\phi(\varepsilon, x)

    with :math:`\bar\phi` held constant: the score term, zero on average, is left out. At the exact posterior this
    gradient has no noise at all. The gradient in θ is :func:`elbo`'s. Equation :eq:`eq-elbo-stl`.

    Args:
        model: the joint, p(x, z).
        q: the encoder; it must be able to reparameterise. The model's own posterior will do.
        x: data, shape ``(B, X)``.
        K: how many samples are averaged.

    Returns:
        shape ``(B,)``, in nats. The value equals :func:`elbo`'s on the same samples.

    Raises:
        ValueError: K is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q cannot reparameterise, or model, q and x are not of one kind.

    Source: Roeder et al. (2017), section 3.
    """
    q_z = _proxy(q, x, needs_rsample=True)
    z = _draw(q_z, K)
    return (_log_joint(model, x, z) - _log_q_path(q_z, z)).mean(0)


def _log_q_path(q_z: Distribution, z: Tensor) -> Tensor:
    """log q(z | x) whose gradient flows through z only: q's own parameters, whoever owns them, get none."""
    log_q_at_z = q_z.log_prob(z.detach())
    # The two parameter gradients are equal and cancel, whatever q is made of; the value is log q.
    return q_z.log_prob(z) - log_q_at_z + log_q_at_z.detach()


def _proxy(q: Encoder, x: Tensor, needs_rsample: bool = False) -> Distribution:
    _check_data(x, "x")
    if not callable(q):
        raise TypeError(f"q must be called with x, such as an encoder; got {type(q).__name__}")
    q_z = _called(q, x, "x")
    if not isinstance(q_z, Distribution):
        raise TypeError(f"q must return a torch Distribution; got {type(q_z).__name__}")
    if q_z.batch_shape != x.shape[:1]:
        raise ValueError(
            f"q must return one distribution per datum, batch shape ({x.shape[0]},); got {tuple(q_z.batch_shape)}"
        )
    if needs_rsample and not q_z.has_rsample:
        raise TypeError(
            f"this estimator needs a q that can reparameterise; got {type(q_z).__name__}. elbo_score takes any q"
        )
    return q_z


def _check_data(x: Tensor, name: str) -> None:
    if not isinstance(x, Tensor) or x.ndim < 2 or x.shape[0] == 0:
        raise ValueError(f"{name} must be a tensor of shape (B, X), B at least 1; got {_got(x)}")
    _check_finite(x, name)


def _draw(q_z: Distribution, K: int) -> Tensor:
    size = torch.Size([_positive_int(K, "K")])
    return q_z.rsample(size) if q_z.has_rsample else q_z.sample(size)


def _log_joint(model: Model, x: Tensor, z: Tensor) -> Tensor:
    try:
        return _log_joint_of(model, x, z)
    except (TypeError, ValueError) as error:
        if str(error).startswith("z "):  # z is q's doing, and not an argument of any bound
            raise type(error)(f"q must draw latents that fit the model: {error}") from error
        raise
