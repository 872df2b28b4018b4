"""Checks of the first exercises of chapter 4: log-weights, and the bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal  # noqa: F401 (in edits)

from vaelib.checks.exercise import Case, Exercise, Slip, judge
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import ScriptedEncoder, bound_and_gradients, bound_case
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = ["check_elbo", "check_log_weights"]


def _slip(mistake: str, old: str, new: str, shows: str = "", place: str = "") -> Slip:
    return Slip(mistake, ((old, new),), shows, PLACES.get(place))


def _log_weights(
    x: Tensor, z: Tensor, x_hat: Tensor, sigma_dec: Tensor, mean: Tensor, std: Tensor
) -> Tensor:
    log_2pi = math.log(2 * math.pi)
    log_p_x = -0.5 * (((x - x_hat) / sigma_dec) ** 2 + 2 * sigma_dec.log() + log_2pi).sum(-1)
    log_p_z = -0.5 * (z**2 + log_2pi).sum(-1)
    log_q = -0.5 * (((z - mean) / std) ** 2 + 2 * std.log() + log_2pi).sum(-1)
    return log_p_x + log_p_z - log_q


def _weights_case(X: int, Z: int, sigma: float) -> Case:
    """One sample of one datum: x_hat and z are ones, and q is N(0, ½² I)."""
    ones, half, zero = (torch.full((Z,), value, dtype=torch.float64) for value in (1, 0.5, 0))
    x_hat = torch.ones(1, 1, X, dtype=torch.float64)
    args = (
        2 * x_hat[0],
        ones[None, None],
        x_hat,
        torch.tensor(sigma).double(),
        zero[None],
        half[None],
    )
    given = {"x": X * [2], "x_hat": X * [1], "z": Z * [1]}
    shown = ", ".join(
        f"{name} = {numbers if len(numbers) > 1 else numbers[0]}" for name, numbers in given.items()
    )
    return Case(args, f"K = B = 1, {shown}, σ_dec = {sigma:g}, mean 0 and std 0.5 of q")


def _drawn_weights() -> list[Case]:
    shapes = {
        "x": (3, 5),
        "z": (4, 3, 2),
        "x_hat": (4, 3, 5),
        "sigma_dec": (),
        "mean": (3, 2),
        "std": (3, 2),
    }
    drawn = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    args = [value.exp() if name in ("sigma_dec", "std") else value for name, value in drawn.items()]
    return [Case(tuple(args), "K, B, X, Z = 4, 3, 5, 2")]


HALF = "-0.5 * "
VARIANCE_OF_Q = ("/ std) ** 2 + 2 *", "/ std**2) ** 2 + 4 *")

LOG_WEIGHTS = Exercise(
    name="log_weights",
    number="4.1",
    solution=_log_weights,
    slips=(
        _slip("log-q-missing", " - log_q", ""),
        _slip("log-q-sign", " - log_q", " + log_q"),
        _slip(
            "log-missing",
            " - log_q",
            " - log_q.exp()",
            "It is q(z|x) that was subtracted, not its logarithm.",
        ),
        _slip("prior-missing", " + log_p_z", "", "What is left is log p(x|z) − log q(z|x)."),
        _slip("prior-sign", " + log_p_z", " - log_p_z"),
        _slip("logs-divided", "log_p_x + log_p_z - log_q", "(log_p_x + log_p_z) / log_q"),
        _slip(
            "weights-for-logs",
            "return log_p_x + log_p_z - log_q",
            "return (log_p_x + log_p_z - log_q).exp()",
        ),
        _slip(
            "analytic-kl-in-weights",
            "log_p_z - log_q",
            "0.5 * (1 - mean**2 - std**2 + 2 * std.log()).sum(-1)",
        ),
        _slip("mean-over-features", ".sum(-1)\n    log_p_z", ".mean(-1)\n    log_p_z"),
        Slip(
            "mean-over-latents",
            (
                (".sum(-1)\n    log_q", ".mean(-1)\n    log_q"),
                (".sum(-1)\n    return", ".mean(-1)\n    return"),
            ),
            "log p(z) and log q(z|x) are both too near zero by a factor Z.",
        ),
        _slip("variance-for-sigma", "/ sigma_dec) ** 2 + 2 *", "/ sigma_dec**2) ** 2 + 4 *"),
        Slip("variance-for-sigma", (VARIANCE_OF_Q,)),
        Slip(
            "variance-for-sigma",
            (("/ sigma_dec) ** 2 + 2 *", "/ sigma_dec**2) ** 2 + 4 *"), VARIANCE_OF_Q),
        ),
        _slip("exponential-of-sigma", "/ std) ** 2 + 2 * std.log()", "/ std.exp()) ** 2 + 2 * std"),
        _slip(
            "sigma-for-variance", "((x - x_hat) / sigma_dec) ** 2", "(x - x_hat) ** 2 / sigma_dec"
        ),
        _slip(
            "sigma-for-variance",
            "((z - mean) / std) ** 2 + 2 * std.log()",
            "(z - mean) ** 2 / std + std.log()",
        ),
        _slip("sigma-for-variance", "((z - mean) / std) ** 2", "(z - mean) ** 2 / std"),
        _slip(
            "sigma-ignored",
            "((x - x_hat) / sigma_dec) ** 2 + 2 * sigma_dec.log()",
            "(x - x_hat) ** 2",
        ),
        _slip("normaliser-dropped", " + 2 * sigma_dec.log() + log_2pi", ""),
        _slip("normaliser-dropped", "sigma_dec.log() + log_2pi", "sigma_dec.log()"),
        _slip(
            "normaliser-once",
            " + 2 * sigma_dec.log() + log_2pi).sum(-1)\n    log_p_z",
            " + log_2pi).sum(-1) - sigma_dec.log()\n    log_p_z",
            "It is log σ_dec.",
        ),
        *(
            _slip(
                "squared-error",
                f"{HALF}(((x - x_hat) / sigma_dec) ** 2 + 2 * sigma_dec.log() + log_2pi)",
                error,
            )
            for error in (
                "-((x - x_hat) ** 2)",
                f"{HALF}((x - x_hat) ** 2)",
                "(-((x - x_hat) ** 2) / sigma_dec**2)",
            )
        ),
        _slip(
            "determinant-missing",
            " + 2 * std.log()",
            "",
            "log N(ε; 0, I) of the noise is not log q(z|x): z is stretched.",
        ),
        _slip(
            "half-missing",
            "((x - x_hat) / sigma_dec) ** 2",
            "2 * ((x - x_hat) / sigma_dec) ** 2",
            "It belongs to the squared error of x.",
        ),
        _slip(
            "half-missing",
            "(z**2 + log_2pi)",
            "(2 * z**2 + log_2pi)",
            "It belongs to z² in the prior.",
        ),
        _slip(
            "half-missing",
            "((z - mean) / std) ** 2",
            "2 * ((z - mean) / std) ** 2",
            "It belongs to the squared distance in log q(z|x).",
        ),
        _slip(
            "normaliser-dropped",
            "(z**2 + log_2pi)",
            "(z**2)",
            "It is the prior's; it cancels only if that of q goes, too.",
        ),
        _slip(
            "sigma-for-variance",
            "2 * sigma_dec.log()",
            "sigma_dec.log()",
            "½ log σ_dec stands for log σ_dec.",
        ),
        _slip(
            "axes-swapped",
            "return log_p_x + log_p_z - log_q",
            "return (log_p_x + log_p_z - log_q).T",
        ),
        _slip(
            "sign-flipped", "return log_p_x + log_p_z - log_q", "return log_q - log_p_x - log_p_z"
        ),
        Slip(
            "not-summed",
            tuple(
                (f".sum(-1)\n    {line}", f"\n    {line}")
                for line in ("log_p_z", "log_q =", "return")
            ),
            "Each term is a sum over its last axis.",
        ),
        _slip(
            "sum-over-data",
            "return log_p_x + log_p_z - log_q",
            "return (log_p_x + log_p_z - log_q).sum()",
        ),
        _slip(
            "axis-kept",
            "return log_p_x + log_p_z - log_q",
            "return (log_p_x + log_p_z - log_q)[..., None]",
        ),
    ),
    hand=tuple(
        _weights_case(*sizes)
        for sizes in ((1, 1, 1.0), (1, 1, 0.5), (2, 1, 1.0), (1, 2, 1.0), (2, 1, 0.5))
    ),
    draw=_drawn_weights,
    verified="It agrees with log p(x|z) + log p(z) − log q(z|x) for every sample and datum, to five digits.",
    place=PLACES["definition"],
)


def check_log_weights(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.1: the log-weights of given latents."""
    return judge(LOG_WEIGHTS, fn)


