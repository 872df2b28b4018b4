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
    first = (
        -math.log(sigma)
        - math.log(2 * math.pi) / 2
        - (x * x - 2 * x * mu + mu * mu + s * s) / sigma**2 / 2
    )
    second = (1 + 2 * math.log(s) - mu * mu - s * s) / 2
    var = 1 / (1 + 1 / sigma**2)
    top = -(x**2 / (1 + sigma**2) + math.log(2 * math.pi * (1 + sigma**2))) / 2
    return [torch.tensor(first + second), var * x / sigma**2, math.sqrt(var), top]


@right("bound_on_paper")
def evidence_minus_kl(x, sigma, mu, s):
    """The other way to the same number: log p(x) minus the divergence from the posterior."""
    best_mu, best_s = x / (1 + sigma**2), sigma / (1 + sigma**2).sqrt()
    evidence = Normal(0.0, (1 + sigma**2).sqrt()).log_prob(x)
    return (
        evidence - kl_divergence(Normal(mu, s), Normal(best_mu, best_s)),
        best_mu,
        best_s,
        evidence,
    )


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
    bound = -((x - mu).square() + s.square()) / 2 / sigma.square() - kl_divergence(
        Normal(mu, s), Normal(0.0, 1.0)
    )
    return bound, *summit_of(x, sigma)


@wrong("bound_on_paper", "sigma-for-variance")
def one_log_s_too_few(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - (mu**2 + s**2 - 1 - math.log(s)) / 2, *summit_of(x, sigma)


@wrong("bound_on_paper", "variance-for-sigma")
def best_variance(x, sigma, mu, s):
    bound = (
        Normal(mu, sigma).log_prob(x)
        - s**2 / (2 * sigma**2)
        - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    )
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
    bound = (
        Normal(mu, sigma).log_prob(x)
        - s**2 / (2 * sigma**2)
        - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    )
    return bound, x, sigma, summit_of(x, sigma)[2]


@wrong("bound_on_paper", "sign-flipped")
def a_loss_on_paper(x, sigma, mu, s):
    loss = (
        kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
        + s**2 / (2 * sigma**2)
        - Normal(mu, sigma).log_prob(x)
    )
    return loss, *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-constant-missing")
def no_minus_one_in_the_kl(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu**2 + s**2 - torch.log(s**2)), *summit_of(x, sigma)


@two("bound_on_paper", "spread-missing", "half-missing")
def hurried(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x)
    return recon - (mu**2 + s**2 - 1 - torch.log(s**2)), *summit_of(x, sigma)


def bound_at(x, sigma, mu, s):
    error = (x - mu) ** 2 + s**2
    return (
        -0.5 * torch.log(2 * math.pi * sigma**2)
        - error / (2 * sigma**2)
        - 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))
    )


def without_constant(x, sigma, mu, s):
    return -((x - mu) ** 2 + s**2) / (2 * sigma**2) - 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))


@right("bound_on_paper")
def own_formula_put_in(x, sigma, mu, s):
    best_mu, best_s = x / (1 + sigma**2), (1 / sigma**2 + 1) ** -0.5
    return torch.stack(
        [bound_at(x, sigma, mu, s), best_mu, best_s, bound_at(x, sigma, best_mu, best_s)]
    )


@wrong("bound_on_paper", "normaliser-dropped")
def constant_left_out_of_both(x, sigma, mu, s):
    best_mu, best_s, _ = summit_of(x, sigma)
    return (
        without_constant(x, sigma, mu, s),
        best_mu,
        best_s,
        without_constant(x, sigma, best_mu, best_s),
    )


