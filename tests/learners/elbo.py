"""Answers to the exercises of chapter 4: log-weights, the bound, two estimators of its gradient."""

from __future__ import annotations

import math

import torch
from torch import distributions as D
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from learners import right, two, wrong

LOG_2PI = math.log(2 * math.pi)

# 4.1 log_weights(x, z, x_hat, sigma_dec, mean, std)


@right("log_weights")
def three_normals(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1)
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_lik + log_prior - Normal(mean, std).log_prob(z).sum(-1)


@right("log_weights")
def independent_events(x, z, x_hat, sigma_dec, mean, std):
    p_x = Independent(Normal(x_hat, sigma_dec.expand_as(x_hat)), 1)
    p_z = Independent(Normal(torch.zeros_like(mean), torch.ones_like(std)), 1)
    q_z = Independent(Normal(mean, std), 1)
    return p_x.log_prob(x) + p_z.log_prob(z) - q_z.log_prob(z)


@right("log_weights")
def constants_cancelled(x, z, x_hat, sigma_dec, mean, std):
    """The latents' 2π cancel between p and q."""
    X = x.shape[-1]
    eps = (z - mean) / std
    latents = 0.5 * (eps.square() - z.square()).sum(-1) + std.log().sum(-1)
    pixels = -0.5 * torch.einsum("kbi,kbi->kb", x - x_hat, x - x_hat) / sigma_dec**2
    return pixels - X / 2 * (LOG_2PI + 2 * math.log(sigma_dec)) + latents


@right("log_weights")
def sample_by_sample(x, z, x_hat, sigma_dec, mean, std):
    rows = []
    for zk, fk in zip(z, x_hat, strict=True):
        row = []
        for b in range(len(x)):
            q_b = MultivariateNormal(mean[b], torch.diag(std[b] ** 2))
            prior = MultivariateNormal(torch.zeros_like(mean[b]), torch.eye(len(mean[b])))
            lik = Normal(fk[b], sigma_dec).log_prob(x[b]).sum()
            row.append(lik + prior.log_prob(zk[b]) - q_b.log_prob(zk[b]))
        rows.append(torch.stack(row))
    return torch.stack(rows)


@wrong("log_weights", "log-q-missing")
def only_the_joint(x, z, x_hat, sigma_dec, mean, std):
    return Normal(x_hat, sigma_dec).log_prob(x).sum(2) + Normal(0, 1).log_prob(z).sum(2)


@wrong("log_weights", "log-q-sign")
def all_three_added(x, z, x_hat, sigma_dec, mean, std):
    parts = [(x_hat, sigma_dec, x), (torch.tensor(0.0), torch.tensor(1.0), z), (mean, std, z)]
    return sum(Normal(m, s).log_prob(v).sum(-1) for m, s, v in parts)


@wrong("log_weights", "prior-missing")
def likelihood_over_q(x, z, x_hat, sigma_dec, mean, std):
    return (Normal(x_hat, sigma_dec).log_prob(x)).sum(-1) - (Normal(mean, std).log_prob(z)).sum(-1)


@wrong("log_weights", "mean-over-features")
def mean_of_pixels(x, z, x_hat, sigma_dec, mean, std):
    mse = ((x - x_hat) ** 2).mean(-1)
    recon = -mse / (2 * sigma_dec**2) - torch.log(sigma_dec * math.sqrt(2 * math.pi))
    return recon + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "mean-over-latents")
def mean_of_latents(x, z, x_hat, sigma_dec, mean, std):
    latent = (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).mean(dim=-1)
    return Normal(x_hat, sigma_dec).log_prob(x).sum(dim=-1) + latent


@wrong("log_weights", "variance-for-sigma")
def normal_of_a_variance(x, z, x_hat, sigma_dec, mean, std):
    p_x = Normal(x_hat, sigma_dec.square())
    return p_x.log_prob(x).sum(-1) + (
        Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)
    ).sum(-1)


@wrong("log_weights", "variance-for-sigma")
def q_of_a_variance(x, z, x_hat, sigma_dec, mean, std):
    q = Independent(Normal(mean, std * std), 1)
    joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return joint - q.log_prob(z)


