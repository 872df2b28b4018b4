"""Exercise 2.3: the KL divergence of a diagonal Gaussian from a Gaussian posterior."""

import math

import torch
from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _kl_to_posterior(mean: Tensor, log_sigma: Tensor, m: Tensor, S: Tensor) -> Tensor:
    precision: Tensor = torch.linalg.inv(S)
    difference = mean - m
    trace = (precision.diagonal() * torch.exp(2 * log_sigma)).sum(-1)
    square = ((difference @ precision) * difference).sum(-1)
    log_ratio = torch.logdet(S) - (2 * log_sigma).sum(-1)
    return (trace + square - mean.shape[-1] + log_ratio) / 2


def _covariance(Z: int) -> Tensor:
    root = randn64(Z, Z)
    return root @ root.T + 0.5 * torch.eye(Z).double()


REVERSED = {
    "trace = (precision.diagonal() *": "v = (1 *",
    "* torch.exp(2 * log_sigma)).sum(-1)": "* torch.exp(2 * log_sigma))",
    "((difference @ precision) * difference)": "(difference**2 / v)",
    "torch.logdet(S) - (2 * log_sigma).sum(-1)": "(2 * log_sigma).sum(-1) - torch.logdet(S)",
    "(trace +": "((S.diagonal() / v).sum(-1) +",
}
POSTERIOR = t64([[2, 1], [1, 2]])

SLIPS = (
    Slip("half-missing", {" / 2": ""}, "Without it all doubles."),
    Slip("dimension-missing", {"- mean.shape[-1] ": ""}),
    Slip("dimension-missing", {"- mean.shape[-1] ": "- 1 "},
         "1 was subtracted, which is right for Z = 1 only."),
    Slip("sigma-for-variance", {"torch.exp(2 * log_sigma)": "torch.exp(log_sigma)"}),
    Slip("sigma-for-variance", {"- (2 * log_sigma)": "- log_sigma"},
         "The logarithm of σ² is twice that of σ."),
    Slip("sigma-for-variance", {"exp(2 * log_sigma)": "exp(log_sigma)",
                                "- (2 * log_sigma)": "- log_sigma"},
         "log σ was read as log σ², in both terms."),
    Slip("log-squared", {"(2 * log_sigma).sum": "log_sigma.square().sum"}),
    Slip("correlation-ignored", {"precision.diagonal()": "1 / S.diagonal()"},
         "Under the trace stands 1/Sᵢᵢ."),
    Slip("correlation-ignored", {"linalg.inv(S)": "diag(1 / S.diag())",
                                 "torch.logdet(S)": "S.diag().log().sum()"}),
    Slip("covariance-for-precision", {"torch.linalg.inv(S)": "S"}),
    Slip("covariance-for-precision", {"torch.linalg.inv(S)": "1 / S"},
         "Each entry of S was inverted, not S."),
    Slip("covariance-for-precision", {"difference @ precision": "difference @ S"},
         "It is in the mean's term."),
    Slip("precision-missing", {"difference @ precision": "difference"}),
    Slip("correlation-ignored",
         {"((difference @ precision) * difference)": "(difference**2 * precision.diagonal())"},
         "Of the precision between the means only the diagonal was used."),
    Slip("kl-reversed", REVERSED),
    Slip("determinant-missing", {"torch.logdet(S) -": "-"},
         "Every value is off by ½ log |S|.", place="far"),
    Slip("ratio-flipped", {"+ log_ratio": "- log_ratio"}),
    Slip("mean-over-latents", {" / 2": " / 2 / mean.shape[-1]"}),
    Slip("sum-over-data", {") / 2": ").sum() / 2"}),
    Slip("sum-over-data", {") / 2": ").mean() / 2"}),
    Slip("negated", {"return (trace": "return -(trace"}),
)  # fmt: skip

HAND = (
    Case((t64([[0]]), t64([[0]]), t64([[2]]), t64([[4]])),
         "one latent, mean = 0, log_sigma = 0, m = 2, S = 4"),
    Case((t64([[0, 0]]), t64([[math.log(2), 0]]), t64([[1, 0]]), POSTERIOR),
         "mean = [[0, 0]], log_sigma = [[log 2, 0]], m = [[1, 0]], S = [[2, 1], [1, 2]]"),
    Case((t64([[0, 0], [0, 1]]), t64([[0, 0]] * 2), t64([[1, 1], [1, 0]]), POSTERIOR),
         "mean = [[0, 0], [0, 1]], log_sigma = 0, m = [[1, 1], [1, 0]], S = [[2, 1], [1, 2]]"),
)  # fmt: skip

exercise = Exercise(
    solution=_kl_to_posterior,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((*randn64(3, 4, 3), _covariance(3)), "B, Z = 4, 3")],
    verified="It agrees with the KL between a diagonal and a full Gaussian, for data and "
    "covariances drawn afresh.",
    place="far",
)
