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


ALIKE = ("(probability * factor).sum()", "factor.mean()", "(probability * factor.log()).sum()", "factor.log().mean()")

GROWTH_RATES = Exercise(
    name="growth_rates",
    number="3.1",
    solution=_growth_rates,
    slips=(
        _slip("order-swapped", "mean.log(), mean_of_log", "mean_of_log, mean.log()"),
        _slip("probabilities-ignored", *ALIKE),
        _slip("gain-for-log", "factor.log()", "(factor - 1)"),
        _slip("gain-for-log", "factor.log()", "(factor - 1)", "mean.log()", "mean - 1"),
        _slip("log-of-mean-of-logs", "mean.log()", "mean_of_log", shows="The first value equals the second."),
        _slip("base-2", "mean.log()", "mean.log2()", "factor.log()", "factor.log2()"),
        _slip("exponential-left", "mean.log(), mean_of_log", "mean, mean_of_log.exp()"),
        _slip(
            "logarithm-missing", "mean.log()", "mean", shows="The first value is the mean factor, not its logarithm."
        ),
    ),
    hand=(
        Case(_double([4.0, 1.0], [0.5, 0.5]), "a factor of 4 or 1, each with probability 1/2"),
        Case(_double([4.0, 1.0], [0.25, 0.75]), "a factor of 4 with probability 1/4, else of 1"),
    ),
    draw=lambda: [Case((torch.rand(4) + 0.3, torch.randn(4).softmax(0)), "four factors")],
    verified="Both rates agree with their definition, for likely and for unlikely outcomes.",
    place=PLACES["tangent"],
)


def _jensen_gap(w: Tensor) -> Tensor:
    log_of_mean, mean_of_log = w.mean(0).log(), w.log().mean(0)
    return log_of_mean - mean_of_log


GAP = "log_of_mean - mean_of_log"

JENSEN_GAP = Exercise(
    name="jensen_gap",
    number="3.2",
    solution=_jensen_gap,
    slips=(
        _slip("sign-flipped", GAP, "mean_of_log - log_of_mean", shows="A gap is never negative; every value here is."),
        _slip("wrong-axis", "w.mean(0)", "w.mean(1)", "w.log().mean(0)", "w.log().mean(1)"),
        _slip("sum-over-data", "w.mean(0)", "w.mean()", "w.log().mean(0)", "w.log().mean()"),
        _slip("sum-over-data", GAP, f"({GAP}).mean()"),
        _slip("sum-over-data", GAP, f"({GAP}).sum()"),
        _slip("log-k-missing", "w.mean(0)", "w.sum(0)", shows="Every gap is log K too wide."),
        _slip("base-2", "w.mean(0).log()", "w.mean(0).log2()", "w.log()", "w.log2()"),
        _slip("half-variance", GAP, "0.5 * w.var(0, correction=0) / w.mean(0)**2"),
        _slip("half-variance", GAP, "0.5 * w.var(0) / w.mean(0)**2"),
        _slip("exponential-left", GAP, f"({GAP}).exp()"),
        _slip("logarithm-missing", "w.mean(0).log()", "w.mean(0)"),
    ),
    hand=(
        Case(_double([[1.0], [4.0]]), "w = [[1], [4]], two weights of one datum"),
        Case(_double([[1.0, 2.0], [4.0, 2.0]]), "w = [[1, 2], [4, 2]], two weights of each of two data"),
    ),
    draw=lambda: [Case((torch.randn(5, 3).exp(),), "w of shape (5, 3)")],
    verified="It agrees with the definition datum by datum, and vanishes where all weights are equal.",
    place=PLACES["gap"],
)


