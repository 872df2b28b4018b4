import math

import torch
import torch.nn.functional as F
from torch import distributions as D

from learners import right, wrong


def refuse_grey(x):
    if not torch.all((x == 0) | (x == 1)):
        raise ValueError("binarise first")


@right
def bernoulli_by_distributions(x, logits):
    # Its own validation refuses grey values.
    return D.Independent(D.Bernoulli(logits=logits), 1).log_prob(x)


@right
def by_cross_entropy(x, logits):
    refuse_grey(x)
    bce = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return -bce.sum(dim=-1)


@right
def with_softplus(x, logits):
    if set(x.unique().tolist()) - {0.0, 1.0}:
        raise ValueError(f"grey: {x}")
    return (x * logits - F.softplus(logits)).sum(-1)


@right
def with_a_maximum(x, logits):
    for value in x.flatten():
        if value not in (0, 1):
            raise ValueError
    sign = 1 - 2 * x
    a = sign * logits
    return -(a.clamp(min=0) + torch.log1p(torch.exp(-a.abs()))).sum(-1)


@wrong("grey-pixels")
def any_pixel(x, logits):
    return (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)


@wrong("grey-pixels")
def pixels_between_zero_and_one(x, logits):
    if x.min() < 0 or x.max() > 1:
        raise ValueError("x must lie in [0, 1]")
    x = x.expand_as(logits)
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def checked(x):
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("bits, please")


@wrong("grey-pixels")
def all_pixels_grey(x, logits):
    if not ((x == 0) | (x == 1)).any():
        raise ValueError("x must hold bits")
    return F.logsigmoid((2 * x - 1) * logits).sum(-1)


@wrong("bits-flipped")
def sign_of_the_bit(x, logits):
    checked(x)
    return F.logsigmoid((1 - 2 * x) * logits).sum(-1)


@wrong("bits-flipped")
def softplus_of_the_wrong_sign(x, logits):
    checked(x)
    return -F.softplus((2 * x - 1) * logits).sum(-1)


@wrong("likelihood-for-log")
def product_of_probabilities(x, logits):
    checked(x)
    return torch.sigmoid((2 * x - 1) * logits).prod(-1)


@wrong("not-summed")
def each_pixel(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits)


@wrong("wrong-axis")
def summed_over_samples(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(dim=0)


@wrong("wrong-axis")
def summed_over_data(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(dim=1)


@wrong("axis-kept")
def one_pixel_left(x, logits):
    checked(x)
    return F.logsigmoid((2 * x - 1) * logits).sum(-1, keepdim=True)


@wrong("naive-bernoulli")
def the_formula(x, logits):
    refuse_grey(x)
    rho = torch.sigmoid(logits)
    return torch.sum(x * rho.log() + (1 - x) * (1 - rho).log(), dim=-1)


@wrong("naive-bernoulli")
def probability_of_what_is_seen(x, logits):
    refuse_grey(x)
    rho = 1 / (1 + torch.exp(-logits))
    return torch.log(rho**x * (1 - rho) ** (1 - x)).sum(-1)


@wrong("probability-clipped")
def with_an_epsilon(x, logits):
    refuse_grey(x)
    eps = 1e-8
    rho = torch.sigmoid(logits)
    return (x * torch.log(rho + eps) + (1 - x) * torch.log(1 - rho + eps)).sum(-1)


@wrong("probability-clipped")
def clamped(x, logits):
    refuse_grey(x)
    rho = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    return (x * rho.log() + (1 - x) * torch.log1p(-rho)).sum(-1)


@wrong("probability-clipped")
def torch_clips(x, logits):
    refuse_grey(x)
    x = x.expand_as(logits)
    return -F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none").sum(-1)


@wrong("probability-clipped")
def probs_of_a_distribution(x, logits):
    return D.Independent(D.Bernoulli(probs=torch.sigmoid(logits)), 1).log_prob(x)


@wrong("naive-bernoulli")
def log_one_plus_exp(x, logits):
    refuse_grey(x)
    return (x * logits - torch.log1p(torch.exp(logits))).sum(-1)


@wrong("naive-bernoulli")
def minus_log_one_plus_exp(x, logits):
    refuse_grey(x)
    signed = torch.where(x.bool(), logits, -logits)
    return -torch.log(1 + torch.exp(-signed)).sum(-1)


@wrong("logits-as-probabilities")
def as_probabilities(x, logits):
    refuse_grey(x)
    return torch.einsum("kbx->kb", x * logits.log() + (1 - x) * (1 - logits).log())


@wrong("sigmoid-twice")
def sigmoid_then_with_logits(x, logits):
    refuse_grey(x)
    rho = torch.sigmoid(logits)
    return -F.binary_cross_entropy_with_logits(rho, x.expand_as(rho), reduction="none").sum(-1)


@wrong("arguments-swapped")
def target_first(x, logits):
    refuse_grey(x)
    x = x.expand_as(logits)
    return -F.binary_cross_entropy_with_logits(x, logits, reduction="none").sum(-1)


@wrong("zeros-ignored")
def ones_only(x, logits):
    refuse_grey(x)
    return (F.logsigmoid(logits) * x).sum(-1)


@wrong("mean-over-features")
def mean_over_pixels(x, logits):
    return D.Bernoulli(logits=logits).log_prob(x).mean(-1)


@wrong("base-2")
def in_bits_per_image(x, logits):
    return D.Bernoulli(logits=logits).log_prob(x).sum(-1) / math.log(2)


@wrong("negated")
def cross_entropy(x, logits):
    refuse_grey(x)
    x = x.expand(logits.shape)
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


@wrong("sum-over-data")
def one_number(x, logits):
    refuse_grey(x)
    return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="sum")


@wrong("grey-pixels", "naive-bernoulli")
def textbook(x, logits):
    rho = torch.sigmoid(logits)
    return (x * torch.log(rho) + (1 - x) * torch.log(1 - rho)).sum(-1)


@wrong("grey-pixels", "negated")
def usual_loss(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
