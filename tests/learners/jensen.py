"""Answers to the exercises of chapter 3."""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal, kl_divergence

from learners import right, two, wrong

# 3.1: growth rates


@right("growth_rates")
def by_the_definition(factor, probability):
    return torch.log((factor * probability).sum()), (torch.log(factor) * probability).sum()


@right("growth_rates")
def by_dot_products(factor, probability):
    return (factor @ probability).log(), factor.log() @ probability


@right("growth_rates")
def by_a_loop_over_outcomes(factor, probability):
    mean, mean_log = 0.0, 0.0
    for f, p in zip(factor.tolist(), probability.tolist(), strict=True):
        mean += p * f
        mean_log += p * math.log(f)
    return math.log(mean), mean_log


@wrong("growth_rates", "order-swapped")
def mean_of_log_first(factor, probability):
    return (probability * factor.log()).sum(), torch.log(probability @ factor)


@wrong("growth_rates", "probabilities-ignored")
def plain_means(factor, probability):
    return factor.mean().log(), factor.log().mean()


@wrong("growth_rates", "gain-for-log")
def average_gain(factor, probability):
    gain = factor - 1
    return (probability @ factor).log(), probability @ gain


@wrong("growth_rates", "gain-for-log")
def gains_twice(factor, probability):
    return (probability * (factor - 1)).sum(), (probability * (factor - 1)).sum()


@wrong("growth_rates", "log-of-mean-of-logs")
def the_same_twice(factor, probability):
    rate = (probability * factor.log()).sum()
    return rate, rate


@wrong("growth_rates", "base-2")
def in_bits(factor, probability):
    return torch.log2(probability @ factor), probability @ torch.log2(factor)


@wrong("growth_rates", "exponential-left")
def as_factors(factor, probability):
    return (probability * factor).sum(), torch.prod(factor**probability)


@wrong("growth_rates", "logarithm-missing")
def mean_not_logged(factor, probability):
    return probability @ factor, probability @ factor.log()


@two("growth_rates", "order-swapped", "base-2")
def bits_in_the_other_order(factor, probability):
    return probability @ factor.log2(), (probability @ factor).log2()


@right("growth_rates")
def in_one_tensor(factor, probability):
    return torch.stack([(factor @ probability).log(), factor.log() @ probability])


@wrong("growth_rates", "mean-for-sum")
def divided_once_more(factor, probability):
    return torch.log((probability * factor).mean()), (probability * torch.log(factor)).mean()


@wrong("growth_rates", "not-summed")
def outcome_by_outcome(factor, probability):
    return (probability * factor).sum().log(), probability * factor.log()


@wrong("growth_rates", "probability-in-the-log")
def log_of_the_products(factor, probability):
    weighted = probability * factor
    return weighted.sum().log(), weighted.log().sum()


@wrong("growth_rates", "log-of-probability")
def log_of_the_other(factor, probability):
    return torch.log(probability @ factor), factor @ torch.log(probability)


@wrong("growth_rates", "probabilities-ignored")
def second_a_plain_mean(factor, probability):
    return torch.log(probability @ factor), torch.log(factor).mean()


@wrong("growth_rates", "log-outside")
def the_first_again(factor, probability):
    rate = (probability * factor).sum().log()
    return rate, rate


@wrong("growth_rates", "logarithm-missing")
def second_not_logged(factor, probability):
    return (probability @ factor).log(), probability @ factor


@wrong("growth_rates", "negated")
def second_negated(factor, probability):
    return (probability @ factor).log(), -(probability @ factor.log())


@wrong("growth_rates", "base-10")
def in_decades(factor, probability):
    return math.log10(probability @ factor), sum(
        p * math.log10(f) for p, f in zip(probability, factor, strict=True)
    )


@wrong("growth_rates", "axis-kept")
def kept_in_a_list(factor, probability):
    return (probability * factor).sum(0, keepdim=True).log(), (probability * factor.log()).sum(
        0, keepdim=True
    )


# 3.2: the gap


