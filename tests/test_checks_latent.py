"""The exercises of chapter 1: their solutions against vaelib, SciPy and closed forms, and what their checks say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from oracles import t64
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture as Mixture

from vaelib import checks
from vaelib.latent import GaussianMixture, LinearGaussian


def simplex(*shape: int) -> torch.Tensor:
    numbers = torch.rand(*shape) + 0.1
    return numbers / numbers.sum(-1, keepdim=True)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Double precision, as within a check."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def petals() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    torch.manual_seed(0)
    return 6 * torch.rand(7), simplex(3), t64([2.5, 4.5, 6.0]), 0.6


@pytest.fixture
def affine() -> tuple[torch.Tensor, torch.Tensor, float]:
    torch.manual_seed(1)
    return torch.randn(4, 2), torch.randn(4), 0.8


def test_bayes_is_scipys_mixture(petals) -> None:
    x, weights, means, sigma = petals
    log_p_x, posterior = checks.check_bayes.solution(x, weights, means, sigma)
    joint = weights.numpy() * norm.pdf(x.numpy()[:, None], means.numpy(), sigma)
    np.testing.assert_allclose(log_p_x, np.log(joint.sum(1)), rtol=1e-12)
    np.testing.assert_allclose(posterior, joint / joint.sum(1, keepdims=True), rtol=1e-10)


def test_log_evidence_is_scipys(affine) -> None:
    W, b, sigma = affine
    x = torch.randn(5, 4)
    covariance = (W @ W.T + sigma**2 * torch.eye(4)).numpy()
    expected = multivariate_normal(b.numpy(), covariance).logpdf(x.numpy())
    np.testing.assert_allclose(
        checks.check_log_evidence.solution(x, W, b, sigma), expected, rtol=1e-10
    )


def test_simple_monte_carlo_is_unbiased_for_the_evidence(affine) -> None:
    model = LinearGaussian(*affine)
    x = model.sample(1)[0]
    torch.manual_seed(2)
    with torch.no_grad():
        estimates = checks.check_simple_monte_carlo.solution(
            model, x.expand(20_000, 4), 3
        ) - model.log_evidence(x)
    ratio = estimates.exp()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20_000**0.5


@pytest.mark.parametrize(("X", "sigma"), [(1, 1.0), (3, 0.5), (6, 2.0)])
def test_many_pixels_is_the_linear_gaussian_model(X: int, sigma: float) -> None:
    x = torch.linspace(-1, 2, X)
    mean, variance, one, many = checks.check_many_pixels.solution(x, sigma)
    posterior = LinearGaussian(torch.ones(X, 1), torch.zeros(X), sigma).posterior(x[None])
    assert posterior.mean.item() == pytest.approx(mean.item())
    assert posterior.variance.item() == pytest.approx(variance)
    for price, W in ((one, torch.ones(X, 1)), (many, torch.eye(X))):
        M = W.T @ W + sigma**2 * torch.eye(W.shape[1])
        assert price == pytest.approx(torch.det(M).item() / sigma ** (2 * W.shape[1]), rel=1e-5)


def test_the_mean_price_of_a_pixel_is_that_of_samples() -> None:
    """1 + χ² averaged over data, with each χ² by quadrature: the closed form needs neither."""
    model = LinearGaussian(t64([[1.0]]), t64([0.0]), 1.5)
    z, x = torch.linspace(-9, 9, 901), torch.linspace(-14, 14, 701)[:, None]
    with torch.no_grad():
        log_prior, log_p_x = model.prior().log_prob(z[:, None]), model.log_evidence(x)
        log_posterior = model.log_joint(x, z[:, None, None].expand(-1, len(x), 1)) - log_p_x
        price = torch.trapezoid((2 * log_posterior - log_prior[:, None]).exp(), z, dim=0)
    mean = torch.trapezoid(log_p_x.exp() * price, x.flatten())
    assert mean.item() == pytest.approx(
        checks.check_many_pixels.solution(t64([0.0]), 1.5)[2], rel=1e-6
    )


def test_mixture_price_is_that_of_the_divergence() -> None:
    torch.manual_seed(3)
    pi, rho = simplex(5), simplex(4, 5)
    price, highest, mean, _ = checks.check_mixture_price.solution(pi, rho, 1, 0.1)
    torch.testing.assert_close(price, 1 + (pi * (rho / pi - 1) ** 2).sum(1))
    assert (price <= highest).all() and mean == 5


def test_the_price_of_bits_is_that_of_enumeration() -> None:
    bits = torch.cartesian_prod(*[torch.arange(2)] * 3)
    flips = (bits[:, None] != bits).sum(-1).double()
    rho = 0.8 ** (3 - flips) * 0.2**flips  # every datum is as probable as any other
    pi = torch.full((8,), 1 / 8)
    price, *_, expected = checks.check_mixture_price.solution(pi, rho, 3, 0.2)
    torch.testing.assert_close(price, torch.full((8,), expected))


def test_em_step_is_scikit_learns_and_never_lowers_the_evidence(petals) -> None:
    x, weights, means, sigma = petals
    options = {
        "weights_init": weights.numpy(),
        "means_init": means.numpy()[:, None],
        "max_iter": 1,
        "reg_covar": 0.0,
    }
    fitted = Mixture(3, covariance_type="tied", precisions_init=[[1 / sigma**2]], **options)
    with pytest.warns(UserWarning, match="converge"):
        fitted.fit(x.numpy()[:, None])
    new = checks.check_em_step.solution(x, weights, means, sigma)
    np.testing.assert_allclose(new[0], fitted.weights_, rtol=1e-8)
    np.testing.assert_allclose(new[1], fitted.means_[:, 0], rtol=1e-8)
    np.testing.assert_allclose(new[2] ** 2, fitted.covariances_[0, 0], rtol=1e-8)
    values = []
    for _ in range(20):
        model = GaussianMixture(weights.log(), means[:, None], float(sigma))
        values.append(model.log_evidence(x[:, None]).sum().item())
        weights, means, sigma = checks.check_em_step.solution(x, weights, means, sigma)
    assert min(np.diff(values)) > -1e-9


def test_the_smallest_examples_can_be_worked_by_hand() -> None:
    def shown(exercise, number):
        return exercise.observe(exercise.solution, *exercise.hand[number].args)

    torch.testing.assert_close(shown(checks.check_bayes, 0)["posterior"], t64([[0.75, 0.25]]))
    assert shown(checks.check_log_evidence, 0)["value"].item() == pytest.approx(
        -0.5 * math.log(4 * math.pi) - 1
    )
    assert [value.item() for value in shown(checks.check_many_pixels, 0).values()] == pytest.approx(
        [1.5, 0.25, 4, 8]
    )
    assert shown(checks.check_em_step, 0)["new sigma"].item() == 1


def test_a_right_answer_passes_whatever_is_drawn() -> None:
    """Random answers are compared with a tolerance: it must be wide enough for a hundred checks."""
    for exercise in (checks.check_ancestral, checks.check_simple_monte_carlo):
        check = getattr(checks, f"check_{exercise.name}")
        assert all(check(exercise.solution) for _ in range(50))


@pytest.mark.parametrize(
    ("check", "fn", "said"),
    [
        (
            checks.check_ancestral,
            lambda W, b, sigma, n: torch.zeros(n, len(b)),
            r"it returned \(10000, 1\)",
        ),
        (
            checks.check_ancestral,
            lambda W, b, sigma, n: (torch.zeros(n, 1), torch.zeros(n)),
            r"\(10000, 1\) and z",
        ),
        (
            checks.check_simple_monte_carlo,
            lambda model, x, K: torch.zeros(len(x), 1),
            r"yours have \(1000, 1\)",
        ),
        (
            checks.check_many_pixels,
            lambda x, sigma: (0.0, 1.0),
            "posterior mean, .* Yours returns 2 of them",
        ),
        (checks.check_em_step, lambda x, w, m, s: w, "new weights, .* Yours returns 1 of them"),
    ],
)
def test_answers_of_another_shape_are_told_so(check, fn, said) -> None:
    verdict = check(fn)
    assert not verdict and re.search(said, verdict.message), verdict
