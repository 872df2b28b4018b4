import math

import torch
from torch.distributions import Normal, kl_divergence

from learners import right, wrong


def summit_of(x, sigma):
    """What most answers get right: the posterior, and the evidence."""
    v = 1 + sigma**2
    return x / v, sigma / torch.sqrt(v), -0.5 * torch.log(2 * math.pi * v) - x**2 / (2 * v)


@right
def as_on_the_sheet(x, sigma, mu, s):
    bound = (
        -0.5 * torch.log(2 * torch.pi * sigma**2)
        - ((x - mu) ** 2 + s**2) / (2 * sigma**2)
        - 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))
    )
    return bound, *summit_of(x, sigma)


@right
def in_plain_floats(x, sigma, mu, s):
    x, sigma, mu, s = float(x), float(sigma), float(mu), float(s)
    error = x * x - 2 * x * mu + mu * mu + s * s
    first = -math.log(sigma) - math.log(2 * math.pi) / 2 - error / sigma**2 / 2
    second = (1 + 2 * math.log(s) - mu * mu - s * s) / 2
    var = 1 / (1 + 1 / sigma**2)
    top = -(x**2 / (1 + sigma**2) + math.log(2 * math.pi * (1 + sigma**2))) / 2
    return [torch.tensor(first + second), var * x / sigma**2, math.sqrt(var), top]


@right
def evidence_minus_kl(x, sigma, mu, s):
    """The other way to the same number: log p(x) minus the divergence from the posterior."""
    best_mu, best_s = x / (1 + sigma**2), sigma / (1 + sigma**2).sqrt()
    evidence = Normal(0.0, (1 + sigma**2).sqrt()).log_prob(x)
    kl = kl_divergence(Normal(mu, s), Normal(best_mu, best_s))
    return evidence - kl, best_mu, best_s, evidence


@wrong("spread-missing")
def error_at_the_mean(x, sigma, mu, s):
    bound = Normal(mu, sigma).log_prob(x) - kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    return bound, *summit_of(x, sigma)


@wrong("kl-sign")
def kl_added(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon + 0.5 * (mu**2 + s**2 - 1) - torch.log(s), *summit_of(x, sigma)


@wrong("half-missing")
def kl_doubled(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - (mu**2 + s**2 - 1 - 2 * torch.log(s)), *summit_of(x, sigma)


@wrong("half-missing")
def exponent_doubled(x, sigma, mu, s):
    recon = -torch.log(sigma) - 0.5 * math.log(2 * math.pi) - ((x - mu) ** 2 + s**2) / sigma**2
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("normaliser-dropped")
def constant_left_out(x, sigma, mu, s):
    kl = kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    bound = -((x - mu).square() + s.square()) / 2 / sigma.square() - kl
    return bound, *summit_of(x, sigma)


@wrong("sigma-for-variance")
def one_log_s_too_few(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - (mu**2 + s**2 - 1 - math.log(s)) / 2, *summit_of(x, sigma)


@wrong("variance-for-sigma")
def best_variance(x, sigma, mu, s):
    kl = kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    bound = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2) - kl
    best_mu, _, top = summit_of(x, sigma)
    return bound, best_mu, 1 / (1 + 1 / sigma**2), top


@wrong("log-q-missing")
def mean_of_the_log_joint(x, sigma, mu, s):
    log_lik = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    log_prior = Normal(0.0, 1.0).log_prob(mu) - s**2 / 2
    return log_lik + log_prior, *summit_of(x, sigma)


@wrong("prior-missing")
def likelihood_and_entropy(x, sigma, mu, s):
    log_lik = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return log_lik + Normal(mu, s).entropy(), *summit_of(x, sigma)


@wrong("prior-missing")
def climbs_the_likelihood(x, sigma, mu, s):
    kl = kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    bound = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2) - kl
    return bound, x, sigma, summit_of(x, sigma)[2]


@wrong("sign-flipped")
def a_loss_on_paper(x, sigma, mu, s):
    kl = kl_divergence(Normal(mu, s), Normal(0.0, 1.0))
    loss = kl + s**2 / (2 * sigma**2) - Normal(mu, sigma).log_prob(x)
    return loss, *summit_of(x, sigma)


@wrong("kl-constant-missing")
def no_minus_one_in_the_kl(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu**2 + s**2 - torch.log(s**2)), *summit_of(x, sigma)


@wrong("spread-missing", "half-missing")
def hurried(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x)
    return recon - (mu**2 + s**2 - 1 - torch.log(s**2)), *summit_of(x, sigma)


def bound_at(x, sigma, mu, s):
    error = (x - mu) ** 2 + s**2
    kl = 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))
    return -0.5 * torch.log(2 * math.pi * sigma**2) - error / (2 * sigma**2) - kl


def without_constant(x, sigma, mu, s):
    return -((x - mu) ** 2 + s**2) / (2 * sigma**2) - 0.5 * (mu**2 + s**2 - 1 - torch.log(s**2))


@right
def own_formula_put_in(x, sigma, mu, s):
    best_mu, best_s = x / (1 + sigma**2), (1 / sigma**2 + 1) ** -0.5
    top = bound_at(x, sigma, best_mu, best_s)
    return torch.stack([bound_at(x, sigma, mu, s), best_mu, best_s, top])


