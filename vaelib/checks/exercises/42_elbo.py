"""Exercise 4.2: the evidence lower bound, as the mean of the log-weights."""

from typing import Any

from torch import Tensor

from vaelib.checks.scripted import bound_and_gradients, bound_case, hand_case, plane_case
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _elbo(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    return log_w.mean(0)


MEAN = "log_w.mean(0)"
DRAW = "q_z.rsample((K,))"
LOG_Q = "q_z.log_prob(z)"
KL = "kl_divergence(q_z, model.prior())"

SLIPS = (
    Slip("averaged-first", {MEAN: "(log_w.logsumexp(0) - math.log(K))"}),
    Slip("sum-over-samples", {MEAN: "log_w.sum(0)"}),
    Slip("sum-over-data", {MEAN: "log_w.mean()"}),
    Slip("sum-over-data", {MEAN: "log_w.mean(0).sum()"}),
    Slip("wrong-axis", {MEAN: "log_w.mean(1)"},
         "There is a number for each sample, not for each datum."),
    Slip("sample-for-rsample", {"rsample": "sample"}),
    Slip("log-q-missing", {" - q_z.log_prob(z)": ""}),
    Slip("log-q-sign", {"- q_z": "+ q_z"}),
    Slip("log-missing", {LOG_Q: "q_z.log_prob(z).exp()"}, "It is q(z|x), not its logarithm."),
    Slip("wrong-count", {MEAN: "(log_w.sum(0) / len(x))"}, "B stands where K belongs."),
    Slip("prior-missing", {"model.log_joint(x, z)": "model.decoder(z).log_prob(x)"}),
    Slip("log-k-missing", {MEAN: "log_w.logsumexp(0)"}, "The ELBO takes no log of a sum at all."),
    Slip("weights-for-logs", {MEAN: "log_w.exp().mean(0)"}),
    Slip("logs-divided", {"- q_z": "/ q_z"}),
    Slip("two-draws", {"log_prob(z)": "log_prob(q_z.rsample((K,)))"}),
    Slip("not-averaged", {MEAN: "log_w"}),
    Slip("axis-kept", {MEAN: "log_w.mean(0, keepdim=True)"}),
    Slip("another-estimate", {"- q_z.log_prob(z)": "+ q_z.entropy()"}),
    Slip("another-estimate", {MEAN: f"(model.decoder(z).log_prob(x) - {KL}).mean(0)"}),
    Slip("kl-twice", {MEAN: f"log_w.mean(0) - {KL}"}),
    Slip("sign-flipped", {"return ": "return -"}),
    Slip("fewer-samples", {"(K,)": "(1,)"},
         "The value is that of one sample, whatever K is.", place="definition"),
    Slip("fewer-samples", {MEAN: "log_w[-1]"},
         "The value is that of the last sample.", place="definition"),
    Slip("uniform-noise", {DRAW: "q_z.mean + q_z.stddev * torch.rand(K, *q_z.mean.shape)"}),
    Slip("variance-for-sigma", {DRAW: f"q_z.mean + q_z.stddev * ({DRAW} - q_z.mean)"}),
    Slip("determinant-missing",
         {LOG_Q: "-0.5 * (((z - q_z.mean) / q_z.stddev) ** 2 + math.log(2 * math.pi)).sum(-1)"}),
    Slip("one-noise-for-all",
         {DRAW: "q_z.mean + q_z.stddev * torch.randn(K, 1, q_z.mean.shape[1])"}),
    Slip("one-noise-for-all",
         {DRAW: "(q_z.mean + q_z.stddev * torch.randn(q_z.mean.shape[1]))[None]"}),
    Slip("mean-for-draw", {DRAW: "q_z.mean[None]"}),
    Slip("wrongly-detached", {LOG_Q: "q_z.log_prob(z).detach()"},
         "The encoder's gradient lacks log q(z|x)."),
    Slip("wrongly-detached",
         {LOG_Q: "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1).log_prob(z)"},
         "The encoder's parameters in log q(z|x) were held constant, "
         "as sticking the landing does."),
    Slip("wrongly-detached", {LOG_Q: "q_z.log_prob(z.detach())"},
         "In log q(z|x) no gradient passes through z."),
    Slip("wrongly-detached", {"log_joint(x, z)": "log_joint(x, z.detach())"},
         "In log p(x, z) no gradient passes through z."),
    Slip("wrongly-detached", {"log_joint(x, z)": "log_joint(x, z).detach()"},
         "No gradient passes through the model."),
    Slip("wrongly-detached", {MEAN: "log_w.mean(0).detach()"},
         "The answer has no gradient at all."),
)  # fmt: skip

exercise = Exercise(
    solution=_elbo,
    slips=SLIPS,
    hand=(hand_case(1), hand_case(2), plane_case()),
    draw=lambda: [bound_case(2, 3), bound_case(3, 2)],
    verified="Value and gradients, in the model and in the encoder, agree on the same draws with "
    "the mean log-weight, to five digits.",
    place="definition",
    observe=bound_and_gradients,
)
