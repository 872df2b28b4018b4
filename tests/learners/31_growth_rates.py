import math

import torch

from learners import right, wrong


@right
def by_the_definition(factor, probability):
    return torch.log((factor * probability).sum()), (torch.log(factor) * probability).sum()


@right
def by_dot_products(factor, probability):
    return (factor @ probability).log(), factor.log() @ probability


@right
def by_a_loop_over_outcomes(factor, probability):
    mean, mean_log = 0.0, 0.0
    for f, p in zip(factor.tolist(), probability.tolist(), strict=True):
        mean += p * f
        mean_log += p * math.log(f)
    return math.log(mean), mean_log


@wrong("order-swapped")
def mean_of_log_first(factor, probability):
    return (probability * factor.log()).sum(), torch.log(probability @ factor)


@wrong("probabilities-ignored")
def plain_means(factor, probability):
    return factor.mean().log(), factor.log().mean()


@wrong("gain-for-log")
def average_gain(factor, probability):
    gain = factor - 1
    return (probability @ factor).log(), probability @ gain


@wrong("gain-for-log")
def gains_twice(factor, probability):
    return (probability * (factor - 1)).sum(), (probability * (factor - 1)).sum()


@wrong("log-of-mean-of-logs")
def the_same_twice(factor, probability):
    rate = (probability * factor.log()).sum()
    return rate, rate


@wrong("base-2")
def in_bits(factor, probability):
    return torch.log2(probability @ factor), probability @ torch.log2(factor)


@wrong("exponential-left")
def as_factors(factor, probability):
    return (probability * factor).sum(), torch.prod(factor**probability)


@wrong("logarithm-missing")
def mean_not_logged(factor, probability):
    return probability @ factor, probability @ factor.log()


@wrong("order-swapped", "base-2")
def bits_in_the_other_order(factor, probability):
    return probability @ factor.log2(), (probability @ factor).log2()


@right
def in_one_tensor(factor, probability):
    return torch.stack([(factor @ probability).log(), factor.log() @ probability])


@wrong("mean-for-sum")
def divided_once_more(factor, probability):
    return torch.log((probability * factor).mean()), (probability * torch.log(factor)).mean()


@wrong("not-summed")
def outcome_by_outcome(factor, probability):
    return (probability * factor).sum().log(), probability * factor.log()


@wrong("probability-in-the-log")
def log_of_the_products(factor, probability):
    weighted = probability * factor
    return weighted.sum().log(), weighted.log().sum()


@wrong("log-of-probability")
def log_of_the_other(factor, probability):
    return torch.log(probability @ factor), factor @ torch.log(probability)


@wrong("probabilities-ignored")
def second_a_plain_mean(factor, probability):
    return torch.log(probability @ factor), torch.log(factor).mean()


@wrong("log-outside")
def the_first_again(factor, probability):
    rate = (probability * factor).sum().log()
    return rate, rate


@wrong("logarithm-missing")
def second_not_logged(factor, probability):
    return (probability @ factor).log(), probability @ factor


@wrong("negated")
def second_negated(factor, probability):
    return (probability @ factor).log(), -(probability @ factor.log())


@wrong("base-10")
def in_decades(factor, probability):
    decades = sum(p * math.log10(f) for p, f in zip(probability, factor, strict=True))
    return math.log10(probability @ factor), decades


@wrong("axis-kept")
def kept_in_a_list(factor, probability):
    mean_log = (probability * factor.log()).sum(0, keepdim=True)
    return (probability * factor).sum(0, keepdim=True).log(), mean_log
