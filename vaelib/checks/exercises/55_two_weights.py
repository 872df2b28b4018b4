"""Exercise 5.5: L₁, L₂ and the limit of ESS/K where a weight is 1 + d or 1 − d, as formulas."""

import math

import torch

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip

__all__ = ["exercise"]


def _two_weights(d: float) -> tuple[float, float, float]:
    L_1 = 0.5 * math.log(1 - d**2)
    L_2 = L_1 / 2
    chi2 = d**2
    return L_1, L_2, 1 / (1 + chi2)


LIMIT = "1 / (1 + chi2)"

SLIPS = (
    Slip("log-of-mean-of-logs", {"L_1 / 2": "L_1"},
         "Your L₂ is L₁: two logarithms, each of one weight."),
    Slip("half-missing", {"0.5 * math.log": "math.log"},
         "Each of the two weights has the probability ½."),
    Slip("log-k-missing", {"L_1 / 2": "L_1 / 2 + math.log(2)"}, "Your L₂ lies above log p(x) = 0."),
    Slip("outcomes-miscounted", {"L_1 / 2": "L_1 * 2 / 3"},
         "Two weights differ with probability ½."),
    Slip("sign-flipped", {"return L_1, L_2,": "return -L_1, -L_2,"},
         "These are the gaps, log p(x) − L."),
    Slip("approximation-for-exact", {"math.log(1 - d**2)": "-(d**2)"},
         "These are −χ²/2K; the gap is larger."),
    Slip("approximation-for-exact", {LIMIT: "1 - chi2"}, "It is right up to first order in χ²."),
    Slip("product-for-sum", {"L_1 / 2": "L_1 * 2"},
         "Your L₂ is 2 L₁, what the log of the product gives."),
    Slip("log-outside", {"0.5 * math.log(1 - d**2)": "0.0"}, "It gives log p(x), whatever K is."),
    Slip("order-swapped", {"return L_1, L_2,": "return L_2, L_1,"},
         "L₂ lies nearer to log p(x) than L₁."),
    Slip("base-2", {"math.log(": "math.log2("}, "Every bound is 1.4427 times what it should be."),
    Slip("sigma-for-variance", {"chi2 = d**2": "chi2 = d"}, "χ² is a variance."),
    Slip("second-moment-for-variance", {"chi2 = d**2": "chi2 = 1 + d**2"}),
    Slip("one-missing", {LIMIT: "1 / chi2"}),
    Slip("another-variance", {"chi2 = d**2": "chi2 = 2 * d**2"}),
    Slip("two-for-the-limit", {LIMIT: "0.5 + 0.5 / (1 + chi2)"}),
    Slip("upside-down", {LIMIT: "1 + chi2"}, "The share of the samples cannot exceed one."),
    Slip("fraction-for-count", {LIMIT: "2 / (1 + chi2)"}, "The share cannot exceed one."),
)  # fmt: skip

exercise = Exercise(
    solution=_two_weights,
    slips=SLIPS,
    hand=(Case((0.6,), "d = 0.6"),),
    draw=lambda: [Case((torch.empty(()).uniform_(0.1, 0.9).item(),), "d drawn afresh")],
    verified="Both bounds and the limit agree with the closed forms, for d = 0.6 and for d drawn "
    "afresh.",
    place="bound-k",
    observe=named_values("value of L_1", "value of L_2", "limit of ESS/K"),
)
