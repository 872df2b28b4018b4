"""Chapter 3: log-mean-exp where the naive formula fails, and the size of the Jensen gap."""

import math

import numpy as np
import pytest
import torch
from oracles import assert_mean, bound_from_weights, kl_gaussians, lg_conditioned, t64
from scipy import stats
from torch.distributions import Independent, Normal

from vaelib.jensen import jensen_gap, log_mean_exp
from vaelib.latent import GaussianMixture, LinearGaussian


def log_normal(s, *shape):
    return s * torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_log_mean_exp_is_the_log_of_the_mean_of_exp(dim):
    log_w = torch.randn(3, 4, 5, dtype=torch.float64)
    truth = np.log(np.exp(log_w.numpy()).mean(dim))
    np.testing.assert_allclose(log_mean_exp(log_w, dim), truth, atol=1e-14)
    if dim == 0:
        np.testing.assert_allclose(log_mean_exp(log_w), truth, atol=1e-14)


@pytest.mark.parametrize("shift", [-1e5, -800.0, 800.0, 1e5])
def test_claim_3_5_log_mean_exp_is_exact_where_exp_overflows_or_vanishes(shift):
    log_w = t64(0.0, math.log(3), -math.inf, math.log(4))
    with np.errstate(over="ignore", divide="ignore"):
        assert np.isinf(np.log(np.exp(shift + log_w.numpy()).mean()))
    assert abs(log_mean_exp(shift + log_w).item() - (shift + math.log(2))) < 1e-10


def test_claim_3_5_its_gradient_is_the_softmax():
    low = -900.0  # both levels: far above zero, and far below
    log_w = t64([[900.0, -2.0, low], [901.0, -math.inf, low + 1], [low, 1.0, 2 * low]])
    log_w.requires_grad_()
    log_mean_exp(log_w).sum().backward()
    e = math.e
    first, second = 1 / (1 + e), e / (1 + e)
    truth = [[first, e**-2 / (e**-2 + e), first], [second, 0, second], [0, e / (e**-2 + e), 0]]
    np.testing.assert_allclose(log_w.grad, truth, atol=1e-14)


@pytest.mark.parametrize("dim", [0, 1])
def test_claim_3_5_all_weights_zero_give_minus_infinity_and_no_nan_gradient(dim):
    log_w = torch.full((3, 3), -math.inf, dtype=torch.float64)
    log_w[dim, 1 - dim] = 0.0
    log_w[:, 2].fill_(-math.inf)
    log_w = (log_w if dim == 0 else log_w.mT.contiguous()).requires_grad_()
    value = log_mean_exp(log_w, dim)
    value.sum().backward()
    assert value[2] == -math.inf and log_w.grad.isfinite().all()
    assert log_w.grad.select(1 - dim, 2).count_nonzero() == 0


def test_negligible_weights_have_no_gradient_so_that_no_subnormal_number_arises():
    log_w = torch.tensor([0.0, -10.0, -17.0, -18.0, -90.0, -100.0]).requires_grad_()
    (gradient,) = torch.autograd.grad(log_mean_exp(log_w), log_w)
    assert torch.equal(gradient != 0, torch.tensor([True, True, True, False, False, False]))
    truth = torch.softmax(log_w, 0)
    torch.testing.assert_close(gradient, truth, rtol=1e-5, atol=np.finfo(np.float32).eps / 6)
    assert truth[gradient == 0].sum() < np.finfo(np.float32).eps


def test_the_value_counts_every_weight_however_small():
    many = torch.full((200_001,), -42.0, dtype=torch.float64)
    many[0] = 0.0
    truth = np.log1p(200_000 * np.exp(-42.0)) - np.log(200_001)
    np.testing.assert_allclose(log_mean_exp(many).item(), truth, rtol=1e-15)


def test_log_mean_exp_can_be_differentiated_twice_and_in_batches():
    log_w = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(log_mean_exp, log_w)
    gradient = torch.func.vmap(torch.func.grad(log_mean_exp))(log_w.detach())
    torch.testing.assert_close(gradient, torch.softmax(log_w.detach(), 1))


