"""Exercise 5.4: the importance-weighted bound whose encoder gradient is doubly reparameterised."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaelib.checks.importance import BOUND, BOUND_SLIPS
from vaelib.checks.scripted import bound_and_gradients, bound_case, far_case, hand_case
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _iwae_dreg(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    log_w = model.log_joint(x, z) - q_bar.log_prob(z)
    w_tilde = log_w.softmax(0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    log_w_bar = torch.logsumexp(log_w, 0) - math.log(K)
    surrogate = (w_tilde * log_w).sum(0)
    bound = log_w_bar.detach() + surrogate - surrogate.detach()
    return bound


def _hook(shares: str) -> dict[str, str]:
    """Other shares that the hook multiplies by, and nowhere else."""
    return {HOOKED: f"({shares}).detach()[..., None] * grad"}


FROZEN_Q = "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)"
HOOKED = "w_tilde[..., None] * grad"
UNHOOKED = {HOOKED: "grad"}
SHARES_ADD_UP = "The shares of one datum must add up to one."

SLIPS = (
    Slip("weighted-once", UNHOOKED),
    Slip("score-term-kept", {FROZEN_Q: "q_z"}),
    Slip("score-term-kept", {"q_z.mean.detach()": "q_z.mean"},
         "The standard deviation is held, the mean is not."),
    Slip("score-term-kept", {"q_z.stddev.detach()": "q_z.stddev"},
         "The mean is held, the deviation is not."),
    Slip("wrong-axis", _hook("log_w.softmax(1)"), SHARES_ADD_UP),
    Slip("wrong-axis", _hook("log_w.flatten().softmax(0).view_as(log_w)"), SHARES_ADD_UP),
    Slip("softmax-of-losses", _hook("(-log_w).softmax(0)")),
    Slip("not-normalised", _hook("log_w.exp()")),
    Slip("not-normalised", _hook("(log_w - log_w.max(0).values).exp()"), SHARES_ADD_UP),
    Slip("no-maximum", _hook("log_w.exp() / log_w.exp().sum(0)")),
    Slip("model-weighted-twice", {**UNHOOKED, "(w_tilde * log_w)": "(w_tilde**2 * log_w)"}),
    Slip("model-weighted-twice", {"(w_tilde * log_w)": "(w_tilde**2 * log_w)"},
         "And with the hook the encoder's gradient is weighted thrice."),
    Slip("weighted-thrice", {HOOKED: "w_tilde[..., None] ** 2 * grad"}),
    Slip("surrogate-returned", {"return bound": "return surrogate"}),
    Slip("weights-not-detached", {"log_w.softmax(0).detach()": "log_w.softmax(0)"}),
    Slip("sample-for-rsample", {"q_z.rsample((K,))": "q_z.sample((K,)).requires_grad_()"}),
    Slip("wrongly-detached", {"q_bar.log_prob(z)": "q_bar.log_prob(z.detach())"}),
    Slip("log-of-mean-of-logs", {BOUND: "log_w.mean(0)"}),
    Slip("log-of-mean-of-logs", {BOUND: "log_w.mean(0)",
                                 **UNHOOKED,
                                 "log_w.softmax(0)": "torch.full_like(log_w, 1 / K)"},
         "This is the ELBO with the gradient that sticks the landing."),
    Slip("log-of-mean-of-logs", {"return bound": "return log_w.mean(0)"},
         "Value and gradient are the ELBO's."),
    Slip("log-k-missing", {" - math.log(K)": ""}),
    Slip("wrong-axis", {"log_w.softmax(0)": "log_w.softmax(1)"}, SHARES_ADD_UP),
    *BOUND_SLIPS,
    Slip("log-q-missing", {" - q_bar.log_prob(z)": ""}),
    Slip("log-q-sign", {" - q_bar.log_prob(z)": " + q_bar.log_prob(z)"}),
    Slip("two-draws", {"q_bar.log_prob(z)": "q_bar.log_prob(q_z.rsample((K,)))"}),
    Slip("variance-for-sigma", {"q_z.stddev.detach()": "q_z.variance.detach()"}),
    Slip("gradient-twice", {"log_w_bar.detach()": "log_w_bar"}),
)  # fmt: skip

exercise = Exercise(
    solution=_iwae_dreg,
    slips=SLIPS,
    hand=(hand_case(2), bound_case(3, 2, seed=0), far_case(2)),
    draw=lambda: [bound_case(4, 3)],
    verified="The value and the model's gradient are those of iwae, the encoder's gradient is the "
    "doubly reparameterised one, on a model that can be worked by hand and on fresh ones, also "
    "where every weight underflows.",
    place="dreg",
    observe=bound_and_gradients,
)
