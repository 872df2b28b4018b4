"""Where an ELBO loses against log p(x): what the family cannot reach, and what the encoder leaves.

Chapter 6 of *Bounding the Evidence*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaelib._validate import check_integer, check_number, check_tensor, quote
from vaelib.annealing import ais
from vaelib.elbo import log_path_density
from vaelib.evaluate import estimate_log_evidence
from vaelib.protocol import (
    Encoder,
    Model,
    checked_data,
    draw,
    encode,
    evaluate_log_joint,
    split_samples,
)

__all__ = ["GapLedger", "gap_ledger"]


@dataclass(frozen=True)
class GapLedger:
    """Where the ELBO of each datum loses against log p(x): every entry has shape ``(B,)``, in nats.

    Attributes:
        log_evidence: log p(x), exact or estimated.
        elbo: the ELBO of the encoder.
        elbo_best: the ELBO of the best distribution in the encoder's family, for each datum on its
            own.
        gap: ``approximation + amortisation``, which is ``log_evidence - elbo``.
        approximation: ``log_evidence - elbo_best``, what the family cannot reach.
        amortisation: ``elbo_best - elbo``, what the encoder leaves of what its family can reach.
        gap_se: the standard error of the gap.
        approximation_se: the standard error of the approximation gap.
        amortisation_se: the standard error of the amortisation gap.
    """

    log_evidence: Tensor
    elbo: Tensor
    elbo_best: Tensor
    gap: Tensor
    approximation: Tensor
    amortisation: Tensor
    gap_se: Tensor
    approximation_se: Tensor
    amortisation_se: Tensor


@torch.no_grad()
def gap_ledger(
    model: Model,
    q: Encoder,
    x: Tensor,
    K: int = 1000,
    chunk: int = 100,
    steps: int = 1000,
    lr: float = 0.05,
    log_evidence: Tensor | str | None = None,
) -> GapLedger:
    r"""Split the gap between log p(x) and the ELBO: what the family loses, and what the encoder.

    .. math:: \log p_\theta(x) - \mathcal{L}[q_\phi]
        = \underbrace{\log p_\theta(x) - \mathcal{L}[q^*]}_\text{approximation}
        + \underbrace{\mathcal{L}[q^*] - \mathcal{L}[q_\phi]}_\text{amortisation},
        \qquad q^* = \arg\max_{q \in \mathcal{Q}} \mathcal{L}[q]

    with :math:`\mathcal{Q}` the encoder's own family, here the Gaussians, diagonal or full as the
    encoder's are, and θ fixed. :math:`q^*` is found by Adam for each datum, from the encoder's
    answer on; both ELBOs are then evaluated with the same, fresh noise. An optimum that was missed
    makes the approximation gap too large and the amortisation gap too small; an estimate of log
    p(x), which is low on average, makes the approximation gap too small. Equation
    :eq:`eq-gap-ledger`.

    Args:
        model: the joint, p(x, z).
        q: the encoder, whose answer is an ``Independent`` of ``Normal`` or a
            ``MultivariateNormal``.
        x: data, shape ``(B, X)``.
        K: how many samples evaluate each ELBO (and estimate log p(x), if that is by
            ``"importance"``).
        chunk: how many samples are in memory at a time.
        steps: how many steps of Adam find the best q.
        lr: the step size of the first of them, in units of z and of log σ; it falls to zero along
            half a cosine.
        log_evidence: ``"exact"``, the model's own; ``"ais"``, by :func:`vaelib.annealing.ais`;
            ``"importance"``, by :func:`vaelib.evaluate.log_likelihood` from the best q; or a
            tensor, shape ``(B,)``, from elsewhere, taken as exact. None is ``"exact"`` for a model
            that has a ``log_evidence`` and otherwise ``"ais"``, which does not depend on how well
            the family fits.

    Returns:
        the :class:`GapLedger`, of entries of shape ``(B,)``, in nats.

    Raises:
        ValueError: K is not an integer of at least 2, chunk or steps is not a positive integer, lr
            is not a positive number, x does not fit, or a ``log_evidence`` that is none of these.
        TypeError: q returns no Gaussian; for ``"ais"``, also a prior that ``ais`` refuses.

    Source: Cremer et al. (2018), section 3.
    """
    check_integer(K, "K", least=2)
    check_integer(steps, "steps")
    check_number(lr, "lr")
    if isinstance(log_evidence, Tensor):
        check_tensor(log_evidence, "log_evidence", *log_evidence.shape)
    with checked_data(model, x):
        q_z = encode(q, x, model=model)
        best = _best_of_family(model, q_z, x, steps, lr)
        sizes = split_samples(K, chunk)
        log_w = torch.cat([_log_weights_both(model, (q_z, best), x, size) for size in sizes], 1)
        log_p, log_p_se = _log_evidence(model, best, x, K, chunk, log_evidence)
    elbo, elbo_best = log_w.mean(1)
    elbo_se, best_se, difference_se = torch.cat([log_w, log_w.diff(dim=0)]).std(1) / math.sqrt(K)
    approximation, amortisation = log_p - elbo_best, elbo_best - elbo
    return GapLedger(
        log_evidence=log_p,
        elbo=elbo,
        elbo_best=elbo_best,
        gap=approximation + amortisation,
        approximation=approximation,
        amortisation=amortisation,
        gap_se=torch.hypot(log_p_se, elbo_se),
        approximation_se=torch.hypot(log_p_se, best_se),
        amortisation_se=difference_se,
    )


def _best_of_family(
    model: Model, q_z: Distribution, x: Tensor, steps: int, lr: float
) -> Distribution:
    """The Gaussian of q's kind with the greatest ELBO, for each datum, by Adam from q on."""
    free = [p.detach().clone().requires_grad_() for p in _parameters(q_z)]
    # A short memory of squared gradients: those of a q that starts far away would slow all that
    # follows.
    optimiser = torch.optim.Adam(free, lr=lr, betas=(0.9, 0.95))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
        with torch.enable_grad():
            q_free = _gaussian(*free)
            z = draw(q_free, 10)
            bound = (evaluate_log_joint(model, x, z) - log_path_density(q_free, z)).mean(0)
            # Not backward(): the model's own parameters must not collect a gradient.
            gradients = torch.autograd.grad(-bound.sum(), free)
        for parameter, gradient in zip(free, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
    if not all(p.isfinite().all() for p in free):
        raise ValueError(
            f"lr must be a step size with which the best q can be found; it diverged with {lr}"
        )
    return _gaussian(*(p.detach() for p in free))


def _parameters(q_z: Distribution) -> list[Tensor]:
    """Mean and log σ. A full covariance also has a Cholesky factor; its lower part is used."""
    if isinstance(q_z, MultivariateNormal):
        return [q_z.mean, q_z.scale_tril.diagonal(dim1=-2, dim2=-1).log(), q_z.scale_tril]
    if (
        isinstance(q_z, Independent)
        and isinstance(q_z.base_dist, Normal)
        and len(q_z.event_shape) == 1
    ):
        return [q_z.mean, q_z.stddev.log()]
    raise TypeError(
        f"gap_ledger needs a q of Independent(Normal, 1) or MultivariateNormal; got {q_z}"
    )


def _gaussian(mean: Tensor, log_sigma: Tensor, factor: Tensor | None = None) -> Distribution:
    if factor is None:
        return Independent(Normal(mean, log_sigma.exp(), validate_args=False), 1)
    scale_tril = factor.tril(-1) + torch.diag_embed(log_sigma.exp())
    return MultivariateNormal(mean, scale_tril=scale_tril, validate_args=False)


def _log_weights_both(
    model: Model, both: tuple[Distribution, Distribution], x: Tensor, K: int
) -> Tensor:
    """Log-weights from two Gaussians with the same noise, shape (2, K, B)."""
    noise = torch.randn_like(both[0].mean.expand(K, -1, -1))
    log_w = []
    for q_z in both:
        if isinstance(q_z, MultivariateNormal):
            z = q_z.mean + (q_z.scale_tril @ noise[..., None])[..., 0]
        else:
            z = q_z.mean + q_z.stddev * noise
        log_w.append(evaluate_log_joint(model, x, z) - q_z.log_prob(z))
    return torch.stack(log_w)


def _log_evidence(
    model: Any, best: Distribution, x: Tensor, K: int, chunk: int, given: Tensor | str | None
) -> tuple[Tensor, Tensor]:
    """log p(x) and its standard error."""
    has_exact = hasattr(model, "log_evidence")
    if isinstance(given, Tensor) and given.shape == x.shape[:1]:
        if given.device != x.device:
            raise TypeError(
                f"log_evidence must be on {x.device}, as x is; got one on {given.device}"
            )
        return given, torch.zeros_like(given)
    if given is None:
        given = "exact" if has_exact else "ais"
    if given == "exact" and has_exact:
        log_p = model.log_evidence(x)
        return log_p, torch.zeros_like(log_p)
    if given == "ais":
        log_p, se = ais(model, x, return_se=True)
        return log_p, se
    if given == "importance":
        return estimate_log_evidence(model, best, x, K, chunk)[:2]
    raise ValueError(
        f"log_evidence must be 'exact' (the model must have it), 'ais', 'importance' or "
        f"a tensor of shape ({x.shape[0]},); got {quote(given)}"
    )