def _two_bounds(s: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    below = 0.5 * (r**2 + s**2 - 1) - r.log()
    above = 0.5 * ((1 + s**2) / r**2 - 1) + r.log()
    return below, above


TWO_BOUNDS = Exercise(
    name="two_bounds",
    number="3.5",
    solution=_two_bounds,
    slips=(
        _slip("kl-reversed", "return below, above", "return above, below"),
        _slip(
            "sign-flipped",
            "return below, above",
            "return -below, -above",
            shows="Both gaps are divergences: never negative.",
        ),
        _slip("half-missing", "below = 0.5 *", "below =", "above = 0.5 *", "above ="),
        _slip("shift-unscaled", "(1 + s**2) / r**2", "1 / r**2 + s**2"),
        _slip("logarithm-sign", " - r.log()", " + r.log()"),
        _slip("logarithm-sign", " + r.log()", " - r.log()"),
        _slip(
            "logarithm-sign", "s**2 - 1) - r.log()", "s**2 - 1) + r.log()", "r**2 - 1) + r.log()", "r**2 - 1) - r.log()"
        ),
        _slip("determinant-missing", " - r.log()", "", " + r.log()", ""),
        _slip("sigma-for-variance", "(r**2 +", "(r +", "/ r**2", "/ r"),
        _slip("kl-constant-missing", " + s**2 - 1)", " + s**2)", "/ r**2 - 1)", "/ r**2)"),
        _slip("square-missing", "(r**2 + s**2", "(r**2 + s", "(1 + s**2)", "(1 + s)"),
    ),
    hand=(
        Case(_double(0.0, 2.0), "s = 0, r = 2"),
        Case(_double(1.0, 1.0), "s = 1, r = 1"),
        Case(_double(1.0, 0.5), "s = 1, r = 1/2"),
    ),
    draw=lambda: [Case((torch.randn(()), torch.randn(()).exp()), "another s and r") for _ in range(3)],
    verified="Both gaps agree with the divergences of Gaussians, for shifted, narrow and wide proxies.",
    place=PLACES["gap-is-kl"],
    observe=named_values("gap below", "gap above"),
)


def _uniform_proxy(c: Tensor, s_p: Tensor) -> tuple[Tensor, Tensor]:
    mean_log_w = (2 * c).log() - 0.5 * (2 * math.pi * s_p**2).log() - c**2 / (6 * s_p**2)
    log_mean_w = torch.erf(c / (s_p * 2**0.5)).log()
    return mean_log_w, log_mean_w


UNIFORM_PROXY = Exercise(
    name="uniform_proxy",
    number="3.6",
    solution=_uniform_proxy,
    slips=(
        _slip("spread-for-variance", "c**2 / (6 * s_p**2)", "c**2 / (2 * s_p**2)"),
        _slip("uniform-density", "(2 * c).log()", "c.log()"),
        _slip("normaliser-dropped", " - 0.5 * (2 * math.pi * s_p**2).log()", ""),
        _slip(
            "normaliser-dropped", "(2 * math.pi * s_p**2)", "(s_p**2)", shows="The mean of log w is ½ log 2π too high."
        ),
        _slip("sigma-for-variance", "(2 * math.pi * s_p**2)", "(2 * math.pi * s_p)", "(6 * s_p**2)", "(6 * s_p)"),
        _slip("log-q-missing", "(2 * c).log() - 0.5", "-0.5"),
        _slip("log-q-sign", "(2 * c).log() - 0.5", "-(2 * c).log() - 0.5"),
        _slip("half-missing", " - 0.5 * (2", " - (2"),
        _slip("one-side", "torch.erf(c / (s_p * 2**0.5)).log()", "(0.5 * torch.erf(c / (s_p * 2**0.5))).log()"),
        _slip("mass-not-logged", "torch.erf(c / (s_p * 2**0.5)).log()", "torch.erf(c / (s_p * 2**0.5))"),
        _slip("order-swapped", "return mean_log_w, log_mean_w", "return log_mean_w, mean_log_w"),
    ),
    hand=(
        Case(_double(1.0, 1.0), "c = 1, s_p = 1"),
        Case(_double(2.0, 0.5), "c = 2, s_p = 1/2"),
    ),
    draw=lambda: [Case((torch.rand(()) + 0.5, torch.rand(()) + 0.5), "another c and s_p") for _ in range(3)],
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
