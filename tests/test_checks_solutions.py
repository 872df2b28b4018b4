"""The solutions behind the checks, against SciPy, sums written out, integrals, and the library."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from oracles import chi2_gaussians, kl_gaussians, lg_conditioned, t64
from scipy import stats
from scipy.integrate import quad
from scipy.special import log_expit, logsumexp
from scipy.stats import norm
from sklearn.mixture import GaussianMixture as Mixture
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import vaelib.elbo
import vaelib.evaluate
import vaelib.iwae
from vaelib import checks
from vaelib.latent import GaussianMixture, LinearGaussian, fit_ppca
from vaelib.proxies import BernoulliDecoder, GaussianDecoder

EXERCISES = checks.EXERCISES
SOLUTIONS = {name: exercise.solution for name, exercise in EXERCISES.items()}
integral = partial(quad, epsabs=1e-12)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Double precision, as within a check."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def arguments(name: str) -> list[tuple]:
    """The arguments of all cases of an exercise."""
    torch.manual_seed(0)
    exercise = EXERCISES[name]
    return [case.args for case in (*exercise.hand, *exercise.draw())]


FAR_APART = [[0.0, 5.0, -1000.0], [1000.0, -3.0, 1000.0], [40.0, 700.0, 0.0], [39.0, 0.0, 0.0]]
TRUTHS = {}


def truth(*more: tuple, rtol: float = 1e-12):
    """A truth in NumPy, named as its exercise; with arguments that no case of the check has."""

    def keep(fn):
        TRUTHS[fn.__name__] = fn, more, rtol
        return fn

    return keep


@truth()
def bayes(x, weights, means, sigma):
    log_joint = np.log(weights) + norm.logpdf(x[:, None], means, sigma)
    log_p_x = logsumexp(log_joint, 1)
    return log_p_x, np.exp(log_joint - log_p_x[:, None])


@truth()
def log_evidence(x, W, b, sigma):
    covariance = W @ W.T + sigma**2 * np.eye(len(b))
    return np.atleast_1d(stats.multivariate_normal(b, covariance).logpdf(x))


@truth()
def many_pixels(x, sigma):
    def price(W):
        M = W.T @ W + sigma**2 * np.eye(W.shape[1])
        return np.linalg.det(M) / sigma ** (2 * W.shape[1])

    one, many = np.ones((len(x), 1)), np.eye(len(x))
    mean, covariance = lg_conditioned(one, np.zeros(len(x)), sigma, x)
    return mean.item(), covariance.item(), price(one), price(many)


@truth()
def mixture_price(pi, rho, Z, epsilon):
    """The last price is that of Z bits, each seen flipped with probability ε, by enumeration."""

    def price(shares):
        return 1 + (pi * (shares / pi - 1) ** 2).sum(1)

    certain = price(np.eye(len(pi)))
    flips = np.array([sum(bits) for bits in itertools.product((0, 1), repeat=Z)])
    of_bits = 2**Z * (((1 - epsilon) ** (Z - flips) * epsilon**flips) ** 2).sum()
    return price(rho), certain.max(), pi @ certain, of_bits


@truth()
def gaussian_log_likelihood(x, mean, sigma):
    return norm.logpdf(x, mean, sigma).sum(-1)


@truth()
def kl_to_posterior(mean, log_sigma, m, S):
    covariances = [np.diag(np.exp(2 * one)) for one in log_sigma]
    data = zip(mean, covariances, m, strict=True)
    return np.array([kl_gaussians(*q, centre, S) for *q, centre in data])


@truth()
def other_direction(s_1, s_2, kappa):
    off, m = kappa * s_1 * s_2, np.zeros(2)
    S, best = np.array([[s_1**2, off], [off, s_2**2]]), np.diag([s_1**2, s_2**2])
    gap = kl_gaussians(m, S, m, best)
    assert all(kl_gaussians(m, S, m, wider * best) > gap for wider in (0.9, 1.1))
    return s_1**2, s_2**2, gap, chi2_gaussians(m, S, m, best)


@truth(rtol=1e-7)
def best_baseline(mu, s):
    """The summit of the parabola through three variances."""

    def variance(baseline):
        def moment(power):
            def weighted(e):
                return (((mu + s * e) ** 2 - baseline) * e / s) ** power * norm.pdf(e)

            return integral(weighted, -12, 12)[0]

        return moment(2) - moment(1) ** 2

    curvature, slope, height = np.polyfit([-1, 0, 1], [variance(b) for b in (-1, 0, 1)], 2)
    return -slope / (2 * curvature), height - slope**2 / (4 * curvature)


@truth()
def leave_one_out(f, score):
    return np.array([np.cov(*pair)[0, 1] for pair in zip(f.T, score.T, strict=True)])


@truth()
def growth_rates(factor, probability):
    return np.log(factor @ probability), np.log(np.prod(factor**probability))


@truth()
def jensen_gap(w):
    return np.log(w.mean(0) / np.prod(w ** (1 / len(w)), axis=0))


@truth((t64(FAR_APART),))
def log_mean_exp(log_w):
    return logsumexp(log_w, axis=0) - np.log(len(log_w))


@truth((list(t64(FAR_APART).split([1, 2, 1])),))
def streaming_log_mean_exp(chunks):
    return log_mean_exp(np.concatenate(chunks))


@truth((t64(FAR_APART),))
def jackknife(log_w):
    K = len(log_w)
    less = [log_mean_exp(np.delete(log_w, j, axis=0)) for j in range(K)]
    return K * log_mean_exp(log_w) - (K - 1) * np.mean(less, axis=0)


def divergence(p, q, low=-20, high=20):
    return integral(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), low, high)[0]


@truth((t64(0.0), t64(1.0)), (t64(-1.2), t64(1.8)), rtol=1e-7)
def two_bounds(s, r):
    q, p = norm(s, r), norm()
    return divergence(q, p), divergence(p, q)


@truth((t64(0.3), t64(1.0)), (t64(3.0), t64(2.0)), rtol=1e-7)
def uniform_proxy(c, s_p):
    q, p = stats.uniform(-c, 2 * c), norm(0, s_p)
    return -divergence(q, p, -c, c), np.log(integral(p.pdf, -c, c)[0])


@truth()
def log_weights(x, z, x_hat, sigma, mean, std):
    latents = (norm.logpdf(z) - norm.logpdf(z, mean, std)).sum(-1)
    return norm.logpdf(x, x_hat, sigma).sum(-1) + latents


@truth()
def free_bits(reconstruction, kl, lam):
    price = sum(max(lam, sum(column) / len(column)) for column in kl.T)
    assert price >= kl.sum(1).mean() - 1e-12
    return sum(reconstruction) / len(reconstruction) - price


@truth()
def normalized_weights(log_w):
    return np.exp(log_w - logsumexp(log_w, 0))


@truth()
def effective_sample_size(log_w):
    return np.exp(2 * logsumexp(log_w, 0) - logsumexp(2 * log_w, 0))


@truth((0.05,), (0.95,))
def two_weights(d):
    pairs = [[(1 - d, 1 + d)[i] for i in pair] for pair in itertools.product((0, 1), repeat=2)]
    of_one, of_two = np.log([1 - d, 1 + d]).mean(), np.log(np.mean(pairs, 1)).mean()
    return of_one, of_two, 1 / np.mean([(1 - d) ** 2, (1 + d) ** 2])


@truth((-2.0, 1.0, 0.5**0.5, -0.5, 1.4), (-2.0, 0.3, 2.0, 0.1, 1.7), rtol=1e-7)
def surrogate_limit(log_p, mean_p, s_p, mean_q, s_q):
    low, high = mean_p - 12 * s_p, mean_p + 12 * s_p
    return log_p + divergence(norm(mean_p, s_p), norm(mean_q, s_q), low, high)


@pytest.mark.parametrize("name", TRUTHS)
def test_a_solution_is_the_truth(name: str) -> None:
    truth, more, rtol = TRUTHS[name]
    for args in (*arguments(name), *more):
        numbers = [arg.numpy() if isinstance(arg, torch.Tensor) else arg for arg in args]
        found, expected = SOLUTIONS[name](*args), truth(*numbers)
        if not isinstance(found, tuple):
            found, expected = (found,), (expected,)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


def test_bernoulli_likelihood_is_scipys_and_the_librarys_and_refuses_grey() -> None:
    for x, logits in arguments("bernoulli_log_likelihood"):
        if not ((x == 0) | (x == 1)).all():
            with pytest.raises(ValueError, match="bits"):
                SOLUTIONS["bernoulli_log_likelihood"](x, logits)
            continue
        value = SOLUTIONS["bernoulli_log_likelihood"](x, logits)
        truth = log_expit(((2 * x - 1) * logits).numpy()).sum(-1)
        np.testing.assert_allclose(value, truth, rtol=1e-12)
        decoder = BernoulliDecoder(x.shape[-1], x.shape[-1], net=torch.nn.Identity())
        torch.testing.assert_close(decoder(logits).log_prob(x), value)


def gaussian_decoder(x, mean, sigma):
    X = x.shape[-1]
    decoder = GaussianDecoder(X, X, net=torch.nn.Identity(), sigma_dec=sigma.item())
    return decoder(mean).log_prob(x)


def divergence_from_posterior(mean, log_sigma, m, S):
    return kl_divergence(Independent(Normal(mean, log_sigma.exp()), 1), MultivariateNormal(m, S))


LIBRARY = {
    "gaussian_log_likelihood": gaussian_decoder,
    "kl_to_posterior": divergence_from_posterior,
    "normalized_weights": vaelib.iwae.normalized_weights,
    "effective_sample_size": vaelib.iwae.effective_sample_size,
}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_solution_is_the_librarys(name: str) -> None:
    for args in arguments(name):
        value = SOLUTIONS[name](*args)
        torch.testing.assert_close(value, LIBRARY[name](*args), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["elbo", "elbo_kl", "elbo_score", "iwae", "iwae_dreg"])
def test_a_bound_and_its_gradients_are_the_librarys(name: str) -> None:
    observe, library = EXERCISES[name].observe, vaelib.iwae if "iwae" in name else vaelib.elbo
    for args in arguments(name):
        theirs = observe(getattr(library, name), *copy.deepcopy(args))
        ours = observe(SOLUTIONS[name], *copy.deepcopy(args))
        assert len(ours) == 4
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.fixture
def case():
    """Arguments of a bound, and in NumPy the log-weights with what their gradients need."""
    model, q, x, K = arguments("iwae")[-1]
    W, b, sigma = (t.detach().numpy() for t in (model.weight, model.bias, model.sigma))
    mean, s = x.numpy() @ q.weight.detach().numpy().T, q.log_sigma.exp().detach().numpy()
    eps = q.noise[:K].numpy()
    z, residual = mean + s * eps, x.numpy() - (mean + s * eps) @ W.T - b
    log_w = norm.logpdf(z).sum(-1) + norm.logpdf(residual, scale=sigma).sum(-1)
    log_w = log_w - norm.logpdf(z, mean, s).sum(-1)
    d_z = residual @ W / sigma**2 - z + eps / s  # the derivative of log w in z
    at = {"d_z": d_z, "residual": residual, "z": z, "path": s * eps, "s": s, "sigma": sigma}
    return (model, q, x, K), log_w, at


@pytest.mark.parametrize("name", ["iwae", "iwae_dreg"])
def test_value_and_gradients_are_those_of_the_formulas(case, name: str) -> None:
    args, log_w, at = case
    shares = np.exp(log_w - logsumexp(log_w, 0))
    weight, d_z, score = shares**2, at["d_z"], 0.0
    if name == "iwae":  # the score term: -log q is -log N(eps) + log s, and eps does not move
        weight, d_z, score = shares, at["d_z"] - at["path"] / at["s"] ** 2, shares.sum()
    in_model = np.einsum("kb,kbx,kbz->xz", shares, at["residual"], at["z"]) / at["sigma"] ** 2
    in_log_sigma = np.einsum("kb,kbz,kbz->z", weight, d_z, at["path"]) + score
    truths = {
        "value": log_mean_exp(log_w),
        "gradient in the model's weight": in_model,
        "gradient in the encoder's mean": np.einsum("kb,kbz,bx->zx", weight, d_z, args[2].numpy()),
        "gradient in the encoder's log σ": in_log_sigma,
    }
    seen = EXERCISES[name].observe(SOLUTIONS[name], *args)
    for key, truth in truths.items():
        np.testing.assert_allclose(seen[key], truth, rtol=1e-9, err_msg=key)


def test_log_likelihood_is_the_librarys_and_that_of_the_weights(case) -> None:
    (model, q, x, K), log_w, _ = case
    w = np.exp(log_w)
    by_hand = np.log(w.mean(0)), stats.sem(w) / w.mean(0)
    ours = SOLUTIONS["log_likelihood"](model, copy.deepcopy(q), x, K, 3)
    library = vaelib.evaluate.log_likelihood(model, q, x, K, chunk=3, return_se=True)
    np.testing.assert_allclose(ours, library, rtol=1e-12)
    np.testing.assert_allclose(ours, by_hand, rtol=1e-12)


def test_the_standard_error_is_zero_and_a_number_where_q_is_the_posterior() -> None:
    model = LinearGaussian(torch.randn(8, 4), torch.zeros(8), 1.0).requires_grad_(False)
    x, _ = model.sample(20)
    estimate, error = SOLUTIONS["log_likelihood"](model, model.posterior, x, 50, 20)
    np.testing.assert_allclose(estimate, model.log_evidence(x), rtol=1e-12)
    assert (error < 1e-7).all()


def test_simple_monte_carlo_is_unbiased_for_the_evidence() -> None:
    model = LinearGaussian(torch.randn(4, 2), torch.randn(4), 0.8).requires_grad_(False)
    x = model.sample(1)[0]
    estimates = SOLUTIONS["simple_monte_carlo"](model, x.expand(20_000, 4), 3)
    ratio = (estimates - model.log_evidence(x)).exp()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20_000**0.5


def test_the_mean_price_of_a_pixel_is_that_of_samples() -> None:
    """1 + χ² averaged over data, with each χ² by quadrature: the closed form needs neither."""
    model = LinearGaussian(t64([[1.0]]), t64([0.0]), 1.5)
    z, x = torch.linspace(-9, 9, 901), torch.linspace(-14, 14, 701)[:, None]
    with torch.no_grad():
        log_prior, log_p_x = model.prior().log_prob(z[:, None]), model.log_evidence(x)
        log_posterior = model.log_joint(x, z[:, None, None].expand(-1, len(x), 1)) - log_p_x
        price = torch.trapezoid((2 * log_posterior - log_prior[:, None]).exp(), z, dim=0)
    mean = torch.trapezoid(log_p_x.exp() * price, x.flatten())
    assert mean.item() == pytest.approx(SOLUTIONS["many_pixels"](t64([0.0]), 1.5)[2], rel=1e-6)


def test_em_step_is_scikit_learns_and_never_lowers_the_evidence() -> None:
    x, weights, means, sigma = 6 * torch.rand(7), t64([0.5, 0.2, 0.3]), t64([2.5, 4.5, 6.0]), 0.6
    start = {"weights_init": weights.numpy(), "means_init": means.numpy()[:, None]}
    start |= {"precisions_init": [[1 / sigma**2]], "covariance_type": "tied"}
    fitted = Mixture(3, max_iter=1, reg_covar=0.0, **start)
    with pytest.warns(UserWarning, match="converge"):
        fitted.fit(x.numpy()[:, None])
    new = SOLUTIONS["em_step"](x, weights, means, sigma)
    np.testing.assert_allclose(new[0], fitted.weights_, rtol=1e-8)
    np.testing.assert_allclose(new[1], fitted.means_[:, 0], rtol=1e-8)
    np.testing.assert_allclose(new[2] ** 2, fitted.covariances_[0, 0], rtol=1e-8)
    values = []
    for _ in range(20):
        model = GaussianMixture(weights.log(), means[:, None], float(sigma))
        values.append(model.log_evidence(x[:, None]).sum().item())
        weights, means, sigma = SOLUTIONS["em_step"](x, weights, means, sigma)
    assert min(np.diff(values)) > -1e-9


def test_draws_are_the_normal_of_the_outputs_halves() -> None:
    z = SOLUTIONS["draw"](t64([[1.0, -2.0, 0.6, -1.4]]), 4000)
    for n, (mean, log_var) in enumerate(((1.0, 0.6), (-2.0, -1.4))):
        truth = norm(mean, math.exp(log_var / 2))
        assert stats.kstest(z[:, 0, n].numpy(), truth.cdf).pvalue > 1e-3


def test_the_smallest_examples_can_be_worked_by_hand() -> None:
    def seen(name: str) -> list:
        exercise = EXERCISES[name]
        return [
            v.tolist() for v in exercise.observe(SOLUTIONS[name], *exercise.hand[0].args).values()
        ]

    assert seen("bayes")[1] == [pytest.approx([0.75, 0.25])]
    assert seen("log_evidence")[0] == pytest.approx([-0.5 * math.log(4 * math.pi) - 1])
    assert seen("many_pixels") == pytest.approx([1.5, 0.25, 4, 8])
    assert seen("em_step")[2] == 1


def test_the_smallest_bound_can_be_worked_by_hand() -> None:
    """z = 1 + 0.8 ε; log w is log N(z; 0, 1) + log N(2; z, 1) − log N(z; 1, 0.8²)."""
    args, said = EXERCISES["elbo"].hand[0].args, EXERCISES["elbo"].hand[0].said
    epsilon = args[1].noise[0].item()
    z = 1 + 0.8 * epsilon
    log_w = norm.logpdf(z) + norm.logpdf(2, z) - norm.logpdf(z, 1, 0.8)
    assert f"ε = {epsilon:.5g}" in said
    assert SOLUTIONS["elbo"](*copy.deepcopy(args)).item() == pytest.approx(log_w)


def test_the_bound_on_paper_is_the_integral_and_its_maximum_the_evidence() -> None:
    """A bound that equals the evidence is at its maximum."""

    def bound(x: float, sigma: float, m: float, s: float) -> float:
        def weighted(e: float) -> float:
            z = m + s * e
            log_w = norm.logpdf(z) + norm.logpdf(x, z, sigma) - norm.logpdf(z, m, s)
            return norm.pdf(e) * log_w

        return integral(weighted, -10, 10)[0]

    for args in arguments("bound_on_paper"):
        x, sigma, mu, s = (value.item() for value in args)
        value, best_mu, best_s, maximum = (v.item() for v in SOLUTIONS["bound_on_paper"](*args))
        assert value == pytest.approx(bound(x, sigma, mu, s), rel=1e-6)
        assert maximum == pytest.approx(bound(x, sigma, best_mu, best_s), rel=1e-6)
        assert maximum == pytest.approx(norm.logpdf(x, 0, math.hypot(1, sigma)), rel=1e-9)


def test_the_unexplained_weight_is_the_noise_level_of_an_elbo() -> None:
    """Scaled by 1/w, the loss differs from minus the ELBO by what depends on no reconstruction."""
    w, (x, first, second) = t64(0.3), torch.randn(3, 5)
    sigma, _ = SOLUTIONS["unexplained_weight"](w, torch.ones(5))
    losses = [(x - x_hat).square().mean() / w for x_hat in (first, second)]
    log_p_x = [Normal(x_hat, sigma).log_prob(x).sum() for x_hat in (first, second)]
    torch.testing.assert_close(losses[0] - losses[1], log_p_x[1] - log_p_x[0])


def test_the_squared_lengths_are_those_of_probabilistic_pca() -> None:
    x = torch.randn(400, 6) * t64([3.0, 2.0, 1.5, 1.0, 0.5, 0.2])
    lam = torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0)
    sigma, lengths = SOLUTIONS["unexplained_weight"](t64(0.4), lam)
    best = fit_ppca(x, 5, sigma=sigma.item())
    assert 0 < (lengths > 0).sum() < 5
    torch.testing.assert_close(best.weight.square().sum(0), lengths[:5], rtol=1e-8, atol=1e-8)


def test_the_log_outside_is_the_log_of_the_mean() -> None:
    """The slip that takes the log of a mean: log E_p[w], by quadrature."""
    exercise = EXERCISES["surrogate_limit"]
    slip = next(slip for slip in exercise.slips if slip.mistake == "log-outside")
    p, q = norm(1.0, 0.8), norm(0.2, 1.1)
    mean, _ = integral(lambda z: p.pdf(z) ** 2 / q.pdf(z), -12, 12)
    value = exercise.mutant(slip)(-2.0, 1.0, 0.8, 0.2, 1.1)
    assert value == pytest.approx(-2.0 + np.log(mean))
