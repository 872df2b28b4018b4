"""Checks of the exercises of chapter 5 about bounds: importance-weighted bounds and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaelib.checks.elbo import _slip
from vaelib.checks.exercise import Case, Exercise, Slip, judge
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import ScriptedEncoder, bound_and_gradients, bound_case
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = [
    "check_iwae",
    "check_iwae_dreg",
]


def _far_case(K: int) -> Case:
    """The model that can be worked by hand, with a datum whose density underflows."""
    case = bound_case(K, 1, 1, 1)
    model, q, x, _ = case.args
    return Case((model, q, 40 * x, K), case.said.replace("x = 2", "x = 80"))


def _iwae(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int) -> Tensor:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_p = model.log_joint(x, z)
    log_q = q_z.log_prob(z)
    log_w = log_p - log_q
    bound: Tensor = torch.logsumexp(log_w, 0) - math.log(K)
    return bound


IWAE_BOUND = "torch.logsumexp(log_w, 0) - math.log(K)"
WITHOUT_PRIOR = ("model.log_joint(x, z)", "model.log_joint(x, z) - model.prior().log_prob(z)")
KL = "torch.distributions.kl_divergence(q_z, model.prior())"
LOSSES = "(-log_w).softmax(0)"
NOTHING_TRAINED = "Nothing could be trained by it."
FROZEN = "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)"
# Of both exercises that ask for the bound: what is returned in its stead, and what is wrong before that.
IN_ITS_STEAD = (
    ("no-maximum", "log_w.exp().mean(0).log()", ""),
    ("sign-flipped", f"-({IWAE_BOUND})", ""),
    ("logarithm-missing", "log_w.exp().mean(0)", ""),
    ("maximum-not-added", "(log_w - log_w.max(0).values).exp().mean(0).log()", ""),
    (
        "log-k-missing",
        "torch.logsumexp(log_w, 0) / K",
        "The logarithm of the sum was divided by K.",
    ),
    ("not-averaged", "log_w", ""),
)
OF_A_BOUND = (
    _slip("sum-over-data", "return bound", "return bound.mean()"),
    _slip("sum-over-data", "return bound", "return bound.sum()"),
    _slip("axis-kept", "return bound", "return bound[None]"),
    _slip("wrongly-detached", "return bound", "return bound.detach()", NOTHING_TRAINED),
    _slip("prior-missing", *WITHOUT_PRIOR, "The weights must be p(x, z) / q(z|x)."),
    _slip("counted-wrong", " - math.log(K)", " + math.log(K)", "The sum was multiplied by K."),
    _slip(
        "counted-wrong",
        "math.log(K)",
        "math.log(len(x))",
        "The data were counted, not the samples.",
    ),
    _slip(
        "counted-wrong",
        "math.log(K)",
        "math.log(log_w.numel())",
        "It was divided by K B instead of K.",
    ),
)

IWAE = Exercise(
    name="iwae",
    number="5.3",
    solution=_iwae,
    slips=(
        Slip(
            "log-of-mean-of-logs",
            ((IWAE_BOUND, "log_w.mean(0)"),),
            "It is the ELBO, whatever K is.",
        ),
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        *OF_A_BOUND,
        *(_slip(mistake, IWAE_BOUND, returned, shows) for mistake, returned, shows in IN_ITS_STEAD),
        Slip("log-q-missing", (("log_p - log_q", "log_p"),)),
        Slip("log-q-sign", (("log_p - log_q", "log_p + log_q"),)),
        Slip("logs-divided", (("log_p - log_q", "log_p / log_q"),)),
        Slip("prior-twice", (("log_p - log_q", "log_p + model.prior().log_prob(z) - log_q"),)),
        Slip("analytic-kl-in-weights", (WITHOUT_PRIOR, ("log_p - log_q", f"log_p - {KL}"))),
        Slip("sample-for-rsample", (("rsample", "sample"),)),
        Slip("wrongly-detached", (("q_z.log_prob(z)", "q_z.log_prob(z).detach()"),)),
        _slip(
            "wrongly-detached",
            IWAE_BOUND,
            "math.log(log_w.exp().mean(0))",
            "A number of math.log has no gradient.",
        ),
        _slip(
            "wrongly-detached",
            "q_z.log_prob(z)",
            f"{FROZEN}.log_prob(z)",
            "The parameters of log q were held constant.",
        ),
        _slip(
            "wrongly-detached", "(x, z)", "(x, z).detach()", "No gradient passes through the model."
        ),
        _slip(
            "gradient-twice",
            "return bound",
            "surrogate = (log_w.softmax(0).detach() * log_w).sum(0)\n    return bound + surrogate - surrogate.detach()",
        ),
        Slip("surrogate-returned", ((IWAE_BOUND, "(log_w.softmax(0).detach() * log_w).sum(0)"),)),
        Slip(
            "weights-not-detached",
            ((IWAE_BOUND, "(log_w.softmax(0) * log_w).sum(0)"),),
            "And it is no bound.",
        ),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES} * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, f"({LOSSES}.detach() * log_w).sum(0)"),)),
        Slip("softmax-of-losses", ((IWAE_BOUND, "math.log(K) - torch.logsumexp(-log_w, 0)"),)),
        Slip("wrong-axis", ((IWAE_BOUND, "torch.logsumexp(log_w, 1) - math.log(len(x))"),)),
        Slip("wrong-axis", (("(log_w, 0)", "(log_w, 1)"),)),
        Slip(
            "fewer-samples",
            (("(K,)", "(1,)"),),
            "One was drawn, and the weight of one divided by K.",
        ),
        Slip("two-draws", (("q_z.log_prob(z)", "q_z.log_prob(q_z.rsample((K,)))"),)),
        Slip("mean-for-draw", (("q_z.rsample((K,))", "q_z.mean.expand(K, -1, -1)"),)),
        _slip(
            "variance-for-sigma",
            "q_z.rsample((K,))",
            "q_z.mean + q_z.stddev * (q_z.rsample((K,)) - q_z.mean)",
        ),
        _slip(
            "variance-for-sigma",
            "q_z.log_prob(z)",
            "Independent(Normal(q_z.mean, q_z.variance), 1).log_prob(z)",
        ),
        _slip(
            "one-noise-for-all",
            "q_z.rsample((K,))",
            "q_z.mean + q_z.stddev * torch.randn(K, 1, q_z.mean.shape[1])",
        ),
        Slip(
            "one-noise-for-all",
            (("rsample((K,))", "rsample((1,)).expand(K, -1, -1)"),),
            "It is the ELBO of one draw, whatever K is.",
        ),
        Slip("data-inside-the-log", (("(log_w, 0)", "(log_w.sum(1), 0)"),)),
    ),
    hand=(bound_case(1, 1, 1, 1), bound_case(2, 1, 1, 1), bound_case(3, 2), _far_case(2)),
    draw=lambda: [bound_case(4, 3)],
    verified="Value and gradients agree with the definition, on a model that can be worked by hand and on fresh ones, "
    "also where every weight underflows.",
    place=PLACES["bound-k"],
    observe=bound_and_gradients,
)


def _iwae_dreg(model: LinearGaussian, q: ScriptedEncoder, x: Tensor, K: int) -> Tensor:
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    log_w = model.log_joint(x, z) - q_bar.log_prob(z)
    w_tilde = log_w.softmax(0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    log_w_bar = torch.logsumexp(log_w, 0) - math.log(K)
    surrogate = (w_tilde * log_w).sum(0)
    bound: Tensor = log_w_bar.detach() + surrogate - surrogate.detach()
    return bound


UNHOOKED = ("w_tilde[..., None] * grad", "grad")
SHARES_ADD_UP = "The shares of one datum must add up to one."


def _hook(mistake: str, shares: str, shows: str = "") -> Slip:
    """A mistake in the shares that the hook multiplies by, and nowhere else."""
    return _slip(mistake, UNHOOKED[0], f"({shares}).detach()[..., None] * grad", shows)


IWAE_DREG = Exercise(
    name="iwae_dreg",
    number="5.4",
    solution=_iwae_dreg,
    slips=(
        Slip("weighted-once", (UNHOOKED,)),
        Slip("score-term-kept", ((FROZEN, "q_z"),)),
        _slip(
            "score-term-kept",
            "q_z.mean.detach()",
            "q_z.mean",
            "The standard deviation is held, the mean is not.",
        ),
        _slip(
            "score-term-kept",
            "q_z.stddev.detach()",
            "q_z.stddev",
            "The mean is held, the deviation is not.",
        ),
        _hook("wrong-axis", "log_w.softmax(1)", SHARES_ADD_UP),
        _hook("wrong-axis", "log_w.flatten().softmax(0).view_as(log_w)", SHARES_ADD_UP),
        _hook("softmax-of-losses", "(-log_w).softmax(0)"),
        _hook("not-normalised", "log_w.exp()"),
        _hook("not-normalised", "(log_w - log_w.max(0).values).exp()", SHARES_ADD_UP),
        _hook("no-maximum", "log_w.exp() / log_w.exp().sum(0)"),
        Slip("model-weighted-twice", (UNHOOKED, ("(w_tilde * log_w)", "(w_tilde**2 * log_w)"))),
        _slip(
            "model-weighted-twice",
            "(w_tilde * log_w)",
            "(w_tilde**2 * log_w)",
            "And with the hook the encoder's gradient is weighted thrice.",
        ),
        Slip("weighted-thrice", (("w_tilde[..., None] * grad", "w_tilde[..., None] ** 2 * grad"),)),
        Slip("surrogate-returned", (("return bound", "return surrogate"),)),
        Slip("weights-not-detached", (("log_w.softmax(0).detach()", "log_w.softmax(0)"),)),
        Slip("sample-for-rsample", (("q_z.rsample((K,))", "q_z.sample((K,)).requires_grad_()"),)),
        Slip("wrongly-detached", (("q_bar.log_prob(z)", "q_bar.log_prob(z.detach())"),)),
        Slip(
            "log-of-mean-of-logs", (("torch.logsumexp(log_w, 0) - math.log(K)", "log_w.mean(0)"),)
        ),
        Slip(
            "log-of-mean-of-logs",
            (
                ("torch.logsumexp(log_w, 0) - math.log(K)", "log_w.mean(0)"),
                UNHOOKED,
                ("log_w.softmax(0)", "torch.full_like(log_w, 1 / K)"),
            ),
            "This is the ELBO with the gradient that sticks the landing.",
        ),
        _slip(
            "log-of-mean-of-logs",
            "return bound",
            "return log_w.mean(0)",
            "Value and gradient are the ELBO's.",
        ),
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("wrong-axis", (("log_w.softmax(0)", "log_w.softmax(1)"),), SHARES_ADD_UP),
        *OF_A_BOUND,
        *(
            _slip(mistake, "return bound", f"return {returned}", shows)
            for mistake, returned, shows in IN_ITS_STEAD
        ),
        _slip("log-q-missing", " - q_bar.log_prob(z)", ""),
        _slip("log-q-sign", " - q_bar.log_prob(z)", " + q_bar.log_prob(z)"),
        _slip("two-draws", "q_bar.log_prob(z)", "q_bar.log_prob(q_z.rsample((K,)))"),
        _slip("variance-for-sigma", "q_z.stddev.detach()", "q_z.variance.detach()"),
        _slip("gradient-twice", "log_w_bar.detach()", "log_w_bar"),
    ),
    hand=(bound_case(2, 1, 1, 1), bound_case(3, 2), _far_case(2)),
    draw=lambda: [bound_case(4, 3)],
    verified="The value and the model's gradient are those of iwae, the encoder's gradient is the doubly "
    "reparameterised one, on a model that can be worked by hand and on fresh ones, also where every weight underflows.",
    place=PLACES["dreg"],
    observe=bound_and_gradients,
)


def check_iwae(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.3: the importance-weighted bound and its gradients, from a model, an encoder, data and K."""
    return judge(IWAE, fn)


def check_iwae_dreg(fn: Callable[..., Any]) -> Verdict:
    """Exercise 5.4: the importance-weighted bound whose encoder gradient is doubly reparameterised."""
    return judge(IWAE_DREG, fn)
