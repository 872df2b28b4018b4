"""Checks of the exercises of chapter 5 about bounds: importance-weighted bounds, their gradients, and log p(x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, named_values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import ScriptedEncoder, bound_and_gradients, bound_case
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = [
    "check_iwae",
    "check_iwae_dreg",
    "check_log_likelihood",
]


def _far_case(K: int) -> Case:
    """The model that can be worked by hand, with a datum whose density underflows."""
    case = bound_case(K, 1, 1, 1)
    model, q, x, _ = case.args
    return Case((model, q, 40 * x, K), case.said.replace("x = 2", "x = 80"))


def _iwae(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int) -> Tensor:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_p = model.log_joint(x, z)
    log_q = q_z.log_prob(z)
    log_w = log_p - log_q
    return torch.logsumexp(log_w, 0) - math.log(K)


IWAE_BOUND = "torch.logsumexp(log_w, 0) - math.log(K)"
WITHOUT_PRIOR = ("model.log_joint(x, z)", "model.log_joint(x, z) - model.prior().log_prob(z)")
KL = "torch.distributions.kl_divergence(q_z, model.prior())"
LOSSES = "(-log_w).softmax(0)"

IWAE = Exercise(
    name="iwae",
    number="5.3",
    solution=_iwae,
    slips=(
        Slip("log-of-mean-of-logs", ((IWAE_BOUND, "log_w.mean(0)"),), "It is the ELBO, whatever K is."),
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("no-maximum", ((IWAE_BOUND, "log_w.exp().mean(0).log()"),)),
        Slip("log-q-missing", (("log_p - log_q", "log_p"),)),
        Slip("prior-missing", (WITHOUT_PRIOR,), "The weights must be p(x, z) / q(z|x)."),
        Slip("analytic-kl-in-weights", (WITHOUT_PRIOR, ("log_p - log_q", f"log_p - {KL}"))),
        Slip("sample-for-rsample", (("rsample", "sample"),)),
        Slip("wrongly-detached", (("q_z.log_prob(z)", "q_z.log_prob(z).detach()"),)),
        Slip("wrongly-detached", ((IWAE_BOUND, f"({IWAE_BOUND}).detach()"),), "Nothing could be trained by it."),
        Slip("surrogate-returned", ((IWAE_BOUND, "(log_w.softmax(0).detach() * log_w).sum(0)"),)),
        Slip("weights-not-detached", ((IWAE_BOUND, "(log_w.softmax(0) * log_w).sum(0)"),), "And it is no bound."),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES} * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES}.detach() * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, "math.log(K) - torch.logsumexp(-log_w, 0)"),)),
        Slip("wrong-axis", ((IWAE_BOUND, "torch.logsumexp(log_w, 1) - math.log(len(x))"),)),
        Slip(
            "one-noise-for-all",
            (("rsample((K,))", "rsample((1,)).expand(K, -1, -1)"),),
            "It is the ELBO, whatever K is.",
        ),
        Slip("data-inside-the-log", (("(log_w, 0)", "(log_w.sum(1), 0)"),)),
        Slip("sum-over-data", ((IWAE_BOUND, f"({IWAE_BOUND}).mean()"),)),
        Slip("sum-over-data", ((IWAE_BOUND, f"({IWAE_BOUND}).sum()"),)),
    ),
    hand=(bound_case(1, 1, 1, 1), bound_case(2, 1, 1, 1), bound_case(3, 2), _far_case(2)),
    draw=lambda: [bound_case(4, 3)],
    verified="Value and gradients agree with the definition, on a model that can be worked by hand and on fresh ones, "
    "also where every weight underflows.",
    place=PLACES["bound-k"],
    observe=bound_and_gradients,
)


def _iwae_dreg(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int) -> Tensor:
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    log_w = model.log_joint(x, z) - q_bar.log_prob(z)
    w_tilde = log_w.softmax(0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    log_w_bar = torch.logsumexp(log_w, 0) - math.log(K)
    surrogate = (w_tilde * log_w).sum(0)
    bound: Tensor = log_w_bar.detach() + surrogate - surrogate.detach()
    return bound


UNHOOKED = ("w_tilde[..., None] * grad", "grad")

IWAE_DREG = Exercise(
    name="iwae_dreg",
    number="5.4",
    solution=_iwae_dreg,
    slips=(
        Slip("weighted-once", (UNHOOKED,)),
        Slip("score-term-kept", (("Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)", "q_z"),)),
        Slip("model-weighted-twice", (UNHOOKED, ("(w_tilde * log_w)", "(w_tilde**2 * log_w)"))),
        Slip("weighted-thrice", (("w_tilde[..., None] * grad", "w_tilde[..., None] ** 2 * grad"),)),
        Slip("surrogate-returned", (("return bound", "return surrogate"),)),
        Slip("weights-not-detached", (("log_w.softmax(0).detach()", "log_w.softmax(0)"),)),
        Slip("sample-for-rsample", (("q_z.rsample((K,))", "q_z.sample((K,)).requires_grad_()"),)),
        Slip("wrongly-detached", (("q_bar.log_prob(z)", "q_bar.log_prob(z.detach())"),)),
        Slip("log-of-mean-of-logs", (("torch.logsumexp(log_w, 0) - math.log(K)", "log_w.mean(0)"),)),
        Slip(
            "log-of-mean-of-logs",
            (
                ("torch.logsumexp(log_w, 0) - math.log(K)", "log_w.mean(0)"),
                UNHOOKED,
                ("log_w.softmax(0)", "torch.full_like(log_w, 1 / K)"),
            ),
            "This is the ELBO with the gradient that sticks the landing.",
        ),
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("wrong-axis", (("log_w.softmax(0)", "log_w.softmax(1)"),), "The shares of one datum must add up to one."),
    ),
    hand=(bound_case(2, 1, 1, 1), bound_case(3, 2)),
    draw=lambda: [bound_case(4, 3)],
    verified="The value and the model's gradient are those of iwae, the encoder's gradient is the doubly "
    "reparameterised one, on a model that can be worked by hand and on fresh ones.",
    place=PLACES["dreg"],
    observe=bound_and_gradients,
)


def _log_likelihood(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int, chunk: int) -> tuple[Tensor, Tensor]:
    q_z, parts = q(x), []
    for start in range(0, K, chunk):
        z = q_z.sample((min(chunk, K - start),))
        parts.append(model.log_joint(x, z) - q_z.log_prob(z))
    log_w = torch.cat(parts).detach()
    estimate = torch.logsumexp(log_w, 0) - math.log(K)
    relative_variance = K * log_w.softmax(0).square().sum(0) - 1
    return estimate, (relative_variance / (K - 1)).sqrt()


def _estimate_and_memory(
    fn: Callable[..., Any], model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int, chunk: int
) -> Seen:
    """For ``observe``: the estimate, its standard error, and by how much a single draw was larger than the chunk."""
    seen = named_values("estimate", "standard error")(fn, model, q, x, K, chunk)
    return seen | {"number of samples beyond the chunk": torch.tensor(max(q.largest - chunk, 0))}


def _chunked(case: Case, chunk: int) -> Case:
    return Case((*case.args, chunk), f"{case.said}, chunk = {chunk}")


EACH_CHUNK = "torch.stack([part.logsumexp(0) - math.log(len(part)) for part in parts])"
SHARES = "log_w.exp() / log_w.exp().sum(0)"

LOG_LIKELIHOOD = Exercise(
    name="log_likelihood",
    number="5.7",
    solution=_log_likelihood,
    slips=(
        Slip("elbo-reported", ((IWAE_BOUND, "log_w.mean(0)"),)),
        Slip("log-of-mean-of-logs", ((IWAE_BOUND, f"{EACH_CHUNK}.mean(0)"),), "The bound is that of one chunk."),
        Slip("chunks-alike", ((IWAE_BOUND, f"{EACH_CHUNK}.logsumexp(0) - math.log(len(parts))"),)),
        Slip("last-chunk", (("torch.cat(parts)", "parts[-1]"),)),
        Slip("last-chunk", (("torch.cat(parts)", "parts[-1]"), ("log(K)", "log(len(log_w))"))),
        Slip("fewer-samples", (("range(0, K, chunk)", "range(0, K - chunk + 1, chunk)"),)),
        Slip("fewer-samples", (("    q_z, parts", "    K = K // chunk * chunk\n    q_z, parts"),)),
        Slip("more-samples", (("(min(chunk, K - start),)", "(chunk,)"),)),
        Slip("more-samples", (("    q_z, parts", "    K = -(-K // chunk) * chunk\n    q_z, parts"),)),
        Slip("chunk-ignored", (("range(0, K, chunk)", "range(0, K, K)"), ("min(chunk, K - start)", "K"))),
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("no-maximum", ((IWAE_BOUND, "log_w.exp().mean(0).log()"), ("log_w.softmax(0)", f"({SHARES})"))),
        Slip("se-of-logs", (("(relative_variance / (K - 1)).sqrt()", "log_w.std(0) / K**0.5"),)),
        Slip("deviation-for-error", (("(relative_variance / (K - 1))", "(relative_variance * K / (K - 1))"),)),
        Slip("absolute-error", (("(relative_variance / (K - 1)).sqrt()", "log_w.exp().std(0) / K**0.5"),)),
        Slip("variance-for-sigma", ((".sqrt()", ""),), "It is the square of the standard error."),
        Slip("k-for-k-minus-one", (("/ (K - 1)", "/ K"),)),
    ),
    hand=(
        _chunked(bound_case(2, 1, 1, 1), 2),
        _chunked(bound_case(3, 1, 1, 1), 2),
        _chunked(_far_case(3), 1),
        _chunked(bound_case(7, 2), 3),
    ),
    draw=lambda: [_chunked(bound_case(8, 3), 3)],
    verified="Estimate and standard error agree with exactly K samples in chunks, on a model that can be worked by "
    "hand and on fresh ones, also where every weight underflows.",
    place=PLACES["judging"],
    observe=_estimate_and_memory,
)


def check_iwae(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.3: the importance-weighted bound and its gradients, from a model, an encoder, data and K."""
    return judge(IWAE, fn)


def check_iwae_dreg(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.4: the importance-weighted bound whose encoder gradient is doubly reparameterised."""
    return judge(IWAE_DREG, fn)


def check_log_likelihood(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.7: log p(x) and its standard error from exactly K samples, a chunk at a time."""
    return judge(LOG_LIKELIHOOD, fn)
