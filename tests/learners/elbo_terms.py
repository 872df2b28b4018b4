"""Answers to the exercises of chapter 4 on the bound's terms: on paper, under a weight, with free bits."""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal, kl_divergence

from learners import right, two, wrong

# 4.5 bound_on_paper(x, sigma, mu, s)


def summit_of(x, sigma):
    """What most answers get right: the posterior, and the evidence."""
    v = 1 + sigma**2
    return x / v, sigma / torch.sqrt(v), -0.5 * torch.log(2 * math.pi * v) - x**2 / (2 * v)


@right("bound_on_paper")
def as_on_the_sheet(x, sigma, mu, s):
    bound = (
        -0.5 * torch.log(2 * torch.pi * sigma**2)
        - ((x - mu) ** 2 + s**2) / (2 * sigma**2)
        - 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))
    )
    return bound, *summit_of(x, sigma)


@right("bound_on_paper")
def in_plain_floats(x, sigma, mu, s):
    x, sigma, mu, s = float(x), float(sigma), float(mu), float(s)
    first = -math.log(sigma) - math.log(2 * math.pi) / 2 - (x * x - 2 * x * mu + mu * mu + s * s) / sigma**2 / 2
    second = (1 + 2 * math.log(s) - mu * mu - s * s) / 2
    var = 1 / (1 + 1 / sigma**2)
    top = -(x**2 / (1 + sigma**2) + math.log(2 * math.pi * (1 + sigma**2))) / 2
    return [torch.tensor(first + second), var * x / sigma**2, math.sqrt(var), top]


@right("bound_on_paper")
def evidence_minus_kl(x, sigma, mu, s):
    """The other way to the same number: log p(x) minus the divergence from the posterior."""
    best_mu, best_s = x / (1 + sigma**2), sigma / (1 + sigma**2).sqrt()
    evidence = Normal(0.0, (1 + sigma**2).sqrt()).log_prob(x)
    return evidence - kl_divergence(Normal(mu, s), Normal(best_mu, best_s)), best_mu, best_s, evidence


@wrong("bound_on_paper", "spread-missing")
def error_at_the_mean(x, sigma, mu, s):
    bound = Normal(mu, sigma).log_prob(x) - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    return bound, *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-sign")
