"""Exercise 3.3: the log of the mean of the weights, given their logs."""

import math

import torch
from torch import Tensor

from vaelib.checks.importance import logs_case
from vaelib.checks.observing import value_and_gradients
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _log_mean_exp(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return log_w_max + w.sum(0).log() - math.log(len(log_w))


BY_DATUM = "log_w_max + w.sum(0).log() - math.log(len(log_w))"

SLIPS = (
    Slip("log-k-missing", {" - math.log(len(log_w))": ""}),
    Slip("no-maximum", {"log_w.max(0).values": "torch.zeros(log_w.shape[1])"}),
    Slip("maximum-not-added", {"return log_w_max +": "return"}),
    Slip("log-of-mean-of-logs", {BY_DATUM: "log_w.mean(0)"}),
    Slip("wrong-axis", {BY_DATUM: "log_w.logsumexp(1) - math.log(log_w.shape[1])"}),
    Slip("sum-over-data", {BY_DATUM: "log_w.flatten().logsumexp(0) - math.log(log_w.numel())"}),
    Slip("counted-wrong", {"len(log_w)": "log_w.numel()"}, "It was divided by K B instead of K."),
    Slip("counted-wrong", {"len(log_w)": "log_w.shape[1]"},
         "The data were counted, not the weights of one."),
    Slip("counted-wrong", {"- math.log(len": "+ math.log(len"}, "It was multiplied by the count."),
    Slip("counted-wrong", {"- math.log(len(log_w))": "- len(log_w)"},
         "K was subtracted, not log K."),
    Slip("counted-wrong", {BY_DATUM: "log_w.logsumexp(0) / len(log_w)"},
         "The logarithm was divided by K."),
    Slip("maximum-of-all", {"log_w.max(0).values": "log_w.max().expand(log_w.shape[1])"}),
    Slip("minimum-for-maximum", {"log_w.max(0)": "log_w.min(0)"}),
    Slip("another-shift", {"log_w.max(0).values": "log_w.mean(0)"}),
    Slip("largest-only", {BY_DATUM: "log_w_max"}),
    Slip("largest-only", {BY_DATUM: "log_w.amax(0)"}),
    Slip("axis-kept", {BY_DATUM: f"({BY_DATUM})[None]"}),
    Slip("logarithm-missing", {BY_DATUM: "log_w.exp().mean(0)"}),
    Slip("logarithm-missing", {"w.sum(0).log()": "w.sum(0)"}),
    Slip("wrongly-detached", {"log_w.max(0).values": "log_w.max(0).values.detach()",
                              " + w.sum": " + w.detach().sum"}),
)  # fmt: skip

exercise = Exercise(
    solution=_log_mean_exp,
    slips=SLIPS,
    hand=(
        Case((t64([[0], [math.log(3)]]),), "log_w = [[0], [log 3]]"),
        Case((t64([[0, 1], [math.log(3), 1]]),), "log_w = [[0, 1], [log 3, 1]]"),
        logs_case([[1000], [1000]]),
        logs_case([[-1000], [-1000]]),
        logs_case([[0], [1000]]),
        logs_case([[-1000], [1000]]),
        logs_case([[1000, -1000], [1001, -1001]]),
    ),
    draw=lambda: [Case((4 * torch.randn(5, 3),), "log_w of shape (5, 3)")],
    verified="It agrees with the log of the mean, value and gradient, and holds for log-weights "
    "of ±1000.",
    place="logs",
    observe=value_and_gradients("log_w"),
)
