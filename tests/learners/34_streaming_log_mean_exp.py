import math

import torch

from learners import right, wrong


@right
def one_after_the_other(chunks):
    total, n = torch.tensor(-math.inf), 0
    for chunk in chunks:
        total = torch.logaddexp(total, chunk.logsumexp(0))
        n += chunk.shape[0]
    return total - math.log(n)


@right
def with_a_running_maximum(chunks):
    m, s, count = None, None, 0
    for chunk in chunks:
        new = chunk.max(0).values if m is None else torch.maximum(m, chunk.max(0).values)
        old = 0 if s is None else s * torch.exp(m - new)
        s = old + torch.exp(chunk - new).sum(0)
        m, count = new, count + chunk.size(0)
    return m + torch.log(s / count)


@right
def sums_of_the_chunks(chunks):
    sums = torch.stack([torch.logsumexp(c, 0) for c in chunks])
    return torch.logsumexp(sums, 0) - math.log(sum(map(len, chunks)))


@wrong("chunks-alike")
def mean_of_the_means(chunks):
    means = [torch.logsumexp(c, 0) - math.log(len(c)) for c in chunks]
    return (
        torch.stack(means).exp().mean(0).log()
        if max(m.abs().max() for m in means) < 500
        else torch.logsumexp(torch.stack(means), 0) - math.log(len(chunks))
    )


@wrong("log-of-mean-of-logs")
def average_of_the_answers(chunks):
    return sum(torch.logsumexp(c, 0) - math.log(len(c)) for c in chunks) / len(chunks)


@wrong("maximum-kept")
def never_rescaled(chunks):
    m, s, n = torch.tensor(-math.inf), 0.0, 0
    for c in chunks:
        m = torch.maximum(m, c.max(0).values)
        s = s + torch.exp(c - m).sum(0)
        n += len(c)
    return m + torch.log(s) - math.log(n)


@wrong("maximum-kept")
def maximum_of_the_first_chunk(chunks):
    m = chunks[0].max(0).values
    return m + (sum((c - m).exp().sum(0) for c in chunks) / sum(len(c) for c in chunks)).log()


@wrong("maximum-of-all")
def maximum_of_all_data(chunks):
    m = max(c.max() for c in chunks)
    return m + (sum((c - m).exp().sum(0) for c in chunks) / sum(len(c) for c in chunks)).log()


@wrong("zero-in-the-sum")
def sum_started_at_zero(chunks):
    log_sum, n = torch.tensor(0.0), 0
    for c in chunks:
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(c, 0))
        n += len(c)
    return log_sum - math.log(n)


@wrong("log-of-mean-of-logs")
def mean_of_everything(chunks):
    return torch.cat(chunks).mean(dim=0)


@wrong("counted-wrong")
def data_counted(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) - math.log(sum(c.shape[1] for c in chunks))


@wrong("counted-wrong")
def everything_counted(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) - math.log(whole.numel())


@wrong("counted-wrong")
def log_count_added(chunks):
    whole = torch.cat(chunks)
    return torch.logsumexp(whole, 0) + math.log(len(whole))


@wrong("changed-in-place")
def chunks_used_up(chunks):
    log_sum, n = torch.tensor(-math.inf), 0
    while chunks:
        c = chunks.pop(0)
        log_sum, n = torch.logaddexp(log_sum, c.logsumexp(0)), n + len(c)
    return log_sum - math.log(n)


@wrong("log-k-missing")
def sum_of_all(chunks):
    out = chunks[0].logsumexp(0)
    for c in chunks[1:]:
        out = torch.logaddexp(out, c.logsumexp(0))
    return out


@wrong("counted-wrong")
def by_number_of_chunks(chunks):
    out = chunks[0].logsumexp(0)
    for c in chunks[1:]:
        out = torch.logaddexp(out, c.logsumexp(0))
    return out - math.log(len(chunks))


@wrong("counted-wrong")
def count_of_the_last(chunks):
    out = torch.tensor(-math.inf)
    for c in chunks:
        out = torch.logaddexp(out, c.logsumexp(0))
        n = len(c)
    return out - math.log(n)


@wrong("last-chunk")
def overwritten(chunks):
    for c in chunks:
        answer = torch.logsumexp(c, dim=0) - math.log(c.shape[0])
    return answer


@wrong("last-chunk")
def returned_too_early(chunks):
    for c in chunks:
        return torch.logsumexp(c, dim=0) - math.log(c.shape[0])


@wrong("no-maximum")
def running_sum_of_weights(chunks):
    s, n = 0.0, 0
    for c in chunks:
        s, n = s + c.exp().sum(0), n + len(c)
    return torch.log(s / n)


@wrong("wrong-axis")
def concatenated_and_reduced(chunks):
    log_w = torch.cat(chunks, 0)
    return torch.logsumexp(log_w, dim=1) - math.log(log_w.shape[1])


@wrong("last-chunk", "log-k-missing")
def overwritten_sum(chunks):
    for c in chunks:
        total = c.logsumexp(0)
    return total
