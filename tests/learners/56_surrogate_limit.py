import math

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

from learners import right, wrong


@right
def limit_as_stated(log_p, mean_p, s_p, mean_q, s_q):
    delta = mean_p - mean_q
    return log_p + (s_p**2 / s_q**2 + delta**2 / s_q**2 - 1 - math.log(s_p**2 / s_q**2)) / 2


@right
def limit_by_torch(log_p, mean_p, s_p, mean_q, s_q):
    numbers = torch.tensor([mean_p, s_p, mean_q, s_q], dtype=torch.float64)
    mean_p, s_p, mean_q, s_q = numbers
    return log_p + kl_divergence(Normal(mean_p, s_p), Normal(mean_q, s_q))


@right
def limit_by_quadrature(log_p, mean_p, s_p, mean_q, s_q):
    t = np.linspace(-12, 12, 4001)
    z = mean_p + s_p * t
    p = np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi)
    log_w = log_p + np.log(s_q / s_p) - 0.5 * t**2 + 0.5 * ((z - mean_q) / s_q) ** 2
    return (p * log_w).sum() * (t[1] - t[0])


def normals(mean_p, s_p, mean_q, s_q):
    numbers = torch.tensor([mean_p, s_p, mean_q, s_q], dtype=torch.float64)
    mean_p, s_p, mean_q, s_q = numbers
    return Normal(mean_p, s_p), Normal(mean_q, s_q)


@wrong("kl-reversed")
def limit_with_other_kl(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p + kl_divergence(q, p).item()


@wrong("wrong-side")
def limit_below(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p - kl_divergence(p, q)


@wrong("kl-missing")
def limit_of_the_bound(log_p, mean_p, s_p, mean_q, s_q):
    return log_p


@wrong("evidence-missing")
def limit_without_evidence(log_p, mean_p, s_p, mean_q, s_q):
    return kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("half-missing")
def limit_without_half(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + ratio + (mean_p - mean_q) ** 2 / s_q**2 - 1 - np.log(ratio)


@wrong("determinant-missing")
def limit_without_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + 0.5 * (s_p**2 / s_q**2 - 1) + 0.5 * ((mean_p - mean_q) / s_q) ** 2


@wrong("logarithm-sign")
def limit_with_inverted_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    square = (s_p**2 + (mean_p - mean_q) ** 2) / s_q**2
    return log_p + 0.5 * (square - 1 - math.log(s_q**2 / s_p**2))


@wrong("sigma-for-variance")
def limit_with_log_of_deviations(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + 0.5 * ((s_p**2 + (mean_p - mean_q) ** 2) / s_q**2 - 1 - math.log(s_p / s_q))


@wrong("sigma-for-variance")
def limit_with_deviations(log_p, mean_p, s_p, mean_q, s_q):
    ratio = s_p / s_q
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 / s_q - 1 - math.log(ratio))


@wrong("variance-for-sigma")
def limit_with_variances(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p**2, mean_q, s_q**2)
    return log_p + kl_divergence(p, q)


@wrong("kl-constant-missing")
def limit_without_one(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) + (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2)


@wrong("log-outside")
def limit_of_log_mean(log_p, mean_p, s_p, mean_q, s_q):
    wide = 2 * s_q**2 - s_p**2
    moment = s_q**2 / (s_p * math.sqrt(wide)) * math.exp((mean_p - mean_q) ** 2 / wide)
    return log_p + math.log(moment)


@wrong("sign-flipped")
def limit_of_a_loss(log_p, mean_p, s_p, mean_q, s_q):
    return -log_p - kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("log-missing")
def limit_plus_p(log_p, mean_p, s_p, mean_q, s_q):
    return np.exp(log_p) + kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("not-normalised")
def limit_of_the_numerator(log_p, mean_p, s_p, mean_q, s_q):
    return math.exp(log_p) * (log_p + kl_divergence(*normals(mean_p, s_p, mean_q, s_q)))


@wrong("half-missing")
def limit_without_half_of_the_squares(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) + (s_p**2 + (mean_p - mean_q) ** 2) / s_q**2 - 0.5


@wrong("half-missing")
def limit_without_half_of_the_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    squares = (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2)
    return log_p + math.log(s_q**2 / s_p**2) + squares - 0.5


@wrong("shift-unscaled")
def limit_with_bare_shift(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 - 1 - math.log(ratio))


@wrong("spread-missing")
def limit_at_the_mean(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) - 0.5 + (mean_p - mean_q) ** 2 / (2 * s_q**2)


@wrong("square-missing")
def limit_with_unsquared_shift(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) / s_q - 1 - math.log(ratio))


@wrong("upside-down")
def limit_with_the_ratio_turned(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_q / s_p) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 / s_q**2 - 1 - math.log(ratio))


@wrong("determinant-missing", "kl-constant-missing")
def limit_of_squares_only(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2)


@wrong("kl-reversed", "wrong-side")
def limit_is_the_elbo(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p - kl_divergence(q, p)
