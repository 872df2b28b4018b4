"""Answers to the exercises of chapter 1 on linear-Gaussian models."""

from __future__ import annotations

import math

import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from learners import right, two, wrong

# 1.2


@right("ancestral")
def z_then_x(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    x = z @ W.T + b + sigma * torch.randn(n, W.shape[0])
    return x, z


@right("ancestral")
def with_distributions(W, b, sigma, n):
    z = Normal(torch.zeros(W.shape[1]), 1.0).sample((n,))
    return Independent(Normal(torch.einsum("xz,nz->nx", W, z) + b, sigma), 1).sample(), z


@right("ancestral")
def pair_by_pair(W, b, sigma, n):
    z = torch.zeros(n, W.shape[1])
    x = torch.zeros(n, W.shape[0])
    for i in range(n):
        z[i] = torch.randn(W.shape[1])
        x[i] = W @ z[i] + b + sigma * torch.randn(W.shape[0])
    return x, z


@right("ancestral")
def from_the_joint_gaussian(W, b, sigma, n):
    X, Z = W.shape
    top = torch.cat([torch.eye(Z), W.T], 1)
    bottom = torch.cat([W, W @ W.T + sigma**2 * torch.eye(X)], 1)
    mean = torch.cat([torch.zeros(Z), b])
    pair = MultivariateNormal(mean, torch.cat([top, bottom])).sample((n,))
    return pair[:, Z:], pair[:, :Z]


@right("ancestral")
def by_the_library(W, b, sigma, n):
    from vaelib.latent import LinearGaussian

    return LinearGaussian(W, b, sigma).sample(n)


@wrong("ancestral", "seed-inside")
def seeded_once_for_both(W, b, sigma, n):
    torch.manual_seed(0)
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b + sigma * torch.randn(n, len(b)), z


@wrong("ancestral", "seed-inside")
def a_generator_of_its_own(W, b, sigma, n):
    generator = torch.Generator().manual_seed(42)
    z = torch.randn(n, W.shape[1], generator=generator)
    return z @ W.T + b + sigma * torch.randn(n, len(b), generator=generator), z


@wrong("simple_monte_carlo", "seed-inside")
def the_same_guesses_in_each_call(model, x, K):
    torch.manual_seed(K)
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).logsumexp(0) - math.log(K)


@wrong("simple_monte_carlo", "nothing-drawn")
def the_exact_value(model, x, K):
    return model.log_evidence(x).detach()


