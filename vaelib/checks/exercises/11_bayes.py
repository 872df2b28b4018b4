"""Exercise 1.1: which species is this petal? The evidence and the posterior of a mixture."""

import math

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


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


SUM = "torch.logsumexp(log_joint, 1)"
SHARES = "(log_joint - log_p_x[:, None]).exp()"
SOFTMAX = {SHARES: "torch.softmax(log_joint, 1)"}
DIVIDED = {SHARES: "log_joint.exp() / log_joint.exp().sum(1)[:, None]"}
NAIVE = {SUM: "log_joint.exp().sum(1).log()"}
FAR = "(log_joint - log_joint.max()).exp()"
ONE_SHIFT = {SUM: f"log_joint.max() + {FAR}.sum(1).log()"}
CLIPPED = {SUM: "(log_joint.exp().sum(1) + 1e-12).log()"}
CLIPPED_SHARES = {SHARES: "log_joint.exp() / (log_joint.exp().sum(1) + 1e-12)[:, None]"}
A_PRICE = (
    "A petal that no species comes near gets the constant's logarithm, whatever its length is."
)

SLIPS = (
    Slip("product-for-sum",
         {"log_p_x = torch.logsumexp(log_joint, 1)": "log_p_x = log_joint.sum(1)",
          **SOFTMAX}),
    Slip("product-for-sum", {SUM: "log_joint.sum(1)"}, "Nor do the shares add up to one."),
    Slip("no-maximum", {**NAIVE, **DIVIDED}),
    Slip("no-maximum", {**NAIVE, **SOFTMAX}, "It is the evidence that underflows."),
    Slip("no-maximum", NAIVE, "It is the evidence that underflows, and what is divided by it."),
    Slip("no-maximum", DIVIDED, "It is the posterior that underflows: zero is divided by zero."),
    Slip("maximum-of-all", {**ONE_SHIFT, SHARES: f"{FAR} / {FAR}.sum(1)[:, None]"}),
    Slip("maximum-of-all", {**ONE_SHIFT, **SOFTMAX}),
    Slip("maximum-not-added",
         {SUM: "(log_joint - log_joint.max(1, True).values).exp().sum(1).log()",
          **SOFTMAX}),
    Slip("largest-only", {SUM: "log_joint.max(1).values", **SOFTMAX}),
    Slip("probability-clipped", {**CLIPPED, **CLIPPED_SHARES}, A_PRICE),
    Slip("probability-clipped", {**CLIPPED, **DIVIDED}, A_PRICE),
    Slip("posterior-unnormalised", {"log_joint - log_p_x[:, None]": "log_joint"}),
    Slip("log-for-value", {").exp()": ")"},
         "It is the posterior's; only the evidence is asked for in logarithms."),
    Slip("prior-missing", {"weights.log() + ": ""},
         "How common a species is does not count in your answer."),
    Slip("prior-missing", {SHARES: "torch.softmax(log_likelihood, 1)"},
         "It is missing in the posterior only."),
    Slip("prior-missing", {SUM: "torch.logsumexp(log_likelihood, 1)", **SOFTMAX},
         "It is missing in the evidence only."),
    Slip("prior-twice", {SHARES: "torch.softmax(2 * weights.log() + log_likelihood, 1)"},
         "It is so in the posterior."),
    Slip("probabilities-ignored", {"weights.log()": "-math.log(len(means))"},
         "Every species weighs 1/C.", place="evidence"),
    Slip("log-of-mean-of-logs", {SUM: "(weights * log_likelihood).sum(1)", **SOFTMAX},
         place="evidence"),
    Slip("log-missing", {"weights.log()": "weights"}),
    Slip("normaliser-dropped", {" - math.log(sigma * (2 * math.pi) ** 0.5)": ""}),
    Slip("normaliser-dropped", {" * (2 * math.pi) ** 0.5": ""}, "The √2π is missing in it."),
    Slip("normaliser-dropped", {"sigma * (2": "(2"},
         "The σ is missing in it: it is right only where σ = 1."),
    Slip("logarithm-sign", {"- math.log": "+ math.log"}, "It is that of the constant, log σ√2π."),
    Slip("logarithm-sign", {"sigma * (2 * math.pi) ** 0.5": "(2 * math.pi) ** 0.5 / sigma"},
         "It is that of log σ."),
    Slip("distance-sign", {"-0.5 * ": "0.5 * "}),
    Slip("sigma-for-variance", {"/ sigma": "/ sigma**0.5"}),
    Slip("variance-for-sigma", {"/ sigma": "/ sigma**2", "log(sigma ": "log(sigma**2 "}),
    Slip("sigma-for-variance", {"sigma * (2 * math.pi)": "(sigma * 2 * math.pi)"},
         "It is the one in ½ log 2πσ²."),
    Slip("half-missing", {"-0.5 * ": "-1 * "}, "It is the ½ before the squared distance."),
    Slip("half-missing", {"(2 * math.pi) ** 0.5": "2 * math.pi"}, "It is the ½ before log 2π."),
    Slip("wrong-axis", {"log_p_x[:, None]": "torch.logsumexp(log_joint, 0)"},
         "Columns add up to one; rows should."),
    Slip("wrong-axis", {"(log_joint, 1)": "(log_joint, 0)", "log_p_x[:, None]": "log_p_x"}),
    Slip("sum-over-data", {"return log_p_x,": "return log_p_x.sum(),"}),
    Slip("sum-over-data", {"return log_p_x,": "return log_p_x.mean(),"}),
    Slip("axis-kept", {"return log_p_x,": "return log_p_x[:, None],"}),
    Slip("order-swapped", {"return log_p_x, ": "return ", SHARES: f"{SHARES}, log_p_x"},
         place="evidence"),
    Slip("transposed", {SHARES: f"{SHARES}.T"}),
    Slip("hard-assignment", {SHARES: "torch.eye(len(means))[log_joint.argmax(1)]"}),
    Slip("hard-assignment", {SHARES: "log_joint.argmax(1)"},
         "The number of the species was returned."),
    Slip("log-not-taken", {"return log_p_x,": "return log_p_x.exp(),"}),
    Slip("negated", {"return log_p_x,": "return -log_p_x,"}, "The log-evidence has it."),
)  # fmt: skip

HAND = (
    Case((t64([1]), t64([0.75, 0.25]), t64([0, 2]), 1.0),
         "x = [1], weights = [¾, ¼], means = [0, 2], sigma = 1"),
    Case((t64([2]), t64([0.5, 0.5]), t64([0, 2]), 2.0),
         "x = [2], weights = [½, ½], means = [0, 2], sigma = 2"),
    Case((t64([100]), t64([0.5, 0.5]), t64([0, 2]), 1.0),
         "x = [100], weights = [½, ½], means = [0, 2], sigma = 1"),
    Case((t64([0, 100]), t64([0.5, 0.5]), t64([0, 2]), 1.0),
         "x = [0, 100], weights = [½, ½], means = [0, 2], sigma = 1"),
)  # fmt: skip

exercise = Exercise(
    solution=_bayes,
    slips=SLIPS,
    hand=HAND,
    draw=_petals,
    verified="It agrees with Bayes' rule on petals drawn afresh, also on a petal of a metre.",
    place="evidence",
    observe=named_values("log-evidence", "posterior"),
)
