"""Exercise 1.3: the log-evidence of a linear-Gaussian model."""

import math

import torch
from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _log_evidence(x: Tensor, W: Tensor, b: Tensor, sigma: float) -> Tensor:
    X = len(b)
    V = W @ W.T + sigma**2 * torch.eye(X)
    difference = x - b
    square = (difference * torch.linalg.solve(V, difference.T).T).sum(1)
    log_p_x: Tensor = -0.5 * (X * math.log(2 * math.pi) + torch.logdet(V) + square)
    return log_p_x


NOISY = "W @ W.T + sigma**2 * torch.eye(X)"
SQUARE = "(difference * torch.linalg.solve(V, difference.T).T).sum(1)"
LOGDET = "torch.logdet(V)"

SLIPS = (
    Slip("normaliser-dropped", {"X * math.log(2 * math.pi) + ": ""}),
    Slip("normaliser-once", {"X * math": "math"}),
    Slip("determinant-missing", {"torch.logdet(V) + ": ""}),
    Slip("determinant-underflow", {LOGDET: "torch.det(V).log()"}),
    Slip("determinant-halved", {LOGDET: "0.5 * torch.logdet(V)"}),
    Slip("small-determinant", {LOGDET: "torch.logdet(W.T @ W + sigma**2 * torch.eye(W.shape[1]))"}),
    Slip("logarithm-sign", {"+ torch.logdet": "- torch.logdet"}, "It is the log-determinant's."),
    Slip("half-missing", {"-0.5 * (": "-1 * ("}),
    Slip("half-missing", {"X * math": "2 * X * math"}, "It is the ½ before X log 2π."),
    Slip("half-missing", {" + square)": " + 2 * square)"},
         "It is the ½ before the quadratic form."),
    Slip("half-missing", {LOGDET: "2 * torch.logdet(V)"},
         "It is the ½ before the log-determinant."),
    Slip("sigma-for-variance", {"sigma**2": "sigma"}),
    Slip("sigma-ignored", {"sigma**2 * ": ""}, "It is right only where σ = 1."),
    Slip("sigma-on-all", {NOISY: "sigma**2 * (W @ W.T + torch.eye(X))"},
         "It is right only where σ = 1."),
    Slip("noise-on-all-entries", {" * torch.eye(X)": ""}),
    Slip("covariance-for-precision", {"torch.linalg.solve(V, difference.T).T": "(difference @ V)"}),
    Slip("covariance-for-precision", {NOISY: f"torch.linalg.inv({NOISY})"},
         "It is so in both terms."),
    Slip("pixels-independent", {NOISY: f"({NOISY}).diagonal().diag()"}),
    Slip("pixels-independent", {LOGDET: "V.diagonal().log().sum()"},
         "It is so in the log-determinant."),
    Slip("distance-sign", {"+ square": "- square"}),
    Slip("noise-missing", {" + sigma**2 * torch.eye(X)": ""}),
    Slip("noise-missing", {" + sigma**2 * torch.eye(X)": "",
                           "(V)": "(V + 0 * torch.linalg.cholesky(V - 1e-9 * torch.eye(X)))"}),
    Slip("one-latent-for-evidence", {"W @ W.T + ": ""}),
    Slip("offset-missing", {"x - b": "x"}),
    Slip("offset-sign", {"x - b": "x + b"}),
    Slip("negated", {"-0.5 *": "0.5 *"}),
    Slip("log-not-taken", {"+ square)": "+ square).exp()"}),
    Slip("base-2", {"-0.5 *": "-0.5 / math.log(2) *"}),
    Slip("axis-kept", {"+ square)": "+ square)[:, None]"}),
    Slip("pairs-of-data", {SQUARE: "difference @ torch.linalg.solve(V, difference.T)"}),
    Slip("mean-over-features", {"-0.5 *": "-0.5 / X *"}),
    Slip("sum-over-data", {"+ square)": "+ square).sum()"}),
    Slip("sum-over-data", {"+ square)": "+ square).mean()"}),
    Slip("transposed", {"W @ W.T": "W.T @ W"}),
)  # fmt: skip

HAND = (
    Case((t64([[2]]), t64([[1]]), t64([0]), 1.0), "x = [[2]], W = [[1]], b = [0], sigma = 1"),
    Case((t64([[2], [0]]), t64([[1]]), t64([1]), 2.0),
         "x = [[2], [0]], W = [[1]], b = [1], sigma = 2"),
    Case((t64([[1, 0]]), t64([[1, 1], [0, 1]]), t64([0, 0]), 1.0),
         "x = [[1, 0]], W = [[1, 1], [0, 1]], b = 0, σ = 1"),
    Case((t64([[0] * 200]), t64([*[[1]] * 200]), t64([*[0] * 200]), 0.01),
         "W = 1 for 200 pixels, x = b = 0, σ = 0.01"),
)  # fmt: skip

exercise = Exercise(
    solution=_log_evidence,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [
        Case((randn64(4, 5), randn64(5, 2), randn64(5), s), "B, X, Z = 4, 5, 2") for s in (0.3, 1.6)
    ],
    verified="It agrees with the exact log-evidence of models drawn afresh, and holds for 200 "
    "pixels and little noise.",
    place="gaussian",
)
