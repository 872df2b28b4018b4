"""Annealed importance sampling: log p(x) without an encoder, from below and from above.

Chapter 6 of *Bounding the Evidence*.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaelib._validate import HALF, check_flag, check_integer, check_tensor, describe
from vaelib.evaluate import estimate_standard_error
from vaelib.jensen import log_mean_exp
from vaelib.protocol import Model, checked_data, evaluate_log_joint, get_prior

__all__ = ["ais"]


@torch.no_grad()
def ais(
    model: Model,
    x: Tensor,
    K: int = 16,
    temperatures: int = 1000,
    leapfrog: int = 10,
    z: Tensor | None = None,
    return_se: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Estimate log p(x) by annealed importance sampling, without an encoder.

    .. math:: \log \hat p(x) = \log \frac{1}{K} \sum_{k=1}^{K} \prod_{t=1}^{T}
        p_\theta(x \mid z_{t-1}^k)^{\beta_t - \beta_{t-1}}, \qquad 0 = \beta_0 < \dots < \beta_T = 1

    Equation :eq:`eq-ais`. Every chain starts at the prior. A Hamiltonian transition makes
    :math:`z_t` from :math:`z_{t-1}`; it leaves :math:`p(z)\,p_\theta(x \mid z)^{\beta_t}` as it is.
    The average is an unbiased estimate of p(x), so its logarithm is a lower bound in expectation.

    A preliminary run, with chains of its own, sets the step sizes and the temperatures: an
    acceptance of 0.8 for each temperature and datum, and equal variation of the log-likelihood from
    each temperature to the next, on average over the data. Both then stay fixed, so the estimate
    stays unbiased.

    With ``z``, an exact posterior sample for each x, the chains run in reverse. Then minus the
    logarithm of the mean of 1/w is an upper bound in expectation. Only simulated data have such a
    z, ``x, z = model.sample(n)``; there the two runs enclose the truth.

    The standard error is that of the delta method. It leaves out the bias, about half its square.
    If the chains are too few or too fast to see the large weights, the standard error is too small,
    and so is the estimate. In reverse it is too small more often: 1/w has a longer tail, and the
    draw of a z that all chains share is left out.

    Args:
        model: the joint, p(x, z), differentiable in z; its prior has a density on all of
            :math:`\mathbb{R}^Z`.
        x: data, shape ``(B, X)``.
        K: how many chains for each datum; all are in memory at a time.
        temperatures: T. Memory does not grow with it, but for one step size for each of T
            temperatures and B data.
        leapfrog: how many leapfrog steps make a transition.
        z: None, or posterior samples to start the reverse chains at, shape ``(B, Z)`` or ``(K, B,
            Z)``.
        return_se: whether the standard error is returned too; then K must be at least 2.

    Returns:
        shape ``(B,)``, in nats; with ``return_se`` a pair of such tensors.

    Raises:
        ValueError: K, temperatures or leapfrog is not a positive integer, K = 1 with ``return_se``,
            or x or z does not fit.
        TypeError: the model does not honour the protocol, or its prior is discrete, has no density
            on all of :math:`\mathbb{R}^Z`, or draws in half precision, in which chains stand still.

    Source: Neal (2001); Wu et al. (2017), section 3; Grosse et al. (2015) for the reverse chains.
    """
    check_flag(return_se, "return_se")
    check_integer(K, "K", least=2 if return_se else 1)
    check_integer(temperatures, "temperatures")
    check_integer(leapfrog, "leapfrog")
    if isinstance(z, Tensor):
        check_tensor(z, "z", *z.shape)
    with checked_data(model, x):
        path = _Path(model, x)
        start = path.start(K) if z is None else path.start_at(z, K)
        betas, steps = _preliminary_run(path, temperatures, leapfrog)
        if z is not None:
            betas, steps = betas.flip(0), steps.flip(0)
        # In reverse these are log 1/w, because every factor of the weight is turned over.
        log_w = _anneal(path, start, betas, steps, leapfrog)
    log_p = log_mean_exp(log_w) if z is None else -log_mean_exp(log_w)
    if not return_se:
        return log_p
    return log_p, estimate_standard_error(
        torch.logsumexp(log_w, 0), torch.logsumexp(2 * log_w, 0), K
    )