def _plane_case() -> Case:
    """Two data and two latents, always the same."""
    eye = torch.eye(2, dtype=torch.float64)
    model = LinearGaussian(eye, torch.zeros_like(eye[0]), 1.0)
    encoder = ScriptedEncoder(eye / 2, torch.full_like(eye[0], math.log(0.8)), 1, 2)
    rows = [[float(f"{epsilon:.5g}") for epsilon in row] for row in encoder.noise[0].tolist()]
    said = f"p(z) = N(0, I), p(x|z) = N(z, I), q(z|x) = N(x/2, 0.8² I), x = [[2, 0], [0, 2]], K = 1, ε = {rows}"
    return Case((model, encoder, 2 * eye, 1), said)


# So few numbers that torch draws them one by one, in whatever shapes a learner asks for noise.
HAND = (bound_case(1, 1, 1, 1), bound_case(2, 1, 1, 1), _plane_case())
LOG_2PI = math.log(2 * math.pi)
VARIANCE_OF_NOISE = (
    "z = q_z.rsample((K,))",
    "z = q_z.mean + q_z.stddev * (q_z.rsample((K,)) - q_z.mean)",
)
AGREES = "Value and gradients, in the model and in the encoder, agree on the same draws with"


def _drawn_bounds() -> list[Case]:
    return [bound_case(2, 3), bound_case(3, 2)]


