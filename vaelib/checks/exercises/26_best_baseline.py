"""Exercise 2.6: the best constant baseline of a score-function gradient, and its variance."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _best_baseline(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    c = mu**2 + 3 * s**2
    noise_4, noise_6 = 3, 15
    weighted = mu**2 + noise_4 * s**2
    second_moment = (
        mu**4 + 6 * noise_4 * mu**2 * s**2 + noise_6 * s**4 - 2 * c * weighted + c**2
    ) / s**2
    return c, second_moment - (2 * mu) ** 2


SLIPS = (
    Slip("mean-as-baseline", {"c = mu**2 + 3 * s**2": "c = mu**2 + s**2"}),
    Slip("mean-as-baseline", {"return c,": "return mu**2 + s**2,"},
         "The variance belongs to another baseline."),
    Slip("f-of-mean-as-baseline", {"c = mu**2 + 3 * s**2": "c = mu**2"}),
    Slip("baseline-missing", {" - 2 * c * weighted + c**2": ""},
         "The variance is that without a baseline."),
    Slip("baseline-missing", {"c = mu**2 + 3 * s**2": "c = 0 * mu"},
         "That is the variance without one."),
    Slip("order-swapped",
         {"return c, second_moment - (2 * mu) ** 2": "return second_moment - (2 * mu) ** 2, c"}),
    Slip("sigma-for-variance",
         {"second_moment - (2 * mu) ** 2": "(second_moment - (2 * mu) ** 2).sqrt()"},
         "It is the square root of what is asked for."),
    Slip("second-moment-for-variance", {" - (2 * mu) ** 2": ""}),
    Slip("second-moment-for-variance", {"- (2 * mu) ** 2": "- 2 * mu"},
         "The mean itself was subtracted."),
    Slip("noise-moments", {"3 * s**2": "s**2",
                           "noise_4, noise_6 = 3, 15": "noise_4, noise_6 = 1, 1"}),
    Slip("noise-moments", {"= 3, 15": "= 3, 9"}, "E ε⁶ is not the square of E ε⁴."),
    Slip("score-unscaled", {") / s**2": ") * 1", "- (2 * mu) ** 2": "- (2 * mu * s) ** 2"}),
    Slip("score-unscaled", {") / s**2": ") / s**2 * s**2"},
         "It is missing in the second moment only."),
    Slip("half-of-the-baseline", {"c = mu**2 + 3 * s**2": "c = (mu**2 + 3 * s**2) / 2"}),
)  # fmt: skip

exercise = Exercise(
    solution=_best_baseline,
    slips=SLIPS,
    hand=(Case((t64(1), t64(1)), "μ = 1 and σ = 1"), Case((t64(0), t64(2)), "μ = 0 and σ = 2")),
    draw=lambda: [Case(tuple((0.5 + torch.rand(2)).double()), "μ and σ drawn afresh")],
    verified="Baseline and variance agree with the minimum of the parabola, for μ and σ drawn "
    "afresh.",
    place="draw",
    observe=named_values("best baseline", "least variance"),
)
