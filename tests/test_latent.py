"""Chapter 1: known evidences and posteriors, against linear algebra, quadrature and sums."""

import math

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
    t64,
)
from scipy import optimize, stats
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from vaelib.latent import (
    GaussianMixture,
    LatentVariableModel,
    LinearGaussian,
    StandardNormal,
    fit_ppca,
    simple_monte_carlo,
)

W = np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
B = np.array([0.5, -1.0, 0.3])
SIGMA = 0.7
DATA = np.array([[0.2, 0.1, -0.4], [1.5, -2.0, 0.9], [-1.0, 0.4, 2.0]])
LOGITS = np.array([0.3, -0.5, 1.0])
MEANS = np.array([[-2.0, 0.0], [0.5, 1.0], [2.0, -1.0]])


def linear_gaussian():
    return LinearGaussian(t64(W), t64(B), SIGMA)


def mixture():
    return GaussianMixture(t64(LOGITS), t64(MEANS), SIGMA)


def ruler():
    """x | z ~ N(z, 0.3^2), z ~ N(0, 1): the setting of claim 1.5."""
    return LinearGaussian(t64([[1.0]]), t64([0.0]), 0.3)


def mixture_log_joint(x):
    """log pi_c + log N(x; mu_c, sigma^2 I), shape (C, B), one SciPy density a component."""
    log_pi = LOGITS - logsumexp(LOGITS)
    terms = [stats.multivariate_normal(mean, SIGMA**2 * np.eye(2)).logpdf(x) for mean in MEANS]
    return log_pi[:, None] + np.array(terms)


# The joint, and samples of it


def test_standard_normal_is_the_density_of_scipy():
    z = np.random.default_rng(0).normal(size=(4, 5, 3))
    prior = StandardNormal(3).double()
    assert prior().batch_shape == () and prior().event_shape == (3,)
    np.testing.assert_allclose(prior().log_prob(t64(z)), stats.norm.logpdf(z).sum(-1), rtol=1e-13)


def test_log_joint_is_log_prior_plus_log_likelihood():
    z = np.random.default_rng(0).normal(size=(4, 3, 2))
    log_likelihood = stats.norm.logpdf(DATA, z @ W.T + B, SIGMA).sum(-1)
    truth = stats.norm.logpdf(z).sum(-1) + log_likelihood
    model = linear_gaussian()
    np.testing.assert_allclose(model.log_joint(t64(DATA), t64(z)).detach(), truth, rtol=1e-13)
    generic = LatentVariableModel(StandardNormal(2).double(), model.decoder)
    np.testing.assert_allclose(generic.log_joint(t64(DATA), t64(z)).detach(), truth, rtol=1e-13)


def test_log_joint_takes_any_leading_axes_of_z():
    model, x, z = linear_gaussian(), t64(DATA), torch.randn(5, 4, 3, 2, dtype=torch.float64)
    joint = model.log_joint(x, z)
    assert joint.shape == (5, 4, 3)
    torch.testing.assert_close(joint[2, 1], model.log_joint(x, z[2, 1]), rtol=1e-14, atol=0)


UNPAIRED = [((3,), (3, 2)), ((3, 3), (4, 2)), ((1, 3), (5, 2)), ((3, 3), (2,))]


@pytest.mark.parametrize("x_shape, z_shape", UNPAIRED)
def test_log_joint_refuses_data_and_latents_that_do_not_pair(x_shape, z_shape):
    with pytest.raises(ValueError, match=r"x must have shape \(B, X\) and z \(\*, B, Z\)"):
        linear_gaussian().log_joint(
            torch.zeros(x_shape, dtype=torch.float64), torch.zeros(z_shape).double()
        )


