"""Exercise 2.1: K reparameterised draws for each datum, from an encoder's output."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.observing import Seen, gradients, values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _draw(out: Tensor, K: int) -> Tensor:
    mean, log_var = out.chunk(2, dim=-1)
    sigma = torch.exp(log_var / 2)
    noise = torch.randn(K, *mean.shape)
    return mean + sigma * noise


def _moments_and_gradients(fn: Callable[..., Any], out: Tensor, K: int) -> Seen:
    """For ``observe``: moments of the K draws that a function makes from an encoder's output.

    The output's halves are the mean and log σ². The numbers are random, so they are rounded.

    Args:
        fn: called with the output, shape ``(B, 2 Z)``, and K; the draws have shape ``(K, B, Z)``.
        out: the encoder's output.
        K: how many draws.

    Returns:
        the draws' shape, mean and standard deviation; the correlation of the noise of two draws,
        data, latents or calls (0 or 1); the derivatives of the draws' mean plus variance in the two
        halves, which are 1 and about σ².
    """
    found = fn(out, K)
    numbers = values(lambda: found)
    if not isinstance(found, Tensor):
        wanted = "The function must return one tensor, so that gradients reach out"
        raise Refusal(f"{wanted}; it returned a {type(found).__name__}.")
    z = numbers["value"]
    seen = {"answer": torch.zeros(z.shape)}
    if K < ENOUGH_DRAWS or z.shape != (K, len(out), out.shape[1] // 2):
        return seen | dict.fromkeys(NAMES, torch.tensor(torch.nan))
    leaf = out.clone().requires_grad_()
    draws = fn(leaf * 1, K)
    slopes = gradients(draws.mean(0) + draws.var(0), {"out": leaf})["gradient in out"].chunk(2, -1)
    noise, again = (
        (some - some.mean(0)) / some.std(0).clamp(min=1e-6) for some in (z, draws.detach())
    )
    others = (noise.roll(1, axis) for axis in range(3))
    # A single datum, or latent, is its own neighbour.
    shared = [
        (noise * other).mean().round() * (n > 1)
        for other, n in zip(others, noise.shape, strict=True)
    ]
    shared.append((noise * again).mean().round())
    rounded = (value.round(decimals=2) for value in (z.mean(0), z.std(0), *shared, *slopes))
    return seen | dict(zip(NAMES, rounded, strict=True))


def _heads(B: int, Z: int) -> Tensor:
    """Means well away from zero, and σ from 0.33 to 0.55: a slip in either shows."""
    mean = (1 + 2 * torch.rand(B, Z)) * (torch.randint(2, (B, Z)) * 2 - 1)
    return torch.cat([mean, -1.2 - torch.rand(B, Z)], 1).double()


# With fewer draws only the shape is looked at.
ENOUGH_DRAWS = 100
NAMES = (
    "mean",
    "standard deviation",
    "correlation between draws",
    "correlation between data",
    "correlation between latents",
    "correlation between two calls",
    "slope of mean + variance in the mean",
    "slope of mean + variance in log σ²",
)
LOG_QUARTER = -math.log(4)
OUT = t64([[1, 1, LOG_QUARTER, LOG_QUARTER], [3, 3, LOG_QUARTER, LOG_QUARTER]])
HEADS = "out = [[1, 1, a, a], [3, 3, a, a]]"
DRAWN = "mean + sigma * noise"

SLIPS = (
    Slip("log-variance-without-half", {"log_var / 2": "log_var"}),
    Slip("log-variance-without-half", {"log_var / 2": "log_var * 2"},
         "The logarithm was doubled, not halved."),
    Slip("log-variance-without-half", {"exp(log_var / 2)": "exp(log_var) / 2"},
         "The variance itself was halved."),
    Slip("logarithm-for-value", {"torch.exp(log_var / 2)": "log_var"}),
    Slip("logarithm-for-value", {"torch.exp(log_var / 2)": "log_var / 2"}),
    Slip("logarithm-for-value", {"torch.exp(log_var / 2)": "log_var.abs().sqrt()"}),
    Slip("mean-for-draw", {"sigma * noise": "0 * noise"}),
    Slip("fewer-samples", {DRAWN: "(mean + sigma * noise)[0]"},
         "There is one draw, whatever K is."),
    Slip("one-noise-for-all", {"*mean.shape": "1, mean.shape[1]"},
         "The B data get the same noise."),
    Slip("one-noise-for-all", {"K, *mean.shape": "1, *mean.shape",
                               " * noise": " * noise.expand(K, -1, -1)"},
         "The K draws of a datum are all equal."),
    Slip("one-noise-for-all", {"K, *mean.shape": "mean.shape[1]",
                               " * noise": " * noise.expand(K, *mean.shape)"},
         "All draws of all data share one noise."),
    Slip("one-noise-for-all", {"*mean.shape": "len(mean), 1"},
         "The Z latents of a datum get the same noise."),
    Slip("sample-for-rsample", {DRAWN: "(mean + sigma * noise).detach()"}),
    Slip("wrongly-detached", {"sigma * noise": "sigma.detach() * noise"},
         "The gradient in log σ² is zero."),
    Slip("wrongly-detached", {"return mean": "return mean.detach()"},
         "The gradient in the mean is zero."),
    Slip("axes-swapped", {DRAWN: "(mean + sigma * noise).transpose(0, 1)"}),
    Slip("squeezed-axis", {DRAWN: "(mean + sigma * noise).squeeze()"}),
    Slip("squeezed-axis", {DRAWN: "(mean + sigma * noise).squeeze(0)"}),
    Slip("heads-swapped", {"mean, log_var =": "log_var, mean ="}),
    Slip("seed-inside",
         {"*mean.shape)": "*mean.shape, generator=torch.Generator().manual_seed(0))"}),
    Slip("uniform-noise", {"randn": "rand"}),
    Slip("uniform-noise", {"torch.randn(K, *mean.shape)": "2 * torch.rand(K, *mean.shape) - 1"},
         "It lies between −1 and 1, with a standard deviation of 0.58."),
)  # fmt: skip

exercise = Exercise(
    solution=_draw,
    slips=SLIPS,
    hand=(
        Case((OUT, 1000), f"{HEADS} (a = log ¼, averages over 1000 draws)"),
        Case((OUT, 1), "out of shape (2, 4) and K = 1"),
    ),
    draw=lambda: [Case((_heads(3, 2), 1000), "out of shape (3, 4) and K = 1000")],
    verified="Of 1000 draws mean, spread and both gradients are right, and no two share their "
    "noise.",
    place="draw",
    observe=_moments_and_gradients,
    tolerance=0.15,
)
