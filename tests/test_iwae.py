"""Chapter 5: the importance-weighted bound, exactly (T1), nested (T3), and its two gradients."""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from oracles import (
    assert_mean,
    bound_1d,
    central_difference,
    chi2_gaussians,
    kl_gaussians,
    lg_conditioned,
    normal_proxy,
    resampled_1d,
    t64,
)
from scipy import stats
from torch.distributions import Independent, Normal

from vaelib.elbo import elbo, log_weights
from vaelib.iwae import effective_sample_size, iwae, iwae_dreg, normalized_weights
from vaelib.jensen import log_mean_exp
from vaelib.latent import GaussianMixture, LinearGaussian

BOUNDS = [iwae, iwae_dreg]
# One latent: x | z ~ N(w z + b, sigma^2), one datum, and a q that is neither right nor hopeless.
THETA = np.array([0.9, 0.2, math.log(0.8)])
PHI = np.array([0.9, math.log(0.7)])
X = 1.1


def model_1d():
    return LinearGaussian(t64([[THETA[0]]]), t64([THETA[1]]), math.exp(THETA[2]))


def leaves():
    return t64(PHI[:1]).requires_grad_(), t64(PHI[1:]).requires_grad_()


def copies(n):
    return t64([[X]]).expand(n, 1)


def exact_bound(K, parameters=(*THETA, *PHI)):
    """L_K = log p(x) + T1, as a function of (w, b, log sigma, mean, log s)."""
    w, b, log_sigma, mean, log_s = parameters
    variance = math.exp(2 * log_sigma)
    m = w**2 + variance
    log_p = stats.norm(b, math.sqrt(m)).logpdf(X)
    return log_p + bound_1d(w * (X - b) / m, math.sqrt(variance / m), mean, math.exp(log_s), K)


