"""The check of exercise 4.3: reconstruction minus KL, the KL in closed form."""

from __future__ import annotations

import math  # noqa: F401 (in edits)
from collections.abc import Callable
from typing import Any

from torch import Tensor

from vaelib.checks.elbo import AGREES, HAND, VARIANCE_OF_NOISE, _drawn_bounds, _slip
from vaelib.checks.exercise import Exercise, judge
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import bound_and_gradients
from vaelib.checks.verdict import Verdict

__all__ = ["check_elbo_kl"]

CONSTANT_ONCE = "It was counted once, not once for each latent."


def _elbo_kl(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    m, s = q_z.mean, q_z.stddev
    z = q_z.rsample((K,))
    log_p_x = model.decoder(z).log_prob(x)
    kl = 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)
    return log_p_x.mean(0) - kl


ELBO_KL = Exercise(
    name="elbo_kl",
    number="4.3",
    solution=_elbo_kl,
    slips=(
        _slip("kl-sign", "- kl", "+ kl"),
        _slip("sign-flipped", "log_p_x.mean(0) - kl", "kl - log_p_x.mean(0)"),
        _slip("logarithm-sign", "- 2 * s.log()", "+ 2 * s.log()"),
        _slip("kl-missing", " - kl", "", "What is left is the reconstruction term."),
        _slip(
            "determinant-missing",
            " - 2 * s.log()",
            "",
            "In the KL it is −log s²: without it s = 0 is best.",
        ),
        _slip(
            "half-missing",
            "2 * s.log()",
            "4 * s.log()",
            "It belongs to log s²: half of it is log s.",
        ),
        _slip("log-squared", "2 * s.log()", "s.log() ** 2"),
        _slip("square-missing", "m**2", "m", "It is the square of the mean."),
        _slip("mean-over-latents", ".sum(-1)", ".mean(-1)"),
        _slip(
            "mean-over-latents",
            ".sum(-1)",
            ".mean()",
            "And each datum pays the mean of all data, too.",
        ),
        _slip("not-summed", ".sum(-1)", "", "The KL is a sum over the latents."),
        _slip(
            "wrong-axis",
            ".sum(-1)",
            ".sum(0)",
            "The KL is a sum over the latents; yours is over the data.",
        ),
        _slip(
            "wrong-axis",
            "log_p_x.mean(0)",
            "log_p_x.mean(1)",
            "The reconstruction is a mean over the samples.",
        ),
        _slip("mean-over-features", "(z).log_prob(x)", "(z).base_dist.log_prob(x).mean(-1)"),
        _slip("joint-for-likelihood", "model.decoder(z).log_prob(x)", "model.log_joint(x, z)"),
        _slip(
            "kl-twice", "model.decoder(z).log_prob(x)", "model.log_joint(x, z) - q_z.log_prob(z)"
        ),
        _slip("half-missing", "0.5 * (m**2", "(m**2", "The KL is twice what it should be."),
        _slip("kl-constant-missing", "s**2 - 1", "s**2"),
        _slip(
            "kl-constant-missing",
            " - 1 - 2 * s.log()).sum(-1)",
            " - 2 * s.log()).sum(-1) - 0.5",
            CONSTANT_ONCE,
        ),
        _slip("exponential-of-sigma", "s**2 - 1 - 2 * s.log()", "(2 * s).exp() - 1 - 2 * s"),
        _slip(
            "exponential-of-sigma",
            "s**2 - 1 - 2 * s.log()",
            "s.exp() - 1 - s",
            "It was taken for log σ².",
        ),
        _slip(
            "sigma-for-variance",
            "s**2 - 1 - 2 * s.log()",
            "s - 1 - s.log()",
            "In the KL, s stands for s² throughout.",
        ),
        _slip(
            "sigma-for-variance", "+ s**2 - 1", "+ s - 1", "In the KL, s stands where s² belongs."
        ),
        _slip(
            "sigma-for-variance",
            "2 * s.log()",
            "s.log()",
            "In the KL, log s stands where log s² belongs.",
        ),
        _slip(
            "kl-reversed",
            "(m**2 + s**2 - 1 - 2 * s.log())",
            "((1 + m**2) / s**2 - 1 + 2 * s.log())",
        ),
        _slip(
            "sample-for-rsample",
            "rsample",
            "sample",
            "The reconstruction term gives the encoder no gradient.",
        ),
        _slip(
            "wrongly-detached",
            "- kl",
            "- kl.detach()",
            "The value is right; the KL gives no gradient.",
        ),
        _slip("sum-over-data", ".sum(-1)", ".sum()", "Each datum pays the KL of all data."),
        _slip(
            "sum-over-data",
            ".sum(-1)",
            ".sum(-1).mean()",
            "Each datum pays the mean KL of all data.",
        ),
        _slip(
            "sum-over-data",
            "log_p_x.mean(0)",
            "log_p_x.mean()",
            "The reconstruction is that of all data.",
        ),
        _slip("sum-over-data", "log_p_x.mean(0) - kl", "(log_p_x.mean(0) - kl).mean()"),
        _slip("sum-over-data", "log_p_x.mean(0) - kl", "(log_p_x.mean(0) - kl).sum()"),
        _slip("averaged-first", "log_p_x.mean(0)", "(log_p_x.logsumexp(0) - math.log(K))"),
        _slip("not-averaged", "log_p_x.mean(0)", "log_p_x"),
        _slip("fewer-samples", "(K,)", "(1,)", "The value is that of one sample, whatever K is."),
        _slip("mean-for-draw", "q_z.rsample((K,))", "m[None]"),
        _slip("variance-for-sigma", *VARIANCE_OF_NOISE),
        _slip(
            "another-estimate",
            "log_p_x.mean(0) - kl",
            "(model.log_joint(x, z) - q_z.log_prob(z)).mean(0)",
            "The divergence was estimated from the draws.",
        ),
        _slip(
            "sum-over-samples",
            "log_p_x.mean(0)",
            "log_p_x.sum(0)",
            "The reconstruction term is K times too large.",
        ),
        _slip("sum-over-samples", "log_p_x.mean(0) - kl", "(log_p_x - kl).sum(0)"),
        _slip(
            "squared-error",
            "model.decoder(z).log_prob(x)",
            "-(x - model.decoder(z).mean).square().sum(-1)",
        ),
        _slip(
            "squared-error",
            "model.decoder(z).log_prob(x)",
            "-0.5 * (x - model.decoder(z).mean).square().sum(-1)",
        ),
        _slip(
            "squared-error",
            "model.decoder(z).log_prob(x)",
            "-(x - model.decoder(z).mean).square().mean(-1)",
        ),
    ),
    hand=HAND,
    draw=_drawn_bounds,
    verified=f"{AGREES} reconstruction minus KL, to five digits.",
    place=PLACES["reconstruction"],
    observe=bound_and_gradients,
)


def check_elbo_kl(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.3: reconstruction minus KL, the KL in closed form."""
    return judge(ELBO_KL, fn)