@wrong("log_weights", "sigma-for-variance")
def divided_by_sigma(x, z, x_hat, sigma_dec, mean, std):
    squared = torch.sum((x - x_hat) ** 2, dim=-1)
    X = x.size(-1)
    log_lik = -squared / (2 * sigma_dec) - X * torch.log(sigma_dec) - X / 2 * LOG_2PI
    return log_lik + (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).sum(-1)


@wrong("log_weights", "sigma-ignored")
def unit_noise(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, 1.0).log_prob(x).sum(-1)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "normaliser-dropped")
def squared_error_over_sigma(x, z, x_hat, sigma_dec, mean, std):
    log_lik = -((x - x_hat) ** 2).sum(-1) / (2 * sigma_dec**2)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "normaliser-dropped")
def no_two_pi_anywhere(x, z, x_hat, sigma_dec, mean, std):
    def log_density(value, m, s):
        return (-((value - m) ** 2) / (2 * s**2) - torch.log(s)).sum(-1)

    one = torch.ones(z.shape[-1])
    return (
        log_density(x, x_hat, sigma_dec) + log_density(z, 0 * one, one) - log_density(z, mean, std)
    )


@wrong("log_weights", "determinant-missing")
def density_of_the_noise(x, z, x_hat, sigma_dec, mean, std):
    eps = (z - mean) / std
    standard = Normal(0.0, 1.0)
    log_q = standard.log_prob(eps).sum(-1)
    return Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + standard.log_prob(z).sum(-1) - log_q


@wrong("log_weights", "sum-over-data")
def all_in_one_number(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum()
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum() - Normal(mean, std).log_prob(z).sum()


@wrong("log_weights", "half-missing")
def squared_error_without_half(x, z, x_hat, sigma_dec, mean, std):
    error = (((x - x_hat) / sigma_dec) ** 2).sum(-1)
    norm = x.shape[-1] * (torch.log(sigma_dec) + 0.5 * LOG_2PI)
    return -error - norm + (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).sum(-1)


@two("log_weights", "log-q-missing", "mean-over-features")
def mse_and_prior(x, z, x_hat, sigma_dec, mean, std):
    return Normal(x_hat, sigma_dec).log_prob(x).mean(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)


@two("log_weights", "sigma-ignored", "log-q-sign")
def unit_noise_and_all_added(x, z, x_hat, sigma_dec, mean, std):
    total = -0.5 * (x - x_hat).square().sum(-1) - x.shape[-1] * 0.5 * LOG_2PI
    total = total + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return total + Normal(mean, std).log_prob(z).sum(-1)


# 4.2 elbo(model, q, x, K)


@right("elbo")
def in_one_line(model, q, x, K):
    return (model.log_joint(x, z := q(x).rsample((K,))) - q(x).log_prob(z)).mean(dim=0)


@right("elbo")
def a_loop_over_samples(model, q, x, K):
    total = torch.zeros(len(x))
    for _ in range(K):
        q_z = q(x)
        z = q_z.rsample()
        total = total + model.log_joint(x, z) - q_z.log_prob(z)
    return total / K


@right("elbo")
def noise_of_my_own(model, q, x, K):
    mu, std = q(x).mean, q(x).stddev
    eps = torch.randn(K, *mu.shape)
    z = mu + std * eps
    log_q = (-0.5 * eps**2 - std.log() - 0.5 * LOG_2PI).sum(-1)
    log_prior = (-0.5 * z**2 - 0.5 * LOG_2PI).sum(-1)
    return (model.decoder(z).log_prob(x) + log_prior - log_q).sum(0) / K


@right("elbo")
def einsum_over_samples(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.rsample() for _ in range(K)])
    log_w = model.decoder(z).log_prob(x) + model.prior().log_prob(z) - q_z.log_prob(z)
    return torch.einsum("kb,k->b", log_w, torch.full((K,), 1 / K, dtype=log_w.dtype))


@wrong("elbo", "seed-inside")
def the_same_noise_each_time(model, q, x, K):
    torch.manual_seed(0)
    q_z = q(x)
    z = q_z.rsample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo", "averaged-first")