@right("jensen_gap")
def log_mean_minus_mean_log(w):
    return torch.log(w.mean(dim=0)) - torch.log(w).mean(dim=0)


@right("jensen_gap")
def by_relative_weights(w):
    t = w / w.mean(0, keepdim=True)
    return (t - 1 - t.log()).mean(0)


@right("jensen_gap")
def datum_by_datum(w):
    gaps = []
    for b in range(w.shape[1]):
        column = [v.item() for v in w[:, b]]
        gaps.append(math.log(sum(column) / len(column)) - sum(map(math.log, column)) / len(column))
    return torch.tensor(gaps)


@wrong("jensen_gap", "sign-flipped")
def other_way_round(w):
    return w.log().mean(0) - w.mean(0).log()


@wrong("jensen_gap", "wrong-axis")
def along_the_data(w):
    return w.mean(1).log() - w.log().mean(1)


@wrong("jensen_gap", "wrong-axis")
def along_the_last_axis(w):
    t = w / w.mean(-1, keepdim=True)
    return -t.log().mean(-1)


@wrong("jensen_gap", "sum-over-data")
def one_number(w):
    return w.mean().log() - w.log().mean()


@wrong("jensen_gap", "sum-over-data")
def averaged_over_data(w):
    return torch.mean(torch.log(w.mean(0)) - w.log().mean(0))


@wrong("jensen_gap", "log-k-missing")
def log_of_the_sum_of_weights(w):
    return torch.logsumexp(w.log(), 0) - w.log().mean(0)


@wrong("jensen_gap", "base-2")
def gap_in_bits(w):
    return (w.mean(0).log() - w.log().mean(0)) / math.log(2)


@wrong("jensen_gap", "half-variance")
def by_the_expansion(w):
    t = w / w.mean(0)
    return ((t - 1) ** 2).mean(0) / 2


@wrong("jensen_gap", "half-variance")
def by_the_sample_variance(w):
    return w.var(0) / (2 * w.mean(0) ** 2)


@wrong("jensen_gap", "exponential-left")
def ratio_of_two_means(w):
    geometric = w.prod(0) ** (1 / w.shape[0])
    return w.mean(0) / geometric


@wrong("jensen_gap", "logarithm-missing")
def mean_without_log(w):
    return w.mean(0) - w.log().mean(0)


@two("jensen_gap", "sign-flipped", "wrong-axis")
def negative_along_data(w):
    return torch.log(w).mean(dim=1) - torch.log(w.mean(dim=1))


@wrong("jensen_gap", "sum-over-samples")
def logs_added(w):
    return w.mean(0).log() - w.log().sum(0)


@wrong("jensen_gap", "sum-over-samples")
def both_added(w):
    return torch.log(w.sum(0)) - torch.log(w).sum(0)


@wrong("jensen_gap", "counted-wrong")
def divided_by_the_data(w):
    K = w.shape[1]
    return torch.log(w.sum(0) / K) - torch.log(w).sum(0) / K


@wrong("jensen_gap", "not-averaged")
def weight_by_weight(w):
    return w.mean(0).log() - w.log()


@wrong("jensen_gap", "axis-kept")
def in_one_row(w):
    return w.mean(0, keepdim=True).log() - w.log().mean(0, keepdim=True)


@wrong("jensen_gap", "sum-over-data")
def one_mean_over_all(w):
    return w.mean(0).log() - w.log().mean()


@wrong("jensen_gap", "log-outside")
def nothing_left(w):
    return torch.log(w.mean(0)) - torch.log(torch.mean(w, 0))


@wrong("jensen_gap", "weights-for-logs")
def as_if_they_were_logs(w):
    return torch.logsumexp(w, 0) - math.log(len(w)) - w.mean(0)


@wrong("jensen_gap", "log-normal-gap")
def half_the_variance_of_the_log(w):
    return w.log().var(0) / 2


@wrong("jensen_gap", "logs-divided")
def ratio_of_the_logs(w):
    return w.mean(0).log() / w.log().mean(0)


# 3.3: log-mean-exp


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


