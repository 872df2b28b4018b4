"""Answers to the exercises of chapter 3."""

from __future__ import annotations

import math

import torch

from learners import right, wrong


@right("log_mean_exp")
def by_torch(log_w):
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


@right("log_mean_exp")
def shifted_by_the_maximum(log_w):
    m = log_w.max(dim=0, keepdim=True).values
    return m.squeeze(0) + torch.log(torch.mean(torch.exp(log_w - m), dim=0))


@right("log_mean_exp")
def with_logaddexp(log_w):
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - torch.log(torch.tensor(float(log_w.shape[0])))


@wrong("log_mean_exp", "log-k-missing")
def log_of_the_sum(log_w):
    return torch.logsumexp(log_w, dim=0)
