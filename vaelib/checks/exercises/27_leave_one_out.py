"""Exercise 2.7: a score-function gradient in which each draw is compared with the others."""

from torch import Tensor

from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _leave_one_out(f: Tensor, score: Tensor) -> Tensor:
    K = len(f)
    baseline = (f.sum(0) - f) / (K - 1)
    terms = (f - baseline) * score
    return terms.mean(0)


OTHERS = "(f.sum(0) - f) / (K - 1)"

SLIPS = (
    Slip("own-draw-in-baseline", {OTHERS: "f.mean(0)"}),
    Slip("own-draw-in-baseline", {OTHERS: "f.sum(0) / (K - 1)"},
         "All draws were added, and divided by K − 1."),
    Slip("baseline-added", {"f - baseline": "f + baseline"}),
    Slip("counted-wrong", {"terms.mean(0)": "terms.sum(0) / (K - 1)"},
         "The K terms were divided by K − 1."),
    Slip("counted-wrong", {OTHERS: "(f.sum(0) - f) / (f.shape[1] - 1)"},
         "B − 1 was taken for K − 1."),
    Slip("sum-over-samples", {OTHERS: "f.sum(0) - f"}, "The other draws were added, not averaged."),
    Slip("axis-kept", {"terms.mean(0)": "terms.mean(0, keepdim=True)"}),
    Slip("wrong-axis", {OTHERS: "(f.sum(1, True) - f) / (f.shape[1] - 1)"},
         "The others are other data, not draws."),
    Slip("baseline-missing", {"f - baseline": "f"},
         "The estimate is unbiased, and as loud as before."),
    Slip("others-divided-by-k", {"(K - 1)": "K"}),
    Slip("baseline-outside-score", {"(f - baseline) * score": "f * score - baseline"}),
    Slip("sum-over-samples", {"terms.mean(0)": "terms.sum(0)"}),
    Slip("divided-by-spread", {"terms.mean(0)": "(terms / f.std(0)).mean(0)"}),
    Slip("divided-by-spread", {"terms.mean(0)": "(terms / f.std(0)).mean(0) * (K - 1) / K"}),
    Slip("divided-by-spread", {"terms.mean(0)": "(terms / f.var(0)).mean(0)"},
         "It was the variance, in fact."),
    Slip("wrong-axis", {OTHERS: "f.mean(1, keepdim=True)"}, "The baseline averages over data."),
    Slip("wrong-axis", {"terms.mean(0)": "terms.mean(1)"}),
    Slip("wrong-axis", {OTHERS: "(f.sum() - f) / (f.numel() - 1)"},
         "The baseline also averages over data."),
    Slip("wrong-axis", {OTHERS: "f.mean()"}, "The baseline averages over draws and data."),
    Slip("sum-over-data", {"terms.mean(0)": "terms.mean()"}),
    Slip("negated", {"(f - baseline)": "(baseline - f)"}),
)  # fmt: skip

HAND = (
    Case((t64([[4], [0]]), t64([[1], [-1]])), "f = [[4], [0]] and score = [[1], [−1]]"),
    Case((t64([[1, 0], [2, 0], [6, 3]]), t64([[1, 2], [0, 1], [2, 0]])),
         "f = [[1, 0], [2, 0], [6, 3]] and score = [[1, 2], [0, 1], [2, 0]]"),
)  # fmt: skip

exercise = Exercise(
    solution=_leave_one_out,
    slips=SLIPS,
    hand=HAND,
    draw=lambda: [Case((2 + randn64(6, 3), randn64(6, 3)), "f and score of shape (6, 3)")],
    verified="Every draw is compared with the mean of the K − 1 others: an unbiased estimate, "
    "whatever f is.",
    place="draw",
)
