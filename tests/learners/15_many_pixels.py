import math

import torch

from learners import right, wrong


@right
def as_on_paper(x, sigma):
    X = len(x)
    total = X + sigma**2
    return sum(x) / total, sigma**2 / total, 1 + X / sigma**2, (1 + sigma**-2) ** X


@right
def by_the_matrices(x, sigma):
    W = torch.ones(len(x), 1)
    M = W.T @ W + sigma**2 * torch.eye(1)
    mean, S = (torch.linalg.inv(M) @ W.T @ x).squeeze(), sigma**2 / M.squeeze()
    return mean, S, 1 / S, torch.det(torch.eye(len(x)) + torch.eye(len(x)) / sigma**2)


@right
def in_precisions(x, sigma):
    X = x.numel()
    precision = 1 + X / sigma**2
    mean = (x / sigma**2).sum().item() / precision
    return mean, 1 / precision, precision, math.exp(X * math.log1p(1 / sigma**2))


@wrong("sigma-for-variance")
def forgot_the_square(x, sigma):
    X = len(x)
    total = X + sigma
    return x.sum() / total, sigma / total, total / sigma, ((1 + sigma) / sigma) ** X


@wrong("sigma-for-variance")
def deviation_for_variance(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.sum() / (X + s2), sigma / math.sqrt(X + s2), (X + s2) / s2, (1 + 1 / s2) ** X


@wrong("prior-missing")
def mean_of_the_measurements(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.mean(), s2 / X, 1 + X / s2, (1 + 1 / s2) ** X


@wrong("m-for-s")
def inverse_of_m(x, sigma):
    M = len(x) + sigma**2
    return x.sum() / M, 1 / M, M / sigma**2, ((1 + sigma**2) / sigma**2) ** len(x)


@wrong("mean-for-sum")
def shrunk_average(x, sigma):
    M = len(x) + sigma**2
    return torch.mean(x) / M, sigma**2 / M, M / sigma**2, (1 + 1 / sigma**2) ** len(x)


@wrong("one-missing")
def chi_squared_itself(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2 - 1, (1 + 1 / s2) ** len(x) - 1


@wrong("upside-down")
def determinant_of_s(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, s2 / M, (s2 / (1 + s2)) ** len(x)


@wrong("sum-for-product")
def price_for_each_latent_added(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2, sum((1 + s2) / s2 for _ in x)


@wrong("sum-for-product")
def both_prices_alike(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, M / s2, M / s2


@wrong("one-datum-for-mean")
def price_of_the_dullest_datum(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    S = s2 / M
    return x.sum() / M, S, 1 / math.sqrt(S * (2 - S)), (1 + 1 / s2) ** len(x)


@wrong()
def price_without_the_square_root_undone(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, s2 / M, math.sqrt(M / s2), (1 + 1 / s2) ** (len(x) / 2)


@wrong("prior-missing", "one-missing")
def no_prior_and_no_one(x, sigma):
    X, s2 = x.shape[0], sigma**2
    return x.mean(), s2 / X, X / s2, (1 + 1 / s2) ** X


@wrong("m-for-s", "sum-for-product")
def m_and_sums(x, sigma):
    M, s2 = len(x) + sigma**2, sigma**2
    return x.sum() / M, 1 / M, M / s2, len(x) * (1 + 1 / s2)
