import torch
import torch.nn.functional as F

from learners import right, wrong


@right
def count_by_softmax(log_w):
    return 1 / (torch.softmax(log_w, 0) ** 2).sum(0)


@right
def count_in_logs(log_w):
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))


@right
def count_by_two_sums(log_w):
    w = torch.exp(log_w - log_w.max(0, keepdim=True).values)
    return w.sum(0).pow(2).div(w.pow(2).sum(0))


@right
def count_by_einsum(log_w):
    w = torch.softmax(log_w, 0)
    return torch.einsum("kb,kb->b", w, w).reciprocal()


@wrong("no-maximum")
def count_of_naked_weights(log_w):
    w = log_w.exp()
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("another-shift")
def count_around_the_mean(log_w):
    w = torch.exp(log_w - log_w.mean(0))
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("upside-down")
def count_upside_down(log_w):
    return torch.softmax(log_w, 0).square().sum(dim=0)


@wrong("maximum-of-all")
def count_below_one_maximum(log_w):
    w = torch.exp(log_w - log_w.max())
    return w.sum(0) ** 2 / (w**2).sum(0)


@wrong("square-of-sum")
def count_numerator_not_squared(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.sum(0) / (w**2).sum(0)


@wrong("square-of-sum")
def count_of_doubled_logs(log_w):
    return 1 / torch.softmax(2 * log_w, 0).sum(0)


@wrong("wrong-axis")
def count_of_mixed_axes(log_w):
    return 1 / torch.softmax(log_w, 1).square().sum(0)


@wrong("sum-over-data")
def count_of_all_together(log_w):
    return 1 / torch.softmax(log_w.flatten(), 0).square().sum()


@wrong("sum-over-data")
def count_averaged(log_w):
    return (1 / torch.softmax(log_w, 0).square().sum(0)).mean()


@wrong("softmax-of-losses")
def count_of_losses(log_w):
    return 1 / torch.softmax(-log_w, 0).square().sum(0)


@wrong("square-of-sum")
def count_square_of_sum(log_w):
    w = torch.softmax(log_w, 0)
    return 1 / torch.sum(w, 0) ** 2


@wrong("not-normalised")
def count_as_if_normalised(log_w):
    w = torch.exp(log_w)
    return 1.0 / torch.sum(w * w, 0)


@wrong("fraction-for-count")
def count_as_fraction(log_w):
    w = torch.exp(log_w - log_w.max(0).values)
    return w.mean(0) ** 2 / (w**2).mean(0)


@wrong("mean-for-sum")
def count_with_mean(log_w):
    return 1 / torch.mean(F.softmax(log_w, 0) ** 2, 0)


@wrong("wrong-axis")
def count_along_the_batch(log_w):
    shares = log_w.softmax(-1)
    return 1 / shares.square().sum(-1)


@wrong("another-count")
def count_by_entropy(log_w):
    shares = torch.distributions.Categorical(logits=log_w.T)
    return torch.exp(shares.entropy())


@wrong("another-count")
def count_by_the_largest(log_w):
    return torch.exp(torch.logsumexp(log_w, 0) - log_w.max(0).values)


@wrong("log-for-value")
def count_in_nats(log_w):
    return 2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0)


@wrong("logs-for-weights")
def count_of_logarithms(log_w):
    return log_w.sum(0) ** 2 / (log_w**2).sum(0)


@wrong("no-maximum", "fraction-for-count")
def count_naked_fraction(log_w):
    w = log_w.exp()
    return w.mean(0) ** 2 / (w**2).mean(0)