def test_claim_1_1_ancestral_samples_follow_the_linear_gaussian_evidence():
    x, z = linear_gaussian().sample(20_000)
    assert x.shape == (20_000, 3) and z.shape == (20_000, 2) and not x.requires_grad
    centred = x.numpy() - B
    distance = np.einsum(
        "ni,ij,nj->n", centred, np.linalg.inv(W @ W.T + SIGMA**2 * np.eye(3)), centred
    )
    assert stats.kstest(distance, stats.chi2(3).cdf).pvalue > 1e-3
    assert_mean(centred, 0)


def test_claim_1_1_a_sample_comes_with_the_latent_that_made_it():
    x, z = linear_gaussian().sample(20_000)
    noise = (x.numpy() - z.numpy() @ W.T - B) / SIGMA
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(z.numpy().ravel(), "norm").pvalue > 1e-3
    assert_mean(noise[:, :, None] * z.numpy()[:, None, :], 0)


def test_claim_1_1_ancestral_samples_follow_the_mixture_evidence():
    x, z = mixture().sample(20_000)
    pi = np.exp(LOGITS - logsumexp(LOGITS))
    edges = np.array([-np.inf, -3, -2, -1, 0, 1, 2, 3, np.inf])
    probability = (pi[:, None] * np.diff(stats.norm.cdf(edges, MEANS[:, :1], SIGMA))).sum(0)
    count = np.histogram(x[:, 0], edges)[0]
    assert stats.chisquare(count, 20_000 * probability).pvalue > 1e-3
    assert stats.chisquare(z.sum(0), 20_000 * pi).pvalue > 1e-3
    assert_mean(x.numpy() - z.numpy() @ MEANS, 0)


# Evidence and posterior


def test_sigma_is_kept_in_the_precision_of_the_weights():
    assert abs(linear_gaussian().sigma.item() - SIGMA) < 1e-15
    assert abs(mixture().sigma.item() - SIGMA) < 1e-15
    single = LinearGaussian(torch.ones(2, 1), torch.zeros(2), SIGMA)
    assert {p.dtype for p in single.parameters()} == {torch.float32}


def test_linear_gaussian_evidence_is_the_density_of_scipy():
    truth = stats.multivariate_normal(B, W @ W.T + SIGMA**2 * np.eye(3)).logpdf(DATA)
    np.testing.assert_allclose(
        linear_gaussian().log_evidence(t64(DATA)).detach(), truth, rtol=1e-12
    )


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_claim_1_2_linear_gaussian_evidence_is_the_integral_over_z(latent_dim):
    model = LinearGaussian(t64(W[:, :latent_dim]), t64(B), SIGMA)
    line = np.linspace(-8, 8, 321)
    z = np.stack(np.meshgrid(*[line] * latent_dim), -1).reshape(-1, latent_dim)
    log_likelihood = stats.norm.logpdf(DATA[0], z @ W[:, :latent_dim].T + B, SIGMA).sum(-1)
    integrand = np.exp(log_likelihood + stats.norm.logpdf(z).sum(-1))
    truth = np.log(integrand.sum() * (line[1] - line[0]) ** latent_dim)
    assert abs(model.log_evidence(t64(DATA[:1])).item() - truth) < 1e-10


def test_claim_1_2_mixture_evidence_is_the_sum_over_components():
    truth = logsumexp(mixture_log_joint(DATA[:, :2]), axis=0)
    np.testing.assert_allclose(mixture().log_evidence(t64(DATA[:, :2])).detach(), truth, rtol=1e-13)


def test_claim_1_3_log_joint_minus_log_posterior_is_the_log_evidence_at_every_z():
    model, x = linear_gaussian(), t64(DATA)
    z = 3 * torch.randn(50, 3, 2, dtype=torch.float64)
    difference = model.log_joint(x, z) - model.posterior(x).log_prob(z)
    truth = stats.multivariate_normal(B, W @ W.T + SIGMA**2 * np.eye(3)).logpdf(DATA)
    np.testing.assert_allclose(difference.detach(), np.tile(truth, (50, 1)), atol=1e-10)


