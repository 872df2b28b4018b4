"""Checks of the exercises of chapter 1 on linear-Gaussian models: sampled, solved, guessed and priced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, named_values, t64, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = [
    "check_ancestral",
    "check_log_evidence",
    "check_many_pixels",
    "check_simple_monte_carlo",
]


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape).double()


def _ancestral(W: Tensor, b: Tensor, sigma: float, n: int) -> tuple[Tensor, Tensor]:
    X, Z = W.shape
    z = torch.randn(n, Z)
    noise = torch.randn(n, X)
    return z @ W.T + b + sigma * noise, z


def _regression(fn: Callable[..., Any], W: Tensor, b: Tensor, sigma: float, n: int) -> Seen:
    """The model that samples betray, to two digits: x regressed on z, and what is left over."""
    seen, (X, Z) = values(fn, W, b, sigma, n), W.shape
    shapes = [tuple(value.shape) for value in seen.values()]
    if shapes != [(n, X), (n, Z)]:
        got = " and ".join(map(str, shapes))
        raise Refusal(f"The function must return x of shape {(n, X)} and z of shape {(n, Z)}; it returned {got}.")
    x, z = seen.values()
    design = torch.cat([torch.ones(n, 1), z], 1)
    found = torch.linalg.lstsq(design, x).solution
    rest = x - design @ found
    shown = {
        "mean of z z^T": z.T @ z / n,
        "pair (b, W), read off x and z by regression,": found.T,
        "covariance of the noise, read off x and z,": rest.T @ rest / n,
    }
    return {name: value.round(decimals=2) + 0.0 for name, value in shown.items()}


ANCESTRAL = Exercise(
    name="ancestral",
    number="1.2",
    solution=_ancestral,
    slips=(
        Slip("noise-missing", ((" + sigma * noise", ""),), "All x lie on Wz + b: these are means, not samples."),
        Slip("variance-for-sigma", (("sigma * ", "sigma**2 * "),)),
        Slip("sigma-for-variance", (("sigma * ", "sigma**0.5 * "),)),
        Slip("sigma-ignored", (("sigma * ", ""),), "The noise has variance 1, whatever sigma is."),
        Slip("one-noise-for-all", (("(n, X)", "(n, 1)"),), "All pixels of a datum are off by the same amount."),
        Slip("uniform-noise", (("randn(n, Z)", "rand(n, Z)"),), "The latents lie between 0 and 1.", PLACES["gaussian"]),
        Slip("uniform-noise", (("randn(n, X)", "rand(n, X)"),), "The noise is never negative.", PLACES["gaussian"]),
        Slip("another-z", (("noise, z", "noise, torch.randn(n, Z)"),)),
        Slip("offset-missing", ((" + b", ""),)),
        Slip("transposed", (("W.T", "W"),), "It shows where W is square; elsewhere the shapes do not fit."),
        Slip("sigma-on-all", (("z @ W.T + b + sigma * noise", "b + sigma * (z @ W.T + noise)"),)),
    ),
    hand=(
        Case((t64([1]), t64(-1), 0.5, 10_000), "W = [[1]], b = [-1], sigma = 0.5, n = 10,000"),
        Case((t64([1, 0], [0.6, 1]), t64(1, -1), 0.5, 10_000), "W = [[1, 0], [0.6, 1]], b = [1, -1], sigma = 0.5"),
    ),
    draw=lambda: [Case((torch.rand(3, 2).double(), _normal(3), 0.7, 10_000), "a model with X, Z = 3, 2")],
    verified="Read off 10,000 pairs by regression, W, b and the noise are the model's, and z is standard normal.",
    place=PLACES["actors"],
    observe=_regression,
    tolerance=0.08,
)


def _log_evidence(x: Tensor, W: Tensor, b: Tensor, sigma: float) -> Tensor:
    X = len(b)
    V = W @ W.T + sigma**2 * torch.eye(X)
    difference = x - b
    square = (difference * torch.linalg.solve(V, difference.T).T).sum(1)
    log_p_x: Tensor = -0.5 * (X * math.log(2 * math.pi) + torch.logdet(V) + square)
    return log_p_x


LOG_EVIDENCE = Exercise(
    name="log_evidence",
    number="1.3",
    solution=_log_evidence,
    slips=(
        Slip("normaliser-dropped", (("X * math.log(2 * math.pi) + ", ""),)),
        Slip("determinant-missing", (("torch.logdet(V) + ", ""),)),
        Slip("determinant-underflow", (("torch.logdet(V)", "torch.det(V).log()"),)),
        Slip("determinant-halved", (("torch.logdet(V)", "0.5 * torch.logdet(V)"),)),
        Slip("half-missing", (("-0.5 * (", "-1 * ("),)),
        Slip("half-missing", ((" + square)", " + 2 * square)"),), "It is the ½ before the quadratic form."),
        Slip("half-missing", (("torch.logdet(V)", "2 * torch.logdet(V)"),), "It is the ½ before the log-determinant."),
        Slip("sigma-for-variance", (("sigma**2", "sigma"),)),
        Slip("noise-missing", ((" + sigma**2 * torch.eye(X)", ""),)),
        Slip(
            "noise-missing",
            ((" + sigma**2 * torch.eye(X)", ""), ("(V)", "(V + 0 * torch.linalg.cholesky(V - 1e-9 * torch.eye(X)))")),
        ),
        Slip("one-latent-for-evidence", (("W @ W.T + ", ""),)),
        Slip("offset-missing", (("x - b", "x"),)),
        Slip("mean-over-features", (("-0.5 *", "-0.5 / X *"),)),
        Slip("sum-over-data", (("+ square)", "+ square).sum()"),)),
        Slip("sum-over-data", (("+ square)", "+ square).mean()"),)),
        Slip("transposed", (("W @ W.T", "W.T @ W"),)),
    ),
    hand=(
        Case((t64([2]), t64([1]), t64(0), 1.0), "x = [[2]], W = [[1]], b = [0], sigma = 1"),
        Case((t64([2], [0]), t64([1]), t64(1), 2.0), "x = [[2], [0]], W = [[1]], b = [1], sigma = 2"),
        Case((t64([1, 0]), t64([1, 1], [0, 1]), t64(0, 0), 1.0), "x = [[1, 0]], W = [[1, 1], [0, 1]], b = 0, σ = 1"),
        Case((t64([0] * 200), t64(*[[1]] * 200), t64(*[0] * 200), 0.01), "W = 1 for 200 pixels, x = b = 0, σ = 0.01"),
    ),
    draw=lambda: [Case((_normal(4, 5), _normal(5, 2), _normal(5), s), "B, X, Z = 4, 5, 2") for s in (0.3, 1.6)],
    verified="It agrees with the exact log-evidence of models drawn afresh, and holds for 200 pixels and little noise.",
    place=PLACES["gaussian"],
)


def _simple_monte_carlo(model: LinearGaussian, x: Tensor, K: int) -> Tensor:
    z = model.prior().sample(torch.Size([K, len(x)]))
    log_w = model.decoder(z).log_prob(x)
    log_sum = torch.logsumexp(log_w, 0)
    return log_sum - math.log(K)


def _over_equal_data(fn: Callable[..., Any], model: LinearGaussian, x: Tensor, K: int) -> Seen:
    """The data are B times the same, so the B estimates show the estimator's mean and spread."""
    value, shown = values(fn, model, x, K)["value"], [torch.zeros(())] * 2
    if value.numel() == len(x) and value.ndim != 1:
        raise Refusal(f"The estimates must have shape {(len(x),)}; yours have {tuple(value.shape)}.")
    if len(x) == value.numel():
        shown = [value.mean(), (value - value.mean()).abs().mean()]
    names = "mean of the estimates", "spread of the estimates (mean distance from their mean)"
    rounded = [number.round(decimals=3) + 0.0 for number in shown]
    return {"number of estimates": torch.tensor(float(value.numel()))} | dict(zip(names, rounded, strict=True))


