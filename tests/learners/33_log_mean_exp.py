import math

import torch

from learners import right, wrong


@right
def by_torch(log_w):
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


@right
def shifted_by_the_maximum(log_w):
    m = log_w.max(dim=0, keepdim=True).values
    return m.squeeze(0) + torch.log(torch.mean(torch.exp(log_w - m), dim=0))


@right
def with_logaddexp(log_w):
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - torch.log(torch.tensor(float(log_w.shape[0])))


@wrong("log-k-missing")
def log_of_the_sum(log_w):
    return torch.logsumexp(log_w, dim=0)


@wrong("log-k-missing")
def shifted_sum(log_w):
    c = log_w.amax(0)
    return c + (log_w - c).exp().sum(0).log()


@wrong("no-maximum")
def naively(log_w):
    return log_w.exp().mean(0).log()


@wrong("maximum-not-added")
def maximum_forgotten(log_w):
    c = log_w.max(0, keepdim=True).values
    return torch.log(torch.exp(log_w - c).mean(0))


@wrong("log-of-mean-of-logs")
def mean_of_the_logs(log_w):
    return log_w.mean(dim=0)


@wrong("wrong-axis")
def along_the_last(log_w):
    return torch.logsumexp(log_w, -1) - math.log(log_w.size(-1))


@wrong("sum-over-data")
def of_everything(log_w):
    m = log_w.max()
    return m + (log_w - m).exp().mean().log()


@wrong("counted-wrong")
def by_all_entries(log_w):
    return torch.logsumexp(log_w, 0) - math.log(log_w.numel())


@wrong("logarithm-missing")
def sum_of_ratios(log_w):
    m = log_w.max(0).values
    return m + torch.exp(log_w - m).sum(0) - math.log(len(log_w))


@wrong("changed-in-place")
def in_place(log_w):
    m = log_w.max(0).values.clone()
    log_w -= m
    return m + log_w.exp().mean(0).log()


@wrong("wrongly-detached")
def from_numbers(log_w):
    with torch.no_grad():
        return torch.logsumexp(log_w, 0) - math.log(len(log_w))


@wrong("no-maximum", "log-k-missing")
def naive_sum(log_w):
    return torch.log(torch.exp(log_w).sum(0))


@wrong("maximum-of-all")
def one_maximum_for_all(log_w):
    m = log_w.max()
    return m + torch.exp(log_w - m).mean(0).log()


@wrong("minimum-for-maximum")
def minimum_subtracted(log_w):
    m = log_w.min(0).values
    return m + torch.exp(log_w - m).mean(0).log()


@wrong("largest-only")
def largest(log_w):
    return log_w.amax(0)


@wrong("counted-wrong")
def number_of_data(log_w):
    return torch.logsumexp(log_w, 0) - math.log(log_w.shape[1])


@wrong("counted-wrong")
def logarithm_divided(log_w):
    return torch.logsumexp(log_w, 0) / log_w.shape[0]


@wrong("axis-kept")
def in_a_row(log_w):
    return torch.logsumexp(log_w, 0, keepdim=True) - math.log(len(log_w))


@wrong("logarithm-missing")
def mean_of_weights(log_w):
    return log_w.exp().mean(0)


@wrong("another-shift")
def shifted_by_the_mean(log_w):
    c = log_w.mean(0)
    return c + torch.exp(log_w - c).mean(0).log()


@wrong("counted-wrong")
def k_for_log_k(log_w):
    return torch.logsumexp(log_w, 0) - len(log_w)
