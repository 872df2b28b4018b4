"""Exercise 5.3: the importance-weighted bound and its gradients, from a model, q, data and K."""

import math
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.importance import BOUND, BOUND_SLIPS, WITHOUT_PRIOR
from vaelib.checks.scripted import bound_and_gradients, bound_case, far_case, hand_case
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _iwae(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_p = model.log_joint(x, z)
    log_q = q_z.log_prob(z)
    log_w = log_p - log_q
    bound = torch.logsumexp(log_w, 0) - math.log(K)
    return bound


FROZEN_Q = "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)"
DRAW = "q_z.rsample((K,))"
LOG_Q = "q_z.log_prob(z)"
KL = "kl_divergence(q_z, model.prior())"
SURROGATE = "(log_w.softmax(0).detach() * log_w).sum(0)"
LOSSES = "(-log_w).softmax(0)"

SLIPS = (
    Slip("log-of-mean-of-logs", {BOUND: "log_w.mean(0)"}, "It is the ELBO, whatever K is."),
    Slip("log-k-missing", {" - math.log(K)": ""}),
    *BOUND_SLIPS,
    Slip("log-q-missing", {"log_p - log_q": "log_p"}),
    Slip("log-q-sign", {"log_p - log_q": "log_p + log_q"}),
    Slip("logs-divided", {"log_p - log_q": "log_p / log_q"}),
    Slip("prior-twice", {"log_p - log_q": "log_p + model.prior().log_prob(z) - log_q"}),
    Slip("analytic-kl-in-weights", {**WITHOUT_PRIOR, "log_p - log_q": f"log_p - {KL}"}),
    Slip("sample-for-rsample", {"rsample": "sample"}),
    Slip("wrongly-detached", {LOG_Q: "q_z.log_prob(z).detach()"}),
    Slip("wrongly-detached", {BOUND: "math.log(log_w.exp().mean(0))"},
         "A number of math.log has no gradient."),
    Slip("wrongly-detached", {LOG_Q: f"{FROZEN_Q}.log_prob(z)"},
         "The parameters of log q were held constant."),
    Slip("wrongly-detached", {"(x, z)": "(x, z).detach()"},
         "No gradient passes through the model."),
    Slip("gradient-twice", {"return bound": f"s = {SURROGATE}\n    return bound + s - s.detach()"}),
    Slip("surrogate-returned", {BOUND: SURROGATE}),
    Slip("weights-not-detached", {BOUND: "(log_w.softmax(0) * log_w).sum(0)"},
         "And it is no bound."),
    Slip("softmax-of-losses", {BOUND: f"({LOSSES} * log_w).sum(0)"}),
    Slip("softmax-of-losses", {BOUND: f"({LOSSES}.detach() * log_w).sum(0)"}),
    Slip("softmax-of-losses", {BOUND: "math.log(K) - torch.logsumexp(-log_w, 0)"}),
    Slip("wrong-axis", {BOUND: "torch.logsumexp(log_w, 1) - math.log(len(x))"}),
    Slip("wrong-axis", {"(log_w, 0)": "(log_w, 1)"}),
    Slip("fewer-samples", {"(K,)": "(1,)"}, "One was drawn, and the weight of one divided by K."),
    Slip("two-draws", {LOG_Q: "q_z.log_prob(q_z.rsample((K,)))"}),
    Slip("mean-for-draw", {DRAW: "q_z.mean.expand(K, -1, -1)"}),
    Slip("variance-for-sigma", {DRAW: f"q_z.mean + q_z.stddev * ({DRAW} - q_z.mean)"}),
    Slip("variance-for-sigma",
         {LOG_Q: "Independent(Normal(q_z.mean, q_z.variance), 1).log_prob(z)"}),
    Slip("one-noise-for-all",
         {DRAW: "q_z.mean + q_z.stddev * torch.randn(K, 1, q_z.mean.shape[1])"}),
    Slip("one-noise-for-all", {"rsample((K,))": "rsample((1,)).expand(K, -1, -1)"},
         "It is the ELBO of one draw, whatever K is."),
    Slip("data-inside-the-log", {"(log_w, 0)": "(log_w.sum(1), 0)"}),
)  # fmt: skip

exercise = Exercise(
    solution=_iwae,
    slips=SLIPS,
    hand=(hand_case(1), hand_case(2), bound_case(3, 2, seed=0), far_case(2)),
    draw=lambda: [bound_case(4, 3)],
    verified="Value and gradients agree with the definition, on a model that can be worked by "
    "hand and on fresh ones, also where every weight underflows.",
    place="bound-k",
    observe=bound_and_gradients,
)
