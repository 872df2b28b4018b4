"""Exercise 3.1: the log of the mean factor of a bet, and the mean of its log."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _growth_rates(factor: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    mean, mean_of_log = (probability * factor).sum(), (probability * factor.log()).sum()
    return mean.log(), mean_of_log


PLAIN_MEAN = {"(probability * factor).sum()": "factor.mean()"}
PLAIN_MEAN_OF_LOG = {"(probability * factor.log()).sum()": "factor.log().mean()"}
ONE_IN_ALL = "The probabilities add up to one already: nothing is left to divide by."

SLIPS = (
    Slip("order-swapped", {"mean.log(), mean_of_log": "mean_of_log, mean.log()"}),
    Slip("probabilities-ignored", {**PLAIN_MEAN, **PLAIN_MEAN_OF_LOG}),
    Slip("probabilities-ignored", PLAIN_MEAN, "The first value is a plain mean."),
    Slip("probabilities-ignored", PLAIN_MEAN_OF_LOG, "The second value is a plain mean."),
    Slip("mean-for-sum", {"factor).sum()": "factor).mean()", "log()).sum()": "log()).mean()"},
         ONE_IN_ALL),
    Slip("mean-for-sum", {"factor).sum()": "factor).mean()"}, ONE_IN_ALL),
    Slip("mean-for-sum", {"log()).sum()": "log()).mean()"}, ONE_IN_ALL),
    Slip("not-summed", {"factor).sum()": "factor)", "log()).sum()": "log())"}),
    Slip("not-summed", {"log()).sum()": "log())"}),
    Slip("axis-kept", {"factor).sum()": "factor).sum(0, True)",
                       "log()).sum()": "log()).sum(0, True)"}),
    Slip("probability-in-the-log", {"probability * factor.log()": "(probability * factor).log()"}),
    Slip("log-of-probability", {"probability * factor.log()": "factor * probability.log()"}),
    Slip("log-of-probability", {"probability * factor.log()": "probability * probability.log()"}),
    Slip("gain-for-log", {"factor.log()": "(factor - 1)"}),
    Slip("gain-for-log", {"factor.log()": "(factor - 1)", "mean.log()": "mean - 1"}),
    Slip("gain-for-log", {"mean.log()": "mean - 1"}),
    Slip("log-of-mean-of-logs", {"mean.log()": "mean_of_log"},
         "The first value equals the second."),
    Slip("log-outside", {", mean_of_log\n": ", mean.log()\n"},
         "The second value equals the first."),
    Slip("negated", {"return mean.log(), mean_of_log": "return -mean.log(), -mean_of_log"}),
    Slip("negated", {", mean_of_log\n": ", -mean_of_log\n"}, "It is the second value alone."),
    Slip("base-2", {"mean.log()": "mean.log2()", "factor.log()": "factor.log2()"}),
    Slip("base-10", {"mean.log()": "mean.log10()", "factor.log()": "factor.log10()"}),
    Slip("exponential-left", {"mean.log(), mean_of_log": "mean, mean_of_log.exp()"}),
    Slip("logarithm-missing", {"mean.log()": "mean"},
         "The first value is the mean factor, not its logarithm."),
    Slip("logarithm-missing", {"factor.log()": "factor"},
         "The second value is the mean factor itself."),
)  # fmt: skip

HAND = (
    Case((t64([4, 1]), t64([0.5, 0.5])), "a factor of 4 or 1, each with probability 1/2"),
    Case((t64([4, 1]), t64([0.25, 0.75])), "a factor of 4 with probability 1/4, else of 1"),
    Case((t64([4, 2, 1]), t64([0.25, 0.25, 0.5])),
         "a factor of 4, 2 or 1, with probability 1/4, 1/4 and 1/2"),
)  # fmt: skip

exercise = Exercise(
    solution=_growth_rates,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((torch.rand(4) + 0.3, torch.randn(4).softmax(0)), "four factors")],
    verified="Both rates agree with their definition, for likely and for unlikely outcomes.",
    place="tangent",
    observe=named_values("log of the mean", "mean of the log"),
)