def importance_weighted(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    w = torch.exp(model.log_joint(x, z) - q_z.log_prob(z))
    return torch.log(w.mean(0))


@wrong("elbo", "sum-over-samples")
def added_up_in_a_loop(model, q, x, K):
    q_z, bound = q(x), 0
    for z in q_z.rsample((K,)):
        bound = bound + model.log_joint(x, z) - q_z.log_prob(z)
    return bound


@wrong("elbo", "sum-over-data")
def a_loss_for_the_batch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return torch.mean(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("elbo", "sum-over-data")
def a_sum_over_the_batch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return torch.sum(model.log_joint(x, z) - q_z.log_prob(z)) / K


@wrong("elbo", "sample-for-rsample")
def under_no_grad(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.mean + q_z.stddev * torch.randn(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo", "sample-for-rsample")
def drawn_and_stacked(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.sample() for _ in range(K)])
    return torch.mean(model.log_joint(x, z) - q_z.log_prob(z), 0)


@wrong("elbo", "log-q-missing")
def mean_log_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return (model.prior().log_prob(z) + model.decoder(z).log_prob(x)).mean(0)


@wrong("elbo", "log-q-sign")
def entropy_subtracted(model, q, x, K):
    q_z = q(x)
    values = []
    for _ in range(K):
        z = q_z.rsample()
        values.append(model.log_joint(x, z) + q_z.log_prob(z))
    return torch.stack(values).mean(0)


@wrong("elbo", "prior-missing")
def decoder_minus_log_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_lik = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x).sum(-1)
    return (log_lik - q_z.log_prob(z)).mean(0)


@wrong("elbo", "sign-flipped")
def the_usual_loss(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return (q_z.log_prob(z) - model.log_joint(x, z)).mean(0)


@wrong("elbo", "fewer-samples")
def k_is_not_used(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample()
    return model.log_joint(x, z) - q_z.log_prob(z)


@wrong("elbo", "one-noise-for-all")
def noise_broadcast_over_the_batch(model, q, x, K):
    q_z = q(x)
    eps = torch.randn((K, q_z.event_shape[0])).unsqueeze(1)
    z = q_z.mean + q_z.stddev * eps
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo", "one-noise-for-all")
def one_noise_vector(model, q, x, K):
    mu, sigma = q(x).mean, q(x).stddev
    eps = torch.randn_like(mu[0])
    z = (mu + sigma * eps).repeat(K, 1, 1)
    return (model.log_joint(x, z) - Independent(Normal(mu, sigma), 1).log_prob(z)).mean(0)


@wrong("elbo", "mean-for-draw")
def at_the_mean(model, q, x, K):
    q_z = q(x)
    z = q_z.mean
    return model.log_joint(x, z) - q_z.log_prob(z)


@wrong("elbo", "wrongly-detached")
def q_held_constant_in_log_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    with torch.no_grad():
        log_q = q_z.log_prob(z)
    return (model.log_joint(x, z) - log_q).mean(0)


@wrong("elbo", "kl-twice")
def weights_minus_kl(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    m, v = q_z.mean, q_z.variance
    return log_w.mean(0) - 0.5 * (m**2 + v - 1 - v.log()).sum(-1)


@wrong("elbo", "wrong-axis")
def averaged_over_the_data(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(-1)


@two("elbo", "log-q-missing", "sign-flipped")
def negative_log_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return -model.log_joint(x, z).mean(0)


@two("elbo", "sample-for-rsample", "sum-over-data")
def detached_and_averaged(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,)).detach()
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean()


# 4.3 elbo_kl(model, q, x, K)


@right("elbo_kl")
def kl_from_torch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return model.decoder(z).log_prob(x).mean(0) - kl_divergence(q_z, model.prior())


@right("elbo_kl")
def kl_by_variances(model, q, x, K):
    q_z = q(x)
    mu, log_var = q_z.mean, q_z.variance.log()
    z = mu + torch.exp(0.5 * log_var) * torch.randn(K, *mu.shape)
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=1)
    recon = Normal(model.decoder(z).mean, model.sigma).log_prob(x).sum(-1)
    return recon.mean(0) - kl


@right("elbo_kl")
def one_sample_at_a_time(model, q, x, K):
    q_z = q(x)
    recon = sum(model.decoder(q_z.rsample()).log_prob(x) for _ in range(K)) / K
    base = D.Normal(torch.zeros_like(q_z.mean), torch.ones_like(q_z.mean))
    return recon - D.kl_divergence(D.Normal(q_z.mean, q_z.stddev), base).sum(-1)


@wrong("elbo_kl", "kl-sign")
def plus_torch_kl(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) + kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "kl-sign")
def famous_formula_without_its_minus(model, q, x, K):
    """The widely printed form is of minus the KL."""
    q_z = q(x)
    mu, log_var = q_z.mean, 2 * q_z.stddev.log()
    kl = 0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "mean-over-latents")
def k_dot_mean(model, q, x, K):
    q_z = q(x)
    kl = kl_divergence(Normal(q_z.mean, q_z.stddev), Normal(0.0, 1.0)).mean(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "mean-over-features")
def mean_log_likelihood_of_a_pixel(model, q, x, K):
    q_z = q(x)
    p_x = model.decoder(q_z.rsample((K,)))
    recon = Normal(p_x.mean, p_x.stddev).log_prob(x).mean(dim=(0, 2))
    return recon - kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "joint-for-likelihood")
def joint_minus_kl(model, q, x, K):
    q_z = q(x)
    recon = torch.stack([model.log_joint(x, q_z.rsample()) for _ in range(K)]).mean(0)
    return recon - kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "kl-twice")