def test_jensen_gap_is_log_of_mean_minus_mean_of_log():
    log_w = torch.randn(6, 4, dtype=torch.float64)
    w = np.exp(log_w.numpy())
    np.testing.assert_allclose(jensen_gap(log_w), np.log(w.mean(0)) - np.log(w).mean(0), atol=1e-14)
    np.testing.assert_allclose(
        jensen_gap(log_w, 1), np.log(w.mean(1)) - np.log(w).mean(1), atol=1e-14
    )


def test_jensen_gap_is_infinite_if_some_weights_are_zero():
    assert jensen_gap(t64(0.0, -math.inf)) == math.inf


@pytest.mark.parametrize("s", [0.25, 0.5, 1.0, 1.5])
def test_claim_3_1_the_gap_of_a_log_normal_is_half_the_variance_of_its_log(s):
    log_w = log_normal(s, 20_000, 100)
    # The mean of 20,000 weights is short of E w by v / 2K on average.
    truth = s**2 / 2 - math.expm1(s**2) / 40_000
    assert_mean(jensen_gap(log_w), truth)


@pytest.mark.parametrize("s", [0.25, 0.5, 1.0])
def test_claim_3_1_at_the_quantiles_of_the_normal_without_sampling(s):
    n = 1_000_000
    log_w = t64(0.3 + s * stats.norm.ppf((np.arange(n) + 0.5) / n))
    assert abs(jensen_gap(log_w).item() - s**2 / 2) < 1e-4


@pytest.mark.parametrize("d", [0.0, 0.1, 0.6, 0.99])
def test_claim_3_2_the_gap_of_two_points_closes_only_if_they_are_one(d):
    gap = jensen_gap(t64(1 - d, 1 + d).log()).item()
    assert abs(gap + 0.5 * math.log(1 - d**2)) < 1e-14
    assert (gap > 0) == (d > 0)


def test_claim_3_2_any_spread_opens_the_gap_and_scale_does_not_matter():
    for log_w in t64(np.random.default_rng(0).normal(size=(20, 5))):
        assert jensen_gap(log_w) > 1e-6
        assert abs(jensen_gap(log_w + 700) - jensen_gap(log_w)) < 1e-11
        assert jensen_gap(log_w[0].expand(5)).abs() < 1e-14


def log_normal_gap(s, K):
    """T1 for log-normal weights of mean 1."""
    e = np.linspace(-12, 12, 1201)
    probability = np.exp(-0.5 * e**2) / np.exp(-0.5 * e**2).sum()
    return -bound_from_weights(np.exp(s * e - s**2 / 2), probability, K)


@pytest.mark.parametrize("s, K", [(0.5, 4), (0.5, 32), (1.0, 64)])
def test_claim_3_3_averaging_first_shrinks_the_gap_as_one_over_K(s, K):
    v = math.expm1(s**2)
    series = v / (2 * K) - v**2 * (4 * v + 3) / (12 * K**2)
    exact = log_normal_gap(s, K)
    assert abs(exact / series - 1) < 0.01
    assert_mean(s**2 / 2 - log_mean_exp(log_normal(s, K, 20_000)), exact)


def test_claim_3_3_but_not_before_K_exceeds_the_variance():
    v, exact = math.expm1(4.0), log_normal_gap(2.0, 1024)
    assert abs(exact - 0.0190) < 5e-5
    assert abs(v / 2048 / exact - 1.37) < 0.01  # K = 1,024 is far above v, and not above v squared
    w = np.exp(2 * np.random.default_rng(1).normal(size=(2000, 1024)) - 2)
    mean_w = np.exp(log_mean_exp(t64(np.log(w)), 1).numpy())
    assert_mean(mean_w - 1 - np.log(mean_w), exact)


def test_claim_3_3_the_scale_of_K_is_v_to_the_power_of_one_and_a_half():
    """There the law errs by one factor for every large v; at v it errs more and more."""
    for s, at_v in [(2.0, 2.78), (3.0, 7.1)]:
        v = math.expm1(s**2)
        first_over_exact = [v / (2 * K) / log_normal_gap(s, K) for K in (v, v**1.5, v**2)]
        np.testing.assert_allclose(first_over_exact[0], at_v, rtol=0.01)
        assert 1.6 < first_over_exact[1] < 1.85 and 1.05 < first_over_exact[2] < 1.25


