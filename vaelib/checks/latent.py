"""Checks of the exercises of chapter 1: latent-variable models, solved and sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.exercise import Case, Exercise, Seen, Slip, judge, values
from vaelib.checks.mistakes import PLACES
from vaelib.checks.verdict import Verdict
from vaelib.latent import LinearGaussian

__all__ = [
    "check_ancestral",
    "check_em_step",
    "check_log_evidence",
    "check_many_pixels",
    "check_mixture_posterior",
    "check_mixture_price",
    "check_simple_monte_carlo",
]

# An edit is (old, new); several slips edit the same lines.
LOG_JOINT = "log_joint - log_joint.max(1, keepdim=True).values"
UNSCALED = (LOG_JOINT, "log_joint")
SHARES = "joint / joint.sum(1, keepdim=True)"


def t64(*numbers: Any) -> Tensor:
    """A tensor in double precision."""
    return torch.tensor(numbers, dtype=torch.float64)


def _mixture_posterior(x: Tensor, weights: Tensor, means: Tensor, sigma: float) -> Tensor:
    scaled = (x[:, None] - means) / sigma
    log_joint = weights.log() - 0.5 * scaled**2
    joint = (log_joint - log_joint.max(1, keepdim=True).values).exp()
    return joint / joint.sum(1, keepdim=True)


def _petals() -> list[Case]:
    weights = torch.rand(3).double() + 0.2
    args = (6 * torch.rand(4).double(), weights / weights.sum(), 6 * torch.rand(3).double(), 1.7)
    return [Case(args, "four petals and three species")]


MIXTURE_POSTERIOR = Exercise(
    name="mixture_posterior",
    number="1.1",
    solution=_mixture_posterior,
    slips=(
        Slip("prior-missing", (("weights.log() - ", "-"),), "How common a species is does not count in your answer."),
        Slip("posterior-unnormalised", (UNSCALED, (f"{SHARES}", "joint"))),
        Slip("posterior-unnormalised", (UNSCALED, (f"{SHARES}", "joint / (sigma * math.sqrt(2 * math.pi))"))),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("no-maximum", (UNSCALED,), "A petal far from every species gets 0/0, not a number."),
        Slip("sigma-for-variance", (("/ sigma", "/ sigma**0.5"),)),
        Slip("variance-for-sigma", (("/ sigma", "/ sigma**2"),)),
        Slip("sigma-ignored", ((" / sigma", ""),), "The answer is the same however much lengths vary."),
        Slip("half-missing", (("0.5 * ", ""),), "Every log-odds between two species of equal weight is doubled."),
        Slip("wrong-axis", (("max(1", "max(0"), ("sum(1", "sum(0")), "The columns add up to one; each row should."),
        Slip("transposed", ((SHARES, f"({SHARES}).T"),)),
        Slip("hard-assignment", ((SHARES, "torch.eye(len(means))[joint.argmax(1)]"),)),
    ),
    hand=(
        Case((t64(1), t64(0.75, 0.25), t64(0, 2), 1.0), "x = [1], weights = [0.75, 0.25], means = [0, 2], sigma = 1"),
        Case((t64(2), t64(0.5, 0.5), t64(0, 2), 2.0), "x = [2], weights = [0.5, 0.5], means = [0, 2], sigma = 2"),
        Case((t64(100), t64(0.5, 0.5), t64(0, 2), 1.0), "x = [100], weights = [0.5, 0.5], means = [0, 2], sigma = 1"),
    ),
    draw=_petals,
    verified="It agrees with Bayes' rule on petals drawn afresh, every row adds up to one, and a petal of a metre is no trouble.",
    place=PLACES["evidence"],
)


def _ancestral(W: Tensor, b: Tensor, sigma: float, n: int) -> tuple[Tensor, Tensor]:
    X, Z = W.shape
    z = torch.randn(n, Z)
    noise = torch.randn(n, X)
    return z @ W.T + b + sigma * noise, z


def _regression(fn: Callable[..., Any], W: Tensor, b: Tensor, sigma: float, n: int) -> Seen:
    """The model that samples betray, to two digits: x regressed on z, and what is left over."""
    seen, (X, Z) = values(fn, W, b, sigma, n), W.shape
    shapes = [tuple(value.shape) for value in seen.values()]
    if shapes != [(n, X), (n, Z)]:
        got = " and ".join(map(str, shapes))
        raise Refusal(f"the function must return x of shape {(n, X)} and z of shape {(n, Z)}; it returned {got}.")
    x, z = seen.values()
    design = torch.cat([torch.ones(n, 1), z], 1)
    found = torch.linalg.lstsq(design, x).solution
    rest = x - design @ found
    shown = {
        "mean of z z^T": z.T @ z / n,
        "pair (b, W), read off x and z by regression,": found.T,
        "covariance of the noise, read off x and z,": rest.T @ rest / n,
    }
    return {name: value.round(decimals=2) + 0.0 for name, value in shown.items()}


ANCESTRAL = Exercise(
    name="ancestral",
    number="1.2",
    solution=_ancestral,
    slips=(
        Slip("noise-missing", ((" + sigma * noise", ""),), "All x lie exactly on Wz + b: these are means, not samples."),
        Slip("variance-for-sigma", (("sigma * ", "sigma**2 * "),)),
        Slip("sigma-for-variance", (("sigma * ", "sigma**0.5 * "),)),
        Slip("sigma-ignored", (("sigma * ", ""),), "The noise has variance 1, whatever sigma is."),
        Slip("one-noise-for-all", (("(n, X)", "(n, 1)"),), "All pixels of a datum are off by the same amount."),
        Slip("uniform-for-normal", (("torch.randn(n, Z)", "torch.rand(n, Z)"),), "The latents lie between 0 and 1."),
        Slip("uniform-for-normal", (("torch.randn(n, X)", "torch.rand(n, X)"),), "The noise is never negative."),
        Slip("another-z", (("noise, z", "noise, torch.randn(n, Z)"),)),
        Slip("offset-missing", ((" + b", ""),)),
        Slip("transposed", (("W.T", "W"),), "It shows where W is square; elsewhere the shapes do not fit."),
        Slip("sigma-on-all", (("z @ W.T + b + sigma * noise", "z @ W.T + b + sigma * (z @ W.T + noise)"),)),
    ),
    hand=(
        Case((t64([2]), t64(1), 0.5, 20_000), "W = [[2]], b = [1], sigma = 0.5, n = 20,000"),
        Case((t64([1, 0], [2, 1]), t64(1, -1), 2.0, 20_000), "W = [[1, 0], [2, 1]], b = [1, -1], sigma = 2, n = 20,000"),
    ),
    draw=lambda: [Case((torch.randn(3, 2).double(), torch.randn(3).double(), 0.7, 20_000), "a model with X, Z = 3, 2")],
    verified="Read off 20,000 pairs by regression, W, b and the noise are the model's, and z is standard normal.",
    place=PLACES["actors"],
    observe=_regression,
    tolerance=0.06,
)


def _log_evidence(x: Tensor, W: Tensor, b: Tensor, sigma: float) -> Tensor:
    X = len(b)
    V = W @ W.T + sigma**2 * torch.eye(X)
    difference = x - b
    square = (difference * torch.linalg.solve(V, difference.T).T).sum(1)
    return -0.5 * (X * math.log(2 * math.pi) + torch.logdet(V) + square)


LOG_EVIDENCE = Exercise(
    name="log_evidence",
    number="1.3",
    solution=_log_evidence,
    slips=(
        Slip("normaliser-dropped", (("X * math.log(2 * math.pi) + ", ""),)),
        Slip("determinant-missing", (("torch.logdet(V) + ", ""),)),
        Slip("determinant-underflow", (("torch.logdet(V)", "torch.det(V).log()"),)),
        Slip("determinant-halved", (("torch.logdet(V)", "0.5 * torch.logdet(V)"),)),
        Slip("half-missing", (("-0.5 * (", "-1 * ("),)),
        Slip("half-missing", ((" + square)", " + 2 * square)"),), "It is the ½ before the quadratic form."),
        Slip("half-missing", (("torch.logdet(V)", "2 * torch.logdet(V)"),), "It is the ½ before the log-determinant."),
        Slip("sigma-for-variance", (("sigma**2", "sigma"),)),
        Slip("noise-missing", ((" + sigma**2 * torch.eye(X)", ""),)),
        Slip("one-latent-for-evidence", (("W @ W.T + ", ""),)),
        Slip("offset-missing", (("x - b", "x"),)),
        Slip("mean-over-features", (("-0.5 *", "-0.5 / X *"),)),
        Slip("sum-over-data", (("+ square)", "+ square).sum()"),)),
        Slip("sum-over-data", (("+ square)", "+ square).mean()"),)),
        Slip("transposed", (("W @ W.T", "W.T @ W"),)),
    ),
    hand=(
        Case((t64([2]), t64([1]), t64(0), 1.0), "x = [[2]], W = [[1]], b = [0], sigma = 1"),
        Case((t64([2], [0]), t64([1]), t64(1), 2.0), "x = [[2], [0]], W = [[1]], b = [1], sigma = 2"),
        Case((t64([1, 0]), t64([1, 1], [0, 1]), t64(0, 0), 1.0), "x = [[1, 0]], W = [[1, 1], [0, 1]], b = 0, sigma = 1"),
        Case((torch.zeros(1, 200).double(), torch.ones(200, 1).double(), torch.zeros(200).double(), 0.01),
             "one latent seen by 200 pixels alike, x = b, sigma = 0.01"),
    ),
    draw=lambda: [
        Case((torch.randn(4, 5).double(), torch.randn(5, 2).double(), torch.randn(5).double(), sigma), "B, X, Z = 4, 5, 2")
        for sigma in (0.3, 1.6)
    ],
    verified="It agrees with the exact log-evidence of models drawn afresh, and holds for 200 pixels and little noise.",
    place=PLACES["gaussian"],
)  # fmt: skip


def _simple_monte_carlo(model: LinearGaussian, x: Tensor, K: int) -> Tensor:
    z = model.prior().sample(torch.Size([K, len(x)]))
    log_w = model.decoder(z).log_prob(x)
    log_sum = torch.logsumexp(log_w, 0)
    return log_sum - math.log(K)


def _over_equal_data(fn: Callable[..., Any], model: LinearGaussian, x: Tensor, K: int) -> Seen:
    """The data are B times the same, so the B estimates show the estimator's mean and spread."""
    value = values(fn, model, x, K)["value"]
    if value.shape != x.shape[:1]:
        return {"number of estimates": t64(value.numel()), "mean and standard deviation of the estimates": t64(0, 0)}
    shown = torch.stack([value.mean(), value.std()]).round(decimals=3) + 0.0
    return {"number of estimates": t64(len(value)), "mean and standard deviation of the estimates": shown}