def test_claim_1_3_in_a_mixture_too_at_every_component():
    x, every_z = t64(DATA[:, :2]), torch.eye(3).double()[:, None].expand(-1, 3, -1)
    difference = mixture().log_joint(x, every_z) - mixture().posterior(x).log_prob(every_z)
    truth = logsumexp(mixture_log_joint(DATA[:, :2]), axis=0)
    np.testing.assert_allclose(difference.detach(), np.tile(truth, (3, 1)), atol=1e-10)


def test_claim_1_4_linear_gaussian_posterior_is_the_conditioned_joint():
    posterior = linear_gaussian().posterior(t64(DATA))
    assert posterior.batch_shape == (3,) and posterior.event_shape == (2,)
    for i, x in enumerate(DATA):
        mean, cov = lg_conditioned(W, B, SIGMA, x)
        np.testing.assert_allclose(posterior.mean[i].detach(), mean, rtol=1e-12)
        np.testing.assert_allclose(posterior.covariance_matrix[i].detach(), cov, rtol=1e-12)


def test_claim_1_4_latents_of_samples_lie_about_the_posterior_mean_with_one_covariance_for_all():
    x, z = linear_gaussian().sample(20_000)
    residual = z.numpy() - linear_gaussian().posterior(x).mean.detach().numpy()
    m = W.T @ W + SIGMA**2 * np.eye(2)
    distance = np.einsum("ni,ij,nj->n", residual, m / SIGMA**2, residual)
    far = np.linalg.norm(x.numpy() - B, axis=1) > 3
    for group in (far, ~far):
        assert group.sum() > 500 and stats.kstest(distance[group], stats.chi2(2).cdf).pvalue > 1e-3
        assert_mean(residual[group], 0)


def test_claim_1_4_mixture_posterior_is_bayes_rule_by_enumeration():
    joint = mixture_log_joint(DATA[:, :2])
    truth = np.exp(joint - logsumexp(joint, axis=0)).T
    np.testing.assert_allclose(
        mixture().posterior(t64(DATA[:, :2])).probs.detach(), truth, rtol=1e-12
    )


@pytest.mark.parametrize("make, shape", [(linear_gaussian, (3, 2)), (mixture, (3, 2))])
def test_solved_models_keep_copies_that_train_and_follow_state_dict(make, shape):
    model, other = make(), make()
    assert all(p.requires_grad for p in model.parameters())
    weight = model.weight if hasattr(model, "weight") else model.means
    assert weight.shape == shape
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.1)
    x = t64(DATA[:, : model.sample(1)[0].shape[1]])
    assert (model.log_evidence(x) != other.log_evidence(x)).all()
    model.load_state_dict(other.state_dict())
    torch.testing.assert_close(model.log_evidence(x), other.log_evidence(x), rtol=0, atol=0)
    assert model.float().posterior(x.float()).mean.dtype == torch.float32


def test_evidence_differentiates_in_every_parameter():
    model = linear_gaussian()
    model.log_evidence(t64(DATA)).mean().backward()
    gradient = np.concatenate(
        [p.grad.numpy().ravel() for p in (model.weight, model.bias, model.log_sigma)]
    )

    def truth(p):
        cov = p[:6].reshape(3, 2) @ p[:6].reshape(3, 2).T + math.exp(2 * p[9]) * np.eye(3)
        return stats.multivariate_normal(p[6:9], cov).logpdf(DATA).mean()

    at = np.concatenate([W.ravel(), B, [math.log(SIGMA)]])
    np.testing.assert_allclose(gradient, central_difference(truth, at), atol=1e-7)


# Simple Monte Carlo


def simple_estimates(n, K, x=1.0, **more):
    return simple_monte_carlo(
        ruler(), torch.full((n, 1), x, dtype=torch.float64), K, **more
    ).numpy()


def test_claim_1_5_simple_monte_carlo_is_unbiased_for_the_evidence():
    truth = stats.norm(0, math.hypot(1, 0.3)).pdf(1.0)
    assert_mean(np.exp(simple_estimates(20_000, 10)), truth)


