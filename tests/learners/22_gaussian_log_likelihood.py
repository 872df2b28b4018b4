import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions as D

from learners import right, wrong


@right
def by_distributions(x, mean, sigma):
    return D.Independent(D.Normal(mean, sigma), 1).log_prob(x)


@right
def written_out(x, mean, sigma):
    constant = x.shape[1] / 2 * np.log(2 * np.pi * float(sigma) ** 2)
    return -((x - mean) ** 2).sum(dim=2) / (2 * sigma**2) - constant


@right
def pixel_by_pixel(x, mean, sigma):
    total = torch.zeros(mean.shape[:2])
    for i in range(x.shape[-1]):
        eps = (x[:, i] - mean[:, :, i]) / sigma
        total += -0.5 * eps**2 - sigma.log() - 0.5 * math.log(2 * math.pi)
    return total


@right
def by_a_full_covariance(x, mean, sigma):
    return D.MultivariateNormal(mean, sigma**2 * torch.eye(x.shape[-1])).log_prob(x)


@wrong("normaliser-dropped")
def only_the_exponent(x, mean, sigma):
    return -0.5 * ((x - mean) / sigma).pow(2).sum(-1)


@wrong("normaliser-dropped")
def no_two_pi(x, mean, sigma):
    # "constants do not matter"
    return (-((x - mean) ** 2) / (2 * sigma**2) - sigma.log()).sum(-1)


@wrong("normaliser-once")
def constant_after_the_sum(x, mean, sigma):
    constant = math.log(math.sqrt(2 * math.pi) * sigma)
    return -torch.sum((x - mean) ** 2, -1) / (2 * sigma**2) - constant


@wrong("mean-over-features")
def averaged_log_prob(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).mean(-1)


@wrong("sigma-ignored")
def mse(x, mean, sigma):
    return -F.mse_loss(mean, x.expand_as(mean), reduction="none").sum(-1)


@wrong("sigma-ignored")
def unit_normal(x, mean, sigma):
    return D.Independent(D.Normal(mean, torch.ones_like(mean)), 1).log_prob(x)


@wrong("sigma-ignored")
def average_squared_error(x, mean, sigma):
    return -((mean - x) ** 2).mean(dim=-1)


@wrong("variance-for-sigma")
def normal_takes_the_variance(x, mean, sigma):
    return D.Normal(mean, sigma**2).log_prob(x).sum(-1)


@wrong("variance-for-sigma")
def squared_twice(x, mean, sigma):
    variance = sigma**2
    error = ((x - mean) ** 2).sum(-1) / (2 * variance**2)
    return -error - 0.5 * x.shape[-1] * torch.log(2 * math.pi * variance)


@wrong("sigma-for-variance")
def divided_by_sigma(x, mean, sigma):
    constant = -x.size(-1) / 2 * math.log(2 * math.pi * sigma**2)
    return constant - torch.einsum("kbx,kbx->kb", x - mean, x - mean) / (2 * sigma)


@wrong("half-missing")
def no_half_before_the_square(x, mean, sigma):
    r = (x - mean) / sigma
    return torch.sum(-r * r - torch.log(sigma) - 0.5 * math.log(2 * math.pi), dim=-1)


@wrong("base-2")
def in_bits(x, mean, sigma):
    nats = D.Normal(mean, sigma).log_prob(x).sum(-1)
    return nats / np.log(2)


@wrong("density-underflows")
def product_of_densities(x, mean, sigma):
    density = torch.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    return density.prod(-1).log()


@wrong("negated")
def nll(x, mean, sigma):
    loss = F.gaussian_nll_loss(
        mean, x.expand_as(mean), (sigma**2).expand_as(mean), full=True, reduction="none"
    )
    return loss.sum(-1)


@wrong("sum-over-data")
def summed_over_everything(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum()


@wrong()
def laplace(x, mean, sigma):
    return D.Laplace(mean, sigma).log_prob(x).sum(-1)


@wrong("normaliser-dropped", "half-missing")
def squared_error_over_variance(x, mean, sigma):
    return -((x - mean) ** 2).sum(-1) / sigma**2


@wrong("negated", "sum-over-data")
def the_loss(x, mean, sigma):
    return -D.Normal(mean, sigma).log_prob(x).sum(-1).mean()


@wrong("likelihood-for-log")
def density_itself(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(-1).exp()


@wrong("not-summed")
def every_feature(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x)


@wrong("axis-kept")
def feature_axis_kept(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(-1, keepdim=True)


@wrong("wrong-axis")
def summed_over_latents(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(0)


@wrong("normaliser-once")
def sigma_once(x, mean, sigma):
    constant = sigma.log() + 0.5 * x.shape[-1] * math.log(2 * math.pi)
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - constant


@wrong("normaliser-once")
def pi_once(x, mean, sigma):
    constant = x.shape[-1] * sigma.log() + 0.5 * math.log(2 * math.pi)
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - constant


@wrong("normaliser-dropped")
def log_sigma_forgotten(x, mean, sigma):
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - 0.5 * x.shape[-1] * math.log(2 * math.pi)


@wrong("half-missing")
def whole_log_two_pi(x, mean, sigma):
    constant = x.shape[-1] * (sigma.log() + math.log(2 * math.pi))
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - constant


@wrong("logarithm-sign")
def constant_added(x, mean, sigma):
    constant = x.shape[-1] * (sigma.log() + 0.5 * math.log(2 * math.pi))
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 + constant


@wrong("variance-for-sigma")
def variance_under_the_logarithm(x, mean, sigma):
    constant = x.shape[-1] * torch.log(math.sqrt(2 * math.pi) * sigma**2)
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - constant


@wrong("exponential-of-sigma")
def sigma_exponentiated(x, mean, sigma):
    return D.Normal(mean, sigma.exp()).log_prob(x).sum(-1)


@wrong("length-not-squared")
def length_of_the_error(x, mean, sigma):
    constant = x.shape[-1] * (sigma.log() + 0.5 * math.log(2 * math.pi))
    return -0.5 * torch.linalg.norm(x - mean, dim=-1) / sigma**2 - constant