@wrong("normaliser-dropped")
def constant_left_out_of_both(x, sigma, mu, s):
    best_mu, best_s, _ = summit_of(x, sigma)
    top = without_constant(x, sigma, best_mu, best_s)
    return without_constant(x, sigma, mu, s), best_mu, best_s, top


@wrong("spread-missing")
def s_held_by_the_prior_alone(x, sigma, mu, s):
    def bound(m, s):
        return Normal(m, sigma).log_prob(x) - kl_divergence(Normal(m, s), Normal(0.0, 1.0))

    best_mu, best_s = x / (1 + sigma**2), torch.tensor(1.0)
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("half-missing")
def whole_kl_and_its_maximiser(x, sigma, mu, s):
    def bound(m, s):
        recon = Normal(m, sigma).log_prob(x) - s**2 / (2 * sigma**2)
        return recon - (m**2 + s**2 - 1 - torch.log(s**2))

    best_mu, best_s = x / (1 + 2 * sigma**2), torch.sqrt(2 * sigma**2 / (1 + 2 * sigma**2))
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("half-missing")
def whole_error_and_its_maximiser(x, sigma, mu, s):
    def bound(m, s):
        error = ((x - m) ** 2 + s**2) / sigma**2
        kl = 0.5 * (m**2 + s**2 - 1 - torch.log(s**2))
        return -0.5 * torch.log(2 * math.pi * sigma**2) - error - kl

    best_mu, best_s = x / (1 + sigma**2 / 2), 1 / torch.sqrt(1 + 2 / sigma**2)
    return bound(mu, s), best_mu, best_s, bound(best_mu, best_s)


@wrong("square-missing")
def mu_not_squared(x, sigma, mu, s):
    """With μ of 0 and 1 only nobody would have seen it."""
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu + s**2 - 1 - torch.log(s**2)), *summit_of(x, sigma)


@wrong("logarithm-sign")
def logarithm_in_the_kl_added(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - 0.5 * (mu**2 + s**2 - 1 + 2 * torch.log(s)), *summit_of(x, sigma)


@wrong("sigma-ignored")
def spread_not_divided(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / 2
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("variance-for-sigma")
def normal_with_a_variance(x, sigma, mu, s):
    recon = Normal(mu, sigma**2).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("log-outside")
def log_of_the_mean_likelihood_on_paper(x, sigma, mu, s):
    recon = Normal(mu, (sigma**2 + s**2).sqrt()).log_prob(x)
    return recon - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), *summit_of(x, sigma)


@wrong("kl-reversed")
def prior_first(x, sigma, mu, s):
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(0.0, 1.0), Normal(mu, s)), *summit_of(x, sigma)


@wrong("kl-missing")
def reconstruction_only(x, sigma, mu, s):
    return Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2), *summit_of(x, sigma)


@wrong("kl-missing")
def evidence_for_the_bound(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return top, best_mu, best_s, top


@wrong("kl-to-the-other")
def reconstruction_minus_kl_to_the_posterior(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    recon = Normal(mu, sigma).log_prob(x) - s**2 / (2 * sigma**2)
    return recon - kl_divergence(Normal(mu, s), Normal(best_mu, best_s)), best_mu, best_s, top


@wrong("kl-to-the-other")
def evidence_minus_kl_to_the_prior(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return top - kl_divergence(Normal(mu, s), Normal(0.0, 1.0)), best_mu, best_s, top


@wrong("prior-missing")
def mu_at_the_datum(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), x, *summit_of(x, sigma)[1:]


@wrong("covariance-for-precision")
def precision_of_sigma_squared(x, sigma, mu, s):
    variance = 1 / (1 + sigma**2)
    bound, top = bound_at(x, sigma, mu, s), summit_of(x, sigma)[2]
    return bound, variance * sigma**2 * x, torch.sqrt(variance), top


@wrong("upside-down")
def root_of_the_precision(x, sigma, mu, s):
    best_mu, _, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, torch.sqrt(1 + 1 / sigma**2), top


@wrong("order-swapped")
def s_before_mu(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_s, best_mu, top


@wrong("one-latent-for-evidence")
def likelihood_at_zero_as_maximum(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), *summit_of(x, sigma)[:2], Normal(0.0, sigma).log_prob(x)


@wrong("variance-for-sigma")
def evidence_with_a_variance(x, sigma, mu, s):
    top = Normal(0.0, 1 + sigma**2).log_prob(x)
    return bound_at(x, sigma, mu, s), *summit_of(x, sigma)[:2], top


@wrong("sigma-for-variance")
def deviations_added_up(x, sigma, mu, s):
    return bound_at(x, sigma, mu, s), *summit_of(x, sigma)[:2], Normal(0.0, 1 + sigma).log_prob(x)


@wrong("kl-constant-missing")
def a_half_left_over(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, best_s, top - 0.5


@wrong("log-not-taken")
def evidence_as_maximum(x, sigma, mu, s):
    best_mu, best_s, top = summit_of(x, sigma)
    return bound_at(x, sigma, mu, s), best_mu, best_s, top.exp()
