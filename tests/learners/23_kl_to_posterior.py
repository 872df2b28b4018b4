import numpy as np
import torch
from torch import distributions as D

from learners import right, wrong


@right
def by_kl_divergence(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S.expand(len(m), -1, -1)))


@right
def matrix_by_matrix(mean, log_sigma, m, S):
    answers = []
    for mu, log_s, centre in zip(mean, log_sigma, m, strict=True):
        S_q = torch.diag(log_s.exp() ** 2)
        d = mu - centre
        trace = torch.trace(torch.linalg.solve(S, S_q))
        logs = torch.log(torch.det(S) / torch.det(S_q))
        answers.append(0.5 * (trace + d @ torch.linalg.solve(S, d) - len(d) + logs))
    return torch.stack(answers)


@right
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


@right
def by_numpy_and_einsum(mean, log_sigma, m, S):
    mean, log_sigma, m, S = (t.numpy() for t in (mean, log_sigma, m, S))
    P = np.linalg.inv(S)
    quadratic = np.einsum("bi,ij,bj->b", mean - m, P, mean - m)
    trace = np.exp(2 * log_sigma) @ np.diag(P)
    log_det = np.linalg.slogdet(S)[1]
    return torch.tensor((trace + quadratic - S.shape[0] + log_det) / 2 - log_sigma.sum(-1))


@wrong("half-missing")
def no_half(mean, log_sigma, m, S):
    P = S.inverse()
    d = mean - m
    trace = (P.diag() * (2 * log_sigma).exp() - 1 - 2 * log_sigma).sum(-1)
    return trace + ((d @ P) * d).sum(-1) + S.logdet()


@wrong("dimension-missing")
def no_minus_z(mean, log_sigma, m, S):
    P, d = torch.inverse(S), mean - m
    trace = torch.einsum("ii,bi->b", P, log_sigma.exp().square())
    quadratic = torch.einsum("bi,ij,bj->b", d, P, d)
    return 0.5 * (trace + quadratic + torch.logdet(S) - 2 * log_sigma.sum(-1))


@wrong("sigma-for-variance")
def sigma_under_the_trace(mean, log_sigma, m, S):
    P, d = torch.inverse(S), mean - m
    sigma = log_sigma.exp()
    trace = torch.stack([torch.trace(P @ torch.diag(s)) for s in sigma])
    log_dets = torch.logdet(S) - 2 * sigma.log().sum(-1)
    return 0.5 * (trace + ((d @ P) * d).sum(-1) - d.shape[-1] + log_dets)


@wrong("sigma-for-variance")
def read_as_log_variance(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed(log_sigma.exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S))


@wrong("log-squared")
def square_outside(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    each = P.diagonal() * (2 * log_sigma).exp() - 1 - log_sigma**2
    return (each.sum(-1) + ((d @ P) * d).sum(-1) + torch.logdet(S)) / 2


@wrong("correlation-ignored")
def diagonal_of_the_covariance(mean, log_sigma, m, S):
    p = D.Independent(D.Normal(m, S.diagonal().sqrt()), 1)
    return D.kl_divergence(D.Independent(D.Normal(mean, log_sigma.exp()), 1), p)


@wrong("correlation-ignored")
def trace_by_ratios(mean, log_sigma, m, S):
    ratio = (log_sigma.exp() ** 2 / S.diagonal()).sum(-1)
    d = (mean - m).unsqueeze(-1)
    square = (d.mT @ torch.linalg.solve(S, d))[:, 0, 0]
    return 0.5 * (ratio + square - mean.shape[1] + torch.logdet(S) - 2 * log_sigma.sum(-1))


@wrong("covariance-for-precision")
def not_inverted(mean, log_sigma, m, S):
    answers = []
    for mu, log_s, centre in zip(mean, log_sigma, m, strict=True):
        S_q, d = torch.diag((2 * log_s).exp()), mu - centre
        log_dets = torch.logdet(S) - torch.logdet(S_q)
        answers.append((torch.trace(S @ S_q) + d @ S @ d - len(d) + log_dets) / 2)
    return torch.stack(answers)


@wrong("precision-missing")
def euclidean(mean, log_sigma, m, S):
    P = torch.linalg.inv(S)
    distance = torch.linalg.norm(mean - m, dim=-1) ** 2
    trace = log_sigma.exp() ** 2 @ P.diagonal()
    return 0.5 * (trace + distance - P.shape[0] + S.logdet()) - log_sigma.sum(-1)


@wrong("kl-reversed")
def p_first(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(D.MultivariateNormal(m, S.expand(len(m), -1, -1)), q)


@wrong("determinant-missing")
def no_log_det_of_s(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    trace = (P.diagonal() * (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(-1)
    return 0.5 * (trace + ((d @ P) * d).sum(-1))


@wrong("ratio-flipped")
def q_over_p(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    S_q = torch.diag_embed((2 * log_sigma).exp())
    trace = (P @ S_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    log_ratio = torch.log(torch.det(S_q) / torch.det(S))
    return 0.5 * (trace + ((d @ P) * d).sum(-1) - d.shape[-1] + log_ratio)


@wrong("sum-over-data")
def averaged_over_data(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return D.kl_divergence(q, D.MultivariateNormal(m, S)).mean()


@wrong("negated")
def minus_kl(mean, log_sigma, m, S):
    q = D.MultivariateNormal(mean, torch.diag_embed((2 * log_sigma).exp()))
    return -D.kl_divergence(q, D.MultivariateNormal(m, S))


@wrong()
def to_the_prior(mean, log_sigma, m, S):
    return 0.5 * (mean**2 + (2 * log_sigma).exp() - 1 - 2 * log_sigma).sum(-1)


@wrong("half-missing", "dimension-missing")
def trace_square_and_logs(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    trace = (P.diagonal() * (2 * log_sigma).exp() - 2 * log_sigma).sum(-1)
    return trace + ((d @ P) * d).sum(-1) + torch.logdet(S)


@wrong("sigma-for-variance", "sum-over-data")
def summed_and_sigma(mean, log_sigma, m, S):
    P, d = torch.linalg.inv(S), mean - m
    each = P.diagonal() * log_sigma.exp() - 2 * log_sigma - 1
    return (each.sum() + ((d @ P) * d).sum() + len(d) * torch.logdet(S)) / 2


@wrong("correlation-ignored")
def diagonal_of_the_precision_between_the_means(mean, log_sigma, m, S):
    d, precision, variance = mean - m, torch.linalg.inv(S), torch.exp(2 * log_sigma)
    distance = (d**2 * precision.diagonal()).sum(-1) + (precision.diagonal() * variance).sum(-1)
    return 0.5 * (distance - len(S) + torch.logdet(S) - variance.log().sum(-1))


@wrong("covariance-for-precision")
def entries_inverted(mean, log_sigma, m, S):
    d, precision, variance = mean - m, 1 / S, torch.exp(2 * log_sigma)
    distance = torch.einsum("bi,ij,bj->b", d, precision, d)
    distance = distance + (precision.diagonal() * variance).sum(-1)
    return 0.5 * (distance - len(S) + torch.logdet(S) - variance.log().sum(-1))
