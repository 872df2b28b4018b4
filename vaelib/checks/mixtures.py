"""Checks of the exercises of chapter 1 on mixtures: their posterior, and how to fit them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values, t64
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = [
    "check_bayes",
    "check_em_step",
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


SUM, SHARES = "torch.logsumexp(log_joint, 1)", "(log_joint - log_p_x[:, None]).exp()"
SOFTMAX = (SHARES, "torch.softmax(log_joint, 1)")
DIVIDED = (SHARES, "log_joint.exp() / log_joint.exp().sum(1)[:, None]")
NAIVE = (SUM, "log_joint.exp().sum(1).log()")
FAR = "(log_joint - log_joint.max()).exp()"
ONE_SHIFT = (SUM, f"log_joint.max() + {FAR}.sum(1).log()")
CLIPPED = (SUM, "(log_joint.exp().sum(1) + 1e-12).log()")
CLIPPED_SHARES = (SHARES, "log_joint.exp() / (log_joint.exp().sum(1) + 1e-12)[:, None]")
A_PRICE = (
    "A petal that no species comes near gets the constant's logarithm, whatever its length is."
)
BAYES = Exercise(
    name="bayes",
    number="1.1",
    solution=_bayes,
    slips=(
        Slip(
            "product-for-sum",
            (("log_p_x = torch.logsumexp(log_joint, 1)", "log_p_x = log_joint.sum(1)"), SOFTMAX),
        ),
        Slip(
            "product-for-sum",
            (("torch.logsumexp(log_joint, 1)", "log_joint.sum(1)"),),
            "Nor do the shares add up to one.",
        ),
        Slip("no-maximum", (NAIVE, DIVIDED)),
        Slip("no-maximum", (NAIVE, SOFTMAX), "It is the evidence that underflows."),
        Slip(
            "no-maximum", (NAIVE,), "It is the evidence that underflows, and what is divided by it."
        ),
        Slip(
            "no-maximum",
            (DIVIDED,),
            "It is the posterior that underflows: zero is divided by zero.",
        ),
        Slip("maximum-of-all", (ONE_SHIFT, (SHARES, f"{FAR} / {FAR}.sum(1)[:, None]"))),
        Slip("maximum-of-all", (ONE_SHIFT, SOFTMAX)),
        Slip(
            "maximum-not-added",
            ((SUM, "(log_joint - log_joint.max(1, True).values).exp().sum(1).log()"), SOFTMAX),
        ),
        Slip("largest-only", ((SUM, "log_joint.max(1).values"), SOFTMAX)),
        Slip("probability-clipped", (CLIPPED, CLIPPED_SHARES), A_PRICE),
        Slip("probability-clipped", (CLIPPED, DIVIDED), A_PRICE),
        Slip("posterior-unnormalised", (("log_joint - log_p_x[:, None]", "log_joint"),)),
        _slip(
            "log-for-value",
            ").exp()",
            ")",
            "It is the posterior's; only the evidence is asked for in logarithms.",
        ),
        Slip(
            "prior-missing",
            (("weights.log() + ", ""),),
            "How common a species is does not count in your answer.",
        ),
        _slip(
            "prior-missing",
            SHARES,
            "torch.softmax(log_likelihood, 1)",
            "It is missing in the posterior only.",
        ),
        Slip(
            "prior-missing",
            ((SUM, "torch.logsumexp(log_likelihood, 1)"), SOFTMAX),
            "It is missing in the evidence only.",
        ),
        _slip(
            "prior-twice",
            SHARES,
            "torch.softmax(2 * weights.log() + log_likelihood, 1)",
            "It is so in the posterior.",
        ),
        _slip(
            "probabilities-ignored",
            "weights.log()",
            "-math.log(len(means))",
            "Every species weighs 1/C.",
            "evidence",
        ),
        Slip(
            "log-of-mean-of-logs",
            ((SUM, "(weights * log_likelihood).sum(1)"), SOFTMAX),
            place=PLACES["evidence"],
        ),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("normaliser-dropped", ((" - math.log(sigma * (2 * math.pi) ** 0.5)", ""),)),
        _slip("normaliser-dropped", " * (2 * math.pi) ** 0.5", "", "The √2π is missing in it."),
        _slip(
            "normaliser-dropped",
            "sigma * (2",
            "(2",
            "The σ is missing in it: it is right only where σ = 1.",
        ),
        _slip(
            "logarithm-sign", "- math.log", "+ math.log", "It is that of the constant, log σ√2π."
        ),
        _slip(
            "logarithm-sign",
            "sigma * (2 * math.pi) ** 0.5",
            "(2 * math.pi) ** 0.5 / sigma",
            "It is that of log σ.",
        ),
        _slip("distance-sign", "-0.5 * ", "0.5 * "),
        Slip("sigma-for-variance", (("/ sigma", "/ sigma**0.5"),)),
        Slip("variance-for-sigma", (("/ sigma", "/ sigma**2"), ("log(sigma ", "log(sigma**2 "))),
        _slip(
            "sigma-for-variance",
            "sigma * (2 * math.pi)",
            "(sigma * 2 * math.pi)",
            "It is the one in ½ log 2πσ².",
        ),
        Slip("half-missing", (("-0.5 * ", "-1 * "),), "It is the ½ before the squared distance."),
        _slip("half-missing", "(2 * math.pi) ** 0.5", "2 * math.pi", "It is the ½ before log 2π."),
        Slip(
            "wrong-axis",
            (("log_p_x[:, None]", "torch.logsumexp(log_joint, 0)"),),
            "Columns add up to one; rows should.",
        ),
        Slip("wrong-axis", (("(log_joint, 1)", "(log_joint, 0)"), ("log_p_x[:, None]", "log_p_x"))),
        _slip("sum-over-data", "return log_p_x,", "return log_p_x.sum(),"),
        _slip("sum-over-data", "return log_p_x,", "return log_p_x.mean(),"),
        _slip("axis-kept", "return log_p_x,", "return log_p_x[:, None],"),
        Slip(
            "order-swapped",
            (("return log_p_x, ", "return "), (SHARES, f"{SHARES}, log_p_x")),
            "",
            PLACES["evidence"],
        ),
        Slip(
            "transposed",
            (("(log_joint - log_p_x[:, None]).exp()", "(log_joint - log_p_x[:, None]).exp().T"),),
        ),
        Slip(
            "hard-assignment",
            (
                (
                    "(log_joint - log_p_x[:, None]).exp()",
                    "torch.eye(len(means))[log_joint.argmax(1)]",
                ),
            ),
        ),
        _slip(
            "hard-assignment",
            SHARES,
            "log_joint.argmax(1)",
            "The number of the species was returned.",
        ),
        Slip("log-not-taken", (("return log_p_x,", "return log_p_x.exp(),"),)),
        _slip("negated", "return log_p_x,", "return -log_p_x,", "The log-evidence has it."),
    ),
    hand=(
        Case(
            (t64(1), t64(0.75, 0.25), t64(0, 2), 1.0),
            "x = [1], weights = [¾, ¼], means = [0, 2], sigma = 1",
        ),
        Case(
            (t64(2), t64(0.5, 0.5), t64(0, 2), 2.0),
            "x = [2], weights = [½, ½], means = [0, 2], sigma = 2",
        ),
        Case(
            (t64(100), t64(0.5, 0.5), t64(0, 2), 1.0),
            "x = [100], weights = [½, ½], means = [0, 2], sigma = 1",
        ),
        Case(
            (t64(0, 100), t64(0.5, 0.5), t64(0, 2), 1.0),
            "x = [0, 100], weights = [½, ½], means = [0, 2], sigma = 1",
        ),
    ),
    draw=_petals,
    verified="It agrees with Bayes' rule on petals drawn afresh, also on a petal of a metre.",
    place=PLACES["evidence"],
    observe=named_values("log-evidence", "posterior"),
)


def _em_step(
    x: Tensor, weights: Tensor, means: Tensor, sigma: float
) -> tuple[Tensor, Tensor, Tensor]:
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


POSTERIOR = "torch.softmax({} - 0.5 * ((x[:, None] - {}) / sigma) ** 2, 1)"
SPREAD = "(square / len(x)).sqrt()"
PLAIN = "Their plain average was taken, in which a rare species counts like a common one."
EM_STEP = Exercise(
    name="em_step",
    number="1.7",
    solution=_em_step,
    slips=(
        Slip(
            "prior-missing",
            (("weights.log() - ", "-"),),
            "A rare species claims as many petals as a common one.",
        ),
        Slip(
            "hard-assignment",
            (("torch.softmax(log_joint, 1)", "torch.eye(len(means))[log_joint.argmax(1)]"),),
        ),
        Slip("old-means", (("[:, None] - new)", "[:, None] - means)"),)),
        _slip(
            "posterior-renewed",
            "(rho * (x",
            f"({POSTERIOR.format('(n / len(x)).log()', 'new')} * (x",
            "It is so for σ.",
        ),
        Slip(
            "posterior-renewed",
            (
                (
                    "new = (rho *",
                    f"again = {POSTERIOR.format('(n / len(x)).log()', 'means')}\n    new = (again *",
                ),
                ("sum(0) / n", "sum(0) / again.sum(0)"),
                ("(rho * (x", "(again * (x"),
            ),
            "The means and σ were made from the new weights.",
        ),
        Slip("variance-for-sigma", ((").sqrt()", ")"),), "The third value is the variance."),
        _slip("variance-for-sigma", "/ sigma)", "/ sigma**2)", "It is so in the posterior."),
        _slip("sigma-for-variance", "/ sigma)", "/ sigma**0.5)", "It is so in the posterior."),
        _slip("sigma-ignored", " / sigma)", ")", "The posterior takes σ for 1."),
        _slip("distance-sign", "- 0.5 *", "+ 0.5 *"),
        Slip("mean-for-sum", ((".sum()", ".mean()"), ("square / len(x)", "square"))),
        Slip("wrong-count", ((".sum(0) / n", ".sum(0) / len(x)"),), "The new means are too small."),
        Slip("wrong-count", (("return n / len(x)", "return n"),), "The new weights add up to N."),
        _slip("wrong-count", "sum(0) / n", "sum(0)", "The new means are sums."),
        _slip(
            "wrong-count", SPREAD, "(square / (len(x) - 1)).sqrt()", "The new σ² has N − 1 for N."
        ),
        _slip(
            "wrong-count",
            SPREAD,
            "(square / (len(x) - len(means))).sqrt()",
            "The new σ² has N − C for N.",
        ),
        _slip("wrong-count", SPREAD, "square.sqrt()", "The new σ² is a sum, not an average."),
        Slip("one-sigma-each", ((".sum()", ".sum(0)"), ("square / len(x)", "square / n"))),
        Slip(
            "one-sigma-each", ((".sum()", ".sum(0)"), (SPREAD, "(square / n).sqrt().mean()")), PLAIN
        ),
        Slip(
            "one-sigma-each", ((".sum()", ".sum(0)"), (SPREAD, "(square / n).mean().sqrt()")), PLAIN
        ),
        Slip(
            "one-sigma-each",
            ((".sum()", ".sum(0)"), (SPREAD, "(square / n).sqrt()[-1]")),
            "That of the last is left.",
        ),
        Slip("posterior-ignored", (("(rho * (x", "((x"), ("square /", "square / len(means) /"))),
        _slip("posterior-ignored", "(rho * (x", "((x"),
        _slip(
            "posterior-squared",
            "(rho * (x[:, None] - new) ** 2)",
            "((rho * (x[:, None] - new)) ** 2)",
        ),
        _slip("not-renewed", "return n / len(x)", "return weights", "It is the weights."),
        _slip("not-renewed", "new, (square", "means, (square", "It is the means."),
        _slip("not-renewed", SPREAD, "sigma", "It is σ."),
        _slip(
            "posterior-unnormalised",
            "torch.softmax(log_joint, 1)",
            "log_joint.exp() / (sigma * (2 * math.pi) ** 0.5)",
        ),
        _slip(
            "order-swapped",
            "n / len(x), new,",
            "new, n / len(x),",
            "It is weights and means.",
            "evidence",
        ),
        Slip("wrong-axis", (("(log_joint, 1)", "(log_joint, 0)"),)),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("half-missing", (("0.5 * ", ""),)),
        Slip(
            "no-maximum",
            (("torch.softmax(log_joint, 1)", "log_joint.exp() / log_joint.exp().sum(1)[:, None]"),),
        ),
    ),
    hand=(
        Case((t64(0, 2), t64(1), t64(5), 1.0), "x = [0, 2], weights = [1], means = [5], sigma = 1"),
        Case(
            (t64(0, 2), t64(0.75, 0.25), t64(0, 2), 2.0),
            "x = [0, 2], weights = [¾, ¼], means = [0, 2], sigma = 2",
        ),
        Case(
            (t64(0, 100), t64(0.5, 0.5), t64(0, 2), 1.0),
            "x = [0, 100], weights = [½, ½], means = [0, 2], sigma = 1",
        ),
    ),
    draw=_meadow,
    verified="One step of EM: weights, means and the shared sigma agree, also for petals far from every species.",
    place=PLACES["evidence"],
    observe=named_values("new weights", "new means", "new sigma"),
)


def check_bayes(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.1: which species is this petal? The evidence and the posterior of a mixture."""
    return judge(BAYES, fn)


def check_em_step(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.7: one step of expectation-maximisation for a mixture on a line."""
    return judge(EM_STEP, fn)
