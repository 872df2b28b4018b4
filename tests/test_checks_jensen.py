"""The solutions of chapter 3's exercises, against SciPy: sums done term by term, and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles import t64
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm, uniform

from vaelib import checks

FAR_APART = [[0.0, 5.0, -1000.0], [1000.0, -3.0, 1000.0], [40.0, 700.0, 0.0], [39.0, 0.0, 0.0]]


def test_growth_rates_are_the_logs_of_enumerated_outcomes() -> None:
    factor, probability = np.array([1.6, 0.5, 1.1]), np.array([0.3, 0.2, 0.5])
    of_mean, mean_of = checks.check_growth_rates.solution(t64(factor), t64(probability))
    assert abs(of_mean - np.log(factor @ probability)) < 1e-14
    assert abs(mean_of - np.log(np.prod(factor**probability))) < 1e-14


def test_jensen_gap_is_the_log_of_the_arithmetic_over_the_geometric_mean() -> None:
    w = np.random.default_rng(0).gamma(1.0, size=(7, 4))
    truth = np.log(w.mean(0) / np.prod(w ** (1 / 7), axis=0))
    np.testing.assert_allclose(checks.check_jensen_gap.solution(t64(w)), truth, rtol=1e-12)


def test_log_mean_exp_is_scipys_whole_and_in_chunks() -> None:
    log_w = t64(FAR_APART)
    truth = logsumexp(FAR_APART, axis=0) - np.log(4)
    np.testing.assert_allclose(checks.check_log_mean_exp.solution(log_w), truth, rtol=1e-14)
    np.testing.assert_allclose(
        checks.check_streaming_log_mean_exp.solution(list(log_w.split([1, 2, 1]))),
        truth,
        rtol=1e-14,
    )


def test_the_jackknife_is_its_definition_however_far_apart_the_weights_are() -> None:
    K, log_w = len(FAR_APART), np.array(FAR_APART)
    less = [logsumexp(np.delete(log_w, j, axis=0), axis=0) - np.log(K - 1) for j in range(K)]
    truth = K * (logsumexp(log_w, axis=0) - np.log(K)) - (K - 1) * np.mean(less, axis=0)
    np.testing.assert_allclose(checks.check_jackknife.solution(t64(log_w)), truth, rtol=1e-13)


@pytest.mark.parametrize("s, r", [(0.0, 1.0), (0.7, 0.5), (-1.2, 1.8)])
def test_the_two_bounds_are_integrals(s: float, r: float) -> None:
    q, p = norm(s, r), norm()
    below = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -20, 20, epsabs=1e-12)[0]
    above = quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), -20, 20, epsabs=1e-12)[0]
    np.testing.assert_allclose(
        checks.check_two_bounds.solution(t64(s), t64(r)), (below, above), atol=1e-9
    )


@pytest.mark.parametrize("c, s_p", [(0.3, 1.0), (1.7, 0.6), (3.0, 2.0)])
def test_the_uniform_proxy_is_an_integral(c: float, s_p: float) -> None:
    q, p = uniform(-c, 2 * c), norm(0, s_p)
    mean_log = quad(lambda z: q.pdf(z) * (p.logpdf(z) - q.logpdf(z)), -c, c, epsabs=1e-12)[0]
    log_mean = np.log(quad(p.pdf, -c, c, epsabs=1e-14)[0])
    np.testing.assert_allclose(
        checks.check_uniform_proxy.solution(t64(c), t64(s_p)), (mean_log, log_mean), atol=1e-9
    )


def test_a_weight_that_is_nearly_everything_does_not_take_the_others_with_it() -> None:
    def subtracts(log_w: torch.Tensor) -> torch.Tensor:
        K, top = len(log_w), log_w.max(0).values
        w = (log_w - top).exp()
        return top + K * w.mean(0).log() - (K - 1) * ((w.sum(0) - w) / (K - 1)).log().mean(0)

    verdict = checks.check_jackknife(subtracts)
    assert verdict.mistakes == ("cancelled",)
    assert "For log_w = [[0], [1000]] the value is [1498.6]; yours is [inf]" in verdict.message
