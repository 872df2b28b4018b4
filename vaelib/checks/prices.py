"""Checks of the exercises of chapter 1 on what sampling costs: of linear-Gaussian models, mixtures and bits."""

from __future__ import annotations

import math  # noqa: F401 (in edits)
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values, t64
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = [
    "check_many_pixels",
    "check_mixture_price",
]


def _many_pixels(x: Tensor, sigma: float) -> tuple[Tensor, float, float, float]:
    X, noise = len(x), sigma**2
    mean, variance = x.sum() / (X + noise), noise / (X + noise)
    pixels = 1 + X / noise
    latents = (1 + 1 / noise) ** X
    return mean, variance, pixels, latents


NO_PRIOR = "However much noise there is, the mean does not go back to 0, nor the variance to 1."
IN_1 = "It is so in the posterior."
OWN = "(variance * (2 - variance)) ** -0.5 * math.exp(mean**2 / (2 - variance))"
LOG_LATENTS = "(1 + 1 / noise) ** X", "X * math.log(1 + 1 / noise)"
MANY_PIXELS = Exercise(
    name="many_pixels",
    number="1.5",
    solution=_many_pixels,
    slips=(
        Slip("sigma-for-variance", (("noise = len(x), sigma**2", "noise = len(x), sigma"),)),
        Slip(
            "sigma-for-variance",
            (("return mean, variance", "return mean, variance**0.5"),),
            "It is the second value.",
        ),
        _slip(
            "sigma-for-variance",
            "return",
            "mean, variance = x.sum() / (X + sigma), sigma / (X + sigma)\n    return",
            IN_1,
        ),
        Slip(
            "sigma-for-variance",
            (("X / noise", "X / sigma"), ("1 / noise", "1 / sigma")),
            "It is so in both prices.",
        ),
        _slip("sigma-ignored", "sigma**2", "1", "σ² is taken for 1."),
        _slip(
            "prior-missing", "x.sum() / (X + noise)", "x.mean()", "The mean is that of the pixels."
        ),
        _slip(
            "prior-missing",
            ", noise / (X + noise)",
            ", noise / X",
            "The variance tends to ∞ with σ, and not to 1.",
        ),
        _slip(
            "upside-down",
            "return mean, variance",
            "return mean, 1 / variance",
            "It is the posterior's precision.",
        ),
        _slip("upside-down", "sigma**2", "sigma**-2", "It is σ²."),
        _slip(
            "upside-down",
            "return",
            "pixels, latents = 1 + X * noise, (1 + noise) ** X\n    return",
            "It is σ² in both prices.",
        ),
        Slip(
            "prior-missing",
            (("x.sum() / (X + noise), noise / (X + noise)", "x.mean(), noise / X"),),
            NO_PRIOR,
        ),
        Slip("m-for-s", ((", noise / (X + noise)", ", 1 / (X + noise)"),)),
        Slip(
            "mean-for-sum",
            (("x.sum()", "x.mean()"),),
            "Each pixel adds what it says about the latent.",
        ),
        Slip(
            "one-missing", (("1 + X / noise", "X / noise"),), "It is the first of the two prices."
        ),
        _slip(
            "mean-for-sum",
            "1 + X / noise",
            "1 + 1 / noise",
            "Each pixel adds to the price of the latent.",
        ),
        _slip("one-missing", "** X", "** X - 1", "It is the second of the two prices."),
        Slip(
            "one-missing",
            (("1 + X / noise", "X / noise"), ("** X", "** X - 1")),
            "Both prices are 1 too low.",
        ),
        Slip(
            "upside-down", (("1 + X / noise", "variance"), ("1 + 1 / noise", "noise / (1 + noise)"))
        ),
        Slip("upside-down", (("1 + X / noise", "variance"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "X * (1 + 1 / noise)"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "pixels"),)),
        _slip("sum-for-product", ") ** X", ")"),
        _slip(
            "one-datum-for-mean",
            "1 + X / noise",
            "(variance * (2 - variance)) ** -0.5",
            "It is that of x = b, the cheapest.",
        ),
        _slip("one-datum-for-mean", "1 + X / noise", OWN, "It is that of the x that is given."),
        Slip(
            "log-for-value",
            (("1 + X / noise", "math.log(1 + X / noise)"), LOG_LATENTS),
            "It is so for both prices.",
        ),
        Slip(
            "kl-for-chi2",
            (
                ("1 + X / noise", "math.log(1 + X / noise) / 2"),
                (LOG_LATENTS[0], f"{LOG_LATENTS[1]} / 2"),
            ),
        ),
        _slip(
            "order-swapped",
            "pixels, latents\n",
            "latents, pixels\n",
            "It is the two prices.",
            "intractable",
        ),
        _slip(
            "order-swapped",
            "return mean, variance",
            "return variance, mean",
            "It is mean and variance.",
            "gaussian",
        ),
    ),
    hand=(
        Case((t64(1, 2, 3), 1.0), "x = [1, 2, 3], sigma = 1"),
        Case((t64(3), 2.0), "x = [3], sigma = 2"),
    ),
    draw=lambda: [
        Case((torch.randn(X).double(), sigma), f"{X} pixels") for X, sigma in ((4, 0.8), (7, 2.3))
    ],
    verified="Posterior and prices are right for 1 to 7 pixels, whatever the noise.",
    place=PLACES["intractable"],
    observe=named_values(
        "posterior mean", "posterior variance", "price with one latent", "price with X latents"
    ),
)


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
MIXTURE_PRICE = Exercise(
    name="mixture_price",
    number="1.6",
    solution=_mixture_price,
    slips=(
        Slip(
            "one-missing",
            (("/ pi).sum(1)", "/ pi).sum(1) - 1"),),
            "The price of a datum is 1 too low.",
        ),
        _slip("one-missing", "return price", "return price + 1", "The sum is 1 + χ² already."),
        _slip("one-missing", ") ** Z", ") ** Z - 1", "The price of the bits is 1 too low."),
        Slip(
            "one-missing",
            (("/ pi).sum(1)", "/ pi).sum(1) - 1"), (") ** Z", ") ** Z - 1")),
            "Both prices are 1 too low.",
        ),
        _slip(
            "one-missing",
            "return price, highest, mean, bits",
            ALL_LESS,
            "All four numbers are 1 too low.",
        ),
        _slip("one-missing", "len(pi)", "len(pi) - 1", "The bound on the mean is 1 too low."),
        Slip("prior-not-divided", (("rho**2 / pi", "rho**2"),)),
        _slip("prior-not-divided", "rho**2 / pi", "rho**2 * pi", "They were multiplied."),
        _slip("prior-not-divided", "(2 * (", "(1 * (", "It is ½ for each bit."),
        _slip(
            "prior-not-divided", "(2 * (", "2 * (1 * (", "It is ½ for each bit, not once for all."
        ),
        _slip("square-missing", "rho**2", "rho"),
        _slip("square-missing", BITS, "(1 + (1 - 2 * epsilon))", "It is so in the bits' price."),
        _slip("flips-missing", " + epsilon**2", ""),
        Slip("wrong-expectation", (("rho**2 / pi", "rho**3 / pi**2"),)),
        Slip(
            "wrong-expectation",
            (("rho**2 / pi", "rho**2 / pi**2"),),
            "The ratios were added up, not averaged.",
        ),
        _slip(
            "wrong-expectation", "(2 * (", "(4 * (", "The bits' ratios were added up, not averaged."
        ),
        _slip("kl-for-chi2", "rho**2 / pi", "rho * (rho / pi).log()"),
        Slip("kl-for-chi2", (("rho**2 / pi", "torch.xlogy(rho, rho / pi)"),)),
        Slip("chi2-reversed", (("rho**2 / pi", "pi**2 / rho"),)),
        Slip("chi2-reversed", (("rho**2 / pi", "rho * (pi / rho) ** 2"),)),
        Slip(
            "mean-for-sum",
            (("sum(1)", "mean(1)"),),
            "The price is too small by the number of components.",
        ),
        Slip("wrong-axis", (("sum(1)", "sum(0)"),)),
        _slip("sum-over-data", "return price", "return price.sum()"),
        _slip("sum-over-data", "return price", "return price.mean()"),
        _slip("axis-kept", "return price", "return price[:, None]"),
        _slip("upside-down", "1 / pi.min()", "pi.min()", "A bound on 1 + χ² is never below one."),
        _slip("loose-bound", "1 / pi.min()", "(1 / pi).sum()"),
        _slip(
            "order-swapped",
            "highest, mean =",
            "mean, highest =",
            "It is the two bounds.",
            "intractable",
        ),
        Slip("wrong-extreme", (("pi.min()", "pi.max()"),)),
        Slip("bound-for-mean", (("len(pi)", "1 / pi.min()"),)),
        Slip("sum-for-product", ((") ** Z", ") * Z"),)),
        _slip("sum-for-product", ") ** Z", ")"),
        _slip("sum-for-product", f"{BITS} ** Z", "1 + Z * (1 - 2 * epsilon) ** 2"),
        _slip(
            "log-for-value",
            "return price, highest, mean, bits",
            "return price, highest, mean, math.log(bits)",
            "It is the bits' price.",
        ),
        _slip("noise-missing", BITS, "2", "It is the bits' price at ε = 0."),
        _slip("kl-for-chi2", BITS, BY_KL, "It is the bits' price."),
    ),
    hand=(
        Case((t64(0.5, 0.5), t64([1, 0]), 1, 0.0), "pi = [½, ½], rho = [[1, 0]], Z = 1, ε = 0"),
        Case(
            (t64(0.5, 0.25, 0.25), t64([0.5, 0.5, 0]), 3, 0.5),
            "pi = [½, ¼, ¼], rho = [[½, ½, 0]], Z = 3, ε = ½",
        ),
        Case(
            (t64(0.75, 0.25), t64([0.5, 0.5], [1, 0]), 2, 0.25),
            "pi = [¾, ¼], rho = [[½, ½], [1, 0]], Z = 2, ε = ¼",
        ),
    ),
    draw=lambda: [Case((_simplex(4), _simplex(3, 4), 5, 0.1), "four components and three data")],
    verified="The prices and both bounds are right, also for distributions drawn afresh.",
    place=PLACES["intractable"],
    observe=named_values(
        "price of a datum", "bound on it", "bound on its mean", "price of the bits"
    ),
)


def check_many_pixels(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.5: one latent seen by many pixels, posterior and price."""
    return judge(MANY_PIXELS, fn)


def check_mixture_price(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.6: what sampling costs in a mixture."""
    return judge(MIXTURE_PRICE, fn)