@pytest.mark.parametrize("K, rounded", [(1, -9.41), (10, -0.221), (100, -0.0149)])
def test_claim_1_5_its_logarithm_is_biased_low_by_the_exact_amount(K, rounded):
    mean, s = 1 / 1.09, math.sqrt(0.09 / 1.09)
    bias = bound_1d(mean, s, 0, 1, K)
    assert abs(bias - rounded) < abs(rounded) / 100
    assert_mean(simple_estimates(20_000, K) - stats.norm(0, math.sqrt(1.09)).logpdf(1.0), bias)


def test_claim_1_5_the_bias_tends_to_minus_chi2_over_2K_and_is_minus_kl_at_one_sample():
    mean, cov = np.array([1 / 1.09]), np.array([[0.09 / 1.09]])
    chi2 = chi2_gaussians(mean, cov, np.zeros(1), np.eye(1))
    for K, relative in [(100, 0.05), (10_000, 0.001)]:
        assert (
            abs(bound_1d(mean[0], math.sqrt(cov[0, 0]), 0, 1, K) / (-chi2 / 2 / K) - 1) < relative
        )
    assert_mean(
        simple_estimates(50_000, 1) - stats.norm(0, math.sqrt(1.09)).logpdf(1.0),
        -kl_gaussians(np.zeros(1), np.eye(1), mean, cov),
    )


def test_claim_1_6_chi2_is_the_variance_of_simple_monte_carlo():
    posterior = ruler().posterior(t64([[1.0]]))
    mean, cov = posterior.mean[0].detach().numpy(), posterior.covariance_matrix[0].detach().numpy()
    chi2 = chi2_gaussians(mean, cov, np.zeros(1), np.eye(1))
    relative = np.exp(simple_estimates(40_000, 5) - stats.norm(0, math.sqrt(1.09)).logpdf(1.0))
    assert_mean(5 * (relative - 1) ** 2, chi2)


def test_claim_1_6_chi2_is_the_integral_of_posterior_squared_over_prior():
    posterior = linear_gaussian().posterior(t64(DATA[:1]))
    mean, cov = posterior.mean[0].detach().numpy(), posterior.covariance_matrix[0].detach().numpy()
    line = np.linspace(-7, 7, 351)
    z = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    ratio = np.exp(
        2 * stats.multivariate_normal(mean, cov).logpdf(z) - stats.norm.logpdf(z).sum(-1)
    )
    integral = ratio.sum() * (line[1] - line[0]) ** 2
    assert abs(integral / (1 + chi2_gaussians(mean, cov, np.zeros(2), np.eye(2))) - 1) < 1e-9


def test_claim_1_6_its_mean_over_the_data_grows_exponentially_with_the_latent_dimension():
    x = np.linspace(-38, 38, 761)  # data of the model with one latent
    posterior = ruler().posterior(t64(x[:, None]))
    cov = posterior.covariance_matrix[0].detach().numpy()
    values = [
        chi2_gaussians(m, cov, np.zeros(1), np.eye(1)) + 1 for m in posterior.mean.detach().numpy()
    ]
    per_latent = 0.1 * (stats.norm(0, math.sqrt(1.09)).pdf(x) * values).sum()
    assert abs(per_latent / (1.09 / 0.09) - 1) < 1e-9  # |M| / sigma^(2 Z) at Z = 1
    four = LinearGaussian(t64(np.eye(4)), t64(np.zeros(4)), 0.3)
    m = four.posterior(t64(np.zeros((1, 4)))).precision_matrix[0].detach().numpy() * 0.09
    assert abs(np.linalg.det(m) / 0.09**4 / per_latent**4 - 1) < 1e-8