def _elbo(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    return log_w.mean(0)


ELBO = Exercise(
    name="elbo",
    number="4.2",
    solution=_elbo,
    slips=(
        _slip("averaged-first", "log_w.mean(0)", "(log_w.logsumexp(0) - math.log(K))"),
        _slip("sum-over-samples", "log_w.mean(0)", "log_w.sum(0)"),
        _slip("sum-over-data", "log_w.mean(0)", "log_w.mean()"),
        _slip("sum-over-data", "log_w.mean(0)", "log_w.mean(0).sum()"),
        _slip(
            "wrong-axis",
            "log_w.mean(0)",
            "log_w.mean(1)",
            "There is a number for each sample, not for each datum.",
        ),
        _slip("sample-for-rsample", "rsample", "sample"),
        _slip("log-q-missing", " - q_z.log_prob(z)", ""),
        _slip("log-q-sign", "- q_z", "+ q_z"),
        _slip(
            "log-missing",
            "q_z.log_prob(z)",
            "q_z.log_prob(z).exp()",
            "It is q(z|x), not its logarithm.",
        ),
        _slip(
            "wrong-count", "log_w.mean(0)", "(log_w.sum(0) / len(x))", "B stands where K belongs."
        ),
        _slip("prior-missing", "model.log_joint(x, z)", "model.decoder(z).log_prob(x)"),
        _slip(
            "log-k-missing",
            "log_w.mean(0)",
            "log_w.logsumexp(0)",
            "The ELBO takes no log of a sum at all.",
        ),
        _slip("weights-for-logs", "log_w.mean(0)", "log_w.exp().mean(0)"),
        _slip("logs-divided", "- q_z", "/ q_z"),
        _slip("two-draws", "log_prob(z)", "log_prob(q_z.rsample((K,)))"),
        _slip("not-averaged", "log_w.mean(0)", "log_w"),
        _slip("axis-kept", "log_w.mean(0)", "log_w.mean(0, keepdim=True)"),
        _slip("another-estimate", "- q_z.log_prob(z)", "+ q_z.entropy()"),
        _slip(
            "another-estimate",
            "log_w.mean(0)",
            "(model.decoder(z).log_prob(x) - torch.distributions.kl_divergence(q_z, model.prior())).mean(0)",
        ),
        _slip(
            "kl-twice",
            "log_w.mean(0)",
            "log_w.mean(0) - torch.distributions.kl_divergence(q_z, model.prior())",
        ),
        _slip("sign-flipped", "return ", "return -"),
        _slip(
            "fewer-samples",
            "(K,)",
            "(1,)",
            "The value is that of one sample, whatever K is.",
            "definition",
        ),
        _slip(
            "fewer-samples",
            "log_w.mean(0)",
            "log_w[-1]",
            "The value is that of the last sample.",
            "definition",
        ),
        _slip(
            "uniform-noise",
            "q_z.rsample((K,))",
            "q_z.mean + q_z.stddev * torch.rand(K, *q_z.mean.shape)",
        ),
        _slip("variance-for-sigma", *VARIANCE_OF_NOISE),
        _slip(
            "determinant-missing",
            "q_z.log_prob(z)",
            f"({HALF}(((z - q_z.mean) / q_z.stddev) ** 2 + LOG_2PI)).sum(-1)",
        ),
        _slip(
            "one-noise-for-all",
            "q_z.rsample((K,))",
            "q_z.mean + q_z.stddev * torch.randn(K, 1, q_z.mean.shape[1])",
        ),
        _slip(
            "one-noise-for-all",
            "q_z.rsample((K,))",
            "(q_z.mean + q_z.stddev * torch.randn(q_z.mean.shape[1]))[None]",
        ),
        _slip("mean-for-draw", "q_z.rsample((K,))", "q_z.mean[None]"),
        _slip(
            "wrongly-detached",
            "q_z.log_prob(z)",
            "q_z.log_prob(z).detach()",
            "The encoder's gradient lacks log q(z|x).",
        ),
        _slip(
            "wrongly-detached",
            "q_z.log_prob(z)",
            "Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1).log_prob(z)",
            "The encoder's parameters in log q(z|x) were held constant, as sticking the landing does.",
        ),
        _slip(
            "wrongly-detached",
            "q_z.log_prob(z)",
            "q_z.log_prob(z.detach())",
            "In log q(z|x) no gradient passes through z.",
        ),
        _slip(
            "wrongly-detached",
            "log_joint(x, z)",
            "log_joint(x, z.detach())",
            "In log p(x, z) no gradient passes through z.",
        ),
        _slip(
            "wrongly-detached",
            "log_joint(x, z)",
            "log_joint(x, z).detach()",
            "No gradient passes through the model.",
        ),
        _slip(
            "wrongly-detached",
            "log_w.mean(0)",
            "log_w.mean(0).detach()",
            "The answer has no gradient at all.",
        ),
    ),
    hand=HAND,
    draw=_drawn_bounds,
    verified=f"{AGREES} the mean log-weight, to five digits.",
    place=PLACES["definition"],
    observe=bound_and_gradients,
)


def check_elbo(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.2: the evidence lower bound, as the mean of the log-weights."""
    return judge(ELBO, fn)
