"""Exercise 3.7: the log of the mean, its first-order bias taken out by leaving one weight out."""

import math

import torch
from torch import Tensor

from vaelib.checks.importance import logs_case
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _jackknife(log_w: Tensor) -> Tensor:
    K = len(log_w)
    is_left_out = torch.eye(K, dtype=torch.bool)[:, :, None]
    others = log_w.expand(K, *log_w.shape).masked_fill(is_left_out, -math.inf)
    one_left_out = (others.logsumexp(1) - math.log(K - 1)).mean(0)
    all_of_them = log_w.logsumexp(0) - math.log(K)
    return all_of_them + (K - 1) * (all_of_them - one_left_out)


SUBTRACTED = "log_w.logsumexp(0) + torch.log1p(-log_w.softmax(0))"
SPREAD = "all_of_them + (K - 1) * (all_of_them - one_left_out)"
TAYLOR = "all_of_them + (K * log_w.softmax(0)).var(0) / (2 * K)"

SLIPS = (
    Slip("correction-sign", {"(all_of_them - one_left_out)": "(one_left_out - all_of_them)"}),
    Slip("correction-unscaled", {"(K - 1) * (all": "(all"}),
    Slip("correction-unscaled", {"(K - 1) * (all": "K * (all"}, "It was multiplied by K."),
    Slip("sum-over-samples", {"(K - 1)).mean(0)": "(K - 1)).sum(0)"}, "It was not divided by K."),
    Slip("sum-over-samples", {"(K - 1)).mean(0)": "(K - 1)).sum(0) / (K - 1)"},
         "It was divided by K − 1."),
    Slip("terms-added", {SPREAD: "K * all_of_them + (K - 1) * one_left_out"}),
    Slip("factor-missing", {SPREAD: "all_of_them - (K - 1) * one_left_out"}),
    Slip("factor-missing", {SPREAD: "K * all_of_them - one_left_out"}, "It is the second."),
    Slip("one-choice", {"(K - 1)).mean(0)": "(K - 1))[0]"}, "The first was left out."),
    Slip("one-choice", {"(K - 1)).mean(0)": "(K - 1))[-1]"}, "The last was left out."),
    Slip("one-choice", {"(K - 1)).mean(0)": "(K - 1))[:-1].sum(0) / K"},
         "The last was never left out."),
    Slip("weight-of-one", {"masked_fill(is_left_out, -math.inf)": "masked_fill(is_left_out, 0.0)"}),
    Slip("weight-of-one", {"is_left_out, -math.inf)": "is_left_out, 0.0)",
                           "math.log(K - 1)": "math.log(K)"}),
    Slip("log-of-mean-of-logs",
         {"(others.logsumexp(1) - math.log(K - 1)).mean(0)": "log_w.mean(0)"},
         "It is the second term."),
    Slip("approximation-for-exact", {SPREAD: TAYLOR},
         "The bias was taken to be v/2K, with v from the weights."),
    Slip("count-not-lowered", {"math.log(K - 1)": "math.log(K)"}),
    Slip("averaged-inside", {"(K - 1)).mean(0)": "(K - 1)).logsumexp(0) - math.log(K)"}),
    Slip("log-of-mean-of-logs", {"log_w.logsumexp(0) - math.log(K)": "log_w.mean(0)"}),
    Slip("maximum-not-added", {"return all_of_them": "return -log_w.max(0).values + all_of_them"}),
    Slip("no-maximum", {"others.logsumexp(1)": "others.exp().sum(1).log()",
                        "log_w.logsumexp(0)": "log_w.exp().sum(0).log()"}),
    Slip("cancelled", {"others.logsumexp(1)": SUBTRACTED}),
    Slip("log-k-missing", {"log_w.logsumexp(0) - math.log(K)": "log_w.logsumexp(0)"}),
)  # fmt: skip

exercise = Exercise(
    solution=_jackknife,
    slips=SLIPS,
    hand=(
        Case((t64([[0], [math.log(3)]]),), "log_w = [[0], [log 3]]"),
        Case((t64([[0, 1], [math.log(3), 1], [0, 1]]),), "log_w = [[0, 1], [log 3, 1], [0, 1]]"),
        logs_case([[1000], [1000]]),
        logs_case([[0], [1000]]),
    ),
    draw=lambda: [Case((torch.randn(5, 3),), "log_w of shape (5, 3)")],
    verified="It agrees with the definition on fresh weights, and holds for log-weights of ±1000, "
    "however far apart.",
    place="averaging",
)