def _one_datum(model: LinearGaussian, x: Tensor, K: int, said: str) -> Case:
    return Case((model, x.expand(3000, -1), K), said)


def _some_model() -> list[Case]:
    model = LinearGaussian(0.6 * torch.randn(3, 2).double(), torch.randn(3).double(), 1.2)
    return [_one_datum(model, model.bias.detach() + torch.rand(1, 3).double(), 6, "a model with X, Z = 3, 2 and K = 6")]


SCALAR = LinearGaussian(t64([1]), t64(0), 1.0)
UNREACHED = LinearGaussian(torch.zeros(1000, 1).double(), torch.zeros(1000).double(), 1.0)
SIMPLE_MONTE_CARLO = Exercise(
    name="simple_monte_carlo",
    number="1.4",
    solution=_simple_monte_carlo,
    slips=(
        Slip("log-k-missing", ((" - math.log(K)", ""),)),
        Slip("log-of-mean-of-logs", (("log_sum - math.log(K)", "log_w.mean(0)"),)),
        Slip("no-maximum", (("torch.logsumexp(log_w, 0)", "log_w.exp().sum(0).log()"),)),
        Slip("prior-twice", (("model.decoder(z).log_prob(x)", "model.log_joint(x, z)"),)),
        Slip("one-noise-for-all", (("[K, len(x)]", "[K, 1]"),), "Equal data get equal estimates."),
        Slip("fewer-samples", (("[K, len(x)]", "[1, len(x)]"), (" - math.log(K)", "")), "Your estimate uses one sample."),
        Slip("guess-not-divided", (("model.prior()", "model.posterior(x)"), ("[K, len(x)]", "[K]"))),
        Slip("mean-over-features", ((".log_prob(x)", ".log_prob(x) / x.shape[1]"),)),
        Slip("log-not-taken", (("log_sum - math.log(K)", "log_w.exp().mean(0)"),)),
        Slip("wrong-axis", (("(log_w, 0)", "(log_w, 1)"),)),
        Slip("sum-over-data", (("log_sum - math.log(K)", "(log_sum - math.log(K)).mean()"),)),
    ),
    hand=(
        _one_datum(SCALAR, t64([1]), 1, "3,000 times the datum x = 1, p(z) = N(0, 1), p(x|z) = N(z, 1), K = 1"),
        _one_datum(SCALAR, t64([1]), 10, "3,000 times the datum x = 1, p(z) = N(0, 1), p(x|z) = N(z, 1), K = 10"),
        _one_datum(UNREACHED, torch.zeros(1, 1000).double(), 2, "3,000 times x = 0, 1,000 pixels of pure noise, K = 2"),
    ),
    draw=_some_model,
    verified="Mean and spread of 3,000 estimates are those of simple Monte Carlo, each with guesses of its own, and nothing underflows.",
    place=PLACES["guesses"],
    observe=_over_equal_data,
    tolerance=0.05,
)


