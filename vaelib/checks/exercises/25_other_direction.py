"""Exercise 2.5: the best diagonal Gaussian in the other direction, its loss and χ² divergence."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _other_direction(s_1: Tensor, s_2: Tensor, kappa: Tensor) -> tuple[Tensor, ...]:
    v_1, v_2 = s_1**2, s_2**2
    gap = -torch.log(1 - kappa**2) / 2
    second_moment = 1 / (1 - kappa**2)
    return v_1, v_2, gap, second_moment - 1


SLICE = {"s_1**2, s_2**2": "s_1**2 * (1 - kappa**2), s_2**2 * (1 - kappa**2)"}
CHI2_OF_SLICE = {"1 / (1 - kappa**2)": "(1 - kappa**2) / torch.sqrt(1 - 4 * kappa**2)"}

SLIPS = (
    Slip("slice-for-shadow", SLICE, "These variances minimise the KL in the chapter's direction."),
    Slip("slice-for-shadow", {**SLICE, **CHI2_OF_SLICE},
         "All of this belongs to the proxy of the chapter's direction, which is too narrow."),
    Slip("chi2-of-the-slice", CHI2_OF_SLICE),
    Slip("sigma-for-variance", {"s_1**2, s_2**2": "s_1, s_2"}),
    Slip("half-missing", {" / 2": ""}, "The gap is twice what it should be."),
    Slip("negated", {"-torch.log": "torch.log"}, "The gap is negative, which no KL is."),
    Slip("base-2", {"torch.log": "torch.log2"}, "The gap is in bits."),
    Slip("square-missing", {"log(1 - kappa**2)": "log(1 - kappa)"}, "κ itself stands in the gap."),
    Slip("correlation-for-covariance", {"log(1 - kappa**2)": "log(1 - (kappa / s_1 / s_2)**2)"}),
    Slip("one-not-subtracted", {"second_moment - 1": "second_moment"}),
    Slip("normaliser-dropped", {"1 / (1 - kappa**2)": "kappa**0"},
         "The integral in χ² lacks p² and q's constants."),
    Slip("square-missing", {"1 / (1 - kappa**2)": "1 / (1 - kappa**2).sqrt()"},
         "In χ² it is p's constant."),
)  # fmt: skip

exercise = Exercise(
    solution=_other_direction,
    slips=SLIPS,
    hand=(
        Case((t64(1), t64(1), t64(0.4)), "σ₁ = σ₂ = 1 and κ = 0.4"),
        Case((t64(2), t64(3), t64(-0.3)), "σ₁ = 2, σ₂ = 3 and κ = −0.3"),
    ),
    draw=lambda: [
        Case(
            (*(1 + torch.rand(2)).double(), 0.1 + 0.3 * torch.rand(()).double()),
            "σ₁, σ₂ and κ drawn afresh",
        )
    ],
    verified="Variances, gap and χ² agree with those of two correlated latents, for standard "
    "deviations drawn afresh.",
    place="diagonal",
    observe=named_values("variance 1", "variance 2", "gap", "χ²"),
)
