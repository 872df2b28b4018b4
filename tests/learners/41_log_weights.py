import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from learners import right, wrong

LOG_2PI = math.log(2 * math.pi)


@right
def three_normals(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1)
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_lik + log_prior - Normal(mean, std).log_prob(z).sum(-1)


@right
def independent_events(x, z, x_hat, sigma_dec, mean, std):
    p_x = Independent(Normal(x_hat, sigma_dec.expand_as(x_hat)), 1)
    p_z = Independent(Normal(torch.zeros_like(mean), torch.ones_like(std)), 1)
    q_z = Independent(Normal(mean, std), 1)
    return p_x.log_prob(x) + p_z.log_prob(z) - q_z.log_prob(z)


@right
def constants_cancelled(x, z, x_hat, sigma_dec, mean, std):
    """The latents' 2π cancel between p and q."""
    X = x.shape[-1]
    eps = (z - mean) / std
    latents = 0.5 * (eps.square() - z.square()).sum(-1) + std.log().sum(-1)
    pixels = -0.5 * torch.einsum("kbi,kbi->kb", x - x_hat, x - x_hat) / sigma_dec**2
    return pixels - X / 2 * (LOG_2PI + 2 * math.log(sigma_dec)) + latents


@right
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


@wrong("log-q-missing")
def only_the_joint(x, z, x_hat, sigma_dec, mean, std):
    return Normal(x_hat, sigma_dec).log_prob(x).sum(2) + Normal(0, 1).log_prob(z).sum(2)


@wrong("log-q-sign")
def all_three_added(x, z, x_hat, sigma_dec, mean, std):
    parts = [(x_hat, sigma_dec, x), (torch.tensor(0.0), torch.tensor(1.0), z), (mean, std, z)]
    return sum(Normal(m, s).log_prob(v).sum(-1) for m, s, v in parts)


@wrong("prior-missing")
def likelihood_over_q(x, z, x_hat, sigma_dec, mean, std):
    return (Normal(x_hat, sigma_dec).log_prob(x)).sum(-1) - (Normal(mean, std).log_prob(z)).sum(-1)


@wrong("mean-over-features")
def mean_of_pixels(x, z, x_hat, sigma_dec, mean, std):
    mse = ((x - x_hat) ** 2).mean(-1)
    recon = -mse / (2 * sigma_dec**2) - torch.log(sigma_dec * math.sqrt(2 * math.pi))
    return recon + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("mean-over-latents")
def mean_of_latents(x, z, x_hat, sigma_dec, mean, std):
    latent = (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).mean(dim=-1)
    return Normal(x_hat, sigma_dec).log_prob(x).sum(dim=-1) + latent


@wrong("variance-for-sigma")
def normal_of_a_variance(x, z, x_hat, sigma_dec, mean, std):
    p_x = Normal(x_hat, sigma_dec.square())
    latent = Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)
    return p_x.log_prob(x).sum(-1) + latent.sum(-1)


@wrong("variance-for-sigma")
def q_of_a_variance(x, z, x_hat, sigma_dec, mean, std):
    q = Independent(Normal(mean, std * std), 1)
    joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return joint - q.log_prob(z)


@wrong("sigma-for-variance")
def divided_by_sigma(x, z, x_hat, sigma_dec, mean, std):
    squared = torch.sum((x - x_hat) ** 2, dim=-1)
    X = x.size(-1)
    log_lik = -squared / (2 * sigma_dec) - X * torch.log(sigma_dec) - X / 2 * LOG_2PI
    return log_lik + (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).sum(-1)


@wrong("sigma-ignored")
def unit_noise(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, 1.0).log_prob(x).sum(-1)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("normaliser-dropped")
def squared_error_over_sigma(x, z, x_hat, sigma_dec, mean, std):
    log_lik = -((x - x_hat) ** 2).sum(-1) / (2 * sigma_dec**2)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("normaliser-dropped")
def no_two_pi_anywhere(x, z, x_hat, sigma_dec, mean, std):
    def log_density(value, m, s):
        return (-((value - m) ** 2) / (2 * s**2) - torch.log(s)).sum(-1)

    one = torch.ones(z.shape[-1])
    log_joint = log_density(x, x_hat, sigma_dec) + log_density(z, 0 * one, one)
    return log_joint - log_density(z, mean, std)


@wrong("determinant-missing")
def density_of_the_noise(x, z, x_hat, sigma_dec, mean, std):
    eps = (z - mean) / std
    standard = Normal(0.0, 1.0)
    log_q = standard.log_prob(eps).sum(-1)
    return Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + standard.log_prob(z).sum(-1) - log_q


@wrong("sum-over-data")
def all_in_one_number(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum()
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum() - Normal(mean, std).log_prob(z).sum()


@wrong("half-missing")
def squared_error_without_half(x, z, x_hat, sigma_dec, mean, std):
    error = (((x - x_hat) / sigma_dec) ** 2).sum(-1)
    norm = x.shape[-1] * (torch.log(sigma_dec) + 0.5 * LOG_2PI)
    return -error - norm + (Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)).sum(-1)


