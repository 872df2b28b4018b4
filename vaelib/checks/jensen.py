"""Checks of the exercises of chapter 3 on the two orders of mean and logarithm."""

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
    "check_growth_rates",
    "check_jensen_gap",
    "check_two_bounds",
    "check_uniform_proxy",
]


def _double(*numbers: Any) -> tuple[Tensor, ...]:
    return tuple(torch.tensor(number, dtype=torch.float64) for number in numbers)


def _slip(mistake: str, *old_and_new: str, shows: str = "") -> Slip:
    """A slip whose edits are written one after the other: old, new, old, new, …"""
    return Slip(mistake, tuple(zip(old_and_new[::2], old_and_new[1::2], strict=True)), shows)


def _growth_rates(factor: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    mean, mean_of_log = (probability * factor).sum(), (probability * factor.log()).sum()
    return mean.log(), mean_of_log


ALIKE = (
    "(probability * factor).sum()",
    "factor.mean()",
    "(probability * factor.log()).sum()",
    "factor.log().mean()",
)

ONE_IN_ALL = "The probabilities add up to one already: nothing is left to divide by."

GROWTH_RATES = Exercise(
    name="growth_rates",
    number="3.1",
    solution=_growth_rates,
    slips=(
        _slip("order-swapped", "mean.log(), mean_of_log", "mean_of_log, mean.log()"),
        _slip("probabilities-ignored", *ALIKE),
        _slip("probabilities-ignored", *ALIKE[:2], shows="The first value is a plain mean."),
        _slip("probabilities-ignored", *ALIKE[2:], shows="The second value is a plain mean."),
        _slip(
            "mean-for-sum",
            "factor).sum()",
            "factor).mean()",
            "log()).sum()",
            "log()).mean()",
            shows=ONE_IN_ALL,
        ),
        _slip("mean-for-sum", "factor).sum()", "factor).mean()", shows=ONE_IN_ALL),
        _slip("mean-for-sum", "log()).sum()", "log()).mean()", shows=ONE_IN_ALL),
        _slip("not-summed", "factor).sum()", "factor)", "log()).sum()", "log())"),
        _slip("not-summed", "log()).sum()", "log())"),
        _slip(
            "axis-kept",
            "factor).sum()",
            "factor).sum(0, True)",
            "log()).sum()",
            "log()).sum(0, True)",
        ),
        _slip(
            "probability-in-the-log", "probability * factor.log()", "(probability * factor).log()"
        ),
        _slip("log-of-probability", "probability * factor.log()", "factor * probability.log()"),
        _slip(
            "log-of-probability", "probability * factor.log()", "probability * probability.log()"
        ),
        _slip("gain-for-log", "factor.log()", "(factor - 1)"),
        _slip("gain-for-log", "factor.log()", "(factor - 1)", "mean.log()", "mean - 1"),
        _slip("gain-for-log", "mean.log()", "mean - 1"),
        _slip(
            "log-of-mean-of-logs",
            "mean.log()",
            "mean_of_log",
            shows="The first value equals the second.",
        ),
        _slip(
            "log-outside",
            ", mean_of_log\n",
            ", mean.log()\n",
            shows="The second value equals the first.",
        ),
        _slip("negated", "return mean.log(), mean_of_log", "return -mean.log(), -mean_of_log"),
        _slip(
            "negated", ", mean_of_log\n", ", -mean_of_log\n", shows="It is the second value alone."
        ),
        _slip("base-2", "mean.log()", "mean.log2()", "factor.log()", "factor.log2()"),
        _slip("base-10", "mean.log()", "mean.log10()", "factor.log()", "factor.log10()"),
        _slip("exponential-left", "mean.log(), mean_of_log", "mean, mean_of_log.exp()"),
        _slip(
            "logarithm-missing",
            "mean.log()",
            "mean",
            shows="The first value is the mean factor, not its logarithm.",
        ),
        _slip(
            "logarithm-missing",
            "factor.log()",
            "factor",
            shows="The second value is the mean factor itself.",
        ),
    ),
    hand=(
        Case(_double([4.0, 1.0], [0.5, 0.5]), "a factor of 4 or 1, each with probability 1/2"),
        Case(_double([4.0, 1.0], [0.25, 0.75]), "a factor of 4 with probability 1/4, else of 1"),
        Case(
            _double([4.0, 2.0, 1.0], [0.25, 0.25, 0.5]),
            "a factor of 4, 2 or 1, with probability 1/4, 1/4 and 1/2",
        ),
    ),
    draw=lambda: [Case((torch.rand(4) + 0.3, torch.randn(4).softmax(0)), "four factors")],
    verified="Both rates agree with their definition, for likely and for unlikely outcomes.",
    place=PLACES["tangent"],
    observe=named_values("log of the mean", "mean of the log"),
)


def _jensen_gap(w: Tensor) -> Tensor:
    log_of_mean, mean_of_log = w.mean(0).log(), w.log().mean(0)
    return log_of_mean - mean_of_log


GAP = "log_of_mean - mean_of_log"
BOTH, BY_B = (
    "w.mean(0).log(), w.log().mean(0)",
    "(w.sum(0) / w.shape[1]).log(), w.log().sum(0) / w.shape[1]",
)
NO_LOGS = "The weights come as they are here, and were taken for log-weights."

JENSEN_GAP = Exercise(
    name="jensen_gap",
    number="3.2",
    solution=_jensen_gap,
    slips=(
        _slip(
            "sign-flipped",
            GAP,
            "mean_of_log - log_of_mean",
            shows="A gap is never negative; every value here is.",
        ),
        _slip("wrong-axis", "w.mean(0)", "w.mean(1)", "w.log().mean(0)", "w.log().mean(1)"),
        _slip("sum-over-data", "w.mean(0)", "w.mean()", "w.log().mean(0)", "w.log().mean()"),
        _slip("sum-over-data", GAP, f"({GAP}).mean()"),
        _slip("sum-over-data", GAP, f"({GAP}).sum()"),
        _slip(
            "sum-over-data",
            "w.mean(0)",
            "w.mean()",
            shows="The first mean runs over the data, too.",
        ),
        _slip(
            "sum-over-data",
            "w.log().mean(0)",
            "w.log().mean()",
            shows="The second mean runs over the data, too.",
        ),
        _slip("not-averaged", "w.log().mean(0)", "w.log()"),
        _slip("axis-kept", GAP, f"({GAP})[None]"),
        _slip("log-k-missing", "w.mean(0)", "w.sum(0)", shows="Every gap is log K too wide."),
        _slip(
            "sum-over-samples",
            "w.log().mean(0)",
            "w.log().sum(0)",
            shows="It is the logarithms that were added.",
        ),
        _slip(
            "sum-over-samples",
            "w.mean",
            "w.sum",
            "log().mean",
            "log().sum",
            shows="Both were added.",
        ),
        _slip("counted-wrong", BOTH, BY_B, shows="It was divided by the number of data."),
        _slip(
            "log-outside",
            "w.log().mean(0)",
            "w.mean(0).log()",
            shows="Both terms are the same: no gap is left.",
        ),
        _slip(
            "weights-for-logs",
            "w.mean(0).log(), w.log()",
            "w.logsumexp(0) - math.log(len(w)), w",
            shows=NO_LOGS,
        ),
        _slip(
            "logs-divided",
            GAP,
            "log_of_mean / mean_of_log",
            shows="For equal weights it is 1 and not 0.",
        ),
        _slip("base-2", "w.mean(0).log()", "w.mean(0).log2()", "w.log()", "w.log2()"),
        _slip("base-10", "w.mean(0).log()", "w.mean(0).log10()", "w.log()", "w.log10()"),
        _slip("log-normal-gap", GAP, "0.5 * w.log().var(0)"),
        _slip("log-normal-gap", GAP, "0.5 * w.log().var(0, correction=0)"),
        _slip("half-variance", GAP, "0.5 * w.var(0, correction=0) / w.mean(0)**2"),
        _slip("half-variance", GAP, "0.5 * w.var(0) / w.mean(0)**2"),
        _slip("exponential-left", GAP, f"({GAP}).exp()"),
        _slip("logarithm-missing", "w.mean(0).log()", "w.mean(0)"),
    ),
    hand=(
        Case(_double([[1.0], [4.0]]), "w = [[1], [4]], two weights of one datum"),
        Case(
            _double([[1.0, 2.0], [4.0, 2.0]]),
            "w = [[1, 2], [4, 2]], two weights of each of two data",
        ),
        Case(
            _double([[1.0, 2.0], [2.0, 2.0], [6.0, 2.0]]),
            "w = [[1, 2], [2, 2], [6, 2]], three weights of each",
        ),
    ),
    draw=lambda: [Case((torch.randn(5, 3).exp(),), "w of shape (5, 3)")],
    verified="It agrees with the definition datum by datum, and vanishes where all weights are equal.",
    place=PLACES["gap"],
)


def _two_bounds(s: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    below = 0.5 * (r**2 + s**2 - 1) - r.log()
    above = 0.5 * ((1 + s**2) / r**2 - 1) + r.log()
    return below, above


NOT_NEGATIVE = "It is one of the two; both gaps are divergences: never negative."
TWICE = "It is in the logarithm: half of log r² is log r."
BITS = "The logarithms are in bits, the rest is in nats."
R_FOR_SQUARE = (
    "(r**2 + s**2 - 1) -",
    "(r + s**2 - 1) - 0.5 *",
    "/ r**2 - 1) +",
    "/ r - 1) + 0.5 *",
)

TWO_BOUNDS = Exercise(
    name="two_bounds",
    number="3.5",
    solution=_two_bounds,
    slips=(
        _slip("kl-reversed", "return below, above", "return above, below"),
        _slip(
            "kl-reversed",
            "return below, above",
            "return below, below",
            shows="The second value equals the first.",
        ),
        _slip(
            "sign-flipped",
            "return below, above",
            "return -below, -above",
            shows="Both gaps are divergences: never negative.",
        ),
        _slip("sign-flipped", "return below, above", "return -below, above", shows=NOT_NEGATIVE),
        _slip("sign-flipped", "return below, above", "return below, -above", shows=NOT_NEGATIVE),
        _slip("half-missing", "below = 0.5 *", "below =", "above = 0.5 *", "above ="),
        _slip(
            "half-missing",
            "return below, above",
            "return 2 * below, 2 * above",
            shows="Both gaps are doubled.",
        ),
        _slip("half-missing", "below = 0.5 *", "below ="),
        _slip("half-missing", "above = 0.5 *", "above ="),
        _slip(
            "sigma-for-variance",
            " - r.log()",
            " - 0.5 * r.log()",
            " + r.log()",
            " + 0.5 * r.log()",
            shows=TWICE,
        ),
        _slip("sigma-for-variance", " - r.log()", " - 0.5 * r.log()", shows=TWICE),
        _slip("sigma-for-variance", " + r.log()", " + 0.5 * r.log()", shows=TWICE),
        _slip(
            "bracket-missing",
            "(1 + s**2) / r**2",
            "1 + s**2 / r**2",
            shows="The 1 is the posterior's variance.",
        ),
        _slip("shift-unscaled", "(1 + s**2) / r**2", "1 / r**2 + s**2"),
        _slip("logarithm-sign", " - r.log()", " + r.log()"),
        _slip("logarithm-sign", " + r.log()", " - r.log()"),
        _slip(
            "logarithm-sign",
            "s**2 - 1) - r.log()",
            "s**2 - 1) + r.log()",
            "r**2 - 1) + r.log()",
            "r**2 - 1) - r.log()",
        ),
        _slip("determinant-missing", " - r.log()", "", " + r.log()", ""),
        _slip("determinant-missing", " - r.log()", ""),
        _slip("determinant-missing", " + r.log()", ""),
        _slip("base-2", " - r.log()", " - r.log2()", " + r.log()", " + r.log2()", shows=BITS),
        _slip("sigma-for-variance", "(r**2 +", "(r +", "/ r**2", "/ r"),
        _slip("sigma-for-variance", *R_FOR_SQUARE, shows="r was read as a ratio of variances."),
        _slip("sigma-for-variance", "(r**2 +", "(r +"),
        _slip("sigma-for-variance", "/ r**2", "/ r"),
        _slip("kl-constant-missing", " + s**2 - 1)", " + s**2)", "/ r**2 - 1)", "/ r**2)"),
        _slip("kl-constant-missing", " + s**2 - 1)", " + s**2)"),
        _slip("kl-constant-missing", "/ r**2 - 1)", "/ r**2)"),
        _slip("shift-missing", "(r**2 + s**2", "(r**2", "(1 + s**2)", "1"),
        _slip("shift-missing", "(1 + s**2)", "1"),
        _slip("square-sign", "(r**2 + s**2", "(r**2 - s**2", "(1 + s**2)", "(1 - s**2)"),
        _slip("square-sign", "(r**2 + s**2", "(r**2 - s**2"),
        _slip("square-sign", "(1 + s**2)", "(1 - s**2)"),
        _slip("square-missing", "(r**2 + s**2", "(r**2 + s", "(1 + s**2)", "(1 + s)"),
    ),
    hand=(
        Case(_double(0.0, 2.0), "s = 0, r = 2"),
        Case(_double(1.0, 1.0), "s = 1, r = 1"),
        Case(_double(1.0, 0.5), "s = 1, r = 1/2"),
        Case(_double(2.0, 1.0), "s = 2, r = 1"),
    ),
    draw=lambda: [
        Case((torch.randn(()), torch.randn(()).exp()), "another s and r") for _ in range(3)
    ],
    verified="Both gaps agree with the divergences of Gaussians, for shifted, narrow and wide proxies.",
    place=PLACES["gap-is-kl"],
    observe=named_values("gap below", "gap above"),
)


def _uniform_proxy(c: Tensor, s_p: Tensor) -> tuple[Tensor, Tensor]:
    mean_log_w = (2 * c).log() - 0.5 * (2 * math.pi * s_p**2).log() - c**2 / (6 * s_p**2)
    log_mean_w = torch.erf(c / (s_p * 2**0.5)).log()
    return mean_log_w, log_mean_w


CDF = "(0.5 + 0.5 * torch.erf(c / (s_p * 2**0.5)))"
OUTSIDE = "It is all that lies outside the interval, and no logarithm was taken."
MINUS = "Neither value is ever positive: log p(x) is what is subtracted."

UNIFORM_PROXY = Exercise(
    name="uniform_proxy",
    number="3.6",
    solution=_uniform_proxy,
    slips=(
        _slip(
            "spread-for-variance",
            "c**2 / (6 * s_p**2)",
            "c**2 / (2 * s_p**2)",
            shows="c² was taken.",
        ),
        _slip(
            "spread-for-variance",
            "c**2 / (6 * s_p**2)",
            "c**2 / (24 * s_p**2)",
            shows="c²/12 was taken.",
        ),
        _slip("spread-for-variance", " - c**2 / (6 * s_p**2)", "", shows="It was left out."),
        _slip("half-missing", "/ (6 * s_p**2)", "/ (3 * s_p**2)"),
        _slip("bracket-missing", "/ (6 * s_p**2)", "/ 6 * s_p**2"),
        _slip("square-sign", "- c**2", "+ c**2"),
        _slip("uniform-density", "(2 * c).log()", "c.log()"),
        _slip("normaliser-dropped", " - 0.5 * (2 * math.pi * s_p**2).log()", ""),
        _slip(
            "normaliser-dropped",
            "(2 * math.pi * s_p**2)",
            "(s_p**2)",
            shows="The mean of log w is ½ log 2π too high.",
        ),
        _slip(
            "sigma-for-variance",
            "(2 * math.pi * s_p**2)",
            "(2 * math.pi * s_p)",
            "(6 * s_p**2)",
            "(6 * s_p)",
        ),
        _slip("sigma-for-variance", "(2 * math.pi * s_p**2)", "(2 * math.pi * s_p)"),
        _slip("sigma-for-variance", "(6 * s_p**2)", "(6 * s_p)"),
        _slip("variance-for-sigma", "(s_p * 2**0.5)", "(s_p**2 * 2**0.5)"),
        _slip("logarithm-sign", "- 0.5 * (2", "+ 0.5 * (2"),
        _slip("log-q-missing", "(2 * c).log() - 0.5", "-0.5"),
        _slip("log-q-sign", "(2 * c).log() - 0.5", "-(2 * c).log() - 0.5"),
        _slip("half-missing", " - 0.5 * (2", " - (2"),
        _slip("erf-argument", "(s_p * 2**0.5)", "s_p"),
        _slip("erf-argument", "(s_p * 2**0.5)", "(s_p / 2**0.5)"),
        _slip("erf-argument", "(s_p * 2**0.5)", "(s_p * 2)"),
        _slip("erf-argument", "(s_p * 2**0.5)", "2**0.5", shows="It was not divided by s_p."),
        _slip(
            "mass-elsewhere",
            "torch.erf(c / (s_p * 2**0.5))",
            CDF,
            shows="It is all that lies below m + c.",
        ),
        _slip(
            "mass-elsewhere",
            "torch.erf(",
            "torch.erfc(",
            shows="It is all that lies outside the interval.",
        ),
        _slip(
            "mass-elsewhere",
            "torch.erf(c / (s_p * 2**0.5)).log()",
            "torch.erfc(c / (s_p * 2**0.5))",
            shows=OUTSIDE,
        ),
        _slip("support-ignored", "torch.erf(c / (s_p * 2**0.5)).log()", "torch.zeros_like(c)"),
        _slip(
            "log-of-mean-of-logs",
            ", log_mean_w\n",
            ", mean_log_w\n",
            shows="The second value equals the first.",
        ),
        _slip(
            "negated",
            "return mean_log_w, log_mean_w",
            "return -mean_log_w, -log_mean_w",
            shows=MINUS,
        ),
        _slip("negated", "return mean_log_w, log", "return -mean_log_w, log", shows=MINUS),
        _slip(
            "base-2",
            "c).log()",
            "c).log2()",
            "p**2).log()",
            "p**2).log2()",
            "5)).log()",
            "5)).log2()",
            shows=BITS,
        ),
        _slip(
            "one-side",
            "torch.erf(c / (s_p * 2**0.5)).log()",
            "(0.5 * torch.erf(c / (s_p * 2**0.5))).log()",
        ),
        _slip(
            "mass-not-logged",
            "torch.erf(c / (s_p * 2**0.5)).log()",
            "torch.erf(c / (s_p * 2**0.5))",
        ),
        _slip("order-swapped", "return mean_log_w, log_mean_w", "return log_mean_w, mean_log_w"),
    ),
    hand=(
        Case(_double(1.0, 1.0), "c = 1, s_p = 1"),
        Case(_double(2.0, 0.5), "c = 2, s_p = 1/2"),
    ),
    draw=lambda: [
        Case((torch.rand(()) + 0.5, torch.rand(()) + 0.5), "another c and s_p") for _ in range(3)
    ],
    verified="Both values agree with the integrals over the interval, for wide and narrow ones.",
    place=PLACES["gap-is-kl"],
    observe=named_values("mean of log w", "log of the mean of w"),
)


def check_growth_rates(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.1: the log of the mean factor of a bet, and the mean of its log."""
    return judge(GROWTH_RATES, fn)


def check_jensen_gap(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.2: the Jensen gap of the weights of each datum."""
    return judge(JENSEN_GAP, fn)


def check_two_bounds(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.5: the gaps of the bounds from below and from above, for a Gaussian proxy."""
    return judge(TWO_BOUNDS, fn)


def check_uniform_proxy(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.6: both orders of mean and logarithm for a uniform proxy."""
    return judge(UNIFORM_PROXY, fn)
