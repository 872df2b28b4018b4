import numpy as np
import torch

from learners import right, wrong


@right
def closed_form(mu, s):
    return mu**2 + 3 * s**2, 8 * mu**2 + 6 * s**2


@right
def from_the_chapter(mu, s):
    without = mu**4 / s**2 + 14 * mu**2 + 15 * s**2
    c = mu**2 + 3 * s**2
    return c, without - c**2 / s**2


@right
def by_quadrature(mu, s):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    f = (mu.item() + s.item() * nodes) ** 2
    c = weights @ (f * nodes**2)
    estimate = (f - c) * nodes / s.item()
    return c, weights @ estimate**2 - (weights @ estimate) ** 2


@wrong("mean-as-baseline")
def mean_of_f(mu, s):
    return mu**2 + s**2, 8 * mu**2 + 10 * s**2


@wrong("mean-as-baseline")
def mean_by_quadrature(mu, s):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    f = (mu.item() + s.item() * nodes) ** 2
    estimate = (f - weights @ f) * nodes / s.item()
    return weights @ f, weights @ estimate**2 - (weights @ estimate) ** 2


@wrong("f-of-mean-as-baseline")
def f_at_the_mean(mu, s):
    return mu**2, 8 * mu**2 + 15 * s**2


@wrong("baseline-missing")
def as_in_the_chapter(mu, s):
    return mu**2 + 3 * s**2, mu**4 / s**2 + 14 * mu**2 + 15 * s**2


@wrong("second-moment-for-variance")
def mean_not_subtracted(mu, s):
    return mu**2 + 3 * s**2, 12 * mu**2 + 6 * s**2


@wrong("second-moment-for-variance")
def mean_subtracted(mu, s):
    c = mu * mu + 3 * s * s
    moment = (mu**4 + 18 * mu**2 * s**2 + 15 * s**4 - c**2) / s**2
    return c, moment - 2 * mu


@wrong("noise-moments")
def noise_squared_is_one(mu, s):
    c = mu**2 + s**2
    return c, (mu**4 + 6 * mu**2 * s**2 + s**4 - c**2) / s**2 - 4 * mu**2


@wrong("noise-moments")
def sixth_moment_nine(mu, s):
    c = mu**2 + 3 * s**2
    return c, (mu**4 + 18 * mu**2 * s**2 + 9 * s**4 - c**2) / s**2 - 4 * mu**2


@wrong("score-unscaled")
def noise_for_score(mu, s):
    return mu**2 + 3 * s**2, s**2 * (8 * mu**2 + 6 * s**2)


@wrong("half-of-the-baseline")
def vertex_at_half(mu, s):
    b = mu**2 + 3 * s**2
    c = b / 2
    return c, (mu**4 + 18 * mu**2 * s**2 + 15 * s**4 - 2 * b * c + c**2) / s**2 - 4 * mu**2


@wrong("mean-as-baseline", "second-moment-for-variance")
def mean_and_second_moment(mu, s):
    return torch.stack([mu**2 + s**2, 12 * mu**2 + 10 * s**2])


@wrong("baseline-missing", "second-moment-for-variance")
def just_the_second_moment(mu, s):
    return mu**2 + 3 * s**2, (mu**4 + 18 * mu**2 * s**2 + 15 * s**4) / s**2


@wrong("baseline-missing")
def no_baseline_at_all(mu, s):
    return torch.zeros_like(mu), mu**4 / s**2 + 14 * mu**2 + 15 * s**2


@wrong("order-swapped")
def variance_first(mu, s):
    return 8 * mu**2 + 6 * s**2, mu**2 + 3 * s**2


@wrong("sigma-for-variance")
def deviation_of_the_estimate(mu, s):
    return mu**2 + 3 * s**2, (8 * mu**2 + 6 * s**2) ** 0.5
