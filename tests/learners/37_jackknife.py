import math

import torch

from learners import right, wrong


@right
def leaving_out_by_a_loop(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = [torch.logsumexp(r, 0) - math.log(K - 1) for r in rest]
    return K * full - (K - 1) * torch.stack(less).mean(0)


@right
def with_a_mask(log_w):
    K = len(log_w)
    mask = torch.eye(K, dtype=torch.bool)[:, :, None]
    rest = log_w.expand(K, *log_w.shape).masked_fill(mask, -torch.inf)
    less = torch.logsumexp(rest, 1) - math.log(K - 1)
    return K * (torch.logsumexp(log_w, 0) - math.log(K)) - (K - 1) * less.mean(0)


@right
def by_the_indices_of_the_others(log_w):
    K = len(log_w)
    others = torch.tensor([[j for j in range(K) if j != k] for k in range(K)])
    less = torch.logsumexp(log_w[others], 1) - math.log(K - 1)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    return full + (K - 1) * (full - less.mean(0))


@wrong("cancelled")
def whole_sum_minus_one(log_w):
    K, top = len(log_w), log_w.max(0).values
    w = (log_w - top).exp()
    less = ((w.sum(0) - w) / (K - 1)).log().mean(0)
    return top + K * w.mean(0).log() - (K - 1) * less


@wrong("cancelled")
def from_the_shares(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    share = log_w.softmax(0)
    less = full + torch.log1p(-share) + math.log(K / (K - 1))
    return full + (K - 1) * (full - less.mean(0))


@wrong("correction-sign")
def wrong_direction(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return full - (K - 1) * (full - less.mean(0))


@wrong("correction-unscaled")
def difference_only(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return 2 * full - less.mean(0)


@wrong("correction-unscaled")
def times_k(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return full + K * (full - less.mean(0))


@wrong("count-not-lowered")
def divided_by_k(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = [torch.logsumexp(r, 0) - math.log(K) for r in rest]
    return K * full - (K - 1) * torch.stack(less).mean(0)


@wrong("averaged-inside")
def mean_before_the_log(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return K * full - (K - 1) * (torch.logsumexp(less, 0) - math.log(K))


@wrong("log-of-mean-of-logs")
def from_the_elbo(log_w):
    K = log_w.shape[0]
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = [torch.logsumexp(r, 0) - math.log(K - 1) for r in rest]
    return K * log_w.mean(0) - (K - 1) * torch.stack(less).mean(0)


@wrong("no-maximum")
def with_bare_weights(log_w):
    K, w = len(log_w), log_w.exp()
    less = torch.log((w.sum(0) - w) / (K - 1)).mean(0)
    return K * torch.log(w.mean(0)) - (K - 1) * less


@wrong("log-k-missing")
def first_term_a_sum(log_w):
    K = len(log_w)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return K * torch.logsumexp(log_w, 0) - (K - 1) * less.mean(0)


@wrong("maximum-not-added")
def relative_to_the_top(log_w):
    K = len(log_w)
    log_w = log_w - log_w.amax(0)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K - 1)
    return K * (log_w.logsumexp(0) - math.log(K)) - (K - 1) * less.mean(0)


@wrong("correction-sign", "count-not-lowered")
def wrong_way_and_count(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    rest = [torch.cat([log_w[:k], log_w[k + 1 :]]) for k in range(K)]
    less = torch.stack([torch.logsumexp(r, 0) for r in rest]) - math.log(K)
    return full + (K - 1) * (less.mean(0) - full)


def _without_each(log_w):
    K = len(log_w)
    others = [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    return torch.logsumexp(log_w, 0) - math.log(K), torch.stack(others) - math.log(K - 1)


@wrong("sum-over-samples")
def sum_not_divided(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * less.sum(0)


@wrong("terms-added")
def plus_for_minus(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full + (len(log_w) - 1) * less.mean(0)


@wrong("factor-missing")
def first_factor_forgotten(log_w):
    full, less = _without_each(log_w)
    return full - (len(log_w) - 1) * less.mean(0)


@wrong("factor-missing")
def second_factor_forgotten(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - less.mean(0)


@wrong("one-choice")
def without_the_first_only(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * less[0]


@wrong("weight-of-one")
def set_to_zero(log_w):
    K, less = len(log_w), 0.0
    for j in range(K):
        others = log_w.clone()
        others[j] = 0
        less = less + torch.logsumexp(others, 0) - math.log(K - 1)
    return K * (torch.logsumexp(log_w, 0) - math.log(K)) - (K - 1) / K * less


@wrong("log-of-mean-of-logs")
def others_averaged_as_logs(log_w):
    full, _ = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * log_w.mean(0)


@wrong("approximation-for-exact")
def bias_by_the_delta_method(log_w):
    K, w = len(log_w), (log_w - log_w.amax(0)).exp()
    return torch.logsumexp(log_w, 0) - math.log(K) + w.var(0) / w.mean(0) ** 2 / (2 * K)
