"""Small models of several test files, with their truths in NumPy."""

import math

import numpy as np
import torch
from oracles import lg_conditioned, t64
from scipy import stats
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from vaelib.latent import LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.proxies import GaussianDecoder


def lg(n_z, n_x, sigma=0.5, seed=3):
    rng = np.random.default_rng(seed)
    return LinearGaussian(t64(rng.normal(size=(n_x, n_z))), t64(rng.normal(size=n_x)), sigma)


def dense(model):
    return model.weight.detach().numpy(), model.bias.detach().numpy(), model.sigma.item()


def exact_log_evidence(model, x):
    weight, bias, sigma = dense(model)
    return stats.multivariate_normal(bias, weight @ weight.T + sigma**2 * np.eye(len(bias))).logpdf(
        x.numpy()
    )


def curved(n_z, prior=None):
    """A small non-linear decoder of three-dimensional data."""
    torch.manual_seed(5)
    decoder = GaussianDecoder(n_z, 3, (4,), sigma_dec=0.5)
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    return LatentVariableModel(prior or StandardNormal(n_z), decoder).double()


def curved_joint(model, x, z):
    """log p(x, z) of one x at points (N, Z), in NumPy."""
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in model.decoder.net.parameters())
    mean = np.tanh(z @ w1.T + b1) @ w2.T + b2
    sigma = model.decoder.sigma_dec.item()
    return stats.norm(mean, sigma).logpdf(x.numpy()).sum(-1) + stats.norm.logpdf(z).sum(-1)


def quadrature(model, x, n_z):
    line = np.linspace(-7, 7, 701)
    z = np.stack(np.meshgrid(*[line] * n_z, indexing="ij"), -1).reshape(-1, n_z)
    cell = n_z * math.log(line[1] - line[0])
    return np.array([np.logaddexp.reduce(curved_joint(model, row, z)) + cell for row in x])


def far_from(estimate, truth, se):
    """The largest distance in standard errors, beside rounding."""
    return ((estimate - t64(truth)).abs() / (se + 1e-9)).max()


def gaussian_of(model, shift=0.0, widen=1.0, full=False):
    """The best diagonal q of a linear-Gaussian model (or its posterior), moved and widened."""
    weight, _, sigma = dense(model)
    precision = np.eye(weight.shape[1]) + weight.T @ weight / sigma**2

    def q(x):
        mean = t64(np.array([lg_conditioned(*dense(model), row)[0] for row in x.numpy()])) + shift
        if full:
            return MultivariateNormal(mean, t64(widen**2 * np.linalg.inv(precision)))
        return Independent(
            Normal(mean, (widen * t64(np.diag(precision) ** -0.5)).expand_as(mean)), 1
        )

    return q