def _some_model() -> list[Case]:
    model = LinearGaussian(0.6 * _normal(3, 2), _normal(3), 1.2)
    x = model.bias.detach() + torch.rand(1, 3).double()
    return [Case((model, x.expand(1000, 3), 6), "a model with X, Z = 3, 2 and K = 6")]


SCALAR = LinearGaussian(t64([1]), t64(0), 1.0)
UNREACHED = LinearGaussian(torch.zeros(1000, 1).double(), torch.zeros(1000).double(), 1.0)
FAR_APART = 5 * torch.arange(2).repeat_interleave(10)[:, None].expand(20, 1000).double()
CLIPPED = "A datum that no guess comes near gets the constant's logarithm, whatever it is."
SIMPLE_MONTE_CARLO = Exercise(
    name="simple_monte_carlo",
    number="1.4",
    solution=_simple_monte_carlo,
    slips=(
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("log-of-mean-of-logs", (("log_sum - math.log(K)", "log_w.mean(0)"),)),
        Slip("no-maximum", (("torch.logsumexp(log_w, 0)", "log_w.exp().sum(0).log()"),)),
        Slip(
            "maximum-of-all", (("torch.logsumexp(log_w, 0)", "log_w.max() + (log_w - log_w.max()).exp().sum(0).log()"),)
        ),
        Slip("maximum-not-added", (("torch.logsumexp(log_w, 0)", "(log_w - log_w.max(0).values).exp().sum(0).log()"),)),
        Slip("probability-clipped", (("torch.logsumexp(log_w, 0)", "(log_w.exp().sum(0) + 1e-10).log()"),), CLIPPED),
        Slip("largest-only", (("log_sum - math.log(K)", "log_w.max(0).values"),)),
        Slip("counted-wrong", (("- math.log(K)", "+ math.log(K)"),), "It was multiplied by the count."),
        Slip("counted-wrong", (("math.log(K)", "math.log(len(x))"),), "The data were counted, not the guesses."),
        Slip("counted-wrong", (("log_sum - math.log(K)", "log_sum / K"),), "The logarithm was divided by K."),
        Slip("not-averaged", (("log_sum - math.log(K)", "log_w"),)),
        Slip("prior-twice", (("model.decoder(z).log_prob(x)", "model.log_joint(x, z)"),)),
        Slip("one-noise-for-all", (("[K, len(x)]", "[K, 1]"),), "Equal data get equal estimates."),
        Slip("fewer-samples", (("[K, len(x)]", "[1, len(x)]"), (" - math.log(K)", "")), "One sample is used."),
        Slip("guess-not-divided", (("model.prior()", "model.posterior(x)"), ("[K, len(x)]", "[K]"))),
        Slip("mean-over-features", ((".log_prob(x)", ".log_prob(x) / x.shape[1]"),)),
        Slip("log-not-taken", (("log_sum - math.log(K)", "log_w.exp().mean(0)"),)),
        Slip("wrong-axis", (("(log_w, 0)", "(log_w, 1)"),)),
        Slip("sum-over-data", (("log_sum - math.log(K)", "(log_sum - math.log(K)).mean()"),)),
    ),
    hand=(
        Case((SCALAR, t64([1]).expand(1000, 1), 10), "1,000 times x = 1, p(z) = N(0, 1), p(x|z) = N(z, 1), K = 10"),
        Case((UNREACHED, torch.zeros(20, 1000).double(), 2), "20 times x = 0, 1,000 pixels of pure noise, K = 2"),
        Case((UNREACHED, FAR_APART, 2), "10 times x = 0 and 10 times x = 5, 1,000 pixels of pure noise, K = 2"),
    ),
    draw=_some_model,
    verified="The estimates have the right mean and spread, guesses of their own, and never underflow.",
    place=PLACES["guesses"],
    observe=_over_equal_data,
    tolerance=0.1,
)