@wrong("log_mean_exp", "log-k-missing")
def shifted_sum(log_w):
    c = log_w.amax(0)
    return c + (log_w - c).exp().sum(0).log()


@wrong("log_mean_exp", "no-maximum")
def naively(log_w):
    return log_w.exp().mean(0).log()


@wrong("log_mean_exp", "maximum-not-added")
def maximum_forgotten(log_w):
    c = log_w.max(0, keepdim=True).values
    return torch.log(torch.exp(log_w - c).mean(0))


@wrong("log_mean_exp", "log-of-mean-of-logs")
def mean_of_the_logs(log_w):
    return log_w.mean(dim=0)


@wrong("log_mean_exp", "wrong-axis")
def along_the_last(log_w):
    return torch.logsumexp(log_w, -1) - math.log(log_w.size(-1))


@wrong("log_mean_exp", "sum-over-data")
def of_everything(log_w):
    m = log_w.max()
    return m + (log_w - m).exp().mean().log()


@wrong("log_mean_exp", "counted-wrong")
def by_all_entries(log_w):
    return torch.logsumexp(log_w, 0) - math.log(log_w.numel())


@wrong("log_mean_exp", "logarithm-missing")
def sum_of_ratios(log_w):
    m = log_w.max(0).values
    return m + torch.exp(log_w - m).sum(0) - math.log(len(log_w))


@wrong("log_mean_exp", "changed-in-place")
def in_place(log_w):
    m = log_w.max(0).values.clone()
    log_w -= m
    return m + log_w.exp().mean(0).log()


@wrong("log_mean_exp", "wrongly-detached")
def from_numbers(log_w):
    with torch.no_grad():
        return torch.logsumexp(log_w, 0) - math.log(len(log_w))


@two("log_mean_exp", "no-maximum", "log-k-missing")
def naive_sum(log_w):
    return torch.log(torch.exp(log_w).sum(0))


# 3.4: in chunks


@right("streaming_log_mean_exp")
def one_after_the_other(chunks):
    total, n = torch.tensor(-math.inf), 0
    for chunk in chunks:
        total = torch.logaddexp(total, chunk.logsumexp(0))
        n += chunk.shape[0]
    return total - math.log(n)


@right("streaming_log_mean_exp")
def with_a_running_maximum(chunks):
    m, s, count = None, None, 0
    for chunk in chunks:
        new = chunk.max(0).values if m is None else torch.maximum(m, chunk.max(0).values)
        old = 0 if s is None else s * torch.exp(m - new)
        s = old + torch.exp(chunk - new).sum(0)
        m, count = new, count + chunk.size(0)
    return m + torch.log(s / count)


@right("streaming_log_mean_exp")
def sums_of_the_chunks(chunks):
    sums = torch.stack([torch.logsumexp(c, 0) for c in chunks])
    return torch.logsumexp(sums, 0) - math.log(sum(map(len, chunks)))


@wrong("streaming_log_mean_exp", "chunks-alike")
def mean_of_the_means(chunks):
    means = [torch.logsumexp(c, 0) - math.log(len(c)) for c in chunks]
    return (
        torch.stack(means).exp().mean(0).log()
        if max(m.abs().max() for m in means) < 500
        else torch.logsumexp(torch.stack(means), 0) - math.log(len(chunks))
    )


@wrong("streaming_log_mean_exp", "log-of-mean-of-logs")
def average_of_the_answers(chunks):
    return sum(torch.logsumexp(c, 0) - math.log(len(c)) for c in chunks) / len(chunks)


@wrong("streaming_log_mean_exp", "maximum-kept")
def never_rescaled(chunks):
    m, s, n = torch.tensor(-math.inf), 0.0, 0
    for c in chunks:
        m = torch.maximum(m, c.max(0).values)
        s = s + torch.exp(c - m).sum(0)
        n += len(c)
    return m + torch.log(s) - math.log(n)


@wrong("streaming_log_mean_exp", "maximum-kept")
def maximum_of_the_first_chunk(chunks):
    m = chunks[0].max(0).values
    return m + (sum((c - m).exp().sum(0) for c in chunks) / sum(len(c) for c in chunks)).log()


