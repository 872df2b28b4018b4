import math

import torch
from torch.distributions import Normal

from learners import right, wrong


@right
def by_the_formula(c, s_p):
    constant = math.log(math.sqrt(2 * math.pi)) + s_p.log()
    mean_log = torch.log(2 * c) - constant - c**2 / (6 * s_p**2)
    return mean_log, torch.log(2 * Normal(0.0, 1.0).cdf(c / s_p) - 1)


@right
def by_integration(c, s_p):
    z = torch.linspace(-1, 1, 20_001) * c
    log_w = Normal(0.0, s_p).log_prob(z) + torch.log(2 * c)
    return torch.trapezoid(log_w, z) / (2 * c), torch.log(torch.trapezoid(log_w.exp(), z) / (2 * c))


@right
def in_units_of_s_p(c, s_p):
    a = float(c / s_p)
    log_mean = math.log(math.erf(a / math.sqrt(2)))
    return math.log(2 * a) - math.log(2 * math.pi) / 2 - a**2 / 6, log_mean


@wrong("spread-for-variance")
def c_squared(c, s_p):
    mean_log = Normal(0.0, s_p).log_prob(c) + torch.log(2 * c)
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform-density")
def one_over_c(c, s_p):
    mean_log = c.log() - 0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / s_p**2 / 6
    return mean_log, torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("normaliser-dropped")
def no_constant(c, s_p):
    return torch.log(2 * c) - c**2 / (6 * s_p**2), torch.log(torch.erf(c / (math.sqrt(2) * s_p)))


@wrong("normaliser-dropped")
def no_two_pi(c, s_p):
    return torch.log(2 * c / s_p) - c**2 / (6 * s_p**2), torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("sigma-for-variance")
def s_p_for_its_square(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p) - c**2 / (6 * s_p)
    return mean_log, torch.log(torch.erf(c / (s_p * math.sqrt(2))))


@wrong("log-q-missing")
def without_q(c, s_p):
    mean_log = -0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / (6 * s_p**2)
    return mean_log, torch.log(torch.erf(c / (s_p * math.sqrt(2))))


@wrong("log-q-sign")
def q_multiplied(c, s_p):
    z = torch.linspace(-1, 1, 20_001) * c
    mean_log_p = torch.trapezoid(Normal(0.0, s_p).log_prob(z), z) / (2 * c)
    return mean_log_p - torch.log(2 * c), torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("one-side")
def half_the_mass(c, s_p):
    mean_log = math.log(2) + c.log() - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(Normal(0.0, s_p).cdf(c) - 0.5)


@wrong("mass-not-logged")
def the_mass_itself(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, 2 * Normal(0.0, s_p).cdf(c) - 1


@wrong("uniform-density", "mass-not-logged")
def density_and_mass(c, s_p):
    mean_log = torch.log(c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / (s_p * math.sqrt(2)))


@wrong("erf-argument")
def erf_of_the_ratio(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / s_p).log()


@wrong("erf-argument")
def root_multiplied(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / s_p * 2**0.5).log()


@wrong("erf-argument")
def erf_without_s_p(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / 2**0.5).log()


@wrong("variance-for-sigma")
def erf_of_the_variance(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / (s_p**2 * 2**0.5)).log()


@wrong("mass-elsewhere")
def all_below(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, Normal(0.0, 1.0).cdf(c / s_p).log()


@wrong("mass-elsewhere")
def what_is_missed(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(1 - torch.erf(c / s_p / math.sqrt(2)))


@wrong("support-ignored")
def nothing_lost(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.zeros_like(c)


@wrong("log-of-mean-of-logs")
def one_value_twice(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, mean_log


@wrong("half-missing")
def third_of_the_square(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 3
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("spread-for-variance")
def width_c(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 24
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("spread-for-variance")
def at_the_mean_of_z(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2)
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("square-sign")
def square_added(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) + (c / s_p) ** 2 / 6
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("bracket-missing")
def s_p_multiplied(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / 6 * s_p**2
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("sigma-for-variance")
def s_p_in_the_normaliser(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("negated")
def as_losses(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return -mean_log, -torch.log(torch.erf(c / s_p / math.sqrt(2)))
