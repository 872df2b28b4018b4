"""Checks of the exercises of chapter 2 that are about proxies: divergences between Gaussians, gradients."""

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
    "check_best_baseline",
    "check_kl_to_posterior",
    "check_leave_one_out",
    "check_other_direction",
]


def _t(*numbers: Any) -> Tensor:
    return torch.tensor(numbers if len(numbers) > 1 else numbers[0], dtype=torch.float64)


def _kl_to_posterior(mean: Tensor, log_sigma: Tensor, m: Tensor, S: Tensor) -> Tensor:
    precision: Tensor = torch.linalg.inv(S)
    difference = mean - m
    trace = (precision.diagonal() * torch.exp(2 * log_sigma)).sum(-1)
    square = ((difference @ precision) * difference).sum(-1)
    log_ratio = torch.logdet(S) - (2 * log_sigma).sum(-1)
    return (trace + square - mean.shape[-1] + log_ratio) / 2


_REVERSED = (
    (
        "trace = (precision.diagonal() * torch.exp(2 * log_sigma)).sum(-1)",
        "v = torch.exp(2 * log_sigma)",
    ),
    (
        "square = ((difference @ precision) * difference).sum(-1)",
        "square = (difference**2 / v).sum(-1)",
    ),
    (
        "log_ratio = torch.logdet(S) - (2 * log_sigma).sum(-1)",
        "log_ratio = (2 * log_sigma).sum(-1) - torch.logdet(S)",
    ),
    ("(trace +", "((S.diagonal() / v).sum(-1) +"),
)
_POSTERIOR = _t([[2.0, 1.0], [1.0, 2.0]])

KL = Exercise(
    name="kl_to_posterior",
    number="2.3",
    solution=_kl_to_posterior,
    slips=(
        Slip("half-missing", ((" / 2", ""),), "Without it all doubles."),
        Slip("dimension-missing", (("- mean.shape[-1] ", ""),)),
        Slip(
            "dimension-missing",
            (("- mean.shape[-1] ", "- 1 "),),
            "1 was subtracted, which is right for Z = 1 only.",
        ),
        Slip("sigma-for-variance", (("torch.exp(2 * log_sigma)", "torch.exp(log_sigma)"),)),
        Slip(
            "sigma-for-variance",
            (("- (2 * log_sigma)", "- log_sigma"),),
            "The logarithm of σ² is twice that of σ.",
        ),
        Slip(
            "sigma-for-variance",
            (("exp(2 * log_sigma)", "exp(log_sigma)"), ("- (2 * log_sigma)", "- log_sigma")),
            "log σ was read as log σ², in both terms.",
        ),
        Slip("log-squared", (("(2 * log_sigma).sum", "log_sigma.square().sum"),)),
        Slip(
            "correlation-ignored",
            (("precision.diagonal()", "1 / S.diagonal()"),),
            "Under the trace stands 1/Sᵢᵢ.",
        ),
        Slip(
            "correlation-ignored",
            (("linalg.inv(S)", "diag(1 / S.diag())"), ("torch.logdet(S)", "S.diag().log().sum()")),
        ),
        Slip("covariance-for-precision", (("torch.linalg.inv(S)", "S"),)),
        Slip(
            "covariance-for-precision",
            (("torch.linalg.inv(S)", "1 / S"),),
            "Each entry of S was inverted, not S.",
        ),
        Slip(
            "covariance-for-precision",
            (("difference @ precision", "difference @ S"),),
            "It is in the mean's term.",
        ),
        Slip("precision-missing", (("difference @ precision", "difference"),)),
        Slip(
            "correlation-ignored",
            (
                (
                    "((difference @ precision) * difference)",
                    "(difference**2 * precision.diagonal())",
                ),
            ),
            "Of the precision between the means only the diagonal was used.",
        ),
        Slip("kl-reversed", _REVERSED),
        Slip(
            "determinant-missing",
            (("torch.logdet(S) -", "-"),),
            "Every value is off by ½ log |S|.",
            PLACES["far"],
        ),
        Slip("ratio-flipped", (("+ log_ratio", "- log_ratio"),)),
        Slip("mean-over-latents", ((" / 2", " / 2 / mean.shape[-1]"),)),
        Slip("sum-over-data", ((") / 2", ").sum() / 2"),)),
        Slip("sum-over-data", ((") / 2", ").mean() / 2"),)),
        Slip("negated", (("return (trace", "return -(trace"),)),
    ),
    hand=(
        Case(
            (_t([[0.0]]), _t([[0.0]]), _t([[2.0]]), _t([[4.0]])),
            "one latent, mean = 0, log_sigma = 0, m = 2, S = 4",
        ),
        Case(
            (_t([[0.0, 0.0]]), _t([[math.log(2), 0.0]]), _t([[1.0, 0.0]]), _POSTERIOR),
            "mean = [[0, 0]], log_sigma = [[log 2, 0]], m = [[1, 0]], S = [[2, 1], [1, 2]]",
        ),
        Case(
            (
                _t([[0.0, 0.0], [0.0, 1.0]]),
                _t([[0.0, 0.0]] * 2),
                _t([[1.0, 1.0], [1.0, 0.0]]),
                _POSTERIOR,
            ),
            "mean = [[0, 0], [0, 1]], log_sigma = 0, m = [[1, 1], [1, 0]], S = [[2, 1], [1, 2]]",
        ),
    ),
    draw=lambda: [Case((*torch.randn(3, 4, 3).double(), _covariance(3)), "B, Z = 4, 3")],
    verified="It agrees with the KL between a diagonal and a full Gaussian, for data and covariances drawn afresh.",
    place=PLACES["far"],
)


