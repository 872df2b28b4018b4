"""Exercise 5.1: the weights as shares of their sum, given their logs."""

from torch import Tensor

from vaelib.checks.importance import FIXED_WEIGHTS, draw_weights
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _normalized_weights(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return w / w.sum(0)


TO_ONE = "w / w.sum(0)"
OF_A_DATUM = "The K weights of a datum stand along axis 0, and only they belong together."

SLIPS = (
    Slip("no-maximum", {"(log_w - log_w_max).exp()": "log_w.exp()"}),
    Slip("no-maximum", {TO_ONE: "(log_w - log_w.exp().sum(0).log()).exp()"}),
    Slip("no-maximum", {TO_ONE: "log_w.exp() / (log_w.exp().sum(0) + 1e-8)"}),
    Slip("no-maximum", {"(log_w - log_w_max).exp()": "log_w.exp() / log_w.exp().max(0).values"},
         "The largest weight was divided out after the exponential."),
    Slip("no-maximum", {TO_ONE: "log_w.exp() / w.sum(0)"},
         "It was subtracted in the denominator only."),
    Slip("no-maximum", {TO_ONE: "w / log_w.exp().sum(0)"},
         "It was subtracted in the numerator only."),
    Slip("maximum-of-all", {"log_w.max(0).values": "log_w.max()"}),
    Slip("minimum-for-maximum", {"log_w.max(0).values": "log_w.min(0).values"}),
    Slip("another-shift", {"log_w.max(0).values": "log_w.mean(0)"}),
    Slip("another-shift", {"log_w.max(0).values": "log_w.abs().max(0).values"}),
    Slip("wrong-axis", {".max(0)": ".max(1, keepdim=True)", "w.sum(0)": "w.sum(1, keepdim=True)"}),
    Slip("wrong-axis", {".max(0)": ".max(1)", "w.sum(0)": "w.sum(1)"}),
    Slip("wrong-axis", {"log_w.max(0).values": "log_w.max()", "w.sum(0)": "w.sum()"}),
    Slip("wrong-axis", {"w.sum(0)": "w.sum(1, keepdim=True)"}, OF_A_DATUM),
    Slip("wrong-axis", {"w.sum(0)": "w.sum()"}, OF_A_DATUM),
    Slip("softmax-of-losses", {"log_w.max(0)": "-log_w.min(0)", "(log_w -": "(-log_w -"}),
    Slip("softmax-of-losses", {"log_w - log_w_max": "log_w_max - log_w"}),
    Slip("exponential-twice", {TO_ONE: "w.softmax(0)"}),
    Slip("exponential-twice", {TO_ONE: "log_w.exp().softmax(0)"}),
    Slip("logs-for-weights", {TO_ONE: "log_w / log_w.sum(0)"}, "The shares can be negative."),
    Slip("logs-for-weights", {"(log_w - log_w_max).exp()": "log_w - log_w_max"},
         "No exponential was taken."),
    Slip("product-for-sum", {TO_ONE: "(log_w - log_w.sum(0)).exp()"},
         "Each weight was divided by it."),
    Slip("not-normalised", {TO_ONE: "w"}, "The shares do not add up to one."),
    Slip("not-normalised", {TO_ONE: "w / len(w)"}, "They were divided by K instead."),
    Slip("upside-down", {TO_ONE: "w.sum(0) / w"}, "A share is never above one.", place="count"),
    Slip("transposed", {TO_ONE: "(w / w.sum(0)).T"}),
    Slip("mean-for-sum", {"w.sum(0)": "w.mean(0)"}, "The shares add up to K."),
    Slip("log-for-value", {TO_ONE: "(w / w.sum(0)).log()"}),
    Slip("log-for-value", {TO_ONE: "log_w.log_softmax(0)"}),
)  # fmt: skip

exercise = Exercise(
    solution=_normalized_weights,
    slips=SLIPS,
    hand=FIXED_WEIGHTS,
    draw=draw_weights,
    verified="The shares agree with w_k / Σ w_j, datum by datum, and hold for log-weights of "
    "±1000.",
    place="count",
)
