"""Answers to the exercises of chapter 2 that are about decoders."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions as D

from learners import right, two, wrong

# Exercise 2.2: gaussian_log_likelihood(x, mean, sigma)


@right("gaussian_log_likelihood")
def by_distributions(x, mean, sigma):
    return D.Independent(D.Normal(mean, sigma), 1).log_prob(x)


@right("gaussian_log_likelihood")
def written_out(x, mean, sigma):
    X = x.shape[1]
    return -((x - mean) ** 2).sum(dim=2) / (2 * sigma**2) - X / 2 * np.log(
        2 * np.pi * float(sigma) ** 2
    )


@right("gaussian_log_likelihood")
def pixel_by_pixel(x, mean, sigma):
    total = torch.zeros(mean.shape[:2])
    for i in range(x.shape[-1]):
        total += (
            -0.5 * ((x[:, i] - mean[:, :, i]) / sigma) ** 2
            - sigma.log()
            - 0.5 * math.log(2 * math.pi)
        )
    return total


@right("gaussian_log_likelihood")
def by_a_full_covariance(x, mean, sigma):
    return D.MultivariateNormal(mean, sigma**2 * torch.eye(x.shape[-1])).log_prob(x)


@wrong("gaussian_log_likelihood", "normaliser-dropped")
def only_the_exponent(x, mean, sigma):
    return -0.5 * ((x - mean) / sigma).pow(2).sum(-1)


@wrong("gaussian_log_likelihood", "normaliser-dropped")
def no_two_pi(x, mean, sigma):
    # "constants do not matter"
    return (-((x - mean) ** 2) / (2 * sigma**2) - sigma.log()).sum(-1)


@wrong("gaussian_log_likelihood", "normaliser-once")
def constant_after_the_sum(x, mean, sigma):
    return -torch.sum((x - mean) ** 2, -1) / (2 * sigma**2) - math.log(
        math.sqrt(2 * math.pi) * sigma
    )


@wrong("gaussian_log_likelihood", "mean-over-features")
def averaged_log_prob(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).mean(-1)


@wrong("gaussian_log_likelihood", "sigma-ignored")
def mse(x, mean, sigma):
    return -F.mse_loss(mean, x.expand_as(mean), reduction="none").sum(-1)


@wrong("gaussian_log_likelihood", "sigma-ignored")
def unit_normal(x, mean, sigma):
    return D.Independent(D.Normal(mean, torch.ones_like(mean)), 1).log_prob(x)


@wrong("gaussian_log_likelihood", "sigma-ignored")
def average_squared_error(x, mean, sigma):
    return -((mean - x) ** 2).mean(dim=-1)


@wrong("gaussian_log_likelihood", "variance-for-sigma")
def normal_takes_the_variance(x, mean, sigma):
    return D.Normal(mean, sigma**2).log_prob(x).sum(-1)


@wrong("gaussian_log_likelihood", "variance-for-sigma")
def squared_twice(x, mean, sigma):
    variance = sigma**2
    error = ((x - mean) ** 2).sum(-1) / (2 * variance**2)
    return -error - 0.5 * x.shape[-1] * torch.log(2 * math.pi * variance)


@wrong("gaussian_log_likelihood", "sigma-for-variance")
def divided_by_sigma(x, mean, sigma):
    constant = -x.size(-1) / 2 * math.log(2 * math.pi * sigma**2)
    return constant - torch.einsum("kbx,kbx->kb", x - mean, x - mean) / (2 * sigma)


@wrong("gaussian_log_likelihood", "half-missing")
def no_half_before_the_square(x, mean, sigma):
    r = (x - mean) / sigma
    return torch.sum(-r * r - torch.log(sigma) - 0.5 * math.log(2 * math.pi), dim=-1)


@wrong("gaussian_log_likelihood", "base-2")
def in_bits(x, mean, sigma):
    nats = D.Normal(mean, sigma).log_prob(x).sum(-1)
    return nats / np.log(2)


@wrong("gaussian_log_likelihood", "density-underflows")
def product_of_densities(x, mean, sigma):
    density = torch.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    return density.prod(-1).log()


@wrong("gaussian_log_likelihood", "negated")
def nll(x, mean, sigma):
    loss = F.gaussian_nll_loss(
        mean, x.expand_as(mean), (sigma**2).expand_as(mean), full=True, reduction="none"
    )
    return loss.sum(-1)


@wrong("gaussian_log_likelihood", "sum-over-data")
def summed_over_everything(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum()


@wrong("gaussian_log_likelihood", "")
def laplace(x, mean, sigma):
    return D.Laplace(mean, sigma).log_prob(x).sum(-1)


@two("gaussian_log_likelihood", "normaliser-dropped", "half-missing")
def squared_error_over_variance(x, mean, sigma):
    return -((x - mean) ** 2).sum(-1) / sigma**2


@two("gaussian_log_likelihood", "negated", "sum-over-data")
def the_loss(x, mean, sigma):
    return -D.Normal(mean, sigma).log_prob(x).sum(-1).mean()


# Exercise 2.4: bernoulli_log_likelihood(x, logits)


def refuse_grey(x):
    if not torch.all((x == 0) | (x == 1)):
        raise ValueError("binarise first")


@right("bernoulli_log_likelihood")
def bernoulli_by_distributions(x, logits):
    # Its own validation refuses grey values.
    return D.Independent(D.Bernoulli(logits=logits), 1).log_prob(x)


@right("bernoulli_log_likelihood")
def by_cross_entropy(x, logits):
    refuse_grey(x)
    bce = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return -bce.sum(dim=-1)


@right("bernoulli_log_likelihood")
def with_softplus(x, logits):
    if set(x.unique().tolist()) - {0.0, 1.0}:
        raise ValueError(f"grey: {x}")
    return (x * logits - F.softplus(logits)).sum(-1)


@right("bernoulli_log_likelihood")
def with_a_maximum(x, logits):
    for value in x.flatten():
        if value not in (0, 1):
            raise ValueError
    sign = 1 - 2 * x
    a = sign * logits
    return -(a.clamp(min=0) + torch.log1p(torch.exp(-a.abs()))).sum(-1)


@wrong("bernoulli_log_likelihood", "grey-pixels")
def any_pixel(x, logits):
    return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)


@wrong("bernoulli_log_likelihood", "grey-pixels")
def pixels_between_zero_and_one(x, logits):
    if x.min() < 0 or x.max() > 1:
        raise ValueError("x must lie in [0, 1]")
    return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(
        -1
    )


def checked(x):
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("bits, please")


@wrong("bernoulli_log_likelihood", "grey-pixels")
def all_pixels_grey(x, logits):
    if not ((x == 0) | (x == 1)).any():
        raise ValueError("x must hold bits")
    return F.logsigmoid((2 * x - 1) * logits).sum(-1)


@wrong("bernoulli_log_likelihood", "bits-flipped")
def sign_of_the_bit(x, logits):
    checked(x)
    return F.logsigmoid((1 - 2 * x) * logits).sum(-1)


@wrong("bernoulli_log_likelihood", "bits-flipped")
def softplus_of_the_wrong_sign(x, logits):
    checked(x)
    return -F.softplus((2 * x - 1) * logits).sum(-1)


@wrong("bernoulli_log_likelihood", "likelihood-for-log")
def product_of_probabilities(x, logits):
    checked(x)
    return torch.sigmoid((2 * x - 1) * logits).prod(-1)


@wrong("bernoulli_log_likelihood", "not-summed")
def each_pixel(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits)


@wrong("bernoulli_log_likelihood", "wrong-axis")
def summed_over_samples(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(dim=0)


@wrong("bernoulli_log_likelihood", "wrong-axis")
def summed_over_data(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(dim=1)


@wrong("bernoulli_log_likelihood", "axis-kept")
def one_pixel_left(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(-1, keepdim=True)


@wrong("bernoulli_log_likelihood", "naive-bernoulli")
def the_formula(x, logits):
    refuse_grey(x)
    rho = torch.sigmoid(logits)
    return torch.sum(x * rho.log() + (1 - x) * (1 - rho).log(), dim=-1)


@wrong("bernoulli_log_likelihood", "naive-bernoulli")
def probability_of_what_is_seen(x, logits):
    refuse_grey(x)
    rho = 1 / (1 + torch.exp(-logits))
    return torch.log(rho**x * (1 - rho) ** (1 - x)).sum(-1)


@wrong("bernoulli_log_likelihood", "probability-clipped")
def with_an_epsilon(x, logits):
    refuse_grey(x)
    eps = 1e-8
    rho = torch.sigmoid(logits)
    return (x * torch.log(rho + eps) + (1 - x) * torch.log(1 - rho + eps)).sum(-1)


@wrong("bernoulli_log_likelihood", "probability-clipped")
def clamped(x, logits):
    refuse_grey(x)
    rho = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    return (x * rho.log() + (1 - x) * torch.log1p(-rho)).sum(-1)


@wrong("bernoulli_log_likelihood", "probability-clipped")
def torch_clips(x, logits):
    refuse_grey(x)
    x = x.expand_as(logits)
    return -F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none").sum(-1)


@wrong("bernoulli_log_likelihood", "probability-clipped")
def probs_of_a_distribution(x, logits):
    return D.Independent(D.Bernoulli(probs=torch.sigmoid(logits)), 1).log_prob(x)


@wrong("bernoulli_log_likelihood", "naive-bernoulli")
def log_one_plus_exp(x, logits):
    refuse_grey(x)
    return (x * logits - torch.log1p(torch.exp(logits))).sum(-1)


@wrong("bernoulli_log_likelihood", "naive-bernoulli")
def minus_log_one_plus_exp(x, logits):
    refuse_grey(x)
    signed = torch.where(x.bool(), logits, -logits)
    return -torch.log(1 + torch.exp(-signed)).sum(-1)


@wrong("bernoulli_log_likelihood", "logits-as-probabilities")
def as_probabilities(x, logits):
    refuse_grey(x)
    return torch.einsum("kbx->kb", x * logits.log() + (1 - x) * (1 - logits).log())


@wrong("bernoulli_log_likelihood", "sigmoid-twice")
def sigmoid_then_with_logits(x, logits):
    refuse_grey(x)
    rho = torch.sigmoid(logits)
    return -F.binary_cross_entropy_with_logits(rho, x.expand_as(rho), reduction="none").sum(-1)


@wrong("bernoulli_log_likelihood", "arguments-swapped")
def target_first(x, logits):
    refuse_grey(x)
    return -F.binary_cross_entropy_with_logits(x.expand_as(logits), logits, reduction="none").sum(
        -1
    )


@wrong("bernoulli_log_likelihood", "zeros-ignored")
def ones_only(x, logits):
    refuse_grey(x)
    return (F.logsigmoid(logits) * x).sum(-1)


@wrong("bernoulli_log_likelihood", "mean-over-features")
def mean_over_pixels(x, logits):
    return D.Bernoulli(logits=logits).log_prob(x).mean(-1)


@wrong("bernoulli_log_likelihood", "base-2")
def in_bits_per_image(x, logits):
    return D.Bernoulli(logits=logits).log_prob(x).sum(-1) / math.log(2)


@wrong("bernoulli_log_likelihood", "negated")
def cross_entropy(x, logits):
    refuse_grey(x)
    return F.binary_cross_entropy_with_logits(logits, x.expand(logits.shape), reduction="none").sum(
        -1
    )


@wrong("bernoulli_log_likelihood", "sum-over-data")
def one_number(x, logits):
    refuse_grey(x)
    return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="sum")


@two("bernoulli_log_likelihood", "grey-pixels", "naive-bernoulli")
def textbook(x, logits):
    rho = torch.sigmoid(logits)
    return (x * torch.log(rho) + (1 - x) * torch.log(1 - rho)).sum(-1)


@two("bernoulli_log_likelihood", "grey-pixels", "negated")
def usual_loss(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)


@wrong("gaussian_log_likelihood", "likelihood-for-log")
def density_itself(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(-1).exp()


@wrong("gaussian_log_likelihood", "not-summed")
def every_feature(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x)


@wrong("gaussian_log_likelihood", "axis-kept")
def feature_axis_kept(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(-1, keepdim=True)


@wrong("gaussian_log_likelihood", "wrong-axis")
def summed_over_latents(x, mean, sigma):
    return D.Normal(mean, sigma).log_prob(x).sum(0)


@wrong("gaussian_log_likelihood", "normaliser-once")
def sigma_once(x, mean, sigma):
    X = x.shape[-1]
    return (
        -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - sigma.log() - 0.5 * X * math.log(2 * math.pi)
    )


@wrong("gaussian_log_likelihood", "normaliser-once")
def pi_once(x, mean, sigma):
    X = x.shape[-1]
    return (
        -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - X * sigma.log() - 0.5 * math.log(2 * math.pi)
    )


@wrong("gaussian_log_likelihood", "normaliser-dropped")
def log_sigma_forgotten(x, mean, sigma):
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - 0.5 * x.shape[-1] * math.log(2 * math.pi)


@wrong("gaussian_log_likelihood", "half-missing")
def whole_log_two_pi(x, mean, sigma):
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - x.shape[-1] * (
        sigma.log() + math.log(2 * math.pi)
    )


@wrong("gaussian_log_likelihood", "logarithm-sign")
def constant_added(x, mean, sigma):
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 + x.shape[-1] * (
        sigma.log() + 0.5 * math.log(2 * math.pi)
    )


@wrong("gaussian_log_likelihood", "variance-for-sigma")
def variance_under_the_logarithm(x, mean, sigma):
    return -0.5 * ((x - mean) ** 2).sum(-1) / sigma**2 - x.shape[-1] * torch.log(
        math.sqrt(2 * math.pi) * sigma**2
    )


@wrong("gaussian_log_likelihood", "exponential-of-sigma")
def sigma_exponentiated(x, mean, sigma):
    return D.Normal(mean, sigma.exp()).log_prob(x).sum(-1)


@wrong("gaussian_log_likelihood", "length-not-squared")
def length_of_the_error(x, mean, sigma):
    constant = x.shape[-1] * (sigma.log() + 0.5 * math.log(2 * math.pi))
    return -0.5 * torch.linalg.norm(x - mean, dim=-1) / sigma**2 - constant
