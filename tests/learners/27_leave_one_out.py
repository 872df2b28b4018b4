import torch

from learners import right, wrong


@right
def draw_by_draw(f, score):
    K, total = f.shape[0], 0
    for k in range(K):
        others = torch.cat([f[:k], f[k + 1 :]])
        total = total + (f[k] - others.mean(0)) * score[k]
    return total / K


@right
def sample_covariance(f, score):
    return torch.stack(
        [torch.cov(torch.stack([f[:, b], score[:, b]]))[0, 1] for b in range(f.shape[1])]
    )


@right
def centred(f, score):
    return torch.einsum("kb,kb->b", f - f.mean(0), score) / (len(f) - 1)


@right
def pair_by_pair(f, score):
    K = len(f)
    pairs = (f[:, None] - f[None]) * (score[:, None] - score[None])
    return pairs.sum((0, 1)) / (2 * K * (K - 1))


@wrong("own-draw-in-baseline")
def minus_the_mean(f, score):
    return ((f - f.mean(0)) * score).mean(0)


@wrong("own-draw-in-baseline")
def biased_covariance(f, score):
    return (f * score).mean(0) - f.mean(0) * score.mean(0)


@wrong("baseline-missing")
def reinforce(f, score):
    return torch.mean(f * score, dim=0)


@wrong("others-divided-by-k")
def others_over_k(f, score):
    K = f.shape[0]
    others = torch.stack([f[torch.arange(K) != k].sum(0) / K for k in range(K)])
    return ((f - others) * score).mean(0)


@wrong("baseline-outside-score")
def baseline_after_the_product(f, score):
    K = len(f)
    baseline = (f.sum(0, keepdim=True) - f) / (K - 1)
    return (f * score - baseline).mean(0)


@wrong("sum-over-samples")
def added_up(f, score):
    K = len(f)
    return sum((f[k] - (f.sum(0) - f[k]) / (K - 1)) * score[k] for k in range(K))


@wrong("divided-by-spread")
def advantage(f, score):
    a = (f - f.mean(0)) / f.std(0)
    return (a * score).mean(0)


@wrong("wrong-axis")
def baseline_over_data(f, score):
    return ((f - f.mean(dim=1, keepdim=True)) * score).mean(0)


@wrong("wrong-axis")
def baseline_over_all(f, score):
    return ((f - f.mean()) * score).mean(0)


@wrong("sum-over-data")
def one_gradient(f, score):
    K = len(f)
    return ((f - (f.sum(0) - f) / (K - 1)) * score).mean()


@wrong("negated")
def loss_gradient(f, score):
    return -((f - f.mean(0)) * score).sum(0) / (f.shape[0] - 1)


@wrong()
def median_baseline(f, score):
    return ((f - f.median(0).values) * score).mean(0)


@wrong("own-draw-in-baseline", "sum-over-samples")
def mean_then_sum(f, score):
    return ((f - f.mean(0)) * score).sum(0)


@wrong("negated", "sum-over-data")
def surrogate_loss(f, score):
    K = len(f)
    return -((f - (f.sum(0) - f) / (K - 1)) * score).mean()


@wrong("own-draw-in-baseline")
def all_but_divided_by_one_less(f, score):
    return ((f - f.sum(0) / (len(f) - 1)) * score).mean(0)


@wrong("baseline-added")
def plus_the_others(f, score):
    return ((f + (f.sum(0) - f) / (len(f) - 1)) * score).mean(0)


@wrong("counted-wrong")
def unbiased_twice(f, score):
    return ((f - (f.sum(0) - f) / (len(f) - 1)) * score).sum(0) / (len(f) - 1)


@wrong("sum-over-samples")
def others_not_divided(f, score):
    return ((f - (f.sum(0) - f)) * score).mean(0)


@wrong("wrong-axis")
def other_data(f, score):
    return ((f - (f.sum(1, keepdim=True) - f) / (f.shape[1] - 1)) * score).mean(0)


@wrong("axis-kept")
def estimates_in_a_row(f, score):
    return ((f - (f.sum(0) - f) / (len(f) - 1)) * score).mean(0, keepdim=True)
