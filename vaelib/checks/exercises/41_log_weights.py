"""Exercise 4.1: the log-weights of given latents."""

import math

from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


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
    x, x_hat, z = [2] * X, [1] * X, [1] * Z
    args = ([x], [[z]], [[x_hat]], sigma, [[0] * Z], [[0.5] * Z])
    given = {"x": x, "x_hat": x_hat, "z": z}
    said = ", ".join(f"{name} = {v if len(v) > 1 else v[0]}" for name, v in given.items())
    said = f"K = B = 1, {said}, σ_dec = {sigma:g}, mean 0 and std 0.5 of q"
    return Case(tuple(map(t64, args)), said)


def _drawn_weights() -> list[Case]:
    shapes = [(3, 5), (4, 3, 2), (4, 3, 5), (), (3, 2), (3, 2)]
    x, z, x_hat, sigma_dec, mean, std = (randn64(*shape) for shape in shapes)
    args = (x, z, x_hat, sigma_dec.exp(), mean, std.exp())
    return [Case(args, "K, B, X, Z = 4, 3, 5, 2")]


X_TERM = "((x - x_hat) / sigma_dec) ** 2"
Z_TERM = "((z - mean) / std) ** 2"
LOG_W = "return log_p_x + log_p_z - log_q"
LOG_P_X = f"-0.5 * ({X_TERM} + 2 * sigma_dec.log() + log_2pi)"
VARIANCE_IN_P = {"/ sigma_dec) ** 2 + 2 *": "/ sigma_dec**2) ** 2 + 4 *"}
VARIANCE_IN_Q = {"/ std) ** 2 + 2 *": "/ std**2) ** 2 + 4 *"}

SLIPS = (
    Slip("log-q-missing", {" - log_q": ""}),
    Slip("log-q-sign", {" - log_q": " + log_q"}),
    Slip("log-missing", {" - log_q": " - log_q.exp()"},
         "It is q(z|x) that was subtracted, not its logarithm."),
    Slip("prior-missing", {" + log_p_z": ""}, "What is left is log p(x|z) − log q(z|x)."),
    Slip("prior-sign", {" + log_p_z": " - log_p_z"}),
    Slip("logs-divided", {"log_p_x + log_p_z - log_q": "(log_p_x + log_p_z) / log_q"}),
    Slip("weights-for-logs", {LOG_W: "return (log_p_x + log_p_z - log_q).exp()"}),
    Slip("analytic-kl-in-weights",
         {"log_p_z - log_q": "0.5 * (1 - mean**2 - std**2 + 2 * std.log()).sum(-1)"}),
    Slip("mean-over-features", {".sum(-1)\n    log_p_z": ".mean(-1)\n    log_p_z"}),
    Slip("mean-over-latents", {".sum(-1)\n    log_q": ".mean(-1)\n    log_q",
                               ".sum(-1)\n    return": ".mean(-1)\n    return"},
         "log p(z) and log q(z|x) are both too near zero by a factor Z."),
    Slip("variance-for-sigma", VARIANCE_IN_P),
    Slip("variance-for-sigma", VARIANCE_IN_Q),
    Slip("variance-for-sigma", {**VARIANCE_IN_P, **VARIANCE_IN_Q}),
    Slip("exponential-of-sigma", {"/ std) ** 2 + 2 * std.log()": "/ std.exp()) ** 2 + 2 * std"}),
    Slip("sigma-for-variance", {X_TERM: "(x - x_hat) ** 2 / sigma_dec"}),
    Slip("sigma-for-variance", {f"{Z_TERM} + 2 * std.log()": "(z - mean) ** 2 / std + std.log()"}),
    Slip("sigma-for-variance", {Z_TERM: "(z - mean) ** 2 / std"}),
    Slip("sigma-ignored", {f"{X_TERM} + 2 * sigma_dec.log()": "(x - x_hat) ** 2"}),
    Slip("normaliser-dropped", {" + 2 * sigma_dec.log() + log_2pi": ""}),
    Slip("normaliser-dropped", {"sigma_dec.log() + log_2pi": "sigma_dec.log()"}),
    Slip("normaliser-once", {" + 2 * sigma_dec.log() + log_2pi).sum(-1)\n    log_p_z":
                             " + log_2pi).sum(-1) - sigma_dec.log()\n    log_p_z"},
         "It is log σ_dec."),
    Slip("squared-error", {LOG_P_X: "-((x - x_hat) ** 2)"}),
    Slip("squared-error", {LOG_P_X: "-0.5 * ((x - x_hat) ** 2)"}),
    Slip("squared-error", {LOG_P_X: "(-((x - x_hat) ** 2) / sigma_dec**2)"}),
    Slip("determinant-missing", {" + 2 * std.log()": ""},
         "log N(ε; 0, I) of the noise is not log q(z|x): z is stretched."),
    Slip("half-missing", {X_TERM: f"2 * {X_TERM}"}, "It belongs to the squared error of x."),
    Slip("half-missing", {"(z**2 + log_2pi)": "(2 * z**2 + log_2pi)"},
         "It belongs to z² in the prior."),
    Slip("half-missing", {Z_TERM: f"2 * {Z_TERM}"},
         "It belongs to the squared distance in log q(z|x)."),
    Slip("normaliser-dropped", {"(z**2 + log_2pi)": "(z**2)"},
         "It is the prior's; it cancels only if that of q goes, too."),
    Slip("sigma-for-variance", {"2 * sigma_dec.log()": "sigma_dec.log()"},
         "½ log σ_dec stands for log σ_dec."),
    Slip("axes-swapped", {LOG_W: "return (log_p_x + log_p_z - log_q).T"}),
    Slip("sign-flipped", {LOG_W: "return log_q - log_p_x - log_p_z"}),
    Slip("not-summed",
         {f".sum(-1)\n    {line}": f"\n    {line}" for line in ("log_p_z", "log_q =", "return")},
         "Each term is a sum over its last axis."),
    Slip("sum-over-data", {LOG_W: "return (log_p_x + log_p_z - log_q).sum()"}),
    Slip("axis-kept", {LOG_W: "return (log_p_x + log_p_z - log_q)[..., None]"}),
)  # fmt: skip

exercise = Exercise(
    solution=_log_weights,
    slips=SLIPS,
    hand=tuple(
        _weights_case(*sizes)
        for sizes in ((1, 1, 1.0), (1, 1, 0.5), (2, 1, 1.0), (1, 2, 1.0), (2, 1, 0.5))
    ),
    draw=_drawn_weights,
    verified="It agrees with log p(x|z) + log p(z) − log q(z|x) for every sample and datum, to "
    "five digits.",
    place="definition",
)
