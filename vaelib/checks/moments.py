"""What can be seen of random draws, whichever way they were drawn: their moments, and what the moments depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.exercise import Seen, gradients, values

__all__ = ["moments_and_gradients"]

ENOUGH = 100  # with fewer draws only the shape is looked at


def moments_and_gradients(fn: Callable[..., Any], out: Tensor, K: int) -> Seen:
    """For ``observe``: moments of the K draws that a function makes from an encoder's output.

    The output's halves are the mean and log σ². All but the correlations is to be compared with some tolerance.

    Args:
        fn: called with the output, shape ``(B, 2 Z)``, and K; the draws have shape ``(K, B, Z)``.
        out: the encoder's output.
        K: how many draws.

    Returns:
        the draws' shape, mean, standard deviation, the correlation of the noise of two draws, data or latents (0 or
        1), and the derivatives of the draws' mean plus variance, which are 1 and, about, σ²; to two decimals.
    """
    z = values(fn, out, K)["value"]
    seen = {"answer": torch.zeros(z.shape)}
    if K < ENOUGH or z.shape != (K, len(out), out.shape[1] // 2):
        return seen | dict.fromkeys(_NAMES, torch.tensor(torch.nan))
    leaf = out.clone().requires_grad_()
    draws = fn(leaf * 1, K)
    slopes = gradients(draws.mean(0) + draws.var(0), {"out": leaf})["gradient in out"].chunk(2, -1)
    noise = (z - z.mean(0)) / z.std(0).clamp(min=1e-6)
    others = (noise.roll(1, axis) for axis in range(3))
    # A single datum, or latent, is its own neighbour.
    shared = [(noise * other).mean().round() * (n > 1) for other, n in zip(others, noise.shape, strict=True)]
    found = (value.round(decimals=2) for value in (z.mean(0), z.std(0), *shared, *slopes))
    return seen | dict(zip(_NAMES, found, strict=True))


_NAMES = (
    "mean",
    "standard deviation",
    "correlation between draws",
    "correlation between data",
    "correlation between latents",
    "slope of mean + variance in the mean",
    "slope of mean + variance in log σ²",
)
