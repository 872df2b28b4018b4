"""Chapter 4: the value of the ELBO, and the mean, spread and zeros of its gradient estimators."""

import math

import numpy as np
import pytest
import torch
from oracles import (
    assert_mean,
    complex_step,
    kl_gaussians,
    lg_conditioned,
    lg_elbo,
    normal_proxy,
    t64,
)
from scipy import stats
from torch.distributions import Independent, Normal, OneHotCategorical, StudentT

from vaelib.data import digits
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl, log_weights
from vaelib.latent import GaussianMixture, LinearGaussian

W = np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
B = np.array([0.5, -1.0, 0.3])
LOG_SIGMA = math.log(0.7)
X = np.array([0.2, 0.1, -0.4])
MEAN, LOG_S = np.array([0.3, -0.2]), np.log([0.6, 0.4])

ESTIMATORS = [elbo, elbo_kl, elbo_score, elbo_stl]
REPARAMETERISED = [elbo_kl, elbo_stl]


def linear_gaussian():
    return LinearGaussian(t64(W), t64(B), 0.7)


def leaves():
    return t64(MEAN).requires_grad_(), t64(LOG_S).requires_grad_()


def copies(n, x=X):
    """One datum n times: n independent replications in a batch."""
    return t64(x).expand(n, -1)


def exact_elbo():
    return lg_elbo((W, B, LOG_SIGMA), (MEAN, LOG_S), X)


def gradients(bound, model, q, x, parameters, repeats, **more):
    """Independent draws of the gradient of the mean bound, flattened and joined: (repeats, P)."""
    rows = []
    for _ in range(repeats):
        grads = torch.autograd.grad(
            bound(model, q, x, **more).mean(), parameters, materialize_grads=True
        )
        rows.append(torch.cat([g.flatten() for g in grads]).numpy())
    return np.array(rows)


# Values


def test_log_weights_are_log_joint_minus_log_q():
    model, x = linear_gaussian(), t64(np.random.default_rng(0).normal(size=(3, 3)))
    q = normal_proxy(*leaves())
    torch.manual_seed(1)
    log_w = log_weights(model, q, x, 4).detach()
    torch.manual_seed(1)
    z = MEAN + np.exp(LOG_S) * torch.randn(4, 3, 2, dtype=torch.float64).numpy()
    joint = stats.norm.logpdf(z).sum(-1) + stats.norm.logpdf(x, z @ W.T + B, 0.7).sum(-1)
    np.testing.assert_allclose(
        log_w, joint - stats.norm.logpdf(z, MEAN, np.exp(LOG_S)).sum(-1), rtol=1e-12
    )


