"""Honest evaluation: log p(x) of a trained model, and what its latents do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaelib.elbo import Encoder, Model, _check_data, _proxy, elbo_stl, log_weights
from vaelib.iwae import _sizes
from vaelib.jensen import log_mean_exp
from vaelib.kernels import only_inputs
from vaelib.latent import _got, _likelihood, _log_joint, _positive_int, _prior

__all__ = [
    "GapLedger",
    "active_units",
    "ais",
    "gap_ledger",
    "interpolate",
    "log_likelihood",
    "reconstruct",
]


@torch.no_grad()
def log_likelihood(
    model: Model,
    q: Encoder,
    x: Tensor,
    K: int = 5000,
    chunk: int | None = None,
    return_se: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Estimate log p(x) by importance sampling from q, in memory that does not grow with K.

    .. math:: \log \hat p(x) = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p_\theta(x, z_k)}{q_\phi(z_k \mid x)}

    Its expectation is the bound :math:`\mathcal{L}_K(x) \le \log p_\theta(x)`. The standard error is that of the
    delta method; it means something only where the weights have a finite variance, and it does not include the
    bias, about half its square. Equation :eq:`eq-log-likelihood`.

    Args:
        model: the joint, p(x, z).
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum, exactly.
        chunk: how many samples are in memory at a time; None: as many as make some 4,000 pairs with the data.
        return_se: whether the standard error is returned too; then K must be at least 2.

    Returns:
        shape ``(B,)``, in nats; with ``return_se`` a pair of such tensors.

    Raises:
        ValueError: K or chunk is not a positive integer, K = 1 with ``return_se``, or x does not fit.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5; Wu et al. (2017).
    """
    if return_se and K == 1:
        raise ValueError("K must be at least 2 for a standard error; got 1")
    q_z = _proxy(q, x)
    log_sum = log_sum_of_squares = torch.tensor(-math.inf)
    for size in _sizes(K, max(1, 4000 // len(x)) if chunk is None else chunk):
        log_w = log_weights(model, lambda _: q_z, x, size)
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, 0))
        log_sum_of_squares = torch.logaddexp(log_sum_of_squares, torch.logsumexp(2 * log_w, 0))
    log_p = log_sum - math.log(K)
    if not return_se:
        return log_p
    return log_p, _standard_error(log_sum, log_sum_of_squares, K)


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
    r"""Estimate log p(x) by annealed importance sampling, a second opinion that asks no encoder.

    .. math:: \log \hat p(x) = \log \frac{1}{K} \sum_{k=1}^{K} \prod_{t=1}^{T}
        p_\theta(x \mid z_{t-1}^k)^{\beta_t - \beta_{t-1}}, \qquad 0 = \beta_0 < \dots < \beta_T = 1

    Equation :eq:`eq-ais`. Every chain starts at the prior; a Hamiltonian transition that leaves
    :math:`p(z)\,p_\theta(x \mid z)^{\beta_t}` as it is makes :math:`z_t` from :math:`z_{t-1}`. The average is
    an unbiased estimate of p(x), so its logarithm is a lower bound in expectation. A preliminary run with chains of
    its own sets the step sizes (for each temperature and datum, towards an acceptance of 0.8) and the temperatures
    (the log-likelihood varies equally much from each to the next, on average over the data); both then stay
    fixed, so adaptation takes nothing from what is said here.

    With ``z``, an exact posterior sample for each x, the chains run in reverse, and minus the logarithm of the mean
    of 1/w is an upper bound in expectation. Only simulated data have such a z, ``x, z = model.sample(n)``; there the
    two runs sandwich the truth.

    The standard error is that of the delta method. It does not include the bias, about half its square, and where
    the chains are too few or too fast to have seen the large weights it is too small, like the estimate. In reverse
    it is rather too small, for 1/w has the longer tail, and it leaves out the draw of a z that the chains share.

    Args:
        model: the joint, p(x, z), differentiable in z; its prior has a density on all of :math:`\mathbb{R}^Z`.
        x: data, shape ``(B, X)``.
        K: how many chains for each datum; all are in memory at a time.
        temperatures: T. Memory does not grow with it, but for one step size for each of T temperatures and B data.
        leapfrog: how many leapfrog steps make a transition.
        z: None, or posterior samples to start the reverse chains at, shape ``(B, Z)`` or ``(K, B, Z)``.
        return_se: whether the standard error is returned too; then K must be at least 2.

    Returns:
        shape ``(B,)``, in nats; with ``return_se`` a pair of such tensors.

    Raises:
        ValueError: K, temperatures or leapfrog is not a positive integer, K = 1 with ``return_se``, or x or z does
            not fit.
        TypeError: the model does not honour the protocol, or its prior is discrete or has no density on all of
            :math:`\mathbb{R}^Z`.

    Source: Neal (2001); Wu et al. (2017), section 3; Grosse et al. (2015) for the reverse chains.
    """
    for name, value in {"K": K, "temperatures": temperatures, "leapfrog": leapfrog}.items():
        _positive_int(value, name)
    if return_se and K == 1:
        raise ValueError("K must be at least 2 for a standard error; got 1")
    path = _Path(model, x)
    start = path.start(K) if z is None else path.start_at(z, K)
    betas, steps = _preliminary_run(path, temperatures, leapfrog)
    if z is not None:
        betas, steps = betas.flip(0), steps.flip(0)
    log_w = _anneal(
        path, start, betas, steps, leapfrog
    )  # in reverse log 1/w, for every factor is turned over
    log_p = log_mean_exp(log_w) if z is None else -log_mean_exp(log_w)
    if not return_se:
        return log_p
    return log_p, _standard_error(torch.logsumexp(log_w, 0), torch.logsumexp(2 * log_w, 0), K)


