"""Truths for the tests, in NumPy, without vaelib: closed forms, quadrature, derivatives."""

import numpy as np
import torch
from torch.distributions import Independent, Normal


def t64(*values):
    """A float64 tensor of what is given."""
    return torch.tensor(values[0] if len(values) == 1 else values, dtype=torch.float64)


def kl_gaussians(mean_0, cov_0, mean_1, cov_1):
    """KL(N_0 || N_1), the textbook formula."""
    delta, precision = mean_1 - mean_0, np.linalg.inv(cov_1)
    log_ratio = np.linalg.slogdet(cov_1)[1] - np.linalg.slogdet(cov_0)[1]
    return 0.5 * (np.trace(precision @ cov_0) + delta @ precision @ delta - len(delta) + log_ratio)


def lg_conditioned(weight, bias, sigma, x):
    """Posterior mean and covariance of z: the dense joint Gaussian of (z, x), given one x."""
    n_z = weight.shape[1]
    cov_x = weight @ weight.T + sigma**2 * np.eye(len(bias))
    gain = weight.T @ np.linalg.inv(cov_x)
    return gain @ (x - bias), np.eye(n_z) - gain @ weight


def lg_elbo(theta, phi, x):
    """ELBO of a linear-Gaussian model, diagonal Gaussian q, one x; polynomials, exp and log."""
    (weight, bias, log_sigma), (mean, log_s) = theta, phi
    variance, s2 = np.exp(2 * log_sigma), np.exp(2 * log_s)
    residual = x - weight @ mean - bias
    square = (residual * residual).sum() + (weight * weight * s2).sum()
    reconstruction = -0.5 * len(x) * (np.log(2 * np.pi) + 2 * log_sigma) - 0.5 * square / variance
    return reconstruction - 0.5 * (mean * mean + s2 - 1 - 2 * log_s).sum()


def complex_step(f, *arrays):
    """The gradient of f in each of the arrays, flattened and joined; exact if f is analytic."""
    gradient = []
    for i, array in enumerate(arrays):
        for index in np.ndindex(np.shape(array)):
            moved = [np.array(a, dtype=complex) for a in arrays]
            moved[i][index] += 1e-30j
            gradient.append(f(*moved).imag / 1e-30)
    return np.array(gradient)


def central_difference(f, parameters, h=1e-4):
    steps = h * np.eye(len(parameters))
    return np.array([(f(parameters + step) - f(parameters - step)) / (2 * h) for step in steps])


def bound_1d(mean_p, s_p, mean_q, s_q, n_samples):
    """T1: E log (mean of K weights p/q) for one-dimensional Gaussians, without Monte Carlo."""
    z = np.linspace(-12, 12, 1201)
    q_dz = np.exp(-0.5 * z**2)
    q_dz /= q_dz.sum()
    log_w = np.log(s_q / s_p) + 0.5 * z**2 - 0.5 * ((mean_q + s_q * z - mean_p) / s_p) ** 2
    return bound_from_weights(np.exp(log_w), q_dz, n_samples)


def bound_from_weights(w, probability, n_samples):
    """T1 for weights of mean 1: E log w_K = int exp(-e^u) - phi(e^u / K)^K du.

    Here phi(t) = E exp(-t w), which falls in t.
    """
    integral = 0.0
    for start in range(-30, 600, 10):
        t = np.exp(start + 0.2 * np.arange(50))
        phi_to_k = (np.exp(-np.outer(t / n_samples, w)) @ probability) ** n_samples
        integral += 0.2 * (np.exp(-t) - phi_to_k).sum()
        if phi_to_k[-1] < 1e-30:
            break
    return integral


def chi2_gaussians(mean_p, cov_p, mean_q, cov_q):
    """E_q[(p/q)^2] - 1, p and q Gaussian; infinite unless 2 S_q - S_p is positive definite."""
    wide = 2 * cov_q - cov_p
    if np.linalg.eigvalsh(wide).min() <= 0:
        return np.inf
    delta = mean_p - mean_q
    log_dets = [np.linalg.slogdet(m)[1] for m in (cov_q, cov_p, wide)]
    exponent = delta @ np.linalg.solve(wide, delta)
    return np.exp(log_dets[0] - 0.5 * log_dets[1] - 0.5 * log_dets[2] + exponent) - 1


def normal_proxy(mean, log_s):
    """A q that gives every datum the same diagonal Gaussian, with leaves to differentiate in."""

    def q(x):
        size = (x.shape[0], mean.shape[0])
        return Independent(Normal(mean.expand(size), log_s.exp().expand(size)), 1)

    return q


def assert_mean(samples, truth, n_se=4.5):
    """The mean of independent samples (first axis) is within n_se standard errors of the truth."""
    samples = np.asarray(samples, dtype=float)
    se = samples.std(0, ddof=1) / np.sqrt(len(samples))
    z = (samples.mean(0) - truth) / se
    worst = np.abs(z).max()
    assert worst < n_se, f"{worst:.1f} standard errors from the truth: {samples.mean(0)}, {truth}"


def resampled_1d(mean_p, s_p, mean_q, s_q, n_samples):
    """A grid, its step, p, and the density of one of K draws from q, chosen by its weight.

    That density is K p int exp(-t w) phi(t)^(K-1) dt.
    """
    z = np.linspace(min(mean_p, mean_q) - 12 * s_p, max(mean_p, mean_q) + 12 * s_p, 1501)
    step = z[1] - z[0]
    p, q = (
        np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
        for m, s in ((mean_p, s_p), (mean_q, s_q))
    )
    w, t = p / q, np.exp(np.arange(-40, 80, 0.1))
    phi = np.exp(-np.outer(t, w)) @ (q * step)
    return (
        z,
        step,
        p,
        n_samples * p * (np.exp(-np.outer(w, t)) @ (phi ** (n_samples - 1) * t * 0.1)),
    )
