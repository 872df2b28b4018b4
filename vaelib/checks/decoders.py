"""Checks of the exercises of chapter 2 that are about decoders: log-likelihoods of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from vaelib.checks.calling import Refusal
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.proxies import _t
from vaelib.checks.verdict import Verdict

__all__ = ["check_bernoulli_log_likelihood", "check_gaussian_log_likelihood"]


def _gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    square = ((x - mean) / sigma).square().sum(-1)
    constant = x.shape[-1] * torch.log(2 * math.pi * sigma**2)
    return -(square + constant) / 2


NOISE = PLACES["noise"]
CONSTANT = "x.shape[-1] * torch.log(2 * math.pi * sigma**2)"

GAUSSIAN = Exercise(
    name="gaussian_log_likelihood",
    number="2.2",
    solution=_gaussian_log_likelihood,
    slips=(
        Slip("normaliser-dropped", (("square + constant", "square"),)),
        Slip(
            "normaliser-dropped",
            (("2 * math.pi * sigma**2", "sigma**2"),),
            "Every value is X/2 · log 2π too high.",
        ),
        Slip(
            "normaliser-once",
            (("x.shape[-1] * torch.log", "torch.log"),),
            "X − 1 constants are missing.",
        ),
        Slip(
            "normaliser-once",
            ((CONSTANT, "torch.log(sigma**2) + x.shape[-1] * math.log(2 * math.pi)"),),
            "It is log σ.",
        ),
        Slip(
            "normaliser-once",
            ((CONSTANT, "x.shape[-1] * torch.log(sigma**2) + math.log(2 * math.pi)"),),
            "It is log 2π.",
        ),
        Slip(
            "normaliser-dropped",
            ((CONSTANT, "x.shape[-1] * math.log(2 * math.pi)"),),
            "It is log σ that is missing.",
        ),
        Slip("logarithm-sign", (("square + constant", "square - constant"),)),
        Slip(
            "likelihood-for-log",
            (("-(square + constant) / 2", "torch.exp(-(square + constant) / 2)"),),
            "",
            NOISE,
        ),
        Slip("not-summed", ((".sum(-1)", ""), ("x.shape[-1] * ", ""))),
        Slip("axis-kept", ((".sum(-1)", ".sum(-1, keepdim=True)"),)),
        Slip("wrong-axis", ((".sum(-1)", ".sum(0)"), ("x.shape[-1]", "len(mean)"))),
        Slip("wrong-axis", ((".sum(-1)", ".sum(1)"), ("x.shape[-1]", "len(x)"))),
        Slip(
            "exponential-of-sigma",
            (("/ sigma)", "/ sigma.exp())"), ("sigma**2", "sigma.exp() ** 2")),
        ),
        Slip(
            "length-not-squared",
            (("((x - mean) / sigma).square().sum(-1)", "(x - mean).norm(dim=-1) / sigma**2"),),
        ),
        Slip(
            "half-missing",
            (("(2 * math.pi * sigma**2)", "((2 * math.pi * sigma) ** 2)"),),
            "The log 2π lacks it.",
        ),
        Slip(
            "variance-for-sigma",
            (("pi * sigma**2", "pi * sigma**4"),),
            "The constant has σ⁴ for σ².",
        ),
        Slip("mean-over-features", ((".sum(-1)", ".mean(-1)"), ("x.shape[-1] * ", ""))),
        Slip(
            "mean-over-features",
            ((".sum(-1)", ".mean(-1)"),),
            "It is the squared error that was averaged.",
        ),
        Slip("sigma-ignored", (("-(square + constant) / 2", "-(x - mean).square().sum(-1) / 2"),)),
        Slip("sigma-ignored", (("-(square + constant) / 2", "-(x - mean).square().sum(-1)"),)),
        Slip("sigma-ignored", (("-(square + constant) / 2", "-(x - mean).square().mean(-1)"),)),
        Slip(
            "sigma-ignored",
            (("/ sigma)", ")"), ("sigma**2", "sigma**0")),
            "The value is the same for every σ.",
        ),
        Slip(
            "sigma-ignored",
            (("/ sigma)", ")"),),
            "The squared error is not divided by σ²; only the constant has σ.",
        ),
        Slip(
            "variance-for-sigma", (("/ sigma)", "/ sigma**2)"), ("pi * sigma**2", "pi * sigma**4"))
        ),
        Slip(
            "variance-for-sigma",
            (("/ sigma)", "/ sigma**2)"),),
            "The squared error is divided by σ⁴.",
        ),
        Slip("sigma-for-variance", (("/ sigma)", "/ sigma.sqrt())"), ("sigma**2", "sigma"))),
        Slip(
            "sigma-for-variance",
            (("/ sigma)", "/ sigma.sqrt())"),),
            "The squared error is divided by σ.",
        ),
        Slip("half-missing", ((" / 2", ""),), "Without it all doubles."),
        Slip(
            "half-missing",
            (("-(square + constant) / 2", "-square - constant / 2"),),
            "The squared error lacks it.",
        ),
        Slip(
            "half-missing",
            (("-(square + constant) / 2", "-square / 2 - constant"),),
            "The constant lacks it.",
        ),
        Slip("base-2", ((" / 2", " / 2 / math.log(2)"),)),
        Slip(
            "base-2",
            (("torch.log(", "torch.log2("),),
            "The constant is 1.4427 times what it should be.",
        ),
        Slip(
            "density-underflows",
            (("-(square + constant) / 2", "torch.exp(-(square + constant) / 2).log()"),),
        ),
        Slip("negated", (("return", "return -1 *"),)),
        Slip("sum-over-data", (("-(square + constant)", "-(square + constant).sum()"),)),
        Slip("sum-over-data", (("-(square + constant)", "-(square + constant).mean()"),)),
    ),
    hand=(
        Case(
            (_t([[1.0, 0.0]]), _t([[[0.0, 0.0]]]), _t(0.5)),
            "x = [[1, 0]], mean = [[[0, 0]]], σ = ½",
        ),
        Case((_t([[100.0]]), _t([[[0.0]]]), _t(1.0)), "x = [[100]], mean = [[[0]]], σ = 1"),
    ),
    draw=lambda: [
        Case(
            (torch.randn(3, 4).double(), torch.randn(5, 3, 4).double(), _t(0.3)),
            "K, B, X = 5, 3, 4 and σ = 0.3",
        )
    ],
    verified="It agrees with the log-density of Gaussian vectors, and holds a hundred standard deviations away.",
    place=PLACES["noise"],
)


def _bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    if ((x != 0) & (x != 1)).any():
        raise ValueError("x must hold bits, 0 or 1")
    log_p = logsigmoid((2 * x - 1) * logits)
    return log_p.sum(-1)


def _refusal_or_values(fn: Callable[..., Any], x: Tensor, logits: Tensor) -> Seen:
    """Of bits, the answer; of anything else only whether it is refused."""
    if ((x == 0) | (x == 1)).all():
        return values(fn, x, logits)
    try:
        fn(x, logits)
    except ValueError:
        return {"number of ValueErrors": _t(1.0)}
    except (AssertionError, TypeError, RuntimeError) as error:
        wanted = "A pixel that is neither 0 nor 1 asks for a ValueError"
        raise Refusal(
            f"{wanted}; your function raised {type(error).__name__} for x = {x.tolist()}."
        ) from None
    return {"number of ValueErrors": _t(0.0)}


def _log_p(instead: str) -> tuple[tuple[str, str], ...]:
    return (("logsigmoid((2 * x - 1) * logits)", instead),)


_NAIVE = (
    "x * torch.log(torch.sigmoid(logits){0}) + (1 - x) * torch.log(1 - torch.sigmoid(logits){0})"
)
_LEAST = (
    "1e-3",
    "1e-4",
    "1e-5",
    "1e-6",
    "1e-7",
    "1e-8",
    "1e-9",
    "1e-10",
    "1e-12",
    "1e-15",
    "1e-16",
    "2**-52",
    "2**-23",
)
_CHOSEN = "torch.where(x == 1, torch.sigmoid(logits), 1 - torch.sigmoid(logits)).log()"

BERNOULLI = Exercise(
    name="bernoulli_log_likelihood",
    number="2.4",
    solution=_bernoulli_log_likelihood,
    slips=(
        Slip("grey-pixels", (("((x != 0) & (x != 1)).any()", "False"),)),
        Slip(
            "grey-pixels",
            (("& (x != 1)).any()", "& (x != 1)).all()"),),
            "One grey pixel beside a bit passes.",
        ),
        Slip(
            "grey-pixels",
            (("(x != 0) & (x != 1)", "(x < 0) | (x > 1)"),),
            "x = ½ passes; only x = 255 is refused.",
        ),
        Slip(
            "grey-pixels",
            (("(x != 0) & (x != 1)", "(x > 0) & (x < 1)"),),
            "x = 255 passes; only x = ½ is refused.",
        ),
        Slip("naive-bernoulli", _log_p(_NAIVE.format(""))),
        Slip("naive-bernoulli", _log_p(_CHOSEN)),
        *(Slip("probability-clipped", _log_p(_NAIVE.format(f" + {least}"))) for least in _LEAST),
        *(
            Slip("probability-clipped", _log_p(_NAIVE.format(f".clamp({least}, 1 - {least})")))
            for least in _LEAST[:4]
        ),
        Slip("probability-clipped", _log_p("logsigmoid((2 * x - 1) * logits).clamp(min=-100)")),
        Slip("naive-bernoulli", _log_p("x * logits - torch.log(1 + torch.exp(logits))")),
        Slip("naive-bernoulli", _log_p("-torch.log(1 + torch.exp(-(2 * x - 1) * logits))")),
        Slip(
            "logits-as-probabilities",
            _log_p("x * torch.log(logits) + (1 - x) * torch.log(1 - logits)"),
        ),
        Slip("sigmoid-twice", _log_p("logsigmoid((2 * x - 1) * torch.sigmoid(logits))")),
        Slip("arguments-swapped", _log_p("logits * x - torch.log(1 + torch.exp(x))")),
        Slip("zeros-ignored", _log_p("x * logsigmoid(logits)")),
        Slip("mean-over-features", ((".sum(-1)", ".mean(-1)"),)),
        Slip("not-summed", ((".sum(-1)", ""),)),
        Slip("wrong-axis", ((".sum(-1)", ".sum(0)"),), "The pixels stand along the last axis."),
        Slip("wrong-axis", ((".sum(-1)", ".sum(1)"),), "The pixels stand along the last axis."),
        Slip("axis-kept", ((".sum(-1)", ".sum(-1, keepdim=True)"),)),
        Slip("likelihood-for-log", (("log_p.sum(-1)", "log_p.exp().prod(-1)"),)),
        Slip("bits-flipped", (("2 * x - 1", "1 - 2 * x"),)),
        Slip("base-2", ((".sum(-1)", ".sum(-1) / math.log(2)"),)),
        Slip("negated", (("return log_p", "return -log_p"),)),
        Slip("sum-over-data", ((".sum(-1)", ".sum()"),)),
        Slip("sum-over-data", ((".sum(-1)", ".sum(-1).mean()"),)),
    ),
    hand=(
        Case(
            (_t([[1.0, 0.0]]), _t([[[0.0, math.log(3)]]])), "x = [[1, 0]], logits = [[[0, log 3]]]"
        ),
        Case((_t([[1.0, 0.0]]), _t([[[-1000.0, 0.0]]])), "x = [[1, 0]], logits = [[[−1000, 0]]]"),
        Case(
            (_t([[0.0, 0.0]]), _t([[[1000.0, -1000.0]]])),
            "x = [[0, 0]], logits = [[[1000, −1000]]]",
        ),
        Case(
            (_t([[1.0, 1.0, 0.0]]), _t([[[40.0, 1000.0, 0.0]]])),
            "x = [[1, 1, 0]], logits = [[[40, 1000, 0]]]",
        ),
        Case((_t([[0.5]]), _t([[[0.0]]])), "x = [[½]] (grey)"),
        Case((_t([[255.0]]), _t([[[0.0]]])), "x = [[255]] (no bit)"),
        Case((_t([[1.0, 0.5]]), _t([[[0.0, 0.0]]])), "x = [[1, ½]] (one grey)"),
    ),
    draw=lambda: [
        Case(
            (torch.randint(2, (3, 4)).double(), 4 * torch.rand(5, 3, 4).double() - 2),
            "K, B, X = 5, 3, 4",
        )
    ],
    verified="It agrees with the log-probabilities, holds for logits of ±1000, and refuses what is neither 0 nor 1.",
    place=PLACES["bits"],
    observe=_refusal_or_values,
)


def check_gaussian_log_likelihood(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.2: the Gaussian log-likelihood of images, given the decoder's means and its σ."""
    return judge(GAUSSIAN, fn)


def check_bernoulli_log_likelihood(fn: Callable[..., Any]) -> Verdict:
    """Exercise 2.4: the log-likelihood of bits, given the decoder's logits, in one stable pass."""
    return judge(BERNOULLI, fn)
