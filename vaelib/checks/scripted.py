"""A small solved model and an encoder whose draws are written down, for exercises on random bounds.

The encoder gives every function that asks for K latents the same K: in one call or in K calls, by
``rsample`` or as mean plus σ times ``torch.randn_like``. So random answers can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaelib.checks.calling import SEED, Refusal
from vaelib.checks.observing import Seen, gradients, values
from vaelib.checks.types import Case, t64
from vaelib.latent import LinearGaussian

__all__ = ["bound_and_gradients", "bound_case", "far_case", "hand_case", "plane_case"]


class _Scripted(Independent):  # type: ignore[type-arg]
    """A diagonal Gaussian that reads its noise from an encoder's table."""

    def __init__(self, encoder: _ScriptedEncoder, mean: Tensor, sigma: Tensor) -> None:
        super().__init__(Normal(mean, sigma), 1)
        self.encoder = encoder

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        B = self.encoder.noise.shape[1]
        copies, rest = divmod(self.mean[..., 0].numel(), B)
        if rest or not copies:
            part = "The function calls q with some of the data"
            raise Refusal(f"{part}; call it with all of them, q(x).")
        noise = self.encoder.next_noise(torch.Size(sample_shape).numel() * copies)
        by_datum = self.mean.reshape(B, copies, -1)
        # repeat_interleave writes the K copies of a datum one after the other.
        if copies > 1 and (by_datum == by_datum[:, :1]).all():
            noise = noise.unflatten(0, (-1, copies)).transpose(1, 2)
        return self.mean + self.stddev * noise.reshape(*sample_shape, *self.mean.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self.rsample(sample_shape)


class _ScriptedEncoder(nn.Module):
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
        Z = len(log_sigma)
        first = torch.randn(K, B, Z, generator=seeded, dtype=torch.float64)
        more = torch.randn(3 * K, B, Z, generator=seeded, dtype=torch.float64)
        self.noise = torch.cat([first, more])
        self.used, self.largest = 0, 0

    def forward(self, x: Tensor) -> _Scripted:
        mean = x @ self.weight.T
        return _Scripted(self, mean, self.log_sigma.exp().expand_as(mean))

    def next_noise(self, n: int) -> Tensor:
        """Read the next draws of the table.

        Args:
            n: how many.

        Returns:
            shape ``(n, B, Z)``.
        """
        start = self.used
        self.used, self.largest = self.used + n, max(self.largest, n)
        if self.used > len(self.noise):
            K = len(self.noise) // 4
            drawn = f"The function draws more than {len(self.noise)} samples"
            raise Refusal(f"{drawn} where K = {K}.")
        # A real draw would move torch's generator on; without that a seed inside would not show.
        torch.rand(())
        return self.noise[start : self.used]


def hand_case(K: int) -> Case:
    """Make the arguments ``(model, q, x, K)`` of a bound that can be worked by hand.

    They are p(z) = N(0, 1), p(x | z) = N(z, 1), q(z | x) = N(x / 2, 0.8²), x = 2; the variance of
    the posterior is ½. For so few numbers torch draws one by one, whatever shape is asked for.

    Args:
        K: how many samples.
    """
    model = LinearGaussian(t64([[1]]), t64([0]), 1.0)
    encoder = _ScriptedEncoder(t64([[0.5]]), t64([math.log(0.8)]), K, 1)
    noise = ", ".join(f"{epsilon:.5g}" for epsilon in encoder.noise[:K].flatten().tolist())
    densities = "p(z) = N(0, 1), p(x|z) = N(z, 1), q(z|x) = N(x/2, 0.8²)"
    return Case((model, encoder, t64([[2]]), K), f"{densities}, x = 2, K = {K}, ε = {noise}")


def plane_case() -> Case:
    """Make a case like :func:`hand_case` with two data, two latents and one sample."""
    eye = torch.eye(2, dtype=torch.float64)
    model = LinearGaussian(eye, t64([0, 0]), 1.0)
    encoder = _ScriptedEncoder(eye / 2, t64([math.log(0.8)] * 2), 1, 2)
    noise = [[float(f"{epsilon:.5g}") for epsilon in row] for row in encoder.noise[0].tolist()]
    densities = "p(z) = N(0, I), p(x|z) = N(z, I), q(z|x) = N(x/2, 0.8² I)"
    said = f"{densities}, x = [[2, 0], [0, 2]], K = 1, ε = {noise}"
    return Case((model, encoder, 2 * eye, 1), said)


def far_case(K: int) -> Case:
    """Make a case like :func:`hand_case` with a datum whose density underflows.

    Args:
        K: how many samples.
    """
    case = hand_case(K)
    model, q, x, _ = case.args
    return Case((model, q, 40 * x, K), case.said.replace("x = 2", "x = 80"))


def bound_case(K: int, B: int, seed: int | None = None) -> Case:
    """Draw the arguments ``(model, q, x, K)`` of a bound: three features, two latents.

    Args:
        K: how many samples for each datum.
        B: the number of data.
        seed: draws the same case each time; without it torch's global generator draws.
    """
    generator = None if seed is None else torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    model, x = LinearGaussian(normal(3, 2), normal(3), 0.7), normal(B, 3)
    encoder = _ScriptedEncoder(0.3 * normal(2, 3), 0.3 * normal(2) - 0.5, K, B)
    return Case((model, encoder, x, K), f"a model with B, X, Z = {B}, 3, 2 and K = {K}")


def bound_and_gradients(
    fn: Callable[..., Any], model: LinearGaussian, q: _ScriptedEncoder, x: Tensor, K: int
) -> Seen:
    """For ``observe``: a bound's values, and their gradients in the model and in the encoder.

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