def test_claim_1_6_equally_informative_latents_multiply_the_price():
    # orthonormal: four rulers in one
    weight = np.linalg.qr(np.random.default_rng(4).normal(size=(7, 4)))[0]
    x = np.random.default_rng(5).normal(size=7)
    joint = LinearGaussian(t64(weight), t64(np.zeros(7)), 0.3).posterior(t64(x[None]))
    alone = ruler().posterior(t64((x @ weight)[:, None]))
    together = chi2_gaussians(
        joint.mean[0].detach().numpy(),
        joint.covariance_matrix[0].detach().numpy(),
        np.zeros(4),
        np.eye(4),
    )
    cov = alone.covariance_matrix[0].detach().numpy()
    each = [
        1 + chi2_gaussians(mean, cov, np.zeros(1), np.eye(1))
        for mean in alone.mean.detach().numpy()
    ]
    assert abs((1 + together) / np.prod(each) - 1) < 1e-10


@pytest.mark.parametrize("x, tolerance", [(0.0, 0.1), (1.0, 0.2), (2.0, 0.2)])
def test_claim_1_6_as_many_samples_as_chi2_says_give_the_error_that_was_asked_for(x, tolerance):
    z = np.linspace(-8, 8, 4001)
    ratio = stats.norm(x / 1.09, 0.3 / math.sqrt(1.09)).pdf(z) ** 2 / stats.norm.pdf(z)
    chi2 = ratio.sum() * (z[1] - z[0]) - 1
    K = math.ceil(chi2 / tolerance**2)
    relative = np.exp(simple_estimates(10_000, K, x) - stats.norm(0, math.sqrt(1.09)).logpdf(x)) - 1
    assert_mean(relative**2 * K / chi2, 1)


def test_claim_1_6_in_fifty_dimensions_the_estimate_is_lost():
    weight = np.linalg.qr(np.random.default_rng(6).normal(size=(64, 50)))[0]
    model = LinearGaussian(t64(weight), t64(np.zeros(64)), 0.3)
    x, _ = model.sample(4)
    truth = stats.multivariate_normal(np.zeros(64), weight @ weight.T + 0.09 * np.eye(64)).logpdf(x)
    posterior = model.posterior(x)
    cov = posterior.covariance_matrix[0].detach().numpy()
    for mean, error in zip(
        posterior.mean.detach().numpy(),
        simple_monte_carlo(model, x, 2000).numpy() - truth,
        strict=True,
    ):
        assert chi2_gaussians(mean, cov, np.zeros(50), np.eye(50)) > 1e20 and error < -50


def test_simple_monte_carlo_uses_exactly_K_samples_no_more_than_a_chunk_at_a_time():
    model, sizes = ruler(), []
    model.decoder.register_forward_hook(lambda module, args, out: sizes.append(args[0].shape[0]))
    simple_monte_carlo(model, t64([[1.0]]), 10, chunk=4)
    assert sizes == [4, 4, 2]


def test_simple_monte_carlo_has_the_same_mean_for_every_chunk():
    bias = bound_1d(1 / 1.09, math.sqrt(0.09 / 1.09), 0, 1, 10)
    log_p = stats.norm(0, math.sqrt(1.09)).logpdf(1.0)
    assert_mean(simple_estimates(20_000, 10, chunk=3), log_p + bias)


def test_simple_monte_carlo_gives_every_datum_samples_of_its_own():
    log_p = simple_estimates(2, 5)
    assert log_p.dtype == np.float64 and log_p[0] != log_p[1]


# Probabilistic PCA


def ppca_data():
    rng = np.random.default_rng(3)
    z, weight, noise = rng.normal(size=(200, 3)), rng.normal(size=(3, 5)), rng.normal(size=(200, 5))
    return z @ weight + 0.6 * noise + [1, 2, 3, 4, 5]


