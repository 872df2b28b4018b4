import math

import torch

from learners import right, wrong
from vaelib.elbo import elbo
from vaelib.iwae import iwae
from vaelib.jensen import log_mean_exp


@right
def evidence_by_two_sums(model, q, x, K, chunk):
    q_z = q(x)
    log_sum = log_squares = torch.full((len(x),), -math.inf)
    done = 0
    with torch.no_grad():
        while done < K:
            size = min(chunk, K - done)
            z = q_z.sample((size,))
            log_w = model.log_joint(x, z) - q_z.log_prob(z)
            log_sum = torch.logaddexp(log_sum, torch.logsumexp(log_w, 0))
            log_squares = torch.logaddexp(log_squares, torch.logsumexp(2 * log_w, 0))
            done += size
    variance = (K * torch.exp(log_squares - 2 * log_sum) - 1) / (K - 1)
    return log_sum - math.log(K), variance.sqrt()


@right
def evidence_one_by_one(model, q, x, K, chunk):
    log_w = []
    for _ in range(K):
        z = q(x).rsample()
        log_w.append((model.log_joint(x, z) - q(x).log_prob(z)).detach())
    log_w = torch.stack(log_w)
    log_p = log_mean_exp(log_w)
    return log_p, torch.std(torch.exp(log_w - log_p), 0) / math.sqrt(K)


