"""Exercise 5.6: where the surrogate goes as K grows, for a normal posterior and a normal proxy."""

import math

import torch

from vaelib.checks.types import Case, Exercise, Slip

__all__ = ["exercise"]


def _surrogate_limit(log_p: float, mean_p: float, s_p: float, mean_q: float, s_q: float) -> float:
    r, delta = s_p / s_q, (mean_p - mean_q) / s_q
    kl = 0.5 * (r**2 + delta**2 - 1 - 2 * math.log(r))
    return log_p + kl


def _fresh_surrogate() -> list[Case]:
    log_p, mean_p, s_p, mean_q, ratio = (torch.rand(5).double() + 0.5).tolist()
    return [Case((-3 * log_p, mean_p, s_p, -mean_q, s_p * (ratio + 0.5)), "numbers drawn afresh")]


RATIOS = "s_p / s_q, (mean_p - mean_q) / s_q"
SECOND_MOMENT = "math.log(s_q**2 / s_p / A**0.5) + (mean_p - mean_q)**2 / A"

SLIPS = (
    Slip("kl-reversed", {RATIOS: "s_q / s_p, (mean_p - mean_q) / s_p"}),
    Slip("wrong-side", {"log_p + kl": "log_p - kl"}),
    Slip("sign-flipped", {"return log_p + kl": "return -(log_p + kl)"}),
    Slip("log-missing", {"log_p + kl": "math.exp(log_p) + kl"},
         "The argument log_p is the logarithm already."),
    Slip("not-normalised", {"log_p + kl": "math.exp(log_p) * (log_p + kl)"},
         "It is E[w log w]; the mean weight p(x) below the fraction line is missing."),
    Slip("kl-missing", {"log_p + kl": "log_p"},
         "log p(x) alone is where the bound goes, not the surrogate."),
    Slip("evidence-missing", {"log_p + kl": "kl"}),
    Slip("half-missing", {"0.5 * (": "("}, "Your divergence is twice what it should be."),
    Slip("half-missing", {"0.5 * (r**2 + delta**2 - 1 -": "(r**2 + delta**2 - 0.5 -",
                          "2 * math": "math"}),
    Slip("half-missing", {" - 1": " - 2"}, "The constant is −½, not −1."),
    Slip("half-missing", {"2 * math": "4 * math"}, "It belongs to log(s_p² / s_q²), too."),
    Slip("determinant-missing", {" - 2 * math.log(r)": ""}, "The term log(s_p² / s_q²) is absent."),
    Slip("logarithm-sign", {"- 2 * math": "+ 2 * math"}),
    Slip("sigma-for-variance", {"2 * math.log(r)": "math.log(r)"},
         "In the logarithm stands s_p² / s_q²."),
    Slip("sigma-for-variance", {"r**2 + delta**2": "r + delta**2 * s_q", "2 * math": "math"}),
    Slip("sigma-for-variance", {"delta**2": "delta**2 * s_q"},
         "The square of Δ is divided by s_q²."),
    Slip("sigma-for-variance", {"r**2": "r"}, "It is s_p² / s_q²."),
    Slip("square-missing", {"delta**2": "delta"}, "It is that of Δ."),
    Slip("shift-unscaled", {"(mean_p - mean_q) / s_q": "mean_p - mean_q"}),
    Slip("shift-unscaled", {"(mean_p - mean_q) / s_q": "(mean_p - mean_q) / s_p"},
         "It was divided by s_p."),
    Slip("spread-missing", {"r**2 + ": ""}, "Under the posterior (z − μ)² has the mean s_p² + Δ²."),
    Slip("upside-down", {"s_p / s_q,": "s_q / s_p,"}, "It is s_p² / s_q².", place="no-bound"),
    Slip("base-2", {"math.log(": "math.log2("},
         "In log(s_p² / s_q²) the natural logarithm belongs."),
    Slip("variance-for-sigma", {RATIOS: "(s_p / s_q)**2, (mean_p - mean_q) / s_q**2"}),
    Slip("kl-constant-missing", {" - 1": ""}, "Every value is ½ too high."),
    Slip("log-outside", {"log_p + kl": f"(A := 2 * s_q**2 - s_p**2) and log_p + {SECOND_MOMENT}"}),
)  # fmt: skip

exercise = Exercise(
    solution=_surrogate_limit,
    slips=SLIPS,
    hand=(
        Case((0.0, 1.0, 1.0, 0.0, 1.0), "log p(x) = 0, p = N(1, 1²), q = N(0, 1²)"),
        Case((-1.0, 1.0, 1.0, 0.0, 2.0), "log p(x) = -1, p = N(1, 1²), q = N(0, 2²)"),
        Case((-1.0, 1.0, 1.0, -2.0, 2.0), "log p(x) = -1, p = N(1, 1²), q = N(-2, 2²)"),
    ),
    draw=_fresh_surrogate,
    verified="It agrees with the closed form for numbers that can be worked by hand and for "
    "numbers drawn afresh.",
    place="no-bound",
)