def linear_gaussian():
    weight = t64([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
    return LinearGaussian(weight, t64(0.5, -1.0, 0.3), 0.7)


def proxy_2d():
    return normal_proxy(t64(0.3, -0.2).requires_grad_(), t64(-0.5, -0.9).requires_grad_())


@cache
def exact_gradient(K):
    return central_difference(lambda p: exact_bound(K, p), np.array([*THETA, *PHI]), h=1e-3)


def gradient_of(value, parameters):
    grads = torch.autograd.grad(value, parameters, materialize_grads=True)
    return torch.cat([g.flatten() for g in grads])


# Values


@pytest.mark.parametrize("bound", BOUNDS)
def test_with_one_sample_it_is_the_elbo(bound):
    model, q, x = linear_gaussian(), proxy_2d(), torch.randn(4, 3, dtype=torch.float64)
    torch.manual_seed(1)
    value = elbo(model, q, x)
    torch.manual_seed(1)
    torch.testing.assert_close(bound(model, q, x, 1), value, rtol=1e-13, atol=0)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("chunk", [None, 5, 2])
def test_it_is_the_log_of_the_mean_of_the_weights(bound, chunk):
    model, q, x = linear_gaussian(), proxy_2d(), torch.randn(4, 3, dtype=torch.float64)
    torch.manual_seed(1)
    sizes = {None: [5], 5: [5], 2: [2, 2, 1]}[chunk]
    log_w = torch.cat([log_weights(model, q, x, size) for size in sizes]).detach().numpy()
    torch.manual_seed(1)
    value = bound(model, q, x, 5, chunk)
    np.testing.assert_allclose(value.detach(), np.log(np.exp(log_w).mean(0)), rtol=1e-12)


@pytest.mark.parametrize("bound", BOUNDS)
def test_with_the_exact_posterior_it_is_the_log_evidence(bound):
    model, x = linear_gaussian(), torch.randn(4, 3, dtype=torch.float64)
    value = bound(model, model.posterior, x, 7)
    torch.testing.assert_close(value, model.log_evidence(x), rtol=0, atol=1e-12)


def test_claim_5_1_the_mean_weight_is_unbiased_for_the_evidence():
    s_p = math.exp(THETA[2]) / math.sqrt(THETA[0] ** 2 + math.exp(2 * THETA[2]))
    # chi-squared is finite, so that the z-score means something
    assert 2 * math.exp(2 * PHI[1]) > s_p**2
    log_p = iwae(model_1d(), normal_proxy(*leaves()), copies(40_000), 4).detach()
    evidence = stats.norm(THETA[1], math.hypot(THETA[0], math.exp(THETA[2]))).pdf(X)
    assert_mean(log_p.exp(), evidence)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("K", [1, 2, 8])
def test_claim_5_2_its_mean_is_the_exact_L_K(bound, K):
    assert_mean(
        bound(model_1d(), normal_proxy(*leaves()), copies(20_000), K).detach(), exact_bound(K)
    )


def test_claim_5_2_the_exact_bounds_rise_from_the_elbo_to_the_log_evidence():
    bounds = [exact_bound(K) for K in (1, 2, 4, 16, 256)]
    log_p = stats.norm(THETA[1], math.hypot(THETA[0], math.exp(THETA[2]))).logpdf(X)
    m = THETA[0] ** 2 + math.exp(2 * THETA[2])
    mean, cov = np.array([THETA[0] * (X - THETA[1]) / m]), np.array([[math.exp(2 * THETA[2]) / m]])
    kl = kl_gaussians(PHI[:1], np.array([[math.exp(2 * PHI[1])]]), mean, cov)
    assert abs(bounds[0] - (log_p - kl)) < 1e-10
    assert (np.diff(bounds) > 0).all() and log_p - 0.01 < bounds[-1] < log_p


def test_claim_5_2_the_same_weights_in_larger_groups_never_give_a_smaller_mean():
    log_w = log_weights(
        linear_gaussian(), proxy_2d(), torch.randn(6, 3, dtype=torch.float64), 64
    ).detach()
    means = [log_mean_exp(log_w.reshape(K, 64 // K, 6)).mean(0) for K in (1, 2, 4, 8, 16, 32, 64)]
    for smaller, larger in pairwise(means):
        assert (larger >= smaller - 1e-14).all()


def test_claim_5_3_the_gap_times_K_tends_to_half_the_variance_of_the_relative_weight():
    weight = np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
    bias = np.array([0.5, -1.0, 0.3])
    x = np.ones(3)
    mean, cov = lg_conditioned(weight, bias, 0.7, x)
    model, K = linear_gaussian(), 64
    q = normal_proxy(t64(mean + 0.1), 0.5 * t64(np.diag(cov)).log() + 0.1)
    chi2 = chi2_gaussians(mean, cov, mean + 0.1, np.diag(np.diag(cov)) * math.exp(0.2))
    log_p = stats.multivariate_normal(bias, weight @ weight.T + 0.49 * np.eye(3)).logpdf(x)
    relative = iwae(model, q, t64(x[None]).expand(20_000, 3), K).detach().numpy() - log_p
    gap = np.expm1(relative) - relative  # T2: the same mean as -relative, a twentieth of its noise
    assert gap.std() / gap.mean() / math.sqrt(20_000) < 0.012  # the standard error, relative
    assert abs(2 * K * gap.mean() / chi2 - 1) < 0.06


def test_claim_5_3_in_one_dimension_exactly():
    m = THETA[0] ** 2 + math.exp(2 * THETA[2])
    mean, s2 = THETA[0] * (X - THETA[1]) / m, math.exp(2 * THETA[2]) / m
    q2 = math.exp(2 * PHI[1])
    delta = mean - PHI[0]
    closed = q2 / math.sqrt(s2 * (2 * q2 - s2)) * math.exp(delta**2 / (2 * q2 - s2)) - 1
    chi2 = chi2_gaussians(np.array([mean]), np.array([[s2]]), PHI[:1], np.array([[q2]]))
    assert abs(chi2 - closed) < 1e-12
    log_p = stats.norm(THETA[1], math.sqrt(m)).logpdf(X)
    for K, relative in [(64, 0.02), (4096, 0.0005)]:
        assert abs(2 * K * (log_p - exact_bound(K)) / chi2 - 1) < relative


def posterior_at(x, w=1.0, b=0.0, sigma=1.0):
    """Mean and standard deviation of p(z | x) for one latent and one datum."""
    m = w**2 + sigma**2
    return w * (x - b) / m, sigma / math.sqrt(m)


@pytest.mark.parametrize("K", [4, 64])
def test_claim_5_4_where_the_variance_of_w_is_infinite_the_mean_is_still_the_exact_bound(K):
    mean_p, s_p = posterior_at(X, *THETA[:2], math.exp(THETA[2]))
    s_q = 0.5 * s_p  # r = 1/4
    assert (
        chi2_gaussians(np.zeros(1), np.array([[s_p**2]]), np.zeros(1), np.array([[s_q**2]]))
        == math.inf
    )
    log_p = stats.norm(THETA[1], math.hypot(THETA[0], math.exp(THETA[2]))).logpdf(X)
    q = normal_proxy(t64([mean_p + 0.1]), t64([math.log(s_q)]))
    value = iwae(model_1d(), q, copies(20_000), K).detach()
    truth = log_p + bound_1d(mean_p, s_p, mean_p + 0.1, s_q, K)
    assert_mean(value, truth)
    assert truth < log_p


@pytest.mark.parametrize("r, power", [(0.25, -1 / 3), (0.4, -2 / 3), (1.0, -1.0)])
def test_claim_5_4_the_gap_falls_as_K_to_the_power_of_minus_r_over_one_minus_r(r, power):
    gaps = [-bound_1d(0.0, 1.0, 0.3, math.sqrt(r), 4**i) for i in (5, 6, 7)]
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert abs(math.log(gaps[2] / gaps[0]) / math.log(16) - power) < 0.055  # r = .4 is the slowest
    if r > 0.5:
        assert abs(power + 1) < 1e-12  # the rate of claim 5.3
    else:
        assert abs(power + r / (1 - r)) < 1e-12


def test_claim_5_4_the_effective_fraction_sinks_to_zero():
    mean_p, s_p = posterior_at(X, *THETA[:2], math.exp(THETA[2]))
    q = normal_proxy(t64([mean_p]), t64([math.log(0.5 * s_p)]))
    log_w = log_weights(model_1d(), q, copies(50), 40_000).detach()
    fractions = [
        (effective_sample_size(log_w[:K]) / K).mean().item() for K in (40, 400, 4000, 40_000)
    ]
    assert all(more < 0.75 * few for few, more in pairwise(fractions))


@pytest.mark.parametrize(
    "K, gap, gap_resampled", [(5, 0.0288, 0.00346), (1, None, None), (20, None, None)]
)
def test_claim_5_9_the_bound_is_below_the_elbo_of_the_resampled_proxy(K, gap, gap_resampled):
    """p = N(0, 1), q = N(0.5, 2), where 2 is the variance."""
    _, step, p, density = resampled_1d(0.0, 1.0, 0.5, math.sqrt(2), K)
    assert abs(density.sum() * step - 1) < 1e-8
    inside = p > 1e-290
    kl = (density * np.log(density / p, where=inside, out=np.zeros_like(p)))[inside].sum() * step
    below = -bound_1d(0.0, 1.0, 0.5, math.sqrt(2), K)
    if K == 1:
        assert abs(kl - below) < 1e-8
    else:
        assert 0 < kl < below
    if gap is not None:
        assert abs(below - gap) < 1e-4 and abs(kl - gap_resampled) < 1e-5


@pytest.mark.parametrize("K", [2, 5])
def test_claim_5_9_one_draw_chosen_by_its_weight_has_the_density_of_the_quadrature(K):
    n = 40_000
    mean_p, s_p = posterior_at(X, *THETA[:2], math.exp(THETA[2]))
    mean_q, s_q = mean_p + 0.5 * s_p, math.sqrt(2) * s_p
    q, x = normal_proxy(t64([mean_q]), t64([math.log(s_q)])), copies(n)
    z = q(x).sample((K,))
    shares = normalized_weights(model_1d().log_joint(x, z).detach() - q(x).log_prob(z))
    chosen = torch.multinomial(shares.T, 1)[:, 0]
    survivors = z[chosen, torch.arange(n), 0].numpy()
    grid, step, _, density = resampled_1d(mean_p, s_p, mean_q, s_q, K)
    cdf = np.cumsum(density) * step
    result = stats.kstest(survivors, lambda v: np.interp(v, grid + step / 2, cdf))
    assert result.pvalue > 1e-3
    # not yet the posterior
    assert stats.kstest(survivors, stats.norm(mean_p, s_p).cdf).pvalue < 1e-6
    assert stats.kstest(survivors, stats.norm(mean_q, s_q).cdf).pvalue < 1e-6


# Gradients


class Shifted:
    """z ~ N(theta, 1), x | z ~ N(z, 1), a theta for each datum: no more than what a bound asks."""

    def __init__(self, theta):
        self.theta = theta

    def prior(self):
        return Independent(Normal(self.theta, 1.0), 1)

    def log_joint(self, x, z):
        return -((z - self.theta) ** 2 + (x - z) ** 2).sum(-1) / 2 - math.log(2 * math.pi)


def given(q_z):
    """An encoder whose answer is this, whatever the data."""
    return lambda x: q_z


SAMPLES = [2**i for i in range(10)]  # K = 1 ... 512
DATUM = 1.5


@cache
def gradient_truth(K, s2):
    """Exact gradient of L_K in (theta, mean of q) at theta = 0, q = N(x/2 + .2, s2), by T1."""

    def bound(parameters):
        theta, mean = parameters
        log_p = stats.norm(theta, math.sqrt(2)).logpdf(DATUM)
        return log_p + bound_1d((DATUM + theta) / 2, math.sqrt(0.5), mean, math.sqrt(s2), K)

    return central_difference(bound, np.array([0.0, DATUM / 2 + 0.2]), h=1e-3)


@cache
def signal_to_noise(bound, s2, n=2000):
    """The ratio for each K, in (theta, mean of q); the draws' mean is held against the truth."""
    torch.manual_seed(3)
    ratios = []
    for K in SAMPLES:
        theta, mean = (t64([[v]]).repeat(n, 1).requires_grad_() for v in (0.0, DATUM / 2 + 0.2))
        q = given(Independent(Normal(mean, math.sqrt(s2)), 1))
        value = bound(Shifted(theta), q, t64([[DATUM]]).expand(n, 1), K)
        draws = torch.cat(torch.autograd.grad(value.sum(), [theta, mean]), 1).numpy()
        assert_mean(draws, gradient_truth(K, s2))
        ratios.append(np.abs(gradient_truth(K, s2)) / draws.std(0))
    return np.array(ratios)


def slopes(ratios):
    return np.polyfit(np.log(SAMPLES), np.log(ratios), 1)[0]


def test_claim_5_7_the_encoders_signal_drowns_and_the_models_does_not():
    in_theta, in_phi = slopes(signal_to_noise(iwae, 2 / 3))
    assert abs(in_phi + 0.53) < 0.03 and abs(in_theta - 0.5) < 0.03


def test_claim_5_8_dreg_has_the_same_mean_and_repairs_the_slope():
    in_theta, in_phi = slopes(signal_to_noise(iwae_dreg, 2 / 3))
    assert abs(in_phi - 0.48) < 0.03 and abs(in_theta - 0.5) < 0.03


def test_claim_5_8_dreg_does_not_repair_the_slope_where_the_proxy_is_narrow():
    assert slopes(signal_to_noise(iwae_dreg, 0.2))[1] < 0.1  # r = 0.4
    assert slopes(signal_to_noise(iwae, 0.2))[1] < 0


class NoPath(Normal):
    """A normal distribution that cannot reparameterise."""

    has_rsample = False


def test_claim_5_6_without_reparameterisation_a_score_term_is_missing():
    K, n = 8, 20_000
    mean, log_s = (t64([[v]]).repeat(n, 1).requires_grad_() for v in PHI)
    q = Independent(NoPath(mean, log_s.exp()), 1)
    torch.manual_seed(1)
    bound = iwae(model_1d(), given(q), copies(n), K)
    torch.manual_seed(1)
    log_q = q.log_prob(q.sample((K,)))  # the same samples
    score_term = ((bound.detach() - bound.detach().mean()) * log_q.sum(0)).sum()
    no_path = torch.cat(
        torch.autograd.grad(bound.sum(), [mean, log_s], retain_graph=True), 1
    ).numpy()
    score = torch.cat(torch.autograd.grad(score_term, [mean, log_s]), 1).numpy()
    truth = exact_gradient(K)[3:]
    assert_mean(no_path + score, truth)
    assert (np.abs(no_path.mean(0) - truth) > 10 * no_path.std(0) / math.sqrt(n)).all()


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("K, chunk", [(1, None), (5, None), (5, 2)])
def test_both_estimators_have_the_gradient_of_the_exact_bound_as_mean(bound, K, chunk):
    model, phi = model_1d(), leaves()
    parameters = [*model.parameters(), *phi]
    q, x = normal_proxy(*phi), copies(400)
    draws = [
        gradient_of(bound(model, q, x, K, chunk).mean(), parameters).numpy() for _ in range(100)
    ]
    assert_mean(draws, exact_gradient(K))


def pieces(K=5):
    """K leaves z, their noise, and what hangs on them: log w with q's parameters held."""
    model, (mean, log_s), x = model_1d(), leaves(), copies(3)
    torch.manual_seed(1)
    noise = torch.randn(K, 3, 1, dtype=torch.float64)
    z = (mean + log_s.exp() * noise).detach().requires_grad_()
    held = Independent(Normal(mean.detach(), log_s.exp().detach()), 1)
    log_w = model.log_joint(x, z) - held.log_prob(z)
    return model, (mean, log_s), x, noise, z, log_w


@pytest.mark.parametrize("chunk", [None, 5])
def test_dreg_gradient_is_the_formula_of_tucker_sample_by_sample(chunk):
    model, (mean, log_s), x, noise, z, log_w = pieces()
    w_tilde = torch.softmax(log_w, 0).detach()
    d_log_w = torch.autograd.grad(log_w.sum(), z, retain_graph=True)[0]
    weighted = w_tilde[..., None] ** 2 * d_log_w
    truth = [weighted.sum(), (weighted * log_s.exp().detach() * noise).sum()]
    torch.manual_seed(1)
    gradient = gradient_of(
        iwae_dreg(model, normal_proxy(mean, log_s), x, 5, chunk).sum(), [mean, log_s]
    )
    np.testing.assert_allclose(gradient, [t.item() for t in truth], rtol=1e-12)


def test_dreg_gradient_in_theta_is_that_of_iwae():
    model, q, x = linear_gaussian(), proxy_2d(), torch.randn(4, 3, dtype=torch.float64)
    draws = []
    for bound in BOUNDS:
        torch.manual_seed(1)
        draws.append(gradient_of(bound(model, q, x, 6).sum(), list(model.parameters())))
    torch.testing.assert_close(draws[1], draws[0], rtol=1e-12, atol=1e-13)


def test_claim_5_6_its_gradient_is_the_weighted_sum_of_the_log_weights_gradients():
    model, (mean, log_s), x, *_ = pieces()
    parameters, q = [*model.parameters(), mean, log_s], normal_proxy(mean, log_s)
    torch.manual_seed(1)
    log_w = log_weights(model, q, x, 5)
    w_tilde = torch.softmax(log_w, 0).detach()
    truth = gradient_of((w_tilde * log_w).sum(), parameters)
    torch.manual_seed(1)
    torch.testing.assert_close(
        gradient_of(iwae(model, q, x, 5).sum(), parameters), truth, rtol=1e-12, atol=0
    )


def test_dreg_at_the_posterior_has_no_encoder_gradient():
    model = model_1d()
    m = THETA[0] ** 2 + math.exp(2 * THETA[2])
    mean = t64([THETA[0] * (X - THETA[1]) / m]).requires_grad_()
    log_s = t64([THETA[2] - 0.5 * math.log(m)]).requires_grad_()
    gradient = gradient_of(
        iwae_dreg(model, normal_proxy(mean, log_s), copies(3), 4).sum(), [mean, log_s]
    )
    assert gradient.abs().max() < 1e-13


@pytest.mark.parametrize("K", [1, 4])
def test_dreg_with_the_models_own_posterior_has_the_gradient_of_the_evidence(K):
    model, x = model_1d(), copies(400)
    parameters = list(model.parameters())
    truth = gradient_of(model.log_evidence(x[:1]).sum(), parameters)
    bounds = (iwae_dreg(model, model.posterior, x, K).mean() for _ in range(100))
    assert_mean([gradient_of(bound, parameters).numpy() for bound in bounds], truth.numpy())


# Chunks


@pytest.mark.parametrize("K, chunk, sizes", [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (5, 9, [5])])
def test_chunked_value_and_gradient_are_those_of_the_joined_chunks(K, chunk, sizes):
    model = linear_gaussian()
    phi = (t64(0.3, -0.2).requires_grad_(), t64(-0.5, -0.9).requires_grad_())
    x = None
    x = torch.randn(4, 3, dtype=torch.float64)
    q = normal_proxy(*phi)
    parameters = [*model.parameters(), *phi]
    torch.manual_seed(1)
    whole = log_mean_exp(torch.cat([log_weights(model, q, x, size) for size in sizes]))
    torch.manual_seed(1)
    value = iwae(model, q, x, K, chunk)
    torch.testing.assert_close(value, whole, rtol=1e-13, atol=0)
    truth = gradient_of(whole.sum(), parameters)
    torch.testing.assert_close(gradient_of(value.sum(), parameters), truth, rtol=1e-12, atol=1e-13)


def test_chunked_dreg_gradient_weights_each_sample_by_its_share_of_all_chunks():
    model, (mean, log_s), x = model_1d(), leaves(), copies(3)
    torch.manual_seed(1)
    noise = torch.cat([torch.randn(size, 3, 1, dtype=torch.float64) for size in (2, 2, 1)])
    z = (mean + log_s.exp() * noise).detach().requires_grad_()
    log_w = model.log_joint(x, z) - Independent(Normal(mean, log_s.exp()), 1).log_prob(z)
    d_log_w = torch.autograd.grad(log_w.sum(), z)[0]
    weighted = torch.softmax(log_w, 0).detach()[..., None] ** 2 * d_log_w
    truth = [weighted.sum().item(), (weighted * log_s.exp().detach() * noise).sum().item()]
    torch.manual_seed(1)
    gradient = gradient_of(
        iwae_dreg(model, normal_proxy(mean, log_s), x, 5, 2).sum(), [mean, log_s]
    )
    np.testing.assert_allclose(gradient, truth, rtol=1e-12)


@pytest.mark.parametrize("bound", BOUNDS)
def test_in_chunks_hardly_anything_is_saved_for_the_backward_pass(bound):
    model, q, x = linear_gaussian(), proxy_2d(), torch.randn(4, 3, dtype=torch.float64)

    def saved(K, chunk):
        tensors = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: tensors.append(t) or t, lambda t: t
        ):
            bound(model, q, x, K, chunk)
        distinct = {t.untyped_storage().data_ptr(): t.numel() for t in tensors}
        return len(distinct), sum(distinct.values())

    few, many = saved(10, 5), saved(1000, 5)
    assert many[0] == few[0]
    assert many[1] - few[1] <= 3 * 990 * 4  # a few numbers for each weight: no z, no activation
    assert saved(1000, None)[1] > 5 * many[1]


@pytest.mark.parametrize("bound", BOUNDS)
def test_chunks_need_no_gradient(bound):
    with torch.no_grad():
        assert bound(linear_gaussian(), proxy_2d(), torch.randn(4, 3).double(), 5, 2).shape == (4,)
    frozen, q = linear_gaussian().requires_grad_(False), normal_proxy(t64(0.0, 0.0), t64(0.0, 0.0))
    assert bound(frozen, q, torch.randn(4, 3).double(), 5, 2).isfinite().all()


# Weights and effective sample size


def test_normalized_weights_are_shares():
    w = np.random.default_rng(0).gamma(1.0, size=(5, 3))
    np.testing.assert_allclose(normalized_weights(t64(np.log(w))), w / w.sum(0), rtol=1e-12)
    np.testing.assert_allclose(
        normalized_weights(t64(np.log(w)), 1), w / w.sum(1, keepdims=True), rtol=1e-12
    )


def test_effective_sample_size_is_square_of_sum_over_sum_of_squares():
    w = np.random.default_rng(0).gamma(1.0, size=(5, 3))
    for dim in (0, 1):
        truth = w.sum(dim) ** 2 / (w**2).sum(dim)
        np.testing.assert_allclose(
            effective_sample_size(t64(np.log(w)) - 900, dim), truth, rtol=1e-12
        )


def test_effective_sample_size_lies_between_one_and_K():
    assert abs(effective_sample_size(t64(0.0, -math.inf, -800.0)).item() - 1) < 1e-14
    model, x = linear_gaussian(), torch.randn(4, 3, dtype=torch.float64)
    ess = effective_sample_size(log_weights(model, model.posterior, x, 9))
    np.testing.assert_allclose(ess.detach(), np.full(4, 9.0), rtol=1e-12)


@pytest.mark.parametrize("delta, r", [(0.0, 1.5), (0.5, 1.2)])
def test_claim_5_5_ess_over_K_tends_to_one_over_one_plus_chi2(delta, r):
    model, K = LinearGaussian(t64([[1.0]]), t64([0.0]), 1.0), 4000
    q = normal_proxy(t64([0.5 + delta]), t64([0.5 * math.log(0.5 * r)]))
    log_w = log_weights(model, q, t64([[1.0]]).expand(300, 1), K).detach()
    chi2 = chi2_gaussians(
        np.array([0.5]), np.array([[0.5]]), np.array([0.5 + delta]), np.array([[0.5 * r]])
    )
    ratio = effective_sample_size(log_w) / K
    assert abs(ratio.mean().item() * (1 + chi2) - 1) < 0.005


# Errors


def test_dreg_needs_a_path_and_iwae_does_not():
    model, x = GaussianMixture(t64(0.0, 0.5), t64([[0.0], [1.0]]), 1.0), t64([[0.3]])
    with pytest.raises(TypeError, match="q that can reparameterise; got OneHotCategorical"):
        iwae_dreg(model, model.posterior, x, 3)
    torch.testing.assert_close(
        iwae(model, model.posterior, x, 3), model.log_evidence(x), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("chunk", [None, 2])
def test_a_datum_all_of_whose_weights_are_zero_leaves_the_gradient_a_number(bound, chunk):
    class Impossible(LinearGaussian):
        def log_joint(self, x, z):
            return super().log_joint(x, z).masked_fill(x[:, 0] > 5, -math.inf)

    model, (mean, log_s) = Impossible(t64([[0.9]]), t64([0.2]), 0.8), leaves()
    value = bound(model, normal_proxy(mean, log_s), t64([[X], [9.0]]), 4, chunk)
    assert value[0].isfinite() and value[1] == -math.inf
    assert gradient_of(value.sum(), [mean, log_s, *model.parameters()]).isfinite().all()


@pytest.mark.parametrize("chunk", [None, 3])
def test_dreg_gradient_counts_the_samples_that_are_left_where_some_weights_are_zero(chunk):
    class OneSided(LinearGaussian):
        def log_joint(self, x, z):
            return super().log_joint(x, z).masked_fill(z[..., 0] > 0.9, -math.inf)

    (w, b, log_sigma), (mean, log_s) = THETA, PHI
    model, phi = OneSided(t64([[w]]), t64([b]), math.exp(log_sigma)), leaves()
    torch.manual_seed(1)
    sizes = [6] if chunk is None else [3, 3]
    noise = np.concatenate([torch.randn(size, 2, dtype=torch.float64).numpy() for size in sizes])
    z = mean + math.exp(log_s) * noise
    weight = stats.norm.pdf(z) * stats.norm.pdf(X, w * z + b, math.exp(log_sigma)) * (z <= 0.9)
    weight /= stats.norm.pdf(z, mean, math.exp(log_s))
    assert ((weight == 0).any(0) & (weight > 0).any(0)).all()
    slope = -z + w * (X - w * z - b) / math.exp(2 * log_sigma) + (z - mean) / math.exp(2 * log_s)
    weighted = (weight / weight.sum(0)) ** 2 * slope
    torch.manual_seed(1)
    gradient = gradient_of(iwae_dreg(model, normal_proxy(*phi), copies(2), 6, chunk).sum(), phi)
    truth = [weighted.sum(), (weighted * math.exp(log_s) * noise).sum()]
    np.testing.assert_allclose(gradient, truth, rtol=1e-12)
