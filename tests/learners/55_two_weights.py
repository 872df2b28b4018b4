import math

import numpy as np
import torch

from learners import right, wrong


@right
def bounds_as_derived(d):
    L_1 = (math.log(1 + d) + math.log(1 - d)) / 2
    return L_1, L_1 / 2, 1 / (1 + d * d)


@right
def bounds_by_enumeration(d):
    w = [1 - d, 1 + d]
    L_1 = np.mean([np.log(a) for a in w])
    L_2 = np.mean([np.log((a + b) / 2) for a in w for b in w])
    return [L_1, L_2, np.mean(w) ** 2 / np.mean(np.square(w))]


@right
def bounds_in_torch(d):
    w = torch.tensor([1 + d, 1 - d], dtype=torch.float64)
    pairs = (w[:, None] + w[None, :]) / 2
    return torch.stack([w.log().mean(), pairs.log().mean(), 1 / (w**2).mean()])


@wrong("log-of-mean-of-logs")
def bounds_without_the_middle(d):
    L_2 = (math.log(1 + d) + math.log(1 - d)) / 2
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("half-missing")
def bounds_without_probabilities(d):
    L_1 = math.log(1 + d) + math.log(1 - d)
    return L_1, L_1 / 2, 1 / (1 + d**2)


@wrong("log-k-missing")
def bounds_of_the_sum(d):
    L_2 = 0.25 * math.log(2 + 2 * d) + 0.5 * math.log(2) + 0.25 * math.log(2 - 2 * d)
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("outcomes-miscounted")
def bounds_of_three_outcomes(d):
    L_2 = sum(math.log(mean) for mean in (1 + d, 1.0, 1 - d)) / 3
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("sign-flipped")
def bounds_as_gaps(d):
    gap = -0.25 * np.log(1 - d**2)
    return 2 * gap, gap, 1 / (1 + d**2)


@wrong("approximation-for-exact")
def bounds_by_the_rate(d):
    chi2 = d**2
    return -chi2 / 2, -chi2 / 4, 1 / (1 + chi2)


@wrong("approximation-for-exact")
def bounds_with_expanded_limit(d):
    return 0.5 * math.log1p(-(d**2)), 0.25 * math.log1p(-(d**2)), 1 - d**2


@wrong("base-2")
def bounds_in_bits(d):
    L_1 = 0.5 * np.log2(1 - d**2)
    return L_1, L_1 / 2, 1 / (1 + d**2)


@wrong("sigma-for-variance")
def bounds_with_deviation(d):
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, 0.5 * L_1, 1 / (1 + d)


@wrong("second-moment-for-variance")
def bounds_with_second_moment(d):
    chi2 = ((1 + d) ** 2 + (1 - d) ** 2) / 2
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, L_1 / 2, 1 / (1 + chi2)


@wrong("upside-down")
def bounds_with_inverse_limit(d):
    L_1 = 0.5 * math.log((1 + d) * (1 - d))
    return L_1, L_1 / 2, ((1 + d) ** 2 + (1 - d) ** 2) / 2


@wrong("log-outside")
def bounds_of_the_mean_weight(d):
    L = math.log(((1 + d) + (1 - d)) / 2)
    return L, L, 1 / (1 + d**2)


@wrong("order-swapped")
def bounds_exchanged(d):
    L_1 = math.log(1 - d**2) / 2
    return L_1 / 2, L_1, 1 / (1 + d**2)


@wrong("one-missing")
def bounds_with_chi2_for_price(d):
    L_1 = math.log(1 - d**2) / 2
    return L_1, L_1 / 2, d**-2


@wrong("another-variance")
def bounds_with_torchs_variance(d):
    w = torch.tensor([1 + d, 1 - d])
    L_1 = w.log().mean()
    return L_1, L_1 / 2, 1 / (1 + w.var() / w.mean() ** 2)


@wrong("two-for-the-limit")
def bounds_with_two_samples(d):
    pairs = [(a, b) for a in (1 + d, 1 - d) for b in (1 + d, 1 - d)]
    L_1 = math.log(1 - d**2) / 2
    return L_1, L_1 / 2, sum((a + b) ** 2 / (a**2 + b**2) / 2 for a, b in pairs) / 4


@wrong("half-missing", "approximation-for-exact")
def bounds_first_order_without_half(d):
    return -(d**2), -(d**2) / 2, 1 / (1 + d**2)


@wrong("product-for-sum")
def bounds_that_double(d):
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, 2 * L_1, 1 / (1 + d**2)


@wrong("log-k-missing", "upside-down")
def bounds_twice_wrong(d):
    L_2 = np.mean([np.log(a + b) for a in (1 + d, 1 - d) for b in (1 + d, 1 - d)])
    return 0.5 * math.log(1 - d**2), L_2, 1 + d**2
