"""Checks of the exercises of chapter 4 on the bound's terms: under a weight, and with free bits."""

from __future__ import annotations

import math  # noqa: F401 (in edits)
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values, value_and_gradients
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_free_bits", "check_unexplained_weight"]


def _unexplained_weight(w: Tensor, lam: Tensor) -> tuple[Tensor, ...]:
    variance = w * len(lam) / 2
    sigma_dec = variance.sqrt()
    squared_lengths = (lam - variance).clamp(min=0)
    return sigma_dec, squared_lengths


def _weight_case(w: float, *lam: float) -> Case:
    said = f"w = {w:g}, λ = [{', '.join(f'{n:g}' for n in lam)}]"
    return Case((torch.tensor(w).double(), torch.tensor(lam).double()), said)


def _drawn_weights() -> list[Case]:
    return [_weight_case(torch.rand(()).item(), *torch.randn(6).exp().tolist()) for _ in range(2)]


UNEXPLAINED_WEIGHT = Exercise(
    name="unexplained_weight",
    number="4.6",
    solution=_unexplained_weight,
    slips=(
        _slip("half-missing", " / 2", "", "A Gaussian divides the squared error by 2σ²."),
        _slip("mean-read-as-sum", " * len(lam)", ""),
        _slip(
            "variance-for-sigma",
            "return sigma_dec,",
            "return variance,",
            "σ_dec² was returned, not σ_dec.",
        ),
        _slip(
            "sigma-for-variance",
            "lam - variance",
            "lam - sigma_dec",
            "σ_dec was taken from λ, which is a variance.",
        ),
        _slip("weight-upside-down", "= w", "= 1 / w"),
        _slip("weight-upside-down", "w * len(lam)", "1 / w / len(lam)"),
        _slip("mean-divided-twice", " * len(lam)", " / len(lam)"),
        _slip("negative-length", ".clamp(min=0)", ""),
        _slip("noise-as-signal", "(lam - variance).clamp(min=0)", "lam * (lam > variance)"),
        _slip("noise-as-signal", "(lam - variance).clamp(min=0)", "lam"),
        _slip("length-not-squared", ".clamp(min=0)", ".clamp(min=0).sqrt()"),
        _slip(
            "squared-twice",
            ".clamp(min=0)",
            ".clamp(min=0).square()",
            "λ − σ² is the squared length.",
        ),
        _slip(
            "squared-twice",
            "lam - variance",
            "lam**2 - variance",
            "An eigenvalue λ of a covariance is a variance.",
        ),
        Slip(
            "squared-twice",
            (("variance.sqrt()", "variance"), ("lam - variance", "lam - sigma_dec**2")),
            "wX/2 is σ_dec² already; what was taken from λ is σ_dec⁴.",
        ),
        Slip(
            "numbers-of-the-example", (("len(lam)", "12_288"),), "X is the number of eigenvalues."
        ),
        Slip(
            "numbers-of-the-example",
            (("= w", "= torch.tensor(0.00025)"),),
            "The function gets its w.",
        ),
        Slip(
            "numbers-of-the-example",
            (("= w * len(lam)", "= torch.tensor(0.00025) * 12_288"),),
            "The function gets its w and X.",
        ),
        Slip(
            "numbers-of-the-example",
            (("lam - variance", "lam - len(lam) / 2"),),
            "The columns are those for w = 1.",
        ),
        _slip(
            "order-swapped",
            "sigma_dec, squared_lengths",
            "squared_lengths, sigma_dec",
            place="beta",
        ),
    ),
    hand=(_weight_case(0.5, 4, 1), _weight_case(2, 4, 1), _weight_case(0.5, 5, 3, 1, 0.5)),
    draw=_drawn_weights,
    verified="σ_dec and the squared lengths agree with the closed forms, to five digits.",
    place=PLACES["beta"],
    observe=named_values("σ_dec", "tensor of squared lengths"),
)


