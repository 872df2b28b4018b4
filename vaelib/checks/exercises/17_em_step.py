"""Exercise 1.7: one step of expectation-maximisation for a mixture on a line."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


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
    """Every species has petals of its own: no share is empty, however petals are assigned."""
    weights, means = torch.rand(3).double() + 0.5, t64([0, 4, 8]) + torch.rand(3)
    x = means.repeat(3) + 0.5 * torch.rand(9)
    return [Case((x, weights / weights.sum(), means, 1.2), "nine petals and three species")]


RHO = "torch.softmax(log_joint, 1)"
AGAIN = "torch.softmax((n / len(x)).log() - 0.5 * ((x[:, None] - means) / sigma) ** 2, 1)"
SPREAD = "(square / len(x)).sqrt()"
PLAIN = "Their plain average was taken, in which a rare species counts like a common one."

SLIPS = (
    Slip("prior-missing", {"weights.log() - ": "-"},
         "A rare species claims as many petals as a common one."),
    Slip("hard-assignment", {RHO: "torch.eye(len(means))[log_joint.argmax(1)]"}),
    Slip("old-means", {"[:, None] - new)": "[:, None] - means)"}),
    Slip("posterior-renewed", {"(rho * (x": f"({AGAIN.replace('means', 'new')} * (x"},
         "It is so for σ."),
    Slip("posterior-renewed", {"new = (rho *": f"again = {AGAIN}\n    new = (again *",
                               "sum(0) / n": "sum(0) / again.sum(0)",
                               "(rho * (x": "(again * (x"},
         "The means and σ were made from the new weights."),
    Slip("variance-for-sigma", {").sqrt()": ")"}, "The third value is the variance."),
    Slip("variance-for-sigma", {"/ sigma)": "/ sigma**2)"}, "It is so in the posterior."),
    Slip("sigma-for-variance", {"/ sigma)": "/ sigma**0.5)"}, "It is so in the posterior."),
    Slip("sigma-ignored", {" / sigma)": ")"}, "The posterior takes σ for 1."),
    Slip("distance-sign", {"- 0.5 *": "+ 0.5 *"}),
    Slip("mean-for-sum", {".sum()": ".mean()", "square / len(x)": "square"}),
    Slip("wrong-count", {".sum(0) / n": ".sum(0) / len(x)"}, "The new means are too small."),
    Slip("wrong-count", {"return n / len(x)": "return n"}, "The new weights add up to N."),
    Slip("wrong-count", {"sum(0) / n": "sum(0)"}, "The new means are sums."),
    Slip("wrong-count", {SPREAD: "(square / (len(x) - 1)).sqrt()"}, "The new σ² has N − 1 for N."),
    Slip("wrong-count", {SPREAD: "(square / (len(x) - len(means))).sqrt()"},
         "The new σ² has N − C for N."),
    Slip("wrong-count", {SPREAD: "square.sqrt()"}, "The new σ² is a sum, not an average."),
    Slip("one-sigma-each", {".sum()": ".sum(0)", "square / len(x)": "square / n"}),
    Slip("one-sigma-each", {".sum()": ".sum(0)", SPREAD: "(square / n).sqrt().mean()"}, PLAIN),
    Slip("one-sigma-each", {".sum()": ".sum(0)", SPREAD: "(square / n).mean().sqrt()"}, PLAIN),
    Slip("one-sigma-each", {".sum()": ".sum(0)", SPREAD: "(square / n).sqrt()[-1]"},
         "That of the last is left."),
    Slip("posterior-ignored", {"(rho * (x": "((x", "square /": "square / len(means) /"}),
    Slip("posterior-ignored", {"(rho * (x": "((x"}),
    Slip("posterior-squared",
         {"(rho * (x[:, None] - new) ** 2)": "((rho * (x[:, None] - new)) ** 2)"}),
    Slip("not-renewed", {"return n / len(x)": "return weights"}, "It is the weights."),
    Slip("not-renewed", {"new, (square": "means, (square"}, "It is the means."),
    Slip("not-renewed", {SPREAD: "sigma"}, "It is σ."),
    Slip("posterior-unnormalised", {RHO: "log_joint.exp() / (sigma * (2 * math.pi) ** 0.5)"}),
    Slip("order-swapped", {"n / len(x), new,": "new, n / len(x),"},
         "It is weights and means.", place="evidence"),
    Slip("wrong-axis", {"(log_joint, 1)": "(log_joint, 0)"}),
    Slip("log-missing", {"weights.log()": "weights"}),
    Slip("half-missing", {"0.5 * ": ""}),
    Slip("no-maximum", {RHO: "log_joint.exp() / log_joint.exp().sum(1)[:, None]"}),
)  # fmt: skip

HAND = (
    Case((t64([0, 2]), t64([1]), t64([5]), 1.0),
         "x = [0, 2], weights = [1], means = [5], sigma = 1"),
    Case((t64([0, 2]), t64([0.75, 0.25]), t64([0, 2]), 2.0),
         "x = [0, 2], weights = [¾, ¼], means = [0, 2], sigma = 2"),
    Case((t64([0, 100]), t64([0.5, 0.5]), t64([0, 2]), 1.0),
         "x = [0, 100], weights = [½, ½], means = [0, 2], sigma = 1"),
)  # fmt: skip

exercise = Exercise(
    solution=_em_step,
    slips=SLIPS,
    hand=HAND,
    draw=_meadow,
    verified="One step of EM: weights, means and the shared sigma agree, also for petals far from "
    "every species.",
    place="evidence",
    observe=named_values("new weights", "new means", "new sigma"),
)
