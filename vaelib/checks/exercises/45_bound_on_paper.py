"""Exercise 4.5: the bound of the smallest model, its maximiser and its maximum, as formulas."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _bound_on_paper(x: Tensor, sigma: Tensor, mu: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    def bound(mu: Tensor, s: Tensor) -> Tensor:
        log_scale = -0.5 * (2 * math.pi * sigma**2).log()
        reconstruction = log_scale - ((x - mu) ** 2 + s**2) / (2 * sigma**2)
        kl = 0.5 * (mu**2 + s**2 - 1 - (s**2).log())
        return reconstruction - kl

    best_mu = x / (1 + sigma**2)
    best_s = (sigma**2 / (1 + sigma**2)).sqrt()
    summit = -0.5 * (2 * math.pi * (1 + sigma**2)).log() - x**2 / (2 * (1 + sigma**2))
    return bound(mu, s), best_mu, best_s, summit


def _paper_case(x: float, sigma: float, mu: float, s: float) -> Case:
    said = f"x = {x:g}, σ = {sigma:g}, μ = {mu:g}, s = {s:g}"
    return Case(tuple(t64([x, sigma, mu, s])), said)


def _drawn_papers() -> list[Case]:
    numbers = [(torch.randn(2).tolist(), torch.randn(2).exp().tolist()) for _ in range(2)]
    return [_paper_case(x, sigma, mu, s) for (x, mu), (sigma, s) in numbers]


NORMALISER = "-0.5 * (2 * math.pi * sigma**2).log()"
ERROR = "((x - mu) ** 2 + s**2) / (2 * sigma**2)"
KL = "0.5 * (mu**2 + s**2 - 1 - (s**2).log())"
KL_TO_POSTERIOR = "(best_s / s).log() + (s**2 + (mu - best_mu) ** 2) / (2 * best_s**2) - 0.5"
BEST_MU = "x / (1 + sigma**2)"
BEST_S = "(sigma**2 / (1 + sigma**2)).sqrt()"
SUMMIT = "-0.5 * (2 * math.pi * (1 + sigma**2)).log() - x**2 / (2 * (1 + sigma**2))"
PUT_IN = {SUMMIT: "bound(best_mu, best_s)"}
NO_PULL = "μ = x and s = σ feel no pull towards the prior."
OF_THE_MAXIMUM = "It belongs to the maximum."
PRECISIONS = "The precisions add up, 1/σ² and 1; s² is one over their sum."
COVARIANCE_IN_MU = {BEST_MU: "x * sigma**2 / (1 + sigma**2)"}
COVARIANCE_IN_S = {BEST_S: "(1 / (1 + sigma**2)).sqrt()"}

# Mistakes in the bound. If the maximum was found by putting the maximiser in, it has them too.
SLIPS_OF_BOUND = (
    Slip("spread-missing", {"((x - mu) ** 2 + s**2)": "(x - mu) ** 2"}),
    Slip("kl-sign", {"- kl": "+ kl"}),
    Slip("half-missing", {"0.5 * (mu**2": "(mu**2"}, "The KL is twice what it should be."),
    Slip("half-missing", {"/ (2 * sigma**2)": "/ sigma**2"},
         "It belongs to the expected squared error."),
    Slip("half-missing", {NORMALISER: NORMALISER.replace("0.5 * ", "")}, "It belongs to log 2πσ²."),
    Slip("kl-constant-missing", {"s**2 - 1": "s**2"}),
    Slip("normaliser-dropped", {"log_scale - ((x": "-((x"}),
    Slip("sigma-for-variance", {"- (s**2).log()": "- s.log()"},
         "In the KL, log s stands where log s² belongs."),
    Slip("logarithm-sign", {"- (s**2).log()": "+ (s**2).log()"}, "It is log s², in the KL."),
    Slip("sign-flipped", {"return reconstruction - kl": "return kl - reconstruction"}),
)  # fmt: skip

SLIPS = (
    *SLIPS_OF_BOUND,
    *(replace(slip, edits=slip.edits | PUT_IN) for slip in SLIPS_OF_BOUND),
    Slip("normaliser-dropped", {"2 * math.pi * sigma**2": "sigma**2"},
         "What is missing is log 2π."),
    Slip("logarithm-sign", {NORMALISER: NORMALISER[1:]}, "It is log 2πσ²."),
    Slip("sigma-for-variance", {"* sigma**2).log()": "* sigma).log()"},
         "log 2πσ stands where log 2πσ² belongs."),
    Slip("sigma-for-variance", {"/ (2 * sigma**2)": "/ (2 * sigma)"},
         "The squared error is divided by 2σ, not by 2σ²."),
    Slip("sigma-for-variance", {"s**2) /": "s) /"},
         "In the expected squared error, s stands for s²."),
    Slip("sigma-for-variance", {"s**2 - 1 - (s**2).log()": "s - 1 - s.log()"},
         "In the KL, s stands for s²."),
    Slip("sigma-for-variance", {"s**2 - 1": "s - 1"},
         "In the KL, s stands for s², though not in its logarithm."),
    Slip("square-missing", {"0.5 * (mu**2": "0.5 * (mu"}, "It is the square of μ, in the KL."),
    Slip("sigma-ignored", {ERROR: "(x - mu) ** 2 / (2 * sigma**2) - s**2 / 2"},
         "It must divide s² too."),
    Slip("variance-for-sigma", {NORMALISER: "-0.5 * (2 * math.pi * sigma**4).log()",
                                ERROR: "(x - mu) ** 2 / (2 * sigma**4) - s**2 / (2 * sigma**2)"},
         "The density of x is that of N(μ, σ⁴)."),
    Slip("log-outside", {NORMALISER: "-0.5 * (2 * math.pi * (sigma**2 + s**2)).log()",
                         ERROR: "(x - mu) ** 2 / (2 * (sigma**2 + s**2))"},
         "N(x; μ, σ² + s²) is the mean of p(x|z) under q; the bound takes that of log p(x|z)."),
    Slip("kl-reversed", {KL: "0.5 * ((1 + mu**2) / s**2 - 1 + (s**2).log())"}),
    Slip("kl-missing", {"return reconstruction - kl": "return reconstruction"},
         "What is left is the reconstruction term."),
    Slip("kl-missing", {"return bound(mu, s),": "return summit,"},
         "log p(x) alone was returned for the bound."),
    Slip("kl-to-the-other", {"reconstruction - kl": f"reconstruction - ({KL_TO_POSTERIOR})"}),
    Slip("kl-to-the-other", {"return bound(mu, s),": f"return summit - {KL},"}),
    Slip("log-q-missing", {KL: "0.5 * (mu**2 + s**2 + math.log(2 * math.pi))"},
         "It is the entropy of q that is missing."),
    Slip("prior-missing", {KL: "-0.5 * (1 + (2 * math.pi * s**2).log())"},
         "Its mean under q is missing."),
    Slip("prior-missing", {BEST_MU: "x"}, "μ = x feels no pull towards the prior."),
    Slip("prior-missing", {BEST_S: "sigma"}, "s = σ feels no pull towards the prior."),
    Slip("prior-missing", {BEST_S: "sigma", BEST_MU: "x"}, NO_PULL),
    Slip("prior-missing", {BEST_MU: "x", **PUT_IN}, "μ = x feels no pull towards the prior."),
    Slip("spread-missing", {"((x - mu) ** 2 + s**2)": "(x - mu) ** 2",
                            BEST_S: "torch.ones_like(s)",
                            **PUT_IN}, "Then nothing but the prior holds s, and s = 1 is best."),
    Slip("half-missing", {"0.5 * (mu**2": "(mu**2",
                          BEST_MU: "x / (1 + 2 * sigma**2)",
                          BEST_S: "(2 * sigma**2 / (1 + 2 * sigma**2)).sqrt()",
                          **PUT_IN},
         "The KL is twice what it should be, and the maximiser that of such a bound."),
    Slip("half-missing", {"/ (2 * sigma**2)": "/ sigma**2",
                          BEST_MU: "2 * x / (2 + sigma**2)",
                          BEST_S: "(sigma**2 / (2 + sigma**2)).sqrt()",
                          **PUT_IN},
         "It belongs to the expected squared error; the maximiser is that of such a bound."),
    Slip("variance-for-sigma", {BEST_S: "sigma**2 / (1 + sigma**2)"},
         "The best s² was returned, not the best s."),
    Slip("sigma-ignored", {BEST_MU: "x / 2"}, "μ = x/2 is best for σ = 1 only."),
    Slip("sigma-for-variance", {BEST_MU: "x / (1 + sigma)"}, "The best μ is x/(1 + σ²)."),
    Slip("covariance-for-precision", COVARIANCE_IN_MU, PRECISIONS, place="reconstruction"),
    Slip("covariance-for-precision", COVARIANCE_IN_S, PRECISIONS, place="reconstruction"),
    Slip("covariance-for-precision", COVARIANCE_IN_MU | COVARIANCE_IN_S,
         PRECISIONS, place="reconstruction"),
    Slip("upside-down", {BEST_S: "(1 + 1 / sigma**2).sqrt()"},
         "This is 1/s for the best s.", place="reconstruction"),
    Slip("order-swapped", {"best_mu, best_s, summit": "best_s, best_mu, summit"},
         place="reconstruction"),
    Slip("one-latent-for-evidence",
         {SUMMIT: "-0.5 * (2 * math.pi * sigma**2).log() - x**2 / (2 * sigma**2)"}),
    Slip("noise-missing", {SUMMIT: "-0.5 * math.log(2 * math.pi) - x**2 / 2"},
         "The variance of x is 1 + σ²."),
    Slip("variance-for-sigma", {SUMMIT: SUMMIT.replace("(1 + sigma**2)", "(1 + sigma**2) ** 2")},
         "1 + σ² is the variance of x."),
    Slip("sigma-for-variance", {SUMMIT: SUMMIT.replace("(1 + sigma**2)", "(1 + sigma) ** 2")},
         "Of z and its noise the variances add up, not the standard deviations."),
    Slip("half-missing", {"x**2 / (2 * (1 + sigma**2))": "x**2 / (1 + sigma**2)"}, OF_THE_MAXIMUM),
    Slip("normaliser-dropped", {SUMMIT: "-(x**2) / (2 * (1 + sigma**2))"}, OF_THE_MAXIMUM),
    Slip("normaliser-dropped", {"2 * math.pi * (1": "1 * (1"},
         "What is missing in the maximum is log 2π."),
    Slip("kl-constant-missing", {SUMMIT: f"{SUMMIT} - 0.5"},
         "In the maximum it cancels the −½ of the terms in s²."),
    Slip("log-not-taken", {"best_s, summit": "best_s, summit.exp()"}),
)  # fmt: skip

exercise = Exercise(
    solution=_bound_on_paper,
    slips=SLIPS,
    hand=tuple(_paper_case(*numbers) for numbers in ((2, 1, 0, 1), (2, 1, 1, 2), (1, 2, -1, 0.5))),
    draw=_drawn_papers,
    verified="Bound, maximiser and maximum agree with the closed forms, to five digits; so your "
    "maximum is log p(x).",
    place="reconstruction",
    observe=named_values("bound", "best μ", "best s", "maximum"),
)