def check_unexplained_weight(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.6: the noise level that hides in a weight of the KL, and what it does to the latents."""
    return judge(UNEXPLAINED_WEIGHT, fn)


def _free_bits(reconstruction: Tensor, kl: Tensor, lam: float) -> Tensor:
    kl_mean = kl.mean(0)
    price = kl_mean.clamp(min=lam).sum()
    return reconstruction.mean() - price


def _free_case(reconstruction: list[float], kl: list[list[float]]) -> Case:
    args = (torch.tensor(reconstruction).double(), torch.tensor(kl).double(), 0.5)
    return Case(args, f"reconstruction = {reconstruction}, kl = {kl}, λ = 0.5")


def _drawn_parts() -> list[Case]:
    sizes = ((5, 4), (3, 6))
    parts = [
        (torch.randn(B).double(), 0.3 * torch.randn(B, Z).double().exp(), 0.45) for B, Z in sizes
    ]
    return [
        Case(part, f"B, Z = {B}, {Z} and λ = 0.45")
        for part, (B, Z) in zip(parts, sizes, strict=True)
    ]


PRICE = "kl_mean.clamp(min=lam).sum()"

FREE_BITS = Exercise(
    name="free_bits",
    number="4.7",
    solution=_free_bits,
    slips=(
        _slip("nothing-free", PRICE, "kl_mean.sum()"),
        _slip("free-bits-per-datum", "= kl.mean", "= kl.clamp(min=lam).mean"),
        _slip("free-bits-pooled", PRICE, "kl_mean.sum().clamp(min=lam)"),
        _slip("free-bits-pooled", PRICE, "kl_mean.sum().clamp(min=lam * len(kl_mean))"),
        *(
            _slip(
                "free-bits-pooled",
                PRICE,
                f"kl.sum(1).clamp(min={free}).mean()",
                "So it was in each datum, too.",
            )
            for free in ("lam", "lam * len(kl_mean)")
        ),
        _slip("min-for-max", "min=lam", "max=lam"),
        _slip(
            "surrogate-returned",
            "kl_mean.clamp(min=lam)",
            "(kl_mean - lam).clamp(min=0)",
            place="free-bits",
        ),
        _slip(
            "surrogate-returned",
            "kl_mean.clamp(min=lam)",
            "(kl_mean * (kl_mean > lam))",
            "A latent below λ costs λ, not nothing.",
            "free-bits",
        ),
        _slip("weight-for-allowance", PRICE, "lam * kl_mean.sum()"),
        _slip(
            "wrong-axis",
            "kl.mean(0)",
            "kl.mean(1)",
            "KL_i is a mean over the data, which are axis 0 of kl.",
        ),
        _slip("not-summed", ".sum()", "", "Each latent has its price, and they add up."),
        _slip("data-kept", "reconstruction.mean()", "reconstruction"),
        _slip("kl-sign", "- price", "+ price"),
        _slip("mean-over-latents", ".sum()", ".mean()"),
        Slip(
            "data-not-averaged",
            ((".mean(0)", ".sum(0)"), ("reconstruction.mean()", "reconstruction.sum()")),
        ),
        _slip(
            "data-not-averaged",
            "reconstruction.mean()",
            "reconstruction.sum()",
            "The reconstruction alone grows with B.",
        ),
        _slip("data-not-averaged", ".mean(0)", ".sum(0)", "The KL alone grows with B."),
        _slip(
            "base-2",
            "min=lam",
            "min=lam * math.log(2)",
            "In spite of the name λ is in nats; yours is in bits.",
        ),
        _slip(
            "base-2",
            "min=lam",
            "min=lam / math.log(2)",
            "In spite of the name λ is in nats, and needs no factor.",
        ),
        _slip(
            "wrongly-detached",
            "kl.mean(0)",
            "kl.mean(0).detach()",
            "The value is right; nothing holds the KL down.",
        ),
        _slip(
            "wrongly-detached",
            "reconstruction.mean()",
            "reconstruction.mean().detach()",
            "The value is right; the reconstruction gives no gradient.",
        ),
        _slip(
            "wrongly-detached",
            "reconstruction.mean() - price",
            "(reconstruction.mean() - price).detach()",
            "The answer has no gradient at all: it is a number, or a tensor without a history.",
        ),
        _slip("sign-flipped", "reconstruction.mean() - price", "price - reconstruction.mean()"),
    ),
    hand=(
        _free_case([-1.0], [[1.0, 0.25]]),
        _free_case([-1.0, -3.0], [[1.5, 0.1], [0.1, 0.2]]),
        _free_case([-1.0], [[5.0, 0.25, 0.25]]),
        _free_case([-1.0], [[0.125, 0.25]]),
    ),
    draw=_drawn_parts,
    verified="Value and gradients agree with reconstruction minus the sum of max(λ, KL_i), to five digits.",
    place=PLACES["free-bits"],
    observe=value_and_gradients("reconstruction", "kl"),
)


def check_free_bits(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.7: the objective with free bits, from the parts of the bound."""
    return judge(FREE_BITS, fn)