@wrong("streaming_log_mean_exp", "maximum-of-all")
def maximum_of_all_data(chunks):
    m = max(c.max() for c in chunks)
    return m + (sum((c - m).exp().sum(0) for c in chunks) / sum(len(c) for c in chunks)).log()


@wrong("streaming_log_mean_exp", "zero-in-the-sum")
def sum_started_at_zero(chunks):
    log_sum, n = torch.tensor(0.0), 0
    for c in chunks:
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(c, 0))
        n += len(c)
    return log_sum - math.log(n)


@wrong("streaming_log_mean_exp", "log-of-mean-of-logs")
def mean_of_everything(chunks):
    return torch.cat(chunks).mean(dim=0)


@wrong("streaming_log_mean_exp", "counted-wrong")
def data_counted(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) - math.log(sum(c.shape[1] for c in chunks))


@wrong("streaming_log_mean_exp", "counted-wrong")
def everything_counted(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) - math.log(whole.numel())


@wrong("streaming_log_mean_exp", "counted-wrong")
def log_count_added(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) + math.log(len(whole))


@wrong("streaming_log_mean_exp", "changed-in-place")
def chunks_used_up(chunks):
    log_sum, n = torch.tensor(-math.inf), 0
    while chunks:
        c = chunks.pop(0)
        log_sum, n = torch.logaddexp(log_sum, c.logsumexp(0)), n + len(c)
    return log_sum - math.log(n)


@wrong("streaming_log_mean_exp", "log-k-missing")
def sum_of_all(chunks):
    out = chunks[0].logsumexp(0)
    for c in chunks[1:]:
        out = torch.logaddexp(out, c.logsumexp(0))
    return out


@wrong("streaming_log_mean_exp", "counted-wrong")
def by_number_of_chunks(chunks):
    out = chunks[0].logsumexp(0)
    for c in chunks[1:]:
        out = torch.logaddexp(out, c.logsumexp(0))
    return out - math.log(len(chunks))


@wrong("streaming_log_mean_exp", "counted-wrong")
def count_of_the_last(chunks):
    out = torch.tensor(-math.inf)
    for c in chunks:
        out = torch.logaddexp(out, c.logsumexp(0))
        n = len(c)
    return out - math.log(n)


@wrong("streaming_log_mean_exp", "last-chunk")
def overwritten(chunks):
    for c in chunks:
        answer = torch.logsumexp(c, dim=0) - math.log(c.shape[0])
    return answer


@wrong("streaming_log_mean_exp", "last-chunk")
def returned_too_early(chunks):
    for c in chunks:
        return torch.logsumexp(c, dim=0) - math.log(c.shape[0])


@wrong("streaming_log_mean_exp", "no-maximum")
def running_sum_of_weights(chunks):
    s, n = 0.0, 0
    for c in chunks:
        s, n = s + c.exp().sum(0), n + len(c)
    return torch.log(s / n)


@wrong("streaming_log_mean_exp", "wrong-axis")
def concatenated_and_reduced(chunks):
    log_w = torch.cat(chunks, 0)
    return torch.logsumexp(log_w, dim=1) - math.log(log_w.shape[1])


@two("streaming_log_mean_exp", "last-chunk", "log-k-missing")
def overwritten_sum(chunks):
    for c in chunks:
        total = c.logsumexp(0)
    return total


# 3.5: two bounds


@right("two_bounds")
def two_divergences(s, r):
    q, p = Normal(s, r), Normal(0.0, 1.0)
    return kl_divergence(q, p), kl_divergence(p, q)


@right("two_bounds")
def on_paper(s, r):
    return (r * r + s * s - 1 - torch.log(r * r)) / 2, (
        (1 + s * s) / (r * r) - 1 + torch.log(r * r)
    ) / 2


@right("two_bounds")
def with_floats(s, r):
    s, r = float(s), float(r)
    return -math.log(r) + 0.5 * (r**2 + s**2 - 1), math.log(r) + 0.5 * (1 + s**2) / r**2 - 0.5


