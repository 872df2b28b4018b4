"""Exercise 3.6: both orders of mean and logarithm for a uniform proxy."""

import math

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _uniform_proxy(c: Tensor, s_p: Tensor) -> tuple[Tensor, Tensor]:
    mean_log_w = (2 * c).log() - 0.5 * (2 * math.pi * s_p**2).log() - c**2 / (6 * s_p**2)
    log_mean_w = torch.erf(c / (s_p * 2**0.5)).log()
    return mean_log_w, log_mean_w


CDF = "(0.5 + 0.5 * torch.erf(c / (s_p * 2**0.5)))"
OUTSIDE = "It is all that lies outside the interval, and no logarithm was taken."
MINUS = "Neither value is ever positive: log p(x) is what is subtracted."
MASS = "torch.erf(c / (s_p * 2**0.5)).log()"
SCALE = "(2 * math.pi * s_p**2)"

SLIPS = (
    Slip("spread-for-variance", {"c**2 / (6 * s_p**2)": "c**2 / (2 * s_p**2)"}, "c² was taken."),
    Slip("spread-for-variance", {"c**2 / (6 * s_p**2)": "c**2 / (24 * s_p**2)"},
         "c²/12 was taken."),
    Slip("spread-for-variance", {" - c**2 / (6 * s_p**2)": ""}, "It was left out."),
    Slip("half-missing", {"/ (6 * s_p**2)": "/ (3 * s_p**2)"}),
    Slip("bracket-missing", {"/ (6 * s_p**2)": "/ 6 * s_p**2"}),
    Slip("square-sign", {"- c**2": "+ c**2"}),
    Slip("uniform-density", {"(2 * c).log()": "c.log()"}),
    Slip("normaliser-dropped", {" - 0.5 * (2 * math.pi * s_p**2).log()": ""}),
    Slip("normaliser-dropped", {SCALE: "(s_p**2)"}, "The mean of log w is ½ log 2π too high."),
    Slip("sigma-for-variance", {SCALE: "(2 * math.pi * s_p)", "(6 * s_p**2)": "(6 * s_p)"}),
    Slip("sigma-for-variance", {SCALE: "(2 * math.pi * s_p)"}),
    Slip("sigma-for-variance", {"(6 * s_p**2)": "(6 * s_p)"}),
    Slip("variance-for-sigma", {"(s_p * 2**0.5)": "(s_p**2 * 2**0.5)"}),
    Slip("logarithm-sign", {"- 0.5 * (2": "+ 0.5 * (2"}),
    Slip("log-q-missing", {"(2 * c).log() - 0.5": "-0.5"}),
    Slip("log-q-sign", {"(2 * c).log() - 0.5": "-(2 * c).log() - 0.5"}),
    Slip("half-missing", {" - 0.5 * (2": " - (2"}),
    Slip("erf-argument", {"(s_p * 2**0.5)": "s_p"}),
    Slip("erf-argument", {"(s_p * 2**0.5)": "(s_p / 2**0.5)"}),
    Slip("erf-argument", {"(s_p * 2**0.5)": "(s_p * 2)"}),
    Slip("erf-argument", {"(s_p * 2**0.5)": "2**0.5"}, "It was not divided by s_p."),
    Slip("mass-elsewhere", {"torch.erf(c / (s_p * 2**0.5))": CDF},
         "It is all that lies below m + c."),
    Slip("mass-elsewhere", {"torch.erf(": "torch.erfc("},
         "It is all that lies outside the interval."),
    Slip("mass-elsewhere", {MASS: "torch.erfc(c / (s_p * 2**0.5))"}, OUTSIDE),
    Slip("support-ignored", {MASS: "torch.zeros_like(c)"}),
    Slip("log-of-mean-of-logs", {", log_mean_w\n": ", mean_log_w\n"},
         "The second value equals the first."),
    Slip("negated", {"return mean_log_w, log_mean_w": "return -mean_log_w, -log_mean_w"}, MINUS),
    Slip("negated", {"return mean_log_w, log": "return -mean_log_w, log"}, MINUS),
    Slip("base-2", {"c).log()": "c).log2()",
                    "p**2).log()": "p**2).log2()",
                    "5)).log()": "5)).log2()"}, "The logarithms are in bits, the rest is in nats."),
    Slip("one-side", {MASS: "(0.5 * torch.erf(c / (s_p * 2**0.5))).log()"}),
    Slip("mass-not-logged", {MASS: "torch.erf(c / (s_p * 2**0.5))"}),
    Slip("order-swapped", {"return mean_log_w, log_mean_w": "return log_mean_w, mean_log_w"}),
)  # fmt: skip

exercise = Exercise(
    solution=_uniform_proxy,
    slips=SLIPS,
    hand=(Case((t64(1), t64(1)), "c = 1, s_p = 1"), Case((t64(2), t64(0.5)), "c = 2, s_p = 1/2")),
    draw=lambda: [
        Case((torch.rand(()) + 0.5, torch.rand(()) + 0.5), "another c and s_p") for _ in range(3)
    ],
    verified="Both values agree with the integrals over the interval, for wide and narrow ones.",
    place="gap-is-kl",
    observe=named_values("mean of log w", "log of the mean of w"),
)
