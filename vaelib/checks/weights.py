"""Checks of the exercises of chapter 5 about weights: shares, counts and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = [
    "check_effective_sample_size",
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
    _weights_case([[1.0, 2.0], [1.0, 6.0], [2.0, 8.0]], "the weights w = [[1, 2], [1, 6], [2, 8]]"),
    Case(
        (torch.tensor([[1000.0, -1000.0], [999.0, -1000.0]]).double(),),
        "log_w = [[1000, -1000], [999, -1000]]",
    ),
    Case((torch.tensor([[1000.0], [-1000.0]]).double(),), "log_w = [[1000], [-1000]]"),
    Case(
        (torch.tensor([[1000.0], [1000.0], [200.0]]).double(),), "log_w = [[1000], [1000], [200]]"
    ),
)

OF_A_DATUM = "The K weights of a datum stand along axis 0, and only they belong together."


def _fresh_weights() -> list[Case]:
    return [Case((2 * torch.randn(5, 3).double(),), "log_w of shape (5, 3)")]


def _normalized_weights(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return w / w.sum(0)


TO_ONE = "w / w.sum(0)"

NORMALIZED_WEIGHTS = Exercise(
    name="normalized_weights",
    number="5.1",
    solution=_normalized_weights,
    slips=(
        Slip("no-maximum", (("(log_w - log_w_max).exp()", "log_w.exp()"),)),
        Slip("no-maximum", (("w / w.sum(0)", "(log_w - log_w.exp().sum(0).log()).exp()"),)),
        Slip("no-maximum", ((TO_ONE, "log_w.exp() / (log_w.exp().sum(0) + 1e-8)"),)),
        Slip(
            "no-maximum",
            (("(log_w - log_w_max).exp()", "log_w.exp() / log_w.exp().max(0).values"),),
            "The largest weight was divided out after the exponential.",
        ),
        Slip(
            "no-maximum",
            ((TO_ONE, "log_w.exp() / w.sum(0)"),),
            "It was subtracted in the denominator only.",
        ),
        Slip(
            "no-maximum",
            ((TO_ONE, "w / log_w.exp().sum(0)"),),
            "It was subtracted in the numerator only.",
        ),
        Slip("maximum-of-all", (("log_w.max(0).values", "log_w.max()"),)),
        Slip("minimum-for-maximum", (("log_w.max(0).values", "log_w.min(0).values"),)),
        *(
            Slip("another-shift", (("log_w.max(0).values", shift),))
            for shift in ("log_w.mean(0)", "log_w.abs().max(0).values")
        ),
        Slip(
            "wrong-axis",
            ((".max(0)", ".max(1, keepdim=True)"), ("w.sum(0)", "w.sum(1, keepdim=True)")),
        ),
        Slip("wrong-axis", ((".max(0)", ".max(1)"), ("w.sum(0)", "w.sum(1)"))),
        Slip("wrong-axis", (("log_w.max(0).values", "log_w.max()"), ("w.sum(0)", "w.sum()"))),
        Slip("wrong-axis", (("w.sum(0)", "w.sum(1, keepdim=True)"),), OF_A_DATUM),
        Slip("wrong-axis", (("w.sum(0)", "w.sum()"),), OF_A_DATUM),
        Slip("softmax-of-losses", (("log_w.max(0)", "-log_w.min(0)"), ("(log_w -", "(-log_w -"))),
        Slip("softmax-of-losses", (("log_w - log_w_max", "log_w_max - log_w"),)),
        Slip("exponential-twice", (("w / w.sum(0)", "w.softmax(0)"),)),
        Slip("exponential-twice", (("w / w.sum(0)", "log_w.exp().softmax(0)"),)),
        Slip(
            "logs-for-weights",
            (("w / w.sum(0)", "log_w / log_w.sum(0)"),),
            "The shares can be negative.",
        ),
        Slip(
            "logs-for-weights",
            (("(log_w - log_w_max).exp()", "log_w - log_w_max"),),
            "No exponential was taken.",
        ),
        Slip(
            "product-for-sum",
            ((TO_ONE, "(log_w - log_w.sum(0)).exp()"),),
            "Each weight was divided by it.",
        ),
        Slip("not-normalised", (("w / w.sum(0)", "w"),), "The shares do not add up to one."),
        Slip("not-normalised", ((TO_ONE, "w / len(w)"),), "They were divided by K instead."),
        Slip(
            "upside-down",
            ((TO_ONE, "w.sum(0) / w"),),
            "A share is never above one.",
            PLACES["count"],
        ),
        Slip("transposed", ((TO_ONE, "(w / w.sum(0)).T"),)),
        Slip("mean-for-sum", (("w.sum(0)", "w.mean(0)"),), "The shares add up to K."),
        Slip("log-for-value", (("w / w.sum(0)", "(w / w.sum(0)).log()"),)),
        Slip("log-for-value", (("w / w.sum(0)", "log_w.log_softmax(0)"),)),
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
        Slip("maximum-of-all", (("log_w.max(0).values", "log_w.max()"),)),
        Slip("minimum-for-maximum", (("log_w.max(0).values", "log_w.min(0).values"),)),
        *(
            Slip("another-shift", (("log_w.max(0).values", shift),))
            for shift in ("log_w.mean(0)", "log_w.abs().max(0).values")
        ),
        Slip(
            "upside-down",
            (("1 / w", "w"),),
            "A count of samples is never below one.",
            PLACES["count"],
        ),
        Slip(
            "square-of-sum",
            ((".square().sum(0)", ".sum(0)"),),
            "It is 1, whatever the weights are.",
        ),
        Slip(
            "square-of-sum",
            (("1 / w_tilde.square()", "w.sum(0) / w.square()"),),
            "The sum above was not squared.",
        ),
        Slip("not-normalised", (("w / w.sum(0)", "w"),)),
        Slip("not-normalised", (("w / w.sum(0)", "log_w.exp()"),)),
        Slip(
            "fraction-for-count",
            (("1 / w", "1 / len(log_w) / w"),),
            "Equal weights must give K, not 1.",
        ),
        Slip(
            "mean-for-sum",
            ((".square().sum(0)", ".square().mean(0)"),),
            "Every value is K times too large.",
        ),
        Slip(
            "wrong-axis",
            (("w / w.sum(0)", "log_w.softmax(1)"), (".square().sum(0)", ".square().sum(1)")),
            OF_A_DATUM,
        ),
        Slip("wrong-axis", (("w / w.sum(0)", "log_w.softmax(1)"),), OF_A_DATUM),
        Slip("sum-over-data", (("w / w.sum(0)", "log_w.flatten().softmax(0)"),), OF_A_DATUM),
        Slip(
            "sum-over-data",
            (("return 1 / w_tilde.square().sum(0)", "return (1 / w_tilde.square().sum(0)).sum()"),),
        ),
        Slip(
            "sum-over-data",
            (
                (
                    "return 1 / w_tilde.square().sum(0)",
                    "return (1 / w_tilde.square().sum(0)).mean()",
                ),
            ),
        ),
        Slip("softmax-of-losses", (("log_w - log_w.max(0)", "-log_w + log_w.min(0)"),)),
        Slip("logs-for-weights", (("w / w.sum(0)", "log_w / log_w.sum(0)"),)),
        Slip(
            "another-count",
            (("1 / w_tilde.square().sum(0)", "(-(w_tilde * w_tilde.log()).sum(0)).exp()"),),
        ),
        Slip(
            "another-count",
            (("1 / w_tilde.square().sum(0)", "torch.special.entr(w_tilde).sum(0).exp()"),),
        ),
        Slip("another-count", (("w_tilde.square().sum(0)", "w_tilde.max(0).values"),)),
        Slip("log-for-value", (("1 / w_tilde.square().sum(0)", "-w_tilde.square().sum(0).log()"),)),
    ),
    hand=FIXED_WEIGHTS,
    draw=_fresh_weights,
    verified="It agrees with (Σ w)² / Σ w², datum by datum, and holds for log-weights of ±1000.",
    place=PLACES["count"],
)


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
        Slip(
            "log-of-mean-of-logs",
            (("L_1 / 2", "L_1"),),
            "Your L₂ is L₁: two logarithms, each of one weight.",
        ),
        Slip(
            "half-missing",
            (("0.5 * math.log", "math.log"),),
            "Each of the two weights has the probability ½.",
        ),
        Slip(
            "log-k-missing",
            (("L_1 / 2", "L_1 / 2 + math.log(2)"),),
            "Your L₂ lies above log p(x) = 0.",
        ),
        Slip(
            "outcomes-miscounted",
            (("L_1 / 2", "L_1 * 2 / 3"),),
            "Two weights differ with probability ½.",
        ),
        Slip(
            "sign-flipped",
            (("return L_1, L_2,", "return -L_1, -L_2,"),),
            "These are the gaps, log p(x) − L.",
        ),
        Slip(
            "approximation-for-exact",
            (("math.log(1 - d**2)", "-(d**2)"),),
            "These are −χ²/2K; the gap is larger.",
        ),
        Slip(
            "approximation-for-exact",
            (("1 / (1 + chi2)", "1 - chi2"),),
            "It is right up to first order in χ².",
        ),
        Slip(
            "product-for-sum",
            (("L_1 / 2", "L_1 * 2"),),
            "Your L₂ is 2 L₁, what the log of the product gives.",
        ),
        Slip(
            "log-outside",
            (("0.5 * math.log(1 - d**2)", "0.0"),),
            "It gives log p(x), whatever K is.",
        ),
        Slip(
            "order-swapped",
            (("return L_1, L_2,", "return L_2, L_1,"),),
            "L₂ lies nearer to log p(x) than L₁.",
        ),
        Slip(
            "base-2",
            (("math.log(", "math.log2("),),
            "Every bound is 1.4427 times what it should be.",
        ),
        Slip("sigma-for-variance", (("chi2 = d**2", "chi2 = d"),), "χ² is a variance."),
        Slip("second-moment-for-variance", (("chi2 = d**2", "chi2 = 1 + d**2"),)),
        Slip("one-missing", (("1 / (1 + chi2)", "1 / chi2"),)),
        Slip("another-variance", (("chi2 = d**2", "chi2 = 2 * d**2"),)),
        Slip("two-for-the-limit", (("1 / (1 + chi2)", "0.5 + 0.5 / (1 + chi2)"),)),
        Slip(
            "upside-down",
            (("1 / (1 + chi2)", "1 + chi2"),),
            "The share of the samples cannot exceed one.",
        ),
        Slip(
            "fraction-for-count",
            (("1 / (1 + chi2)", "2 / (1 + chi2)"),),
            "The share cannot exceed one.",
        ),
    ),
    hand=(Case((0.6,), "d = 0.6"),),
    draw=lambda: [Case((torch.empty(()).uniform_(0.1, 0.9).item(),), "d drawn afresh")],
    verified="Both bounds and the limit agree with the closed forms, for d = 0.6 and for d drawn afresh.",
    place=PLACES["bound-k"],
    observe=named_values("value of L_1", "value of L_2", "limit of ESS/K"),
)


def _surrogate_limit(log_p: float, mean_p: float, s_p: float, mean_q: float, s_q: float) -> float:
    r, delta = s_p / s_q, (mean_p - mean_q) / s_q
    kl = 0.5 * (r**2 + delta**2 - 1 - 2 * math.log(r))
    return log_p + kl


RATIOS = "s_p / s_q, (mean_p - mean_q) / s_q"
SECOND_MOMENT = "math.log(s_q**2 / s_p / A**0.5) + (mean_p - mean_q)**2 / A"


def _fresh_surrogate() -> list[Case]:
    log_p, mean_p, s_p, mean_q, ratio = (torch.rand(5).double() + 0.5).tolist()
    return [Case((-3 * log_p, mean_p, s_p, -mean_q, s_p * (ratio + 0.5)), "numbers drawn afresh")]


SURROGATE_LIMIT = Exercise(
    name="surrogate_limit",
    number="5.6",
    solution=_surrogate_limit,
    slips=(
        Slip("kl-reversed", ((RATIOS, "s_q / s_p, (mean_p - mean_q) / s_p"),)),
        Slip("wrong-side", (("log_p + kl", "log_p - kl"),)),
        Slip("sign-flipped", (("return log_p + kl", "return -(log_p + kl)"),)),
        Slip(
            "log-missing",
            (("log_p + kl", "math.exp(log_p) + kl"),),
            "The argument log_p is the logarithm already.",
        ),
        Slip(
            "not-normalised",
            (("log_p + kl", "math.exp(log_p) * (log_p + kl)"),),
            "It is E[w log w]; the mean weight p(x) below the fraction line is missing.",
        ),
        Slip(
            "kl-missing",
            (("log_p + kl", "log_p"),),
            "log p(x) alone is where the bound goes, not the surrogate.",
        ),
        Slip("evidence-missing", (("log_p + kl", "kl"),)),
        Slip("half-missing", (("0.5 * (", "("),), "Your divergence is twice what it should be."),
        Slip(
            "half-missing",
            (("0.5 * (r**2 + delta**2 - 1 -", "(r**2 + delta**2 - 0.5 -"), ("2 * math", "math")),
        ),
        Slip("half-missing", ((" - 1", " - 2"),), "The constant is −½, not −1."),
        Slip("half-missing", (("2 * math", "4 * math"),), "It belongs to log(s_p² / s_q²), too."),
        Slip(
            "determinant-missing",
            ((" - 2 * math.log(r)", ""),),
            "The term log(s_p² / s_q²) is absent.",
        ),
        Slip("logarithm-sign", (("- 2 * math", "+ 2 * math"),)),
        Slip(
            "sigma-for-variance",
            (("2 * math.log(r)", "math.log(r)"),),
            "In the logarithm stands s_p² / s_q².",
        ),
        Slip(
            "sigma-for-variance", (("r**2 + delta**2", "r + delta**2 * s_q"), ("2 * math", "math"))
        ),
        Slip(
            "sigma-for-variance",
            (("delta**2", "delta**2 * s_q"),),
            "The square of Δ is divided by s_q².",
        ),
        Slip("sigma-for-variance", (("r**2", "r"),), "It is s_p² / s_q²."),
        Slip("square-missing", (("delta**2", "delta"),), "It is that of Δ."),
        Slip("shift-unscaled", (("(mean_p - mean_q) / s_q", "mean_p - mean_q"),)),
        Slip(
            "shift-unscaled",
            (("(mean_p - mean_q) / s_q", "(mean_p - mean_q) / s_p"),),
            "It was divided by s_p.",
        ),
        Slip(
            "spread-missing",
            (("r**2 + ", ""),),
            "Under the posterior (z − μ)² has the mean s_p² + Δ².",
        ),
        Slip(
            "upside-down", (("s_p / s_q,", "s_q / s_p,"),), "It is s_p² / s_q².", PLACES["no-bound"]
        ),
        Slip(
            "base-2",
            (("math.log(", "math.log2("),),
            "In log(s_p² / s_q²) the natural logarithm belongs.",
        ),
        Slip("variance-for-sigma", ((RATIOS, "(s_p / s_q)**2, (mean_p - mean_q) / s_q**2"),)),
        Slip("kl-constant-missing", ((" - 1", ""),), "Every value is ½ too high."),
        Slip(
            "log-outside",
            (("log_p + kl", f"(A := 2 * s_q**2 - s_p**2) and log_p + {SECOND_MOMENT}"),),
        ),
    ),
    hand=(
        Case((0.0, 1.0, 1.0, 0.0, 1.0), "log p(x) = 0, p = N(1, 1²), q = N(0, 1²)"),
        Case((-1.0, 1.0, 1.0, 0.0, 2.0), "log p(x) = -1, p = N(1, 1²), q = N(0, 2²)"),
        Case((-1.0, 1.0, 1.0, -2.0, 2.0), "log p(x) = -1, p = N(1, 1²), q = N(-2, 2²)"),
    ),
    draw=_fresh_surrogate,
    verified="It agrees with the closed form for numbers that can be worked by hand and for numbers drawn afresh.",
    place=PLACES["no-bound"],
)


def check_effective_sample_size(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.2: how many equally weighted samples the weighted ones are worth, given their log-weights."""
    return judge(EFFECTIVE_SAMPLE_SIZE, fn)


def check_normalized_weights(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.1: the weights as shares of their sum, given their logs."""
    return judge(NORMALIZED_WEIGHTS, fn)


def check_surrogate_limit(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.6: where the surrogate goes as K grows, for a normal posterior and a normal proxy."""
    return judge(SURROGATE_LIMIT, fn)


def check_two_weights(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.5: L₁, L₂ and the limit of ESS/K where a weight is 1 + d or 1 − d, as formulas in d."""
    return judge(TWO_WEIGHTS, fn)