def _many_pixels(x: Tensor, sigma: float) -> tuple[Tensor, float, float, float]:
    X, noise = len(x), sigma**2
    mean, variance = x.sum() / (X + noise), noise / (X + noise)
    pixels = 1 + X / noise
    latents = (1 + 1 / noise) ** X
    return mean, variance, pixels, latents


MANY_PIXELS = Exercise(
    name="many_pixels",
    number="1.5",
    solution=_many_pixels,
    slips=(
        Slip("sigma-for-variance", (("noise = len(x), sigma**2", "noise = len(x), sigma"),)),
        Slip("sigma-for-variance", (("return mean, variance", "return mean, variance**0.5"),), "Value 2 is its root."),
        Slip("prior-missing", (("x.sum() / (X + noise), noise / (X + noise)", "x.mean(), noise / X"),),
             "However much noise there is, the mean does not go back to 0, nor the variance to 1."),
        Slip("m-for-s", ((", noise / (X + noise)", ", 1 / (X + noise)"),)),
        Slip("mean-for-sum", (("x.sum()", "x.mean()"),), "Each pixel adds what it says about the latent."),
        Slip("one-missing", (("1 + X / noise", "X / noise"),), "It is value 3."),
        Slip("one-missing", (("1 + X / noise", "X / noise"), ("** X", "** X - 1")), "Both prices are 1 too low."),
        Slip("upside-down", (("1 + X / noise", "variance"), ("1 + 1 / noise", "noise / (1 + noise)"))),
        Slip("upside-down", (("1 + X / noise", "variance"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "X * (1 + 1 / noise)"),)),
        Slip("sum-for-product", (("(1 + 1 / noise) ** X", "pixels"),)),
        Slip("one-datum-for-mean", (("1 + X / noise", "(variance * (2 - variance)) ** -0.5"),)),
    ),
    hand=(
        Case((t64(1, 2), 1.0), "x = [1, 2], sigma = 1"),
        Case((t64(3), 2.0), "x = [3], sigma = 2"),
    ),
    draw=lambda: [Case((torch.randn(X).double(), sigma), f"{X} pixels") for X, sigma in ((4, 0.8), (7, 2.3))],
    verified="Posterior and both prices agree with your formulas' truth for 1 to 7 pixels.",
    place=PLACES["intractable"],
)  # fmt: skip


