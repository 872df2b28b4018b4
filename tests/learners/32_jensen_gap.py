import math

import torch

from learners import right, wrong


@right
def log_mean_minus_mean_log(w):
    return torch.log(w.mean(dim=0)) - torch.log(w).mean(dim=0)


@right
def by_relative_weights(w):
    t = w / w.mean(0, keepdim=True)
    return (t - 1 - t.log()).mean(0)


@right
def datum_by_datum(w):
    gaps = []
    for b in range(w.shape[1]):
        column = [v.item() for v in w[:, b]]
        gaps.append(math.log(sum(column) / len(column)) - sum(map(math.log, column)) / len(column))
    return torch.tensor(gaps)


@wrong("sign-flipped")
def other_way_round(w):
    return w.log().mean(0) - w.mean(0).log()


@wrong("wrong-axis")
def along_the_data(w):
    return w.mean(1).log() - w.log().mean(1)


@wrong("wrong-axis")
def along_the_last_axis(w):
    t = w / w.mean(-1, keepdim=True)
    return -t.log().mean(-1)


@wrong("sum-over-data")
def one_number(w):
    return w.mean().log() - w.log().mean()


@wrong("sum-over-data")
def averaged_over_data(w):
    return torch.mean(torch.log(w.mean(0)) - w.log().mean(0))


@wrong("log-k-missing")
def log_of_the_sum_of_weights(w):
    return torch.logsumexp(w.log(), 0) - w.log().mean(0)


@wrong("base-2")
def gap_in_bits(w):
    return (w.mean(0).log() - w.log().mean(0)) / math.log(2)


@wrong("half-variance")
def by_the_expansion(w):
    t = w / w.mean(0)
    return ((t - 1) ** 2).mean(0) / 2


@wrong("half-variance")
def by_the_sample_variance(w):
    return w.var(0) / (2 * w.mean(0) ** 2)


@wrong("exponential-left")
def ratio_of_two_means(w):
    geometric = w.prod(0) ** (1 / w.shape[0])
    return w.mean(0) / geometric


@wrong("logarithm-missing")
def mean_without_log(w):
    return w.mean(0) - w.log().mean(0)


@wrong("sign-flipped", "wrong-axis")
def negative_along_data(w):
    return torch.log(w).mean(dim=1) - torch.log(w.mean(dim=1))


@wrong("sum-over-samples")
def logs_added(w):
    return w.mean(0).log() - w.log().sum(0)


@wrong("sum-over-samples")
def both_added(w):
    return torch.log(w.sum(0)) - torch.log(w).sum(0)


@wrong("counted-wrong")
def divided_by_the_data(w):
    K = w.shape[1]
    return torch.log(w.sum(0) / K) - torch.log(w).sum(0) / K


@wrong("not-averaged")
def weight_by_weight(w):
    return w.mean(0).log() - w.log()


@wrong("axis-kept")
def in_one_row(w):
    return w.mean(0, keepdim=True).log() - w.log().mean(0, keepdim=True)


@wrong("sum-over-data")
def one_mean_over_all(w):
    return w.mean(0).log() - w.log().mean()


@wrong("log-outside")
def nothing_left(w):
    return torch.log(w.mean(0)) - torch.log(torch.mean(w, 0))


@wrong("weights-for-logs")
def as_if_they_were_logs(w):
    return torch.logsumexp(w, 0) - math.log(len(w)) - w.mean(0)


@wrong("log-normal-gap")
def half_the_variance_of_the_log(w):
    return w.log().var(0) / 2


@wrong("logs-divided")
def ratio_of_the_logs(w):
    return w.mean(0).log() / w.log().mean(0)
