"""Exercise 5.7: log p(x) and its standard error from exactly K samples, a chunk at a time."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.importance import BOUND, WITHOUT_PRIOR
from vaelib.checks.observing import Seen, named_values
from vaelib.checks.scripted import bound_case, far_case, hand_case
from vaelib.checks.types import Case, Exercise, Slip

__all__ = ["exercise"]


def _log_likelihood(model: Any, q: Any, x: Tensor, K: int, chunk: int) -> tuple[Tensor, Tensor]:
    q_z, parts = q(x), []
    for start in range(0, K, chunk):
        z = q_z.sample((min(chunk, K - start),))
        parts.append(model.log_joint(x, z) - q_z.log_prob(z))
    log_w = torch.cat(parts).detach()
    estimate = torch.logsumexp(log_w, 0) - math.log(K)
    relative_variance = (K * log_w.softmax(0).square().sum(0) - 1).clamp(min=0)
    return estimate, (relative_variance / (K - 1)).sqrt()


def _estimate_and_memory(
    fn: Callable[..., Any], model: Any, q: Any, x: Tensor, K: int, chunk: int
) -> Seen:
    """For ``observe``: the estimate, its standard error, and how far a draw exceeded the chunk."""
    seen = named_values("estimate", "standard error")(fn, model, q, x, K, chunk)
    return seen | {"number of samples beyond the chunk": torch.tensor(max(q.largest - chunk, 0))}


def _chunked(case: Case, chunk: int) -> Case:
    return Case((*case.args, chunk), f"{case.said}, chunk = {chunk}")


EACH_CHUNK = "torch.stack([part.logsumexp(0) - math.log(len(part)) for part in parts])"
ERROR = "(relative_variance / (K - 1)).sqrt()"
DEVIATION = "(relative_variance * K / (K - 1)).sqrt()"
SHARES = "log_w.exp() / log_w.exp().sum(0)"

SLIPS = (
    Slip("elbo-reported", {BOUND: "log_w.mean(0)"}),
    Slip("log-of-mean-of-logs", {BOUND: f"{EACH_CHUNK}.mean(0)"},
         "The bound is that of one chunk."),
    Slip("log-of-mean-of-logs",
         {BOUND: f"sum(len(p) * e for p, e in zip(parts, {EACH_CHUNK})) / K"},
         "Their lengths as weights do not mend it."),
    Slip("chunks-alike", {BOUND: f"{EACH_CHUNK}.logsumexp(0) - math.log(len(parts))"}),
    Slip("last-chunk", {"torch.cat(parts)": "parts[-1]"}),
    Slip("last-chunk", {"torch.cat(parts)": "parts[-1]", "log(K)": "log(len(log_w))"}),
    Slip("last-chunk", {"torch.cat(parts).detach()": "parts[-1].detach()\n    K = len(log_w)"}),
    Slip("last-chunk", {"torch.cat(parts).detach()": "parts[0].detach()\n    K = len(log_w)"}),
    Slip("zero-in-the-sum", {"torch.cat(parts)": "torch.cat([*parts, torch.zeros(1, len(x))])"}),
    Slip("fewer-samples", {"range(0, K, chunk)": "range(0, K - chunk + 1, chunk)"}),
    Slip("fewer-samples", {"    q_z, parts": "    K = K // chunk * chunk\n    q_z, parts"}),
    Slip("more-samples", {"(min(chunk, K - start),)": "(chunk,)"}),
    Slip("more-samples", {"    q_z, parts": "    K = -(-K // chunk) * chunk\n    q_z, parts"}),
    Slip("more-samples", {"    q_z, parts": "    K = (K // chunk + 1) * chunk\n    q_z, parts"}),
    Slip("more-samples", {"    q_z, parts": "    K = K * chunk\n    q_z, parts"},
         "K chunks were drawn."),
    Slip("chunk-ignored", {"range(0, K, chunk)": "range(0, K, K)", "min(chunk, K - start)": "K"}),
    Slip("log-k-missing", {" - math.log(K)": ""}),
    Slip("no-maximum", {BOUND: "log_w.exp().mean(0).log()", "log_w.softmax(0)": f"({SHARES})"}),
    Slip("no-maximum", {BOUND: "log_w.exp().mean(0).log()"},
         "The error is right, the estimate is not."),
    Slip("no-maximum", {"log_w.softmax(0)": f"({SHARES})"},
         "The estimate is right, the error is not."),
    Slip("counted-wrong", {"math.log(K)": "math.log(chunk)"},
         "It was divided by the chunk's length."),
    Slip("counted-wrong", {"math.log(K)": "math.log(len(parts))"},
         "It was divided by the number of chunks."),
    Slip("counted-wrong", {"math.log(K)": "math.log(chunk * len(parts))"},
         "K was rounded up to whole chunks."),
    Slip("log-not-taken", {BOUND: "log_w.exp().mean(0)"}),
    Slip("sign-flipped", {BOUND: f"-({BOUND})"}),
    Slip("prior-missing", WITHOUT_PRIOR, "The weights must be p(x, z) / q(z|x)."),
    Slip("log-q-missing", {" - q_z.log_prob(z)": ""}),
    Slip("order-swapped", {f"return estimate, {ERROR}": f"return {ERROR}, estimate"}),
    Slip("sum-over-data", {f"return estimate, {ERROR}": f"return estimate.mean(), {ERROR}.mean()"}),
    Slip("se-of-logs", {ERROR: "log_w.std(0)"}, "It was not divided by √K, either."),
    Slip("second-moment-for-variance", {".sum(0) - 1)": ".sum(0))", "/ (K - 1)": "/ K"},
         "It is 1/√ESS, which is not zero even where all weights are equal."),
    Slip("interval-for-error", {ERROR: f"({ERROR} * 2)"}),
    Slip("interval-for-error", {ERROR: f"({ERROR} * 1.96)"}),
    Slip("another-root", {ERROR: f"({DEVIATION} / K)"}),
    Slip("another-root", {ERROR: f"({DEVIATION} / chunk**0.5)"}),
    Slip("another-root", {ERROR: f"({DEVIATION} / len(parts) ** 0.5)"}),
    Slip("se-of-logs", {ERROR: "log_w.std(0) / K**0.5"}),
    Slip("deviation-for-error", {ERROR: DEVIATION}),
    Slip("absolute-error", {ERROR: "log_w.exp().std(0) / K**0.5"}),
    Slip("variance-for-sigma", {".sqrt()": ""}, "It is the square of the standard error."),
    Slip("k-for-k-minus-one", {"/ (K - 1)": "/ K"}),
)  # fmt: skip

exercise = Exercise(
    solution=_log_likelihood,
    slips=SLIPS,
    hand=(
        _chunked(hand_case(2), 2),
        _chunked(hand_case(3), 2),
        _chunked(far_case(3), 1),
        _chunked(bound_case(7, 2, seed=0), 3),
    ),
    draw=lambda: [_chunked(bound_case(8, 3), 3)],
    verified="Estimate and standard error agree with exactly K samples in chunks, on a model that "
    "can be worked by hand and on fresh ones, also where every weight underflows.",
    place="judging",
    observe=_estimate_and_memory,
)