@dataclass(frozen=True)
class GapLedger:
    """Where the ELBO of each datum loses against log p(x): every entry has shape ``(B,)``, in nats.

    Attributes:
        log_evidence: log p(x), exact or estimated.
        elbo: the ELBO of the encoder.
        elbo_best: the ELBO of the best distribution in the encoder's family, for each datum on its own.
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
    r"""Split the gap between log p(x) and the ELBO into what the family and what the encoder is to blame for.

    .. math:: \log p_\theta(x) - \mathcal{L}[q_\phi]
        = \underbrace{\log p_\theta(x) - \mathcal{L}[q^*]}_\text{approximation}
        + \underbrace{\mathcal{L}[q^*] - \mathcal{L}[q_\phi]}_\text{amortisation},
        \qquad q^* = \arg\max_{q \in \mathcal{Q}} \mathcal{L}[q]

    with :math:`\mathcal{Q}` the encoder's own family, here the Gaussians, diagonal or full as the encoder's are, and
    θ fixed. :math:`q^*` is found by Adam for each datum, from the encoder's answer on; both ELBOs are then evaluated
    with the same, fresh noise. An optimum that was missed makes the approximation gap too large and the
    amortisation gap too small; an estimate of log p(x), which is low on average, makes the approximation gap too
    small. Equation :eq:`eq-gap-ledger`.

    Args:
        model: the joint, p(x, z).
        q: the encoder, whose answer is an ``Independent`` of ``Normal`` or a ``MultivariateNormal``.
        x: data, shape ``(B, X)``.
        K: how many samples evaluate each ELBO (and estimate log p(x), if that is by ``"importance"``).
        chunk: how many samples are in memory at a time.
        steps: how many steps of Adam find the best q.
        lr: the step size of the first of them, in units of z and of log σ; it falls to zero along half a cosine.
        log_evidence: ``"exact"``, the model's own; ``"ais"``, by :func:`ais`; ``"importance"``, by
            :func:`log_likelihood` from the best q; or a tensor, shape ``(B,)``, from elsewhere, taken as exact. None
            is ``"exact"`` for a model that has a ``log_evidence`` and otherwise ``"ais"``, which does not depend on
            how well the family fits.

    Returns:
        the :class:`GapLedger`, of entries of shape ``(B,)``, in nats.

    Raises:
        ValueError: K is not an integer of at least 2, chunk or steps is not a positive integer, lr is not a positive
            number, x does not fit, or a ``log_evidence`` that is none of these.
        TypeError: q returns no Gaussian; for ``"ais"``, also a prior that :func:`ais` refuses.

    Source: Cremer et al. (2018), section 3.
    """
    if _positive_int(K, "K") == 1:
        raise ValueError("K must be at least 2 for standard errors; got 1")
    q_z = _proxy(q, x)
    best = _best_of_family(model, q_z, x, _positive_int(steps, "steps"), lr)
    log_w = torch.cat(
        [_log_weights_both(model, (q_z, best), x, size) for size in _sizes(K, chunk)], 1
    )
    log_p, log_p_se = _log_evidence(model, best, x, K, chunk, log_evidence)
    elbo, elbo_best = log_w.mean(1)
    elbo_se, best_se, difference_se = torch.cat([log_w, log_w.diff(dim=0)]).std(1) / math.sqrt(K)
    approximation, amortisation = log_p - elbo_best, elbo_best - elbo
    parts = (approximation + amortisation, approximation, amortisation)
    errors = (torch.hypot(log_p_se, elbo_se), torch.hypot(log_p_se, best_se), difference_se)
    return GapLedger(log_p, elbo, elbo_best, *parts, *errors)


@torch.no_grad()
def active_units(q: Encoder, x: Tensor, threshold: float = 0.01) -> int:
    r"""How many latent dimensions carry information about x.

    .. math:: \#\left\{ i : \operatorname{Var}_x\left( \mathbb{E}_{q_\phi(z \mid x)}[z_i] \right)
        > \text{threshold} \right\}

    Equation :eq:`eq-active-units`.

    Args:
        q: the encoder.
        x: data, shape ``(B, X)``, at least two of them.
        threshold: the variance (over the data, divided by B - 1) above which a unit counts, at least 0.

    Returns:
        the number of active units, from 0 to Z.

    Raises:
        ValueError: fewer than two data, x does not fit q, or the threshold is not a finite number of at least 0.
        TypeError: q does not return a distribution.

    Source: Burda et al. (2016), section 5.2.
    """
    if not (_is_number(threshold) and 0 <= threshold < math.inf):
        raise ValueError(f"threshold must be a finite number, at least 0; got {threshold!r}")
    mean: Tensor = _proxy(q, x).mean
    if mean.shape[0] < 2:
        raise ValueError(f"x must hold at least two data; got {tuple(x.shape)}")
    return int((mean.var(0) > threshold).sum())


@torch.no_grad()
def reconstruct(model: Any, q: Encoder, x: Tensor) -> Tensor:
    r"""The decoder's mean at the encoder's mean: :math:`\mathbb{E}[x \mid z = \mu_\phi(x)]`.

    Equation :eq:`eq-reconstruct`.

    Args:
        model: a model with a ``decoder``.
        q: the encoder.
        x: data, shape ``(B, X)``.

    Returns:
        shape ``(B, X)``.

    Raises:
        ValueError: x does not fit the model or q.
        TypeError: the model has no decoder, or the decoder or q does not return a distribution.
    """
    return _decoded(model, _proxy(q, x).mean)


@torch.no_grad()
def interpolate(model: Any, q: Encoder, x_from: Tensor, x_to: Tensor, n: int) -> Tensor:
    r"""The decoder's means along the straight line between two data's codes.

    .. math:: \mathbb{E}\left[x \mid z = (1 - t)\,\mu_\phi(x_\text{from}) + t\,\mu_\phi(x_\text{to})\right],
        \qquad t = 0, \tfrac{1}{n - 1}, \dots, 1

    Equation :eq:`eq-interpolate`.

    Args:
        model: a model with a ``decoder``.
        q: the encoder.
        x_from: data, shape ``(B, X)``.
        x_to: data, shape ``(B, X)``.
        n: how many points on the line, ends included.

    Returns:
        shape ``(n, B, X)``.

    Raises:
        ValueError: the two shapes differ, n is not a positive integer, or the data do not fit.
        TypeError: the model has no decoder, or the decoder or q does not return a distribution.
    """
    _check_data(x_from, "x_from")
    _check_data(x_to, "x_to")
    if x_from.shape != x_to.shape:
        raise ValueError(
            f"x_from and x_to must have one shape; got {tuple(x_from.shape)}, {tuple(x_to.shape)}"
        )
    start, end = _proxy(q, x_from).mean, _proxy(q, x_to).mean
    t = torch.linspace(0, 1, _positive_int(n, "n"), dtype=start.dtype, device=start.device)[
        :, None, None
    ]
    return _decoded(model, (1 - t) * start + t * end)


def _decoded(model: Any, z: Tensor) -> Tensor:
    """The decoder's mean for each z, shape (*, B, X)."""
    if not hasattr(model, "decoder"):
        raise TypeError(f"model must have a decoder; got {type(model).__name__}")
    return _likelihood(model, z, z.shape[:-1]).mean


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _standard_error(log_sum: Tensor, log_sum_of_squares: Tensor, K: int) -> Tensor:
    """The delta method's, of the log of a mean of K weights, given log Σw and log Σw²."""
    # K Σw²/(Σw)² - 1 is the relative variance of one weight (up to K/(K - 1)); one over ESS/K minus one.
    relative_variance = ((log_sum_of_squares - 2 * log_sum).exp() * K - 1).clamp(min=0)
    return (relative_variance / (K - 1)).sqrt()