def mean_log_evidence(weight, sigma, x):
    """Mean log N(x_n; mean, W W^T + sigma^2 I) from the covariance with 1/N."""
    cov = np.cov(x.T, bias=True)
    c = weight @ weight.T + sigma**2 * np.eye(x.shape[1])
    log_det, trace = np.linalg.slogdet(c)[1], np.trace(np.linalg.solve(c, cov))
    return -0.5 * (x.shape[1] * np.log(2 * np.pi) + log_det + trace)


def maximised(x, latent_dim, sigma=None):
    """The greatest mean log-evidence and W W^T there, by BFGS from random starts."""
    n = x.shape[1] * latent_dim

    def loss(free):
        noise = np.exp(free[n]) if sigma is None else sigma
        return -mean_log_evidence(free[:n].reshape(-1, latent_dim), noise, x)

    rng = np.random.default_rng(0)
    runs = [optimize.minimize(loss, rng.normal(size=n + (sigma is None))) for _ in range(4)]
    best = min(runs, key=lambda run: run.fun)
    weight = best.x[:n].reshape(-1, latent_dim)
    return -best.fun, weight @ weight.T


def test_claim_1_7_ppca_attains_the_closed_form_of_tipping_and_bishop():
    x, n_z = ppca_data(), 2
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    variance = eigenvalues[n_z:].mean()
    log_det = np.log(eigenvalues[:n_z]).sum() + (5 - n_z) * np.log(variance)
    truth = -0.5 * (5 * np.log(2 * np.pi) + log_det + 5)
    model = fit_ppca(t64(x), n_z)
    assert abs(model.log_evidence(t64(x)).mean().item() - truth) < 1e-10
    assert abs(model.sigma.item() ** 2 - variance) < 1e-12
    np.testing.assert_allclose(model.bias.detach(), x.mean(0), rtol=1e-13)


def test_claim_1_7_no_other_linear_gaussian_model_is_better():
    x = ppca_data()
    best, gram = maximised(x, 2)
    model = fit_ppca(t64(x), 2)
    assert abs(model.log_evidence(t64(x)).mean().item() - best) < 1e-8
    np.testing.assert_allclose((model.weight @ model.weight.T).detach(), gram, atol=1e-3)


def test_claim_1_7_a_zero_gradient_alone_proves_nothing():
    eigenvalues = np.array([6, 3, 2.5, 0.5, 0.2])
    white = np.linalg.qr(ppca_data() - ppca_data().mean(0))[0] * math.sqrt(200)
    x = t64(white * np.sqrt(eigenvalues))
    kept, left = [0, 2], [1, 3, 4]  # not the second-largest
    variance = eigenvalues[left].mean()
    weight = np.eye(5)[:, kept] * np.sqrt(eigenvalues[kept] - variance)
    saddle = LinearGaussian(t64(weight), t64(np.zeros(5)), math.sqrt(variance))
    best = fit_ppca(x, 2)
    for model in (saddle, best):
        model.log_evidence(x).mean().backward()
        assert max(p.grad.abs().max().item() for p in model.parameters()) < 1e-10
    assert saddle.log_evidence(x).mean() < best.log_evidence(x).mean() - 0.01


def test_claim_1_7_ppca_gives_the_scores_of_scikit_learn():
    x = ppca_data()
    pca = PCA(2).fit(x)  # its covariance divides by N - 1
    centred = x - x.mean(0)
    model = fit_ppca(t64(centred * math.sqrt(200 / 199)), 2)
    np.testing.assert_allclose(
        model.log_evidence(t64(centred)).detach(), pca.score_samples(x), atol=1e-9
    )


def test_ppca_with_fixed_sigma_keeps_the_directions_above_it():
    x, sigma = ppca_data(), 1.3
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    model = fit_ppca(t64(x), 5, sigma=sigma)
    norms = model.weight.square().sum(0).detach()
    assert 0 < (norms == 0).sum() < 5
    np.testing.assert_allclose(norms, np.maximum(eigenvalues - sigma**2, 0), atol=1e-12)
    assert abs(model.sigma.item() - sigma) < 1e-14
    best, gram = maximised(x, 3, sigma)
    assert abs(fit_ppca(t64(x), 3, sigma).log_evidence(t64(x)).mean().item() - best) < 1e-8
    np.testing.assert_allclose((model.weight @ model.weight.T).detach(), gram, atol=1e-3)


