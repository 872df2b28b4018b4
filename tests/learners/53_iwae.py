import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Independent, Normal

from learners import right, wrong
from vaelib.iwae import iwae
from vaelib.jensen import log_mean_exp


@right
def bound_with_the_library(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@right
def bound_in_a_loop(model, q, x, K):
    total = torch.full((x.shape[0],), -math.inf)
    for _ in range(K):
        z = q(x).rsample()
        total = torch.logaddexp(total, model.log_joint(x, z) - q(x).log_prob(z))
    return total - math.log(K)


@right
def bound_of_surrogate_gradient(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample(torch.Size([K]))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    value = torch.logsumexp(log_w, 0).detach() - math.log(K)
    s = (torch.softmax(log_w, 0).detach() * log_w).sum(0)
    return value + s - s.detach()


@right
def bound_by_hand(model, q, x, K):
    q_z = q(x)
    mu, sigma = q_z.mean, q_z.stddev
    eps = torch.randn(K, *mu.shape)
    z = mu + sigma * eps
    log_prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
    log_lik = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x).sum(-1)
    log_q = (-0.5 * eps**2 - sigma.log() - 0.5 * math.log(2 * math.pi)).sum(-1)
    return torch.logsumexp(log_prior + log_lik - log_q, dim=0) - torch.tensor(float(K)).log()


def weights_of(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return model.log_joint(x, z) - q_z.log_prob(z)


@wrong("log-k-missing")
def bound_of_the_sum(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), dim=0)


@wrong("log-of-mean-of-logs")
def bound_is_the_elbo(model, q, x, K):
    bound = 0
    for _ in range(K):
        z = q(x).rsample()
        bound = bound + (model.log_joint(x, z) - q(x).log_prob(z)) / K
    return bound


@wrong("no-maximum")
def bound_of_naked_weights(model, q, x, K):
    w = torch.exp(weights_of(model, q, x, K))
    return torch.log(w.sum(0) / K)


@wrong("log-q-missing")
def bound_of_the_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return log_mean_exp(model.log_joint(x, z))


@wrong("prior-missing")
def bound_of_the_likelihood(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_lik = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x).sum(-1)
    return torch.logsumexp(log_lik - q_z.log_prob(z), 0) - math.log(K)


@wrong("analytic-kl-in-weights")
def bound_with_analytic_kl(model, q, x, K):
    q_z, prior = q(x), model.prior()
    mu, var = q_z.mean, q_z.variance
    z = q_z.rsample((K,))
    kl = 0.5 * (mu**2 + var - 1 - var.log()).sum(-1)
    return log_mean_exp(model.log_joint(x, z) - prior.log_prob(z) - kl)


@wrong("sample-for-rsample")
def bound_without_a_path(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("wrongly-detached")
def bound_with_frozen_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    with torch.no_grad():
        log_q = q_z.log_prob(z)
    return log_mean_exp(model.log_joint(x, z) - log_q)


@wrong("wrongly-detached")
def bound_in_numpy(model, q, x, K):
    log_w = weights_of(model, q, x, K).detach().numpy()
    top = log_w.max(0)
    return top + np.log(np.exp(log_w - top).mean(0))


@wrong("surrogate-returned")
def bound_is_a_surrogate(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    with torch.no_grad():
        w_tilde = torch.softmax(log_w, 0)
    return torch.einsum("kb,kb->b", w_tilde, log_w)


@wrong("weights-not-detached")
def bound_weights_alive(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    return (F.softmax(log_w, dim=0) * log_w).sum(dim=0)


@wrong("softmax-of-losses")
def bound_of_weighted_losses(model, q, x, K):
    loss = -weights_of(model, q, x, K)
    weight = F.softmax(loss, dim=0)
    return -torch.sum(weight * loss, dim=0)


@wrong("softmax-of-losses")
def bound_logsumexp_of_losses(model, q, x, K):
    nll = -weights_of(model, q, x, K)
    return -(torch.logsumexp(nll, 0) - math.log(K))


@wrong("wrong-axis")
def bound_along_the_batch(model, q, x, K):
    return log_mean_exp(weights_of(model, q, x, K), dim=1)


@wrong("one-noise-for-all")
def bound_of_one_sample(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample().repeat(K, 1, 1)
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("data-inside-the-log")
def bound_of_the_batch(model, q, x, K):
    return torch.logsumexp(torch.sum(weights_of(model, q, x, K), -1), 0) - math.log(K)


@wrong("sum-over-data")
def bound_averaged(model, q, x, K):
    return iwae(model, q, x, K).mean()


@wrong("log-q-sign")
def bound_with_log_q_added(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) + q_z.log_prob(z))


@wrong("logarithm-missing")
def bound_of_the_mean_weight(model, q, x, K):
    return weights_of(model, q, x, K).exp().mean(0)


@wrong("log-k-missing")
def bound_divided_after_the_log(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), 0) / K


@wrong("counted-wrong")
def bound_divided_by_the_data(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), 0) - math.log(x.shape[0])


@wrong("maximum-not-added")
def bound_below_the_maximum(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    return torch.log(torch.exp(log_w - log_w.max(0, keepdim=True).values).mean(0))


@wrong("not-averaged")
def bound_of_each_sample(model, q, x, K):
    return weights_of(model, q, x, K)


@wrong("two-draws")
def bound_of_two_draws(model, q, x, K):
    q_z = q(x)
    log_p = model.log_joint(x, q_z.rsample((K,)))
    return log_mean_exp(log_p - q_z.log_prob(q_z.rsample((K,))))


@wrong("prior-twice")
def bound_with_the_prior_added(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) + model.prior().log_prob(z) - q_z.log_prob(z))


@wrong("wrongly-detached")
def bound_that_sticks_the_landing(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    return log_mean_exp(model.log_joint(x, z) - q_bar.log_prob(z))


@wrong("wrongly-detached")
def bound_by_math_log(model, q, x, K):
    return math.log(weights_of(model, q, x, K).exp().mean(0))


@wrong("gradient-twice")
def bound_plus_surrogate(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    s = (log_w.softmax(0).detach() * log_w).sum(0)
    return log_mean_exp(log_w) + s - s.detach()


@wrong("sign-flipped", "sum-over-data")
def bound_as_a_loss(model, q, x, K):
    return -log_mean_exp(weights_of(model, q, x, K)).mean()


@wrong()
def bound_of_the_best_sample(model, q, x, K):
    return weights_of(model, q, x, K).max(0).values


@wrong("log-k-missing", "sample-for-rsample")
def bound_sum_without_a_path(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return torch.logsumexp(model.log_joint(x, z) - q_z.log_prob(z), 0)


@wrong("log-q-missing", "no-maximum")
def bound_naked_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return torch.log(torch.mean(torch.exp(model.log_joint(x, z)), 0))