class _Path:
    """The densities p(z) p(x | z)^beta, from the prior (beta = 0) to the posterior (beta = 1)."""

    def __init__(self, model: Model, x: Tensor) -> None:
        _check_data(x, "x")
        self.model, self.x, self.prior = model, x, _prior(model)
        if not _on_whole_space(self.prior):
            raise TypeError(
                f"ais needs a model whose prior has a density on all of R^Z; got {self.prior}"
            )

    def start(self, K: int) -> Tensor:
        return self.prior.sample((K, self.x.shape[0]))

    def start_at(self, z: Tensor, K: int) -> Tensor:
        each = torch.Size([self.x.shape[0], *self.prior.event_shape])
        shared = torch.Size([K, *each])
        if not isinstance(z, Tensor) or z.shape not in (each, shared):
            raise ValueError(f"z must have shape {tuple(each)} or {tuple(shared)}; got {_got(z)}")
        return z.expand(shared)

    def log_p_x_given_z(self, z: Tensor) -> Tensor:
        return _log_joint(self.model, self.x, z) - self.prior.log_prob(z)

    def log_density(self, z: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """log p(z) + beta log p(x | z), and its gradient in z."""
        z = z.detach().requires_grad_()
        with torch.enable_grad(), only_inputs():
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
    # A power of four crowds the temperatures where the posterior forms; the run itself says where that is.
    betas = torch.linspace(0, 1, temperatures + 1).to(z) ** 4
    log_step = torch.zeros_like(z[0, :, 0])
    for _ in range(20):
        z, log_step = _adapted(path, z, betas[1], log_step, leapfrog)
    log_steps, spreads = [log_step], [path.log_p_x_given_z(z).std(0)]
    for beta in betas[1:]:
        z, log_step = _adapted(path, z, beta, log_step, leapfrog)
        log_steps.append(log_step)
        spreads.append(path.log_p_x_given_z(z).std(0))
    return _equal_lengths(betas, torch.stack(spreads), torch.stack(log_steps))


def _equal_lengths(betas: Tensor, spreads: Tensor, log_steps: Tensor) -> tuple[Tensor, Tensor]:
    """Temperatures between which the log-likelihood varies equally much, and their step sizes, interpolated."""
    temperatures = len(betas) - 1
    # The floor is for a decoder that ignores z; not a number are spreads of likelihoods that underflow.
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
    """Hamiltonian Monte Carlo: where the chains (K, B, Z) are next, and their acceptance probabilities (K, B)."""
    log_density, gradient = path.log_density(z, beta)
    momentum = torch.randn_like(z)
    start, proposal = log_density - momentum.square().sum(-1) / 2, z
    # A length that varies keeps the chains from going round in whole orbits.
    step = (step * (1 - 0.2 * torch.rand_like(log_density)))[..., None]
    inside = _inside(log_density, gradient)
    for _ in range(leapfrog):
        momentum = momentum + step / 2 * gradient
        # A trajectory that has left the numbers halts and is refused, as its reverse would be.
        proposal = torch.where(inside[..., None], proposal + step * momentum, proposal)
        log_density, gradient = path.log_density(proposal, beta)
        momentum = momentum + step / 2 * gradient
        inside = inside & _inside(log_density, gradient)
    log_ratio = log_density - momentum.square().sum(-1) / 2 - start
    acceptance = torch.where(inside, log_ratio, -math.inf).clamp(max=0).exp()
    accepted = torch.rand_like(acceptance) < acceptance
    return torch.where(accepted[..., None], proposal, z), acceptance


def _inside(log_density: Tensor, gradient: Tensor) -> Tensor:
    return (log_density > -math.sqrt(torch.finfo(log_density.dtype).max)) & gradient.isfinite().all(
        -1
    )


def _best_of_family(
    model: Model, q_z: Distribution, x: Tensor, steps: int, lr: float
) -> Distribution:
    """The Gaussian of q's kind with the greatest ELBO, for each datum, by Adam from q on."""
    if not (_is_number(lr) and 0 < lr < math.inf):
        raise ValueError(f"lr must be a positive number; got {lr!r}")
    free = [p.detach().clone().requires_grad_() for p in _parameters(q_z)]
    # A short memory of squared gradients: those of a q that starts far away would slow all that follows.
    optimiser = torch.optim.Adam(free, lr=lr, betas=(0.9, 0.95))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
        with torch.enable_grad(), only_inputs():
            bound = elbo_stl(model, lambda _: _gaussian(*free), x, 10)
            # Not backward(): the model's own parameters must not collect a gradient.
            gradients = torch.autograd.grad(-bound.sum(), free)
        for parameter, gradient in zip(free, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
    return _gaussian(*(p.detach() for p in free))


def _parameters(q_z: Distribution) -> list[Tensor]:
    """Mean and log σ; of a full covariance also its Cholesky factor, of which the part below the diagonal counts."""
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
        return Independent(Normal(mean, log_sigma.exp()), 1)
    return MultivariateNormal(mean, scale_tril=factor.tril(-1) + torch.diag_embed(log_sigma.exp()))


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
        log_w.append(_log_joint(model, x, z) - q_z.log_prob(z))
    return torch.stack(log_w)


def _log_evidence(
    model: Any, best: Distribution, x: Tensor, K: int, chunk: int, given: Tensor | str | None
) -> tuple[Tensor, Tensor]:
    """log p(x) and its standard error."""
    has_exact = hasattr(model, "log_evidence")
    if isinstance(given, Tensor) and given.shape == x.shape[:1]:
        return given, torch.zeros_like(given)
    if given is None:
        given = "exact" if has_exact else "ais"
    if given == "exact" and has_exact:
        log_p = model.log_evidence(x)
        return log_p, torch.zeros_like(log_p)
    if given in ("ais", "importance"):
        by_ais = given == "ais"
        pair = (
            ais(model, x, return_se=True)
            if by_ais
            else log_likelihood(model, lambda _: best, x, K, chunk, True)
        )
        return pair[0], pair[1]
    got = f"a tensor of shape {tuple(given.shape)}" if isinstance(given, Tensor) else repr(given)
    raise ValueError(
        f"log_evidence must be 'exact' (the model must have it), 'ais', 'importance' or a tensor of shape "
        f"({x.shape[0]},); got {got}"
    )
