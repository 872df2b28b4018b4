"""Exercise 2.4: the log-likelihood of bits, given the decoder's logits, in one stable pass."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from vaelib.checks.calling import Refusal
from vaelib.checks.observing import Seen, values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    if ((x != 0) & (x != 1)).any():
        raise ValueError("x must hold bits, 0 or 1")
    log_p = logsigmoid((2 * x - 1) * logits)
    return log_p.sum(-1)


def _refusal_or_values(fn: Callable[..., Any], x: Tensor, logits: Tensor) -> Seen:
    """For ``observe``: the values for bits; for anything else whether it is refused."""
    if ((x == 0) | (x == 1)).all():
        return values(fn, x, logits)
    try:
        fn(x, logits)
    except ValueError:
        return {"number of ValueErrors": t64(1)}
    except (AssertionError, TypeError, RuntimeError) as error:
        wanted = "A pixel that is neither 0 nor 1 asks for a ValueError"
        got = f"your function raised {type(error).__name__} for x = {x.tolist()}"
        raise Refusal(f"{wanted}; {got}.") from None
    return {"number of ValueErrors": t64(0)}


def _naive(guard: str = "") -> dict[str, str]:
    """The log of a probability that is computed first, maybe with a guard against log 0."""
    p = "torch.sigmoid(logits)"
    return {LOG_P: f"x * torch.log({p}{guard}) + (1 - x) * torch.log(1 - {p}{guard})"}


LOG_P = "logsigmoid((2 * x - 1) * logits)"
CHOSEN = "torch.where(x == 1, torch.sigmoid(logits), 1 - torch.sigmoid(logits)).log()"
LARGE = ("1e-3", "1e-4", "1e-5", "1e-6")
SMALL = ("1e-7", "1e-8", "1e-9", "1e-10", "1e-12", "1e-15", "1e-16", "2**-52", "2**-23")

SLIPS = (
    Slip("grey-pixels", {"((x != 0) & (x != 1)).any()": "False"}),
    Slip("grey-pixels", {"& (x != 1)).any()": "& (x != 1)).all()"},
         "One grey pixel beside a bit passes."),
    Slip("grey-pixels", {"(x != 0) & (x != 1)": "(x < 0) | (x > 1)"},
         "x = ½ passes; only x = 255 is refused."),
    Slip("grey-pixels", {"(x != 0) & (x != 1)": "(x > 0) & (x < 1)"},
         "x = 255 passes; only x = ½ is refused."),
    Slip("naive-bernoulli", _naive()),
    Slip("naive-bernoulli", {LOG_P: CHOSEN}),
    *(Slip("probability-clipped", _naive(f" + {least}")) for least in LARGE + SMALL),
    *(Slip("probability-clipped", _naive(f".clamp({least}, 1 - {least})")) for least in LARGE),
    Slip("probability-clipped", {LOG_P: "logsigmoid((2 * x - 1) * logits).clamp(min=-100)"}),
    Slip("naive-bernoulli", {LOG_P: "x * logits - torch.log(1 + torch.exp(logits))"}),
    Slip("naive-bernoulli", {LOG_P: "-torch.log(1 + torch.exp(-(2 * x - 1) * logits))"}),
    Slip("logits-as-probabilities",
         {LOG_P: "x * torch.log(logits) + (1 - x) * torch.log(1 - logits)"}),
    Slip("sigmoid-twice", {LOG_P: "logsigmoid((2 * x - 1) * torch.sigmoid(logits))"}),
    Slip("arguments-swapped", {LOG_P: "logits * x - torch.log(1 + torch.exp(x))"}),
    Slip("zeros-ignored", {LOG_P: "x * logsigmoid(logits)"}),
    Slip("mean-over-features", {".sum(-1)": ".mean(-1)"}),
    Slip("not-summed", {".sum(-1)": ""}),
    Slip("wrong-axis", {".sum(-1)": ".sum(0)"}, "The pixels stand along the last axis."),
    Slip("wrong-axis", {".sum(-1)": ".sum(1)"}, "The pixels stand along the last axis."),
    Slip("axis-kept", {".sum(-1)": ".sum(-1, keepdim=True)"}),
    Slip("likelihood-for-log", {"log_p.sum(-1)": "log_p.exp().prod(-1)"}),
    Slip("bits-flipped", {"2 * x - 1": "1 - 2 * x"}),
    Slip("base-2", {".sum(-1)": ".sum(-1) / math.log(2)"}),
    Slip("negated", {"return log_p": "return -log_p"}),
    Slip("sum-over-data", {".sum(-1)": ".sum()"}),
    Slip("sum-over-data", {".sum(-1)": ".sum(-1).mean()"}),
)  # fmt: skip

HAND = (
    Case((t64([[1, 0]]), t64([[[0, math.log(3)]]])), "x = [[1, 0]], logits = [[[0, log 3]]]"),
    Case((t64([[1, 0]]), t64([[[-1000, 0]]])), "x = [[1, 0]], logits = [[[−1000, 0]]]"),
    Case((t64([[0, 0]]), t64([[[1000, -1000]]])), "x = [[0, 0]], logits = [[[1000, −1000]]]"),
    Case((t64([[1, 1, 0]]), t64([[[40, 1000, 0]]])), "x = [[1, 1, 0]], logits = [[[40, 1000, 0]]]"),
    Case((t64([[0.5]]), t64([[[0]]])), "x = [[½]] (grey)"),
    Case((t64([[255]]), t64([[[0]]])), "x = [[255]] (no bit)"),
    Case((t64([[1, 0.5]]), t64([[[0, 0]]])), "x = [[1, ½]] (one grey)"),
)  # fmt: skip

exercise = Exercise(
    solution=_bernoulli_log_likelihood,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [
        Case(
            (torch.randint(2, (3, 4)).double(), 4 * torch.rand(5, 3, 4).double() - 2),
            "K, B, X = 5, 3, 4",
        )
    ],
    verified="It agrees with the log-probabilities, holds for logits of ±1000, and refuses what "
    "is neither 0 nor 1.",
    place="bits",
    observe=_refusal_or_values,
)