def _mixture_price(pi: Tensor, rho: Tensor, Z: int, epsilon: float) -> tuple[Tensor, Tensor, int, float]:
    price = (rho**2 / pi).sum(1)
    highest, mean = 1 / pi.min(), len(pi)
    bits = (2 * ((1 - epsilon) ** 2 + epsilon**2)) ** Z
    return price, highest, mean, bits


def _simplex(*shape: int) -> Tensor:
    numbers = torch.rand(*shape).double() + 0.1
    return numbers / numbers.sum(-1, keepdim=True)


BY_KL = "(2 * (1 - epsilon) ** (1 - epsilon) * epsilon**epsilon)"
MIXTURE_PRICE = Exercise(
    name="mixture_price",
    number="1.6",
    solution=_mixture_price,
    slips=(
        Slip("one-missing", (("/ pi).sum(1)", "/ pi).sum(1) - 1"),), "Value 1 is χ² itself."),
        Slip("prior-not-divided", (("rho**2 / pi", "rho**2"),)),
        Slip("wrong-expectation", (("rho**2 / pi", "rho**3 / pi**2"),)),
        Slip("wrong-expectation", (("rho**2 / pi", "rho**2 / pi**2"),), "Here the ratios were not averaged, but added up."),
        Slip("kl-for-chi2", (("rho**2 / pi", "torch.xlogy(rho, rho / pi)"),)),
        Slip("chi2-reversed", (("rho**2 / pi", "pi**2 / rho"),)),
        Slip("mean-for-sum", (("sum(1)", "mean(1)"),), "Value 1 is too small by the number of components."),
        Slip("wrong-axis", (("sum(1)", "sum(0)"),)),
        Slip("wrong-extreme", (("pi.min()", "pi.max()"),)),
        Slip("bound-for-mean", (("len(pi)", "1 / pi.min()"),)),
        Slip("sum-for-product", ((") ** Z", ") * Z"),)),
        Slip("noise-missing", (("(2 * ((1 - epsilon) ** 2 + epsilon**2))", "2"),), "Value 4 is the price at ε = 0."),
        Slip("kl-for-chi2", (("(2 * ((1 - epsilon) ** 2 + epsilon**2))", BY_KL),), "Value 4 is the exponential of a KL."),
    ),
    hand=(
        Case((t64(0.5, 0.5), t64([1, 0]), 1, 0.0), "pi = [0.5, 0.5], rho = [[1, 0]], Z = 1, epsilon = 0"),
        Case((t64(0.5, 0.25, 0.25), t64([0.5, 0.5, 0]), 3, 0.5), "pi = [½, ¼, ¼], rho = [[½, ½, 0]], Z = 3, epsilon = ½"),
        Case((t64(0.8, 0.2), t64([0.5, 0.5], [0.8, 0.2]), 2, 0.25),
             "pi = [0.8, 0.2], rho = [[0.5, 0.5], [0.8, 0.2]], Z = 2, epsilon = ¼"),
    ),
    draw=lambda: [Case((_simplex(4), _simplex(3, 4), 5, 0.1), "four components and three data")],
    verified="The price of each datum, both bounds and the price of noisy bits are right, also on distributions drawn afresh.",
    place=PLACES["intractable"],
)  # fmt: skip