@wrong("ancestral", "noise-missing")
def decoded_latents(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b, z


@wrong("ancestral", "variance-for-sigma")
def normal_of_the_variance(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return torch.normal(z @ W.T + b, sigma**2), z


@wrong("ancestral", "sigma-for-variance")
def multivariate_with_sigma(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return MultivariateNormal(z @ W.T + b, sigma * torch.eye(len(b))).sample(), z


@wrong("ancestral", "sigma-ignored")
def unit_noise(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    mean = torch.einsum("nz,xz->nx", z, W) + b
    return mean + torch.randn_like(mean), z


@wrong("ancestral", "one-noise-for-all")
def one_number_for_each_datum(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b + sigma * torch.randn(n)[:, None], z


@wrong("ancestral", "uniform-noise")
def rand_for_the_latents(W, b, sigma, n):
    z = torch.rand((n, W.shape[1]))
    return Normal(z @ W.T + b, sigma).sample(), z


@wrong("ancestral", "uniform-noise")
def rand_like_for_the_noise(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    mean = z @ W.T + b
    return mean + torch.rand_like(mean) * sigma, z


@wrong("ancestral", "another-z")
def from_the_evidence_and_the_prior(W, b, sigma, n):
    x = LowRankMultivariateNormal(b, W, sigma**2 * torch.ones(len(b))).sample((n,))
    return x, torch.randn(n, W.shape[1])


@wrong("ancestral", "offset-missing")
def around_the_origin(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return (W @ z.T).T + sigma * torch.randn(n, W.shape[0]), z


@wrong("ancestral", "transposed")
def z_times_w(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W + b + sigma * torch.randn(n, W.shape[0]), z


@wrong("ancestral", "sigma-on-all")
def sigma_times_bracket(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return b + sigma * (z @ W.T + torch.randn(n, len(b))), z


@two("ancestral", "offset-missing", "variance-for-sigma")
def centred_with_a_variance(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return Normal(z @ W.T, sigma**2).sample(), z


@two("ancestral", "noise-missing", "uniform-noise")
def decoded_uniform_latents(W, b, sigma, n):
    z = torch.rand(n, W.shape[1])
    return z @ W.T + b, z


# 1.3


@right("log_evidence")
def by_torch_multivariate(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T + sigma**2 * torch.eye(len(b))).log_prob(x)


@right("log_evidence")
def by_low_rank(x, W, b, sigma):
    return LowRankMultivariateNormal(b, W, torch.full_like(b, sigma**2)).log_prob(x)


@right("log_evidence")
def by_the_small_matrix(x, W, b, sigma):
    X, Z = W.shape
    M = W.T @ W + sigma**2 * torch.eye(Z)
    m = torch.linalg.solve(M, W.T @ (x - b).T).T
    square = ((x - b) ** 2).sum(-1) - torch.einsum("bi,ij,bj->b", m, M, m)
    log_det = 2 * (X - Z) * math.log(sigma) + torch.linalg.slogdet(M)[1]
    return -(X * math.log(2 * math.pi) + log_det + square / sigma**2) / 2


@right("log_evidence")
def by_eigenvalues(x, W, b, sigma):
    values, vectors = torch.linalg.eigh(W @ W.T)
    variances = values.clamp(min=0) + sigma**2
    return Normal(0.0, variances.sqrt()).log_prob((x - b) @ vectors).sum(1)


@right("log_evidence")
def datum_by_datum_with_cholesky(x, W, b, sigma):
    L = torch.linalg.cholesky(W @ W.T + sigma**2 * torch.eye(len(b)))
    answer = []
    for datum in x:
        y = torch.linalg.solve_triangular(L, (datum - b)[:, None], upper=False).squeeze()
        answer.append(
            -0.5 * (y**2).sum() - L.diagonal().log().sum() - len(b) / 2 * math.log(2 * math.pi)
        )
    return torch.stack(answer)


@wrong("log_evidence", "normaliser-dropped")
def without_two_pi(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    return -0.5 * torch.logdet(V) - 0.5 * torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)


@wrong("log_evidence", "determinant-missing")
def quadratic_form_only(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    return -0.5 * ((d @ torch.linalg.inv(V)) * d).sum(1) - 0.5 * len(b) * math.log(2 * math.pi)


@wrong("log_evidence", "determinant-underflow")
def textbook_density(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = (x - b)[:, :, None]
    square = (d.mT @ torch.linalg.inv(V) @ d).flatten()
    return -0.5 * (len(b) * math.log(2 * math.pi) + torch.log(torch.linalg.det(V)) + square)


@wrong("log_evidence", "determinant-halved")
def cholesky_without_the_two(x, W, b, sigma):
    L = torch.linalg.cholesky(W @ W.T + sigma**2 * torch.eye(len(b)))
    y = torch.linalg.solve_triangular(L, (x - b).T, upper=False)
    return -0.5 * (len(b) * math.log(2 * math.pi) + L.diagonal().log().sum() + (y**2).sum(0))


@wrong("log_evidence", "half-missing")
def quadratic_form_without_the_half(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    normaliser = -0.5 * torch.logdet(2 * math.pi * V)
    return normaliser - torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)


@wrong("log_evidence", "half-missing")
def whole_log_determinant(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    square = (d * torch.linalg.solve(V, d.T).T).sum(1)
    return -0.5 * len(b) * math.log(2 * math.pi) - torch.logdet(V) - 0.5 * square


@wrong("log_evidence", "sigma-for-variance")
def sigma_on_the_diagonal(x, W, b, sigma):
    return LowRankMultivariateNormal(b, W, sigma * torch.ones(W.shape[0])).log_prob(x)


@wrong("log_evidence", "noise-missing")
def without_the_noise(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T).log_prob(x)


@wrong("log_evidence", "one-latent-for-evidence")
def density_around_b(x, W, b, sigma):
    return Independent(Normal(b, sigma), 1).log_prob(x)


@wrong("log_evidence", "offset-missing")
def zero_mean(x, W, b, sigma):
    return MultivariateNormal(torch.zeros_like(b), W @ W.T + sigma**2 * torch.eye(len(b))).log_prob(
        x
    )


@wrong("log_evidence", "mean-over-features")
def nats_for_each_pixel(x, W, b, sigma):
    return by_torch_multivariate(x, W, b, sigma) / x.shape[1]


@wrong("log_evidence", "sum-over-data")
def of_the_whole_data_set(x, W, b, sigma):
    return by_low_rank(x, W, b, sigma).sum()


@wrong("log_evidence", "transposed")
def latents_by_latents(x, W, b, sigma):
    V = W.T @ W + sigma**2 * torch.eye(x.shape[-1])
    d = x - b
    square = torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)
    return -0.5 * (len(b) * math.log(2 * math.pi) + torch.logdet(V) + square)


@two("log_evidence", "normaliser-dropped", "determinant-missing")
def mahalanobis(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    return -0.5 * ((x - b) * torch.linalg.solve(V, (x - b).T).T).sum(-1)


@two("log_evidence", "sigma-for-variance", "sum-over-data")
def mean_with_the_wrong_noise(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T + sigma * torch.eye(len(b))).log_prob(x).mean()


# 1.4


@right("simple_monte_carlo")
def all_at_once(model, x, K):
    z = model.prior().sample((K, x.shape[0]))
    return model.decoder(z).log_prob(x).logsumexp(0) - math.log(K)


@right("simple_monte_carlo")
def datum_by_datum(model, x, K):
    answer = []
    for datum in x:
        log_p = model.decoder(model.prior().sample((K,))).log_prob(datum)
        answer.append(log_p.logsumexp(0) - math.log(K))
    return torch.stack(answer)


@right("simple_monte_carlo")
def guess_by_guess(model, x, K):
    total = torch.full((len(x),), -math.inf)
    for _ in range(K):
        z = model.prior().sample((len(x),))
        total = torch.logaddexp(total, model.log_joint(x, z) - model.prior().log_prob(z))
    return total - math.log(K)


@right("simple_monte_carlo")
def with_the_maximum(model, x, K):
    log_p = model.decoder(torch.randn(K, len(x), model.weight.shape[1])).log_prob(x)
    m = log_p.max(0).values
    return m + (log_p - m).exp().mean(0).log()


@wrong("simple_monte_carlo", "log-k-missing")
def log_of_the_total(model, x, K):
    z = torch.randn(K, len(x), model.weight.shape[1])
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=0)


@wrong("simple_monte_carlo", "log-of-mean-of-logs")
def running_mean_of_logs(model, x, K):
    total = torch.zeros(len(x))
    for _ in range(K):
        total = total + model.decoder(model.prior().sample((len(x),))).log_prob(x)
    return total / K


@wrong("simple_monte_carlo", "no-maximum")
def guess_and_average(model, x, K):
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).exp().mean(0).log()


@wrong("simple_monte_carlo", "prior-twice")
def joint_at_the_guesses(model, x, K):
    z = model.prior().sample((K, len(x)))
    return torch.logsumexp(model.decoder(z).log_prob(x) + model.prior().log_prob(z), 0) - math.log(
        K
    )


@wrong("simple_monte_carlo", "one-noise-for-all")
def the_same_guesses_for_everyone(model, x, K):
    z = model.prior().sample((K,))[:, None].expand(K, len(x), -1)
    return torch.logsumexp(model.decoder(z).log_prob(x), 0) - torch.tensor(float(K)).log()


@wrong("simple_monte_carlo", "fewer-samples")
def forgot_to_use_k(model, x, K):
    return model.decoder(model.prior().sample((x.shape[0],))).log_prob(x)


@wrong("simple_monte_carlo", "guess-not-divided")
def guesses_from_the_posterior(model, x, K):
    z = model.posterior(x).sample((K,))
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=0) - math.log(K)


@wrong("simple_monte_carlo", "mean-over-features")
def mean_over_the_pixels(model, x, K):
    z = model.prior().sample((K, len(x)))
    pixels = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x)
    return torch.logsumexp(pixels.mean(-1), 0) - math.log(K)


@wrong("simple_monte_carlo", "log-not-taken")
def the_average_itself(model, x, K):
    p = torch.zeros(len(x))
    for _ in range(K):
        p += model.decoder(model.prior().sample((len(x),))).log_prob(x).exp()
    return p / K


@wrong("simple_monte_carlo", "wrong-axis")
def over_the_data(model, x, K):
    z = model.prior().sample((K, len(x)))
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=-1) - math.log(K)


@wrong("simple_monte_carlo", "sum-over-data")
def averaged_at_the_end(model, x, K):
    z = model.prior().sample((K, len(x)))
    return (torch.logsumexp(model.decoder(z).log_prob(x), 0) - math.log(K)).mean()


@two("simple_monte_carlo", "no-maximum", "log-k-missing")
def summed_densities(model, x, K):
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).exp().sum(0).log()


@two("simple_monte_carlo", "prior-twice", "log-k-missing")
def total_of_the_joint(model, x, K):
    return torch.logsumexp(model.log_joint(x, model.prior().sample((K, len(x)))), 0)


# 1.5


@right("many_pixels")
def as_on_paper(x, sigma):
    X = len(x)
    return (
        sum(x) / (X + sigma**2),
        sigma**2 / (X + sigma**2),
        1 + X / sigma**2,
        (1 + sigma**-2) ** X,
    )


@right("many_pixels")
def by_the_matrices(x, sigma):
    W = torch.ones(len(x), 1)
    M = W.T @ W + sigma**2 * torch.eye(1)
    mean, S = (torch.linalg.inv(M) @ W.T @ x).squeeze(), sigma**2 / M.squeeze()
    return mean, S, 1 / S, torch.det(torch.eye(len(x)) + torch.eye(len(x)) / sigma**2)


@right("many_pixels")
def in_precisions(x, sigma):
    X = x.numel()
    precision = 1 + X / sigma**2
    mean = (x / sigma**2).sum().item() / precision
    return mean, 1 / precision, precision, math.exp(X * math.log1p(1 / sigma**2))


@wrong("many_pixels", "sigma-for-variance")
def forgot_the_square(x, sigma):
    X = len(x)
    return (
        x.sum() / (X + sigma),
        sigma / (X + sigma),
        (X + sigma) / sigma,
        ((1 + sigma) / sigma) ** X,
    )


@wrong("many_pixels", "sigma-for-variance")
def deviation_for_variance(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.sum() / (X + s2), sigma / math.sqrt(X + s2), (X + s2) / s2, (1 + 1 / s2) ** X


@wrong("many_pixels", "prior-missing")
def mean_of_the_measurements(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.mean(), s2 / X, 1 + X / s2, (1 + 1 / s2) ** X


@wrong("many_pixels", "m-for-s")
def inverse_of_m(x, sigma):
    M = len(x) + sigma**2
    return x.sum() / M, 1 / M, M / sigma**2, ((1 + sigma**2) / sigma**2) ** len(x)


@wrong("many_pixels", "mean-for-sum")
def shrunk_average(x, sigma):
    M = len(x) + sigma**2
    return torch.mean(x) / M, sigma**2 / M, M / sigma**2, (1 + 1 / sigma**2) ** len(x)


@wrong("many_pixels", "one-missing")
def chi_squared_itself(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2 - 1, (1 + 1 / s2) ** len(x) - 1


@wrong("many_pixels", "upside-down")
def determinant_of_s(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, s2 / M, (s2 / (1 + s2)) ** len(x)


@wrong("many_pixels", "sum-for-product")
def price_for_each_latent_added(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2, sum((1 + s2) / s2 for _ in x)


@wrong("many_pixels", "sum-for-product")
def both_prices_alike(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2, M / s2


@wrong("many_pixels", "one-datum-for-mean")
def price_of_the_dullest_datum(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    S = s2 / M
    return x.sum() / M, S, 1 / math.sqrt(S * (2 - S)), (1 + 1 / s2) ** len(x)


@wrong("many_pixels", "")
def price_without_the_square_root_undone(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, math.sqrt(M / s2), (1 + 1 / s2) ** (len(x) / 2)


@two("many_pixels", "prior-missing", "one-missing")
def no_prior_and_no_one(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.mean(), s2 / X, X / s2, (1 + 1 / s2) ** X


@two("many_pixels", "m-for-s", "sum-for-product")
def m_and_sums(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, 1 / M, M / s2, len(x) * (1 + 1 / s2)


@wrong("simple_monte_carlo", "maximum-of-all")
def one_maximum_for_all_data(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return log_p.max() + torch.exp(log_p - log_p.max()).mean(0).log()


@wrong("simple_monte_carlo", "maximum-not-added")
def maximum_lost(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.exp(log_p - log_p.max(0).values).mean(0).log()


@wrong("simple_monte_carlo", "probability-clipped")
def a_small_number_added(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.log(log_p.exp().mean(0) + 1e-10)


@wrong("simple_monte_carlo", "counted-wrong")
def data_counted(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.logsumexp(log_p, 0) - math.log(x.shape[0])


@wrong("simple_monte_carlo", "counted-wrong")
def divided_after_the_logarithm(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.logsumexp(log_p, 0) / K


@wrong("simple_monte_carlo", "largest-only")
def best_guess(model, x, K):
    return model.decoder(model.prior().sample((K, len(x)))).log_prob(x).amax(0)


@wrong("simple_monte_carlo", "not-averaged")
def every_guess(model, x, K):
    return model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