@wrong("log-q-missing", "mean-over-features")
def mse_and_prior(x, z, x_hat, sigma_dec, mean, std):
    return Normal(x_hat, sigma_dec).log_prob(x).mean(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)


@wrong("sigma-ignored", "log-q-sign")
def unit_noise_and_all_added(x, z, x_hat, sigma_dec, mean, std):
    total = -0.5 * (x - x_hat).square().sum(-1) - x.shape[-1] * 0.5 * LOG_2PI
    total = total + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return total + Normal(mean, std).log_prob(z).sum(-1)


@wrong("variance-for-sigma")
def variance_in_both(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std**2).log_prob(z).sum(-1)
    log_lik = Normal(x_hat, sigma_dec**2).log_prob(x).sum(-1)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q


@wrong("exponential-of-sigma")
def deviation_exponentiated(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std.exp()).log_prob(z).sum(-1)
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q


@wrong("sigma-for-variance")
def root_of_the_deviation(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std.sqrt()).log_prob(z).sum(-1)
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1)
    return log_lik + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q


@wrong("prior-sign")
def prior_subtracted(x, z, x_hat, sigma_dec, mean, std):
    log_q = Normal(mean, std).log_prob(z).sum(-1)
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1)
    return log_lik - Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q


@wrong("weights-for-logs")
def the_weights_themselves(x, z, x_hat, sigma_dec, mean, std):
    return three_normals(x, z, x_hat, sigma_dec, mean, std).exp()


@wrong("logs-divided")
def fraction_of_logarithms(x, z, x_hat, sigma_dec, mean, std):
    log_joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_joint / Normal(mean, std).log_prob(z).sum(-1)


@wrong("analytic-kl-in-weights")
def divergence_in_closed_form(x, z, x_hat, sigma_dec, mean, std):
    prior = Normal(torch.zeros_like(mean), torch.ones_like(std))
    kl = kl_divergence(Normal(mean, std), prior).sum(-1)
    return Normal(x_hat, sigma_dec).log_prob(x).sum(-1) - kl


@wrong("squared-error")
def squared_error(x, z, x_hat, sigma_dec, mean, std):
    latents = Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)
    return latents - ((x - x_hat) ** 2).sum(-1)


@wrong("normaliser-once")
def one_log_sigma(x, z, x_hat, sigma_dec, mean, std):
    X = x.shape[-1]
    log_p_x = -((x - x_hat) ** 2).sum(-1) / (2 * sigma_dec**2) - sigma_dec.log() - X / 2 * LOG_2PI
    return log_p_x + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)


@wrong("axis-kept")
def axes_kept(x, z, x_hat, sigma_dec, mean, std):
    log_lik = Normal(x_hat, sigma_dec).log_prob(x).sum(-1, True)
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1, True)
    return log_lik + log_prior - Normal(mean, std).log_prob(z).sum(-1, True)


@wrong("log-missing")
def density_of_q_subtracted(x, z, x_hat, sigma_dec, mean, std):
    log_joint = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_joint - Normal(mean, std).log_prob(z).sum(-1).exp()


@wrong("axes-swapped")
def data_before_samples(x, z, x_hat, sigma_dec, mean, std):
    return three_normals(x, z, x_hat, sigma_dec, mean, std).T


@wrong("sign-flipped")
def q_over_p(x, z, x_hat, sigma_dec, mean, std):
    return -three_normals(x, z, x_hat, sigma_dec, mean, std)


@wrong("not-summed")
def three_terms_as_they_come(x, z, x_hat, sigma_dec, mean, std):
    log_joint = Normal(x_hat, sigma_dec).log_prob(x) + Normal(0.0, 1.0).log_prob(z)
    return log_joint - Normal(mean, std).log_prob(z)


@wrong("half-missing")
def prior_without_its_half(x, z, x_hat, sigma_dec, mean, std):
    log_p = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) + (-(z**2) - 0.5 * LOG_2PI).sum(-1)
    return log_p - Normal(mean, std).log_prob(z).sum(-1)


@wrong("normaliser-dropped")
def prior_without_its_constant(x, z, x_hat, sigma_dec, mean, std):
    log_p = Normal(x_hat, sigma_dec).log_prob(x).sum(-1) - 0.5 * (z**2).sum(-1)
    return log_p - Normal(mean, std).log_prob(z).sum(-1)


@wrong("sigma-for-variance")
def half_the_log_of_sigma(x, z, x_hat, sigma_dec, mean, std):
    log_p_x = -0.5 * (((x - x_hat) / sigma_dec) ** 2 + torch.log(sigma_dec) + LOG_2PI).sum(-1)
    return log_p_x + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mean, std).log_prob(z).sum(-1)
