"""Answers to the exercises of chapter 5 about weights."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from learners import right, two, wrong

# 5.1, normalized weights.


@right("normalized_weights")
def shares_by_softmax(log_w):
    return torch.softmax(log_w, dim=0)


@right("normalized_weights")
def shares_by_logsumexp(log_w):
    return torch.exp(log_w - torch.logsumexp(log_w, dim=0, keepdim=True))


@right("normalized_weights")
def shares_column_by_column(log_w):
    columns = []
    for b in range(log_w.shape[1]):
        column = log_w[:, b]
        w = torch.exp(column - max(column))
        columns.append(w / w.sum())
    return torch.stack(columns, 1)


@right("normalized_weights")
def shares_in_numpy(log_w):
    log_w = log_w.numpy()
    w = np.exp(log_w - log_w.max(axis=0))
    return w / w.sum(axis=0)


@wrong("normalized_weights", "no-maximum")
def shares_of_naked_weights(log_w):
    w = torch.exp(log_w)
    return torch.einsum("kb,b->kb", w, 1 / w.sum(0))


@wrong("normalized_weights", "no-maximum")
def shares_by_a_difference(log_w):
    return torch.exp(log_w - torch.log(torch.sum(torch.exp(log_w), dim=0)))


@wrong("normalized_weights", "maximum-of-all")
def shares_below_one_maximum(log_w):
    w = torch.exp(log_w - log_w.max())
    return w / w.sum(0)


@wrong("normalized_weights", "wrong-axis")
def shares_along_the_batch(log_w):
    return F.softmax(log_w, dim=-1)


@wrong("normalized_weights", "wrong-axis")
def shares_of_everything(log_w):
    w = (log_w - log_w.max()).exp()
    return w / w.sum()


@wrong("normalized_weights", "softmax-of-losses")
def shares_of_losses(log_w):
    loss = -log_w
    return loss.softmax(0)


@wrong("normalized_weights", "exponential-twice")
def shares_softmax_of_weights(log_w):
    w = (log_w - log_w.max(dim=0, keepdim=True)[0]).exp()
    return torch.softmax(w, 0)


@wrong("normalized_weights", "logs-for-weights")
def shares_of_logarithms(log_w):
    total = torch.zeros(log_w.shape[1])
    for row in log_w:
        total = total + row
    return log_w / total


@wrong("normalized_weights", "not-normalised")
def shares_of_the_largest(log_w):
    return torch.exp(log_w - torch.amax(log_w, 0))


@wrong("normalized_weights", "mean-for-sum")
def shares_that_sum_to_K(log_w):
    return torch.exp(log_w - torch.logsumexp(log_w, 0) + math.log(log_w.shape[0]))


@wrong("normalized_weights", "log-for-value")
def shares_still_in_logs(log_w):
    return torch.log_softmax(log_w, 0)


@two("normalized_weights", "no-maximum", "wrong-axis")
def shares_naked_along_the_batch(log_w):
    w = torch.exp(log_w)
    return w / torch.sum(w, dim=1, keepdim=True)


@wrong("normalized_weights", "another-shift")
def shares_around_the_mean(log_w):
    w = torch.exp(log_w - log_w.mean(dim=0))
    return w / w.sum(dim=0)


@wrong("normalized_weights", "minimum-for-maximum")
def shares_above_the_smallest(log_w):
    w = torch.exp(log_w - torch.min(log_w, dim=0).values)
    return w / w.sum(dim=0)


@wrong("normalized_weights", "no-maximum")
def shares_with_a_small_number(log_w):
    w = log_w.exp()
    return w / (w.sum(dim=0) + 1e-10)


@wrong("normalized_weights", "no-maximum")
def shares_shifted_below_only(log_w):
    top = log_w.max(0).values
    return torch.exp(log_w) / torch.exp(log_w - top).sum(0)


@wrong("normalized_weights", "softmax-of-losses")
def shares_of_a_turned_difference(log_w):
    w = torch.exp(log_w.max(0).values - log_w)
    return w / w.sum(0)


@wrong("normalized_weights", "wrong-axis")
def shares_with_a_crash_in_between(log_w):
    w = (log_w - log_w.max(dim=1).values).exp()
    return w / w.sum(1)


@wrong("normalized_weights", "wrong-axis")
def shares_of_the_total(log_w):
    w = torch.exp(log_w - log_w.max(dim=0).values)
    return w / w.sum()


@wrong("normalized_weights", "logs-for-weights")
def shares_without_exponential(log_w):
    log_w = log_w - log_w.max(0).values
    return log_w / log_w.sum(0)


@wrong("normalized_weights", "product-for-sum")
def shares_of_the_product(log_w):
    return torch.exp(log_w - torch.sum(log_w, 0))


@wrong("normalized_weights", "not-normalised")
def shares_over_K(log_w):
    w = torch.exp(log_w - log_w.max(dim=0).values)
    return w / log_w.shape[0]


# 5.2, effective sample size.


@right("effective_sample_size")
def count_by_softmax(log_w):
    return 1 / (torch.softmax(log_w, 0) ** 2).sum(0)


@right("effective_sample_size")
def count_in_logs(log_w):
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))


@right("effective_sample_size")
def count_by_two_sums(log_w):
    w = torch.exp(log_w - log_w.max(0, keepdim=True).values)
    return w.sum(0).pow(2).div(w.pow(2).sum(0))


@right("effective_sample_size")
def count_by_einsum(log_w):
    w = torch.softmax(log_w, 0)
    return torch.einsum("kb,kb->b", w, w).reciprocal()


@wrong("effective_sample_size", "no-maximum")
def count_of_naked_weights(log_w):
    w = log_w.exp()
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("effective_sample_size", "another-shift")
def count_around_the_mean(log_w):
    w = torch.exp(log_w - log_w.mean(0))
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("effective_sample_size", "upside-down")
def count_upside_down(log_w):
    return torch.softmax(log_w, 0).square().sum(dim=0)


@wrong("effective_sample_size", "maximum-of-all")
def count_below_one_maximum(log_w):
    w = torch.exp(log_w - log_w.max())
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("effective_sample_size", "square-of-sum")
def count_numerator_not_squared(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.sum(0) / (w**2).sum(0)


@wrong("effective_sample_size", "square-of-sum")
def count_of_doubled_logs(log_w):
    return 1 / torch.softmax(2 * log_w, 0).sum(0)


@wrong("effective_sample_size", "wrong-axis")
def count_of_mixed_axes(log_w):
    return 1 / torch.softmax(log_w, 1).square().sum(0)


@wrong("effective_sample_size", "sum-over-data")
def count_of_all_together(log_w):
    return 1 / torch.softmax(log_w.flatten(), 0).square().sum()


@wrong("effective_sample_size", "sum-over-data")
def count_averaged(log_w):
    return (1 / torch.softmax(log_w, 0).square().sum(0)).mean()


@wrong("effective_sample_size", "softmax-of-losses")
def count_of_losses(log_w):
    return 1 / torch.softmax(-log_w, 0).square().sum(0)


@wrong("effective_sample_size", "square-of-sum")
def count_square_of_sum(log_w):
    w = torch.softmax(log_w, 0)
    return 1 / torch.sum(w, 0) ** 2


@wrong("effective_sample_size", "not-normalised")
def count_as_if_normalised(log_w):
    w = torch.exp(log_w)
    return 1.0 / torch.sum(w * w, 0)


@wrong("effective_sample_size", "fraction-for-count")
def count_as_fraction(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.mean(0) ** 2 / (w**2).mean(0)


@wrong("effective_sample_size", "mean-for-sum")
def count_with_mean(log_w):
    return 1 / torch.mean(F.softmax(log_w, 0) ** 2, 0)


@wrong("effective_sample_size", "wrong-axis")
def count_along_the_batch(log_w):
    shares = log_w.softmax(-1)
    return 1 / shares.square().sum(-1)


@wrong("effective_sample_size", "another-count")
def count_by_entropy(log_w):
    shares = torch.distributions.Categorical(logits=log_w.T)
    return torch.exp(shares.entropy())


@wrong("effective_sample_size", "another-count")
def count_by_the_largest(log_w):
    return torch.exp(torch.logsumexp(log_w, 0) - log_w.max(0).values)


@wrong("effective_sample_size", "log-for-value")
def count_in_nats(log_w):
    return 2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0)


@wrong("effective_sample_size", "logs-for-weights")
def count_of_logarithms(log_w):
    return log_w.sum(0) ** 2 / (log_w**2).sum(0)


@two("effective_sample_size", "no-maximum", "fraction-for-count")
def count_naked_fraction(log_w):
    w = log_w.exp()
    return w.mean(0) ** 2 / (w**2).mean(0)


# 5.5, two weights.


@right("two_weights")
def bounds_as_derived(d):
    L_1 = (math.log(1 + d) + math.log(1 - d)) / 2
    return L_1, L_1 / 2, 1 / (1 + d * d)


@right("two_weights")
def bounds_by_enumeration(d):
    w = [1 - d, 1 + d]
    L_1 = np.mean([np.log(a) for a in w])
    L_2 = np.mean([np.log((a + b) / 2) for a in w for b in w])
    return [L_1, L_2, np.mean(w) ** 2 / np.mean(np.square(w))]


@right("two_weights")
def bounds_in_torch(d):
    w = torch.tensor([1 + d, 1 - d], dtype=torch.float64)
    pairs = (w[:, None] + w[None, :]) / 2
    return torch.stack([w.log().mean(), pairs.log().mean(), 1 / (w**2).mean()])


@wrong("two_weights", "log-of-mean-of-logs")
def bounds_without_the_middle(d):
    L_2 = (math.log(1 + d) + math.log(1 - d)) / 2
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("two_weights", "half-missing")
def bounds_without_probabilities(d):
    L_1 = math.log(1 + d) + math.log(1 - d)
    return L_1, L_1 / 2, 1 / (1 + d**2)


@wrong("two_weights", "log-k-missing")
def bounds_of_the_sum(d):
    L_2 = 0.25 * math.log(2 + 2 * d) + 0.5 * math.log(2) + 0.25 * math.log(2 - 2 * d)
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("two_weights", "outcomes-miscounted")
def bounds_of_three_outcomes(d):
    L_2 = sum(math.log(mean) for mean in (1 + d, 1.0, 1 - d)) / 3
    return 0.5 * math.log(1 - d**2), L_2, 1 / (1 + d**2)


@wrong("two_weights", "sign-flipped")
def bounds_as_gaps(d):
    gap = -0.25 * np.log(1 - d**2)
    return 2 * gap, gap, 1 / (1 + d**2)


@wrong("two_weights", "approximation-for-exact")
def bounds_by_the_rate(d):
    chi2 = d**2
    return -chi2 / 2, -chi2 / 4, 1 / (1 + chi2)


@wrong("two_weights", "approximation-for-exact")
def bounds_with_expanded_limit(d):
    return 0.5 * math.log1p(-(d**2)), 0.25 * math.log1p(-(d**2)), 1 - d**2


@wrong("two_weights", "base-2")
def bounds_in_bits(d):
    L_1 = 0.5 * np.log2(1 - d**2)
    return L_1, L_1 / 2, 1 / (1 + d**2)


@wrong("two_weights", "sigma-for-variance")
def bounds_with_deviation(d):
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, 0.5 * L_1, 1 / (1 + d)


@wrong("two_weights", "second-moment-for-variance")
def bounds_with_second_moment(d):
    chi2 = ((1 + d) ** 2 + (1 - d) ** 2) / 2
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, L_1 / 2, 1 / (1 + chi2)


@wrong("two_weights", "upside-down")
def bounds_with_inverse_limit(d):
    L_1 = 0.5 * math.log((1 + d) * (1 - d))
    return L_1, L_1 / 2, ((1 + d) ** 2 + (1 - d) ** 2) / 2


@wrong("two_weights", "log-outside")
def bounds_of_the_mean_weight(d):
    L = math.log(((1 + d) + (1 - d)) / 2)
    return L, L, 1 / (1 + d**2)


@wrong("two_weights", "order-swapped")
def bounds_exchanged(d):
    L_1 = math.log(1 - d**2) / 2
    return L_1 / 2, L_1, 1 / (1 + d**2)


@wrong("two_weights", "one-missing")
def bounds_with_chi2_for_price(d):
    L_1 = math.log(1 - d**2) / 2
    return L_1, L_1 / 2, d**-2


@wrong("two_weights", "another-variance")
def bounds_with_torchs_variance(d):
    w = torch.tensor([1 + d, 1 - d])
    L_1 = w.log().mean()
    return L_1, L_1 / 2, 1 / (1 + w.var() / w.mean() ** 2)


@wrong("two_weights", "two-for-the-limit")
def bounds_with_two_samples(d):
    pairs = [(a, b) for a in (1 + d, 1 - d) for b in (1 + d, 1 - d)]
    L_1 = math.log(1 - d**2) / 2
    return L_1, L_1 / 2, sum((a + b) ** 2 / (a**2 + b**2) / 2 for a, b in pairs) / 4


@two("two_weights", "half-missing", "approximation-for-exact")
def bounds_first_order_without_half(d):
    return -(d**2), -(d**2) / 2, 1 / (1 + d**2)


@wrong("two_weights", "product-for-sum")
def bounds_that_double(d):
    L_1 = 0.5 * math.log(1 - d**2)
    return L_1, 2 * L_1, 1 / (1 + d**2)


@two("two_weights", "log-k-missing", "upside-down")
def bounds_twice_wrong(d):
    L_2 = np.mean([np.log(a + b) for a in (1 + d, 1 - d) for b in (1 + d, 1 - d)])
    return 0.5 * math.log(1 - d**2), L_2, 1 + d**2


# 5.6, the surrogate's limit.


@right("surrogate_limit")
def limit_as_stated(log_p, mean_p, s_p, mean_q, s_q):
    delta = mean_p - mean_q
    return log_p + (s_p**2 / s_q**2 + delta**2 / s_q**2 - 1 - math.log(s_p**2 / s_q**2)) / 2


@right("surrogate_limit")
def limit_by_torch(log_p, mean_p, s_p, mean_q, s_q):
    mean_p, s_p, mean_q, s_q = (
        torch.tensor(v, dtype=torch.float64) for v in (mean_p, s_p, mean_q, s_q)
    )
    return log_p + kl_divergence(Normal(mean_p, s_p), Normal(mean_q, s_q))


@right("surrogate_limit")
def limit_by_quadrature(log_p, mean_p, s_p, mean_q, s_q):
    t = np.linspace(-12, 12, 4001)
    z = mean_p + s_p * t
    p = np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi)
    log_w = log_p + np.log(s_q / s_p) - 0.5 * t**2 + 0.5 * ((z - mean_q) / s_q) ** 2
    return (p * log_w).sum() * (t[1] - t[0])


def normals(mean_p, s_p, mean_q, s_q):
    mean_p, s_p, mean_q, s_q = (
        torch.tensor(v, dtype=torch.float64) for v in (mean_p, s_p, mean_q, s_q)
    )
    return Normal(mean_p, s_p), Normal(mean_q, s_q)


@wrong("surrogate_limit", "kl-reversed")
def limit_with_other_kl(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p + kl_divergence(q, p).item()


@wrong("surrogate_limit", "wrong-side")
def limit_below(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p - kl_divergence(p, q)


@wrong("surrogate_limit", "kl-missing")
def limit_of_the_bound(log_p, mean_p, s_p, mean_q, s_q):
    return log_p


@wrong("surrogate_limit", "evidence-missing")
def limit_without_evidence(log_p, mean_p, s_p, mean_q, s_q):
    return kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("surrogate_limit", "half-missing")
def limit_without_half(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + ratio + (mean_p - mean_q) ** 2 / s_q**2 - 1 - np.log(ratio)


@wrong("surrogate_limit", "determinant-missing")
def limit_without_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + 0.5 * (s_p**2 / s_q**2 - 1) + 0.5 * ((mean_p - mean_q) / s_q) ** 2


@wrong("surrogate_limit", "logarithm-sign")
def limit_with_inverted_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    square = (s_p**2 + (mean_p - mean_q) ** 2) / s_q**2
    return log_p + 0.5 * (square - 1 - math.log(s_q**2 / s_p**2))


@wrong("surrogate_limit", "sigma-for-variance")
def limit_with_log_of_deviations(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + 0.5 * ((s_p**2 + (mean_p - mean_q) ** 2) / s_q**2 - 1 - math.log(s_p / s_q))


@wrong("surrogate_limit", "sigma-for-variance")
def limit_with_deviations(log_p, mean_p, s_p, mean_q, s_q):
    ratio = s_p / s_q
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 / s_q - 1 - math.log(ratio))


@wrong("surrogate_limit", "variance-for-sigma")
def limit_with_variances(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p**2, mean_q, s_q**2)
    return log_p + kl_divergence(p, q)


@wrong("surrogate_limit", "kl-constant-missing")
def limit_without_one(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) + (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2)


@wrong("surrogate_limit", "log-outside")
def limit_of_log_mean(log_p, mean_p, s_p, mean_q, s_q):
    wide = 2 * s_q**2 - s_p**2
    moment = s_q**2 / (s_p * math.sqrt(wide)) * math.exp((mean_p - mean_q) ** 2 / wide)
    return log_p + math.log(moment)


@wrong("surrogate_limit", "sign-flipped")
def limit_of_a_loss(log_p, mean_p, s_p, mean_q, s_q):
    return -log_p - kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("surrogate_limit", "log-missing")
def limit_plus_p(log_p, mean_p, s_p, mean_q, s_q):
    return np.exp(log_p) + kl_divergence(*normals(mean_p, s_p, mean_q, s_q))


@wrong("surrogate_limit", "not-normalised")
def limit_of_the_numerator(log_p, mean_p, s_p, mean_q, s_q):
    return math.exp(log_p) * (log_p + kl_divergence(*normals(mean_p, s_p, mean_q, s_q)))


@wrong("surrogate_limit", "half-missing")
def limit_without_half_of_the_squares(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) + (s_p**2 + (mean_p - mean_q) ** 2) / s_q**2 - 0.5


@wrong("surrogate_limit", "half-missing")
def limit_without_half_of_the_logarithm(log_p, mean_p, s_p, mean_q, s_q):
    return (
        log_p + math.log(s_q**2 / s_p**2) + (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2) - 0.5
    )


@wrong("surrogate_limit", "shift-unscaled")
def limit_with_bare_shift(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 - 1 - math.log(ratio))


@wrong("surrogate_limit", "spread-missing")
def limit_at_the_mean(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + math.log(s_q / s_p) - 0.5 + (mean_p - mean_q) ** 2 / (2 * s_q**2)


@wrong("surrogate_limit", "square-missing")
def limit_with_unsquared_shift(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_p / s_q) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) / s_q - 1 - math.log(ratio))


@wrong("surrogate_limit", "upside-down")
def limit_with_the_ratio_turned(log_p, mean_p, s_p, mean_q, s_q):
    ratio = (s_q / s_p) ** 2
    return log_p + 0.5 * (ratio + (mean_p - mean_q) ** 2 / s_q**2 - 1 - math.log(ratio))


@two("surrogate_limit", "determinant-missing", "kl-constant-missing")
def limit_of_squares_only(log_p, mean_p, s_p, mean_q, s_q):
    return log_p + (s_p**2 + (mean_p - mean_q) ** 2) / (2 * s_q**2)


@two("surrogate_limit", "kl-reversed", "wrong-side")
def limit_is_the_elbo(log_p, mean_p, s_p, mean_q, s_q):
    p, q = normals(mean_p, s_p, mean_q, s_q)
    return log_p - kl_divergence(q, p)
