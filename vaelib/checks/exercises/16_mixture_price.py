"""Exercise 1.6: what sampling costs in a mixture."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _mixture_price(
    pi: Tensor, rho: Tensor, Z: int, epsilon: float
) -> tuple[Tensor, Tensor, int, float]:
    price = (rho**2 / pi).sum(1)
    highest, mean = 1 / pi.min(), len(pi)
    bits = (2 * ((1 - epsilon) ** 2 + epsilon**2)) ** Z
    return price, highest, mean, bits


def _simplex(*shape: int) -> Tensor:
    numbers = torch.rand(*shape).double() + 0.1
    return numbers / numbers.sum(-1, keepdim=True)


BY_KL = "(2 * (1 - epsilon) ** (1 - epsilon) * epsilon**epsilon)"
BITS = "(2 * ((1 - epsilon) ** 2 + epsilon**2))"
ALL_LESS = "return price - 1, highest - 1, mean - 1, bits - 1"

SLIPS = (
    Slip("one-missing", {"/ pi).sum(1)": "/ pi).sum(1) - 1"}, "The price of a datum is 1 too low."),
    Slip("one-missing", {"return price": "return price + 1"}, "The sum is 1 + χ² already."),
    Slip("one-missing", {") ** Z": ") ** Z - 1"}, "The price of the bits is 1 too low."),
    Slip("one-missing", {"/ pi).sum(1)": "/ pi).sum(1) - 1", ") ** Z": ") ** Z - 1"},
         "Both prices are 1 too low."),
    Slip("one-missing", {"return price, highest, mean, bits": ALL_LESS},
         "All four numbers are 1 too low."),
    Slip("one-missing", {"len(pi)": "len(pi) - 1"}, "The bound on the mean is 1 too low."),
    Slip("prior-not-divided", {"rho**2 / pi": "rho**2"}),
    Slip("prior-not-divided", {"rho**2 / pi": "rho**2 * pi"}, "They were multiplied."),
    Slip("prior-not-divided", {"(2 * (": "(1 * ("}, "It is ½ for each bit."),
    Slip("prior-not-divided", {"(2 * (": "2 * (1 * ("}, "It is ½ for each bit, not once for all."),
    Slip("square-missing", {"rho**2": "rho"}),
    Slip("square-missing", {BITS: "(1 + (1 - 2 * epsilon))"}, "It is so in the bits' price."),
    Slip("flips-missing", {" + epsilon**2": ""}),
    Slip("wrong-expectation", {"rho**2 / pi": "rho**3 / pi**2"}),
    Slip("wrong-expectation", {"rho**2 / pi": "rho**2 / pi**2"},
         "The ratios were added up, not averaged."),
    Slip("wrong-expectation", {"(2 * (": "(4 * ("},
         "The bits' ratios were added up, not averaged."),
    Slip("kl-for-chi2", {"rho**2 / pi": "rho * (rho / pi).log()"}),
    Slip("kl-for-chi2", {"rho**2 / pi": "torch.xlogy(rho, rho / pi)"}),
    Slip("chi2-reversed", {"rho**2 / pi": "pi**2 / rho"}),
    Slip("chi2-reversed", {"rho**2 / pi": "rho * (pi / rho) ** 2"}),
    Slip("mean-for-sum", {"sum(1)": "mean(1)"},
         "The price is too small by the number of components."),
    Slip("wrong-axis", {"sum(1)": "sum(0)"}),
    Slip("sum-over-data", {"return price": "return price.sum()"}),
    Slip("sum-over-data", {"return price": "return price.mean()"}),
    Slip("axis-kept", {"return price": "return price[:, None]"}),
    Slip("upside-down", {"1 / pi.min()": "pi.min()"}, "A bound on 1 + χ² is never below one."),
    Slip("loose-bound", {"1 / pi.min()": "(1 / pi).sum()"}),
    Slip("order-swapped", {"highest, mean =": "mean, highest ="},
         "It is the two bounds.", place="intractable"),
    Slip("wrong-extreme", {"pi.min()": "pi.max()"}),
    Slip("bound-for-mean", {"len(pi)": "1 / pi.min()"}),
    Slip("sum-for-product", {") ** Z": ") * Z"}),
    Slip("sum-for-product", {") ** Z": ")"}),
    Slip("sum-for-product", {f"{BITS} ** Z": "1 + Z * (1 - 2 * epsilon) ** 2"}),
    Slip("log-for-value",
         {"return price, highest, mean, bits": "return price, highest, mean, math.log(bits)"},
         "It is the bits' price."),
    Slip("noise-missing", {BITS: "2"}, "It is the bits' price at ε = 0."),
    Slip("kl-for-chi2", {BITS: BY_KL}, "It is the bits' price."),
)  # fmt: skip

HAND = (
    Case((t64([0.5, 0.5]), t64([[1, 0]]), 1, 0.0), "pi = [½, ½], rho = [[1, 0]], Z = 1, ε = 0"),
    Case((t64([0.5, 0.25, 0.25]), t64([[0.5, 0.5, 0]]), 3, 0.5),
         "pi = [½, ¼, ¼], rho = [[½, ½, 0]], Z = 3, ε = ½"),
    Case((t64([0.75, 0.25]), t64([[0.5, 0.5], [1, 0]]), 2, 0.25),
         "pi = [¾, ¼], rho = [[½, ½], [1, 0]], Z = 2, ε = ¼"),
)  # fmt: skip

exercise = Exercise(
    solution=_mixture_price,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((_simplex(4), _simplex(3, 4), 5, 0.1), "four components and three data")],
    verified="The prices and both bounds are right, also for distributions drawn afresh.",
    place="intractable",
    observe=named_values(
        "price of a datum", "bound on it", "bound on its mean", "price of the bits"
    ),
)
