"""The check of exercise 4.5: the bound of the smallest model, its maximiser and its maximum, on paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge, named_values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict

__all__ = ["check_bound_on_paper"]


def _bound_on_paper(x: Tensor, sigma: Tensor, mu: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    def bound(mu: Tensor, s: Tensor) -> Tensor:
        reconstruction = -0.5 * (2 * math.pi * sigma**2).log() - ((x - mu) ** 2 + s**2) / (
            2 * sigma**2
        )
        kl = 0.5 * (mu**2 + s**2 - 1 - (s**2).log())
        return reconstruction - kl

    best_mu = x / (1 + sigma**2)
    best_s = (sigma**2 / (1 + sigma**2)).sqrt()
    summit = -0.5 * (2 * math.pi * (1 + sigma**2)).log() - x**2 / (2 * (1 + sigma**2))
    return bound(mu, s), best_mu, best_s, summit


def _paper_case(x: float, sigma: float, mu: float, s: float) -> Case:
    said = f"x = {x:g}, σ = {sigma:g}, μ = {mu:g}, s = {s:g}"
    return Case(tuple(torch.tensor([x, sigma, mu, s]).double()), said)


def _drawn_papers() -> list[Case]:
    numbers = [(torch.randn(2).tolist(), torch.randn(2).exp().tolist()) for _ in range(2)]
    return [_paper_case(x, sigma, mu, s) for (x, mu), (sigma, s) in numbers]


NORMALISER = "-0.5 * (2 * math.pi * sigma**2).log()"
ERROR = "((x - mu) ** 2 + s**2) / (2 * sigma**2)"
KL = "0.5 * (mu**2 + s**2 - 1 - (s**2).log())"
BEST_MU = "x / (1 + sigma**2)"
BEST_S = "(sigma**2 / (1 + sigma**2)).sqrt()"
SUMMIT = "-0.5 * (2 * math.pi * (1 + sigma**2)).log() - x**2 / (2 * (1 + sigma**2))"
PUT_IN = (SUMMIT, "bound(best_mu, best_s)")
NO_PULL = "μ = x and s = σ feel no pull towards the prior."
HERE = PLACES["reconstruction"]
OF_THE_MAXIMUM = "It belongs to the maximum."

# Of the bound; who puts the maximiser into a formula of his own has them in the maximum too.
BOUND_SLIPS = (
    _slip("spread-missing", "((x - mu) ** 2 + s**2)", "(x - mu) ** 2"),
    _slip("kl-sign", "- kl", "+ kl"),
    _slip("half-missing", "0.5 * (mu**2", "(mu**2", "The KL is twice what it should be."),
    _slip(
        "half-missing",
        "/ (2 * sigma**2)",
        "/ sigma**2",
        "It belongs to the expected squared error.",
    ),
    _slip("half-missing", NORMALISER, NORMALISER.replace("0.5 * ", ""), "It belongs to log 2πσ²."),
    _slip("kl-constant-missing", "s**2 - 1", "s**2"),
    _slip("normaliser-dropped", f"{NORMALISER} - ((x", "-((x"),
    _slip(
        "sigma-for-variance",
        "- (s**2).log()",
        "- s.log()",
        "In the KL, log s stands where log s² belongs.",
    ),
    _slip("logarithm-sign", "- (s**2).log()", "+ (s**2).log()", "It is log s², in the KL."),
    _slip("sign-flipped", "return reconstruction - kl", "return kl - reconstruction"),
)

BOUND_ON_PAPER = Exercise(
    name="bound_on_paper",
    number="4.5",
    solution=_bound_on_paper,
    slips=(
        *BOUND_SLIPS,
        *(replace(slip, edits=(*slip.edits, PUT_IN)) for slip in BOUND_SLIPS),
        _slip(
            "normaliser-dropped", "2 * math.pi * sigma**2", "sigma**2", "What is missing is log 2π."
        ),
        _slip("logarithm-sign", NORMALISER, NORMALISER[1:], "It is log 2πσ²."),
        _slip(
            "sigma-for-variance",
            "* sigma**2).log()",
            "* sigma).log()",
            "log 2πσ stands where log 2πσ² belongs.",
        ),
        _slip(
            "sigma-for-variance",
            "/ (2 * sigma**2)",
            "/ (2 * sigma)",
            "The squared error is divided by 2σ, not by 2σ².",
        ),
        _slip(
            "sigma-for-variance",
            "s**2) /",
            "s) /",
            "In the expected squared error, s stands for s².",
        ),
        _slip(
            "sigma-for-variance",
            "s**2 - 1 - (s**2).log()",
            "s - 1 - s.log()",
            "In the KL, s stands for s².",
        ),
        _slip(
            "sigma-for-variance",
            "s**2 - 1",
            "s - 1",
            "In the KL, s stands for s², though not in its logarithm.",
        ),
        _slip("square-missing", "0.5 * (mu**2", "0.5 * (mu", "It is the square of μ, in the KL."),
        _slip(
            "sigma-ignored",
            ERROR,
            "(x - mu) ** 2 / (2 * sigma**2) - s**2 / 2",
            "It must divide s² too.",
        ),
        _slip(
            "variance-for-sigma",
            f"{NORMALISER} - {ERROR}",
            "-0.5 * (2 * math.pi * sigma**4).log() - (x - mu) ** 2 / (2 * sigma**4) - s**2 / (2 * sigma**2)",
            "The density of x is that of N(μ, σ⁴).",
        ),
        _slip(
            "log-outside",
            f"{NORMALISER} - {ERROR}",
            "-0.5 * (2 * math.pi * (sigma**2 + s**2)).log() - (x - mu) ** 2 / (2 * (sigma**2 + s**2))",
            "N(x; μ, σ² + s²) is the mean of p(x|z) under q; the bound takes that of log p(x|z).",
        ),
        _slip("kl-reversed", KL, "0.5 * ((1 + mu**2) / s**2 - 1 + (s**2).log())"),
        _slip(
            "kl-missing",
            "return reconstruction - kl",
            "return reconstruction",
            "What is left is the reconstruction term.",
        ),
        _slip(
            "kl-missing",
            "return bound(mu, s),",
            "return summit,",
            "log p(x) alone was returned for the bound.",
        ),
        _slip(
            "kl-to-the-other",
            "return reconstruction - kl",
            "return reconstruction - (best_s / s).log() - (s**2 + (mu - best_mu) ** 2) / (2 * best_s**2) + 0.5",
        ),
        _slip("kl-to-the-other", "return bound(mu, s),", f"return summit - {KL},"),
        _slip(
            "log-q-missing",
            KL,
            "0.5 * (mu**2 + s**2 + math.log(2 * math.pi))",
            "It is the entropy of q that is missing.",
        ),
        _slip(
            "prior-missing",
            KL,
            "-0.5 * (1 + (2 * math.pi * s**2).log())",
            "Its mean under q is missing.",
        ),
        _slip("prior-missing", BEST_MU, "x", "μ = x feels no pull towards the prior."),
        _slip("prior-missing", BEST_S, "sigma", "s = σ feels no pull towards the prior."),
        Slip("prior-missing", ((BEST_S, "sigma"), (BEST_MU, "x")), NO_PULL),
        Slip("prior-missing", ((BEST_MU, "x"), PUT_IN), "μ = x feels no pull towards the prior."),
        Slip(
            "spread-missing",
            (("((x - mu) ** 2 + s**2)", "(x - mu) ** 2"), (BEST_S, "torch.ones_like(s)"), PUT_IN),
            "Then nothing but the prior holds s, and s = 1 is best.",
        ),
        Slip(
            "half-missing",
            (
                ("0.5 * (mu**2", "(mu**2"),
                (BEST_MU, "x / (1 + 2 * sigma**2)"),
                (BEST_S, "(2 * sigma**2 / (1 + 2 * sigma**2)).sqrt()"),
                PUT_IN,
            ),
            "The KL is twice what it should be, and the maximiser that of such a bound.",
        ),
        Slip(
            "half-missing",
            (
                ("/ (2 * sigma**2)", "/ sigma**2"),
                (BEST_MU, "2 * x / (2 + sigma**2)"),
                (BEST_S, "(sigma**2 / (2 + sigma**2)).sqrt()"),
                PUT_IN,
            ),
            "It belongs to the expected squared error; the maximiser is that of such a bound.",
        ),
        _slip(
            "variance-for-sigma",
            BEST_S,
            "sigma**2 / (1 + sigma**2)",
            "The best s² was returned, not the best s.",
        ),
        _slip("sigma-ignored", BEST_MU, "x / 2", "μ = x/2 is best for σ = 1 only."),
        _slip("sigma-for-variance", BEST_MU, "x / (1 + sigma)", "The best μ is x/(1 + σ²)."),
        *(
            Slip(
                "covariance-for-precision",
                edits,
                "The precisions add up, 1/σ² and 1; s² is one over their sum.",
                HERE,
            )
            for edits in (
                ((BEST_MU, "x * sigma**2 / (1 + sigma**2)"),),
                ((BEST_S, "(1 / (1 + sigma**2)).sqrt()"),),
                (
                    (BEST_MU, "x * sigma**2 / (1 + sigma**2)"),
                    (BEST_S, "(1 / (1 + sigma**2)).sqrt()"),
                ),
            )
        ),
        _slip(
            "upside-down",
            BEST_S,
            "(1 + 1 / sigma**2).sqrt()",
            "This is 1/s for the best s.",
            "reconstruction",
        ),
        _slip(
            "order-swapped",
            "best_mu, best_s, summit",
            "best_s, best_mu, summit",
            place="reconstruction",
        ),
        _slip(
            "one-latent-for-evidence",
            SUMMIT,
            "-0.5 * (2 * math.pi * sigma**2).log() - x**2 / (2 * sigma**2)",
        ),
        _slip(
            "noise-missing",
            SUMMIT,
            "-0.5 * math.log(2 * math.pi) - x**2 / 2",
            "The variance of x is 1 + σ².",
        ),
        _slip(
            "variance-for-sigma",
            SUMMIT,
            "-(1 + sigma**2).log() - 0.5 * math.log(2 * math.pi) - x**2 / (2 * (1 + sigma**2) ** 2)",
            "1 + σ² is the variance of x.",
        ),
        _slip(
            "sigma-for-variance",
            SUMMIT,
            "-(1 + sigma).log() - 0.5 * math.log(2 * math.pi) - x**2 / (2 * (1 + sigma) ** 2)",
            "Of z and its noise the variances add up, not the standard deviations.",
        ),
        _slip(
            "half-missing", "x**2 / (2 * (1 + sigma**2))", "x**2 / (1 + sigma**2)", OF_THE_MAXIMUM
        ),
        _slip("normaliser-dropped", SUMMIT, "-(x**2) / (2 * (1 + sigma**2))", OF_THE_MAXIMUM),
        _slip(
            "normaliser-dropped",
            "2 * math.pi * (1",
            "1 * (1",
            "What is missing in the maximum is log 2π.",
        ),
        _slip(
            "kl-constant-missing",
            SUMMIT,
            f"{SUMMIT} - 0.5",
            "In the maximum it cancels the −½ of the terms in s².",
        ),
        _slip("log-not-taken", "best_s, summit", "best_s, summit.exp()"),
    ),
    hand=tuple(_paper_case(*numbers) for numbers in ((2, 1, 0, 1), (2, 1, 1, 2), (1, 2, -1, 0.5))),
    draw=_drawn_papers,
    verified="Bound, maximiser and maximum agree with the closed forms, to five digits; so your maximum is log p(x).",
    place=PLACES["reconstruction"],
    observe=named_values("bound", "best μ", "best s", "maximum"),
)


def check_bound_on_paper(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.5: the bound of the smallest model, its maximiser and its maximum, as formulas."""
    return judge(BOUND_ON_PAPER, fn)