@right
def evidence_with_running_maximum(model, q, x, K, chunk):
    top, s1, s2 = torch.full((len(x),), -1e300), 0.0, 0.0
    for size in [chunk] * (K // chunk) + [K % chunk] * (K % chunk > 0):
        z = q(x).sample((size,))
        log_w = (model.log_joint(x, z) - q(x).log_prob(z)).detach()
        new = torch.maximum(top, log_w.max(0).values)
        scale, w = torch.exp(top - new), torch.exp(log_w - new)
        s1, s2, top = s1 * scale + w.sum(0), s2 * scale**2 + (w**2).sum(0), new
    ess = s1**2 / s2
    return top + torch.log(s1 / K), torch.sqrt((K / ess - 1) / (K - 1))


def evidence_chunks(model, q, x, K, chunk):
    chunks = []
    for start in range(0, K, chunk):
        z = q(x).sample((min(chunk, K - start),))
        chunks.append((model.log_joint(x, z) - q(x).log_prob(z)).detach())
    return chunks


def relative_error(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.std(0) / w.mean(0) / math.sqrt(len(w))


@wrong("elbo-reported")
def evidence_is_the_elbo(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_w.mean(0), relative_error(log_w)


@wrong("log-of-mean-of-logs")
def evidence_averaged_over_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = [log_mean_exp(log_w) for log_w in chunks]
    return sum(estimates) / len(estimates), relative_error(torch.cat(chunks))


@wrong("chunks-alike")
def evidence_of_equal_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = torch.stack([log_mean_exp(log_w) for log_w in chunks])
    return log_mean_exp(estimates), relative_error(torch.cat(chunks))


@wrong("last-chunk")
def evidence_overwritten(model, q, x, K, chunk):
    for start in range(0, K, chunk):
        z = q(x).sample((min(chunk, K - start),))
        log_w = model.log_joint(x, z) - q(x).log_prob(z)
        log_sum, log_squares = torch.logsumexp(log_w, 0), torch.logsumexp(2 * log_w, 0)
    return log_sum - math.log(K), ((K * (log_squares - 2 * log_sum).exp() - 1) / (K - 1)).sqrt()


@wrong("fewer-samples")
def evidence_whole_chunks_only(model, q, x, K, chunk):
    log_w = []
    for _ in range(K // chunk):
        z = q(x).sample((chunk,))
        log_w.append(model.log_joint(x, z) - q(x).log_prob(z))
    log_w = torch.cat(log_w).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("more-samples")
def evidence_rounded_up(model, q, x, K, chunk):
    log_w = []
    for _ in range(math.ceil(K / chunk)):
        z = q(x).sample((chunk,))
        log_w.append(model.log_joint(x, z) - q(x).log_prob(z))
    log_w = torch.cat(log_w).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("chunk-ignored")
def evidence_at_once(model, q, x, K, chunk):
    z = q(x).sample((K,))
    log_w = (model.log_joint(x, z) - q(x).log_prob(z)).detach()
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("log-k-missing")
def evidence_of_the_sum(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    total = torch.stack([torch.logsumexp(log_w, 0) for log_w in chunks]).logsumexp(0)
    return total, relative_error(torch.cat(chunks))


@wrong("no-maximum")
def evidence_of_naked_sums(model, q, x, K, chunk):
    s1 = s2 = 0.0
    for log_w in evidence_chunks(model, q, x, K, chunk):
        s1, s2 = s1 + log_w.exp().sum(0), s2 + (2 * log_w).exp().sum(0)
    return torch.log(s1 / K), torch.sqrt((K * s2 / s1**2 - 1) / (K - 1))


@wrong("zero-in-the-sum")
def evidence_from_zeros(model, q, x, K, chunk):
    log_sum = log_squares = torch.zeros(len(x))
    for log_w in evidence_chunks(model, q, x, K, chunk):
        log_sum = torch.logaddexp(log_sum, log_w.logsumexp(0))
        log_squares = torch.logaddexp(log_squares, (2 * log_w).logsumexp(0))
    return log_sum - math.log(K), ((K * (log_squares - 2 * log_sum).exp() - 1) / (K - 1)).sqrt()


@wrong("last-chunk")
def evidence_of_the_last_chunk(model, q, x, K, chunk):
    log_w = evidence_chunks(model, q, x, K, chunk)[-1]
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("more-samples")
def evidence_with_one_chunk_too_many(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, (K // chunk + 1) * chunk, chunk))
    return log_mean_exp(log_w), relative_error(log_w)


@wrong("counted-wrong")
def evidence_of_full_chunks(model, q, x, K, chunk):
    chunks = evidence_chunks(model, q, x, K, chunk)
    estimates = torch.stack([log_w.logsumexp(0) - math.log(chunk) for log_w in chunks])
    return log_mean_exp(estimates), relative_error(torch.cat(chunks))


@wrong("order-swapped")
def evidence_after_its_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return relative_error(log_w), log_mean_exp(log_w)


@wrong("no-maximum")
def evidence_with_naked_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    w = log_w.exp()
    return log_mean_exp(log_w), w.std(0) / w.mean(0) / math.sqrt(K)


@wrong("interval-for-error")
def evidence_with_an_interval(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), 1.96 * relative_error(log_w)


@wrong("another-root")
def evidence_with_error_over_K(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), relative_error(log_w) / math.sqrt(K)


@wrong("second-moment-for-variance")
def evidence_with_root_of_ess(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), log_w.softmax(0).square().sum(0).sqrt()


@wrong("log-not-taken")
def evidence_itself(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w).exp(), relative_error(log_w)


@wrong("se-of-logs")
def evidence_with_spread_of_logs(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), log_w.std(0) / math.sqrt(K)


@wrong("deviation-for-error")
def evidence_with_spread_of_one(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), (log_w - log_mean_exp(log_w)).exp().std(0)


@wrong("absolute-error")
def evidence_with_absolute_error(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_mean_exp(log_w), torch.std(torch.exp(log_w), dim=0) / math.sqrt(K)


@wrong("k-for-k-minus-one")
def evidence_with_population_spread(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    r = torch.exp(log_w - log_mean_exp(log_w))
    return log_mean_exp(log_w), torch.sqrt(torch.mean((r - 1) ** 2, 0) / K)


@wrong("elbo-reported", "se-of-logs")
def evidence_is_the_elbo_throughout(model, q, x, K, chunk):
    log_w = torch.cat(evidence_chunks(model, q, x, K, chunk))
    return log_w.mean(0), log_w.std(0) / math.sqrt(K)


@wrong("fewer-samples", "deviation-for-error")
def evidence_few_and_wide(model, q, x, K, chunk):
    chunks = [log_w for log_w in evidence_chunks(model, q, x, K, chunk) if len(log_w) == chunk]
    log_w = torch.cat(chunks)
    return log_mean_exp(log_w), (log_w - log_mean_exp(log_w)).exp().std(0)


@wrong()
def evidence_from_the_library_bound(model, q, x, K, chunk):
    return elbo(model, q, x, K), iwae(model, q, x, K)