def kl_added(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon + 0.5 * (mu**2 + s**2 - 1) - torch.log(s), *summit_of(x, sigma)


@wrong("bound_on_paper", "half-missing")
def kl_doubled(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - (mu**2 + s**2 - 1 - 2 * torch.log(s)), *summit_of(x, sigma)


@wrong("bound_on_paper", "half-missing")
def exponent_doubled(x, sigma, mu, s):
    recon = -torch.log(sigma) - 0.5 * math.log(2 * math.pi) - ((x - mu) ** 2 + s**2) / sigma**2
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("bound_on_paper", "normaliser-dropped")
def constant_left_out(x, sigma, mu, s):
    bound = -((x - mu).square() + s.square()) / 2 / sigma.square() - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    return bound, *summit_of(x, sigma)


@wrong("bound_on_paper", "sigma-for-variance")
def one_log_s_too_few(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - (mu**2 + s**2 - 1 - math.log(s)) / 2, *summit_of(x, sigma)


@wrong("bound_on_paper", "variance-for-sigma")
def best_variance(x, sigma, mu, s):
    bound = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2) - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    best_mu, _, top = summit_of(x, sigma)
    return bound, best_mu, 1 / (1 + 1 / sigma**2), top


@wrong("bound_on_paper", "log-q-missing")
def mean_of_the_log_joint(x, sigma, mu, s):
    log_lik = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    log_prior = Normal(0.0, 1.0).log_prob(mu) - s**2 / 2
    return log_lik + log_prior, *summit_of(x, sigma)


@wrong("bound_on_paper", "prior-missing")
def likelihood_and_entropy(x, sigma, mu, s):
    log_lik = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return log_lik + Normal(mu, s).entropy(), *summit_of(x, sigma)


@wrong("bound_on_paper", "prior-missing")
def climbs_the_likelihood(x, sigma, mu, s):
    bound = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2) - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    return bound, x, sigma, summit_of(x, sigma)[2]


@wrong("bound_on_paper", "sign-flipped")
def a_loss_on_paper(x, sigma, mu, s):
    loss = kl_divergence(Normal(mu, s), Normal(0.0, 1.0)) + s**2 / (2 * sigma**2) - Normal(mu, sigma).log_prob(x)
    return loss, *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-constant-missing")
def no_minus_one_in_the_kl(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu**2 + s**2 - torch.log(s**2)), *summit_of(x, sigma)


@two("bound_on_paper", "spread-missing", "half-missing")
def hurried(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x)
    return recon - (mu**2 + s**2 - 1 - torch.log(s**2)), *summit_of(x, sigma)


# 4.6 unexplained_weight(w, lam)


@right("unexplained_weight")
def with_relu(w, lam):
    var = 0.5 * w * lam.shape[0]
    return torch.sqrt(var), torch.relu(lam - var)


@right("unexplained_weight")
def through_the_rate(w, lam):
    """1/(2σ²) = 1/(wX)."""
    rate = 1 / (w * lam.numel())
    sigma = (1 / (2 * rate)) ** 0.5
    return sigma, torch.where(lam > sigma**2, lam - sigma**2, torch.zeros_like(lam))


@right("unexplained_weight")
def a_list_of_lengths(w, lam):
    variance = float(w) * len(lam) / 2
    return math.sqrt(variance), torch.tensor([max(value.item() - variance, 0.0) for value in lam])


@wrong("unexplained_weight", "half-missing")
def no_two_in_the_exponent(w, lam):
    variance = w * len(lam)
    return variance.sqrt(), (lam - variance).clamp(min=0)


@wrong("unexplained_weight", "mean-read-as-sum")
def features_forgotten(w, lam):
    return (w / 2) ** 0.5, torch.relu(lam - w / 2)


@wrong("unexplained_weight", "variance-for-sigma")
def variance_returned(w, lam):
    v = w * lam.size(0) / 2
    return v, torch.maximum(lam - v, torch.zeros(()))


@wrong("unexplained_weight", "sigma-for-variance")
def sigma_subtracted(w, lam):
    sigma = torch.sqrt(w * len(lam) / 2)
    return sigma, torch.relu(lam - sigma)


@wrong("unexplained_weight", "weight-upside-down")
def weight_on_the_reconstruction(w, lam):
    precision = 2 * w / len(lam)
    return precision**-0.5, torch.relu(lam - 1 / precision)


@wrong("unexplained_weight", "mean-divided-twice")
def divided_by_the_features(w, lam):
    variance = w / 2 / len(lam)
    return torch.sqrt(variance), torch.relu(lam - variance)


@wrong("unexplained_weight", "negative-length")
def below_zero(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), lam - variance


@wrong("unexplained_weight", "noise-as-signal")
def all_or_nothing(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), torch.tensor([v if v > variance else 0.0 for v in lam.tolist()])


@wrong("unexplained_weight", "length-not-squared")
def lengths_themselves(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), torch.relu(lam - variance) ** 0.5


@two("unexplained_weight", "half-missing", "mean-read-as-sum")
def weight_is_the_variance(w, lam):
    return w.sqrt(), (lam - w).clamp(min=0)


@two("unexplained_weight", "variance-for-sigma", "negative-length")
def variance_and_below_zero(w, lam):
    variance = len(lam) * w / 2
    return variance, torch.stack([value - variance for value in lam])


# 4.7 free_bits(reconstruction, kl, lam)


@right("free_bits")
def with_maximum(reconstruction, kl, lam):
    return reconstruction.mean() - torch.maximum(kl.mean(0), torch.tensor(lam)).sum()


@right("free_bits")
def with_relu_and_lambda_back(reconstruction, kl, lam):
    kl = kl.mean(dim=0)
    return torch.mean(reconstruction) - (torch.relu(kl - lam) + lam).sum()


@right("free_bits")
def latent_by_latent(reconstruction, kl, lam):
    B, Z = kl.shape
    objective = reconstruction.sum() / B
    for i in range(Z):
        kl_i = kl[:, i].sum() / B
        objective = objective - (kl_i if kl_i > lam else lam)
    return objective


@wrong("free_bits", "free-bits-per-datum")
def clamped_first(reconstruction, kl, lam):
    return (reconstruction - torch.clamp(kl, min=lam).sum(1)).mean()


@wrong("free_bits", "free-bits-pooled")
def total_against_lambda(reconstruction, kl, lam):
    total = kl.sum(1).mean()
    return reconstruction.mean() - torch.max(total, torch.tensor(lam))


@wrong("free_bits", "free-bits-pooled")
def total_against_all_lambdas(reconstruction, kl, lam):
    total = kl.sum(-1).mean()
    return reconstruction.mean() - torch.clamp(total, min=lam * kl.shape[1])


@wrong("free_bits", "min-for-max")
def with_minimum(reconstruction, kl, lam):
    return reconstruction.mean() - torch.minimum(kl.mean(0), torch.tensor(lam)).sum()


@wrong("free_bits", "surrogate-returned")
def the_excess_only(reconstruction, kl, lam):
    excess = torch.nn.functional.relu(kl.mean(0) - lam)
    return reconstruction.mean() - excess.sum()


@wrong("free_bits", "kl-sign")
def price_added(reconstruction, kl, lam):
    objective = reconstruction.mean()
    for k in kl.mean(0):
        objective = objective + k.clamp(min=lam)
    return objective


@wrong("free_bits", "mean-over-latents")
def mean_price(reconstruction, kl, lam):
    return reconstruction.mean() - torch.where(kl.mean(0) > lam, kl.mean(0), lam).mean()


@wrong("free_bits", "data-not-averaged")
def batch_added_up(reconstruction, kl, lam):
    return reconstruction.sum() - kl.sum(0).clamp(min=lam).sum()


@wrong("free_bits", "data-not-averaged")
def reconstruction_added_up(reconstruction, kl, lam):
    return reconstruction.sum() - sum(k.mean().clamp(min=lam) for k in kl.T)


@wrong("free_bits", "base-2")
def lambda_in_bits(reconstruction, kl, lam):
    nats = lam * math.log(2)
    return reconstruction.mean() - kl.mean(0).clamp(min=nats).sum()


@wrong("free_bits", "wrongly-detached")
def price_from_numbers(reconstruction, kl, lam):
    price = sum(max(lam, value) for value in kl.mean(0).tolist())
    return reconstruction.mean() - price


@wrong("free_bits", "sign-flipped")
def to_be_minimised(reconstruction, kl, lam):
    return kl.mean(0).clamp(min=lam).sum() - reconstruction.mean()


@wrong("free_bits", "nothing-free")
def nothing_free(reconstruction, kl, lam):
    return (reconstruction - kl.sum(1)).mean()


@two("free_bits", "free-bits-per-datum", "mean-over-latents")
def clamped_first_and_averaged(reconstruction, kl, lam):
    return reconstruction.mean() - kl.clamp(min=lam).mean()


@two("free_bits", "min-for-max", "sign-flipped")
def a_loss_with_max_argument(reconstruction, kl, lam):
    return torch.clamp(kl.mean(0), max=lam).sum() - reconstruction.mean()
