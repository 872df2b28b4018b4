"""Exercise 3.5: the gaps of the bounds from below and from above, for a Gaussian proxy."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _two_bounds(s: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    below = 0.5 * (r**2 + s**2 - 1) - r.log()
    above = 0.5 * ((1 + s**2) / r**2 - 1) + r.log()
    return below, above


NOT_NEGATIVE = "It is one of the two; both gaps are divergences: never negative."
TWICE = "It is in the logarithm: half of log r² is log r."
BITS = "The logarithms are in bits, the rest is in nats."
R_FOR_SQUARE = {
    "(r**2 + s**2 - 1) -": "(r + s**2 - 1) - 0.5 *",
    "/ r**2 - 1) +": "/ r - 1) + 0.5 *",
}

SLIPS = (
    Slip("kl-reversed", {"return below, above": "return above, below"}),
    Slip("kl-reversed", {"return below, above": "return below, below"},
         "The second value equals the first."),
    Slip("sign-flipped", {"return below, above": "return -below, -above"},
         "Both gaps are divergences: never negative."),
    Slip("sign-flipped", {"return below, above": "return -below, above"}, NOT_NEGATIVE),
    Slip("sign-flipped", {"return below, above": "return below, -above"}, NOT_NEGATIVE),
    Slip("half-missing", {"below = 0.5 *": "below =", "above = 0.5 *": "above ="}),
    Slip("half-missing", {"return below, above": "return 2 * below, 2 * above"},
         "Both gaps are doubled."),
    Slip("half-missing", {"below = 0.5 *": "below ="}),
    Slip("half-missing", {"above = 0.5 *": "above ="}),
    Slip("sigma-for-variance", {" - r.log()": " - 0.5 * r.log()", " + r.log()": " + 0.5 * r.log()"},
         TWICE),
    Slip("sigma-for-variance", {" - r.log()": " - 0.5 * r.log()"}, TWICE),
    Slip("sigma-for-variance", {" + r.log()": " + 0.5 * r.log()"}, TWICE),
    Slip("bracket-missing", {"(1 + s**2) / r**2": "1 + s**2 / r**2"},
         "The 1 is the posterior's variance."),
    Slip("shift-unscaled", {"(1 + s**2) / r**2": "1 / r**2 + s**2"}),
    Slip("logarithm-sign", {" - r.log()": " + r.log()"}),
    Slip("logarithm-sign", {" + r.log()": " - r.log()"}),
    Slip("logarithm-sign", {"s**2 - 1) - r.log()": "s**2 - 1) + r.log()",
                            "r**2 - 1) + r.log()": "r**2 - 1) - r.log()"}),
    Slip("determinant-missing", {" - r.log()": "", " + r.log()": ""}),
    Slip("determinant-missing", {" - r.log()": ""}),
    Slip("determinant-missing", {" + r.log()": ""}),
    Slip("base-2", {" - r.log()": " - r.log2()", " + r.log()": " + r.log2()"}, BITS),
    Slip("sigma-for-variance", {"(r**2 +": "(r +", "/ r**2": "/ r"}),
    Slip("sigma-for-variance", R_FOR_SQUARE, "r was read as a ratio of variances."),
    Slip("sigma-for-variance", {"(r**2 +": "(r +"}),
    Slip("sigma-for-variance", {"/ r**2": "/ r"}),
    Slip("kl-constant-missing", {" + s**2 - 1)": " + s**2)", "/ r**2 - 1)": "/ r**2)"}),
    Slip("kl-constant-missing", {" + s**2 - 1)": " + s**2)"}),
    Slip("kl-constant-missing", {"/ r**2 - 1)": "/ r**2)"}),
    Slip("shift-missing", {"(r**2 + s**2": "(r**2", "(1 + s**2)": "1"}),
    Slip("shift-missing", {"(1 + s**2)": "1"}),
    Slip("square-sign", {"(r**2 + s**2": "(r**2 - s**2", "(1 + s**2)": "(1 - s**2)"}),
    Slip("square-sign", {"(r**2 + s**2": "(r**2 - s**2"}),
    Slip("square-sign", {"(1 + s**2)": "(1 - s**2)"}),
    Slip("square-missing", {"(r**2 + s**2": "(r**2 + s", "(1 + s**2)": "(1 + s)"}),
)  # fmt: skip

exercise = Exercise(
    solution=_two_bounds,
    slips=SLIPS,
    hand=(
        Case((t64(0), t64(2)), "s = 0, r = 2"),
        Case((t64(1), t64(1)), "s = 1, r = 1"),
        Case((t64(1), t64(0.5)), "s = 1, r = 1/2"),
        Case((t64(2), t64(1)), "s = 2, r = 1"),
    ),
    draw=lambda: [
        Case((torch.randn(()), torch.randn(()).exp()), "another s and r") for _ in range(3)
    ],
    verified="Both gaps agree with the divergences of Gaussians, for shifted, narrow and wide "
    "proxies.",
    place="gap-is-kl",
    observe=named_values("gap below", "gap above"),
)
