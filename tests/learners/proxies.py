"""Answers to the exercises of chapter 2 that are about proxies."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import distributions as D

from learners import right, two, wrong

# Exercise 2.1: draw(out, K)


@right("draw")
def by_rsample(out, K):
    Z = out.shape[1] // 2
    return D.Independent(D.Normal(out[:, :Z], (out[:, Z:] / 2).exp()), 1).rsample((K,))


@right("draw")
def in_a_loop(out, K):
    mean, log_var = torch.chunk(out, 2, dim=1)
    return torch.stack([mean + torch.randn_like(mean) * torch.exp(0.5 * log_var) for _ in range(K)])


@right("draw")
def with_the_root_of_the_variance(out, K):
    mean, log_var = out.split(out.shape[-1] // 2, dim=-1)
    noise = torch.normal(0.0, 1.0, (K, *mean.shape))
    return torch.addcmul(mean, torch.sqrt(log_var.exp()), noise)


@right("draw")
def by_a_diagonal_covariance(out, K):
    mean, log_var = out.chunk(2, -1)
    return D.MultivariateNormal(mean, torch.diag_embed(log_var.exp())).rsample((K,))


@wrong("draw", "log-variance-without-half")
def exp_is_the_std(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + log_var.exp() * torch.randn((K, *mean.shape))


@wrong("draw", "log-variance-without-half")
def normal_takes_a_scale(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.Normal(mean, torch.exp(log_var)).rsample([K])


@wrong("draw", "logarithm-for-value")
def output_is_the_std(out, K):
    Z = out.size(1) // 2
    mean, std = out[:, :Z], out[:, Z:]
    return mean + std * torch.randn(K, len(out), Z)


@wrong("draw", "one-noise-for-all")
def noise_without_a_batch(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    eps = torch.randn(K, 1, mean.shape[-1])
    return mean + eps * (log_var / 2).exp()


@wrong("draw", "one-noise-for-all")
def expanded_draw(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    return z.expand(K, -1, -1)


@wrong("draw", "one-noise-for-all")
def noise_of_one_latent(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + torch.randn(K, mean.shape[0], 1) * (log_var / 2).exp()


@wrong("draw", "sample-for-rsample")
def by_sample(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.Normal(mean, (log_var / 2).exp()).sample((K,))


@wrong("draw", "sample-for-rsample")
def by_numpy(out, K):
    mean, log_var = np.split(out.detach().numpy(), 2, axis=1)
    generator = np.random.default_rng(torch.randint(1000, ()).item())
    return torch.from_numpy(generator.normal(mean, np.exp(log_var / 2), size=(K, *mean.shape)))


@wrong("draw", "wrongly-detached")
def sigma_is_data(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    with torch.no_grad():
        deviation = torch.randn(K, *mean.shape) * torch.exp(log_var / 2)
    return mean + deviation


@wrong("draw", "axes-swapped")
def data_first(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    draws = [mean + torch.randn_like(mean) * (log_var / 2).exp() for _ in range(K)]
    return torch.stack(draws, dim=1)


@wrong("draw", "squeezed-axis")
def no_axis_for_one_sample(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return (mean + torch.randn(K, *mean.shape) * (log_var / 2).exp()).squeeze(0)


@wrong("draw", "heads-swapped")
def scale_first(out, K):
    log_var, mean = out.chunk(2, dim=1)
    return D.Normal(mean, (log_var / 2).exp()).rsample((K,))


@wrong("draw", "uniform-noise")
def rand_without_n(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    std = torch.exp(0.5 * log_var)
    return mean + std * torch.rand(K, *std.shape)


@wrong("draw", "")
def student(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.StudentT(3.0, mean, (log_var / 2).exp()).rsample((K,))


@two("draw", "log-variance-without-half", "sample-for-rsample")
def drawn_without_gradient(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return torch.distributions.Normal(mean, log_var.exp()).sample((K,))


@two("draw", "log-variance-without-half", "one-noise-for-all")
def two_slips(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + log_var.exp() * torch.randn(K, 1, mean.shape[1])


# Exercise 2.3: kl_to_posterior(mean, log_sigma, m, S)


@right("kl_to_posterior")
def by_kl_divergence(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S.expand(len(m), -1, -1)))


@right("kl_to_posterior")
def matrix_by_matrix(mean, log_sigma, m, S):
    answers = []
    for mu, log_s, centre in zip(mean, log_sigma, m, strict=True):
        S_q = torch.diag(log_s.exp() ** 2)
        d = mu - centre
        trace = torch.trace(torch.linalg.solve(S, S_q))
        logs = torch.log(torch.det(S) / torch.det(S_q))
        answers.append(0.5 * (trace + d @ torch.linalg.solve(S, d) - len(d) + logs))
    return torch.stack(answers)


@right("kl_to_posterior")
def by_cholesky(mean, log_sigma, m, S):
    L = torch.linalg.cholesky(S)
    scaled = torch.linalg.solve_triangular(L, torch.diag_embed(log_sigma.exp()), upper=False)
    d = torch.linalg.solve_triangular(L, (mean - m).T, upper=False)
    return (
        0.5 * (scaled**2).sum((-1, -2))
        + 0.5 * (d**2).sum(0)
        - S.shape[0] / 2
        + L.diagonal().log().sum()
        - log_sigma.sum(1)
    )


@right("kl_to_posterior")
def by_numpy_and_einsum(mean, log_sigma, m, S):
    mean, log_sigma, m, S = (t.numpy() for t in (mean, log_sigma, m, S))
    P = np.linalg.inv(S)
    quadratic = np.einsum("bi,ij,bj->b", mean - m, P, mean - m)
    trace = np.exp(2 * log_sigma) @ np.diag(P)
    return torch.tensor(
        (trace + quadratic - S.shape[0] + np.linalg.slogdet(S)[1]) / 2 - log_sigma.sum(-1)
    )


@wrong("kl_to_posterior", "half-missing")
def no_half(mean, log_sigma, m, S):
    P = S.inverse()
    d = mean - m
    return (
        (P.diag() * (2 * log_sigma).exp() - 1 - 2 * log_sigma).sum(-1)
        + ((d @ P) * d).sum(-1)
        + S.logdet()
    )


@wrong("kl_to_posterior", "dimension-missing")
def no_minus_z(mean, log_sigma, m, S):
    P, d = torch.inverse(S), mean - m
    trace = torch.einsum("ii,bi->b", P, log_sigma.exp().square())
    return 0.5 * (
        trace + torch.einsum("bi,ij,bj->b", d, P, d) + torch.logdet(S) - 2 * log_sigma.sum(-1)
    )


@wrong("kl_to_posterior", "sigma-for-variance")
def sigma_under_the_trace(mean, log_sigma, m, S):
    P, d = torch.inverse(S), mean - m
    sigma = log_sigma.exp()
    trace = torch.stack([torch.trace(P @ torch.diag(s)) for s in sigma])
    return 0.5 * (
        trace + ((d @ P) * d).sum(-1) - d.shape[-1] + torch.logdet(S) - 2 * sigma.log().sum(-1)
    )


@wrong("kl_to_posterior", "sigma-for-variance")
def read_as_log_variance(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed(log_sigma.exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S))


@wrong("kl_to_posterior", "log-squared")
def square_outside(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    each = P.diagonal() * (2 * log_sigma).exp() - 1 - log_sigma**2
    return (each.sum(-1) + ((d @ P) * d).sum(-1) + torch.logdet(S)) / 2


@wrong("kl_to_posterior", "correlation-ignored")
def diagonal_of_the_covariance(mean, log_sigma, m, S):
    p = D.Independent(D.Normal(m, S.diagonal().sqrt()), 1)
    return D.kl_divergence(D.Independent(D.Normal(mean, log_sigma.exp()), 1), p)


@wrong("kl_to_posterior", "correlation-ignored")
def trace_by_ratios(mean, log_sigma, m, S):
    ratio = (log_sigma.exp() ** 2 / S.diagonal()).sum(-1)
    d = (mean - m).unsqueeze(-1)
    square = (d.mT @ torch.linalg.solve(S, d))[:, 0, 0]
    return 0.5 * (ratio + square - mean.shape[1] + torch.logdet(S) - 2 * log_sigma.sum(-1))


@wrong("kl_to_posterior", "covariance-for-precision")
def not_inverted(mean, log_sigma, m, S):
    answers = []
    for mu, log_s, centre in zip(mean, log_sigma, m, strict=True):
        S_q, d = torch.diag((2 * log_s).exp()), mu - centre
        answers.append(
            (torch.trace(S @ S_q) + d @ S @ d - len(d) + torch.logdet(S) - torch.logdet(S_q)) / 2
        )
    return torch.stack(answers)


@wrong("kl_to_posterior", "precision-missing")
def euclidean(mean, log_sigma, m, S):
    P = torch.linalg.inv(S)
    distance = torch.linalg.norm(mean - m, dim=-1) ** 2
    return 0.5 * (
        log_sigma.exp() ** 2 @ P.diagonal() + distance - P.shape[0] + S.logdet()
    ) - log_sigma.sum(-1)


@wrong("kl_to_posterior", "kl-reversed")
def p_first(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(D.MultivariateNormal(m, S.expand(len(m), -1, -1)), q)


@wrong("kl_to_posterior", "determinant-missing")
def no_log_det_of_s(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    return 0.5 * (
        (P.diagonal() * (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(-1) + ((d @ P) * d).sum(-1)
    )


@wrong("kl_to_posterior", "ratio-flipped")
def q_over_p(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    S_q = torch.diag_embed((2 * log_sigma).exp())
    trace = (P @ S_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    return 0.5 * (
        trace + ((d @ P) * d).sum(-1) - d.shape[-1] + torch.log(torch.det(S_q) / torch.det(S))
    )


@wrong("kl_to_posterior", "sum-over-data")
def averaged_over_data(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S)).mean()


@wrong("kl_to_posterior", "negated")
def minus_kl(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return -D.kl_divergence(q, D.MultivariateNormal(m, S))


@wrong("kl_to_posterior", "")
def to_the_prior(mean, log_sigma, m, S):
    return 0.5 * (mean**2 + (2 * log_sigma).exp() - 1 - 2 * log_sigma).sum(-1)


@two("kl_to_posterior", "half-missing", "dimension-missing")
def trace_square_and_logs(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    return (
        (P.diagonal() * (2 * log_sigma).exp() - 2 * log_sigma).sum(-1)
        + ((d @ P) * d).sum(-1)
        + torch.logdet(S)
    )


@two("kl_to_posterior", "sigma-for-variance", "sum-over-data")
def summed_and_sigma(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    each = P.diagonal() * log_sigma.exp() - 2 * log_sigma - 1
    return (each.sum() + ((d @ P) * d).sum() + len(d) * torch.logdet(S)) / 2


# Exercise 2.5: other_direction(s_1, s_2, kappa)


@right("other_direction")
def with_math(s_1, s_2, kappa):
    gap = -0.5 * math.log(1 - kappa**2)
    return s_1**2, s_2**2, gap, kappa**2 / (1 - kappa**2)


@right("other_direction")
def with_matrices(s_1, s_2, kappa):
    S = torch.stack(
        [torch.stack([s_1**2, kappa * s_1 * s_2]), torch.stack([kappa * s_1 * s_2, s_2**2])]
    )
    v = S.diagonal()
    wide = torch.diag(v)
    precision = 2 * torch.linalg.inv(S) - torch.linalg.inv(wide)
    chi2 = torch.det(wide).sqrt() / torch.det(S) / torch.det(precision).sqrt() - 1
    return v[0], v[1], 0.5 * (v.log().sum() - torch.logdet(S)), chi2


@right("other_direction")
def as_one_tensor(s_1, s_2, kappa):
    rest = 1 - kappa * kappa
    return torch.stack([s_1.square(), s_2.square(), -rest.sqrt().log(), 1 / rest - 1])


@wrong("other_direction", "slice-for-shadow")
def the_chapters_proxy(s_1, s_2, kappa):
    rest = 1 - kappa**2
    return (
        s_1**2 * rest,
        s_2**2 * rest,
        -0.5 * torch.log(rest),
        rest / torch.sqrt(1 - 4 * kappa**2) - 1,
    )


@wrong("other_direction", "slice-for-shadow")
def conditional_variances(s_1, s_2, kappa):
    S = torch.tensor([[s_1**2, kappa * s_1 * s_2], [kappa * s_1 * s_2, s_2**2]])
    precision = torch.linalg.inv(S)
    return (
        1 / precision[0, 0],
        1 / precision[1, 1],
        -0.5 * torch.log(1 - kappa**2),
        kappa**2 / (1 - kappa**2),
    )


@wrong("other_direction", "chi2-of-the-slice")
def chi2_the_other_way_round(s_1, s_2, kappa):
    gap = -math.log(math.sqrt(1 - kappa**2))
    return s_1**2, s_2**2, gap, (1 - kappa**2) * (1 - 4 * kappa**2) ** -0.5 - 1


@wrong("other_direction", "sigma-for-variance")
def standard_deviations(s_1, s_2, kappa):
    return s_1, s_2, -0.5 * np.log(1 - kappa**2), kappa**2 / (1 - kappa**2)


@wrong("other_direction", "half-missing")
def gap_without_half(s_1, s_2, kappa):
    return s_1**2, s_2**2, -torch.log1p(-(kappa**2)), kappa**2 / (1 - kappa**2)


@wrong("other_direction", "negated")
def negative_gap(s_1, s_2, kappa):
    return s_1**2, s_2**2, 0.5 * torch.log(1 - kappa**2), 1 / (1 - kappa**2) - 1


@wrong("other_direction", "base-2")
def gap_in_bits(s_1, s_2, kappa):
    return s_1**2, s_2**2, -0.5 * math.log2(1 - kappa**2), 1 / (1 - kappa**2) - 1


@wrong("other_direction", "correlation-for-covariance")
def kappa_off_the_diagonal(s_1, s_2, kappa):
    S = torch.tensor([[s_1**2, kappa], [kappa, s_2**2]])
    gap = 0.5 * (S.diagonal().log().sum() - torch.logdet(S))
    return s_1**2, s_2**2, gap, 1 / (1 - kappa**2) - 1


@wrong("other_direction", "one-not-subtracted")
def second_moment(s_1, s_2, kappa):
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), 1 / (1 - kappa**2)


@wrong("other_direction", "square-missing")
def constant_of_p_once(s_1, s_2, kappa):
    # p² / q has 1 / (2π √(1 − κ²)) for p and 2π for q; the determinant is 1
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), 1 / torch.sqrt(1 - kappa**2) - 1


@wrong("other_direction", "normaliser-dropped")
def determinant_only(s_1, s_2, kappa):
    precision = torch.tensor([[1 + kappa**2, -2 * kappa], [-2 * kappa, 1 + kappa**2]]) / (
        1 - kappa**2
    )
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), torch.det(precision) ** -0.5 - 1


@two("other_direction", "half-missing", "one-not-subtracted")
def half_and_one(s_1, s_2, kappa):
    return s_1**2, s_2**2, -torch.log(1 - kappa**2), 1 / (1 - kappa**2)


@two("other_direction", "sigma-for-variance", "negated")
def roots_and_sign(s_1, s_2, kappa):
    return s_1, s_2, torch.log(torch.sqrt(1 - kappa**2)), kappa**2 / (1 - kappa**2)


# Exercise 2.6: best_baseline(mu, s)


@right("best_baseline")
def closed_form(mu, s):
    return mu**2 + 3 * s**2, 8 * mu**2 + 6 * s**2


@right("best_baseline")
def from_the_chapter(mu, s):
    without = mu**4 / s**2 + 14 * mu**2 + 15 * s**2
    c = mu**2 + 3 * s**2
    return c, without - c**2 / s**2


@right("best_baseline")
def by_quadrature(mu, s):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    f = (mu.item() + s.item() * nodes) ** 2
    c = weights @ (f * nodes**2)
    estimate = (f - c) * nodes / s.item()
    return c, weights @ estimate**2 - (weights @ estimate) ** 2


@wrong("best_baseline", "mean-as-baseline")
def mean_of_f(mu, s):
    return mu**2 + s**2, 8 * mu**2 + 10 * s**2


@wrong("best_baseline", "mean-as-baseline")
def mean_by_quadrature(mu, s):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    f = (mu.item() + s.item() * nodes) ** 2
    estimate = (f - weights @ f) * nodes / s.item()
    return weights @ f, weights @ estimate**2 - (weights @ estimate) ** 2


@wrong("best_baseline", "f-of-mean-as-baseline")
def f_at_the_mean(mu, s):
    return mu**2, 8 * mu**2 + 15 * s**2


@wrong("best_baseline", "baseline-missing")
def as_in_the_chapter(mu, s):
    return mu**2 + 3 * s**2, mu**4 / s**2 + 14 * mu**2 + 15 * s**2


@wrong("best_baseline", "second-moment-for-variance")
def mean_not_subtracted(mu, s):
    return mu**2 + 3 * s**2, 12 * mu**2 + 6 * s**2


@wrong("best_baseline", "second-moment-for-variance")
def mean_subtracted(mu, s):
    c = mu * mu + 3 * s * s
    moment = (mu**4 + 18 * mu**2 * s**2 + 15 * s**4 - c**2) / s**2
    return c, moment - 2 * mu


@wrong("best_baseline", "noise-moments")
def noise_squared_is_one(mu, s):
    c = mu**2 + s**2
    return c, (mu**4 + 6 * mu**2 * s**2 + s**4 - c**2) / s**2 - 4 * mu**2


@wrong("best_baseline", "noise-moments")
def sixth_moment_nine(mu, s):
    c = mu**2 + 3 * s**2
    return c, (mu**4 + 18 * mu**2 * s**2 + 9 * s**4 - c**2) / s**2 - 4 * mu**2


@wrong("best_baseline", "score-unscaled")
def noise_for_score(mu, s):
    return mu**2 + 3 * s**2, s**2 * (8 * mu**2 + 6 * s**2)


@wrong("best_baseline", "half-of-the-baseline")
def vertex_at_half(mu, s):
    b = mu**2 + 3 * s**2
    c = b / 2
    return c, (mu**4 + 18 * mu**2 * s**2 + 15 * s**4 - 2 * b * c + c**2) / s**2 - 4 * mu**2


@two("best_baseline", "mean-as-baseline", "second-moment-for-variance")
def mean_and_second_moment(mu, s):
    return torch.stack([mu**2 + s**2, 12 * mu**2 + 10 * s**2])


@two("best_baseline", "baseline-missing", "second-moment-for-variance")
def just_the_second_moment(mu, s):
    return mu**2 + 3 * s**2, (mu**4 + 18 * mu**2 * s**2 + 15 * s**4) / s**2


# Exercise 2.7: leave_one_out(f, score)


@right("leave_one_out")
def draw_by_draw(f, score):
    K, total = f.shape[0], 0
    for k in range(K):
        others = torch.cat([f[:k], f[k + 1 :]])
        total = total + (f[k] - others.mean(0)) * score[k]
    return total / K


@right("leave_one_out")
def sample_covariance(f, score):
    return torch.stack(
        [torch.cov(torch.stack([f[:, b], score[:, b]]))[0, 1] for b in range(f.shape[1])]
    )


@right("leave_one_out")
def centred(f, score):
    return torch.einsum("kb,kb->b", f - f.mean(0), score) / (len(f) - 1)


@right("leave_one_out")
def pair_by_pair(f, score):
    K = len(f)
    pairs = (f[:, None] - f[None]) * (score[:, None] - score[None])
    return pairs.sum((0, 1)) / (2 * K * (K - 1))


@wrong("leave_one_out", "own-draw-in-baseline")
def minus_the_mean(f, score):
    return ((f - f.mean(0)) * score).mean(0)


@wrong("leave_one_out", "own-draw-in-baseline")
def biased_covariance(f, score):
    return (f * score).mean(0) - f.mean(0) * score.mean(0)


@wrong("leave_one_out", "baseline-missing")
def reinforce(f, score):
    return torch.mean(f * score, dim=0)


@wrong("leave_one_out", "others-divided-by-k")
def others_over_k(f, score):
    K = f.shape[0]
    others = torch.stack([f[torch.arange(K) != k].sum(0) / K for k in range(K)])
    return ((f - others) * score).mean(0)


@wrong("leave_one_out", "baseline-outside-score")
def baseline_after_the_product(f, score):
    K = len(f)
    baseline = (f.sum(0, keepdim=True) - f) / (K - 1)
    return (f * score - baseline).mean(0)


@wrong("leave_one_out", "sum-over-samples")
def added_up(f, score):
    K = len(f)
    return sum((f[k] - (f.sum(0) - f[k]) / (K - 1)) * score[k] for k in range(K))


@wrong("leave_one_out", "divided-by-spread")
def advantage(f, score):
    a = (f - f.mean(0)) / f.std(0)
    return (a * score).mean(0)


@wrong("leave_one_out", "wrong-axis")
def baseline_over_data(f, score):
    return ((f - f.mean(dim=1, keepdim=True)) * score).mean(0)


@wrong("leave_one_out", "wrong-axis")
def baseline_over_all(f, score):
    return ((f - f.mean()) * score).mean(0)


@wrong("leave_one_out", "sum-over-data")
def one_gradient(f, score):
    K = len(f)
    return ((f - (f.sum(0) - f) / (K - 1)) * score).mean()


@wrong("leave_one_out", "negated")
def loss_gradient(f, score):
    return -((f - f.mean(0)) * score).sum(0) / (f.shape[0] - 1)


@wrong("leave_one_out", "")
def median_baseline(f, score):
    return ((f - f.median(0).values) * score).mean(0)


@two("leave_one_out", "own-draw-in-baseline", "sum-over-samples")
def mean_then_sum(f, score):
    return ((f - f.mean(0)) * score).sum(0)


@two("leave_one_out", "negated", "sum-over-data")
def surrogate_loss(f, score):
    K = len(f)
    return -((f - (f.sum(0) - f) / (K - 1)) * score).mean()


@wrong("draw", "seed-inside")
def seeded_for_the_same_numbers(out, K):
    torch.manual_seed(0)
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(0.5 * log_var) * torch.randn(K, *mean.shape)


@wrong("draw", "logarithm-for-value")
def root_of_the_logarithm(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + log_var.abs().sqrt() * torch.randn(K, *mean.shape)


@wrong("draw", "logarithm-for-value")
def half_the_logarithm(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + 0.5 * log_var * torch.randn(K, *mean.shape)


@wrong("draw", "log-variance-without-half")
def halved_too_late(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + log_var.exp() / 2 * torch.randn(K, *mean.shape)


@wrong("draw", "mean-for-draw")
def means_repeated(out, K):
    mean, _ = out.chunk(2, 1)
    return mean.expand(K, -1, -1)


@wrong("draw", "fewer-samples")
def drawn_once(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(log_var / 2) * torch.randn_like(mean)


@wrong("draw", "uniform-noise")
def from_minus_one_to_one(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(log_var / 2) * (torch.rand(K, *mean.shape) * 2 - 1)


@wrong("kl_to_posterior", "correlation-ignored")
def diagonal_of_the_precision_between_the_means(mean, log_sigma, m, S):
    d, precision, variance = mean - m, torch.linalg.inv(S), torch.exp(2 * log_sigma)
    distance = (d**2 * precision.diagonal()).sum(-1) + (precision.diagonal() * variance).sum(-1)
    return 0.5 * (distance - len(S) + torch.logdet(S) - variance.log().sum(-1))


@wrong("kl_to_posterior", "covariance-for-precision")
def entries_inverted(mean, log_sigma, m, S):
    d, precision, variance = mean - m, 1 / S, torch.exp(2 * log_sigma)
    distance = torch.einsum("bi,ij,bj->b", d, precision, d) + (precision.diagonal() * variance).sum(
        -1
    )
    return 0.5 * (distance - len(S) + torch.logdet(S) - variance.log().sum(-1))


@wrong("best_baseline", "baseline-missing")
def no_baseline_at_all(mu, s):
    return torch.zeros_like(mu), mu**4 / s**2 + 14 * mu**2 + 15 * s**2


@wrong("best_baseline", "order-swapped")
def variance_first(mu, s):
    return 8 * mu**2 + 6 * s**2, mu**2 + 3 * s**2


@wrong("best_baseline", "sigma-for-variance")
def deviation_of_the_estimate(mu, s):
    return mu**2 + 3 * s**2, (8 * mu**2 + 6 * s**2) ** 0.5


@wrong("leave_one_out", "own-draw-in-baseline")
def all_but_divided_by_one_less(f, score):
    return ((f - f.sum(0) / (len(f) - 1)) * score).mean(0)


@wrong("leave_one_out", "baseline-added")
def plus_the_others(f, score):
    return ((f + (f.sum(0) - f) / (len(f) - 1)) * score).mean(0)


@wrong("leave_one_out", "counted-wrong")
def unbiased_twice(f, score):
    return ((f - (f.sum(0) - f) / (len(f) - 1)) * score).sum(0) / (len(f) - 1)


@wrong("leave_one_out", "sum-over-samples")
def others_not_divided(f, score):
    return ((f - (f.sum(0) - f)) * score).mean(0)


@wrong("leave_one_out", "wrong-axis")
def other_data(f, score):
    return ((f - (f.sum(1, keepdim=True) - f) / (f.shape[1] - 1)) * score).mean(0)


@wrong("leave_one_out", "axis-kept")
def estimates_in_a_row(f, score):
    return ((f - (f.sum(0) - f) / (len(f) - 1)) * score).mean(0, keepdim=True)
