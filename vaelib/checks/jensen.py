"""Checks of the exercises of chapter 3: logarithms of averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.exercise import Case, Exercise, Slip, judge, value_and_gradients
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_log_mean_exp"]


def _log_mean_exp(log_w: Tensor) -> Tensor:
    log_w_max = log_w.max(0).values
    w = (log_w - log_w_max).exp()
    return log_w_max + w.sum(0).log() - math.log(len(log_w))


LOG_MEAN_EXP = Exercise(
    name="log_mean_exp",
    number="3.3",
    solution=_log_mean_exp,
    slips=(
        Slip("log-k-missing", ((" - math.log(len(log_w))", ""),)),
        Slip("no-maximum", (("log_w_max = log_w.max(0).values", "log_w_max = torch.zeros(log_w.shape[1])"),)),
        Slip("maximum-not-added", (("return log_w_max +", "return"),)),
        Slip(
            "log-of-mean-of-logs",
            (("return log_w_max + w.sum(0).log() - math.log(len(log_w))", "return log_w.mean(0)"),),
        ),
    ),
    hand=(
        Case((torch.tensor([[0.0], [math.log(3)]]).double(),), "log_w = [[0], [log 3]]"),
        Case((torch.tensor([[1000.0], [1000.0]]).double(),), "log_w = [[1000], [1000]]"),
        Case((torch.tensor([[-1000.0], [-1000.0]]).double(),), "log_w = [[-1000], [-1000]]"),
    ),
    draw=lambda: [Case((4 * torch.randn(5, 3).double(),), "log_w of shape (5, 3)")],
    verified="It agrees with the log of the mean, value and gradient, and holds for log-weights of ±1000.",
    place=PLACES["logs"],
    observe=value_and_gradients("log_w"),
)


def check_log_mean_exp(fn: Callable[..., Any]) -> Verdict:
    """Exercise 3.3: the log of the mean of the weights, given their logs."""
    return judge(LOG_MEAN_EXP, fn)