def test_ppca_points_every_column_so_that_its_largest_entry_is_positive():
    for seed in range(5):
        x = t64(np.random.default_rng(seed).normal(size=(30, 6)))
        weight = fit_ppca(x, 3).weight.detach().numpy()
        largest = weight[np.abs(weight).argmax(0), range(3)]
        assert (largest > 0).all()


def test_ppca_gives_back_the_precision_it_was_given():
    assert fit_ppca(t64(ppca_data()).float(), 2).weight.dtype == torch.float32


@pytest.mark.parametrize(
    "x, latent_dim, sigma, message",
    [
        (torch.randn(5), 1, None, r"shape \(N, X\); got .*\(5,\)"),
        (torch.randn(0, 3), 1, None, r"shape \(N, X\)"),
        (torch.ones(5, 3, dtype=torch.int64), 1, None, "x must be floating point"),
        (torch.randn(5, 3), 3, None, r"latent_dim must be at most 2 for x \(5, 3\); got 3"),
        (torch.randn(5, 3), 4, 0.5, "latent_dim must be at most 3"),
        (torch.randn(5, 3), 0, None, "latent_dim must be a positive integer"),
        (torch.randn(5, 3), 1, 0.0, "sigma must be one positive"),
        (torch.ones(5, 3), 1, None, "x has no variance left outside 1 dimensions"),
        (torch.randn(9, 1) * torch.ones(3), 1, None, "x has no variance left outside 1 dimensions"),
    ],
)
def test_ppca_refuses_what_it_cannot_fit(x, latent_dim, sigma, message):
    with pytest.raises(ValueError, match=message):
        fit_ppca(x, latent_dim, sigma)


# KL between full and diagonal Gaussians


def test_kl_between_full_and_diagonal_gaussian_both_ways():
    mean_0, mean_1, scale = np.array([0.3, -1.0]), np.array([1.0, 0.4]), np.array([0.5, 1.7])
    cov = np.array([[1.0, 0.6], [0.6, 0.8]])
    full = MultivariateNormal(t64(mean_0), t64(cov))
    diagonal = Independent(Normal(t64(mean_1), t64(scale)), 1)
    there = kl_gaussians(mean_0, cov, mean_1, np.diag(scale**2))
    back = kl_gaussians(mean_1, np.diag(scale**2), mean_0, cov)
    assert abs(kl_divergence(full, diagonal).item() - there) < 1e-12
    assert abs(kl_divergence(diagonal, full).item() - back) < 1e-12


def test_kl_keeps_the_batch_axis():
    posterior = linear_gaussian().posterior(t64(DATA))
    kl = kl_divergence(posterior, StandardNormal(2).double()())
    truth = [kl_gaussians(*lg_conditioned(W, B, SIGMA, x), np.zeros(2), np.eye(2)) for x in DATA]
    np.testing.assert_allclose(kl.detach(), truth, rtol=1e-11)


@pytest.mark.parametrize(
    "other",
    [
        Independent(Laplace(torch.zeros(2), torch.ones(2)), 1),
        Independent(Normal(torch.zeros(1, 2), torch.ones(1, 2)), 2),
    ],
)
def test_kl_with_another_distribution_is_not_made_up(other):
    full = MultivariateNormal(torch.zeros(2), torch.eye(2))
    with pytest.raises(NotImplementedError, match=r"needs Independent\(Normal, 1\)"):
        kl_divergence(full, other)
    with pytest.raises(NotImplementedError, match=r"needs Independent\(Normal, 1\)"):
        kl_divergence(other, full)


# What a wrong constant or a lost copy would change


