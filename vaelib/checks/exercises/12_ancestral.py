"""Exercise 1.2: pairs (x, z) from a linear-Gaussian model, parents first."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.observing import Seen, count_repeats, values
from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _ancestral(W: Tensor, b: Tensor, sigma: float, n: int) -> tuple[Tensor, Tensor]:
    X, Z = W.shape
    z = torch.randn(n, Z)
    noise = torch.randn(n, X)
    return z @ W.T + b + sigma * noise, z


def _fourth_powers(x: Tensor) -> Tensor:
    """The mean fourth power of standardised numbers, rounded: 3 if normal, 2 if uniform."""
    return ((x / x.std(0).clamp(min=1e-6)) ** 4).mean(0).round()


def _regression(fn: Callable[..., Any], W: Tensor, b: Tensor, sigma: float, n: int) -> Seen:
    """For ``observe``: the model behind the samples, by regression of x on z, to two digits."""
    X, Z = W.shape
    seen = values(fn, W, b, sigma, n)
    shapes = [tuple(value.shape) for value in seen.values()]
    if shapes != [(n, X), (n, Z)]:
        known: dict[Any, str] = {((n, Z), (n, X)): "order-swapped", ((X, n), (Z, n)): "transposed"}
        wanted = f"The function must return x of shape {(n, X)} and z of shape {(n, Z)}"
        got = " and ".join(map(str, shapes))
        raise Refusal(f"{wanted}; it returned {got}.", known.get(tuple(shapes), ""))
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
        "number of numbers in x that a second call repeats": count_repeats(fn, W, b, sigma, 10),
    }
    return {name: value.round(decimals=2) + 0.0 for name, value in shown.items()}


NO_TAILS = "Mean and spread are right, but no number is farther out than 1.73 standard deviations."
OWN = "own = torch.Generator().manual_seed(0)"
CENTRED = "rand(n, {}).sub(0.5).mul(12**0.5)"

SLIPS = (
    Slip("noise-missing", {" + sigma * noise": ""},
         "All x lie on Wz + b: these are means, not samples."),
    Slip("noise-missing", {"sigma * noise": "sigma"},
         "The number σ was added, not noise of that size."),
    Slip("variance-for-sigma", {"sigma * ": "sigma**2 * "}),
    Slip("sigma-for-variance", {"sigma * ": "sigma**0.5 * "}),
    Slip("sigma-ignored", {"sigma * ": ""}, "The noise has variance 1, whatever sigma is."),
    Slip("one-noise-for-all", {"(n, X)": "(n, 1)"},
         "All pixels of a datum are off by the same amount."),
    Slip("one-noise-for-all", {"randn(n, X)": "randn(X)"}, "All data are off by the same amount."),
    Slip("one-noise-for-all", {"randn(n, X)": "randn(1)"}, "Everything is off by the same amount."),
    Slip("one-noise-for-all", {"randn(n, Z)": "randn(Z).expand(n, Z)"},
         "All data have the same latent."),
    Slip("one-noise-for-all", {"randn(n, Z)": "randn(n, 1).expand(n, Z)"},
         "The latents of a datum are all alike."),
    Slip("uniform-noise", {"randn(n, Z)": "rand(n, Z)"},
         "The latents lie between 0 and 1.", place="gaussian"),
    Slip("uniform-noise", {"randn(n, X)": "rand(n, X)"},
         "The noise is never negative.", place="gaussian"),
    Slip("uniform-noise", {"randn(n, Z)": "rand(n, Z)", "randn(n, X)": "rand(n, X)"},
         "It is so for z and ε.", place="gaussian"),
    Slip("uniform-noise", {"randn(n, Z)": CENTRED.format("Z")},
         f"It is so for z. {NO_TAILS}", place="gaussian"),
    Slip("uniform-noise", {"randn(n, X)": CENTRED.format("X")},
         f"It is so for ε. {NO_TAILS}", place="gaussian"),
    Slip("seed-inside", {"z = ": f"{OWN}\n    z = ",
                         "(n, Z": "(n, Z, generator=own",
                         "(n, X": "(n, X, generator=own"}),
    Slip("another-z", {"noise, z": "noise, torch.randn(n, Z)"}),
    Slip("offset-missing", {" + b": ""}),
    Slip("offset-sign", {"+ b": "- b"}),
    Slip("transposed", {"W.T": "W"},
         "It shows where W is square; elsewhere the shapes do not fit."),
    Slip("sigma-on-all", {"z @ W.T + b + sigma * noise": "b + sigma * (z @ W.T + noise)"}),
    Slip("sigma-on-all", {"z @ W.T + b + sigma * noise": "sigma * (z @ W.T + b + noise)"}),
    Slip("sigma-on-all", {"z = torch": "z = sigma * torch"},
         "The latents have the standard deviation σ, too."),
)  # fmt: skip

HAND = (
    Case((t64([[1]]), t64([-1]), 0.5, 10_000), "W = [[1]], b = [-1], sigma = 0.5, n = 10,000"),
    Case((t64([[1, 0], [0.6, 1]]), t64([1, -1]), 0.5, 10_000),
         "W = [[1, 0], [0.6, 1]], b = [1, -1], sigma = 0.5"),
)  # fmt: skip

exercise = Exercise(
    solution=_ancestral,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((randn64(3, 2), 3 + randn64(3), 0.7, 10_000), "a model with X, Z = 3, 2")],
    verified="Read off 10,000 pairs, W, b and the noise are the model's; z and noise are normal, "
    "and new in each call.",
    place="actors",
    observe=_regression,
    tolerance=0.08,
)
