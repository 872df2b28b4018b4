"""Checks of the exercises of chapter 4 on the bound's terms: on paper, under a weight, and with free bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values, value_and_gradients
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_bound_on_paper", "check_free_bits", "check_unexplained_weight"]


def _bound_on_paper(x: Tensor, sigma: Tensor, mu: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    reconstruction = -0.5 * (2 * math.pi * sigma**2).log() - ((x - mu) ** 2 + s**2) / (2 * sigma**2)
    kl = 0.5 * (mu**2 + s**2 - 1 - (s**2).log())
    best_mu = x / (1 + sigma**2)
    best_s = (sigma**2 / (1 + sigma**2)).sqrt()
    summit = -0.5 * (2 * math.pi * (1 + sigma**2)).log() - x**2 / (2 * (1 + sigma**2))
    return reconstruction - kl, best_mu, best_s, summit


def _paper_case(x: float, sigma: float, mu: float, s: float) -> Case:
    said = f"x = {x:g}, σ = {sigma:g}, μ = {mu:g}, s = {s:g}"
    return Case(tuple(torch.tensor([x, sigma, mu, s]).double()), said)


def _drawn_papers() -> list[Case]:
    numbers = [(torch.randn(2).tolist(), torch.randn(2).exp().tolist()) for _ in range(2)]
    return [_paper_case(x, sigma, mu, s) for (x, mu), (sigma, s) in numbers]


KL = "0.5 * (mu**2 + s**2 - 1 - (s**2).log())"
BEST_S = "(sigma**2 / (1 + sigma**2)).sqrt()"

BOUND_ON_PAPER = Exercise(
    name="bound_on_paper",
    number="4.5",
    solution=_bound_on_paper,
    slips=(
        _slip("spread-missing", "((x - mu) ** 2 + s**2)", "(x - mu) ** 2"),
        _slip("kl-sign", "- kl", "+ kl"),
        _slip("half-missing", "0.5 * (mu**2", "(mu**2", "The KL is twice what it should be."),
        _slip("half-missing", "/ (2 * sigma**2)", "/ sigma**2", "It belongs to the expected squared error."),
        _slip(
            "half-missing", "-0.5 * (2 * math.pi * sigma**2)", "-(2 * math.pi * sigma**2)", "It belongs to log 2πσ²."
        ),
        _slip("kl-constant-missing", "s**2 - 1", "s**2"),
        _slip("normaliser-dropped", "-0.5 * (2 * math.pi * sigma**2).log() - ((x", "-((x"),
        _slip("sigma-for-variance", "- (s**2).log()", "- s.log()", "In the KL, log s stands where log s² belongs."),
        _slip(
            "sigma-for-variance", "/ (2 * sigma**2)", "/ (2 * sigma)", "The squared error is divided by 2σ, not by 2σ²."
        ),
        _slip("variance-for-sigma", BEST_S, "sigma**2 / (1 + sigma**2)", "The best s² was returned, not the best s."),
        _slip(
            "log-q-missing",
            KL,
            "0.5 * (mu**2 + s**2 + math.log(2 * math.pi))",
            "It is the entropy of q that is missing.",
        ),
        _slip("prior-missing", KL, "-0.5 * (1 + (2 * math.pi * s**2).log())", "Its mean under q is missing."),
        Slip(
            "prior-missing",
            ((f"{BEST_S}", "sigma"), ("x / (1 + sigma**2)", "x")),
            "μ = x and s = σ feel no pull towards the prior.",
        ),
        _slip("sigma-ignored", "best_mu = x / (1 + sigma**2)", "best_mu = x / 2", "μ = x/2 is best for σ = 1 only."),
        _slip("sign-flipped", "return reconstruction - kl", "return kl - reconstruction"),
    ),
    hand=tuple(_paper_case(*numbers) for numbers in ((2, 1, 0, 1), (2, 1, 1, 2), (1, 2, 1, 0.5))),
    draw=_drawn_papers,
    verified="Bound, maximiser and maximum agree with the closed forms, to five digits; so your maximum is log p(x).",
    place=PLACES["reconstruction"],
    observe=named_values("bound", "best μ", "best s", "maximum"),
)


def check_bound_on_paper(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.5: the bound of the smallest model, its maximiser and its maximum, as formulas."""
    return judge(BOUND_ON_PAPER, fn)


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
        _slip("variance-for-sigma", "return sigma_dec,", "return variance,", "σ_dec² was returned, not σ_dec."),
        _slip(
            "sigma-for-variance", "lam - variance", "lam - sigma_dec", "σ_dec was taken from λ, which is a variance."
        ),
        _slip("weight-upside-down", "w * len(lam) / 2", "len(lam) / (2 * w)"),
        _slip("weight-upside-down", "w * len(lam) / 2", "1 / (2 * w * len(lam))"),
        _slip("mean-divided-twice", "w * len(lam) / 2", "w / (2 * len(lam))"),
        _slip("negative-length", ".clamp(min=0)", ""),
        _slip("noise-as-signal", "(lam - variance).clamp(min=0)", "lam * (lam > variance)"),
        _slip("length-not-squared", ".clamp(min=0)", ".clamp(min=0).sqrt()"),
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
    parts = [(torch.randn(B).double(), 0.3 * torch.randn(B, Z).double().exp(), 0.45) for B, Z in sizes]
    return [Case(part, f"B, Z = {B}, {Z} and λ = 0.45") for part, (B, Z) in zip(parts, sizes, strict=True)]


PRICE = "kl_mean.clamp(min=lam).sum()"

FREE_BITS = Exercise(
    name="free_bits",
    number="4.7",
    solution=_free_bits,
    slips=(
        _slip("nothing-free", PRICE, "kl_mean.sum()"),
        _slip("free-bits-per-datum", PRICE, "kl.clamp(min=lam).mean(0).sum()"),
        _slip("free-bits-pooled", PRICE, "kl_mean.sum().clamp(min=lam)"),
        _slip("free-bits-pooled", PRICE, "kl_mean.sum().clamp(min=lam * len(kl_mean))"),
        _slip("min-for-max", "min=lam", "max=lam"),
        _slip("surrogate-returned", "kl_mean.clamp(min=lam)", "(kl_mean - lam).clamp(min=0)", place="free-bits"),
        _slip("kl-sign", "- price", "+ price"),
        _slip("mean-over-latents", ".sum()", ".mean()"),
        Slip("data-not-averaged", (("kl.mean(0)", "kl.sum(0)"), ("reconstruction.mean()", "reconstruction.sum()"))),
        _slip(
            "data-not-averaged",
            "reconstruction.mean()",
            "reconstruction.sum()",
            "The reconstruction alone grows with B.",
        ),
        _slip("base-2", "min=lam", "min=lam * math.log(2)", "In spite of the name λ is in nats; yours is in bits."),
        _slip(
            "wrongly-detached", "kl.mean(0)", "kl.mean(0).detach()", "The value is right; nothing holds the KL down."
        ),
        _slip("sign-flipped", "reconstruction.mean() - price", "price - reconstruction.mean()"),
    ),
    hand=(
        _free_case([-1.0], [[1.0, 0.25]]),
        _free_case([-1.0, -3.0], [[1.5, 0.1], [0.1, 0.2]]),
        _free_case([-1.0], [[2.0, 0.25, 0.25]]),
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
