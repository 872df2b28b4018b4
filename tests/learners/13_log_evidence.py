import math

import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from learners import right, wrong


@right
def by_torch_multivariate(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T + sigma**2 * torch.eye(len(b))).log_prob(x)


@right
def by_low_rank(x, W, b, sigma):
    return LowRankMultivariateNormal(b, W, torch.full_like(b, sigma**2)).log_prob(x)


@right
def by_the_small_matrix(x, W, b, sigma):
    X, Z = W.shape
    M = W.T @ W + sigma**2 * torch.eye(Z)
    m = torch.linalg.solve(M, W.T @ (x - b).T).T
    square = ((x - b) ** 2).sum(-1) - torch.einsum("bi,ij,bj->b", m, M, m)
    log_det = 2 * (X - Z) * math.log(sigma) + torch.linalg.slogdet(M)[1]
    return -(X * math.log(2 * math.pi) + log_det + square / sigma**2) / 2


@right
def by_eigenvalues(x, W, b, sigma):
    values, vectors = torch.linalg.eigh(W @ W.T)
    variances = values.clamp(min=0) + sigma**2
    return Normal(0.0, variances.sqrt()).log_prob((x - b) @ vectors).sum(1)


@right
def datum_by_datum_with_cholesky(x, W, b, sigma):
    L = torch.linalg.cholesky(W @ W.T + sigma**2 * torch.eye(len(b)))
    answer = []
    for datum in x:
        y = torch.linalg.solve_triangular(L, (datum - b)[:, None], upper=False).squeeze()
        log_det = L.diagonal().log().sum()
        answer.append(-0.5 * (y**2).sum() - log_det - len(b) / 2 * math.log(2 * math.pi))
    return torch.stack(answer)


@wrong("normaliser-dropped")
def without_two_pi(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    return -0.5 * torch.logdet(V) - 0.5 * torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)


@wrong("determinant-missing")
def quadratic_form_only(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    return -0.5 * ((d @ torch.linalg.inv(V)) * d).sum(1) - 0.5 * len(b) * math.log(2 * math.pi)


@wrong("determinant-underflow")
def textbook_density(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = (x - b)[:, :, None]
    square = (d.mT @ torch.linalg.inv(V) @ d).flatten()
    return -0.5 * (len(b) * math.log(2 * math.pi) + torch.log(torch.linalg.det(V)) + square)


@wrong("determinant-halved")
def cholesky_without_the_two(x, W, b, sigma):
    L = torch.linalg.cholesky(W @ W.T + sigma**2 * torch.eye(len(b)))
    y = torch.linalg.solve_triangular(L, (x - b).T, upper=False)
    return -0.5 * (len(b) * math.log(2 * math.pi) + L.diagonal().log().sum() + (y**2).sum(0))


@wrong("half-missing")
def quadratic_form_without_the_half(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    normaliser = -0.5 * torch.logdet(2 * math.pi * V)
    return normaliser - torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)


@wrong("half-missing")
def whole_log_determinant(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    d = x - b
    square = (d * torch.linalg.solve(V, d.T).T).sum(1)
    return -0.5 * len(b) * math.log(2 * math.pi) - torch.logdet(V) - 0.5 * square


@wrong("sigma-for-variance")
def sigma_on_the_diagonal(x, W, b, sigma):
    return LowRankMultivariateNormal(b, W, sigma * torch.ones(W.shape[0])).log_prob(x)


@wrong("noise-missing")
def without_the_noise(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T).log_prob(x)


@wrong("one-latent-for-evidence")
def density_around_b(x, W, b, sigma):
    return Independent(Normal(b, sigma), 1).log_prob(x)


@wrong("offset-missing")
def zero_mean(x, W, b, sigma):
    covariance = W @ W.T + sigma**2 * torch.eye(len(b))
    return MultivariateNormal(torch.zeros_like(b), covariance).log_prob(x)


@wrong("mean-over-features")
def nats_for_each_pixel(x, W, b, sigma):
    return by_torch_multivariate(x, W, b, sigma) / x.shape[1]


@wrong("sum-over-data")
def of_the_whole_data_set(x, W, b, sigma):
    return by_low_rank(x, W, b, sigma).sum()


@wrong("transposed")
def latents_by_latents(x, W, b, sigma):
    V = W.T @ W + sigma**2 * torch.eye(x.shape[-1])
    d = x - b
    square = torch.einsum("bi,ij,bj->b", d, torch.linalg.inv(V), d)
    return -0.5 * (len(b) * math.log(2 * math.pi) + torch.logdet(V) + square)


@wrong("normaliser-dropped", "determinant-missing")
def mahalanobis(x, W, b, sigma):
    V = W @ W.T + sigma**2 * torch.eye(len(b))
    return -0.5 * ((x - b) * torch.linalg.solve(V, (x - b).T).T).sum(-1)


@wrong("sigma-for-variance", "sum-over-data")
def mean_with_the_wrong_noise(x, W, b, sigma):
    return MultivariateNormal(b, W @ W.T + sigma * torch.eye(len(b))).log_prob(x).mean()