@wrong("two_bounds", "kl-reversed")
def divergences_swapped(s, r):
    q, p = Normal(s, r), Normal(0.0, 1.0)
    return kl_divergence(p, q), kl_divergence(q, p)


@wrong("two_bounds", "sign-flipped")
def bound_minus_evidence(s, r):
    return -((r**2 + s**2 - 1) / 2 - r.log()), -(((1 + s**2) / r**2 - 1) / 2 + r.log())


@wrong("two_bounds", "half-missing")
def half_forgotten(s, r):
    return r**2 + s**2 - 1 - r.log(), (1 + s**2) / r**2 - 1 + r.log()


@wrong("two_bounds", "shift-unscaled")
def shift_in_posterior_units(s, r):
    below = kl_divergence(Normal(s, r), Normal(0.0, 1.0))
    return below, 0.5 * (1 / r**2 + s**2 - 1) + torch.log(r)


@wrong("two_bounds", "logarithm-sign")
def log_added(s, r):
    return 0.5 * (r**2 + s**2 - 1) + r.log(), 0.5 * ((1 + s**2) / r**2 - 1) + r.log()


@wrong("two_bounds", "logarithm-sign")
def both_logs_turned(s, r):
    return 0.5 * (r**2 + s**2 - 1 + 2 * r.log()), 0.5 * ((1 + s**2) / r**2 - 1 - 2 * r.log())


@wrong("two_bounds", "determinant-missing")
def no_logarithms(s, r):
    return 0.5 * (r**2 + s**2 - 1), 0.5 * ((1 + s**2) / r**2 - 1)


@wrong("two_bounds", "sigma-for-variance")
def deviation_for_variance(s, r):
    return 0.5 * (r + s**2 - 1) - r.log(), 0.5 * ((1 + s**2) / r - 1) + r.log()


@wrong("two_bounds", "kl-constant-missing")
def minus_one_forgotten(s, r):
    return 0.5 * (r**2 + s**2) - r.log(), 0.5 * (1 + s**2) / r**2 + r.log()


@wrong("two_bounds", "square-missing")
def shift_not_squared(s, r):
    return 0.5 * (r**2 + s - 1) - r.log(), 0.5 * ((1 + s) / r**2 - 1) + r.log()


@two("two_bounds", "kl-reversed", "kl-constant-missing")
def swapped_without_one(s, r):
    return 0.5 * (1 + s**2) / r**2 + r.log(), 0.5 * (r**2 + s**2) - r.log()


@wrong("two_bounds", "sign-flipped")
def upper_bound_the_other_way(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), -(0.5 * ((1 + s**2) / r**2 - 1) + r.log())


@wrong("two_bounds", "half-missing")
def both_doubled(s, r):
    return r**2 + s**2 - 1 - torch.log(r**2), (1 + s**2) / r**2 - 1 + torch.log(r**2)


@wrong("two_bounds", "sigma-for-variance")
def half_of_log_r(s, r):
    return 0.5 * (r**2 + s**2 - 1 - r.log()), 0.5 * ((1 + s**2) / r**2 - 1 + r.log())


@wrong("two_bounds", "bracket-missing")
def one_not_divided(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), 0.5 * (1 + s**2 / r**2 - 1) + r.log()


@wrong("two_bounds", "kl-reversed")
def the_lower_gap_twice(s, r):
    gap = kl_divergence(Normal(s, r), Normal(0.0, 1.0))
    return gap, gap


@wrong("two_bounds", "kl-constant-missing")
def one_forgotten_above(s, r):
    return 0.5 * (r**2 + s**2 - 1) - r.log(), 0.5 * (1 + s**2) / r**2 + r.log()


@wrong("two_bounds", "shift-missing")
def widths_only(s, r):
    return 0.5 * (r**2 - 1) - r.log(), 0.5 * (1 / r**2 - 1) + r.log()


@wrong("two_bounds", "square-sign")
def shift_subtracted(s, r):
    return 0.5 * (r**2 - s**2 - 1) - r.log(), 0.5 * ((1 + s**2) / r**2 - 1) + r.log()


