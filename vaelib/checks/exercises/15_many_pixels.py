"""Exercise 1.5: one latent seen by many pixels, posterior and price."""

from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _many_pixels(x: Tensor, sigma: float) -> tuple[Tensor, float, float, float]:
    X, noise = len(x), sigma**2
    mean, variance = x.sum() / (X + noise), noise / (X + noise)
    pixels = 1 + X / noise
    latents = (1 + 1 / noise) ** X
    return mean, variance, pixels, latents


OWN = "(variance * (2 - variance)) ** -0.5 * math.exp(mean**2 / (2 - variance))"
LATENTS, LOG_LATENTS = "(1 + 1 / noise) ** X", "X * math.log(1 + 1 / noise)"
PIXELS = "1 + X / noise"
RETURN = "return mean, variance"

SLIPS = (
    Slip("sigma-for-variance", {"noise = len(x), sigma**2": "noise = len(x), sigma"}),
    Slip("sigma-for-variance", {RETURN: "return mean, variance**0.5"}, "It is the second value."),
    Slip("sigma-for-variance",
         {"return": "mean, variance = x.sum() / (X + sigma), sigma / (X + sigma)\n    return"},
         "It is so in the posterior."),
    Slip("sigma-for-variance", {"X / noise": "X / sigma", "1 / noise": "1 / sigma"},
         "It is so in both prices."),
    Slip("sigma-ignored", {"sigma**2": "1"}, "σ² is taken for 1."),
    Slip("prior-missing", {"x.sum() / (X + noise)": "x.mean()"}, "The mean is that of the pixels."),
    Slip("prior-missing", {", noise / (X + noise)": ", noise / X"},
         "The variance tends to ∞ with σ, and not to 1."),
    Slip("upside-down", {RETURN: "return mean, 1 / variance"}, "It is the posterior's precision."),
    Slip("upside-down", {"sigma**2": "sigma**-2"}, "It is σ²."),
    Slip("upside-down", {"return": "pixels, latents = 1 + X * noise, (1 + noise) ** X\n    return"},
         "It is σ² in both prices."),
    Slip("prior-missing", {"x.sum() / (X + noise), noise / (X + noise)": "x.mean(), noise / X"},
         "However much noise there is, the mean does not go back to 0, nor the variance to 1."),
    Slip("m-for-s", {", noise / (X + noise)": ", 1 / (X + noise)"}),
    Slip("mean-for-sum", {"x.sum()": "x.mean()"}, "Each pixel adds what it says about the latent."),
    Slip("one-missing", {PIXELS: "X / noise"}, "It is the first of the two prices."),
    Slip("mean-for-sum", {PIXELS: "1 + 1 / noise"}, "Each pixel adds to the price of the latent."),
    Slip("one-missing", {"** X": "** X - 1"}, "It is the second of the two prices."),
    Slip("one-missing", {PIXELS: "X / noise", "** X": "** X - 1"}, "Both prices are 1 too low."),
    Slip("upside-down", {PIXELS: "variance", "1 + 1 / noise": "noise / (1 + noise)"}),
    Slip("upside-down", {PIXELS: "variance"}),
    Slip("sum-for-product", {LATENTS: "X * (1 + 1 / noise)"}),
    Slip("sum-for-product", {LATENTS: "pixels"}),
    Slip("sum-for-product", {") ** X": ")"}),
    Slip("one-datum-for-mean", {PIXELS: "(variance * (2 - variance)) ** -0.5"},
         "It is that of x = b, the cheapest."),
    Slip("one-datum-for-mean", {PIXELS: OWN}, "It is that of the x that is given."),
    Slip("log-for-value", {PIXELS: "math.log(1 + X / noise)", LATENTS: LOG_LATENTS},
         "It is so for both prices."),
    Slip("kl-for-chi2", {PIXELS: "math.log(1 + X / noise) / 2", LATENTS: f"{LOG_LATENTS} / 2"}),
    Slip("order-swapped", {"pixels, latents\n": "latents, pixels\n"},
         "It is the two prices.", place="intractable"),
    Slip("order-swapped", {RETURN: "return variance, mean"},
         "It is mean and variance.", place="gaussian"),
)  # fmt: skip

exercise = Exercise(
    solution=_many_pixels,
    slips=SLIPS,
    hand=(
        Case((t64([1, 2, 3]), 1.0), "x = [1, 2, 3], sigma = 1"),
        Case((t64([3]), 2.0), "x = [3], sigma = 2"),
    ),
    draw=lambda: [Case((randn64(X), sigma), f"{X} pixels") for X, sigma in ((4, 0.8), (7, 2.3))],
    verified="Posterior and prices are right for 1 to 7 pixels, whatever the noise.",
    place="intractable",
    observe=named_values(
        "posterior mean", "posterior variance", "price with one latent", "price with X latents"
    ),
)
