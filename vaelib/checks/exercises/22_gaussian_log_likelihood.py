"""Exercise 2.2: the Gaussian log-likelihood of images, given the decoder's means and its σ."""

import math

import torch
from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    square = ((x - mean) / sigma).square().sum(-1)
    constant = x.shape[-1] * torch.log(2 * math.pi * sigma**2)
    return -(square + constant) / 2


RETURNED = "-(square + constant) / 2"
CONSTANT = "x.shape[-1] * torch.log(2 * math.pi * sigma**2)"

SLIPS = (
    Slip("normaliser-dropped", {"square + constant": "square"}),
    Slip("normaliser-dropped", {"2 * math.pi * sigma**2": "sigma**2"},
         "Every value is X/2 · log 2π too high."),
    Slip("normaliser-once", {"x.shape[-1] * torch.log": "torch.log"},
         "X − 1 constants are missing."),
    Slip("normaliser-once", {CONSTANT: "torch.log(sigma**2) + x.shape[-1] * math.log(2 * math.pi)"},
         "It is log σ."),
    Slip("normaliser-once", {CONSTANT: "x.shape[-1] * torch.log(sigma**2) + math.log(2 * math.pi)"},
         "It is log 2π."),
    Slip("normaliser-dropped", {CONSTANT: "x.shape[-1] * math.log(2 * math.pi)"},
         "It is log σ that is missing."),
    Slip("logarithm-sign", {"square + constant": "square - constant"}),
    Slip("likelihood-for-log", {RETURNED: "torch.exp(-(square + constant) / 2)"}, place="noise"),
    Slip("not-summed", {".sum(-1)": "", "x.shape[-1] * ": ""}),
    Slip("axis-kept", {".sum(-1)": ".sum(-1, keepdim=True)"}),
    Slip("wrong-axis", {".sum(-1)": ".sum(0)", "x.shape[-1]": "len(mean)"}),
    Slip("wrong-axis", {".sum(-1)": ".sum(1)", "x.shape[-1]": "len(x)"}),
    Slip("exponential-of-sigma", {"/ sigma)": "/ sigma.exp())", "sigma**2": "sigma.exp() ** 2"}),
    Slip("length-not-squared",
         {"((x - mean) / sigma).square().sum(-1)": "(x - mean).norm(dim=-1) / sigma**2"}),
    Slip("half-missing", {"(2 * math.pi * sigma**2)": "((2 * math.pi * sigma) ** 2)"},
         "The log 2π lacks it."),
    Slip("variance-for-sigma", {"pi * sigma**2": "pi * sigma**4"}, "The constant has σ⁴ for σ²."),
    Slip("mean-over-features", {".sum(-1)": ".mean(-1)", "x.shape[-1] * ": ""}),
    Slip("mean-over-features", {".sum(-1)": ".mean(-1)"},
         "It is the squared error that was averaged."),
    Slip("sigma-ignored", {RETURNED: "-(x - mean).square().sum(-1) / 2"}),
    Slip("sigma-ignored", {RETURNED: "-(x - mean).square().sum(-1)"}),
    Slip("sigma-ignored", {RETURNED: "-(x - mean).square().mean(-1)"}),
    Slip("sigma-ignored", {"/ sigma)": ")", "sigma**2": "sigma**0"},
         "The value is the same for every σ."),
    Slip("sigma-ignored", {"/ sigma)": ")"},
         "The squared error is not divided by σ²; only the constant has σ."),
    Slip("variance-for-sigma", {"/ sigma)": "/ sigma**2)", "pi * sigma**2": "pi * sigma**4"}),
    Slip("variance-for-sigma", {"/ sigma)": "/ sigma**2)"}, "The squared error is divided by σ⁴."),
    Slip("sigma-for-variance", {"/ sigma)": "/ sigma.sqrt())", "sigma**2": "sigma"}),
    Slip("sigma-for-variance", {"/ sigma)": "/ sigma.sqrt())"},
         "The squared error is divided by σ."),
    Slip("half-missing", {" / 2": ""}, "Without it all doubles."),
    Slip("half-missing", {RETURNED: "-square - constant / 2"}, "The squared error lacks it."),
    Slip("half-missing", {RETURNED: "-square / 2 - constant"}, "The constant lacks it."),
    Slip("base-2", {" / 2": " / 2 / math.log(2)"}),
    Slip("base-2", {"torch.log(": "torch.log2("},
         "The constant is 1.4427 times what it should be."),
    Slip("density-underflows", {RETURNED: "torch.exp(-(square + constant) / 2).log()"}),
    Slip("negated", {"return": "return -1 *"}),
    Slip("sum-over-data", {"-(square + constant)": "-(square + constant).sum()"}),
    Slip("sum-over-data", {"-(square + constant)": "-(square + constant).mean()"}),
)  # fmt: skip

exercise = Exercise(
    solution=_gaussian_log_likelihood,
    slips=SLIPS,
    hand=(
        Case((t64([[1, 0]]), t64([[[0, 0]]]), t64(0.5)), "x = [[1, 0]], mean = [[[0, 0]]], σ = ½"),
        Case((t64([[100]]), t64([[[0]]]), t64(1)), "x = [[100]], mean = [[[0]]], σ = 1"),
    ),
    draw=lambda: [
        Case((randn64(3, 4), randn64(5, 3, 4), t64(0.3)), "K, B, X = 5, 3, 4 and σ = 0.3")
    ],
    verified="It agrees with the log-density of Gaussian vectors, and holds a hundred standard "
    "deviations away.",
    place="noise",
)
