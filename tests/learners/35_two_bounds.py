import math

import torch
from torch.distributions import Normal, kl_divergence

from learners import right, wrong


@right
def two_divergences(s, r):
    q, p = Normal(s, r), Normal(0.0, 1.0)
    return kl_divergence(q, p), kl_divergence(p, q)


@right
def on_paper(s, r):
    log_r2 = torch.log(r * r)
    return (r * r + s * s - 1 - log_r2) / 2, ((1 + s * s) / (r * r) - 1 + log_r2) / 2


@right
def with_floats(s, r):
    s, r = float(s), float(r)
    return -math.log(r) + 0.5 * (r**2 + s**2 - 1), math.log(r) + 0.5 * (1 + s**2) / r**2 - 0.5


@wrong("kl-reversed")
def divergences_swapped(s, r):
    q, p = Normal(s, r), Normal(0.0, 1.0)
    return kl_divergence(p, q), kl_divergence(q, p)


@wrong("sign-flipped")
def bound_minus_evidence(s, r):
    return -((r**2 + s**2 - 1) / 2 - r.log()), -(((1 + s**2) / r**2 - 1) / 2 + r.log())


@wrong("half-missing")
def half_forgotten(s, r):
    return r**2 + s**2 - 1 - r.log(), (1 + s**2) / r**2 - 1 + r.log()


@wrong("shift-unscaled")
def shift_in_posterior_units(s, r):
    below = kl_divergence(Normal(s, r), Normal(0.0, 1.0))
    return below, 0.5 * (1 / r**2 + s**2 - 1) + torch.log(r)


@wrong("logarithm-sign")
def log_added(s, r):
    return 0.5 * (r**2 + s**2 - 1) + r.log(), 0.5 * ((1 + s**2) / r**2 - 1) + r.log()


@wrong("logarithm-sign")
def both_logs_turned(s, r):
    return 0.5 * (r**2 + s**2 - 1 + 2 * r.log()), 0.5 * ((1 + s**2) / r**2 - 1 - 2 * r.log())


@wrong("determinant-missing")
def no_logarithms(s, r):
    return 0.5 * (r**2 + s**2 - 1), 0.5 * ((1 + s**2) / r**2 - 1)


@wrong("sigma-for-variance")
def deviation_for_variance(s, r):
    return 0.5 * (r + s**2 - 1) - r.log(), 0.5 * ((1 + s**2) / r - 1) + r.log()


@wrong("kl-constant-missing")
def minus_one_forgotten(s, r):
    return 0.5 * (r**2 + s**2) - r.log(), 0.5 * (1 + s**2) / r**2 + r.log()


@wrong("square-missing")
def shift_not_squared(s, r):
    return 0.5 * (r**2 + s - 1) - r.log(), 0.5 * ((1 + s) / r**2 - 1) + r.log()


@wrong("kl-reversed", "kl-constant-missing")
def swapped_without_one(s, r):
    return 0.5 * (1 + s**2) / r**2 + r.log(), 0.5 * (r**2 + s**2) - r.log()


@wrong("sign-flipped")
def upper_bound_the_other_way(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), -(0.5 * ((1 + s**2) / r**2 - 1) + r.log())


@wrong("half-missing")
def both_doubled(s, r):
    return r**2 + s**2 - 1 - torch.log(r**2), (1 + s**2) / r**2 - 1 + torch.log(r**2)


@wrong("sigma-for-variance")
def half_of_log_r(s, r):
    return 0.5 * (r**2 + s**2 - 1 - r.log()), 0.5 * ((1 + s**2) / r**2 - 1 + r.log())


@wrong("bracket-missing")
def one_not_divided(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), 0.5 * (1 + s**2 / r**2 - 1) + r.log()


@wrong("kl-reversed")
def the_lower_gap_twice(s, r):
    gap = kl_divergence(Normal(s, r), Normal(0.0, 1.0))
    return gap, gap


@wrong("kl-constant-missing")
def one_forgotten_above(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), 0.5 * (1 + s**2) / r**2 + r.log()


@wrong("shift-missing")
def widths_only(s, r):
    return 0.5 * (r**2 - 1) - r.log(), 0.5 * (1 / r**2 - 1) + r.log()


@wrong("square-sign")
def shift_subtracted(s, r):
    return 0.5 * (r**2 - s**2 - 1) - r.log(), 0.5 * ((1 + s**2) / r**2 - 1) + r.log()


@wrong("sigma-for-variance")
def r_as_a_variance(s, r):
    return 0.5 * (r + s**2 - 1 - r.log()), 0.5 * ((1 + s**2) / r - 1 + r.log())