@pytest.mark.parametrize("s, K", [(0.5, 64), (1.0, 4096), (2.0, 3_000_000)])
def test_claim_3_3_the_slope_in_K_is_minus_one_far_above_v_squared(s, K):
    slope = math.log(log_normal_gap(s, 4 * K) / log_normal_gap(s, K)) / math.log(4)
    assert abs(slope + 1) < 0.01


def test_claim_3_4_with_weights_of_a_model_the_gap_is_kl_from_q_to_the_posterior():
    weight = np.array([[1.0, 0.4], [0.2, -0.8]])
    bias = np.zeros(2)
    sigma = 0.6
    x = np.array([0.7, -0.2])
    q = Independent(Normal(t64(0.2, 0.1), t64(0.5, 0.6)), 1)
    z = q.sample((20_000, 60, 1))
    log_w = LinearGaussian(t64(weight), t64(bias), sigma).log_joint(t64(x[None]), z) - q.log_prob(z)
    mean, cov = lg_conditioned(weight, bias, sigma, x)
    truth = kl_gaussians(np.array([0.2, 0.1]), np.diag([0.25, 0.36]), mean, cov)
    assert_mean(jensen_gap(log_w.detach()).squeeze(-1), truth)


def test_claim_3_4_by_quadrature_over_one_latent():
    e, probability = np.polynomial.hermite_e.hermegauss(20)
    weight = np.array([[1.0], [-0.4]])
    bias = np.array([0.1, 0.3])
    sigma = 0.6
    x = np.array([0.7, -0.2])
    mean, s = 0.8, 0.3
    model = LinearGaussian(t64(weight), t64(bias), sigma)
    z = mean + s * e
    log_w = model.log_joint(t64(x[None]), t64(z[:, None, None]))[
        :, 0
    ].detach().numpy() - stats.norm(mean, s).logpdf(z)
    log_p = stats.multivariate_normal(bias, weight @ weight.T + sigma**2 * np.eye(2)).logpdf(x)
    truth = kl_gaussians(
        np.array([mean]), np.array([[s**2]]), *lg_conditioned(weight, bias, sigma, x)
    )
    assert abs(log_p - log_w @ probability / probability.sum() - truth) < 1e-12


def test_claim_3_4_by_enumeration_in_a_mixture():
    pi = np.array([0.5, 0.3, 0.2])
    means = np.array([2.5, 4.5, 6.0])
    x = 5.2
    q = np.array([0.2, 0.5, 0.3])
    model = GaussianMixture(t64(np.log(pi)), t64(means[:, None]), 0.6)
    log_joint = model.log_joint(t64([[x]]), torch.eye(3).double()[:, None])[:, 0].detach().numpy()
    joint = pi * stats.norm(means, 0.6).pdf(x)
    gap = np.log(joint.sum()) - q @ (log_joint - np.log(q))
    assert abs(gap - q @ np.log(q / (joint / joint.sum()))) < 1e-12


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_the_gradient_of_each_mean_is_weighted_by_what_comes_back_for_it(dim):
    log_w, back = torch.randn(3, 3, dtype=torch.float64, requires_grad=True), t64(1.0, -2.0, 5.0)
    (gradient,) = torch.autograd.grad(log_mean_exp(log_w, dim), log_w, back)
    w = np.exp(log_w.detach().numpy())
    np.testing.assert_allclose(
        gradient, np.expand_dims(back, dim) * w / w.sum(dim, keepdims=True), rtol=1e-13
    )


def test_a_weight_counts_as_zero_below_the_limit_and_not_at_it():
    limit = np.finfo(np.float64).eps / 2  # two weights
    for log_w, counts in [(math.log(1.01 * limit), True), (math.log(0.99 * limit), False)]:
        both = t64(0.0, log_w).requires_grad_()
        log_mean_exp(both).backward()
        assert (both.grad[1] != 0) == counts
