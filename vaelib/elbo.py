"""The evidence lower bound: the mean of the log-weights, and four estimators of its gradient.

Chapter 4 of *Bounding the Evidence*. Every function takes a model, an encoder q and data x of shape
``(B, X)``, and returns one bound per datum, shape ``(B,)``, in nats, to be maximised. The value is
always the bound itself; the estimators differ in the gradient (``elbo_kl`` also in the noise of its
value).

A model is anything with ``log_joint(x, z)`` and ``prior()``; q is anything that, called with x,
returns a distribution of batch shape ``(B,)`` whose event is one latent.
"""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from vaelib.protocol import (
    Encoder,
    Model,
    checked_data,
    draw,
    encode,
    evaluate_log_joint,
    get_prior,
    sample_log_weights,
)

__all__ = ["elbo", "elbo_kl", "elbo_score", "elbo_stl", "log_path_density", "log_weights"]


def log_weights(model: Model, q: Encoder, x: Tensor, K: int) -> Tensor:
    r"""K log-weights for each datum, with latents drawn from q.

    .. math:: \log w_k = \log p_\theta(x, z_k) - \log q_\phi(z_k \mid x),
        \qquad z_k \sim q_\phi(z \mid x)

    Latents are reparameterised where q can; where it cannot they are plain samples, through which
    no gradient flows. Equation :eq:`eq-log-weight`.

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
    with checked_data(model, x):
        return sample_log_weights(model, encode(q, x, model=model), x, K)


def elbo(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound: the **mean of the log-weights**.

    .. math:: \mathcal{L}(x; \theta, \phi)
        = \mathbb{E}_{q_\phi(z \mid x)}\left[\log \frac{p_\theta(x, z)}{q_\phi(z \mid x)}\right]
        \le \log p_\theta(x)

    estimated with K samples; the gradient is the pathwise one. Where q cannot reparameterise (a
    discrete latent), z is sampled: the value is right, but the gradient in the encoder's parameters
    is not, so use :func:`elbo_score` to train there. Equation :eq:`eq-elbo`.

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

    The same bound as :func:`elbo`, with other noise in value and gradient. Equation
    :eq:`eq-elbo-kl`.

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
    with checked_data(model, x):
        q_z = encode(q, x, needs_rsample=True, model=model)
        prior = get_prior(model)
        z = draw(q_z, K)
        log_p_x_given_z = evaluate_log_joint(model, x, z) - prior.log_prob(z)
        return log_p_x_given_z.mean(0) - kl_divergence(q_z, prior)


def elbo_score(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound, its encoder gradient by the score function (REINFORCE).

    .. math:: \nabla_\phi \mathcal{L}
        = \mathbb{E}_{q_\phi(z \mid x)}\left[\log \frac{p_\theta(x, z)}{q_\phi(z \mid x)}\,
        \nabla_\phi \log q_\phi(z \mid x)\right]

    It needs no derivative of the model in z, so it serves discrete latents; its noise is larger for
    smooth models. Equation :eq:`eq-elbo-score`.

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
    with checked_data(model, x):
        q_z = encode(q, x, model=model)
        z = draw(q_z, K).detach()
        log_q = q_z.log_prob(z)
        log_w = evaluate_log_joint(model, x, z) - log_q.detach()
        # The second term is zero in value; its gradient is log w times the score.
        return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


def elbo_stl(model: Model, q: Encoder, x: Tensor, K: int = 1) -> Tensor:
    r"""The evidence lower bound, its gradient by "sticking the landing".

    .. math:: \nabla_\phi \mathcal{L} = \mathbb{E}_\varepsilon\left[
        \nabla_z \log \frac{p_\theta(x, z)}{q_{\bar\phi}(z \mid x)}\;
        \nabla_\phi\, g_\phi(\varepsilon, x)\right], \qquad z = g_\phi(\varepsilon, x)

    with :math:`\bar\phi` held constant: the score term, zero on average, is left out. At the exact
    posterior this gradient has no noise at all. The gradient in θ is :func:`elbo`'s. Equation
    :eq:`eq-elbo-stl`.

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
    with checked_data(model, x):
        q_z = encode(q, x, needs_rsample=True, model=model)
        z = draw(q_z, K)
        return (evaluate_log_joint(model, x, z) - log_path_density(q_z, z)).mean(0)


def log_path_density(q_z: Distribution, z: Tensor) -> Tensor:
    """The log-density of q, whose gradient flows through z only: q's parameters get none directly.

    Args:
        q_z: the distribution that drew z.
        z: its reparameterised draws, shape ``(K, B, Z)``.

    Returns:
        shape ``(K, B)``, in nats.
    """
    log_q_at_z = q_z.log_prob(z.detach())
    # The two gradients in the parameters are equal and cancel, whatever q is made of.
    return q_z.log_prob(z) - log_q_at_z + log_q_at_z.detach()
