"""Checks of the exercises of chapter 3 on averages in logarithms: log-mean-exp, in chunks, and the jackknife."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.exercise import Case, Exercise, judge, value_and_gradients
from vaelib.checks.jensen import _double, _slip
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_jackknife", "check_log_mean_exp", "check_streaming_log_mean_exp"]


def _log_mean_exp(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return log_w_max + w.sum(0).log() - math.log(len(log_w))


BY_DATUM = "log_w_max + w.sum(0).log() - math.log(len(log_w))"

LOG_MEAN_EXP = Exercise(
    name="log_mean_exp",
    number="3.3",
    solution=_log_mean_exp,
    slips=(
        _slip("log-k-missing", " - math.log(len(log_w))", ""),
        _slip("no-maximum", "log_w.max(0).values", "torch.zeros(log_w.shape[1])"),
        _slip("maximum-not-added", "return log_w_max +", "return"),
        _slip("log-of-mean-of-logs", BY_DATUM, "log_w.mean(0)"),
        _slip("wrong-axis", BY_DATUM, "log_w.logsumexp(1) - math.log(log_w.shape[1])"),
        _slip("sum-over-data", BY_DATUM, "log_w.flatten().logsumexp(0) - math.log(log_w.numel())"),
        _slip(
            "counted-wrong",
            "len(log_w)",
            "log_w.numel()",
            shows="It was divided by K B instead of K.",
        ),
        _slip(
            "counted-wrong",
            "len(log_w)",
            "log_w.shape[1]",
            shows="The data were counted, not the weights of one.",
        ),
        _slip(
            "counted-wrong",
            "- math.log(len",
            "+ math.log(len",
            shows="It was multiplied by the count.",
        ),
        _slip(
            "counted-wrong",
            "- math.log(len(log_w))",
            "- len(log_w)",
            shows="K was subtracted, not log K.",
        ),
        _slip(
            "counted-wrong",
            BY_DATUM,
            "log_w.logsumexp(0) / len(log_w)",
            shows="The logarithm was divided by K.",
        ),
        _slip("maximum-of-all", "log_w.max(0).values", "log_w.max().expand(log_w.shape[1])"),
        _slip("minimum-for-maximum", "log_w.max(0)", "log_w.min(0)"),
        _slip("another-shift", "log_w.max(0).values", "log_w.mean(0)"),
        _slip("largest-only", BY_DATUM, "log_w_max"),
        _slip("largest-only", BY_DATUM, "log_w.amax(0)"),
        _slip("axis-kept", BY_DATUM, f"({BY_DATUM})[None]"),
        _slip("logarithm-missing", BY_DATUM, "log_w.exp().mean(0)"),
        _slip("logarithm-missing", "w.sum(0).log()", "w.sum(0)"),
        _slip(
            "wrongly-detached",
            "log_w.max(0).values",
            "log_w.max(0).values.detach()",
            " + w.sum",
            " + w.detach().sum",
        ),
    ),
    hand=(
        Case(_double([[0.0], [math.log(3)]]), "log_w = [[0], [log 3]]"),
        Case(_double([[0.0, 1.0], [math.log(3), 1.0]]), "log_w = [[0, 1], [log 3, 1]]"),
        Case(_double([[1000.0], [1000.0]]), "log_w = [[1000], [1000]]"),
        Case(_double([[-1000.0], [-1000.0]]), "log_w = [[-1000], [-1000]]"),
        Case(_double([[0.0], [1000.0]]), "log_w = [[0], [1000]]"),
        Case(_double([[-1000.0], [1000.0]]), "log_w = [[-1000], [1000]]"),
        Case(
            _double([[1000.0, -1000.0], [1001.0, -1001.0]]),
            "log_w = [[1000, -1000], [1001, -1001]]",
        ),
    ),
    draw=lambda: [Case((4 * torch.randn(5, 3),), "log_w of shape (5, 3)")],
    verified="It agrees with the log of the mean, value and gradient, and holds for log-weights of ±1000.",
    place=PLACES["logs"],
    observe=value_and_gradients("log_w"),
)


def _streaming_log_mean_exp(chunks: list[Tensor]) -> Tensor:
    top, total, count = torch.full_like(chunks[0][0], -math.inf), torch.zeros_like(chunks[0][0]), 0
    for log_w in chunks:
        new = torch.maximum(top, log_w.max(0).values)
        total = total * (top - new).exp() + (log_w - new).exp().sum(0)
        top, count = new, count + len(log_w)
    return top + total.log() - math.log(count)


STREAMED = "top + total.log() - math.log(count)"
MEANS = "torch.stack([log_w.logsumexp(0) - math.log(len(log_w)) for log_w in chunks])"

STREAMING = Exercise(
    name="streaming_log_mean_exp",
    number="3.4",
    solution=_streaming_log_mean_exp,
    slips=(
        _slip("maximum-kept", "total * (top - new).exp()", "total"),
        _slip(
            "maximum-kept",
            "torch.maximum(top, log_w.max(0).values)",
            "torch.where(top.isneginf(), log_w.max(0).values, top)",
            shows="The first chunk's maximum served all: a later weight, far above it, overflows.",
        ),
        _slip("maximum-of-all", "log_w.max(0).values", "log_w.max().expand(log_w.shape[1])"),
        _slip(
            "zero-in-the-sum",
            "torch.full_like(chunks[0][0], -math.inf), torch.zeros_like(chunks[0][0])",
            "torch.zeros_like(chunks[0][0]), torch.ones_like(chunks[0][0])",
        ),
        _slip("log-of-mean-of-logs", STREAMED, "torch.cat(chunks).mean(0)"),
        _slip(
            "log-of-mean-of-logs",
            STREAMED,
            f"{MEANS}.mean(0)",
            shows="Each chunk's log-mean is right; their mean is not.",
        ),
        _slip("chunks-alike", STREAMED, f"{MEANS}.logsumexp(0) - math.log(len(chunks))"),
        _slip("log-k-missing", " - math.log(count)", ""),
        _slip(
            "counted-wrong",
            "math.log(count)",
            "math.log(len(chunks))",
            shows="It was divided by the number of chunks.",
        ),
        _slip(
            "counted-wrong",
            "len(log_w)",
            "log_w.numel()",
            shows="It was divided by the number of all numbers.",
        ),
        _slip(
            "counted-wrong",
            "len(log_w)",
            "log_w.shape[1]",
            shows="The data were counted, not the weights of one.",
        ),
        _slip(
            "counted-wrong",
            "- math.log(count)",
            "+ math.log(count)",
            shows="It was multiplied by the count.",
        ),
        _slip(
            "counted-wrong",
            "count + len(log_w)",
            "len(log_w)",
            shows="It was divided by the last chunk's length.",
        ),
        _slip("last-chunk", "in chunks:", "in chunks[-1:]:"),
        _slip("last-chunk", "in chunks:", "in chunks[:1]:"),
        _slip("no-maximum", STREAMED, "torch.cat(chunks).exp().mean(0).log()"),
        _slip("maximum-not-added", "return top + ", "return "),
        _slip(
            "wrong-axis", STREAMED, "torch.cat(chunks).logsumexp(1) - math.log(chunks[0].shape[1])"
        ),
    ),
    hand=(
        Case(([*_double([[0.0]], [[math.log(3)]])],), "the chunks [[0]] and [[log 3]]"),
        Case(
            ([*_double([[0.0]], [[math.log(3)], [math.log(5)]])],),
            "the chunks [[0]] and [[log 3], [log 5]]",
        ),
        Case(([*_double([[1000.0]], [[1001.0]])],), "the chunks [[1000]] and [[1001]]"),
        Case(([*_double([[0.0]], [[1000.0]])],), "the chunks [[0]] and [[1000]]"),
        Case(([*_double([[-1000.0]], [[-1001.0]])],), "the chunks [[-1000]] and [[-1001]]"),
        Case(
            ([*_double([[0.0, 1.0]], [[math.log(3), 1.0]])],),
            "the chunks [[0, 1]] and [[log 3, 1]]",
        ),
        Case(
            ([*_double([[1000.0, -1000.0]], [[1001.0, -1001.0]])],),
            "the chunks [[1000, -1000]] and [[1001, -1001]]",
        ),
    ),
    draw=lambda: [
        Case(
            ([4 * torch.randn(n, 3) for n in (4, 1, 2)],),
            "chunks of 4, 1 and 2 weights of three data",
        )
    ],
    verified="It agrees with the log-mean-exp of all chunks together, whatever their lengths, and holds for "
    "log-weights of ±1000. What it keeps in memory was not measured.",
    place=PLACES["logs"],
)


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

JACKKNIFE = Exercise(
    name="jackknife",
    number="3.7",
    solution=_jackknife,
    slips=(
        _slip("correction-sign", "(all_of_them - one_left_out)", "(one_left_out - all_of_them)"),
        _slip("correction-unscaled", "(K - 1) * (all", "(all"),
        _slip("correction-unscaled", "(K - 1) * (all", "K * (all", shows="It was multiplied by K."),
        _slip(
            "sum-over-samples",
            "(K - 1)).mean(0)",
            "(K - 1)).sum(0)",
            shows="It was not divided by K.",
        ),
        _slip(
            "sum-over-samples",
            "(K - 1)).mean(0)",
            "(K - 1)).sum(0) / (K - 1)",
            shows="It was divided by K − 1.",
        ),
        _slip("terms-added", SPREAD, "K * all_of_them + (K - 1) * one_left_out"),
        _slip("factor-missing", SPREAD, "all_of_them - (K - 1) * one_left_out"),
        _slip(
            "factor-missing", SPREAD, "K * all_of_them - one_left_out", shows="It is the second."
        ),
        _slip("one-choice", "(K - 1)).mean(0)", "(K - 1))[0]", shows="The first was left out."),
        _slip("one-choice", "(K - 1)).mean(0)", "(K - 1))[-1]", shows="The last was left out."),
        _slip(
            "one-choice",
            "(K - 1)).mean(0)",
            "(K - 1))[:-1].sum(0) / K",
            shows="The last was never left out.",
        ),
        _slip(
            "weight-of-one", "masked_fill(is_left_out, -math.inf)", "masked_fill(is_left_out, 0.0)"
        ),
        _slip(
            "weight-of-one",
            "is_left_out, -math.inf)",
            "is_left_out, 0.0)",
            "math.log(K - 1)",
            "math.log(K)",
        ),
        _slip(
            "log-of-mean-of-logs",
            "(others.logsumexp(1) - math.log(K - 1)).mean(0)",
            "log_w.mean(0)",
            shows="It is the second term.",
        ),
        _slip(
            "approximation-for-exact",
            SPREAD,
            TAYLOR,
            shows="The bias was taken to be v/2K, with v from the weights.",
        ),
        _slip("count-not-lowered", "math.log(K - 1)", "math.log(K)"),
        _slip("averaged-inside", "(K - 1)).mean(0)", "(K - 1)).logsumexp(0) - math.log(K)"),
        _slip("log-of-mean-of-logs", "log_w.logsumexp(0) - math.log(K)", "log_w.mean(0)"),
        _slip(
            "maximum-not-added", "return all_of_them", "return -log_w.max(0).values + all_of_them"
        ),
        _slip(
            "no-maximum",
            "others.logsumexp(1)",
            "others.exp().sum(1).log()",
            "log_w.logsumexp(0)",
            "log_w.exp().sum(0).log()",
        ),
        _slip("cancelled", "others.logsumexp(1)", SUBTRACTED),
        _slip("log-k-missing", "log_w.logsumexp(0) - math.log(K)", "log_w.logsumexp(0)"),
    ),
    hand=(
        Case(_double([[0.0], [math.log(3)]]), "log_w = [[0], [log 3]]"),
        Case(
            _double([[0.0, 1.0], [math.log(3), 1.0], [0.0, 1.0]]),
            "log_w = [[0, 1], [log 3, 1], [0, 1]]",
        ),
        Case(_double([[1000.0], [1000.0]]), "log_w = [[1000], [1000]]"),
        Case(_double([[0.0], [1000.0]]), "log_w = [[0], [1000]]"),
    ),
    draw=lambda: [Case((torch.randn(5, 3),), "log_w of shape (5, 3)")],
    verified="It agrees with the definition on fresh weights, and holds for log-weights of ±1000, however far apart.",
    place=PLACES["averaging"],
)


def check_log_mean_exp(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.3: the log of the mean of the weights, given their logs."""
    return judge(LOG_MEAN_EXP, fn)


def check_streaming_log_mean_exp(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.4: the log-mean-exp of weights that come in chunks."""
    return judge(STREAMING, fn)


def check_jackknife(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.7: the log of the mean, its first-order bias taken out by leaving one weight out."""
    return judge(JACKKNIFE, fn)