def _covariance(Z: int) -> Tensor:
    root = torch.randn(Z, Z).double()
    return root @ root.T + 0.5 * torch.eye(Z).double()


def _other_direction(s_1: Tensor, s_2: Tensor, kappa: Tensor) -> tuple[Tensor, ...]:
    v_1, v_2 = s_1**2, s_2**2
    gap = -torch.log(1 - kappa**2) / 2
    second_moment = 1 / (1 - kappa**2)
    return v_1, v_2, gap, second_moment - 1


_OF_SLICE = ("1 / (1 - kappa**2)", "(1 - kappa**2) / torch.sqrt(1 - 4 * kappa**2)")

OTHER_DIRECTION = Exercise(
    name="other_direction",
    number="2.5",
    solution=_other_direction,
    slips=(
        Slip(
            "slice-for-shadow",
            (("s_1**2, s_2**2", "s_1**2 * (1 - kappa**2), s_2**2 * (1 - kappa**2)"),),
            "These variances minimise the KL in the chapter's direction.",
        ),
        Slip(
            "slice-for-shadow",
            (("s_1**2, s_2**2", "s_1**2 * (1 - kappa**2), s_2**2 * (1 - kappa**2)"), _OF_SLICE),
            "All of this belongs to the proxy of the chapter's direction, which is too narrow.",
        ),
        Slip("chi2-of-the-slice", (_OF_SLICE,)),
        Slip("sigma-for-variance", (("s_1**2, s_2**2", "s_1, s_2"),)),
        Slip("half-missing", ((" / 2", ""),), "The gap is twice what it should be."),
        Slip("negated", (("-torch.log", "torch.log"),), "The gap is negative, which no KL is."),
        Slip("base-2", (("torch.log", "torch.log2"),), "The gap is in bits."),
        Slip(
            "square-missing",
            (("log(1 - kappa**2)", "log(1 - kappa)"),),
            "κ itself stands in the gap.",
        ),
        Slip(
            "correlation-for-covariance",
            (("log(1 - kappa**2)", "log(1 - (kappa / s_1 / s_2)**2)"),),
        ),
        Slip("one-not-subtracted", (("second_moment - 1", "second_moment"),)),
        Slip(
            "normaliser-dropped",
            (("1 / (1 - kappa**2)", "kappa**0"),),
            "The integral in χ² lacks p² and q's constants.",
        ),
        Slip(
            "square-missing",
            (("1 / (1 - kappa**2)", "1 / (1 - kappa**2).sqrt()"),),
            "In χ² it is p's constant.",
        ),
    ),
    hand=(
        Case((_t(1.0), _t(1.0), _t(0.4)), "σ₁ = σ₂ = 1 and κ = 0.4"),
        Case((_t(2.0), _t(3.0), _t(-0.3)), "σ₁ = 2, σ₂ = 3 and κ = −0.3"),
    ),
    draw=lambda: [
        Case(
            (*(1 + torch.rand(2)).double(), 0.1 + 0.3 * torch.rand(()).double()),
            "σ₁, σ₂ and κ drawn afresh",
        )
    ],
    verified="Variances, gap and χ² agree with those of two correlated latents, for standard deviations drawn afresh.",
    place=PLACES["diagonal"],
    observe=named_values("variance 1", "variance 2", "gap", "χ²"),
)


