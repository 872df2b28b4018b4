"""The importance-weighted bound: the log of the mean of the weights.

Chapter 5 of *Bounding the Evidence*. The functions take what those of :mod:`vaelib.elbo` take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vaelib.elbo import Encoder, Model, _draw, _log_joint, _log_q_path, _proxy, log_weights
from vaelib.jensen import _check_samples, log_mean_exp
from vaelib.kernels import values_once
from vaelib.latent import _positive_int

__all__ = ["effective_sample_size", "iwae", "iwae_dreg", "normalized_weights"]


def iwae(model: Model, q: Encoder, x: Tensor, K: int, chunk: int | None = None) -> Tensor:
    r"""The importance-weighted bound: the **log of the mean of the weights**.

    .. math:: \log \bar w_K = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p_\theta(x, z_k)}{q_\phi(z_k \mid x)},
        \qquad z_k \sim q_\phi(z \mid x)

    One draw of it; its expectation :math:`\mathcal{L}_K(x)` grows with K towards :math:`\log p_\theta(x)`, and
    :math:`\mathcal{L}_1` is the ELBO. Equation :eq:`eq-iwae`.

    Args:
        model: the joint, p(x, z).
        q: the encoder. Where it cannot reparameterise, the value is right and its own gradient is not.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time; None for all. Value and gradient stay exact: the backward
            pass draws the same samples again and computes each chunk once more.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K or chunk is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q does not return a distribution, or model, q and x are not of one kind.

    Source: Burda et al. (2016), section 3.
    """
    log_w = (
        log_weights(model, q, x, K) if chunk is None else _log_weights_again(model, q, x, K, chunk)
    )
    return log_mean_exp(log_w)


def iwae_dreg(model: Model, q: Encoder, x: Tensor, K: int, chunk: int | None = None) -> Tensor:
    r"""The importance-weighted bound, its encoder gradient doubly reparameterised.

    .. math:: \nabla_\phi \mathcal{L}_K = \mathbb{E}\left[\sum_{k=1}^{K} \tilde w_k^2\,
        \nabla_{z_k} \log \frac{p_\theta(x, z_k)}{q_{\bar\phi}(z_k \mid x)}\;
        \nabla_\phi\, g_\phi(\varepsilon_k, x)\right]

    with :math:`\tilde w` the normalised weights and :math:`\bar\phi` held constant. The value and the gradient in
    θ are :func:`iwae`'s; so is the mean of the gradient in φ, whose signal does not drown as K grows. Equation
    :eq:`eq-dreg`.

    Args:
        model: the joint, p(x, z).
        q: the encoder; it must be able to reparameterise.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time; None for all.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K or chunk is not a positive integer, or x is not finite or does not fit the model or q.
        TypeError: q cannot reparameterise, or model, q and x are not of one kind.

    Source: Tucker et al. (2019), section 4.
    """
    sizes = _sizes(K, K if chunk is None else chunk)
    w_tilde: list[Tensor] = []  # filled below, read by the hooks when the gradient comes back

    q_z = _proxy(q, x, needs_rsample=True)

    def log_weights_path(index: int) -> Tensor:
        z = _draw(q_z, sizes[index])
        if z.requires_grad:
            # The log of a mean weighs each sample once; on its way through z into q it is weighted once more.
            z.register_hook(lambda grad: grad * _like(w_tilde[index], grad))
        return _log_joint(model, x, z) - _log_q_path(q_z, z)

    if chunk is None:
        log_w = log_weights_path(0)
    else:
        log_w = torch.cat([_recomputed(log_weights_path, i) for i in range(len(sizes))])
    # Where all weights are zero there is nothing to normalise, and no gradient.
    nothing = (log_w == -torch.inf).all(0)
    w_tilde.extend(normalized_weights(log_w.detach()).masked_fill(nothing, 0.0).split(sizes))
    return log_mean_exp(log_w)


def normalized_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""The weights divided by their sum: the softmax of the log-weights.

    .. math:: \tilde w_k = \frac{w_k}{\sum_{j=1}^{K} w_j}

    Equation :eq:`eq-normalized-weights`.

    Args:
        log_w: log-weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape; non-negative, with sum 1 along ``dim``. Not a number where all weights are zero.

    Raises:
        ValueError: there is no sample along ``dim``.
        TypeError: ``log_w`` is no tensor of floating point, or ``dim`` no integer.

    Source: Burda et al. (2016), section 3.
    """
    _check_samples(log_w, dim)
    return torch.softmax(log_w, dim)


def effective_sample_size(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""How many equally weighted samples these weighted samples are worth: between 1 and K.

    .. math:: \mathrm{ESS} = \frac{\left(\sum_k w_k\right)^2}{\sum_k w_k^2} = \frac{1}{\sum_k \tilde w_k^2}

    Divided by K it tends to :math:`1/(1 + \chi^2)`; where the variance of w is infinite that is zero. Equation
    :eq:`eq-ess`.

    Args:
        log_w: log-weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape without ``dim``. Not a number where all weights are zero.

    Raises:
        ValueError: there is no sample along ``dim``.
        TypeError: ``log_w`` is no tensor of floating point, or ``dim`` no integer.

    Source: Owen (2013), section 9.3.
    """
    return 1 / normalized_weights(log_w, dim).square().sum(dim)


def _log_weights_again(model: Model, q: Encoder, x: Tensor, K: int, chunk: int) -> Tensor:
    """The log-weights, chunk by chunk, each computed once more in the backward pass."""
    q_z = _proxy(q, x)
    return torch.cat(
        [_recomputed(log_weights, model, lambda _: q_z, x, k) for k in _sizes(K, chunk)]
    )


def _recomputed(function: Callable[..., Tensor], *args: Any) -> Tensor:
    log_w: Tensor = checkpoint(function, *args, use_reentrant=False, context_fn=values_once)
    return log_w


def _sizes(K: int, chunk: int) -> list[int]:
    """K as a sum of chunks: (10, 4) gives 4, 4, 2."""
    whole, rest = divmod(_positive_int(K, "K"), _positive_int(chunk, "chunk"))
    return [chunk] * whole + [rest] * (rest > 0)


def _like(weight: Tensor, grad: Tensor) -> Tensor:
    return weight.reshape(weight.shape + (1,) * (grad.ndim - weight.ndim))
