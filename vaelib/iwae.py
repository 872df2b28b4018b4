"""The importance-weighted bound: the log of the mean of the weights.

Chapter 5 of *Bounding the Evidence*. The functions take what those of :mod:`vaelib.elbo` take.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vaelib._validate import check_samples, data_are_checked, widen
from vaelib.elbo import log_path_density, log_weights
from vaelib.jensen import log_mean_exp
from vaelib.protocol import (
    Encoder,
    Model,
    checked_data,
    draw,
    encode,
    evaluate_log_joint,
    sample_log_weights,
    split_samples,
)

__all__ = ["effective_sample_size", "iwae", "iwae_dreg", "normalized_weights"]


def iwae(model: Model, q: Encoder, x: Tensor, K: int, chunk: int | None = None) -> Tensor:
    r"""The importance-weighted bound: the **log of the mean of the weights**.

    .. math:: \log \bar w_K
        = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p_\theta(x, z_k)}{q_\phi(z_k \mid x)},
        \qquad z_k \sim q_\phi(z \mid x)

    One draw of it; its expectation :math:`\mathcal{L}_K(x)` grows with K towards :math:`\log
    p_\theta(x)`, and :math:`\mathcal{L}_1` is the ELBO. Equation :eq:`eq-iwae`.

    Args:
        model: the joint, p(x, z).
        q: the encoder. Where it cannot reparameterise, the value is right and its own gradient is
            not.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time; None for all. Value and gradient stay
            exact: the backward pass draws the same samples again and computes each chunk once more.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K or chunk is not a positive integer, or x is not finite or does not fit the
            model or q.
        TypeError: q does not return a distribution, or model, q and x are not of one kind.

    Source: Burda et al. (2016), section 3.
    """
    log_w = log_weights(model, q, x, K) if chunk is None else _chunked(model, q, x, K, chunk)
    return log_mean_exp(log_w)


def iwae_dreg(model: Model, q: Encoder, x: Tensor, K: int, chunk: int | None = None) -> Tensor:
    r"""The importance-weighted bound, its encoder gradient doubly reparameterised.

    .. math:: \nabla_\phi \mathcal{L}_K = \mathbb{E}\left[\sum_{k=1}^{K} \tilde w_k^2\,
        \nabla_{z_k} \log \frac{p_\theta(x, z_k)}{q_{\bar\phi}(z_k \mid x)}\;
        \nabla_\phi\, g_\phi(\varepsilon_k, x)\right]

    with :math:`\tilde w` the normalised weights and :math:`\bar\phi` held constant. The value and
    the gradient in θ are :func:`iwae`'s; so is the mean of the gradient in φ, whose signal does not
    drown as K grows. Equation :eq:`eq-dreg`.

    Args:
        model: the joint, p(x, z).
        q: the encoder; it must be able to reparameterise.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
        chunk: how many samples are in memory at a time; None for all.

    Returns:
        shape ``(B,)``, in nats.

    Raises:
        ValueError: K or chunk is not a positive integer, or x is not finite or does not fit the
            model or q.
        TypeError: q cannot reparameterise, or model, q and x are not of one kind.

    Source: Tucker et al. (2019), section 4.
    """
    sizes = split_samples(K, K if chunk is None else chunk)
    # One for each chunk: zeros until the weights are known. The backward pass reads them.
    w_tilde: dict[int, Tensor] = {}

    def log_weights_path(i: int) -> Tensor:
        with data_are_checked():
            z = draw(q_z, sizes[i])
            w_tilde.setdefault(i, z.new_zeros(z.shape[:2]))
            if z.requires_grad:
                # The log of the mean weights each sample once; the way to q weights it again.
                z.register_hook(lambda grad: grad * _as_wide_as(w_tilde[i], grad))
            return evaluate_log_joint(model, x, z) - log_path_density(q_z, z)

    with checked_data(model, x):
        q_z = encode(q, x, needs_rsample=True, model=model)
        log_w = log_weights_path(0) if chunk is None else _recompute(log_weights_path, len(sizes))
    # Where all weights are zero there is nothing to normalise, and no gradient.
    all_zero = (log_w == -torch.inf).all(0)
    shares = torch.softmax(log_w.detach(), 0).masked_fill(all_zero, 0.0)
    for i, share in enumerate(shares.split(sizes)):
        w_tilde[i].copy_(share)
    return log_mean_exp(log_w)


def normalized_weights(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""The weights divided by their sum: the softmax of the log-weights.

    .. math:: \tilde w_k = \frac{w_k}{\sum_{j=1}^{K} w_j}

    Equation :eq:`eq-normalized-weights`.

    Args:
        log_w: log-weights, any shape, in nats.
        dim: the axis of the samples.

    Returns:
        ``log_w``'s shape; non-negative, with sum 1 along ``dim``. Not a number where all weights
        are zero.

    Raises:
        ValueError: there is no sample along ``dim``.
        TypeError: ``log_w`` is no tensor of floating point, or ``dim`` no integer.

    Source: Burda et al. (2016), section 3.
    """
    check_samples(log_w, dim)
    return torch.softmax(widen(log_w), dim)


def effective_sample_size(log_w: Tensor, dim: int = 0) -> Tensor:
    r"""How many equally weighted samples these weighted samples are worth: between 1 and K.

    .. math:: \mathrm{ESS}
        = \frac{\left(\sum_k w_k\right)^2}{\sum_k w_k^2} = \frac{1}{\sum_k \tilde w_k^2}

    Divided by K it tends to :math:`1/(1 + \chi^2)`; where the variance of w is infinite that is
    zero. Equation :eq:`eq-ess`.

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


def _chunked(model: Model, q: Encoder, x: Tensor, K: int, chunk: int) -> Tensor:
    """The log-weights, a chunk of samples in memory at a time."""
    sizes = split_samples(K, chunk)

    def log_weights_of(i: int) -> Tensor:
        with data_are_checked():
            return sample_log_weights(model, q_z, x, sizes[i])

    with checked_data(model, x):
        q_z = encode(q, x, model=model)
        return _recompute(log_weights_of, len(sizes))


def _recompute(log_weights_of: Callable[[int], Tensor], n: int) -> Tensor:
    """n chunks of log-weights, joined. The backward pass draws and computes each of them again."""
    return torch.cat([checkpoint(log_weights_of, i, use_reentrant=False) for i in range(n)])


def _as_wide_as(weight: Tensor, grad: Tensor) -> Tensor:
    return weight.reshape(weight.shape + (1,) * (grad.ndim - weight.ndim))