@pytest.mark.parametrize("make", [LinearGaussian, GaussianMixture])
def test_a_model_does_not_write_into_the_tensors_it_was_made_of(make):
    given = (
        (torch.ones(3, 2), torch.ones(3))
        if make is LinearGaussian
        else (torch.ones(3), torch.ones(3, 2))
    )
    model = make(*given, 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert all((tensor == 1).all() for tensor in given)


def test_every_parameter_has_the_precision_of_the_tensors():
    mixture_32 = GaussianMixture(torch.zeros(2), torch.ones(2, 3), 0.5)
    ppca_32 = fit_ppca(t64(ppca_data()).float(), 2)
    assert {p.dtype for p in [*mixture_32.parameters(), *ppca_32.parameters()]} == {torch.float32}


def test_the_prior_can_be_traced_without_numbers():
    z = torch.zeros(5, 2, device="meta")
    assert StandardNormal(2).to("meta")().log_prob(z).shape == (5,)


def test_a_mixture_of_one_component_is_a_gaussian_and_one_of_none_is_refused():
    model = GaussianMixture(t64([0.3]), t64(MEANS[:1]), SIGMA)
    truth = stats.multivariate_normal(MEANS[0], SIGMA**2 * np.eye(2)).logpdf(DATA[:, :2])
    np.testing.assert_allclose(model.log_evidence(t64(DATA[:, :2])).detach(), truth, rtol=1e-13)
    with pytest.raises(ValueError, match=r"logits must have shape \(C,\)"):
        GaussianMixture(torch.ones(0), torch.ones(0, 2), 1.0)


def test_simple_monte_carlo_holds_a_thousand_samples_unless_told_otherwise():
    model, sizes = ruler(), []
    model.decoder.register_forward_hook(lambda module, args, out: sizes.append(args[0].shape[0]))
    simple_monte_carlo(model, t64([[1.0]]), 2500)
    assert sizes == [1000, 1000, 500]


def test_ppca_of_float32_data_far_from_zero_is_computed_in_float64():
    x = (1e6 + 3 * torch.randn(40, 4)).float()
    eigenvalues = np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))[::-1]
    model = fit_ppca(x, 2)
    np.testing.assert_allclose(model.sigma.item() ** 2, eigenvalues[2:].mean(), rtol=1e-5)
    norms = model.weight.detach().double().square().sum(0)
    np.testing.assert_allclose(norms, eigenvalues[:2] - eigenvalues[2:].mean(), rtol=1e-5)


def test_ppca_asks_no_accelerator_for_double_precision(monkeypatch):
    """As Apple's GPUs do, the tensor that was given refuses it; a copy on the CPU does not."""
    x, double = torch.randn(20, 3), torch.Tensor.double

    def refuse(tensor):
        assert tensor is not x, "MPS does not support float64"
        return double(tensor)

    monkeypatch.setattr(torch.Tensor, "double", refuse)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: tensor.clone())
    model = fit_ppca(x, 1)
    assert model.weight.dtype == x.dtype and model.weight.device == x.device


def test_ppca_squares_a_sigma_of_single_precision_in_double():
    x, sigma = ppca_data(), torch.tensor(1.3)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    norms = fit_ppca(t64(x), 2, sigma).weight.square().sum(0).detach()
    np.testing.assert_allclose(norms, eigenvalues[:2] - sigma.item() ** 2, rtol=1e-12)


def test_ppca_judges_what_is_left_over_beside_the_largest_variance():
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    for scale in (1e-8, 1.0, 1e8):  # the standard deviations, of which the second is the noise's
        assert (
            abs(fit_ppca(t64(corners * [scale, 1e-5 * scale]), 1).sigma.item() / (1e-5 * scale) - 1)
            < 1e-6
        )
        with pytest.raises(ValueError, match="x has no variance left outside 1 dimensions"):
            fit_ppca(t64(corners * [scale, 1e-7 * scale]), 1)
