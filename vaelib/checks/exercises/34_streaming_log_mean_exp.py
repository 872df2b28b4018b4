"""Exercise 3.4: the log-mean-exp of weights that come in chunks."""

import math

import torch
from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _streaming_log_mean_exp(chunks: list[Tensor]) -> Tensor:
    top = torch.full_like(chunks[0][0], -math.inf)
    total = torch.zeros_like(chunks[0][0])
    count = 0
    for log_w in chunks:
        new = torch.maximum(top, log_w.max(0).values)
        total = total * (top - new).exp() + (log_w - new).exp().sum(0)
        top, count = new, count + len(log_w)
    return top + total.log() - math.log(count)


STREAMED = "top + total.log() - math.log(count)"
MEANS = "torch.stack([log_w.logsumexp(0) - math.log(len(log_w)) for log_w in chunks])"

SLIPS = (
    Slip("maximum-kept", {"total * (top - new).exp()": "total"}),
    Slip("maximum-kept", {"torch.maximum(top, log_w.max(0).values)":
                          "torch.where(top.isneginf(), log_w.max(0).values, top)"},
         "The first chunk's maximum served all: a later weight, far above it, overflows."),
    Slip("maximum-of-all", {"log_w.max(0).values": "log_w.max().expand(log_w.shape[1])"}),
    Slip("zero-in-the-sum", {"torch.full_like(chunks[0][0], -math.inf)": "0 * chunks[0][0]",
                             "torch.zeros_like(chunks[0][0])": "torch.ones_like(chunks[0][0])"}),
    Slip("log-of-mean-of-logs", {STREAMED: "torch.cat(chunks).mean(0)"}),
    Slip("log-of-mean-of-logs", {STREAMED: f"{MEANS}.mean(0)"},
         "Each chunk's log-mean is right; their mean is not."),
    Slip("chunks-alike", {STREAMED: f"{MEANS}.logsumexp(0) - math.log(len(chunks))"}),
    Slip("log-k-missing", {" - math.log(count)": ""}),
    Slip("counted-wrong", {"math.log(count)": "math.log(len(chunks))"},
         "It was divided by the number of chunks."),
    Slip("counted-wrong", {"len(log_w)": "log_w.numel()"},
         "It was divided by the number of all numbers."),
    Slip("counted-wrong", {"len(log_w)": "log_w.shape[1]"},
         "The data were counted, not the weights of one."),
    Slip("counted-wrong", {"- math.log(count)": "+ math.log(count)"},
         "It was multiplied by the count."),
    Slip("counted-wrong", {"count + len(log_w)": "len(log_w)"},
         "It was divided by the last chunk's length."),
    Slip("last-chunk", {"in chunks:": "in chunks[-1:]:"}),
    Slip("last-chunk", {"in chunks:": "in chunks[:1]:"}),
    Slip("no-maximum", {STREAMED: "torch.cat(chunks).exp().mean(0).log()"}),
    Slip("maximum-not-added", {"return top + ": "return "}),
    Slip("wrong-axis", {STREAMED: "torch.cat(chunks).logsumexp(1) - math.log(chunks[0].shape[1])"}),
)  # fmt: skip

HAND = (
    Case(([t64([[0]]), t64([[math.log(3)]])],), "the chunks [[0]] and [[log 3]]"),
    Case(([t64([[0]]), t64([[math.log(3)], [math.log(5)]])],),
         "the chunks [[0]] and [[log 3], [log 5]]"),
    Case(([t64([[1000]]), t64([[1001]])],), "the chunks [[1000]] and [[1001]]"),
    Case(([t64([[0]]), t64([[1000]])],), "the chunks [[0]] and [[1000]]"),
    Case(([t64([[-1000]]), t64([[-1001]])],), "the chunks [[-1000]] and [[-1001]]"),
    Case(([t64([[0, 1]]), t64([[math.log(3), 1]])],), "the chunks [[0, 1]] and [[log 3, 1]]"),
    Case(([t64([[1000, -1000]]), t64([[1001, -1001]])],),
         "the chunks [[1000, -1000]] and [[1001, -1001]]"),
)  # fmt: skip

exercise = Exercise(
    solution=_streaming_log_mean_exp,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [
        Case(
            ([4 * torch.randn(n, 3) for n in (4, 1, 2)],),
            "chunks of 4, 1 and 2 weights of three data",
        )
    ],
    verified="It agrees with the log-mean-exp of all chunks together, whatever their lengths, and "
    "holds for log-weights of ±1000. What it keeps in memory was not measured.",
    place="logs",
)