@wrong("two_bounds", "sigma-for-variance")
def r_as_a_variance(s, r):
    return 0.5 * (r + s**2 - 1 - r.log()), 0.5 * ((1 + s**2) / r - 1 + r.log())


# 3.6: a uniform proxy


@right("uniform_proxy")
def by_the_formula(c, s_p):
    mean_log = (
        -math.log(math.sqrt(2 * math.pi)) - s_p.log() - c**2 / (6 * s_p**2) + torch.log(2 * c)
    )
    return mean_log, torch.log(2 * Normal(0.0, 1.0).cdf(c / s_p) - 1)


@right("uniform_proxy")
def by_integration(c, s_p):
    z = torch.linspace(-1, 1, 20_001) * c
    log_w = Normal(0.0, s_p).log_prob(z) + torch.log(2 * c)
    return torch.trapezoid(log_w, z) / (2 * c), torch.log(torch.trapezoid(log_w.exp(), z) / (2 * c))


@right("uniform_proxy")
def in_units_of_s_p(c, s_p):
    a = float(c / s_p)
    return math.log(2 * a) - math.log(2 * math.pi) / 2 - a**2 / 6, math.log(
        math.erf(a / math.sqrt(2))
    )


@wrong("uniform_proxy", "spread-for-variance")
def c_squared(c, s_p):
    mean_log = Normal(0.0, s_p).log_prob(c) + torch.log(2 * c)
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "uniform-density")
def one_over_c(c, s_p):
    mean_log = c.log() - 0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / s_p**2 / 6
    return mean_log, torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("uniform_proxy", "normaliser-dropped")
def no_constant(c, s_p):
    return torch.log(2 * c) - c**2 / (6 * s_p**2), torch.log(torch.erf(c / (math.sqrt(2) * s_p)))


@wrong("uniform_proxy", "normaliser-dropped")
def no_two_pi(c, s_p):
    return torch.log(2 * c / s_p) - c**2 / (6 * s_p**2), torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("uniform_proxy", "sigma-for-variance")
def s_p_for_its_square(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p) - c**2 / (6 * s_p)
    return mean_log, torch.log(torch.erf(c / (s_p * math.sqrt(2))))


@wrong("uniform_proxy", "log-q-missing")
def without_q(c, s_p):
    mean_log = -0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / (6 * s_p**2)
    return mean_log, torch.log(torch.erf(c / (s_p * math.sqrt(2))))


@wrong("uniform_proxy", "log-q-sign")
def q_multiplied(c, s_p):
    z = torch.linspace(-1, 1, 20_001) * c
    mean_log_p = torch.trapezoid(Normal(0.0, s_p).log_prob(z), z) / (2 * c)
    return mean_log_p - torch.log(2 * c), torch.log(2 * Normal(0.0, s_p).cdf(c) - 1)


@wrong("uniform_proxy", "one-side")
def half_the_mass(c, s_p):
    mean_log = math.log(2) + c.log() - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(Normal(0.0, s_p).cdf(c) - 0.5)