def bound_minus_kl(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    elbo = (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)
    return elbo - kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "half-missing")
def no_half_in_the_kl(model, q, x, K):
    q_z = q(x)
    kl = (q_z.mean**2 + q_z.variance - q_z.variance.log() - 1).sum(1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "sigma-for-variance")
def log_sigma_for_log_variance(model, q, x, K):
    q_z = q(x)
    m, s = q_z.mean, q_z.stddev
    kl = -0.5 * (1 + torch.log(s) - m * m - s * s).sum(-1)
    return model.decoder(m + s * torch.randn(K, *m.shape)).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "kl-constant-missing")
def constant_thought_irrelevant(model, q, x, K):
    q_z = q(x)
    kl = 0.5 * (q_z.mean**2 + q_z.variance - torch.log(q_z.variance)).sum(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "kl-reversed")
def kl_arguments_swapped(model, q, x, K):
    q_z = q(x)
    kl = kl_divergence(Normal(0.0, 1.0), Normal(q_z.mean, q_z.stddev)).sum(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "sample-for-rsample")
def sample_and_exact_kl(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.sample((K,))).log_prob(x).mean(0) - kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "wrongly-detached")
def kl_under_no_grad(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        kl = kl_divergence(q_z, model.prior())
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("elbo_kl", "sum-over-data")
def kl_of_the_whole_batch(model, q, x, K):
    """Lines of a well-known example, whose loss is one number for the batch."""
    q_z = q(x)
    mu, logvar = q_z.mean, q_z.variance.log()
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kld


@wrong("elbo_kl", "squared-error")
def minus_squared_error(model, q, x, K):
    q_z = q(x)
    x_hat = model.decoder(q_z.rsample((K,))).mean
    recon = -torch.nn.functional.mse_loss(x_hat, x.expand_as(x_hat), reduction="none").sum(-1)
    return recon.mean(0) - kl_divergence(q_z, model.prior())


@wrong("elbo_kl", "sum-over-samples")
def reconstruction_added_up(model, q, x, K):
    q_z = q(x)
    recon = 0.0
    for _ in range(K):
        recon += model.decoder(q_z.rsample()).log_prob(x)
    return recon - kl_divergence(q_z, model.prior())


@two("elbo_kl", "kl-sign", "mean-over-latents")
def mean_kl_added(model, q, x, K):
    q_z = q(x)
    kl = 0.5 * torch.mean(q_z.mean**2 + q_z.variance - q_z.variance.log() - 1, dim=-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) + kl


@two("elbo_kl", "squared-error", "sample-for-rsample")
def mse_of_a_sample(model, q, x, K):
    q_z = q(x)
    x_hat = model.decoder(q_z.sample((K,))).mean
    return -((x_hat - x) ** 2).sum(-1).mean(0) - kl_divergence(q_z, model.prior())


# 4.4 elbo_score(model, q, x, K)


@right("elbo_score")
def value_plus_nothing(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    log_w = (log_p - log_q).detach()
    surrogate = log_p + log_w * log_q
    return (log_p - log_q).detach().mean(0) + (surrogate - surrogate.detach()).mean(0)


@right("elbo_score")
def with_a_factor_of_one(model, q, x, K):
    """exp(log q − log q) is one, and its derivative is the score."""
    q_z, bound = q(x), 0
    for _ in range(K):
        z = q_z.sample()
        log_q = q_z.log_prob(z)
        one = torch.exp(log_q - log_q.detach())
        log_p = model.log_joint(x, z)
        bound = bound + (log_p - log_q).detach() * one + log_p - log_p.detach()
    return bound / K


@right("elbo_score")
def path_cut_by_hand(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,)).detach()
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    # log_w.grad in phi is minus the score, so one score more makes up for it
    weight = log_w.detach() + 1
    log_q = q_z.log_prob(z)
    return torch.mean(log_w + weight * (log_q - log_q.detach()), dim=0)


@wrong("elbo_score", "surrogate-returned")
def reinforce_loss(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    reward = (model.log_joint(x, z) - log_q).detach()
    return (reward * log_q).mean(0)


@wrong("elbo_score", "surrogate-returned")
def bound_plus_surrogate(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    return (log_p - log_q.detach() + (log_p - log_q).detach() * log_q).mean(0)


@wrong("elbo_score", "path-and-score")
def forgot_to_stop_at_z(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q
    return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


@wrong("elbo_score", "score-twice")
def score_within_the_weight(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q
    return torch.stack(
        [w + w.detach() * (lq - lq.detach()) for w, lq in zip(log_w, log_q, strict=True)]
    ).mean(0)


@wrong("elbo_score", "pathwise-for-score")
def the_elbo_again(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.rsample() for _ in range(K)])
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo_score", "score-missing")
def sample_only(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo_score", "score-sign")
def a_loss_in_a_bound(model, q, x, K):
    """Half of it is written as a loss to be minimised."""
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    log_w = (log_p - log_q).detach()
    reinforce = -(log_w * log_q)
    return (log_w + log_p - log_p.detach() + reinforce - reinforce.detach()).mean(0)


@wrong("elbo_score", "means-multiplied")
def mean_reward_times_mean_score(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z).mean(0), q_z.log_prob(z).mean(0)
    log_w = (log_p - log_q).detach()
    return log_p - log_q.detach() + log_w * (log_q - log_q.detach())


@wrong("elbo_score", "wrongly-detached")
def everything_in_the_value_detached(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.sample((K,))
        log_w = model.log_joint(x, z) - q_z.log_prob(z)
    log_q = q_z.log_prob(z)
    return (log_w + log_w * (log_q - log_q.detach())).mean(0)


@wrong("elbo_score", "log-q-missing")
def reward_is_the_joint(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    return (log_p - log_q.detach() + log_p.detach() * (log_q - log_q.detach())).mean(0)


@wrong("elbo_score", "sum-over-samples")
def one_after_the_other_added(model, q, x, K):
    q_z = q(x)
    out = torch.zeros(x.shape[0])
    for _ in range(K):
        z = q_z.sample()
        lq = q_z.log_prob(z)
        lw = model.log_joint(x, z) - lq.detach()
        out = out + lw + lw.detach() * (lq - lq.detach())
    return out


@wrong("elbo_score", "prior-missing")
def likelihood_as_reward(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.decoder(z).log_prob(x) - log_q.detach()
    return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


@two("elbo_score", "surrogate-returned", "sum-over-samples")
def reinforce_sum(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    return ((model.log_joint(x, z) - log_q).detach() * log_q).sum(0)


# Natural mistakes that no check had thought of before somebody made them.


@wrong("log_weights", "variance-for-sigma")
def variance_in_both(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std**2).log_prob(z).sum(-1)
    return (
        Normal(x_hat, sigma_dec**2).log_prob(x).sum(-1)
        + Normal(0.0, 1.0).log_prob(z).sum(-1)
        - log_q
    )


@wrong("log_weights", "exponential-of-sigma")
def deviation_exponentiated(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std.exp()).log_prob(z).sum(-1)
    return (
        Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q
    )


@wrong("log_weights", "sigma-for-variance")
def root_of_the_deviation(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std.sqrt()).log_prob(z).sum(-1)
    return (
        Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q
    )


@wrong("log_weights", "prior-sign")
def prior_subtracted(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std).log_prob(z).sum(-1)
    return (
        Normal(x_hat, sigma_dec).log_prob(x).sum(-1) - Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q
    )


@wrong("log_weights", "weights-for-logs")
def the_weights_themselves(x, z, x_hat, sigma_dec, mean, std):
    return three_normals(x, z, x_hat, sigma_dec, mean, std).exp()


@wrong("log_weights", "logs-divided")
def fraction_of_logarithms(x, z, x_hat, sigma_dec, mean, std):
    log_joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_joint / Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "analytic-kl-in-weights")
def divergence_in_closed_form(x, z, x_hat, sigma_dec, mean, std):
    prior = Normal(torch.zeros_like(mean), torch.ones_like(std))
    return Normal(x_hat, sigma_dec).log_prob(x).sum(-1) - kl_divergence(
        Normal(mean, std), prior
    ).sum(-1)


@wrong("log_weights", "squared-error")
def squared_error(x, z, x_hat, sigma_dec, mean, std):
    latents = Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)
    return latents - ((x - x_hat) ** 2).sum(-1)


@wrong("log_weights", "normaliser-once")
def one_log_sigma(x, z, x_hat, sigma_dec, mean, std):
    X = x.shape[-1]
    log_p_x = -((x - x_hat) ** 2).sum(-1) / (2 * sigma_dec**2) - sigma_dec.log() - X / 2 * LOG_2PI
    return log_p_x + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "axis-kept")
def axes_kept(x, z, x_hat, sigma_dec, mean, std):
    log_p = Normal(x_hat, sigma_dec).log_prob(x).sum(-1, True) + Normal(0.0, 1.0).log_prob(z).sum(
        -1, True
    )
    return log_p - Normal(mean, std).log_prob(z).sum(-1, True)


def drawn(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return q_z, z, model.log_joint(x, z), q_z.log_prob(z)


@right("elbo")
def data_repeated_as_a_block(model, q, x, K):
    rows = x.repeat(K, 1)
    q_z = q(rows)
    z = q_z.rsample()
    return (model.log_joint(rows, z) - q_z.log_prob(z)).view(K, -1).mean(0)


@right("elbo")
def data_repeated_one_by_one(model, q, x, K):
    rows = x.repeat_interleave(K, dim=0)
    q_z = q(rows)
    z = q_z.rsample()
    return (model.log_joint(rows, z) - q_z.log_prob(z)).view(-1, K).mean(1)


@wrong("elbo", "log-k-missing")
def log_of_a_sum(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).logsumexp(0)


@wrong("elbo", "weights-for-logs")
def mean_of_the_weights(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).exp().mean(0)


@wrong("elbo", "logs-divided")
def ratio_of_logarithms(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p / log_q).mean(0)


@wrong("elbo", "two-draws")
def drawn_twice(model, q, x, K):
    log_p = model.log_joint(x, q(x).rsample((K,)))
    return (log_p - q(x).log_prob(q(x).rsample((K,)))).mean(0)


@wrong("elbo", "not-averaged")
def every_sample(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return log_p - log_q


@wrong("elbo", "axis-kept")
def mean_in_a_row(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).mean(0, keepdim=True)


@wrong("elbo", "another-estimate")
def entropy_in_closed_form(model, q, x, K):
    q_z, _, log_p, _ = drawn(model, q, x, K)
    return log_p.mean(0) + q_z.entropy()


@wrong("elbo", "fewer-samples")
def overwritten_in_the_loop(model, q, x, K):
    for _ in range(K):
        _, _, log_p, log_q = drawn(model, q, x, 1)
        bound = log_p - log_q
    return bound[0]


@wrong("elbo", "uniform-noise")
def rand_for_randn(model, q, x, K):
    q_z = q(x)
    z = q_z.mean + q_z.stddev * torch.rand(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo", "variance-for-sigma")
def noise_times_the_variance(model, q, x, K):
    q_z = q(x)
    z = q_z.mean + q_z.variance * torch.randn(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("elbo", "determinant-missing")
def noise_in_place_of_z(model, q, x, K):
    q_z = q(x)
    epsilon = torch.randn(K, *q_z.mean.shape)
    log_p = model.log_joint(x, q_z.mean + q_z.stddev * epsilon)
    return (log_p - Normal(0.0, 1.0).log_prob(epsilon).sum(-1)).mean(0)


@wrong("elbo", "wrongly-detached")
def without_a_graph(model, q, x, K):
    with torch.no_grad():
        _, _, log_p, log_q = drawn(model, q, x, K)
        return (log_p - log_q).mean(0)


@wrong("elbo", "wrongly-detached")
def landing_stuck(model, q, x, K):
    q_z, z, log_p, _ = drawn(model, q, x, K)
    return (
        log_p - Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1).log_prob(z)
    ).mean(0)


@wrong("elbo", "")
def one_datum_after_the_other(model, q, x, K):
    """Nothing is wrong with it; but the draws are written down for all data at once, which it is told."""
    bounds = []
    for datum in x.split(1):
        z = q(datum).rsample((K,))
        bounds.append((model.log_joint(datum, z) - q(datum).log_prob(z)).mean())
    return torch.stack(bounds)


def pieces(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.rsample((K,))).log_prob(x), q_z.mean, q_z.stddev


@wrong("elbo_kl", "sign-flipped")
def a_loss(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1) - log_p.mean(0)


@wrong("elbo_kl", "logarithm-sign")
def log_added(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 - torch.log(s**2) - m**2 - s**2, dim=1)


@wrong("elbo_kl", "exponential-of-sigma")
def formula_for_log_variances(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=-1)


@wrong("elbo_kl", "sigma-for-variance")
def formula_for_variances(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 + s.log() - m.pow(2) - s, dim=-1)


@wrong("elbo_kl", "kl-constant-missing")
def one_outside_the_sum(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * ((m**2 + s**2 - 2 * s.log()).sum(-1) - 1)


@wrong("elbo_kl", "square-missing")
def mean_not_squared(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "log-squared")
def logarithm_squared(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - s.log() ** 2).sum(-1)


@wrong("elbo_kl", "sum-over-data")
def mean_divergence(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1).mean()


@wrong("elbo_kl", "averaged-first")
def log_of_the_mean_likelihood(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return torch.logsumexp(log_p, 0) - math.log(K) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "not-averaged")
def each_reconstruction(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "fewer-samples")
def one_reconstruction(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p[0] - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "mean-for-draw")
def decoded_mean(model, q, x, K):
    m, s = q(x).mean, q(x).stddev
    return model.decoder(m).log_prob(x) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "another-estimate")
def divergence_from_the_draws(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).mean(0)


def scored(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    return model.log_joint(x, z) - log_q.detach(), log_q, log_q - log_q.detach()


@right("elbo_score")
def a_box_of_value_one(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w * nothing.exp()).mean(0)


@wrong("elbo_score", "surrogate-returned")
def joint_and_surrogate(model, q, x, K):
    log_w, log_q, _ = scored(model, q, x, K)
    return (log_w + log_q.detach() + log_w.detach() * log_q).mean(0)


@wrong("elbo_score", "surrogate-returned")
def product_of_logarithms(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return ((model.log_joint(x, z) - q_z.log_prob(z)) * q_z.log_prob(z)).mean(0)


@wrong("elbo_score", "weights-for-logs")
def weights_times_score(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach().exp() * nothing).mean(0)


@wrong("elbo_score", "own-draw-in-baseline")
def mean_as_a_baseline(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + (log_w - log_w.mean(0)).detach() * nothing).mean(0)


@wrong("elbo_score", "log-q-sign")
def log_q_added(model, q, x, K):
    log_w, log_q, nothing = scored(model, q, x, K)
    log_w = log_w + 2 * log_q.detach()
    return (log_w + log_w.detach() * nothing).mean(0)


@wrong("elbo_score", "sum-over-samples")
def scores_added(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return log_w.mean(0) + (log_w.detach() * nothing).sum(0)


@wrong("elbo_score", "averaged-first")
def log_of_the_mean(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return torch.logsumexp(log_w + log_w.detach() * nothing, 0) - math.log(K)


@wrong("elbo_score", "not-averaged")
def not_reduced(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return log_w + log_w.detach() * nothing


@wrong("elbo_score", "fewer-samples")
def one_draw(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, 1)
    return (log_w + log_w.detach() * nothing)[0]


@wrong("elbo_score", "sum-over-data")
def one_number_for_all(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach() * nothing).mean()


# More of them, on a second walk.


@wrong("log_weights", "log-missing")
def density_of_q_subtracted(x, z, x_hat, sigma_dec, mean, std):
    log_joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_joint - Normal(mean, std).log_prob(z).sum(-1).exp()


@wrong("log_weights", "axes-swapped")
def data_before_samples(x, z, x_hat, sigma_dec, mean, std):
    return three_normals(x, z, x_hat, sigma_dec, mean, std).T


@wrong("log_weights", "sign-flipped")
def q_over_p(x, z, x_hat, sigma_dec, mean, std):
    return -three_normals(x, z, x_hat, sigma_dec, mean, std)


@wrong("log_weights", "not-summed")
def three_terms_as_they_come(x, z, x_hat, sigma_dec, mean, std):
    return (
        Normal(x_hat, sigma_dec).log_prob(x)
        + Normal(0.0, 1.0).log_prob(z)
        - Normal(mean, std).log_prob(z)
    )


@wrong("log_weights", "half-missing")
def prior_without_its_half(x, z, x_hat, sigma_dec, mean, std):
    log_p = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + (-(z**2) - 0.5 * LOG_2PI).sum(-1)
    return log_p - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "normaliser-dropped")
def prior_without_its_constant(x, z, x_hat, sigma_dec, mean, std):
    log_p = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) - 0.5 * (z**2).sum(-1)
    return log_p - Normal(mean, std).log_prob(z).sum(-1)


@wrong("log_weights", "sigma-for-variance")
def half_the_log_of_sigma(x, z, x_hat, sigma_dec, mean, std):
    log_p_x = -0.5 * (((x - x_hat) / sigma_dec) ** 2 + torch.log(sigma_dec) + LOG_2PI).sum(-1)
    return log_p_x + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("elbo", "log-missing")
def density_for_its_logarithm(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q.exp()).mean(0)


@wrong("elbo", "wrong-count")
def divided_by_the_batch(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).sum(0) / x.shape[0]


@wrong("elbo", "wrongly-detached")
def z_held_in_log_q(model, q, x, K):
    q_z, z, log_p, _ = drawn(model, q, x, K)
    return (log_p - q_z.log_prob(z.detach())).mean(0)


@wrong("elbo_kl", "kl-missing")
def mean_log_likelihood(model, q, x, K):
    return pieces(model, q, x, K)[0].mean(0)


@wrong("elbo_kl", "determinant-missing")
def no_logarithm(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1).sum(-1)


@wrong("elbo_kl", "half-missing")
def half_of_the_squares_only(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - (0.5 * (m**2 + s**2 - 1) - 2 * s.log()).sum(-1)


@wrong("elbo_kl", "mean-over-latents")
def mean_of_everything(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.mean(1 + 2 * s.log() - m**2 - s**2)


@wrong("elbo_kl", "not-summed")
def divergence_of_each_latent(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log())


@wrong("elbo_kl", "wrong-axis")
def divergence_over_the_data(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(0)


@wrong("elbo_kl", "sum-over-samples")
def k_bounds_added_up(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return (log_p - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)).sum(0)


@right("elbo_score")
def factor_not_detached(model, q, x, K):
    """The factor's own gradient meets a zero, so detaching it is a courtesy."""
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w * nothing).mean(0)


@wrong("elbo_score", "wrongly-detached")
def value_without_a_graph(model, q, x, K):
    log_w, _, _ = scored(model, q, x, K)
    return log_w.detach().mean(0)


@wrong("elbo_score", "sum-over-data")
def all_data_in_one_sum(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach() * nothing).mean(0).sum()
