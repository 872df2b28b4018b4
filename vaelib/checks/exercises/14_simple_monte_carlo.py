"""Exercise 1.4: the log-evidence estimated by guesses from the prior."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.observing import Seen, count_repeats, values
from vaelib.checks.types import Case, Exercise, Slip, randn64, t64
from vaelib.latent import LinearGaussian

__all__ = ["exercise"]


def _simple_monte_carlo(model: LinearGaussian, x: Tensor, K: int) -> Tensor:
    z = model.prior().sample(torch.Size([K, len(x)]))
    log_w = model.decoder(z).log_prob(x)
    log_sum = torch.logsumexp(log_w, 0)
    return log_sum - math.log(K)


def _over_equal_data(fn: Callable[..., Any], model: LinearGaussian, x: Tensor, K: int) -> Seen:
    """For ``observe``: mean and spread of B estimates; the data are B times the same."""
    B, value = len(x), values(fn, model, x, K)["value"]
    if value.numel() == B and value.ndim != 1:
        kept = "axis-kept" if tuple(value.shape) in ((1, B), (B, 1)) else ""
        got = tuple(value.shape)
        raise Refusal(f"The estimates must have shape {(B,)}; yours have {got}.", kept)
    mean = spread = torch.zeros(())
    if value.numel() == B:
        mean, spread = value.mean(), (value - value.mean()).abs().mean()
    return {
        "number of estimates": t64(value.numel()),
        "mean of the estimates": mean.round(decimals=3) + 0.0,
        "spread of the estimates (mean distance from their mean)": spread.round(decimals=3) + 0.0,
        "number of ten estimates that a second call repeats": count_repeats(fn, model, x[:10], K),
    }


def _some_model() -> list[Case]:
    model = LinearGaussian(0.6 * randn64(3, 2), randn64(3), 1.2)
    x = model.bias.detach() + torch.rand(1, 3).double()
    return [Case((model, x.expand(1000, 3), 6), "a model with X, Z = 3, 2 and K = 6")]


SCALAR = LinearGaussian(t64([[1]]), t64([0]), 1.0)
UNREACHED = LinearGaussian(torch.zeros(1000, 1).double(), torch.zeros(1000).double(), 1.0)
EXACT = LinearGaussian(t64([[0]]), t64([0]), 1.0)
STEEP = LinearGaussian(t64([[15]]), t64([0]), 1.0)
FAR_APART = 5 * torch.arange(2).repeat_interleave(10)[:, None].expand(20, 1000).double()
CLIPPED = "A datum that no guess comes near gets the constant's logarithm, whatever it is."
LSE = "torch.logsumexp(log_w, 0)"
MINIMUM, LARGEST = "log_w.min(0).values", "log_w.abs().max(0).values"
AVERAGE = "log_sum - math.log(K)"

SLIPS = (
    Slip("log-k-missing", {" - math.log(K)": ""}),
    Slip("log-of-mean-of-logs", {AVERAGE: "log_w.mean(0)"}),
    Slip("no-maximum", {LSE: "log_w.exp().sum(0).log()"}),
    Slip("maximum-of-all", {LSE: "log_w.max() + (log_w - log_w.max()).exp().sum(0).log()"}),
    Slip("maximum-not-added", {LSE: "(log_w - log_w.max(0).values).exp().sum(0).log()"}),
    Slip("probability-clipped", {LSE: "(log_w.exp().sum(0) + 1e-10).log()"}, CLIPPED),
    Slip("minimum-for-maximum", {LSE: f"{MINIMUM} + (log_w - {MINIMUM}).exp().sum(0).log()"}),
    Slip("another-shift", {LSE: f"{LARGEST} + (log_w - {LARGEST}).exp().sum(0).log()"}),
    Slip("largest-only", {AVERAGE: "log_w.max(0).values"}),
    Slip("counted-wrong", {"- math.log(K)": "+ math.log(K)"}, "It was multiplied by the count."),
    Slip("counted-wrong", {"math.log(K)": "math.log(len(x))"},
         "The data were counted, not the guesses."),
    Slip("counted-wrong", {AVERAGE: "log_sum / K"}, "The logarithm was divided by K."),
    Slip("counted-wrong", {"math.log(K)": "math.log(K - 1)"},
         "It was divided by K − 1, as no mean is."),
    Slip("base-2", {"math.log(K)": "math.log2(K)"}, "It is log K that was."),
    Slip("not-averaged", {AVERAGE: "log_w"}),
    Slip("prior-twice", {"model.decoder(z).log_prob(x)": "model.log_joint(x, z)"}),
    Slip("prior-sign", {"log_prob(x)": "log_prob(x) - model.prior().log_prob(z)"},
         "It has no place here at all."),
    Slip("uniform-noise", {"model.prior().sample(torch.Size([K, len(x)]))":
                           "torch.rand(K, len(x), model.weight.shape[1])"}, place="guesses"),
    Slip("nothing-drawn", {AVERAGE: "model.log_evidence(x).detach()"}, "It is the exact value."),
    Slip("nothing-drawn", {"(z)": "(0 * z)"}, "It is the likelihood at the prior's mean."),
    Slip("one-noise-for-all", {"[K, len(x)]": "[K, 1]"}, "Equal data get equal estimates."),
    Slip("fewer-samples", {"[K, len(x)]": "[1, len(x)]", " - math.log(K)": ""},
         "One sample is used."),
    Slip("guess-not-divided", {"model.prior()": "model.posterior(x)", "[K, len(x)]": "[K]"}),
    Slip("mean-over-features", {".log_prob(x)": ".log_prob(x) / x.shape[1]"}),
    Slip("negated", {AVERAGE: "math.log(K) - log_sum"}),
    Slip("log-not-taken", {AVERAGE: "log_w.exp().mean(0)"}),
    Slip("wrong-axis", {"(log_w, 0)": "(log_w, 1)"}),
    Slip("sum-over-data", {AVERAGE: "(log_sum - math.log(K)).mean()"}),
)  # fmt: skip

HAND = (
    Case((SCALAR, t64([[1]]).expand(1000, 1), 10),
         "1,000 times x = 1, p(z) = N(0, 1), p(x|z) = N(z, 1), K = 10"),
    Case((EXACT, t64([[0]]).expand(20, 1), 2), "20 times x = 0, one pixel of pure noise, K = 2"),
    Case((UNREACHED, torch.zeros(20, 1000).double(), 2),
         "20 times x = 0, 1,000 pixels of pure noise, K = 2"),
    Case((UNREACHED, FAR_APART, 2),
         "10 times x = 0 and 10 times x = 5, 1,000 pixels of pure noise, K = 2"),
    Case((STEEP, t64([[0]]).expand(1000, 1), 100),
         "1,000 times x = 0, p(z) = N(0, 1), p(x|z) = N(15 z, 1), K = 100"),
)  # fmt: skip

exercise = Exercise(
    solution=_simple_monte_carlo,
    slips=SLIPS,
    hand=HAND,
    draw=_some_model,
    verified="The estimates have the right mean and spread, however far guesses lie; no two data "
    "or calls share any.",
    place="guesses",
    observe=_over_equal_data,
    tolerance=0.1,
)
