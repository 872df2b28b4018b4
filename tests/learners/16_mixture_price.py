import math

import torch
from torch.distributions import Categorical

from learners import right, wrong


@right
def on_paper(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(-1), 1 / pi.min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@right
def second_moment_under_the_prior(pi, rho, Z, epsilon):
    ratio = rho / pi
    bits = 1 + (1 - 2 * epsilon) ** 2
    return torch.einsum("c,bc,bc->b", pi, ratio, ratio), (1 / pi).max(), pi.numel(), bits**Z


@right
def in_loops(pi, rho, Z, epsilon):
    prices = [sum(r * r / p for r, p in zip(row, pi.tolist(), strict=True)) for row in rho.tolist()]
    bits = 1.0
    for _ in range(Z):
        bits *= (1 - epsilon) ** 2 / 0.5 + epsilon**2 / 0.5
    return torch.tensor(prices), 1 / min(pi.tolist()), float(len(pi)), bits


@wrong("one-missing")
def variance_of_the_ratio(pi, rho, Z, epsilon):
    chi2 = (pi * (rho / pi - 1) ** 2).sum(1)
    return chi2, 1 / pi.min(), len(pi), (2 * (1 - epsilon) ** 2 + 2 * epsilon**2) ** Z


@wrong("prior-not-divided")
def squares_of_the_posterior(pi, rho, Z, epsilon):
    return rho.square().sum(1), 1 / pi.min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("wrong-expectation")
def averaged_under_the_posterior(pi, rho, Z, epsilon):
    ratio = rho / pi
    return (rho * ratio**2).sum(1), 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("kl-for-chi2")
def kl_divergence_by_torch(pi, rho, Z, epsilon):
    kl = torch.distributions.kl_divergence(Categorical(rho), Categorical(pi))
    return kl, 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("kl-for-chi2")
def information_of_the_bits(pi, rho, Z, epsilon):
    entropy = Categorical(torch.tensor([epsilon, 1 - epsilon])).entropy()
    bits = torch.exp(Z * (math.log(2) - entropy))
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), bits


@wrong("chi2-reversed")
def prior_from_posterior(pi, rho, Z, epsilon):
    return ((pi / rho) ** 2 * rho).sum(1), 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("mean-for-sum")
def averaged_over_components(pi, rho, Z, epsilon):
    return torch.mean(rho**2 / pi, dim=-1), max(1 / pi), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("wrong-axis")
def summed_over_the_data(pi, rho, Z, epsilon):
    price = torch.einsum("bc,bc,c->c", rho, rho, 1 / pi)
    return price, 1 / pi.min(), len(pi), (1 + (1 - 2 * epsilon) ** 2) ** Z


@wrong("wrong-extreme")
def commonest_component(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(1), (1 / pi).min(), len(pi), (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("bound-for-mean")
def one_bound_for_both(pi, rho, Z, epsilon):
    bound = 1 / pi.min()
    return (rho**2 / pi).sum(1), bound, bound, (2 - 4 * epsilon * (1 - epsilon)) ** Z


@wrong("sum-for-product")
def bits_added(pi, rho, Z, epsilon):
    one = (1 - epsilon) ** 2 / 0.5 + epsilon**2 / 0.5
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), sum([one] * Z)


@wrong("noise-missing")
def bits_revealed(pi, rho, Z, epsilon):
    return (rho**2 / pi).sum(1), 1 / pi.min(), len(pi), 2**Z


@wrong("one-missing", "noise-missing")
def chi2_and_clean_bits(pi, rho, Z, epsilon):
    return ((rho - pi) ** 2 / pi).sum(1), 1 / pi.min(), len(pi), 2.0**Z
