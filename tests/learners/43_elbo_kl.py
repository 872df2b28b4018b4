import math

import torch
from torch import distributions as D
from torch.distributions import Normal, kl_divergence

from learners import right, wrong


@right
def kl_from_torch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return model.decoder(z).log_prob(x).mean(0) - kl_divergence(q_z, model.prior())


@right
def kl_by_variances(model, q, x, K):
    q_z = q(x)
    mu, log_var = q_z.mean, q_z.variance.log()
    z = mu + torch.exp(0.5 * log_var) * torch.randn(K, *mu.shape)
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=1)
    recon = Normal(model.decoder(z).mean, model.sigma).log_prob(x).sum(-1)
    return recon.mean(0) - kl


@right
def one_sample_at_a_time(model, q, x, K):
    q_z = q(x)
    recon = sum(model.decoder(q_z.rsample()).log_prob(x) for _ in range(K)) / K
    base = D.Normal(torch.zeros_like(q_z.mean), torch.ones_like(q_z.mean))
    return recon - D.kl_divergence(D.Normal(q_z.mean, q_z.stddev), base).sum(-1)


@wrong("kl-sign")
def plus_torch_kl(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) + kl_divergence(q_z, model.prior())


@wrong("kl-sign")
def famous_formula_without_its_minus(model, q, x, K):
    """The widely printed form is of minus the KL."""
    q_z = q(x)
    mu, log_var = q_z.mean, 2 * q_z.stddev.log()
    kl = 0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("mean-over-latents")
def k_dot_mean(model, q, x, K):
    q_z = q(x)
    kl = kl_divergence(Normal(q_z.mean, q_z.stddev), Normal(0.0, 1.0)).mean(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("mean-over-features")
def mean_log_likelihood_of_a_pixel(model, q, x, K):
    q_z = q(x)
    p_x = model.decoder(q_z.rsample((K,)))
    recon = Normal(p_x.mean, p_x.stddev).log_prob(x).mean(dim=(0, 2))
    return recon - kl_divergence(q_z, model.prior())


@wrong("joint-for-likelihood")
def joint_minus_kl(model, q, x, K):
    q_z = q(x)
    recon = torch.stack([model.log_joint(x, q_z.rsample()) for _ in range(K)]).mean(0)
    return recon - kl_divergence(q_z, model.prior())


@wrong("kl-twice")
def bound_minus_kl(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    elbo = (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)
    return elbo - kl_divergence(q_z, model.prior())


@wrong("half-missing")
def no_half_in_the_kl(model, q, x, K):
    q_z = q(x)
    kl = (q_z.mean**2 + q_z.variance - q_z.variance.log() - 1).sum(1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("sigma-for-variance")
def log_sigma_for_log_variance(model, q, x, K):
    q_z = q(x)
    m, s = q_z.mean, q_z.stddev
    kl = -0.5 * (1 + torch.log(s) - m * m - s * s).sum(-1)
    return model.decoder(m + s * torch.randn(K, *m.shape)).log_prob(x).mean(0) - kl


@wrong("kl-constant-missing")
def constant_thought_irrelevant(model, q, x, K):
    q_z = q(x)
    kl = 0.5 * (q_z.mean**2 + q_z.variance - torch.log(q_z.variance)).sum(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("kl-reversed")
def kl_arguments_swapped(model, q, x, K):
    q_z = q(x)
    kl = kl_divergence(Normal(0.0, 1.0), Normal(q_z.mean, q_z.stddev)).sum(-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("sample-for-rsample")
def sample_and_exact_kl(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.sample((K,))).log_prob(x).mean(0) - kl_divergence(q_z, model.prior())


@wrong("wrongly-detached")
def kl_under_no_grad(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        kl = kl_divergence(q_z, model.prior())
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kl


@wrong("sum-over-data")
def kl_of_the_whole_batch(model, q, x, K):
    """Lines of a well-known example, whose loss is one number for the batch."""
    q_z = q(x)
    mu, logvar = q_z.mean, q_z.variance.log()
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) - kld


@wrong("squared-error")
def minus_squared_error(model, q, x, K):
    q_z = q(x)
    x_hat = model.decoder(q_z.rsample((K,))).mean
    recon = -torch.nn.functional.mse_loss(x_hat, x.expand_as(x_hat), reduction="none").sum(-1)
    return recon.mean(0) - kl_divergence(q_z, model.prior())


@wrong("sum-over-samples")
def reconstruction_added_up(model, q, x, K):
    q_z = q(x)
    recon = 0.0
    for _ in range(K):
        recon += model.decoder(q_z.rsample()).log_prob(x)
    return recon - kl_divergence(q_z, model.prior())


@wrong("kl-sign", "mean-over-latents")
def mean_kl_added(model, q, x, K):
    q_z = q(x)
    kl = 0.5 * torch.mean(q_z.mean**2 + q_z.variance - q_z.variance.log() - 1, dim=-1)
    return model.decoder(q_z.rsample((K,))).log_prob(x).mean(0) + kl


@wrong("squared-error", "sample-for-rsample")
def mse_of_a_sample(model, q, x, K):
    q_z = q(x)
    x_hat = model.decoder(q_z.sample((K,))).mean
    return -((x_hat - x) ** 2).sum(-1).mean(0) - kl_divergence(q_z, model.prior())


def drawn(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return q_z, z, model.log_joint(x, z), q_z.log_prob(z)


def pieces(model, q, x, K):
    q_z = q(x)
    return model.decoder(q_z.rsample((K,))).log_prob(x), q_z.mean, q_z.stddev


@wrong("sign-flipped")
def a_loss(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1) - log_p.mean(0)


@wrong("logarithm-sign")
def log_added(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 - torch.log(s**2) - m**2 - s**2, dim=1)


@wrong("exponential-of-sigma")
def formula_for_log_variances(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=-1)


@wrong("sigma-for-variance")
def formula_for_variances(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.sum(1 + s.log() - m.pow(2) - s, dim=-1)


@wrong("kl-constant-missing")
def one_outside_the_sum(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * ((m**2 + s**2 - 2 * s.log()).sum(-1) - 1)


@wrong("square-missing")
def mean_not_squared(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("log-squared")
def logarithm_squared(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - s.log() ** 2).sum(-1)


@wrong("sum-over-data")
def mean_divergence(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1).mean()


@wrong("averaged-first")
def log_of_the_mean_likelihood(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return torch.logsumexp(log_p, 0) - math.log(K) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("not-averaged")
def each_reconstruction(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("fewer-samples")
def one_reconstruction(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p[0] - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("mean-for-draw")
def decoded_mean(model, q, x, K):
    m, s = q(x).mean, q(x).stddev
    return model.decoder(m).log_prob(x) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)


@wrong("another-estimate")
def divergence_from_the_draws(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).mean(0)


@wrong("kl-missing")
def mean_log_likelihood(model, q, x, K):
    return pieces(model, q, x, K)[0].mean(0)


@wrong("determinant-missing")
def no_logarithm(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1).sum(-1)


@wrong("half-missing")
def half_of_the_squares_only(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - (0.5 * (m**2 + s**2 - 1) - 2 * s.log()).sum(-1)


@wrong("mean-over-latents")
def mean_of_everything(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) + 0.5 * torch.mean(1 + 2 * s.log() - m**2 - s**2)


@wrong("not-summed")
def divergence_of_each_latent(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log())


@wrong("wrong-axis")
def divergence_over_the_data(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return log_p.mean(0) - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(0)


@wrong("sum-over-samples")
def k_bounds_added_up(model, q, x, K):
    log_p, m, s = pieces(model, q, x, K)
    return (log_p - 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1)).sum(0)
