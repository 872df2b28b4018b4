"""What the exercises on importance weights share: log-weights as cases, and slips of a bound."""

from __future__ import annotations

import torch

from vaelib.checks.types import Case, Slip, t64

__all__ = [
    "BOUND",
    "BOUND_SLIPS",
    "FIXED_WEIGHTS",
    "FROZEN_Q",
    "INSTEAD_OF_BOUND",
    "OF_A_DATUM",
    "WITHOUT_PRIOR",
    "draw_weights",
]


def _weights_case(weights: list[list[float]], said: str) -> Case:
    return Case((t64(weights).log(),), f"the weights w = {said}")


def _logs_case(log_w: list[list[float]]) -> Case:
    return Case((t64(log_w),), f"log_w = {log_w}")


def draw_weights() -> list[Case]:
    """Draw the log-weights of three data, five for each."""
    return [Case((2 * torch.randn(5, 3).double(),), "log_w of shape (5, 3)")]


FIXED_WEIGHTS = (
    _weights_case([[1], [3]], "[[1], [3]], so log_w = [[0], [log 3]]"),
    _weights_case([[1, 2], [1, 6]], "[[1, 2], [1, 6]]"),
    _logs_case([[1000], [1000]]),
    _logs_case([[-1000], [-1000]]),
    _weights_case([[1, 2], [1, 6], [2, 8]], "[[1, 2], [1, 6], [2, 8]]"),
    _logs_case([[1000, -1000], [999, -1000]]),
    _logs_case([[1000], [-1000]]),
    _logs_case([[1000], [1000], [200]]),
)
OF_A_DATUM = "The K weights of a datum stand along axis 0, and only they belong together."

BOUND = "torch.logsumexp(log_w, 0) - math.log(K)"
FROZEN_Q = "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)"
WITHOUT_PRIOR = {"model.log_joint(x, z)": "model.log_joint(x, z) - model.prior().log_prob(z)"}

# What is returned instead of the bound: the mistake, the code, and how it shows.
INSTEAD_OF_BOUND = (
    ("no-maximum", "log_w.exp().mean(0).log()", ""),
    ("sign-flipped", f"-({BOUND})", ""),
    ("logarithm-missing", "log_w.exp().mean(0)", ""),
    ("maximum-not-added", "(log_w - log_w.max(0).values).exp().mean(0).log()", ""),
    (
        "log-k-missing",
        "torch.logsumexp(log_w, 0) / K",
        "The logarithm of the sum was divided by K.",
    ),
    ("not-averaged", "log_w", ""),
)
# Mistakes in the bound itself, where it is called ``bound``.
BOUND_SLIPS = (
    Slip("sum-over-data", {"return bound": "return bound.mean()"}),
    Slip("sum-over-data", {"return bound": "return bound.sum()"}),
    Slip("axis-kept", {"return bound": "return bound[None]"}),
    Slip("wrongly-detached", {"return bound": "return bound.detach()"},
         "Nothing could be trained by it."),
    Slip("prior-missing", WITHOUT_PRIOR, "The weights must be p(x, z) / q(z|x)."),
    Slip("counted-wrong", {" - math.log(K)": " + math.log(K)"}, "The sum was multiplied by K."),
    Slip("counted-wrong", {"math.log(K)": "math.log(len(x))"},
         "The data were counted, not the samples."),
    Slip("counted-wrong", {"math.log(K)": "math.log(log_w.numel())"},
         "It was divided by K B instead of K."),
)  # fmt: skip
