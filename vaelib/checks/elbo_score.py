"""The check of exercise 4.4: the bound, its encoder's gradient by the score function."""

from __future__ import annotations

import math  # noqa: F401 (in an edit)
from collections.abc import Callable
from typing import Any

from torch import Tensor

from vaelib.checks.elbo import AGREES, HAND, _drawn_bounds, _slip
from vaelib.checks.exercise import Exercise, Slip, judge
from vaelib.checks.mistakes import PLACES
from vaelib.checks.scripted import bound_and_gradients
from vaelib.checks.verdict import Verdict

__all__ = ["check_elbo_score"]


def _elbo_score(model: Any, q: Any, x: Tensor, K: int) -> Any:
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q.detach()
    score = log_q - log_q.detach()
    return (log_w + log_w.detach() * score).mean(0)


LOG_Q_IN_W = ("(x, z) - log_q.detach()", "(x, z) - log_q")
NO_SCORE = (" + log_w.detach() * score", "")
NO_BOUND = "The value is a product of two logarithms: it bounds nothing."

ELBO_SCORE = Exercise(
    name="elbo_score",
    number="4.4",
    solution=_elbo_score,
    slips=(
        _slip(
            "surrogate-returned",
            "log_w + log_w.detach() * score",
            "log_w.detach() * log_q",
            NO_BOUND,
            "estimators",
        ),
        _slip(
            "surrogate-returned",
            "log_w.detach() * score",
            "log_w.detach() * log_q",
            NO_BOUND,
            "estimators",
        ),
        _slip(
            "surrogate-returned",
            "log_w + log_w.detach() * score",
            "model.log_joint(x, z) + log_w.detach() * log_q",
        ),
        Slip(
            "surrogate-returned",
            (LOG_Q_IN_W, ("log_w + log_w.detach() * score", "log_w * log_q")),
            NO_BOUND,
        ),
        _slip("path-and-score", "sample", "rsample"),
        Slip("path-and-score", (("sample", "rsample"), LOG_Q_IN_W)),
        Slip("score-twice", (LOG_Q_IN_W,)),
        Slip("pathwise-for-score", (("sample", "rsample"), LOG_Q_IN_W, NO_SCORE)),
        Slip("score-missing", (LOG_Q_IN_W, NO_SCORE)),
        Slip("score-missing", (NO_SCORE,)),
        _slip("score-sign", "+ log_w.detach() *", "- log_w.detach() *"),
        _slip(
            "weights-for-logs",
            "log_w.detach() *",
            "log_w.detach().exp() *",
            "It is the score that they multiply.",
        ),
        _slip("own-draw-in-baseline", "log_w.detach() *", "(log_w - log_w.mean(0)).detach() *"),
        _slip("means-multiplied", "(log_w + log_w.detach() *", "(log_w + log_w.detach().mean(0) *"),
        _slip(
            "wrongly-detached",
            "(log_w +",
            "(log_w.detach() +",
            "The value is right; the model gets no gradient.",
        ),
        _slip(
            "wrongly-detached",
            "log_w + log_w.detach() * score",
            "log_w.detach()",
            "The answer has no gradient at all.",
        ),
        _slip("log-q-missing", "(x, z) - log_q.detach()", "(x, z)"),
        _slip(
            "log-q-missing",
            "log_w.detach() *",
            "model.log_joint(x, z).detach() *",
            "It is missing in the factor of the score.",
        ),
        _slip("prior-missing", "model.log_joint(x, z)", "model.decoder(z).log_prob(x)"),
        _slip("log-q-sign", "(x, z) - log_q", "(x, z) + log_q"),
        _slip("mean-for-draw", "q_z.sample((K,))", "q_z.mean.detach().expand(K, -1, -1)"),
        _slip(
            "fewer-samples",
            "(K,)",
            "(1,)",
            "The value is that of one sample, whatever K is.",
            "definition",
        ),
        _slip("sum-over-samples", ".mean(0)", ".sum(0)"),
        _slip(
            "sum-over-samples",
            "+ log_w.detach() * score",
            "+ K * log_w.detach() * score",
            "It is the score's term.",
        ),
        _slip("sum-over-data", ".mean(0)", ".mean()"),
        _slip("sum-over-data", ".mean(0)", ".mean(0).sum()"),
        _slip("not-averaged", ".mean(0)", ""),
        _slip("averaged-first", ".mean(0)", ".logsumexp(0) - math.log(K)"),
        _slip("sign-flipped", "return (", "return -("),
    ),
    hand=HAND,
    draw=_drawn_bounds,
    verified=f"{AGREES} the bound and with log w times the score, to five digits.",
    place=PLACES["estimators"],
    observe=bound_and_gradients,
)


def check_elbo_score(fn: Callable[..., Any]) -> Verdict:
    """Exercise 4.4: the bound, its encoder's gradient by the score function."""
    return judge(ELBO_SCORE, fn)
