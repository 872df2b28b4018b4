"""A small solved model and an encoder whose draws are written down.

Whoever asks the encoder for K latents sees the same K, in one call or in K, by ``rsample`` or as mean plus σ times
``torch.randn_like``; so a random answer can be compared number by number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaelib.checks.calling import SEED, Refusal
from vaelib.checks.exercise import Case, Seen, gradients, values
from vaelib.latent import LinearGaussian

__all__ = ["ScriptedEncoder", "bound_and_gradients", "bound_case"]


class _Scripted(Independent):  # type: ignore[type-arg]
    """A diagonal Gaussian that reads its noise from an encoder's table."""

    def __init__(self, encoder: ScriptedEncoder, mean: Tensor, sigma: Tensor) -> None:
        super().__init__(Normal(mean, sigma), 1)
        self.encoder = encoder

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        B = self.encoder.noise.shape[1]
        copies, rest = divmod(self.mean[..., 0].numel(), B)
        if rest or not copies:
            raise Refusal(
                "The function calls q with some of the data; call it with all of them, q(x)."
            )
        noise = self.encoder.next_noise(torch.Size(sample_shape).numel() * copies)
        datum_by_datum = self.mean.reshape(B, copies, -1)
        if (
            copies > 1 and (datum_by_datum == datum_by_datum[:, :1]).all()
        ):  # as repeat_interleave writes K copies of x
            noise = noise.unflatten(0, (-1, copies)).transpose(1, 2)
        return self.mean + self.stddev * noise.reshape(*sample_shape, *self.mean.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self.rsample(sample_shape)


class ScriptedEncoder(nn.Module):
    """q(z | x), a Gaussian with mean A x and one σ for each latent, whose draws come from a table.

    Args:
        weight: A, shape ``(Z, X)``.
        log_sigma: log σ, shape ``(Z,)``.
        K: how many samples are asked for; the table holds four times as many.
        B: the number of data.

    ``used`` counts the draws so far, ``largest`` is the largest number drawn at a time.
    """

    def __init__(self, weight: Tensor, log_sigma: Tensor, K: int, B: int) -> None:
        super().__init__()
        self.weight, self.log_sigma = nn.Parameter(weight), nn.Parameter(log_sigma)
        # The first K are what torch.randn(K, B, Z) draws first in a check.
        seeded = torch.Generator().manual_seed(SEED)
        parts = [
            torch.randn(n, B, len(log_sigma), generator=seeded, dtype=torch.float64)
            for n in (K, 3 * K)
        ]
        self.noise, self.used, self.largest = torch.cat(parts), 0, 0

    def forward(self, x: Tensor) -> _Scripted:
        mean = x @ self.weight.T
        return _Scripted(self, mean, self.log_sigma.exp().expand_as(mean))

    def next_noise(self, n: int) -> Tensor:
        """The next draws of the table.

        Args:
            n: how many.

        Returns:
            shape ``(n, B, Z)``.
        """
        start, self.used, self.largest = self.used, self.used + n, max(self.largest, n)
        if self.used > len(self.noise):
            raise Refusal(
                f"The function draws more than {len(self.noise)} samples where K = {len(self.noise) // 4}."
            )
        torch.rand(())  # as a draw would, it moves torch's generator on: a seed inside shows
        return self.noise[start : self.used]


def bound_case(K: int, B: int, X: int = 3, Z: int = 2) -> Case:
    """Arguments ``(model, q, x, K)``: a linear-Gaussian model, a scripted encoder and data, drawn afresh.

    With ``B = X = Z = 1`` it is one that can be worked by hand, always the same: p(z) = N(0, 1), p(x | z) = N(z, 1),
    q(z | x) = N(x / 2, 0.8²), x = 2; σ² of the posterior would be ½.

    Args:
        K: how many samples for each datum.
        B: the number of data.
        X: the number of features.
        Z: the number of latents.
    """
    by_hand = B == X == Z == 1
    one = torch.ones(1, 1, dtype=torch.float64)
    model = LinearGaussian(one, torch.zeros(1, dtype=torch.float64), 1.0)
    encoder, x = (
        ScriptedEncoder(one / 2, torch.full((1,), math.log(0.8), dtype=torch.float64), K, B),
        2 * one,
    )
    if not by_hand:
        weight, bias, x = (
            torch.randn(X, Z).double(),
            torch.randn(X).double(),
            torch.randn(B, X).double(),
        )
        model = LinearGaussian(weight, bias, 0.7)
        encoder = ScriptedEncoder(
            0.3 * torch.randn(Z, X).double(), 0.3 * torch.randn(Z).double() - 0.5, K, B
        )
    noise = ", ".join(f"{epsilon:.5g}" for epsilon in encoder.noise[:K].flatten().tolist())
    said = f"p(z) = N(0, 1), p(x|z) = N(z, 1), q(z|x) = N(x/2, 0.8²), x = 2, K = {K}, ε = {noise}"
    return Case(
        (model, encoder, x, K),
        said if by_hand else f"a model with B, X, Z = {B}, {X}, {Z} and K = {K}",
    )


def bound_and_gradients(
    fn: Callable[..., Any], model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int
) -> Seen:
    """For ``observe``: a bound's values, and their gradient in the model's weight and the encoder's parameters.

    Args:
        fn: the bound, called with the rest.
        model: the model.
        q: the encoder.
        x: data, shape ``(B, X)``.
        K: how many samples for each datum.
    """
    value = fn(model, q, x, K)
    inputs: dict[str, Tensor] = {
        "the model's weight": model.weight,
        "the encoder's mean": q.weight,
        "the encoder's log σ": q.log_sigma,
    }
    return values(lambda: value) | gradients(value, inputs)