@pytest.mark.parametrize(
    "make", [linear_gaussian, lambda: GaussianMixture(t64(B), t64(W.T).mT, 0.7)]
)
def test_with_the_exact_posterior_every_log_weight_is_the_log_evidence(make):
    model = make()
    x = model.sample(5)[0]
    log_w = log_weights(model, model.posterior, x, 6)
    assert log_w.shape == (6, 5)
    torch.testing.assert_close(log_w, model.log_evidence(x).expand(6, 5), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        elbo(model, model.posterior, x), model.log_evidence(x), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("bound", ESTIMATORS)
def test_claim_4_1_log_evidence_minus_elbo_is_kl_from_q_to_the_posterior(bound):
    mean, cov = lg_conditioned(W, B, 0.7, X)
    log_evidence = stats.multivariate_normal(B, W @ W.T + 0.49 * np.eye(3)).logpdf(X)
    truth = log_evidence - kl_gaussians(MEAN, np.diag(np.exp(2 * LOG_S)), mean, cov)
    assert abs(truth - exact_elbo()) < 1e-12  # the two oracles agree
    assert_mean(bound(linear_gaussian(), normal_proxy(*leaves()), copies(20_000)).detach(), truth)


@pytest.mark.parametrize("bound", [elbo, elbo_score])
def test_claim_4_1_holds_for_a_discrete_latent_by_enumeration(bound):
    logits = np.array([0.3, -0.5, 1.0])
    means = np.array([[-1.0], [0.2], [1.5]])
    r = [0.2, 0.5, 0.3]
    x = [0.4]
    joint = np.log(np.exp(logits) / np.exp(logits).sum()) + stats.norm.logpdf(
        x[0], means[:, 0], 0.7
    )
    posterior = np.exp(joint) / np.exp(joint).sum()
    truth = np.log(np.exp(joint).sum()) - (r * np.log(r / posterior)).sum()
    model = GaussianMixture(t64(logits), t64(means), 0.7)
    value = bound(model, lambda x: OneHotCategorical(t64(r).expand(len(x), 3)), copies(20_000, x))
    assert_mean(value.detach(), truth)


def test_claim_4_2_elbo_is_reconstruction_minus_kl_from_q_to_the_prior():
    kl = kl_gaussians(MEAN, np.diag(np.exp(2 * LOG_S)), np.zeros(2), np.eye(2))
    torch.manual_seed(1)
    value = elbo_kl(linear_gaussian(), normal_proxy(*leaves()), copies(5), K=3).detach()
    torch.manual_seed(1)
    z = MEAN + np.exp(LOG_S) * torch.randn(3, 5, 2, dtype=torch.float64).numpy()
    reconstruction = stats.norm.logpdf(X, z @ W.T + B, 0.7).sum(-1).mean(0)
    np.testing.assert_allclose(value, reconstruction - kl, rtol=1e-12)


@pytest.mark.parametrize("bound", [elbo_score, elbo_stl])
def test_the_estimators_have_one_value_on_one_seed(bound):
    model, q, x = linear_gaussian(), normal_proxy(*leaves()), copies(4)
    torch.manual_seed(1)
    value = elbo(model, q, x, K=3)
    torch.manual_seed(1)
    torch.testing.assert_close(bound(model, q, x, K=3), value, rtol=1e-13, atol=0)


@pytest.mark.parametrize("bound", ESTIMATORS)
def test_more_samples_lessen_the_noise_and_leave_the_mean(bound):
    model, q = linear_gaussian(), normal_proxy(*leaves())
    one, many = (bound(model, q, copies(20_000), K).detach().numpy() for K in (1, 16))
    assert_mean(many, exact_elbo())
    assert abs(one.var() / many.var() / 16 - 1) < 0.1


# Means of gradients


@pytest.mark.parametrize("bound", ESTIMATORS)
@pytest.mark.parametrize("K", [1, 3])
def test_claim_4_3_every_estimator_has_the_exact_gradient_as_mean(bound, K):
    model, phi = linear_gaussian(), leaves()
    parameters = [model.weight, model.bias, model.log_sigma, *phi]
    truth = complex_step(
        lambda w, b, s, m, t: lg_elbo((w, b, s), (m, t), X), W, B, LOG_SIGMA, MEAN, LOG_S
    )
    draws = gradients(bound, model, normal_proxy(*phi), copies(300), parameters, 150, K=K)
    assert draws.shape[1] == 6 + 3 + 1 + 4
    assert_mean(draws, truth)


def test_score_gradient_serves_a_discrete_latent():
    logits, means, x = np.array([0.3, -0.5, 1.0]), np.array([[-1.0], [0.2], [1.5]]), [0.4]
    free = np.array([0.1, 0.8, -0.3])

    def enumerated(prior_logits, component_means, q_logits):
        prior = np.exp(prior_logits) / np.exp(prior_logits).sum()
        q = np.exp(q_logits) / np.exp(q_logits).sum()
        square = (x[0] - component_means[:, 0]) ** 2 / 0.49
        log_p_x = -0.5 * square - 0.5 * np.log(2 * np.pi * 0.49)
        return (q * (np.log(prior) + log_p_x - np.log(q))).sum()

    model, phi = GaussianMixture(t64(logits), t64(means), 0.7), t64(free).requires_grad_()

    def q(x):
        return OneHotCategorical(logits=phi.expand(len(x), 3))

    draws = gradients(elbo_score, model, q, copies(300, x), [model.logits, model.means, phi], 200)
    assert_mean(draws, complex_step(enumerated, logits, means, free))


def test_score_gradient_serves_the_mixtures_own_posterior():
    model = GaussianMixture(t64(0.3, -0.5), t64([[-1.0], [0.8]]), 0.7)
    parameters = list(model.parameters())
    x = copies(200, [0.4])
    draws = gradients(elbo_score, model, model.posterior, x, parameters, 100)
    truth = torch.autograd.grad(model.log_evidence(x).mean(), parameters)
    assert_mean(draws, torch.cat([g.flatten() for g in truth]).numpy())


# Spread and zeros of gradients


def one_dimension(r):
    """x | z ~ N(z, 1), x = 1.2; a q with the posterior's mean and r times its variance."""
    model = LinearGaussian(t64([[1.0]]), t64([0.0]), 1.0)
    return model, (t64([0.6]).requires_grad_(), t64([0.5 * math.log(0.5 * r)]).requires_grad_())


def gradient_variance(bound, r, n=100_000):
    """Draws of (gradient - mean)^2 in (mu, log s), one for each of n replications."""
    model, (mean, log_s) = one_dimension(r)
    mean = mean.detach().expand(n, 1).clone().requires_grad_()
    log_s = log_s.detach().expand(n, 1).clone().requires_grad_()
    value = bound(model, lambda x: Independent(Normal(mean, log_s.exp()), 1), copies(n, [1.2]))
    draws = torch.cat(torch.autograd.grad(value.sum(), [mean, log_s]), -1).numpy()
    return (draws - draws.mean(0)) ** 2


def test_claim_4_3_at_the_posterior_the_variances_are_the_fisher_information_and_a_multiple_of_it():
    fisher = np.array([1 / 0.5, 2.0])
    log_evidence = stats.norm(0, math.sqrt(2)).logpdf(1.2)
    assert_mean(gradient_variance(elbo, 1), fisher)
    assert_mean(gradient_variance(elbo_score, 1), log_evidence**2 * fisher)
    model, phi = one_dimension(1)
    assert (
        np.abs(gradients(elbo_stl, model, normal_proxy(*phi), copies(1, [1.2]), phi, 100)).max()
        < 1e-13
    )


@pytest.mark.parametrize("r", [0.25, 0.8])
def test_claim_4_3_sticking_the_landing_is_worse_for_a_narrow_q(r):
    s2 = 0.5 * r
    assert_mean(gradient_variance(elbo_stl, r)[:, 0], (1 - r) ** 2 / s2)
    assert_mean(gradient_variance(elbo, r)[:, 0], r**2 / s2)


def test_stl_at_the_models_own_posterior_leaves_the_gradient_of_the_joint_at_fixed_z():
    model, x = linear_gaussian(), copies(7)
    parameters = [model.weight, model.bias, model.log_sigma]
    torch.manual_seed(1)
    stl = torch.autograd.grad(elbo_stl(model, model.posterior, x, K=3).sum(), parameters)
    torch.manual_seed(1)
    z = model.posterior(x).rsample((3,)).detach()
    joint = torch.autograd.grad(model.log_joint(x, z).mean(0).sum(), parameters)
    for got, expected in zip(stl, joint, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-11)


def test_stl_and_pathwise_gradients_in_theta_are_the_same_draws():
    model, q = linear_gaussian(), normal_proxy(*leaves())
    parameters = list(model.parameters())
    draws = []
    for bound in (elbo, elbo_stl, elbo_score, elbo_kl):
        torch.manual_seed(1)
        draws.append(gradients(bound, model, q, copies(5), parameters, 1, K=2))
    for other in draws[1:]:
        np.testing.assert_allclose(other, draws[0], rtol=1e-10)


# EM


def inked_digits():
    """200 digits without the pixels that are white in all of them, float64."""
    x = digits()[0][:200].double().numpy()
    return x[:, x.std(0) > 0]


def em_step(weight, sigma, x):
    """One round of EM for pPCA: the exact posteriors, then a regression on points for them.

    2 Z points of its mean and covariance replace a Gaussian. The expected squared error is a
    quadratic and stays the same, so the best W for the points is the best for the posteriors.
    """
    n_z, bias = weight.shape[1], x.mean(0)
    mean = np.array([lg_conditioned(weight, bias, sigma, datum)[0] for datum in x])
    cov = lg_conditioned(weight, bias, sigma, x[0])[1]
    offsets = math.sqrt(n_z) * np.linalg.cholesky(cov).T
    points = np.concatenate([mean + sign * offset for sign in (1, -1) for offset in offsets])
    target = np.tile(x - bias, (2 * n_z, 1))
    new = np.linalg.lstsq(points, target, rcond=None)[0].T
    return new, math.sqrt(((target - points @ new.T) ** 2).mean()), mean, cov


def test_claim_4_4_after_an_exact_e_step_the_evidence_gains_what_the_bound_gains_plus_the_new_gap():
    x, rng = inked_digits(), np.random.default_rng(0)
    bias, weight, sigma = x.mean(0), 0.1 * rng.normal(size=(x.shape[1], 4)), 0.3
    for _ in range(3):
        new, new_sigma, mean, cov = em_step(weight, sigma, x)
        evidence, new_evidence = (
            stats.multivariate_normal(bias, w @ w.T + s**2 * np.eye(len(bias))).logpdf(x)
            for w, s in [(weight, sigma), (new, new_sigma)]
        )
        moved = [lg_conditioned(new, bias, new_sigma, datum) for datum in x]
        gap = np.array([kl_gaussians(m, cov, *after) for m, after in zip(mean, moved, strict=True)])
        # the bound gained as well
        assert gap.min() > 0
        assert new_evidence.mean() - evidence.mean() > gap.mean()
        old_model, model = (
            LinearGaussian(t64(w), t64(bias), s) for w, s in [(weight, sigma), (new, new_sigma)]
        )
        touching = elbo(old_model, old_model.posterior, t64(x)).detach()
        np.testing.assert_allclose(touching, evidence, atol=1e-9)
        torch.manual_seed(1)
        bound = elbo(model, old_model.posterior, t64(x), K=50).detach().numpy()
        assert_mean((bound - touching.numpy()) - (new_evidence - evidence - gap), 0)
        weight, sigma = new, new_sigma


def test_claim_4_4_the_m_step_is_where_the_bound_is_flat_in_the_model():
    x = inked_digits()
    weight, sigma = 0.1 * np.random.default_rng(0).normal(size=(x.shape[1], 4)), 0.3
    new, new_sigma, *_ = em_step(weight, sigma, x)
    old_model, model = (
        LinearGaussian(t64(w), t64(x.mean(0)), s) for w, s in [(weight, sigma), (new, new_sigma)]
    )
    old_model.requires_grad_(False)
    torch.manual_seed(1)
    parameters = [model.weight, model.bias, model.log_sigma]
    assert_mean(gradients(elbo, model, old_model.posterior, t64(x), parameters, 100), 0)


# Errors


class NoReparameterisation(Normal):
    has_rsample = False


@pytest.mark.parametrize("bound", [elbo, elbo_score])
def test_a_q_that_cannot_reparameterise_still_gives_the_value(bound):
    mean, log_s = leaves()

    def q(x):
        size = (len(x), 2)
        return Independent(NoReparameterisation(mean.expand(size), log_s.exp().expand(size)), 1)

    assert_mean(bound(linear_gaussian(), q, copies(20_000)).detach(), exact_elbo())


@pytest.mark.parametrize("bound", REPARAMETERISED)
def test_estimators_that_need_a_path_say_so(bound):
    model = GaussianMixture(t64(0.0, 0.0), t64([[0.0], [1.0]]), 1.0)
    with pytest.raises(
        TypeError, match=r"q that can reparameterise; got OneHotCategorical.*elbo_score"
    ):
        bound(model, model.posterior, t64([[0.0]]))


def test_elbo_kl_needs_a_closed_form():
    def q(x):
        return Independent(StudentT(3 * torch.ones(len(x), 2).double()), 1)

    with pytest.raises(NotImplementedError):
        elbo_kl(linear_gaussian(), q, copies(2))


@pytest.mark.parametrize("bound", [*ESTIMATORS, log_weights])
def test_data_that_do_not_fit_are_named_in_the_models_own_words(bound):
    def q(x):
        return normal_proxy(*leaves())(copies(2))

    with pytest.raises(ValueError, match=r"^x must have shape \(B, 3\)"):  # not q's doing
        bound(linear_gaussian(), q, copies(2)[:, :2], 1)


@pytest.mark.parametrize("bound", ESTIMATORS)
def test_one_sample_is_drawn_unless_told_otherwise(bound):
    model, q = linear_gaussian(), normal_proxy(*leaves())
    torch.manual_seed(1)
    value = bound(model, q, copies(4))
    torch.manual_seed(1)
    torch.testing.assert_close(value, bound(model, q, copies(4), 1), rtol=0, atol=0)
