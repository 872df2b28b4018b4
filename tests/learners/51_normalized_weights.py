import math

import numpy as np
import torch
import torch.nn.functional as F

from learners import right, wrong


@right
def shares_by_softmax(log_w):
    return torch.softmax(log_w, dim=0)


@right
def shares_by_logsumexp(log_w):
    return torch.exp(log_w - torch.logsumexp(log_w, dim=0, keepdim=True))


@right
def shares_column_by_column(log_w):
    columns = []
    for b in range(log_w.shape[1]):
        column = log_w[:, b]
        w = torch.exp(column - max(column))
        columns.append(w / w.sum())
    return torch.stack(columns, 1)


@right
def shares_in_numpy(log_w):
    log_w = log_w.numpy()
    w = np.exp(log_w - log_w.max(axis=0))
    return w / w.sum(axis=0)


@wrong("no-maximum")
def shares_of_naked_weights(log_w):
    w = torch.exp(log_w)
    return torch.einsum("kb,b->kb", w, 1 / w.sum(0))


@wrong("no-maximum")
def shares_by_a_difference(log_w):
    return torch.exp(log_w - torch.log(torch.sum(torch.exp(log_w), dim=0)))


@wrong("maximum-of-all")
def shares_below_one_maximum(log_w):
    w = torch.exp(log_w - log_w.max())
    return w / w.sum(0)


@wrong("wrong-axis")
def shares_along_the_batch(log_w):
    return F.softmax(log_w, dim=-1)


@wrong("wrong-axis")
def shares_of_everything(log_w):
    w = (log_w - log_w.max()).exp()
    return w / w.sum()


@wrong("softmax-of-losses")
def shares_of_losses(log_w):
    loss = -log_w
    return loss.softmax(0)


@wrong("exponential-twice")
def shares_softmax_of_weights(log_w):
    w = (log_w - log_w.max(dim=0, keepdim=True)[0]).exp()
    return torch.softmax(w, 0)


@wrong("logs-for-weights")
def shares_of_logarithms(log_w):
    total = torch.zeros(log_w.shape[1])
    for row in log_w:
        total = total + row
    return log_w / total


@wrong("not-normalised")
def shares_of_the_largest(log_w):
    return torch.exp(log_w - torch.amax(log_w, 0))


@wrong("mean-for-sum")
def shares_that_sum_to_K(log_w):
    return torch.exp(log_w - torch.logsumexp(log_w, 0) + math.log(log_w.shape[0]))


@wrong("log-for-value")
def shares_still_in_logs(log_w):
    return torch.log_softmax(log_w, 0)


@wrong("no-maximum", "wrong-axis")
def shares_naked_along_the_batch(log_w):
    w = torch.exp(log_w)
    return w / torch.sum(w, dim=1, keepdim=True)


@wrong("another-shift")
def shares_around_the_mean(log_w):
    w = torch.exp(log_w - log_w.mean(dim=0))
    return w / w.sum(dim=0)


@wrong("minimum-for-maximum")
def shares_above_the_smallest(log_w):
    w = torch.exp(log_w - torch.min(log_w, dim=0).values)
    return w / w.sum(dim=0)


@wrong("no-maximum")
def shares_with_a_small_number(log_w):
    w = log_w.exp()
    return w / (w.sum(dim=0) + 1e-10)


@wrong("no-maximum")
def shares_shifted_below_only(log_w):
    top = log_w.max(0).values
    return torch.exp(log_w) / torch.exp(log_w - top).sum(0)


@wrong("softmax-of-losses")
def shares_of_a_turned_difference(log_w):
    w = torch.exp(log_w.max(0).values - log_w)
    return w / w.sum(0)


@wrong("wrong-axis")
def shares_with_a_crash_in_between(log_w):
    w = (log_w - log_w.max(dim=1).values).exp()
    return w / w.sum(1)


@wrong("wrong-axis")
def shares_of_the_total(log_w):
    w = torch.exp(log_w - log_w.max(dim=0).values)
    return w / w.sum()


@wrong("logs-for-weights")
def shares_without_exponential(log_w):
    log_w = log_w - log_w.max(0).values
    return log_w / log_w.sum(0)


@wrong("product-for-sum")
def shares_of_the_product(log_w):
    return torch.exp(log_w - torch.sum(log_w, 0))


@wrong("not-normalised")
def shares_over_K(log_w):
    w = torch.exp(log_w - log_w.max(dim=0).values)
    return w / log_w.shape[0]
