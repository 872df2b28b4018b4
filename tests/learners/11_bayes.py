import math

import numpy as np
import torch
from torch.distributions import Categorical, Normal

from learners import right, wrong
from vaelib.latent import GaussianMixture


@right
def softmax_of_the_log_joint(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x.unsqueeze(-1))
    return log_joint.logsumexp(-1), torch.softmax(log_joint, dim=-1)


@right
def petal_by_petal(x, weights, means, sigma):
    evidence, rows = [], []
    for petal in x:
        constant = math.log(math.sqrt(2 * math.pi) * sigma)
        log_joint = weights.log() - (petal - means) ** 2 / (2 * sigma**2) - constant
        evidence.append(torch.logsumexp(log_joint, 0))
        rows.append(torch.exp(log_joint - evidence[-1]))
    return torch.stack(evidence), torch.stack(rows)


@right
def by_the_library(x, weights, means, sigma):
    mixture = GaussianMixture(weights.log(), means[:, None], sigma)
    return mixture.log_evidence(x[:, None]), mixture.posterior(x[:, None]).probs


@right
def in_numpy(x, weights, means, sigma):
    x, weights, means = x.numpy(), weights.numpy(), means.numpy()
    a = np.log(weights)[None, :] - (x[:, None] - means[None, :]) ** 2 / (2 * sigma**2)
    a -= 0.5 * np.log(2 * np.pi * sigma**2)
    top = a.max(axis=1, keepdims=True)
    total = np.exp(a - top).sum(axis=1)
    return top[:, 0] + np.log(total), np.exp(a - top) / total[:, None]


@wrong("no-maximum")
def with_densities(x, weights, means, sigma):
    joint = weights * torch.exp(Normal(means, sigma).log_prob(x[:, None]))
    return joint.sum(1).log(), joint / joint.sum(dim=1, keepdim=True)


@wrong("product-for-sum")
def sum_of_the_logs(x, weights, means, sigma):
    log_joint = torch.log(weights) + Normal(means, sigma).log_prob(x[:, None])
    return torch.sum(log_joint, dim=1), torch.softmax(log_joint, dim=1)


@wrong("product-for-sum")
def sum_of_the_logs_twice(x, weights, means, sigma):
    log_joint = torch.stack(
        [w.log() + Normal(m, sigma).log_prob(x) for w, m in zip(weights, means, strict=True)], 1
    )
    log_p_x = log_joint.sum(1)
    return log_p_x, torch.exp(log_joint - log_p_x.unsqueeze(1))


@wrong("posterior-unnormalised")
def claims(x, weights, means, sigma):
    error = (x[:, None] - means) / sigma
    likelihood = torch.exp(-0.5 * error**2) / (sigma * (2 * torch.pi) ** 0.5)
    log_joint = weights.log() + Normal(means, sigma).log_prob(x[:, None])
    return torch.logsumexp(log_joint, 1), weights * likelihood


@wrong("prior-missing")
def likelihoods_alone(x, weights, means, sigma):
    log_p = Normal(means, sigma).log_prob(x[:, None])
    return log_p.logsumexp(1), log_p.softmax(1)


@wrong("log-missing")
def weights_as_logits(x, weights, means, sigma):
    log_joint = weights + Normal(means, sigma).log_prob(x[:, None])
    return log_joint.logsumexp(1), torch.softmax(log_joint, 1)


@wrong("normaliser-dropped")
def bells_without_a_height(x, weights, means, sigma):
    logits = weights.log() - (x[:, None] - means) ** 2 / (2 * sigma**2)
    return torch.logsumexp(logits, 1), Categorical(logits=logits).probs


@wrong("variance-for-sigma")
def normal_with_a_variance(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma**2).log_prob(x[:, None])
    return log_joint.logsumexp(1), Categorical(logits=log_joint).probs


@wrong("sigma-for-variance")
def divided_by_two_sigma(x, weights, means, sigma):
    constant = math.log(sigma) + 0.5 * math.log(2 * math.pi)
    log_p = -((x.reshape(-1, 1) - means) ** 2) / (2 * sigma) - constant
    return torch.logsumexp(weights.log() + log_p, 1), (weights.log() + log_p).softmax(-1)


@wrong("half-missing")
def without_the_two(x, weights, means, sigma):
    constant = math.log(sigma * math.sqrt(2 * math.pi))
    log_joint = weights.log() - (x[:, None] - means) ** 2 / sigma**2 - constant
    log_p_x = log_joint.logsumexp(1, keepdim=True)
    return log_p_x.squeeze(1), (log_joint - log_p_x).exp()


@wrong("wrong-axis")
def shares_among_the_petals(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x[:, None])
    return torch.logsumexp(log_joint, 1), torch.softmax(log_joint, 0)


@wrong("transposed")
def species_in_rows(x, weights, means, sigma):
    log_joint = weights.log()[:, None] + Normal(means[:, None], sigma).log_prob(x)
    return torch.logsumexp(log_joint, 0), torch.softmax(log_joint, 0)


@wrong("hard-assignment")
def the_likeliest_species(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x[:, None])
    answer = torch.zeros(len(x), len(means))
    for b in range(len(x)):
        answer[b, log_joint[b].argmax()] = 1
    return log_joint.logsumexp(1), answer


@wrong("log-not-taken")
def a_density(x, weights, means, sigma):
    joint = torch.einsum("c,bc->bc", weights, Normal(means, sigma).log_prob(x[:, None]).exp())
    return joint.sum(1), torch.softmax(weights.log() - (x[:, None] - means) ** 2 / 2 / sigma**2, 1)


@wrong()
def nearness_by_absolute_distance(x, weights, means, sigma):
    logits = weights.log() - (x[:, None] - means).abs() / sigma
    return torch.logsumexp(logits, 1), torch.softmax(logits, 1)


@wrong("prior-missing", "no-maximum")
def shares_of_the_likelihoods(x, weights, means, sigma):
    likelihood = Normal(means, sigma).log_prob(x[:, None]).exp()
    return likelihood.sum(1).log(), likelihood / likelihood.sum(1, keepdim=True)


@wrong("normaliser-dropped", "half-missing")
def bare_squared_distances(x, weights, means, sigma):
    logits = weights.log() - ((x[:, None] - means) / sigma) ** 2
    return torch.logsumexp(logits, 1), torch.softmax(logits, 1)
