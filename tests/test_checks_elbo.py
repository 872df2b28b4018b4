"""The solutions behind chapter 4's checks, held against vaelib, numerical integration and sums written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

import vaelib.elbo
from vaelib import checks
from vaelib.checks.calling import attempt
from vaelib.checks.scripted import bound_and_gradients
from vaelib.checks.types import Exercise
from vaelib.latent import LinearGaussian, fit_ppca


def drawn(exercise: Exercise) -> list[tuple]:
    torch.manual_seed(0)
    return [case.args for case in (*exercise.hand, *exercise.draw())]


def test_log_weights_are_three_log_densities() -> None:
    for args in drawn(checks.check_log_weights):
        x, z, x_hat, sigma, mean, std = (value.numpy() for value in args)
        likelihood = stats.norm.logpdf(x, x_hat, sigma).sum(-1)
        latents = (stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, std)).sum(-1)
        np.testing.assert_allclose(
            checks.check_log_weights.solution(*args).numpy(), likelihood + latents, rtol=1e-12
        )


@pytest.mark.parametrize(
    "exercise",
    [checks.check_elbo, checks.check_elbo_kl, checks.check_elbo_score],
    ids=lambda e: e.name,
)
def test_bounds_are_those_of_the_library(exercise: Exercise) -> None:
    for args in drawn(exercise):
        ours = attempt(exercise.solution, bound_and_gradients, args, "")
        theirs = attempt(getattr(vaelib.elbo, exercise.name), bound_and_gradients, args, "")
        assert ours.keys() == theirs.keys() and len(ours) == 4
        assert all(torch.allclose(ours[key], theirs[key], rtol=1e-9, atol=1e-12) for key in ours)


def test_the_smallest_bound_can_be_worked_by_hand() -> None:
    """z = 1 + 0.8 ε; log w is log N(z; 0, 1) + log N(2; z, 1) − log N(z; 1, 0.8²)."""
    model, q, x, K = checks.check_elbo.hand[0].args
    epsilon = q.noise[0].item()
    z = 1 + 0.8 * epsilon
    log_w = stats.norm.logpdf(z) + stats.norm.logpdf(2, z) - stats.norm.logpdf(z, 1, 0.8)
    assert f"ε = {epsilon:.5g}" in checks.check_elbo.hand[0].said
    assert attempt(
        checks.check_elbo.solution, lambda fn, *args: fn(*args), (model, q, x, K), ""
    ).item() == pytest.approx(log_w)


def test_the_bound_on_paper_is_the_integral_and_its_summit_the_evidence() -> None:
    for args in drawn(checks.check_bound_on_paper):
        x, sigma, mu, s = (value.item() for value in args)

        def integral(m: float, sd: float, x: float = x, sigma: float = sigma) -> float:
            def integrand(e: float) -> float:
                z = m + sd * e
                log_w = (
                    stats.norm.logpdf(z)
                    + stats.norm.logpdf(x, z, sigma)
                    - stats.norm.logpdf(z, m, sd)
                )
                return math.exp(-e * e / 2) / math.sqrt(2 * math.pi) * log_w

            return integrate.quad(integrand, -10, 10)[0]

        bound, best_mu, best_s, summit = (
            value.item() for value in checks.check_bound_on_paper.solution(*args)
        )
        assert bound == pytest.approx(integral(mu, s), rel=1e-6)
        assert summit == pytest.approx(integral(best_mu, best_s), rel=1e-6)
        one = torch.ones(1, 1).double()
        model = LinearGaussian(one, torch.zeros(1).double(), sigma)
        assert summit == pytest.approx(model.log_evidence(x * one).item(), rel=1e-9)


def test_the_maximiser_on_paper_is_where_a_search_ends() -> None:
    x, sigma = torch.tensor([1.3, 0.7]).double()

    def minus_bound(phi: np.ndarray) -> float:
        mu, log_s = torch.tensor(phi)
        return -checks.check_bound_on_paper.solution(x, sigma, mu, log_s.exp())[0].item()

    found = optimize.minimize(minus_bound, [0.0, 0.0]).x
    _, best_mu, best_s, _ = checks.check_bound_on_paper.solution(x, sigma, x, sigma)
    np.testing.assert_allclose(
        [found[0], math.exp(found[1])], [best_mu.item(), best_s.item()], rtol=1e-4
    )


def test_the_unexplained_weight_is_the_noise_level_of_an_elbo() -> None:
    """Scaled by 1/w, the loss differs from minus the ELBO by what depends on no reconstruction."""
    torch.manual_seed(0)
    w, x, first, second = torch.tensor(0.3).double(), *torch.randn(3, 5).double()
    sigma, _ = checks.check_unexplained_weight.solution(w, torch.ones(5).double())
    losses = [(x - x_hat).square().mean() / w for x_hat in (first, second)]
    log_p_x = [
        stats.norm.logpdf(x.numpy(), x_hat.numpy(), sigma.item()).sum() for x_hat in (first, second)
    ]
    assert (losses[0] - losses[1]).item() == pytest.approx(log_p_x[1] - log_p_x[0])


def test_the_squared_lengths_are_those_of_probabilistic_pca() -> None:
    torch.manual_seed(1)
    x = torch.randn(400, 6).double() * torch.tensor([3.0, 2.0, 1.5, 1.0, 0.5, 0.2]).double()
    lam = torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0)
    sigma, lengths = checks.check_unexplained_weight.solution(torch.tensor(0.4).double(), lam)
    best = fit_ppca(x, 5, sigma=sigma.item())
    assert 0 < (lengths > 0).sum() < 5
    torch.testing.assert_close(best.weight.square().sum(0), lengths[:5], rtol=1e-8, atol=1e-8)


def test_free_bits_is_the_sum_written_out() -> None:
    for reconstruction, kl, lam in drawn(checks.check_free_bits):
        B, Z = kl.shape
        price = sum(max(lam, sum(kl[n, i].item() for n in range(B)) / B) for i in range(Z))
        value = checks.check_free_bits.solution(reconstruction, kl, lam).item()
        assert value == pytest.approx(sum(reconstruction.tolist()) / B - price)
        assert value <= (reconstruction - kl.sum(1)).mean() + 1e-12


def test_an_answer_with_too_few_values_is_told_which_are_missing() -> None:
    verdict = checks.check_bound_on_paper(lambda x, sigma, mu, s: x)
    assert not verdict and "in this order: bound, best μ, best s, maximum" in verdict.message
    assert not checks.check_unexplained_weight(lambda w, lam: w)


def test_a_mistake_is_named_though_the_answer_also_crashes() -> None:
    """A crash may hang on rounding; wrong numbers elsewhere say what is wrong in any case."""

    def sums(model: Any, q: Any, x: torch.Tensor, K: int) -> torch.Tensor:
        if len(x) == 3:
            raise RuntimeError("singular today")
        q_z = q(x)
        z = q_z.rsample((K,))
        return (model.log_joint(x, z) - q_z.log_prob(z)).sum(0)

    assert checks.check_elbo(sums).mistakes == ("sum-over-samples",)


def test_an_answer_that_is_right_where_it_does_not_crash_is_told_of_the_crash() -> None:
    def fails(model: Any, q: Any, x: torch.Tensor, K: int) -> torch.Tensor:
        if len(x) == 3:
            raise RuntimeError("three is too many")
        q_z = q(x)
        z = q_z.rsample((K,))
        return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)

    verdict = checks.check_elbo(fails)
    assert not verdict and not verdict.mistakes
    assert "three is too many" in str(verdict)


@pytest.mark.parametrize("some", [slice(0), slice(1)])
def test_some_of_the_data_are_not_enough_for_the_encoder(some: slice) -> None:
    verdict = checks.check_elbo(
        lambda model, q, x, K: q(x[some]).rsample((K,)).sum() + torch.zeros(len(x))
    )
    assert (
        not verdict and "calls q with some of the data; call it with all of them" in verdict.message
    )
