"""Chapter 2's checks: their solutions against SciPy, closed forms and vaelib, and what they do with odd answers."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import chi2_gaussians, kl_gaussians, t64
from scipy import integrate, stats
from scipy.special import log_expit
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import vaelib.latent  # noqa: F401 (teaches torch a pair of divergences)
from vaelib import checks
from vaelib.checks import calling
from vaelib.checks.types import Exercise
from vaelib.proxies import BernoulliDecoder, GaussianDecoder


def arguments(exercise: Exercise) -> list[tuple]:
    torch.manual_seed(0)
    return [case.args for case in (*exercise.hand, *exercise.draw())]


def test_draws_are_the_normal_of_the_outputs_halves() -> None:
    out = t64([[1.0, -2.0, 0.6, -1.4]])
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    z = checks.check_draw.solution(out, 4000)
    torch.set_default_dtype(torch.float32)
    for n, (mean, log_var) in enumerate(((1.0, 0.6), (-2.0, -1.4))):
        assert (
            stats.kstest(z[:, 0, n].numpy(), stats.norm(mean, math.exp(log_var / 2)).cdf).pvalue
            > 1e-3
        )


@pytest.mark.parametrize("args", arguments(checks.check_gaussian_log_likelihood))
def test_gaussian_likelihood_is_scipys_and_the_librarys(args: tuple) -> None:
    x, mean, sigma = args
    value = checks.check_gaussian_log_likelihood.solution(x, mean, sigma)
    np.testing.assert_allclose(
        value, stats.norm.logpdf(x.numpy(), mean.numpy(), sigma.item()).sum(-1), rtol=1e-12
    )
    decoder = GaussianDecoder(
        x.shape[-1], x.shape[-1], net=torch.nn.Identity(), sigma_dec=sigma.item()
    ).double()
    torch.testing.assert_close(decoder(mean).log_prob(x), value, rtol=1e-6, atol=0)


def test_kl_to_the_posterior_is_numpys_and_the_librarys() -> None:
    for mean, log_sigma, m, S in arguments(checks.check_kl_to_posterior):
        value = checks.check_kl_to_posterior.solution(mean, log_sigma, m, S)
        means, S_q = (mean.numpy(), m.numpy()), (2 * log_sigma).exp().diag_embed().numpy()
        truth = [
            kl_gaussians(mu, own, centre, S.numpy())
            for mu, centre, own in zip(*means, S_q, strict=True)
        ]
        np.testing.assert_allclose(value, truth, rtol=1e-10)
        q = Independent(Normal(mean, log_sigma.exp()), 1)
        torch.testing.assert_close(kl_divergence(q, MultivariateNormal(m, S)), value)


def test_bernoulli_likelihood_is_scipys_and_the_librarys() -> None:
    *bits, grey, byte, mixed = arguments(checks.check_bernoulli_log_likelihood)[:7]
    for x, logits in (*bits, arguments(checks.check_bernoulli_log_likelihood)[7]):
        value = checks.check_bernoulli_log_likelihood.solution(x, logits)
        np.testing.assert_allclose(
            value, log_expit(((2 * x - 1) * logits).numpy()).sum(-1), rtol=1e-12
        )
        decoder = BernoulliDecoder(x.shape[-1], x.shape[-1], net=torch.nn.Identity()).double()
        torch.testing.assert_close(decoder(logits).log_prob(x), value)
    for x, logits in (grey, byte, mixed):
        with pytest.raises(ValueError, match="bits"):
            checks.check_bernoulli_log_likelihood.solution(x, logits)


def test_the_other_direction_is_that_of_full_covariances() -> None:
    for s_1, s_2, kappa in arguments(checks.check_other_direction):
        *variances, gap, chi2 = checks.check_other_direction.solution(s_1, s_2, kappa)
        off = kappa * s_1 * s_2
        S, m, best = np.array([[s_1**2, off], [off, s_2**2]]), np.zeros(2), np.diag(variances)
        np.testing.assert_allclose(gap, kl_gaussians(m, S, m, best), rtol=1e-9)
        np.testing.assert_allclose(chi2, chi2_gaussians(m, S, m, best), rtol=1e-9)
        for wider in (0.9, 1.1):
            assert kl_gaussians(m, S, m, wider * best) > gap


def test_the_best_baseline_is_the_lowest_of_the_parabola() -> None:
    for mu, s in arguments(checks.check_best_baseline):
        c, least = checks.check_best_baseline.solution(mu, s)

        def variance(baseline: float, mu: float = mu.item(), s: float = s.item()) -> float:
            def moment(power: int) -> float:
                def weighted(e: float) -> float:
                    return (((mu + s * e) ** 2 - baseline) * e / s) ** power * stats.norm.pdf(e)

                return integrate.quad(weighted, -12, 12)[0]

            return moment(2) - moment(1) ** 2

        assert variance(c.item()) == pytest.approx(least.item(), rel=1e-6)
        assert min(variance(c.item() - 0.1), variance(c.item() + 0.1)) > least


def test_leave_one_out_is_the_sample_covariance() -> None:
    for f, score in arguments(checks.check_leave_one_out):
        truth = [np.cov(f[:, b], score[:, b])[0, 1] for b in range(f.shape[1])]
        np.testing.assert_allclose(
            checks.check_leave_one_out.solution(f, score), truth, rtol=1e-10, atol=1e-12
        )


def test_too_few_numbers_are_refused_with_the_names_of_those_wanted() -> None:
    verdict = checks.check_best_baseline(lambda mu, s: mu**2)
    assert (
        not verdict
        and "in this order: best baseline, least variance. Yours returns 1" in verdict.message
    )
    assert "returned nothing" in str(checks.check_best_baseline(lambda mu, s: None))


def test_another_error_for_grey_pixels_is_no_refusal() -> None:
    def asserted(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        assert ((x == 0) | (x == 1)).all()
        return checks.check_bernoulli_log_likelihood.solution(x, logits)

    verdict = checks.check_bernoulli_log_likelihood(asserted)
    assert not verdict and "AssertionError" in str(verdict)


def test_a_long_import_is_not_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a module would be left behind, and every later use of it fail."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(calling, "SECONDS", 0.1)

    def with_import(mu: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        import slow_to_import

        assert slow_to_import.ready
        return checks.check_best_baseline.solution(mu, s)

    try:
        assert checks.check_best_baseline(with_import)
    finally:
        sys.modules.pop("slow_to_import", None)


def test_an_endless_loop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "SECONDS", 0.1)

    def endless(mu: torch.Tensor, s: torch.Tensor) -> None:
        while True:
            with contextlib.suppress(Exception):
                mu = mu + s

    verdict = checks.check_best_baseline(endless)
    assert not verdict and "had not ended after 0.1 s" in str(verdict)


def test_another_error_than_the_one_that_is_wanted_is_told() -> None:
    def asserts(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        assert ((x == 0) | (x == 1)).all()
        return torch.nn.functional.logsigmoid((2 * x - 1) * logits).sum(-1)

    verdict = checks.check_bernoulli_log_likelihood(asserts)
    assert not verdict
    assert (
        "asks for a ValueError; your function raised AssertionError for x = [[0.5]]"
        in verdict.message
    )


def test_a_list_for_a_tensor_is_told() -> None:
    verdict = checks.check_bernoulli_log_likelihood(lambda x, logits: [logits.sum(-1)])
    assert not verdict
    assert "must return one tensor; yours returns a list or tuple of 1" in verdict.message


@pytest.mark.parametrize(
    "wrap", [list, lambda draws: draws.detach().numpy()], ids=["list", "ndarray"]
)
def test_draws_that_are_no_tensor_are_told(wrap) -> None:  # type: ignore[no-untyped-def]
    verdict = checks.check_draw(lambda out, K: wrap(checks.check_draw.solution(out, K)))
    assert (
        not verdict
        and "must return one tensor, so that gradients reach out; it returned a" in verdict.message
    )
