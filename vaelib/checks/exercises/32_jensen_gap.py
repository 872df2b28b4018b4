"""Exercise 3.2: the Jensen gap of the weights of each datum."""

import torch
from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _jensen_gap(w: Tensor) -> Tensor:
    log_of_mean, mean_of_log = w.mean(0).log(), w.log().mean(0)
    return log_of_mean - mean_of_log


GAP = "log_of_mean - mean_of_log"
BY_B = {
    "w.mean(0).log()": "(w.sum(0) / w.shape[1]).log()",
    "w.log().mean(0)": "w.log().sum(0) / w.shape[1]",
}
LOGS = "w.log().mean(0)"

SLIPS = (
    Slip("sign-flipped", {GAP: "mean_of_log - log_of_mean"},
         "A gap is never negative; every value here is."),
    Slip("wrong-axis", {"w.mean(0)": "w.mean(1)", LOGS: "w.log().mean(1)"}),
    Slip("sum-over-data", {"w.mean(0)": "w.mean()", LOGS: "w.log().mean()"}),
    Slip("sum-over-data", {GAP: f"({GAP}).mean()"}),
    Slip("sum-over-data", {GAP: f"({GAP}).sum()"}),
    Slip("sum-over-data", {"w.mean(0)": "w.mean()"}, "The first mean runs over the data, too."),
    Slip("sum-over-data", {LOGS: "w.log().mean()"}, "The second mean runs over the data, too."),
    Slip("not-averaged", {LOGS: "w.log()"}),
    Slip("axis-kept", {GAP: f"({GAP})[None]"}),
    Slip("log-k-missing", {"w.mean(0)": "w.sum(0)"}, "Every gap is log K too wide."),
    Slip("sum-over-samples", {LOGS: "w.log().sum(0)"}, "It is the logarithms that were added."),
    Slip("sum-over-samples", {"w.mean": "w.sum", "log().mean": "log().sum"}, "Both were added."),
    Slip("counted-wrong", BY_B, "It was divided by the number of data."),
    Slip("log-outside", {LOGS: "w.mean(0).log()"}, "Both terms are the same: no gap is left."),
    Slip("weights-for-logs", {"w.mean(0).log(), w.log()": "w.logsumexp(0) - math.log(len(w)), w"},
         "The weights come as they are here, and were taken for log-weights."),
    Slip("logs-divided", {GAP: "log_of_mean / mean_of_log"},
         "For equal weights it is 1 and not 0."),
    Slip("base-2", {"w.mean(0).log()": "w.mean(0).log2()", "w.log()": "w.log2()"}),
    Slip("base-10", {"w.mean(0).log()": "w.mean(0).log10()", "w.log()": "w.log10()"}),
    Slip("log-normal-gap", {GAP: "0.5 * w.log().var(0)"}),
    Slip("log-normal-gap", {GAP: "0.5 * w.log().var(0, correction=0)"}),
    Slip("half-variance", {GAP: "0.5 * w.var(0, correction=0) / w.mean(0)**2"}),
    Slip("half-variance", {GAP: "0.5 * w.var(0) / w.mean(0)**2"}),
    Slip("exponential-left", {GAP: f"({GAP}).exp()"}),
    Slip("logarithm-missing", {"w.mean(0).log()": "w.mean(0)"}),
)  # fmt: skip

HAND = (
    Case((t64([[1], [4]]),), "w = [[1], [4]], two weights of one datum"),
    Case((t64([[1, 2], [4, 2]]),), "w = [[1, 2], [4, 2]], two weights of each of two data"),
    Case((t64([[1, 2], [2, 2], [6, 2]]),), "w = [[1, 2], [2, 2], [6, 2]], three weights of each"),
)  # fmt: skip

exercise = Exercise(
    solution=_jensen_gap,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((torch.randn(5, 3).exp(),), "w of shape (5, 3)")],
    verified="It agrees with the definition datum by datum, and vanishes where all weights are "
    "equal.",
    place="gap",
)
