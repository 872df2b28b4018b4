"""Exercise 4.4: the bound, its encoder's gradient by the score function."""

from typing import Any

from torch import Tensor

from vaelib.checks.scripted import bound_and_gradients, bound_case, hand_case, plane_case
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _elbo_score(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q.detach()
    score = log_q - log_q.detach()
    return (log_w + log_w.detach() * score).mean(0)


BOTH = "log_w + log_w.detach() * score"
LOG_Q_IN_W = {"(x, z) - log_q.detach()": "(x, z) - log_q"}
NO_SCORE = {" + log_w.detach() * score": ""}
NO_BOUND = "The value is a product of two logarithms: it bounds nothing."

SLIPS = (
    Slip("surrogate-returned", {BOTH: "log_w.detach() * log_q"}, NO_BOUND, place="estimators"),
    Slip("surrogate-returned", {"log_w.detach() * score": "log_w.detach() * log_q"},
         NO_BOUND, place="estimators"),
    Slip("surrogate-returned", {BOTH: "model.log_joint(x, z) + log_w.detach() * log_q"}),
    Slip("surrogate-returned", {**LOG_Q_IN_W, BOTH: "log_w * log_q"}, NO_BOUND),
    Slip("path-and-score", {"sample": "rsample"}),
    Slip("path-and-score", {"sample": "rsample", **LOG_Q_IN_W}),
    Slip("score-twice", LOG_Q_IN_W),
    Slip("pathwise-for-score", {"sample": "rsample", **LOG_Q_IN_W, **NO_SCORE}),
    Slip("score-missing", {**LOG_Q_IN_W, **NO_SCORE}),
    Slip("score-missing", NO_SCORE),
    Slip("score-sign", {"+ log_w.detach() *": "- log_w.detach() *"}),
    Slip("weights-for-logs", {"log_w.detach() *": "log_w.detach().exp() *"},
         "It is the score that they multiply."),
    Slip("own-draw-in-baseline", {"log_w.detach() *": "(log_w - log_w.mean(0)).detach() *"}),
    Slip("means-multiplied", {"(log_w + log_w.detach() *": "(log_w + log_w.detach().mean(0) *"}),
    Slip("wrongly-detached", {"(log_w +": "(log_w.detach() +"},
         "The value is right; the model gets no gradient."),
    Slip("wrongly-detached", {BOTH: "log_w.detach()"}, "The answer has no gradient at all."),
    Slip("log-q-missing", {"(x, z) - log_q.detach()": "(x, z)"}),
    Slip("log-q-missing", {"log_w.detach() *": "model.log_joint(x, z).detach() *"},
         "It is missing in the factor of the score."),
    Slip("prior-missing", {"model.log_joint(x, z)": "model.decoder(z).log_prob(x)"}),
    Slip("log-q-sign", {"(x, z) - log_q": "(x, z) + log_q"}),
    Slip("mean-for-draw", {"q_z.sample((K,))": "q_z.mean.detach().expand(K, -1, -1)"}),
    Slip("fewer-samples", {"(K,)": "(1,)"},
         "The value is that of one sample, whatever K is.", place="definition"),
    Slip("sum-over-samples", {".mean(0)": ".sum(0)"}),
    Slip("sum-over-samples", {"+ log_w.detach() * score": "+ K * log_w.detach() * score"},
         "It is the score's term."),
    Slip("sum-over-data", {".mean(0)": ".mean()"}),
    Slip("sum-over-data", {".mean(0)": ".mean(0).sum()"}),
    Slip("not-averaged", {".mean(0)": ""}),
    Slip("averaged-first", {".mean(0)": ".logsumexp(0) - math.log(K)"}),
    Slip("sign-flipped", {"return (": "return -("}),
)  # fmt: skip

exercise = Exercise(
    solution=_elbo_score,
    slips=SLIPS,
    hand=(hand_case(1), hand_case(2), plane_case()),
    draw=lambda: [bound_case(2, 3), bound_case(3, 2)],
    verified="Value and gradients, in the model and in the encoder, agree on the same draws with "
    "the bound and with log w times the score, to five digits.",
    place="estimators",
    observe=bound_and_gradients,
)
