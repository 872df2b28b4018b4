"""Checks of the exercises of chapter 1 on linear-Gaussian models: sampled and solved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, t64, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = [
    "check_ancestral",
    "check_log_evidence",
]


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape).double()


def _ancestral(W: Tensor, b: Tensor, sigma: float, n: int) -> tuple[Tensor, Tensor]:
    X, Z = W.shape
    z = torch.randn(n, Z)
    noise = torch.randn(n, X)
    return z @ W.T + b + sigma * noise, z


def _fourth_powers(x: Tensor) -> Tensor:
    """Of normal numbers 3, in units of their standard deviation; of uniform ones 2, rounded."""
    return ((x / x.std(0).clamp(min=1e-6)) ** 4).mean(0).round()


def _repeated(fn: Callable[..., Any], *args: Any) -> Tensor:
    """How many of the numbers that a function returns first are the same, but for rounding, in a second call."""
    one, two = (next(iter(values(fn, *args).values())) for _ in range(2))
    return torch.isclose(one, two, rtol=1e-9, atol=0).sum().double()


def _regression(fn: Callable[..., Any], W: Tensor, b: Tensor, sigma: float, n: int) -> Seen:
    """The model that samples betray, to two digits: x regressed on z, what is left over, and what two calls share."""
    seen, (X, Z) = values(fn, W, b, sigma, n), W.shape
    shapes = [tuple(value.shape) for value in seen.values()]
    if shapes != [(n, X), (n, Z)]:
        known: dict[Any, str] = {((n, Z), (n, X)): "order-swapped", ((X, n), (Z, n)): "transposed"}
        got = " and ".join(map(str, shapes))
        wants = f"The function must return x of shape {(n, X)} and z of shape {(n, Z)}; it returned {got}."
        raise Refusal(wants, known.get(tuple(shapes), ""))
    x, z = seen.values()
    design = torch.cat([torch.ones(n, 1), z], 1)
    found = torch.linalg.lstsq(design, x).solution
    rest = x - design @ found
    shown = {
        "mean of z z^T": z.T @ z / n,
        "pair (b, W), read off x and z by regression,": found.T,
        "covariance of the noise, read off x and z,": rest.T @ rest / n,
        "mean fourth power of z": _fourth_powers(z),
        "mean fourth power of the noise, in units of its standard deviation,": _fourth_powers(rest),
        "number of numbers in x that a second call repeats": _repeated(fn, W, b, sigma, 10),
    }
    return {name: value.round(decimals=2) + 0.0 for name, value in shown.items()}


BOTH = "It is so for z and ε."
NO_TAILS = "Mean and spread are right, but no number is farther out than 1.73 standard deviations."
OWN = "own = torch.Generator().manual_seed(0)"
CENTRED = "rand(n, {}).sub(0.5).mul(12**0.5)"
ANCESTRAL = Exercise(
    name="ancestral",
    number="1.2",
    solution=_ancestral,
    slips=(
        Slip(
            "noise-missing",
            ((" + sigma * noise", ""),),
            "All x lie on Wz + b: these are means, not samples.",
        ),
        _slip(
            "noise-missing",
            "sigma * noise",
            "sigma",
            "The number σ was added, not noise of that size.",
        ),
        Slip("variance-for-sigma", (("sigma * ", "sigma**2 * "),)),
        Slip("sigma-for-variance", (("sigma * ", "sigma**0.5 * "),)),
        Slip("sigma-ignored", (("sigma * ", ""),), "The noise has variance 1, whatever sigma is."),
        Slip(
            "one-noise-for-all",
            (("(n, X)", "(n, 1)"),),
            "All pixels of a datum are off by the same amount.",
        ),
        _slip(
            "one-noise-for-all", "randn(n, X)", "randn(X)", "All data are off by the same amount."
        ),
        _slip(
            "one-noise-for-all", "randn(n, X)", "randn(1)", "Everything is off by the same amount."
        ),
        _slip(
            "one-noise-for-all",
            "randn(n, Z)",
            "randn(Z).expand(n, Z)",
            "All data have the same latent.",
        ),
        _slip(
            "one-noise-for-all",
            "randn(n, Z)",
            "randn(n, 1).expand(n, Z)",
            "The latents of a datum are all alike.",
        ),
        _slip(
            "uniform-noise",
            "randn(n, Z)",
            "rand(n, Z)",
            "The latents lie between 0 and 1.",
            "gaussian",
        ),
        _slip(
            "uniform-noise", "randn(n, X)", "rand(n, X)", "The noise is never negative.", "gaussian"
        ),
        Slip(
            "uniform-noise",
            (("randn(n, Z)", "rand(n, Z)"), ("randn(n, X)", "rand(n, X)")),
            BOTH,
            PLACES["gaussian"],
        ),
        _slip(
            "uniform-noise",
            "randn(n, Z)",
            CENTRED.format("Z"),
            f"It is so for z. {NO_TAILS}",
            "gaussian",
        ),
        _slip(
            "uniform-noise",
            "randn(n, X)",
            CENTRED.format("X"),
            f"It is so for ε. {NO_TAILS}",
            "gaussian",
        ),
        Slip(
            "seed-inside",
            (
                ("z = ", f"{OWN}\n    z = "),
                ("(n, Z", "(n, Z, generator=own"),
                ("(n, X", "(n, X, generator=own"),
            ),
        ),
        Slip("another-z", (("noise, z", "noise, torch.randn(n, Z)"),)),
        Slip("offset-missing", ((" + b", ""),)),
        _slip("offset-sign", "+ b", "- b"),
        Slip(
            "transposed",
            (("W.T", "W"),),
            "It shows where W is square; elsewhere the shapes do not fit.",
        ),
        Slip("sigma-on-all", (("z @ W.T + b + sigma * noise", "b + sigma * (z @ W.T + noise)"),)),
        Slip("sigma-on-all", (("z @ W.T + b + sigma * noise", "sigma * (z @ W.T + b + noise)"),)),
        _slip(
            "sigma-on-all",
            "z = torch",
            "z = sigma * torch",
            "The latents have the standard deviation σ, too.",
        ),
    ),
    hand=(
        Case((t64([1]), t64(-1), 0.5, 10_000), "W = [[1]], b = [-1], sigma = 0.5, n = 10,000"),
        Case(
            (t64([1, 0], [0.6, 1]), t64(1, -1), 0.5, 10_000),
            "W = [[1, 0], [0.6, 1]], b = [1, -1], sigma = 0.5",
        ),
    ),
    draw=lambda: [Case((_normal(3, 2), 3 + _normal(3), 0.7, 10_000), "a model with X, Z = 3, 2")],
    verified="Read off 10,000 pairs, W, b and the noise are the model's; z and noise are normal, and new in each call.",
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


NOISY = "W @ W.T + sigma**2 * torch.eye(X)"
SQUARE = "(difference * torch.linalg.solve(V, difference.T).T).sum(1)"
LOG_EVIDENCE = Exercise(
    name="log_evidence",
    number="1.3",
    solution=_log_evidence,
    slips=(
        Slip("normaliser-dropped", (("X * math.log(2 * math.pi) + ", ""),)),
        _slip("normaliser-once", "X * math", "math"),
        Slip("determinant-missing", (("torch.logdet(V) + ", ""),)),
        Slip("determinant-underflow", (("torch.logdet(V)", "torch.det(V).log()"),)),
        Slip("determinant-halved", (("torch.logdet(V)", "0.5 * torch.logdet(V)"),)),
        _slip(
            "small-determinant",
            "torch.logdet(V)",
            "torch.logdet(W.T @ W + sigma**2 * torch.eye(W.shape[1]))",
        ),
        _slip("logarithm-sign", "+ torch.logdet", "- torch.logdet", "It is the log-determinant's."),
        Slip("half-missing", (("-0.5 * (", "-1 * ("),)),
        _slip("half-missing", "X * math", "2 * X * math", "It is the ½ before X log 2π."),
        Slip(
            "half-missing",
            ((" + square)", " + 2 * square)"),),
            "It is the ½ before the quadratic form.",
        ),
        Slip(
            "half-missing",
            (("torch.logdet(V)", "2 * torch.logdet(V)"),),
            "It is the ½ before the log-determinant.",
        ),
        Slip("sigma-for-variance", (("sigma**2", "sigma"),)),
        _slip("sigma-ignored", "sigma**2 * ", "", "It is right only where σ = 1."),
        _slip(
            "sigma-on-all",
            NOISY,
            "sigma**2 * (W @ W.T + torch.eye(X))",
            "It is right only where σ = 1.",
        ),
        _slip("noise-on-all-entries", " * torch.eye(X)", ""),
        _slip(
            "covariance-for-precision", "torch.linalg.solve(V, difference.T).T", "(difference @ V)"
        ),
        _slip(
            "covariance-for-precision",
            NOISY,
            f"torch.linalg.inv({NOISY})",
            "It is so in both terms.",
        ),
        _slip("pixels-independent", NOISY, f"({NOISY}).diagonal().diag()"),
        _slip(
            "pixels-independent",
            "torch.logdet(V)",
            "V.diagonal().log().sum()",
            "It is so in the log-determinant.",
        ),
        _slip("distance-sign", "+ square", "- square"),
        Slip("noise-missing", ((" + sigma**2 * torch.eye(X)", ""),)),
        Slip(
            "noise-missing",
            (
                (" + sigma**2 * torch.eye(X)", ""),
                ("(V)", "(V + 0 * torch.linalg.cholesky(V - 1e-9 * torch.eye(X)))"),
            ),
        ),
        Slip("one-latent-for-evidence", (("W @ W.T + ", ""),)),
        Slip("offset-missing", (("x - b", "x"),)),
        _slip("offset-sign", "x - b", "x + b"),
        _slip("negated", "-0.5 *", "0.5 *"),
        _slip("log-not-taken", "+ square)", "+ square).exp()"),
        _slip("base-2", "-0.5 *", "-0.5 / math.log(2) *"),
        _slip("axis-kept", "+ square)", "+ square)[:, None]"),
        _slip("pairs-of-data", SQUARE, "difference @ torch.linalg.solve(V, difference.T)"),
        Slip("mean-over-features", (("-0.5 *", "-0.5 / X *"),)),
        Slip("sum-over-data", (("+ square)", "+ square).sum()"),)),
        Slip("sum-over-data", (("+ square)", "+ square).mean()"),)),
        Slip("transposed", (("W @ W.T", "W.T @ W"),)),
    ),
    hand=(
        Case((t64([2]), t64([1]), t64(0), 1.0), "x = [[2]], W = [[1]], b = [0], sigma = 1"),
        Case(
            (t64([2], [0]), t64([1]), t64(1), 2.0), "x = [[2], [0]], W = [[1]], b = [1], sigma = 2"
        ),
        Case(
            (t64([1, 0]), t64([1, 1], [0, 1]), t64(0, 0), 1.0),
            "x = [[1, 0]], W = [[1, 1], [0, 1]], b = 0, σ = 1",
        ),
        Case(
            (t64([0] * 200), t64(*[[1]] * 200), t64(*[0] * 200), 0.01),
            "W = 1 for 200 pixels, x = b = 0, σ = 0.01",
        ),
    ),
    draw=lambda: [
        Case((_normal(4, 5), _normal(5, 2), _normal(5), s), "B, X, Z = 4, 5, 2") for s in (0.3, 1.6)
    ],
    verified="It agrees with the exact log-evidence of models drawn afresh, and holds for 200 pixels and little noise.",
    place=PLACES["gaussian"],
)


def check_ancestral(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.2: pairs (x, z) from a linear-Gaussian model, parents first."""
    return judge(ANCESTRAL, fn)


def check_log_evidence(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.3: the log-evidence of a linear-Gaussian model."""
    return judge(LOG_EVIDENCE, fn)
