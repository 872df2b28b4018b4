"""Exercise 4.3: reconstruction minus KL, the KL in closed form."""

from typing import Any

from torch import Tensor

from vaelib.checks.scripted import bound_and_gradients, bound_case, hand_case, plane_case
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _elbo_kl(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    m, s = q_z.mean, q_z.stddev
    z = q_z.rsample((K,))
    log_p_x = model.decoder(z).log_prob(x)
    kl = 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)
    return log_p_x.mean(0) - kl


DRAW = "q_z.rsample((K,))"
LOG_P_X = "model.decoder(z).log_prob(x)"
KL = "s**2 - 1 - 2 * s.log()"

SLIPS = (
    Slip("kl-sign", {"- kl": "+ kl"}),
    Slip("sign-flipped", {"log_p_x.mean(0) - kl": "kl - log_p_x.mean(0)"}),
    Slip("logarithm-sign", {"- 2 * s.log()": "+ 2 * s.log()"}),
    Slip("kl-missing", {" - kl": ""}, "What is left is the reconstruction term."),
    Slip("determinant-missing", {" - 2 * s.log()": ""},
         "In the KL it is −log s²: without it s = 0 is best."),
    Slip("half-missing", {"2 * s.log()": "4 * s.log()"},
         "It belongs to log s²: half of it is log s."),
    Slip("log-squared", {"2 * s.log()": "s.log() ** 2"}),
    Slip("square-missing", {"m**2": "m"}, "It is the square of the mean."),
    Slip("mean-over-latents", {".sum(-1)": ".mean(-1)"}),
    Slip("mean-over-latents", {".sum(-1)": ".mean()"},
         "And each datum pays the mean of all data, too."),
    Slip("not-summed", {".sum(-1)": ""}, "The KL is a sum over the latents."),
    Slip("wrong-axis", {".sum(-1)": ".sum(0)"},
         "The KL is a sum over the latents; yours is over the data."),
    Slip("wrong-axis", {"log_p_x.mean(0)": "log_p_x.mean(1)"},
         "The reconstruction is a mean over the samples."),
    Slip("mean-over-features", {"(z).log_prob(x)": "(z).base_dist.log_prob(x).mean(-1)"}),
    Slip("joint-for-likelihood", {LOG_P_X: "model.log_joint(x, z)"}),
    Slip("kl-twice", {LOG_P_X: "model.log_joint(x, z) - q_z.log_prob(z)"}),
    Slip("half-missing", {"0.5 * (m**2": "(m**2"}, "The KL is twice what it should be."),
    Slip("kl-constant-missing", {"s**2 - 1": "s**2"}),
    Slip("kl-constant-missing", {" - 1 - 2 * s.log()).sum(-1)": " - 2 * s.log()).sum(-1) - 0.5"},
         "It was counted once, not once for each latent."),
    Slip("exponential-of-sigma", {KL: "(2 * s).exp() - 1 - 2 * s"}),
    Slip("exponential-of-sigma", {KL: "s.exp() - 1 - s"}, "It was taken for log σ²."),
    Slip("sigma-for-variance", {KL: "s - 1 - s.log()"}, "In the KL, s stands for s² throughout."),
    Slip("sigma-for-variance", {"+ s**2 - 1": "+ s - 1"}, "In the KL, s stands where s² belongs."),
    Slip("sigma-for-variance", {"2 * s.log()": "s.log()"},
         "In the KL, log s stands where log s² belongs."),
    Slip("kl-reversed",
         {"(m**2 + s**2 - 1 - 2 * s.log())": "((1 + m**2) / s**2 - 1 + 2 * s.log())"}),
    Slip("sample-for-rsample", {"rsample": "sample"},
         "The reconstruction term gives the encoder no gradient."),
    Slip("wrongly-detached", {"- kl": "- kl.detach()"},
         "The value is right; the KL gives no gradient."),
    Slip("sum-over-data", {".sum(-1)": ".sum()"}, "Each datum pays the KL of all data."),
    Slip("sum-over-data", {".sum(-1)": ".sum(-1).mean()"},
         "Each datum pays the mean KL of all data."),
    Slip("sum-over-data", {"log_p_x.mean(0)": "log_p_x.mean()"},
         "The reconstruction is that of all data."),
    Slip("sum-over-data", {"log_p_x.mean(0) - kl": "(log_p_x.mean(0) - kl).mean()"}),
    Slip("sum-over-data", {"log_p_x.mean(0) - kl": "(log_p_x.mean(0) - kl).sum()"}),
    Slip("averaged-first", {"log_p_x.mean(0)": "(log_p_x.logsumexp(0) - math.log(K))"}),
    Slip("not-averaged", {"log_p_x.mean(0)": "log_p_x"}),
    Slip("fewer-samples", {"(K,)": "(1,)"}, "The value is that of one sample, whatever K is."),
    Slip("mean-for-draw", {DRAW: "m[None]"}),
    Slip("variance-for-sigma", {DRAW: f"m + s * ({DRAW} - m)"}),
    Slip("another-estimate",
         {"log_p_x.mean(0) - kl": "(model.log_joint(x, z) - q_z.log_prob(z)).mean(0)"},
         "The divergence was estimated from the draws."),
    Slip("sum-over-samples", {"log_p_x.mean(0)": "log_p_x.sum(0)"},
         "The reconstruction term is K times too large."),
    Slip("sum-over-samples", {"log_p_x.mean(0) - kl": "(log_p_x - kl).sum(0)"}),
    Slip("squared-error", {LOG_P_X: "-(x - model.decoder(z).mean).square().sum(-1)"}),
    Slip("squared-error", {LOG_P_X: "-0.5 * (x - model.decoder(z).mean).square().sum(-1)"}),
    Slip("squared-error", {LOG_P_X: "-(x - model.decoder(z).mean).square().mean(-1)"}),
)  # fmt: skip

exercise = Exercise(
    solution=_elbo_kl,
    slips=SLIPS,
    hand=(hand_case(1), hand_case(2), plane_case()),
    draw=lambda: [bound_case(2, 3), bound_case(3, 2)],
    verified="Value and gradients, in the model and in the encoder, agree on the same draws with "
    "reconstruction minus KL, to five digits.",
    place="reconstruction",
    observe=bound_and_gradients,
)
