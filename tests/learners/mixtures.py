"""Answers to the exercises of chapter 1 on mixtures."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.distributions import Categorical, Normal

from learners import right, two, wrong
from vaelib.latent import GaussianMixture

# 1.1


@right("bayes")
def softmax_of_the_log_joint(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x.unsqueeze(-1))
    return log_joint.logsumexp(-1), torch.softmax(log_joint, dim=-1)


@right("bayes")
def petal_by_petal(x, weights, means, sigma):
    evidence, rows = [], []
    for petal in x:
        log_joint = (
            weights.log()
            - (petal - means) ** 2 / (2 * sigma**2)
            - math.log(math.sqrt(2 * math.pi) * sigma)
        )
        evidence.append(torch.logsumexp(log_joint, 0))
        rows.append(torch.exp(log_joint - evidence[-1]))
    return torch.stack(evidence), torch.stack(rows)


@right("bayes")
def by_the_library(x, weights, means, sigma):
    mixture = GaussianMixture(weights.log(), means[:, None], sigma)
    return mixture.log_evidence(x[:, None]), mixture.posterior(x[:, None]).probs


@right("bayes")
def in_numpy(x, weights, means, sigma):
    x, weights, means = x.numpy(), weights.numpy(), means.numpy()
    a = np.log(weights)[None, :] - (x[:, None] - means[None, :]) ** 2 / (2 * sigma**2)
    a -= 0.5 * np.log(2 * np.pi * sigma**2)
    top = a.max(axis=1, keepdims=True)
    total = np.exp(a - top).sum(axis=1)
    return top[:, 0] + np.log(total), np.exp(a - top) / total[:, None]


@wrong("bayes", "no-maximum")
def with_densities(x, weights, means, sigma):
    joint = weights * torch.exp(Normal(means, sigma).log_prob(x[:, None]))
    return joint.sum(1).log(), joint / joint.sum(dim=1, keepdim=True)


@wrong("bayes", "product-for-sum")
def sum_of_the_logs(x, weights, means, sigma):
    log_joint = torch.log(weights) + Normal(means, sigma).log_prob(x[:, None])
    return torch.sum(log_joint, dim=1), torch.softmax(log_joint, dim=1)


@wrong("bayes", "product-for-sum")
def sum_of_the_logs_twice(x, weights, means, sigma):
    log_joint = torch.stack(
        [w.log() + Normal(m, sigma).log_prob(x) for w, m in zip(weights, means, strict=True)], 1
    )
    log_p_x = log_joint.sum(1)
    return log_p_x, torch.exp(log_joint - log_p_x.unsqueeze(1))


@wrong("bayes", "posterior-unnormalised")
def claims(x, weights, means, sigma):
    likelihood = torch.exp(-0.5 * ((x[:, None] - means) / sigma) ** 2) / (
        sigma * (2 * torch.pi) ** 0.5
    )
    return torch.logsumexp(
        weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1
    ), weights * likelihood


@wrong("bayes", "prior-missing")
def likelihoods_alone(x, weights, means, sigma):
    log_p = Normal(means, sigma).log_prob(x[:, None])
    return log_p.logsumexp(1), log_p.softmax(1)


@wrong("bayes", "log-missing")
def weights_as_logits(x, weights, means, sigma):
    log_joint = weights + Normal(means, sigma).log_prob(x[:, None])
    return log_joint.logsumexp(1), torch.softmax(log_joint, 1)


@wrong("bayes", "normaliser-dropped")
def bells_without_a_height(x, weights, means, sigma):
    logits = weights.log() - (x[:, None] - means) ** 2 / (2 * sigma**2)
    return torch.logsumexp(logits, 1), Categorical(logits=logits).probs


@wrong("bayes", "variance-for-sigma")
def normal_with_a_variance(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma**2).log_prob(x[:, None])
    return log_joint.logsumexp(1), Categorical(logits=log_joint).probs


@wrong("bayes", "sigma-for-variance")
def divided_by_two_sigma(x, weights, means, sigma):
    log_p = (
        -((x.reshape(-1, 1) - means) ** 2) / (2 * sigma)
        - math.log(sigma)
        - 0.5 * math.log(2 * math.pi)
    )
    return torch.logsumexp(weights.log() + log_p, 1), (weights.log() + log_p).softmax(-1)


@wrong("bayes", "half-missing")
def without_the_two(x, weights, means, sigma):
    log_joint = (
        weights.log()
        - (x[:, None] - means) ** 2 / sigma**2
        - math.log(sigma * math.sqrt(2 * math.pi))
    )
    log_p_x = log_joint.logsumexp(1, keepdim=True)
    return log_p_x.squeeze(1), (log_joint - log_p_x).exp()


@wrong("bayes", "wrong-axis")
def shares_among_the_petals(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x[:, None])
    return torch.logsumexp(log_joint, 1), torch.softmax(log_joint, 0)


@wrong("bayes", "transposed")
def species_in_rows(x, weights, means, sigma):
    log_joint = weights.log()[:, None] + Normal(means[:, None], sigma).log_prob(x)
    return torch.logsumexp(log_joint, 0), torch.softmax(log_joint, 0)


@wrong("bayes", "hard-assignment")
def the_likeliest_species(x, weights, means, sigma):
    log_joint = weights.log() + Normal(means, sigma).log_prob(x[:, None])
    answer = torch.zeros(len(x), len(means))
    for b in range(len(x)):
        answer[b, log_joint[b].argmax()] = 1
    return log_joint.logsumexp(1), answer


@wrong("bayes", "log-not-taken")
def a_density(x, weights, means, sigma):
    joint = torch.einsum("c,bc->bc", weights, Normal(means, sigma).log_prob(x[:, None]).exp())
    return joint.sum(1), torch.softmax(weights.log() - (x[:, None] - means) ** 2 / 2 / sigma**2, 1)


@wrong("bayes", "")
def nearness_by_absolute_distance(x, weights, means, sigma):
    logits = weights.log() - (x[:, None] - means).abs() / sigma
    return torch.logsumexp(logits, 1), torch.softmax(logits, 1)


@two("bayes", "prior-missing", "no-maximum")
def shares_of_the_likelihoods(x, weights, means, sigma):
    likelihood = Normal(means, sigma).log_prob(x[:, None]).exp()
    return likelihood.sum(1).log(), likelihood / likelihood.sum(1, keepdim=True)


@two("bayes", "normaliser-dropped", "half-missing")
def bare_squared_distances(x, weights, means, sigma):
    logits = weights.log() - ((x[:, None] - means) / sigma) ** 2
    return torch.logsumexp(logits, 1), torch.softmax(logits, 1)


# 1.6


@right("mixture_price")
def on_paper(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(-1), 1 / pi.min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@right("mixture_price")
def second_moment_under_the_prior(pi, rho, Z, epsilon):
    ratio = rho / pi
    bits = 1 + (1 - 2 * epsilon) ** 2
    return torch.einsum("c,bc,bc->b", pi, ratio, ratio), (1 / pi).max(), pi.numel(), bits**Z


@right("mixture_price")
def in_loops(pi, rho, Z, epsilon):
    prices = [sum(r * r / p for r, p in zip(row, pi.tolist(), strict=True)) for row in rho.tolist()]
    bits = 1.0
    for _ in range(Z):
        bits *= (1 - epsilon) ** 2 / 0.5 + epsilon**2 / 0.5
    return torch.tensor(prices), 1 / min(pi.tolist()), float(len(pi)), bits


@wrong("mixture_price", "one-missing")
def variance_of_the_ratio(pi, rho, Z, epsilon):
    chi2 = (pi * (rho / pi - 1) ** 2).sum(1)
    return chi2, 1 / pi.min(), len(pi), (2 * (1 - epsilon) ** 2 + 2 * epsilon**2) ** Z


@wrong("mixture_price", "prior-not-divided")
def squares_of_the_posterior(pi, rho, Z, epsilon):
    return rho.square().sum(1), 1 / pi.min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("mixture_price", "wrong-expectation")
def averaged_under_the_posterior(pi, rho, Z, epsilon):
    ratio = rho / pi
    return (rho * ratio**2).sum(1), 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("mixture_price", "kl-for-chi2")
def kl_divergence_by_torch(pi, rho, Z, epsilon):
    kl = torch.distributions.kl_divergence(Categorical(rho), Categorical(pi))
    return kl, 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("mixture_price", "kl-for-chi2")
def information_of_the_bits(pi, rho, Z, epsilon):
    entropy = Categorical(torch.tensor([epsilon, 1 - epsilon])).entropy()
    bits = torch.exp(Z * (math.log(2) - entropy))
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), bits


@wrong("mixture_price", "chi2-reversed")
def prior_from_posterior(pi, rho, Z, epsilon):
    return ((pi / rho) ** 2 * rho).sum(1), 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("mixture_price", "mean-for-sum")
def averaged_over_components(pi, rho, Z, epsilon):
    return torch.mean(rho**2 / pi, dim=-1), max(1 / pi), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("mixture_price", "wrong-axis")
def summed_over_the_data(pi, rho, Z, epsilon):
    return (
        torch.einsum("bc,bc,c->c", rho, rho, 1 / pi),
        1 / pi.min(),
        len(pi),
        (1 + (1 - 2 * epsilon) ** 2) ** Z,
    )


@wrong("mixture_price", "wrong-extreme")
def commonest_component(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(1), (1 / pi).min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("mixture_price", "bound-for-mean")
def one_bound_for_both(pi, rho, Z, epsilon):
    bound = 1 / pi.min()
    return (rho**2 / pi).sum(1), bound, bound, (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("mixture_price", "sum-for-product")
def bits_added(pi, rho, Z, epsilon):
    one = (1 - epsilon) ** 2 / 0.5 + epsilon**2 / 0.5
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), sum([one] * Z)


@wrong("mixture_price", "noise-missing")
def bits_revealed(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), 2**Z


@two("mixture_price", "one-missing", "noise-missing")
def chi2_and_clean_bits(pi, rho, Z, epsilon):
    return ((rho - pi) ** 2 / pi).sum(1), 1 / pi.min(), len(pi), 2.0**Z


# 1.7


@right("em_step")
def by_weighted_averages(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = torch.einsum("nc,n->c", rho, x) / rho.sum(0)
    variance = (rho * (x[:, None] - new) ** 2).sum(1).mean()
    return rho.mean(0), new, variance.sqrt()


@right("em_step")
def by_second_moments(x, weights, means, sigma):
    log_joint = weights.log() - (x[:, None] - means) ** 2 / (2 * sigma**2)
    rho = (log_joint - torch.logsumexp(log_joint, 1, keepdim=True)).exp()
    share = rho.mean(0)
    new = (rho.T @ x) / len(x) / share
    return share, new, torch.sqrt((x**2).mean() - (share * new**2).sum())


@right("em_step")
def species_by_species(x, weights, means, sigma):
    log_joint = torch.stack(
        [w.log() + Normal(m, sigma).log_prob(x) for w, m in zip(weights, means, strict=True)]
    )
    rho = torch.softmax(log_joint, 0)
    new, total = torch.zeros_like(means), 0.0
    for c in range(len(means)):
        new[c] = (rho[c] * x).sum() / rho[c].sum()
        total += (rho[c] * (x - new[c]) ** 2).sum()
    return rho.sum(1) / len(x), new, (total / len(x)) ** 0.5


@wrong("em_step", "prior-missing")
def likelihoods_only(x, weights, means, sigma):
    rho = torch.softmax(Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("em_step", "hard-assignment")
def k_means(x, weights, means, sigma):
    nearest = (weights.log() + Normal(means, sigma).log_prob(x[:, None])).argmax(1)
    rho = torch.nn.functional.one_hot(nearest, len(means)).double()
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (x - new[nearest]).square().mean().sqrt()


@wrong("em_step", "old-means")
def spread_around_where_it_was(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    variance = (rho * (x[:, None] - means) ** 2).sum(1).mean()
    return rho.mean(0), (rho.T @ x) / rho.sum(0), variance.sqrt()


@wrong("em_step", "variance-for-sigma")
def returns_a_variance(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum() / x.numel()


@wrong("em_step", "mean-for-sum")
def mean_over_everything(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, torch.mean(rho * (x[:, None] - new) ** 2).sqrt()


@wrong("em_step", "wrong-count")
def means_over_all_data(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho * x[:, None]).mean(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("em_step", "wrong-count")
def counts_for_weights(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    n = torch.einsum("nc->c", rho)
    new = (rho.T @ x) / n
    return n, new, ((rho * (x[:, None] - new) ** 2).sum() / n.sum()).sqrt()


@wrong("em_step", "one-sigma-each")
def sigma_for_each_species(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / n.sum(), new, torch.sqrt((rho * (x[:, None] - new) ** 2).sum(0) / n)


@wrong("em_step", "wrong-axis")
def normalised_over_petals(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 0)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / len(x), new, ((rho * (x[:, None] - new) ** 2).sum() / len(x)).sqrt()


@wrong("em_step", "log-missing")
def weights_among_logs(x, weights, means, sigma):
    rho = torch.softmax(weights + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("em_step", "no-maximum")
def densities_divided(x, weights, means, sigma):
    joint = weights * Normal(means, sigma).log_prob(x[:, None]).exp()
    rho = joint / joint.sum(1, keepdim=True)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@two("em_step", "old-means", "variance-for-sigma")
def variance_around_the_old_means(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    return rho.mean(0), (rho.T @ x) / rho.sum(0), (rho * (x[:, None] - means) ** 2).sum() / len(x)


@two("em_step", "prior-missing", "one-sigma-each")
def own_sigmas_without_a_prior(x, weights, means, sigma):
    rho = torch.softmax(Normal(means, sigma).log_prob(x[:, None]), 1)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / len(x), new, ((rho * (x[:, None] - new) ** 2).sum(0) / n) ** 0.5
