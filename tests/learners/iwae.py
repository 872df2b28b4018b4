"""Answers to the exercises of chapter 5 about bounds."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Independent, Normal

from learners import right, two, wrong
from vaelib.elbo import elbo
from vaelib.iwae import iwae, iwae_dreg
from vaelib.jensen import log_mean_exp

# 5.3, iwae.


@right("iwae")
def bound_with_the_library(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@right("iwae")
def bound_in_a_loop(model, q, x, K):
    total = torch.full((x.shape[0],), -math.inf)
    for _ in range(K):
        z = q(x).rsample()
        total = torch.logaddexp(total, model.log_joint(x, z) - q(x).log_prob(z))
    return total - math.log(K)


@right("iwae")
def bound_of_surrogate_gradient(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample(torch.Size([K]))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    value = torch.logsumexp(log_w, 0).detach() - math.log(K)
    s = (torch.softmax(log_w, 0).detach() * log_w).sum(0)
    return value + s - s.detach()


@right("iwae")
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


@wrong("iwae", "log-k-missing")
def bound_of_the_sum(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), dim=0)


@wrong("iwae", "log-of-mean-of-logs")
def bound_is_the_elbo(model, q, x, K):
    bound = 0
    for _ in range(K):
        z = q(x).rsample()
        bound = bound + (model.log_joint(x, z) - q(x).log_prob(z)) / K
    return bound


@wrong("iwae", "no-maximum")
def bound_of_naked_weights(model, q, x, K):
    w = torch.exp(weights_of(model, q, x, K))
    return torch.log(w.sum(0) / K)


@wrong("iwae", "log-q-missing")
def bound_of_the_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return log_mean_exp(model.log_joint(x, z))


@wrong("iwae", "prior-missing")
def bound_of_the_likelihood(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_lik = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x).sum(-1)
    return torch.logsumexp(log_lik - q_z.log_prob(z), 0) - math.log(K)


@wrong("iwae", "analytic-kl-in-weights")
def bound_with_analytic_kl(model, q, x, K):
    q_z, prior = q(x), model.prior()
    mu, var = q_z.mean, q_z.variance
    z = q_z.rsample((K,))
    kl = 0.5 * (mu**2 + var - 1 - var.log()).sum(-1)
    return log_mean_exp(model.log_joint(x, z) - prior.log_prob(z) - kl)


@wrong("iwae", "sample-for-rsample")
def bound_without_a_path(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("iwae", "wrongly-detached")
def bound_with_frozen_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    with torch.no_grad():
        log_q = q_z.log_prob(z)
    return log_mean_exp(model.log_joint(x, z) - log_q)


@wrong("iwae", "wrongly-detached")
def bound_in_numpy(model, q, x, K):
    log_w = weights_of(model, q, x, K).detach().numpy()
    top = log_w.max(0)
    return top + np.log(np.exp(log_w - top).mean(0))


@wrong("iwae", "surrogate-returned")
def bound_is_a_surrogate(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    with torch.no_grad():
        w_tilde = torch.softmax(log_w, 0)
    return torch.einsum("kb,kb->b", w_tilde, log_w)


@wrong("iwae", "weights-not-detached")
def bound_weights_alive(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    return (F.softmax(log_w, dim=0) * log_w).sum(dim=0)


@wrong("iwae", "softmax-of-losses")
def bound_of_weighted_losses(model, q, x, K):
    loss = -weights_of(model, q, x, K)
    weight = F.softmax(loss, dim=0)
    return -torch.sum(weight * loss, dim=0)


@wrong("iwae", "softmax-of-losses")
def bound_logsumexp_of_losses(model, q, x, K):
    nll = -weights_of(model, q, x, K)
    return -(torch.logsumexp(nll, 0) - math.log(K))


@wrong("iwae", "wrong-axis")
def bound_along_the_batch(model, q, x, K):
    return log_mean_exp(weights_of(model, q, x, K), dim=1)


@wrong("iwae", "one-noise-for-all")
def bound_of_one_sample(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample().repeat(K, 1, 1)
    return log_mean_exp(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("iwae", "data-inside-the-log")
def bound_of_the_batch(model, q, x, K):
    return torch.logsumexp(torch.sum(weights_of(model, q, x, K), -1), 0) - math.log(K)


@wrong("iwae", "sum-over-data")
def bound_averaged(model, q, x, K):
    return iwae(model, q, x, K).mean()


@wrong("iwae", "log-q-sign")
def bound_with_log_q_added(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) + q_z.log_prob(z))


@wrong("iwae", "logarithm-missing")
def bound_of_the_mean_weight(model, q, x, K):
    return weights_of(model, q, x, K).exp().mean(0)


@wrong("iwae", "log-k-missing")
def bound_divided_after_the_log(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), 0) / K


@wrong("iwae", "counted-wrong")
def bound_divided_by_the_data(model, q, x, K):
    return torch.logsumexp(weights_of(model, q, x, K), 0) - math.log(x.shape[0])


@wrong("iwae", "maximum-not-added")
def bound_below_the_maximum(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    return torch.log(torch.exp(log_w - log_w.max(0, keepdim=True).values).mean(0))


@wrong("iwae", "not-averaged")
def bound_of_each_sample(model, q, x, K):
    return weights_of(model, q, x, K)


@wrong("iwae", "two-draws")
def bound_of_two_draws(model, q, x, K):
    q_z = q(x)
    log_p = model.log_joint(x, q_z.rsample((K,)))
    return log_mean_exp(log_p - q_z.log_prob(q_z.rsample((K,))))


@wrong("iwae", "prior-twice")
def bound_with_the_prior_added(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return log_mean_exp(model.log_joint(x, z) + model.prior().log_prob(z) - q_z.log_prob(z))


@wrong("iwae", "wrongly-detached")
def bound_that_sticks_the_landing(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    return log_mean_exp(model.log_joint(x, z) - q_bar.log_prob(z))


@wrong("iwae", "wrongly-detached")
def bound_by_math_log(model, q, x, K):
    return math.log(weights_of(model, q, x, K).exp().mean(0))


@wrong("iwae", "gradient-twice")
def bound_plus_surrogate(model, q, x, K):
    log_w = weights_of(model, q, x, K)
    s = (log_w.softmax(0).detach() * log_w).sum(0)
    return log_mean_exp(log_w) + s - s.detach()


@two("iwae", "sign-flipped", "sum-over-data")
def bound_as_a_loss(model, q, x, K):
    return -log_mean_exp(weights_of(model, q, x, K)).mean()


@wrong("iwae", "")
def bound_of_the_best_sample(model, q, x, K):
    return weights_of(model, q, x, K).max(0).values


@two("iwae", "log-k-missing", "sample-for-rsample")
def bound_sum_without_a_path(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return torch.logsumexp(model.log_joint(x, z) - q_z.log_prob(z), 0)


@two("iwae", "log-q-missing", "no-maximum")
def bound_naked_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return torch.log(torch.mean(torch.exp(model.log_joint(x, z)), 0))


# 5.4, iwae_dreg.


@right("iwae_dreg")
def dreg_of_the_library(model, q, x, K):
    return iwae_dreg(model, q, x, K)


@right("iwae_dreg")
def dreg_with_a_hook(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    frozen = Normal(q_z.mean.detach(), q_z.stddev.detach())
    log_w = model.log_joint(x, z) - frozen.log_prob(z).sum(-1)
    with torch.no_grad():
        w_tilde = torch.exp(log_w - torch.logsumexp(log_w, 0, keepdim=True)).unsqueeze(-1)
    z.register_hook(lambda grad: w_tilde * grad)
    return log_mean_exp(log_w)


@right("iwae_dreg")
def dreg_in_two_parts(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    still = z.detach()
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    w_tilde = (model.log_joint(x, still) - q_bar.log_prob(still)).softmax(0).detach()
    for_model = w_tilde * model.log_joint(x, still)
    for_encoder = w_tilde**2 * (
        model.log_joint(x, z) - model.log_joint(x, still) - q_bar.log_prob(z)
    )
    s = (for_model + for_encoder).sum(0)
    value = log_mean_exp(model.log_joint(x, still) - q_bar.log_prob(still)).detach()
    return value + s - s.detach()


@right("iwae_dreg")
def dreg_by_detached_scale(model, q, x, K):
    q_z = q(x)
    mu, sigma = q_z.mean, q_z.stddev
    z = q_z.rsample((K,))
    eps = ((z - mu) / sigma).detach()
    q_bar = Independent(Normal(mu.detach(), sigma.detach()), 1)
    w_tilde = (model.log_joint(x, z) - q_bar.log_prob(z)).softmax(0).detach()
    # The same place, but the way back into the encoder is scaled by the share.
    moved = w_tilde[..., None] * (mu + sigma * eps)
    z = z.detach() + moved - moved.detach()
    return log_mean_exp(model.log_joint(x, z) - q_bar.log_prob(z))


def parts_of(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    return z, model.log_joint(x, z), q_bar.log_prob(z)


@wrong("iwae_dreg", "weighted-once")
def dreg_without_a_hook(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    return log_mean_exp(log_p - log_q)


@wrong("iwae_dreg", "score-term-kept")
def dreg_with_living_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: grad * w_tilde.unsqueeze(-1))
    return log_mean_exp(log_w)


@wrong("iwae_dreg", "model-weighted-twice")
def dreg_squares_for_all(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    s = (F.softmax(log_w, 0).detach().pow(2) * log_w).sum(0)
    return log_mean_exp(log_w).detach() + (s - s.detach())


@wrong("iwae_dreg", "weighted-thrice")
def dreg_squares_in_the_hook(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    w_tilde = torch.softmax(log_p - log_q, 0).detach()
    z.register_hook(lambda grad: torch.einsum("kb,kbz->kbz", w_tilde**2, grad))
    return log_mean_exp(log_p - log_q)


@wrong("iwae_dreg", "surrogate-returned")
def dreg_surrogate(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    with torch.no_grad():
        w_tilde = torch.softmax(log_w, 0)
    if z.requires_grad:
        z.register_hook(lambda grad: w_tilde.unsqueeze(-1) * grad)
    return (w_tilde * log_w).sum(0)


@wrong("iwae_dreg", "weights-not-detached")
def dreg_weights_alive(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = log_w.softmax(0)
    z.register_hook(lambda grad: w_tilde[:, :, None] * grad)
    s = torch.einsum("kb,kb->b", w_tilde, log_w)
    return (log_mean_exp(log_w) - s).detach() + s


@wrong("iwae_dreg", "log-of-mean-of-logs")
def dreg_is_stl(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    return torch.mean(log_p - log_q, dim=0)


@wrong("iwae_dreg", "log-k-missing")
def dreg_of_the_sum(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    log_sum = torch.logsumexp(log_w, 0)
    w_tilde = (log_w - log_sum).exp().detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_sum


@wrong("iwae_dreg", "wrong-axis")
def dreg_shares_along_the_batch(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = F.softmax(log_w, dim=-1).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    s = (w_tilde * log_w).sum(0)
    return log_mean_exp(log_w).detach() + s - s.detach()


@wrong("iwae_dreg", "wrongly-detached")
def dreg_with_constant_log_q(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q.detach()
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@wrong("iwae_dreg", "sample-for-rsample")
def dreg_without_a_path(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_w = model.log_joint(x, z) - Independent(
        Normal(q_z.mean.detach(), q_z.stddev.detach()), 1
    ).log_prob(z)
    if z.requires_grad:
        w_tilde = torch.softmax(log_w, 0).detach()
        z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@wrong("iwae_dreg", "no-maximum")
def dreg_of_naked_weights(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_w.exp().mean(0).log()


def hooked(shares, value=log_mean_exp):
    def bound(model, q, x, K):
        z, log_p, log_q = parts_of(model, q, x, K)
        log_w = log_p - log_q
        w = shares(log_w).detach()
        z.register_hook(lambda grad: w[..., None] * grad)
        return value(log_w)

    return bound


@wrong("iwae_dreg", "wrong-axis")
def dreg_hook_along_the_batch(model, q, x, K):
    return hooked(lambda log_w: log_w.softmax(1))(model, q, x, K)


@wrong("iwae_dreg", "softmax-of-losses")
def dreg_hook_of_losses(model, q, x, K):
    return hooked(lambda log_w: F.softmax(-log_w, 0))(model, q, x, K)


@wrong("iwae_dreg", "not-normalised")
def dreg_hook_of_weights(model, q, x, K):
    return hooked(lambda log_w: torch.exp(log_w - log_w.max(0).values))(model, q, x, K)


@wrong("iwae_dreg", "sign-flipped")
def dreg_as_a_loss(model, q, x, K):
    return -hooked(lambda log_w: log_w.softmax(0))(model, q, x, K)


@wrong("iwae_dreg", "log-of-mean-of-logs")
def dreg_hook_on_the_elbo(model, q, x, K):
    return hooked(lambda log_w: log_w.softmax(0), lambda log_w: log_w.mean(0))(model, q, x, K)


@wrong("iwae_dreg", "score-term-kept")
def dreg_with_living_deviation(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - Independent(Normal(q_z.mean.detach(), q_z.stddev), 1).log_prob(
        z
    )
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@two("iwae_dreg", "weighted-once", "score-term-kept")
def dreg_is_plain_iwae(model, q, x, K):
    return iwae(model, q, x, K)


@two("iwae_dreg", "surrogate-returned", "model-weighted-twice")
def dreg_sum_of_squares(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    return (torch.softmax(log_w, 0).detach() ** 2 * log_w).sum(0)


# 5.7, log-likelihood.


@right("log_likelihood")
def evidence_by_two_sums(model, q, x, K, chunk):
    q_z = q(x)
    log_sum = log_squares = torch.full((len(x),), -math.inf)
    done = 0
    with torch.no_grad():
        while done < K:
            size = min(chunk, K - done)
            z = q_z.sample((size,))
            log_w = model.log_joint(x, z) - q_z.log_prob(z)
            log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, 0))
            log_squares = torch.logaddexp(log_squares, torch.logsumexp(2 * log_w, 0))
            done += size
    variance = (K * torch.exp(log_squares - 2 * log_sum) - 1) / (K - 1)
    return log_sum - math.log(K), variance.sqrt()


@right("log_likelihood")
def evidence_one_by_one(model, q, x, K, chunk):
    log_w = []
    for _ in range(K):
        z = q(x).rsample()
        log_w.append((model.log_joint(x, z) - q(x).log_prob(z)).detach())
    log_w = torch.stack(log_w)
    log_p = log_mean_exp(log_w)
    return log_p, torch.std(torch.exp(log_w - log_p), 0) / math.sqrt(K)


@right("log_likelihood")
def evidence_with_running_maximum(model, q, x, K, chunk):
    top, s1, s2 = torch.full((len(x),), -1e300), 0.0, 0.0
    for size in [chunk] * (K // chunk) + [K % chunk] * (K % chunk > 0):
        z = q(x).sample((size,))
        log_w = (model.log_joint(x, z) - q(x).log_prob(z)).detach()
        new = torch.maximum(top, log_w.max(0).values)
        scale, w = torch.exp(top - new), torch.exp(log_w - new)
        s1, s2, top = s1 * scale + w.sum(0), s2 * scale**2 + (w**2).sum(0), new
    ess = s1**2 / s2
    return top + torch.log(s1 / K), torch.sqrt((K / ess - 1) / (K - 1))


def evidence_chunks(model, q, x, K, chunk):
    chunks = []
    for start in range(0, K, chunk):
        z = q(x).sample((min(chunk, K - start),))
        chunks.append((model.log_joint(x, z) - q(x).log_prob(z)).detach())
    return chunks


def relative_error(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.std(0) / w.mean(0) / math.sqrt(len(w))


@wrong("log_likelihood", "elbo-reported")
def evidence_is_the_elbo(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_w.mean(0), relative_error(log_w)


@wrong("log_likelihood", "log-of-mean-of-logs")
def evidence_averaged_over_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = [log_mean_exp(log_w) for log_w in chunks]
    return sum(estimates) / len(estimates), relative_error(torch.cat(chunks))


@wrong("log_likelihood", "chunks-alike")
def evidence_of_equal_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = torch.stack([log_mean_exp(log_w) for log_w in chunks])
    return log_mean_exp(estimates), relative_error(torch.cat(chunks))


@wrong("log_likelihood", "last-chunk")
def evidence_overwritten(model, q, x, K, chunk):
    for start in range(0, K, chunk):
        z = q(x).sample((min(chunk, K - start),))
        log_w = model.log_joint(x, z) - q(x).log_prob(z)
        log_sum, log_squares = torch.logsumexp(log_w, 0), torch.logsumexp(2 * log_w, 0)
    return log_sum - math.log(K), ((K * (log_squares - 2 * log_sum).exp() - 1) / (K - 1)).sqrt()


@wrong("log_likelihood", "fewer-samples")
def evidence_whole_chunks_only(model, q, x, K, chunk):
    log_w = []
    for _ in range(K // chunk):
        z = q(x).sample((chunk,))
        log_w.append(model.log_joint(x, z) - q(x).log_prob(z))
    log_w = torch.cat(log_w).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log_likelihood", "more-samples")
def evidence_rounded_up(model, q, x, K, chunk):
    log_w = []
    for _ in range(math.ceil(K / chunk)):
        z = q(x).sample((chunk,))
        log_w.append(model.log_joint(x, z) - q(x).log_prob(z))
    log_w = torch.cat(log_w).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log_likelihood", "chunk-ignored")
def evidence_at_once(model, q, x, K, chunk):
    z = q(x).sample((K,))
    log_w = (model.log_joint(x, z) - q(x).log_prob(z)).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log_likelihood", "log-k-missing")
def evidence_of_the_sum(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    total = torch.stack([torch.logsumexp(log_w, 0) for log_w in chunks]).logsumexp(0)
    return total, relative_error(torch.cat(chunks))


@wrong("log_likelihood", "no-maximum")
def evidence_of_naked_sums(model, q, x, K, chunk):
    s1 = s2 = 0.0
    for log_w in evidence_chunks(model, q, x, K, chunk):
        s1, s2 = s1 + log_w.exp().sum(0), s2 + (2 * log_w).exp().sum(0)
    return torch.log(s1 / K), torch.sqrt((K * s2 / s1**2 - 1) / (K - 1))


@wrong("log_likelihood", "zero-in-the-sum")
def evidence_from_zeros(model, q, x, K, chunk):
    log_sum = log_squares = torch.zeros(len(x))
    for log_w in evidence_chunks(model, q, x, K, chunk):
        log_sum = torch.logaddexp(log_sum, log_w.logsumexp(0))
        log_squares = torch.logaddexp(log_squares, (2 * log_w).logsumexp(0))
    return log_sum - math.log(K), ((K * (log_squares - 2 * log_sum).exp() - 1) / (K - 1)).sqrt()


@wrong("log_likelihood", "last-chunk")
def evidence_of_the_last_chunk(model, q, x, K, chunk):
    log_w = evidence_chunks(model, q, x, K, chunk)[-1]
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log_likelihood", "more-samples")
def evidence_with_one_chunk_too_many(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, (K // chunk + 1) * chunk, chunk))
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log_likelihood", "counted-wrong")
def evidence_of_full_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = torch.stack([log_w.logsumexp(0) - math.log(chunk) for log_w in chunks])
    return log_mean_exp(estimates), relative_error(torch.cat(chunks))


@wrong("log_likelihood", "order-swapped")
def evidence_after_its_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return relative_error(log_w), log_mean_exp(log_w)


@wrong("log_likelihood", "no-maximum")
def evidence_with_naked_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    w = log_w.exp()
    return log_mean_exp(log_w), w.std(0) / w.mean(0) / math.sqrt(K)


@wrong("log_likelihood", "interval-for-error")
def evidence_with_an_interval(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), 1.96 * relative_error(log_w)


@wrong("log_likelihood", "another-root")
def evidence_with_error_over_K(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), relative_error(log_w) / math.sqrt(K)


@wrong("log_likelihood", "second-moment-for-variance")
def evidence_with_root_of_ess(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), log_w.softmax(0).square().sum(0).sqrt()


@wrong("log_likelihood", "log-not-taken")
def evidence_itself(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w).exp(), relative_error(log_w)


@wrong("log_likelihood", "se-of-logs")
def evidence_with_spread_of_logs(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), log_w.std(0) / math.sqrt(K)


@wrong("log_likelihood", "deviation-for-error")
def evidence_with_spread_of_one(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), (log_w - log_mean_exp(log_w)).exp().std(0)


@wrong("log_likelihood", "absolute-error")
def evidence_with_absolute_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), torch.std(torch.exp(log_w), dim=0) / math.sqrt(K)


@wrong("log_likelihood", "k-for-k-minus-one")
def evidence_with_population_spread(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    r = torch.exp(log_w - log_mean_exp(log_w))
    return log_mean_exp(log_w), torch.sqrt(torch.mean((r - 1) ** 2, 0) / K)


@two("log_likelihood", "elbo-reported", "se-of-logs")
def evidence_is_the_elbo_throughout(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_w.mean(0), log_w.std(0) / math.sqrt(K)


@two("log_likelihood", "fewer-samples", "deviation-for-error")
def evidence_few_and_wide(model, q, x, K, chunk):
    chunks = [log_w for log_w in evidence_chunks(model, q, x, K, chunk) if len(log_w) == chunk]
    log_w = torch.cat(chunks)
    return log_mean_exp(log_w), (log_w - log_mean_exp(log_w)).exp().std(0)


@wrong("log_likelihood", "")
def evidence_from_the_library_bound(model, q, x, K, chunk):
    return elbo(model, q, x, K), iwae(model, q, x, K)
