"""The check of exercise 2.1, a random answer: the moments of its draws, and what the moments depend on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, gradients, judge, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_draw"]

ENOUGH = 100  # with fewer draws only the shape is looked at


def _moments_and_gradients(fn: Callable[..., Any], out: Tensor, K: int) -> Seen:
    """For ``observe``: moments of the K draws that a function makes from an encoder's output.

    The output's halves are the mean and log σ². All but the correlations is to be compared with some tolerance.

    Args:
        fn: called with the output, shape ``(B, 2 Z)``, and K; the draws have shape ``(K, B, Z)``.
        out: the encoder's output.
        K: how many draws.

    Returns:
        the draws' shape, mean, standard deviation, the correlation of the noise of two draws, data, latents or calls
        (0 or 1), and the derivatives of the draws' mean plus variance, which are 1 and, about, σ²; to two decimals.
    """
    found = fn(out, K)
    numbers = values(lambda: found)
    if not isinstance(found, Tensor):
        got = type(found).__name__
        raise Refusal(
            f"The function must return one tensor, so that gradients reach out; it returned a {got}."
        )
    z = numbers["value"]
    seen = {"answer": torch.zeros(z.shape)}
    if K < ENOUGH or z.shape != (K, len(out), out.shape[1] // 2):
        return seen | dict.fromkeys(_NAMES, torch.tensor(torch.nan))
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
    return seen | dict(zip(_NAMES, rounded, strict=True))


_NAMES = (
    "mean",
    "standard deviation",
    "correlation between draws",
    "correlation between data",
    "correlation between latents",
    "correlation between two calls",
    "slope of mean + variance in the mean",
    "slope of mean + variance in log σ²",
)


def _draw(out: Tensor, K: int) -> Tensor:
    mean, log_var = out.chunk(2, dim=-1)
    sigma = torch.exp(log_var / 2)
    noise = torch.randn(K, *mean.shape)
    return mean + sigma * noise


_LOG_QUARTER = -math.log(4)
_OUT = torch.tensor(
    [[1, 1, _LOG_QUARTER, _LOG_QUARTER], [3, 3, _LOG_QUARTER, _LOG_QUARTER]], dtype=torch.float64
)

AROUND_ZERO = "It lies between −1 and 1, with a standard deviation of 0.58."

DRAW = Exercise(
    name="draw",
    number="2.1",
    solution=_draw,
    slips=(
        Slip("log-variance-without-half", (("log_var / 2", "log_var"),)),
        Slip(
            "log-variance-without-half",
            (("log_var / 2", "log_var * 2"),),
            "The logarithm was doubled, not halved.",
        ),
        Slip(
            "log-variance-without-half",
            (("exp(log_var / 2)", "exp(log_var) / 2"),),
            "The variance itself was halved.",
        ),
        Slip("logarithm-for-value", (("torch.exp(log_var / 2)", "log_var"),)),
        Slip("logarithm-for-value", (("torch.exp(log_var / 2)", "log_var / 2"),)),
        Slip("logarithm-for-value", (("torch.exp(log_var / 2)", "log_var.abs().sqrt()"),)),
        Slip("mean-for-draw", (("sigma * noise", "0 * noise"),)),
        Slip(
            "fewer-samples",
            (("mean + sigma * noise", "(mean + sigma * noise)[0]"),),
            "There is one draw, whatever K is.",
        ),
        Slip(
            "one-noise-for-all",
            (("*mean.shape", "1, mean.shape[1]"),),
            "The B data get the same noise.",
        ),
        Slip(
            "one-noise-for-all",
            (("K, *mean.shape", "1, *mean.shape"), (" * noise", " * noise.expand(K, -1, -1)")),
            "The K draws of a datum are all equal.",
        ),
        Slip(
            "one-noise-for-all",
            (("K, *mean.shape", "mean.shape[1]"), (" * noise", " * noise.expand(K, *mean.shape)")),
            "All draws of all data share one noise.",
        ),
        Slip(
            "one-noise-for-all",
            (("*mean.shape", "len(mean), 1"),),
            "The Z latents of a datum get the same noise.",
        ),
        Slip("sample-for-rsample", (("mean + sigma * noise", "(mean + sigma * noise).detach()"),)),
        Slip(
            "wrongly-detached",
            (("sigma * noise", "sigma.detach() * noise"),),
            "The gradient in log σ² is zero.",
        ),
        Slip(
            "wrongly-detached",
            (("return mean", "return mean.detach()"),),
            "The gradient in the mean is zero.",
        ),
        Slip("axes-swapped", (("mean + sigma * noise", "(mean + sigma * noise).transpose(0, 1)"),)),
        Slip("squeezed-axis", (("mean + sigma * noise", "(mean + sigma * noise).squeeze()"),)),
        Slip("squeezed-axis", (("mean + sigma * noise", "(mean + sigma * noise).squeeze(0)"),)),
        Slip("heads-swapped", (("mean, log_var =", "log_var, mean ="),)),
        Slip(
            "seed-inside",
            (("*mean.shape)", "*mean.shape, generator=torch.Generator().manual_seed(0))"),),
        ),
        Slip("uniform-noise", (("randn", "rand"),)),
        Slip(
            "uniform-noise",
            (("torch.randn(K, *mean.shape)", "2 * torch.rand(K, *mean.shape) - 1"),),
            AROUND_ZERO,
        ),
    ),
    hand=(
        Case(
            (_OUT, 1000), "out = [[1, 1, a, a], [3, 3, a, a]] (a = log ¼, averages over 1000 draws)"
        ),
        Case((_OUT, 1), "out of shape (2, 4) and K = 1"),
    ),
    draw=lambda: [Case((_heads(3, 2), 1000), "out of shape (3, 4) and K = 1000")],
    verified="Of 1000 draws mean, spread and both gradients are right, and no two share their noise.",
    place=PLACES["draw"],
    observe=_moments_and_gradients,
    tolerance=0.15,
)


def _heads(B: int, Z: int) -> Tensor:
    """Means well away from zero, and σ from 0.33 to 0.55: a slip in either shows."""
    mean = (1 + 2 * torch.rand(B, Z)) * (torch.randint(2, (B, Z)) * 2 - 1)
    return torch.cat([mean, -1.2 - torch.rand(B, Z)], 1).double()


def check_draw(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.1: K reparameterised draws for each datum, from an encoder's output."""
    return judge(DRAW, fn)
