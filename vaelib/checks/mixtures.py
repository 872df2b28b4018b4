"""Checks of the exercises of chapter 1 on mixtures: their posterior, the price of sampling, and how to fit them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values, t64
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = [
    "check_bayes",
    "check_em_step",
    "check_mixture_price",
]


def _bayes(x: Tensor, weights: Tensor, means: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    scaled = (x[:, None] - means) / sigma
    log_likelihood = -0.5 * scaled**2 - math.log(sigma * (2 * math.pi) ** 0.5)
    log_joint = weights.log() + log_likelihood
    log_p_x = torch.logsumexp(log_joint, 1)
    return log_p_x, (log_joint - log_p_x[:, None]).exp()


def _petals() -> list[Case]:
    weights = torch.rand(3).double() + 0.2
    args = (6 * torch.rand(4).double(), weights / weights.sum(), 6 * torch.rand(3).double(), 1.7)
    return [Case(args, "four petals and three species")]


SOFTMAX = ("(log_joint - log_p_x[:, None]).exp()", "torch.softmax(log_joint, 1)")
DIVIDED = ("(log_joint - log_p_x[:, None]).exp()", "log_joint.exp() / log_joint.exp().sum(1)[:, None]")
BAYES = Exercise(
    name="bayes",
    number="1.1",
    solution=_bayes,
    slips=(
        Slip("product-for-sum", (("log_p_x = torch.logsumexp(log_joint, 1)", "log_p_x = log_joint.sum(1)"), SOFTMAX)),
        Slip(
            "product-for-sum",
            (("torch.logsumexp(log_joint, 1)", "log_joint.sum(1)"),),
            "Nor do the shares add up to one.",
        ),
        Slip("no-maximum", (("torch.logsumexp(log_joint, 1)", "log_joint.exp().sum(1).log()"), DIVIDED)),
        Slip("posterior-unnormalised", (("log_joint - log_p_x[:, None]", "log_joint"),)),
        Slip("prior-missing", (("weights.log() + ", ""),), "How common a species is does not count in your answer."),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("normaliser-dropped", ((" - math.log(sigma * (2 * math.pi) ** 0.5)", ""),)),
        Slip("sigma-for-variance", (("/ sigma", "/ sigma**0.5"),)),
        Slip("variance-for-sigma", (("/ sigma", "/ sigma**2"), ("log(sigma ", "log(sigma**2 "))),
        Slip("half-missing", (("-0.5 * ", "-1 * "),), "It is the ½ before the squared distance."),
        Slip(
            "wrong-axis",
            (("log_p_x[:, None]", "torch.logsumexp(log_joint, 0)"),),
            "Columns add up to one; rows should.",
        ),
        Slip("transposed", (("(log_joint - log_p_x[:, None]).exp()", "(log_joint - log_p_x[:, None]).exp().T"),)),
        Slip(
            "hard-assignment", (("(log_joint - log_p_x[:, None]).exp()", "torch.eye(len(means))[log_joint.argmax(1)]"),)
        ),
        Slip("log-not-taken", (("return log_p_x,", "return log_p_x.exp(),"),)),
    ),
    hand=(
        Case((t64(1), t64(0.75, 0.25), t64(0, 2), 1.0), "x = [1], weights = [¾, ¼], means = [0, 2], sigma = 1"),
        Case((t64(2), t64(0.5, 0.5), t64(0, 2), 2.0), "x = [2], weights = [½, ½], means = [0, 2], sigma = 2"),
        Case((t64(100), t64(0.5, 0.5), t64(0, 2), 1.0), "x = [100], weights = [½, ½], means = [0, 2], sigma = 1"),
    ),
    draw=_petals,
    verified="It agrees with Bayes' rule on petals drawn afresh, also on a petal of a metre.",
    place=PLACES["evidence"],
    observe=named_values("log-evidence", "posterior"),
)


def _mixture_price(pi: Tensor, rho: Tensor, Z: int, epsilon: float) -> tuple[Tensor, Tensor, int, float]:
    price = (rho**2 / pi).sum(1)
    highest, mean = 1 / pi.min(), len(pi)
    bits = (2 * ((1 - epsilon) ** 2 + epsilon**2)) ** Z
    return price, highest, mean, bits


def _simplex(*shape: int) -> Tensor:
    numbers = torch.rand(*shape).double() + 0.1
    return numbers / numbers.sum(-1, keepdim=True)


BY_KL = "(2 * (1 - epsilon) ** (1 - epsilon) * epsilon**epsilon)"
MIXTURE_PRICE = Exercise(
    name="mixture_price",
    number="1.6",
    solution=_mixture_price,
    slips=(
        Slip("one-missing", (("/ pi).sum(1)", "/ pi).sum(1) - 1"),), "The price of a datum is 1 too low."),
        Slip("prior-not-divided", (("rho**2 / pi", "rho**2"),)),
        Slip("wrong-expectation", (("rho**2 / pi", "rho**3 / pi**2"),)),
        Slip("wrong-expectation", (("rho**2 / pi", "rho**2 / pi**2"),), "The ratios were added up, not averaged."),
        Slip("kl-for-chi2", (("rho**2 / pi", "torch.xlogy(rho, rho / pi)"),)),
        Slip("chi2-reversed", (("rho**2 / pi", "pi**2 / rho"),)),
        Slip("chi2-reversed", (("rho**2 / pi", "rho * (pi / rho) ** 2"),)),
        Slip("mean-for-sum", (("sum(1)", "mean(1)"),), "The price is too small by the number of components."),
        Slip("wrong-axis", (("sum(1)", "sum(0)"),)),
        Slip("wrong-extreme", (("pi.min()", "pi.max()"),)),
        Slip("bound-for-mean", (("len(pi)", "1 / pi.min()"),)),
        Slip("sum-for-product", ((") ** Z", ") * Z"),)),
        Slip("noise-missing", (("(2 * ((1 - epsilon) ** 2 + epsilon**2))", "2"),), "It is the bits' price at ε = 0."),
        Slip("kl-for-chi2", (("(2 * ((1 - epsilon) ** 2 + epsilon**2))", BY_KL),), "It is the bits' price."),
    ),
    hand=(
        Case((t64(0.5, 0.5), t64([1, 0]), 1, 0.0), "pi = [½, ½], rho = [[1, 0]], Z = 1, ε = 0"),
        Case((t64(0.5, 0.25, 0.25), t64([0.5, 0.5, 0]), 3, 0.5), "pi = [½, ¼, ¼], rho = [[½, ½, 0]], Z = 3, ε = ½"),
        Case((t64(0.75, 0.25), t64([0.5, 0.5], [1, 0]), 2, 0.25), "pi = [¾, ¼], rho = [[½, ½], [1, 0]], Z = 2, ε = ¼"),
    ),
    draw=lambda: [Case((_simplex(4), _simplex(3, 4), 5, 0.1), "four components and three data")],
    verified="The prices and both bounds are right, also for distributions drawn afresh.",
    place=PLACES["intractable"],
    observe=named_values("price of a datum", "bound on it", "bound on its mean", "price of the bits"),
)


def _em_step(x: Tensor, weights: Tensor, means: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    log_joint = weights.log() - 0.5 * ((x[:, None] - means) / sigma) ** 2
    rho = torch.softmax(log_joint, 1)
    n = rho.sum(0)
    new = (rho * x[:, None]).sum(0) / n
    square = (rho * (x[:, None] - new) ** 2).sum()
    return n / len(x), new, (square / len(x)).sqrt()


def _meadow() -> list[Case]:
    """Every species has petals of its own, so that no share is empty, whoever assigns them."""
    weights, means = torch.rand(3).double() + 0.5, t64(0, 4, 8) + torch.rand(3)
    x = means.repeat(3) + 0.5 * torch.rand(9)
    return [Case((x, weights / weights.sum(), means, 1.2), "nine petals and three species")]


EM_STEP = Exercise(
    name="em_step",
    number="1.7",
    solution=_em_step,
    slips=(
        Slip("prior-missing", (("weights.log() - ", "-"),), "A rare species claims as many petals as a common one."),
        Slip("hard-assignment", (("torch.softmax(log_joint, 1)", "torch.eye(len(means))[log_joint.argmax(1)]"),)),
        Slip("old-means", (("[:, None] - new)", "[:, None] - means)"),)),
        Slip("variance-for-sigma", ((").sqrt()", ")"),), "The third value is the variance."),
        Slip("mean-for-sum", ((".sum()", ".mean()"), ("square / len(x)", "square"))),
        Slip("wrong-count", ((".sum(0) / n", ".sum(0) / len(x)"),), "The new means are too small."),
        Slip("wrong-count", (("return n / len(x)", "return n"),), "The new weights add up to N."),
        Slip("one-sigma-each", ((".sum()", ".sum(0)"), ("square / len(x)", "square / n"))),
        Slip("wrong-axis", (("(log_joint, 1)", "(log_joint, 0)"),)),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("half-missing", (("0.5 * ", ""),)),
        Slip("no-maximum", (("torch.softmax(log_joint, 1)", "log_joint.exp() / log_joint.exp().sum(1)[:, None]"),)),
    ),
    hand=(
        Case((t64(0, 2), t64(1), t64(5), 1.0), "x = [0, 2], weights = [1], means = [5], sigma = 1"),
        Case((t64(0, 2), t64(0.75, 0.25), t64(0, 2), 1.0), "x = [0, 2], weights = [¾, ¼], means = [0, 2], sigma = 1"),
        Case((t64(0, 100), t64(0.5, 0.5), t64(0, 2), 1.0), "x = [0, 100], weights = [½, ½], means = [0, 2], sigma = 1"),
    ),
    draw=_meadow,
    verified="One step of EM: weights, means and the shared sigma agree, also for petals far from every species.",
    place=PLACES["evidence"],
    observe=named_values("new weights", "new means", "new sigma"),
)


def check_bayes(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.1: which species is this petal? The evidence and the posterior of a mixture."""
    return judge(BAYES, fn)


def check_mixture_price(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.6: what sampling costs in a mixture."""
    return judge(MIXTURE_PRICE, fn)


def check_em_step(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.7: one step of expectation-maximisation for a mixture on a line."""
    return judge(EM_STEP, fn)