class _Path:
    """The densities p(z) p(x | z)^beta, from the prior (beta = 0) to the posterior (beta = 1)."""

    def __init__(self, model: Model, x: Tensor) -> None:
        self.model, self.x = model, x
        self.prior = get_prior(model)
        if not _on_whole_space(self.prior):
            raise TypeError(
                f"ais needs a model whose prior has a density on all of R^Z; got {self.prior}"
            )

    def over_event(self, values: Tensor) -> Tensor:
        """One number for each chain and datum, (K, B), as wide as a latent, (K, B, 1, ...)."""
        return values.reshape(values.shape + (1,) * len(self.prior.event_shape))

    def start(self, K: int) -> Tensor:
        z = self.prior.sample((K, self.x.shape[0]))
        if z.dtype in HALF:
            raise TypeError(f"ais needs latents of torch.float32 or torch.float64; got {z.dtype}")
        return z

    def start_at(self, z: Tensor, K: int) -> Tensor:
        each = torch.Size([self.x.shape[0], *self.prior.event_shape])
        shared = torch.Size([K, *each])
        if not isinstance(z, Tensor) or z.shape not in (each, shared):
            raise ValueError(
                f"z must have shape {tuple(each)} or {tuple(shared)}; got {describe(z)}"
            )
        if z.device != self.x.device:
            raise TypeError(f"z must be on {self.x.device}, as x is; got one on {z.device}")
        return z.expand(shared)

    def log_p_x_given_z(self, z: Tensor) -> Tensor:
        return evaluate_log_joint(self.model, self.x, z) - self.prior.log_prob(z)

    def log_density(self, z: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """log p(z) + beta log p(x | z), and its gradient in z."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            log_density = self.prior.log_prob(z) + beta * self.log_p_x_given_z(z)
            (gradient,) = torch.autograd.grad(log_density.sum(), z)
        return log_density.detach(), gradient


def _on_whole_space(prior: Distribution) -> bool:
    try:
        support = prior.support
    except NotImplementedError:  # a distribution of the user's own need not say
        return True
    z = prior.sample()
    return all(bool(support.check(z + far).all()) for far in (-1e4, 1e4))  # type: ignore[union-attr]


def _anneal(path: _Path, z: Tensor, betas: Tensor, steps: Tensor, leapfrog: int) -> Tensor:
    """The log-weights of chains through these temperatures, shape (K, B)."""
    log_w = betas[0].new_zeros(())
    for t in range(1, len(betas)):
        # The transition at the last temperature would come after the last factor of the weight.
        log_w = log_w + (betas[t] - betas[t - 1]) * path.log_p_x_given_z(z)
        if t < len(betas) - 1:
            z, _ = _transition(path, z, betas[t], steps[t - 1], leapfrog)
    return log_w


def _preliminary_run(path: _Path, temperatures: int, leapfrog: int) -> tuple[Tensor, Tensor]:
    """T + 1 temperatures from 0 to 1, and step sizes for the T - 1 inner ones, shape (T - 1, B)."""
    z = path.start(8)
    # A power of four crowds the temperatures where the posterior forms; the run itself says where
    # that is.
    betas = torch.linspace(0, 1, temperatures + 1).to(z) ** 4
    log_step = z.new_zeros(z.shape[1])
    for _ in range(20):
        z, log_step = _adapted(path, z, betas[1], log_step, leapfrog)
    log_steps, spreads = [log_step], [path.log_p_x_given_z(z).std(0)]
    for beta in betas[1:]:
        z, log_step = _adapted(path, z, beta, log_step, leapfrog)
        log_steps.append(log_step)
        spreads.append(path.log_p_x_given_z(z).std(0))
    return _equal_lengths(betas, torch.stack(spreads), torch.stack(log_steps))


def _equal_lengths(betas: Tensor, spreads: Tensor, log_steps: Tensor) -> tuple[Tensor, Tensor]:
    """Temperatures between which the log-likelihood varies equally much, with their step sizes."""
    temperatures = len(betas) - 1
    # The floor is for a decoder that ignores z; not a number are spreads of likelihoods that
    # underflow.
    spread = spreads.nan_to_num(0, posinf=0).median(1).values.clamp(min=1e-6)
    length = torch.cat([betas[:1], ((spread[1:] + spread[:-1]) / 2 * betas.diff()).cumsum(0)])
    wanted = torch.linspace(0, 1, temperatures + 1).to(betas)[1:-1] * length[-1]
    above = torch.searchsorted(length, wanted).clamp(1, temperatures)
    part = (wanted - length[above - 1]) / (length[above] - length[above - 1])
    inner = torch.lerp(betas[above - 1], betas[above], part)
    steps = torch.lerp(log_steps[above - 1], log_steps[above], part[:, None]).exp()
    return torch.cat([betas[:1], inner, betas[-1:]]), steps


def _adapted(
    path: _Path, z: Tensor, beta: Tensor, log_step: Tensor, leapfrog: int
) -> tuple[Tensor, Tensor]:
    z, acceptance = _transition(path, z, beta, log_step.exp(), leapfrog)
    return z, log_step + acceptance.mean(0) - 0.8


def _transition(
    path: _Path, z: Tensor, beta: Tensor, step: Tensor, leapfrog: int
) -> tuple[Tensor, Tensor]:
    """Hamiltonian Monte Carlo: the next latents, and the probabilities (K, B) to accept them."""
    log_density, gradient = path.log_density(z, beta)
    momentum = torch.randn_like(z)
    start, proposal = log_density - _kinetic_energy(momentum), z
    # A length that varies keeps the chains from going round in whole orbits.
    step = path.over_event(step * (1 - 0.2 * torch.rand_like(log_density)))
    inside = _inside(log_density, gradient)
    for _ in range(leapfrog):
        momentum = momentum + step / 2 * gradient
        # A trajectory that has left the numbers stops and is refused. So would its reverse be.
        proposal = torch.where(path.over_event(inside), proposal + step * momentum, proposal)
        log_density, gradient = path.log_density(proposal, beta)
        momentum = momentum + step / 2 * gradient
        inside = inside & _inside(log_density, gradient)
    log_ratio = log_density - _kinetic_energy(momentum) - start
    acceptance = torch.where(inside, log_ratio, -math.inf).clamp(max=0).exp()
    accepted = torch.rand_like(acceptance) < acceptance
    return torch.where(path.over_event(accepted), proposal, z), acceptance


def _kinetic_energy(momentum: Tensor) -> Tensor:
    return momentum.square().flatten(2).sum(-1) / 2


def _inside(log_density: Tensor, gradient: Tensor) -> Tensor:
    largest = math.sqrt(torch.finfo(log_density.dtype).max)
    return (log_density > -largest) & gradient.isfinite().flatten(2).all(-1)