@wrong("bound_on_paper", "spread-missing")
def s_held_by_the_prior_alone(x, sigma, mu, s):
    def bound(m, s):
        return Normal(m, sigma).log_prob(x) - kl_divergence(Normal(m, s), Normal(0.0, 1.0))

    best_mu, best_s = x / (1 + sigma**2), torch.tensor(1.0)
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("bound_on_paper", "half-missing")
def whole_kl_and_its_maximiser(x, sigma, mu, s):
    def bound(m, s):
        recon = Normal(m, sigma).log_prob(x) - s**2 / (2 * sigma**2)
        return recon - (m**2 + s**2 - 1 - torch.log(s**2))

    best_mu, best_s = x / (1 + 2 * sigma**2), torch.sqrt(2 * sigma**2 / (1 + 2 * sigma**2))
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("bound_on_paper", "half-missing")
def whole_error_and_its_maximiser(x, sigma, mu, s):
    def bound(m, s):
        error = ((x - m) ** 2 + s**2) / sigma**2
        return (
            -0.5 * torch.log(2 * math.pi * sigma**2)
            - error
            - 0.5 * (m**2 + s**2 - 1 - torch.log(s**2))
        )

    best_mu, best_s = x / (1 + sigma**2 / 2), 1 / torch.sqrt(1 + 2 / sigma**2)
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("bound_on_paper", "square-missing")
def mu_not_squared(x, sigma, mu, s):
    """With μ of 0 and 1 only nobody would have seen it."""
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu + s**2 - 1 - torch.log(s**2)), *summit_of(x, sigma)


@wrong("bound_on_paper", "logarithm-sign")
def logarithm_in_the_kl_added(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu**2 + s**2 - 1 + 2 * torch.log(s)), *summit_of(x, sigma)


@wrong("bound_on_paper", "sigma-ignored")
def spread_not_divided(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / 2
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("bound_on_paper", "variance-for-sigma")
def normal_with_a_variance(x, sigma, mu, s):
    recon = Normal(mu, sigma**2).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("bound_on_paper", "log-outside")
def log_of_the_mean_likelihood_on_paper(x, sigma, mu, s):
    recon = Normal(mu, (sigma**2 + s**2).sqrt()).log_prob(x)
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-reversed")
def prior_first(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(0.0, 1.0), Normal(mu, s)), *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-missing")
def reconstruction_only(x, sigma, mu, s):
    return Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2), *summit_of(x, sigma)