def _many_pixels(x: Tensor, sigma: float) -> tuple[Tensor, float, float, float]:
    X, noise = len(x), sigma**2
    mean, variance = x.sum() / (X + noise), noise / (X + noise)
    pixels = 1 + X / noise
    latents = (1 + 1 / noise) ** X
    return mean, variance, pixels, latents


NO_PRIOR = "However much noise there is, the mean does not go back to 0, nor the variance to 1."
MANY_PIXELS = Exercise(
    name="many_pixels",
    number="1.5",
    solution=_many_pixels,
    slips=(
        Slip("sigma-for-variance", (("noise = len(x), sigma**2", "noise = len(x), sigma"),)),
        Slip(
            "sigma-for-variance", (("return mean, variance", "return mean, variance**0.5"),), "It is the second value."
        ),
        Slip("prior-missing", (("x.sum() / (X + noise), noise / (X + noise)", "x.mean(), noise / X"),), NO_PRIOR),
        Slip("m-for-s", ((", noise / (X + noise)", ", 1 / (X + noise)"),)),
        Slip("mean-for-sum", (("x.sum()", "x.mean()"),), "Each pixel adds what it says about the latent."),
        Slip("one-missing", (("1 + X / noise", "X / noise"),), "It is the first of the two prices."),
        Slip("one-missing", (("1 + X / noise", "X / noise"), ("** X", "** X - 1")), "Both prices are 1 too low."),
        Slip("upside-down", (("1 + X / noise", "variance"), ("1 + 1 / noise", "noise / (1 + noise)"))),
        Slip("upside-down", (("1 + X / noise", "variance"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "X * (1 + 1 / noise)"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "pixels"),)),
        Slip("one-datum-for-mean", (("1 + X / noise", "(variance * (2 - variance)) ** -0.5"),)),
    ),
    hand=(
        Case((t64(1, 2, 3), 1.0), "x = [1, 2, 3], sigma = 1"),
        Case((t64(3), 2.0), "x = [3], sigma = 2"),
    ),
    draw=lambda: [Case((_normal(X), sigma), f"{X} pixels") for X, sigma in ((4, 0.8), (7, 2.3))],
    verified="Posterior and prices are right for 1 to 7 pixels, whatever the noise.",
    place=PLACES["intractable"],
    observe=named_values("posterior mean", "posterior variance", "price with one latent", "price with X latents"),
)


def check_ancestral(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.2: pairs (x, z) from a linear-Gaussian model, parents first."""
    return judge(ANCESTRAL, fn)


def check_log_evidence(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.3: the log-evidence of a linear-Gaussian model."""
    return judge(LOG_EVIDENCE, fn)


def check_simple_monte_carlo(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.4: the log-evidence estimated by guesses from the prior."""
    return judge(SIMPLE_MONTE_CARLO, fn)


def check_many_pixels(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.5: one latent seen by many pixels, posterior and price."""
    return judge(MANY_PIXELS, fn)