def _best_baseline(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    c = mu**2 + 3 * s**2
    noise_4, noise_6 = 3, 15
    weighted = mu**2 + noise_4 * s**2
    second_moment = (
        mu**4 + 6 * noise_4 * mu**2 * s**2 + noise_6 * s**4 - 2 * c * weighted + c**2
    ) / s**2
    return c, second_moment - (2 * mu) ** 2


ROOT = "It is the square root of what is asked for."

BEST_BASELINE = Exercise(
    name="best_baseline",
    number="2.6",
    solution=_best_baseline,
    slips=(
        Slip("mean-as-baseline", (("c = mu**2 + 3 * s**2", "c = mu**2 + s**2"),)),
        Slip(
            "mean-as-baseline",
            (("return c,", "return mu**2 + s**2,"),),
            "The variance belongs to another baseline.",
        ),
        Slip("f-of-mean-as-baseline", (("c = mu**2 + 3 * s**2", "c = mu**2"),)),
        Slip(
            "baseline-missing",
            ((" - 2 * c * weighted + c**2", ""),),
            "The variance is that without a baseline.",
        ),
        Slip(
            "baseline-missing",
            (("c = mu**2 + 3 * s**2", "c = 0 * mu"),),
            "That is the variance without one.",
        ),
        Slip(
            "order-swapped",
            (
                (
                    "return c, second_moment - (2 * mu) ** 2",
                    "return second_moment - (2 * mu) ** 2, c",
                ),
            ),
        ),
        Slip(
            "sigma-for-variance",
            (("second_moment - (2 * mu) ** 2", "(second_moment - (2 * mu) ** 2).sqrt()"),),
            ROOT,
        ),
        Slip("second-moment-for-variance", ((" - (2 * mu) ** 2", ""),)),
        Slip(
            "second-moment-for-variance",
            (("- (2 * mu) ** 2", "- 2 * mu"),),
            "The mean itself was subtracted.",
        ),
        Slip(
            "noise-moments",
            (("3 * s**2", "s**2"), ("noise_4, noise_6 = 3, 15", "noise_4, noise_6 = 1, 1")),
        ),
        Slip("noise-moments", (("= 3, 15", "= 3, 9"),), "E ε⁶ is not the square of E ε⁴."),
        Slip("score-unscaled", ((") / s**2", ") * 1"), ("- (2 * mu) ** 2", "- (2 * mu * s) ** 2"))),
        Slip(
            "score-unscaled",
            ((") / s**2", ") / s**2 * s**2"),),
            "It is missing in the second moment only.",
        ),
        Slip("half-of-the-baseline", (("c = mu**2 + 3 * s**2", "c = (mu**2 + 3 * s**2) / 2"),)),
    ),
    hand=(Case((_t(1.0), _t(1.0)), "μ = 1 and σ = 1"), Case((_t(0.0), _t(2.0)), "μ = 0 and σ = 2")),
    draw=lambda: [Case(tuple((0.5 + torch.rand(2)).double()), "μ and σ drawn afresh")],
    verified="Baseline and variance agree with the minimum of the parabola, for μ and σ drawn afresh.",
    place=PLACES["draw"],
    observe=named_values("best baseline", "least variance"),
)


def _leave_one_out(f: Tensor, score: Tensor) -> Tensor:
    K = len(f)
    baseline = (f.sum(0) - f) / (K - 1)
    terms = (f - baseline) * score
    return terms.mean(0)


_OTHERS = "(f.sum(0) - f) / (K - 1)"

LEAVE_ONE_OUT = Exercise(
    name="leave_one_out",
    number="2.7",
    solution=_leave_one_out,
    slips=(
        Slip("own-draw-in-baseline", ((_OTHERS, "f.mean(0)"),)),
        Slip(
            "own-draw-in-baseline",
            ((_OTHERS, "f.sum(0) / (K - 1)"),),
            "All draws were added, and divided by K − 1.",
        ),
        Slip("baseline-added", (("f - baseline", "f + baseline"),)),
        Slip(
            "counted-wrong",
            (("terms.mean(0)", "terms.sum(0) / (K - 1)"),),
            "The K terms were divided by K − 1.",
        ),
        Slip(
            "counted-wrong",
            ((_OTHERS, "(f.sum(0) - f) / (f.shape[1] - 1)"),),
            "B − 1 was taken for K − 1.",
        ),
        Slip(
            "sum-over-samples",
            ((_OTHERS, "f.sum(0) - f"),),
            "The other draws were added, not averaged.",
        ),
        Slip("axis-kept", (("terms.mean(0)", "terms.mean(0, keepdim=True)"),)),
        Slip(
            "wrong-axis",
            ((_OTHERS, "(f.sum(1, True) - f) / (f.shape[1] - 1)"),),
            "The others are other data, not draws.",
        ),
        Slip(
            "baseline-missing",
            (("f - baseline", "f"),),
            "The estimate is unbiased, and as loud as before.",
        ),
        Slip("others-divided-by-k", (("(K - 1)", "K"),)),
        Slip("baseline-outside-score", (("(f - baseline) * score", "f * score - baseline"),)),
        Slip("sum-over-samples", (("terms.mean(0)", "terms.sum(0)"),)),
        Slip("divided-by-spread", (("terms.mean(0)", "(terms / f.std(0)).mean(0)"),)),
        Slip("divided-by-spread", (("terms.mean(0)", "(terms / f.std(0)).mean(0) * (K - 1) / K"),)),
        Slip(
            "divided-by-spread",
            (("terms.mean(0)", "(terms / f.var(0)).mean(0)"),),
            "It was the variance, in fact.",
        ),
        Slip(
            "wrong-axis",
            ((_OTHERS, "f.mean(1, keepdim=True)"),),
            "The baseline averages over data.",
        ),
        Slip("wrong-axis", (("terms.mean(0)", "terms.mean(1)"),)),
        Slip(
            "wrong-axis",
            ((_OTHERS, "(f.sum() - f) / (f.numel() - 1)"),),
            "The baseline also averages over data.",
        ),
        Slip("wrong-axis", ((_OTHERS, "f.mean()"),), "The baseline averages over draws and data."),
        Slip("sum-over-data", (("terms.mean(0)", "terms.mean()"),)),
        Slip("negated", (("(f - baseline)", "(baseline - f)"),)),
    ),
    hand=(
        Case((_t([[4.0], [0.0]]), _t([[1.0], [-1.0]])), "f = [[4], [0]] and score = [[1], [−1]]"),
        Case(
            (_t([[1.0, 0.0], [2.0, 0.0], [6.0, 3.0]]), _t([[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]])),
            "f = [[1, 0], [2, 0], [6, 3]] and score = [[1, 2], [0, 1], [2, 0]]",
        ),
    ),
    draw=lambda: [
        Case(
            (2 + torch.randn(6, 3).double(), torch.randn(6, 3).double()),
            "f and score of shape (6, 3)",
        )
    ],
    verified="Every draw is compared with the mean of the K − 1 others: an unbiased estimate, whatever f is.",
    place=PLACES["draw"],
)


def check_kl_to_posterior(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.3: the KL divergence of a diagonal Gaussian from a Gaussian posterior."""
    return judge(KL, fn)


def check_other_direction(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.5: the best diagonal Gaussian in the other direction, what it loses, and its χ² divergence."""
    return judge(OTHER_DIRECTION, fn)


def check_best_baseline(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.6: the best constant baseline of a score-function gradient, and its variance."""
    return judge(BEST_BASELINE, fn)


def check_leave_one_out(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.7: a score-function gradient in which each draw is compared with the others."""
    return judge(LEAVE_ONE_OUT, fn)