@wrong("uniform_proxy", "mass-not-logged")
def the_mass_itself(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, 2 * Normal(0.0, s_p).cdf(c) - 1


@two("uniform_proxy", "uniform-density", "mass-not-logged")
def density_and_mass(c, s_p):
    mean_log = torch.log(c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / (s_p * math.sqrt(2)))


@wrong("uniform_proxy", "erf-argument")
def erf_of_the_ratio(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / s_p).log()


@wrong("uniform_proxy", "erf-argument")
def root_multiplied(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / s_p * 2**0.5).log()


@wrong("uniform_proxy", "erf-argument")
def erf_without_s_p(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / 2**0.5).log()


@wrong("uniform_proxy", "variance-for-sigma")
def erf_of_the_variance(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.erf(c / (s_p**2 * 2**0.5)).log()


@wrong("uniform_proxy", "mass-elsewhere")
def all_below(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, Normal(0.0, 1.0).cdf(c / s_p).log()


@wrong("uniform_proxy", "mass-elsewhere")
def what_is_missed(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(1 - torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "support-ignored")
def nothing_lost(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, torch.zeros_like(c)


@wrong("uniform_proxy", "log-of-mean-of-logs")
def one_value_twice(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return mean_log, mean_log


@wrong("uniform_proxy", "half-missing")
def third_of_the_square(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 3
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "spread-for-variance")
def width_c(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 24
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "spread-for-variance")
def at_the_mean_of_z(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2)
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "square-sign")
def square_added(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) + (c / s_p) ** 2 / 6
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "bracket-missing")
def s_p_multiplied(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - c**2 / 6 * s_p**2
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "sigma-for-variance")
def s_p_in_the_normaliser(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p) - (c / s_p) ** 2 / 6
    return mean_log, torch.log(torch.erf(c / s_p / math.sqrt(2)))


@wrong("uniform_proxy", "negated")
def as_losses(c, s_p):
    mean_log = torch.log(2 * c) - 0.5 * torch.log(2 * math.pi * s_p**2) - (c / s_p) ** 2 / 6
    return -mean_log, -torch.log(torch.erf(c / s_p / math.sqrt(2)))


# 3.7: the jackknife


@right("jackknife")
def leaving_out_by_a_loop(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = [
        torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) - math.log(K - 1)
        for k in range(K)
    ]
    return K * full - (K - 1) * torch.stack(less).mean(0)


@right("jackknife")
def with_a_mask(log_w):
    K = len(log_w)
    mask = torch.eye(K, dtype=torch.bool)[:, :, None]
    less = torch.logsumexp(
        log_w.expand(K, *log_w.shape).masked_fill(mask, -torch.inf), 1
    ) - math.log(K - 1)
    return K * (torch.logsumexp(log_w, 0) - math.log(K)) - (K - 1) * less.mean(0)


@right("jackknife")
def by_the_indices_of_the_others(log_w):
    K = len(log_w)
    others = torch.tensor([[j for j in range(K) if j != k] for k in range(K)])
    less = torch.logsumexp(log_w[others], 1) - math.log(K - 1)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    return full + (K - 1) * (full - less.mean(0))


@wrong("jackknife", "cancelled")
def whole_sum_minus_one(log_w):
    K, top = len(log_w), log_w.max(0).values
    w = (log_w - top).exp()
    less = ((w.sum(0) - w) / (K - 1)).log().mean(0)
    return top + K * w.mean(0).log() - (K - 1) * less


@wrong("jackknife", "cancelled")
def from_the_shares(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    share = log_w.softmax(0)
    less = full + torch.log1p(-share) + math.log(K / (K - 1))
    return full + (K - 1) * (full - less.mean(0))


@wrong("jackknife", "correction-sign")
def wrong_direction(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return full - (K - 1) * (full - less.mean(0))


@wrong("jackknife", "correction-unscaled")
def difference_only(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return 2 * full - less.mean(0)


@wrong("jackknife", "correction-unscaled")
def times_k(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return full + K * (full - less.mean(0))


@wrong("jackknife", "count-not-lowered")
def divided_by_k(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = [
        torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) - math.log(K) for k in range(K)
    ]
    return K * full - (K - 1) * torch.stack(less).mean(0)


@wrong("jackknife", "averaged-inside")
def mean_before_the_log(log_w):
    K = log_w.shape[0]
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return K * full - (K - 1) * (torch.logsumexp(less, 0) - math.log(K))


@wrong("jackknife", "log-of-mean-of-logs")
def from_the_elbo(log_w):
    K = log_w.shape[0]
    less = [
        torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) - math.log(K - 1)
        for k in range(K)
    ]
    return K * log_w.mean(0) - (K - 1) * torch.stack(less).mean(0)


@wrong("jackknife", "no-maximum")
def with_bare_weights(log_w):
    K, w = len(log_w), log_w.exp()
    less = torch.log((w.sum(0) - w) / (K - 1)).mean(0)
    return K * torch.log(w.mean(0)) - (K - 1) * less


@wrong("jackknife", "log-k-missing")
def first_term_a_sum(log_w):
    K = len(log_w)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return K * torch.logsumexp(log_w, 0) - (K - 1) * less.mean(0)


@wrong("jackknife", "maximum-not-added")
def relative_to_the_top(log_w):
    K = len(log_w)
    log_w = log_w - log_w.amax(0)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K - 1)
    return K * (log_w.logsumexp(0) - math.log(K)) - (K - 1) * less.mean(0)


@two("jackknife", "correction-sign", "count-not-lowered")
def wrong_way_and_count(log_w):
    K = len(log_w)
    full = torch.logsumexp(log_w, 0) - math.log(K)
    less = torch.stack(
        [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    ) - math.log(K)
    return full + (K - 1) * (less.mean(0) - full)


@wrong("log_mean_exp", "maximum-of-all")
def one_maximum_for_all(log_w):
    m = log_w.max()
    return m + torch.exp(log_w - m).mean(0).log()


@wrong("log_mean_exp", "minimum-for-maximum")
def minimum_subtracted(log_w):
    m = log_w.min(0).values
    return m + torch.exp(log_w - m).mean(0).log()


@wrong("log_mean_exp", "largest-only")
def largest(log_w):
    return log_w.amax(0)


@wrong("log_mean_exp", "counted-wrong")
def number_of_data(log_w):
    return torch.logsumexp(log_w, 0) - math.log(log_w.shape[1])


@wrong("log_mean_exp", "counted-wrong")
def logarithm_divided(log_w):
    return torch.logsumexp(log_w, 0) / log_w.shape[0]


@wrong("log_mean_exp", "axis-kept")
def in_a_row(log_w):
    return torch.logsumexp(log_w, 0, keepdim=True) - math.log(len(log_w))


@wrong("log_mean_exp", "logarithm-missing")
def mean_of_weights(log_w):
    return log_w.exp().mean(0)


@wrong("log_mean_exp", "another-shift")
def shifted_by_the_mean(log_w):
    c = log_w.mean(0)
    return c + torch.exp(log_w - c).mean(0).log()


@wrong("log_mean_exp", "counted-wrong")
def k_for_log_k(log_w):
    return torch.logsumexp(log_w, 0) - len(log_w)


def _without_each(log_w):
    K = len(log_w)
    others = [torch.logsumexp(torch.cat([log_w[:k], log_w[k + 1 :]]), 0) for k in range(K)]
    return torch.logsumexp(log_w, 0) - math.log(K), torch.stack(others) - math.log(K - 1)


@wrong("jackknife", "sum-over-samples")
def sum_not_divided(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * less.sum(0)


@wrong("jackknife", "terms-added")
def plus_for_minus(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full + (len(log_w) - 1) * less.mean(0)


@wrong("jackknife", "factor-missing")
def first_factor_forgotten(log_w):
    full, less = _without_each(log_w)
    return full - (len(log_w) - 1) * less.mean(0)


@wrong("jackknife", "factor-missing")
def second_factor_forgotten(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - less.mean(0)


@wrong("jackknife", "one-choice")
def without_the_first_only(log_w):
    full, less = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * less[0]


@wrong("jackknife", "weight-of-one")
def set_to_zero(log_w):
    K, less = len(log_w), 0.0
    for j in range(K):
        others = log_w.clone()
        others[j] = 0
        less = less + torch.logsumexp(others, 0) - math.log(K - 1)
    return K * (torch.logsumexp(log_w, 0) - math.log(K)) - (K - 1) / K * less


@wrong("jackknife", "log-of-mean-of-logs")
def others_averaged_as_logs(log_w):
    full, _ = _without_each(log_w)
    return len(log_w) * full - (len(log_w) - 1) * log_w.mean(0)


@wrong("jackknife", "approximation-for-exact")
def bias_by_the_delta_method(log_w):
    K, w = len(log_w), (log_w - log_w.amax(0)).exp()
    return torch.logsumexp(log_w, 0) - math.log(K) + w.var(0) / w.mean(0) ** 2 / (2 * K)
