"""Checks of the exercises of chapter 5: importance-weighted autoencoders."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vaelib.checks.calling import Refusal
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import ScriptedEncoder, bound_and_gradients, bound_case
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = [
    "check_effective_sample_size",
    "check_iwae",
    "check_iwae_dreg",
    "check_log_likelihood",
    "check_normalized_weights",
    "check_surrogate_limit",
    "check_two_weights",
]


def _weights_case(rows: list[list[float]], said: str) -> Case:
    """Log-weights, given the weights."""
    return Case((torch.tensor(rows, dtype=torch.float64).log(),), said)


FIXED_WEIGHTS = (
    _weights_case([[1.0], [3.0]], "the weights w = [[1], [3]], so log_w = [[0], [log 3]]"),
    _weights_case([[1.0, 2.0], [1.0, 6.0]], "the weights w = [[1, 2], [1, 6]]"),
    Case((torch.tensor([[1000.0], [1000.0]]).double(),), "log_w = [[1000], [1000]]"),
    Case((torch.tensor([[-1000.0], [-1000.0]]).double(),), "log_w = [[-1000], [-1000]]"),
)


def _fresh_weights() -> list[Case]:
    return [Case((2 * torch.randn(5, 3).double(),), "log_w of shape (5, 3)")]


def _normalized_weights(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return w / w.sum(0)


NORMALIZED_WEIGHTS = Exercise(
    name="normalized_weights",
    number="5.1",
    solution=_normalized_weights,
    slips=(
        Slip("no-maximum", (("(log_w - log_w_max).exp()", "log_w.exp()"),)),
        Slip("no-maximum", (("w / w.sum(0)", "(log_w - log_w.exp().sum(0).log()).exp()"),)),
        Slip("wrong-axis", ((".max(0)", ".max(1, keepdim=True)"), ("w.sum(0)", "w.sum(1, keepdim=True)"))),
        Slip("wrong-axis", (("log_w.max(0).values", "log_w.max()"), ("w.sum(0)", "w.sum()"))),
        Slip("softmax-of-losses", (("log_w.max(0)", "-log_w.min(0)"), ("(log_w -", "(-log_w -"))),
        Slip("exponential-twice", (("w / w.sum(0)", "w.softmax(0)"),)),
        Slip("exponential-twice", (("w / w.sum(0)", "log_w.exp().softmax(0)"),)),
        Slip("logs-for-weights", (("w / w.sum(0)", "log_w / log_w.sum(0)"),), "The shares can be negative."),
        Slip("not-normalised", (("w / w.sum(0)", "w"),), "The shares do not add up to one."),
        Slip("mean-for-sum", (("w.sum(0)", "w.mean(0)"),), "The shares add up to K."),
        Slip("log-for-value", (("w / w.sum(0)", "(w / w.sum(0)).log()"),)),
    ),
    hand=FIXED_WEIGHTS,
    draw=_fresh_weights,
    verified="The shares agree with w_k / Σ w_j, datum by datum, and hold for log-weights of ±1000.",
    place=PLACES["count"],
)


def _effective_sample_size(log_w: Tensor) -> Tensor:
    w = (log_w - log_w.max(0).values).exp()
    w_tilde = w / w.sum(0)
    return 1 / w_tilde.square().sum(0)


EFFECTIVE_SAMPLE_SIZE = Exercise(
    name="effective_sample_size",
    number="5.2",
    solution=_effective_sample_size,
    slips=(
        Slip("no-maximum", (("(log_w - log_w.max(0).values).exp()", "log_w.exp()"),)),
        Slip("upside-down", (("1 / w", "w"),)),
        Slip("square-of-sum", ((".square().sum(0)", ".sum(0).square()"),), "It is 1, whatever the weights are."),
        Slip("not-normalised", (("w / w.sum(0)", "w"),)),
        Slip("not-normalised", (("w / w.sum(0)", "log_w.exp()"),)),
        Slip("fraction-for-count", (("1 / w", "1 / len(log_w) / w"),), "Equal weights must give K, not 1."),
        Slip("mean-for-sum", ((".square().sum(0)", ".square().mean(0)"),), "Every value is K times too large."),
        Slip("wrong-axis", (("w / w.sum(0)", "log_w.softmax(1)"), (".square().sum(0)", ".square().sum(1)"))),
        Slip("logs-for-weights", (("w / w.sum(0)", "log_w / log_w.sum(0)"),)),
        Slip("another-count", (("1 / w_tilde.square().sum(0)", "(-(w_tilde * w_tilde.log()).sum(0)).exp()"),)),
        Slip("another-count", (("w_tilde.square().sum(0)", "w_tilde.max(0).values"),)),
        Slip("log-for-value", (("1 / w_tilde.square().sum(0)", "-w_tilde.square().sum(0).log()"),)),
    ),
    hand=FIXED_WEIGHTS,
    draw=_fresh_weights,
    verified="It agrees with (Σ w)² / Σ w², datum by datum, and holds for log-weights of ±1000.",
    place=PLACES["count"],
)


def _far_case(K: int) -> Case:
    """The model that can be worked by hand, with a datum whose density underflows."""
    model, q, x, _ = bound_case(K, 1, 1, 1).args
    return Case((model, q, 40 * x, K), f"the same model with x = 80 and K = {K}")


def _iwae(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int) -> Tensor:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_p = model.log_joint(x, z)
    log_q = q_z.log_prob(z)
    log_w = log_p - log_q
    return torch.logsumexp(log_w, 0) - math.log(K)


IWAE_BOUND = "torch.logsumexp(log_w, 0) - math.log(K)"
WITHOUT_PRIOR = ("model.log_joint(x, z)", "model.log_joint(x, z) - model.prior().log_prob(z)")
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
        Slip("analytic-kl-in-weights", (WITHOUT_PRIOR, ("log_p - log_q", "log_p - kl_divergence(q_z, model.prior())"))),
        Slip("sample-for-rsample", (("rsample", "sample"),)),
        Slip("wrongly-detached", (("q_z.log_prob(z)", "q_z.log_prob(z).detach()"),)),
        Slip("surrogate-returned", ((IWAE_BOUND, "(log_w.softmax(0).detach() * log_w).sum(0)"),)),
        Slip("weights-not-detached", ((IWAE_BOUND, "(log_w.softmax(0) * log_w).sum(0)"),), "And it is no bound."),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES} * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES}.detach() * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, "math.log(K) - torch.logsumexp(-log_w, 0)"),)),
        Slip("wrong-axis", ((IWAE_BOUND, "torch.logsumexp(log_w, 1) - math.log(len(x))"),)),
        Slip("one-noise-for-all", (("q_z.rsample((K,))", "q_z.rsample((1,)).expand(K, -1, -1)"),)),
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
    return log_w_bar.detach() + surrogate - surrogate.detach()


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
        Slip("surrogate-returned", (("log_w_bar.detach() + surrogate - surrogate.detach()", "surrogate"),)),
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


def _named(*names: str) -> Callable[..., Seen]:
    """For ``observe``: the parts of what a function returns, by name."""

    def observe(fn: Callable[..., Any], *args: Any) -> Seen:
        returned = fn(*args)
        if not isinstance(returned, tuple | list | Tensor) or len(returned) != len(names):
            raise Refusal(f"the function must return {len(names)} things, in this order: {', '.join(names)}.")
        return {name: values(lambda part=part: part)["value"] for name, part in zip(names, returned, strict=True)}

    return observe


def _two_weights(d: float) -> tuple[float, float, float]:
    L_1 = 0.5 * math.log(1 - d**2)
    L_2 = L_1 / 2
    chi2 = d**2
    return L_1, L_2, 1 / (1 + chi2)


TWO_WEIGHTS = Exercise(
    name="two_weights",
    number="5.5",
    solution=_two_weights,
    slips=(
        Slip("log-of-mean-of-logs", (("L_1 / 2", "L_1"),), "Your L₂ is L₁: two logarithms, each of one weight."),
        Slip("half-missing", (("0.5 * math.log", "math.log"),), "Each of the two weights has the probability ½."),
        Slip("log-k-missing", (("L_1 / 2", "L_1 / 2 + math.log(2)"),), "Your L₂ lies above log p(x) = 0."),
        Slip("outcomes-miscounted", (("L_1 / 2", "L_1 * 2 / 3"),), "Two weights differ with probability ½."),
        Slip("sign-flipped", (("return L_1, L_2,", "return -L_1, -L_2,"),), "These are the gaps, log p(x) − L."),
        Slip(
            "approximation-for-exact",
            (("0.5 * math.log(1 - d**2)", "-(d**2) / 2"),),
            "These are −χ²/2K; the gap is larger.",
        ),
        Slip("approximation-for-exact", (("1 / (1 + chi2)", "1 - chi2"),), "It is 1/(1 + χ²) up to first order."),
        Slip("base-2", (("math.log(", "math.log2("),), "Every bound is 1.4427 times what it should be."),
        Slip("sigma-for-variance", (("chi2 = d**2", "chi2 = d"),)),
        Slip("moment-for-variance", (("chi2 = d**2", "chi2 = 1 + d**2"),)),
        Slip("upside-down", (("1 / (1 + chi2)", "1 + chi2"),), "The share of the samples cannot exceed one."),
        Slip("fraction-for-count", (("1 / (1 + chi2)", "2 / (1 + chi2)"),), "The share cannot exceed one."),
    ),
    hand=(Case((0.6,), "d = 0.6"),),
    draw=lambda: [Case((torch.empty(()).uniform_(0.1, 0.9).item(),), "d drawn afresh")],
    verified="Both bounds and the limit agree with the closed forms, for d = 0.6 and for d drawn afresh.",
    place=PLACES["bound-k"],
    observe=_named("L_1", "L_2", "limit of ESS/K"),
)


def _surrogate_limit(log_p: float, mean_p: float, s_p: float, mean_q: float, s_q: float) -> float:
    r, delta = s_p / s_q, (mean_p - mean_q) / s_q
    kl = 0.5 * (r**2 + delta**2 - 1 - 2 * math.log(r))
    return log_p + kl


SECOND_MOMENT = "math.log(s_q**2 / s_p / A**0.5) + (mean_p - mean_q)**2 / A"


def _fresh_surrogate() -> list[Case]:
    log_p, mean_p, s_p, mean_q, ratio = (torch.rand(5).double() + 0.5).tolist()
    return [Case((-3 * log_p, mean_p, s_p, -mean_q, s_p * (ratio + 0.5)), "numbers drawn afresh")]


SURROGATE_LIMIT = Exercise(
    name="surrogate_limit",
    number="5.6",
    solution=_surrogate_limit,
    slips=(
        Slip("kl-reversed", (("s_p / s_q, (mean_p - mean_q) / s_q", "s_q / s_p, (mean_p - mean_q) / s_p"),)),
        Slip("wrong-side", (("log_p + kl", "log_p - kl"),)),
        Slip("kl-missing", (("log_p + kl", "log_p"),), "It is where the bound goes, not the surrogate."),
        Slip("evidence-missing", (("log_p + kl", "kl"),)),
        Slip("half-missing", (("0.5 * (", "("),), "Your divergence is twice what it should be."),
        Slip("determinant-missing", ((" - 2 * math.log(r)", ""),), "The term log(s_p² / s_q²) is absent."),
        Slip("determinant-missing", (("- 2 * math", "+ 2 * math"),), "The term log(s_p² / s_q²) has the wrong sign."),
        Slip("sigma-for-variance", (("2 * math.log(r)", "math.log(r)"),), "In the logarithm stands s_p² / s_q²."),
        Slip("sigma-for-variance", (("r**2 + delta**2", "r + delta**2 * s_q"), ("2 * math", "math"))),
        Slip("variance-for-sigma", (("s_p / s_q, (mean_p - mean_q) / s_q", "(s_p/s_q)**2, (mean_p - mean_q) / s_q**2"),)),
        Slip("constant-missing", ((" - 1 ", " "),), "Every value is ½ too high."),
        Slip("log-outside", (("log_p + kl", f"(A := 2 * s_q**2 - s_p**2) and log_p + {SECOND_MOMENT}"),)),
    ),
    hand=(
        Case((0.0, 1.0, 1.0, 0.0, 1.0), "log p(x) = 0, p = N(1, 1²), q = N(0, 1²)"),
        Case((-1.0, 1.0, 1.0, 0.0, 2.0), "log p(x) = -1, p = N(1, 1²), q = N(0, 2²)"),
    ),
    draw=_fresh_surrogate,
    verified="It agrees with the closed form for numbers that can be worked by hand and for numbers drawn afresh.",
    place=PLACES["no-bound"],
)


def _log_likelihood(
    model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int, chunk: int
) -> tuple[Tensor, Tensor]:
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
    seen = _named("estimate", "standard error")(fn, model, q, x, K, chunk)
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
        Slip("unequal-chunks", ((IWAE_BOUND, f"{EACH_CHUNK}.logsumexp(0) - math.log(len(parts))"),)),
        Slip("last-chunk-only", (("torch.cat(parts)", "parts[-1]"),)),
        Slip("last-chunk-only", (("torch.cat(parts)", "parts[-1]"), ("log(K)", "log(len(log_w))"))),
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


def check_normalized_weights(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.1: the weights as shares of their sum, given their logs."""
    return judge(NORMALIZED_WEIGHTS, fn)


def check_effective_sample_size(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.2: how many equally weighted samples the weighted ones are worth, given their log-weights."""
    return judge(EFFECTIVE_SAMPLE_SIZE, fn)


def check_iwae(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.3: the importance-weighted bound and its gradients, from a model, an encoder, data and K."""
    return judge(IWAE, fn)


def check_iwae_dreg(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.4: the importance-weighted bound whose encoder gradient is doubly reparameterised."""
    return judge(IWAE_DREG, fn)


def check_two_weights(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.5: L₁, L₂ and the limit of ESS/K where a weight is 1 + d or 1 − d, as formulas in d."""
    return judge(TWO_WEIGHTS, fn)


def check_surrogate_limit(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.6: where the surrogate goes as K grows, for a normal posterior and a normal proxy."""
    return judge(SURROGATE_LIMIT, fn)


def check_log_likelihood(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.7: log p(x) and its standard error from exactly K samples, a chunk at a time."""
    return judge(LOG_LIKELIHOOD, fn)