@wrong("bound_on_paper", "kl-missing")
def evidence_for_the_bound(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return top, best_mu, best_s, top


@wrong("bound_on_paper", "kl-to-the-other")
def reconstruction_minus_kl_to_the_posterior(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(mu, s), Normal(best_mu, best_s)), best_mu, best_s, top


@wrong("bound_on_paper", "kl-to-the-other")
def evidence_minus_kl_to_the_prior(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return top - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), best_mu, best_s, top


@wrong("bound_on_paper", "prior-missing")
def mu_at_the_datum(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), x, *summit_of(x, sigma)[1:]


@wrong("bound_on_paper", "covariance-for-precision")
def precision_of_sigma_squared(x, sigma, mu, s):
    variance = 1 / (1 + sigma**2)
    return (
        bound_at(x, sigma, mu, s),
        variance * sigma**2 * x,
        torch.sqrt(variance),
        summit_of(x, sigma)[2],
    )


@wrong("bound_on_paper", "upside-down")
def root_of_the_precision(x, sigma, mu, s):
    best_mu, _, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, torch.sqrt(1 + 1 / sigma**2), top


@wrong("bound_on_paper", "order-swapped")
def s_before_mu(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_s, best_mu, top


@wrong("bound_on_paper", "one-latent-for-evidence")
def likelihood_at_zero_as_maximum(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), *summit_of(x, sigma)[:2], Normal(0.0, sigma).log_prob(x)


@wrong("bound_on_paper", "variance-for-sigma")
def evidence_with_a_variance(x, sigma, mu, s):
    return (
        bound_at(x, sigma, mu, s),
        *summit_of(x, sigma)[:2],
        Normal(0.0, 1 + sigma**2).log_prob(x),
    )


@wrong("bound_on_paper", "sigma-for-variance")
def deviations_added_up(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), *summit_of(x, sigma)[:2], Normal(0.0, 1 + sigma).log_prob(x)


@wrong("bound_on_paper", "kl-constant-missing")
def a_half_left_over(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, best_s, top - 0.5


@wrong("bound_on_paper", "log-not-taken")
def evidence_as_maximum(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, best_s, top.exp()


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


@right("unexplained_weight")
def lists_of_numbers(w, lam):
    sigma = math.sqrt(w * len(lam) / 2)
    return [sigma, [max(0.0, float(value) - sigma**2) for value in lam]]


@wrong("unexplained_weight", "numbers-of-the-example")
def pixels_of_the_collection(w, lam):
    variance = w * 3 * 64 * 64 / 2
    return torch.sqrt(variance), torch.relu(lam - variance)


@wrong("unexplained_weight", "numbers-of-the-example")
def weight_and_pixels_of_the_collection(w, lam):
    variance = 0.00025 * 3 * 64 * 64 / 2
    return math.sqrt(variance), torch.relu(lam - variance)


@wrong("unexplained_weight", "numbers-of-the-example")
def columns_for_a_weight_of_one(w, lam):
    return (w * len(lam) / 2) ** 0.5, torch.relu(lam - len(lam) / 2)


@wrong("unexplained_weight", "squared-twice")
def square_of_the_difference(w, lam):
    variance = w * len(lam) / 2
    return variance**0.5, torch.relu(lam - variance) ** 2


@wrong("unexplained_weight", "squared-twice")
def eigenvalues_squared(w, lam):
    variance = w * len(lam) / 2
    return variance**0.5, torch.relu(lam**2 - variance)


@wrong("unexplained_weight", "squared-twice")
def root_forgotten_and_squared(w, lam):
    sigma = w * len(lam) / 2
    return sigma, torch.relu(lam - sigma**2)


@wrong("unexplained_weight", "noise-as-signal")
def eigenvalues_as_they_are(w, lam):
    return (w * len(lam) / 2) ** 0.5, lam


@wrong("unexplained_weight", "order-swapped")
def lengths_first(w, lam):
    variance = w * len(lam) / 2
    return torch.relu(lam - variance), torch.sqrt(variance)


@two("unexplained_weight", "half-missing", "weight-upside-down")
def one_over_w_x(w, lam):
    variance = 1 / (w * len(lam))
    return torch.sqrt(variance), torch.relu(lam - variance)


@two("unexplained_weight", "half-missing", "mean-divided-twice")
def w_over_x(w, lam):
    variance = w / len(lam)
    return torch.sqrt(variance), torch.relu(lam - variance)


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


@right("free_bits")
def own_mean_written_into(reconstruction, kl, lam):
    kl_mean = kl.mean(0)
    kl_mean[kl_mean < lam] = lam
    return reconstruction.mean() - kl_mean.sum()


@wrong("free_bits", "wrongly-detached")
def a_plain_number(reconstruction, kl, lam):
    return (reconstruction.mean() - kl.mean(0).clamp(min=lam).sum()).item()


@wrong("free_bits", "wrongly-detached")
def reconstruction_held(reconstruction, kl, lam):
    return reconstruction.detach().mean() - kl.mean(0).clamp(min=lam).sum()


@wrong("free_bits", "free-bits-pooled")
def total_of_each_datum(reconstruction, kl, lam):
    return (reconstruction - kl.sum(1).clamp(min=lam)).mean()


@wrong("free_bits", "surrogate-returned")
def nothing_below_lambda(reconstruction, kl, lam):
    kl_mean = kl.mean(0)
    return reconstruction.mean() - kl_mean[kl_mean > lam].sum()


@wrong("free_bits", "weight-for-allowance")
def lambda_as_beta(reconstruction, kl, lam):
    return reconstruction.mean() - lam * kl.sum(1).mean()


@wrong("free_bits", "wrong-axis")
def mean_over_the_latents(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(1).clamp(min=lam).sum()


@wrong("free_bits", "not-summed")
def one_price_for_each(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(0).clamp(min=lam)


@wrong("free_bits", "data-kept")
def one_objective_for_each_datum(reconstruction, kl, lam):
    return reconstruction - kl.mean(0).clamp(min=lam).sum()


@wrong("free_bits", "data-not-averaged")
def divergences_added_up(reconstruction, kl, lam):
    return reconstruction.mean() - kl.sum(0).clamp(min=lam).sum()


@wrong("free_bits", "base-2")
def lambda_from_bits(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(0).clamp(min=lam / math.log(2)).sum()


@two("free_bits", "free-bits-per-datum", "data-not-averaged")
def loop_without_division(reconstruction, kl, lam):
    total = 0.0
    for r, row in zip(reconstruction, kl, strict=True):
        total = total + r - row.clamp(min=lam).sum()
    return total