def _em_step(x: Tensor, weights: Tensor, means: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    log_joint = weights.log() - 0.5 * ((x[:, None] - means) / sigma) ** 2
    rho = torch.softmax(log_joint, 1)
    n = rho.sum(0)
    new = (rho * x[:, None]).sum(0) / n
    square = (rho * (x[:, None] - new) ** 2).sum()
    return n / len(x), new, (square / len(x)).sqrt()


EM_STEP = Exercise(
    name="em_step",
    number="1.7",
    solution=_em_step,
    slips=(
        Slip("prior-missing", (("weights.log() - ", "-"),), "A rare species claims as many petals as a common one."),
        Slip("hard-assignment", (("torch.softmax(log_joint, 1)", "torch.eye(len(means))[log_joint.argmax(1)]"),)),
        Slip("old-means", (("[:, None] - new)", "[:, None] - means)"),)),
        Slip("sigma-for-variance", ((").sqrt()", ")"),), "The third value is the variance."),
        Slip("mean-for-sum", ((".sum()", ".mean()"), ("square / len(x)", "square"))),
        Slip("wrong-count", ((".sum(0) / n", ".sum(0) / len(x)"),), "The new means are too small: N was taken for the shares' sum."),
        Slip("wrong-count", (("return n / len(x)", "return n"),), "The new weights add up to N."),
        Slip("one-sigma-each", ((".sum()", ".sum(0)"), ("square / len(x)", "square / n"))),
        Slip("wrong-axis", (("(log_joint, 1)", "(log_joint, 0)"),)),
        Slip("log-missing", (("weights.log()", "weights"),)),
        Slip("half-missing", (("0.5 * ", ""),)),
        Slip("no-maximum", (("torch.softmax(log_joint, 1)", "log_joint.exp() / log_joint.exp().sum(1, keepdim=True)"),)),
    ),
    hand=(
        Case((t64(0, 2), t64(1), t64(5), 1.0), "x = [0, 2], weights = [1], means = [5], sigma = 1"),
        Case((t64(0, 2), t64(0.5, 0.5), t64(0, 2), 1.0), "x = [0, 2], weights = [0.5, 0.5], means = [0, 2], sigma = 1"),
        Case((t64(0, 100), t64(0.5, 0.5), t64(0, 2), 1.0), "x = [0, 100], weights = [0.5, 0.5], means = [0, 2], sigma = 1"),
    ),
    draw=lambda: [Case((6 * torch.rand(9).double(), *_petals()[0].args[1:]), "nine petals and three species")],
    verified="One step of EM: weights, means and the shared sigma agree, also for petals far from every species.",
    place=PLACES["evidence"],
)


def check_mixture_posterior(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.1: which species is this petal? The posterior of a mixture."""
    return judge(MIXTURE_POSTERIOR, fn)


def check_ancestral(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.2: pairs (x, z) from a linear-Gaussian model, parents first."""
    return judge(ANCESTRAL, fn)


def check_log_evidence(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.3: the log-evidence of a linear-Gaussian model."""
    return judge(LOG_EVIDENCE, fn)


def check_simple_monte_carlo(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.4: the log-evidence estimated by guesses from the prior."""
    return judge(SIMPLE_MONTE_CARLO, fn)


def check_many_pixels(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.5: one latent seen by many pixels, posterior and price."""
    return judge(MANY_PIXELS, fn)


def check_mixture_price(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.6: what sampling costs in a mixture."""
    return judge(MIXTURE_PRICE, fn)


def check_em_step(fn: Callable[..., Any]) -> Verdict:
    """Exercise 1.7: one step of expectation-maximisation for a mixture on a line."""
    return judge(EM_STEP, fn)
