"""Exercise 5.2: how many equally weighted samples the weighted ones are worth, from log-weights."""

from torch import Tensor

from vaelib.checks.importance import FIXED_WEIGHTS, draw_weights
from vaelib.checks.types import Exercise, Slip

__all__ = ["exercise"]


def _effective_sample_size(log_w: Tensor) -> Tensor:
    w = (log_w - log_w.max(0).values).exp()
    w_tilde = w / w.sum(0)
    return 1 / w_tilde.square().sum(0)


SHARES = "w / w.sum(0)"
COUNT = "1 / w_tilde.square().sum(0)"
OF_A_DATUM = "The K weights of a datum stand along axis 0, and only they belong together."

SLIPS = (
    Slip("no-maximum", {"(log_w - log_w.max(0).values).exp()": "log_w.exp()"}),
    Slip("maximum-of-all", {"log_w.max(0).values": "log_w.max()"}),
    Slip("minimum-for-maximum", {"log_w.max(0).values": "log_w.min(0).values"}),
    Slip("another-shift", {"log_w.max(0).values": "log_w.mean(0)"}),
    Slip("another-shift", {"log_w.max(0).values": "log_w.abs().max(0).values"}),
    Slip("upside-down", {"1 / w": "w"}, "A count of samples is never below one.", place="count"),
    Slip("square-of-sum", {".square().sum(0)": ".sum(0)"}, "It is 1, whatever the weights are."),
    Slip("square-of-sum", {"1 / w_tilde.square()": "w.sum(0) / w.square()"},
         "The sum above was not squared."),
    Slip("not-normalised", {SHARES: "w"}),
    Slip("not-normalised", {SHARES: "log_w.exp()"}),
    Slip("fraction-for-count", {"1 / w": "1 / len(log_w) / w"},
         "Equal weights must give K, not 1."),
    Slip("mean-for-sum", {".square().sum(0)": ".square().mean(0)"},
         "Every value is K times too large."),
    Slip("wrong-axis", {SHARES: "log_w.softmax(1)", ".square().sum(0)": ".square().sum(1)"},
         OF_A_DATUM),
    Slip("wrong-axis", {SHARES: "log_w.softmax(1)"}, OF_A_DATUM),
    Slip("sum-over-data", {SHARES: "log_w.flatten().softmax(0)"}, OF_A_DATUM),
    Slip("sum-over-data", {COUNT: f"({COUNT}).sum()"}),
    Slip("sum-over-data", {COUNT: f"({COUNT}).mean()"}),
    Slip("softmax-of-losses", {"log_w - log_w.max(0)": "-log_w + log_w.min(0)"}),
    Slip("logs-for-weights", {SHARES: "log_w / log_w.sum(0)"}),
    Slip("another-count", {COUNT: "(-(w_tilde * w_tilde.log()).sum(0)).exp()"}),
    Slip("another-count", {COUNT: "torch.special.entr(w_tilde).sum(0).exp()"}),
    Slip("another-count", {"w_tilde.square().sum(0)": "w_tilde.max(0).values"}),
    Slip("log-for-value", {COUNT: "-w_tilde.square().sum(0).log()"}),
)  # fmt: skip

exercise = Exercise(
    solution=_effective_sample_size,
    slips=SLIPS,
    hand=FIXED_WEIGHTS,
    draw=draw_weights,
    verified="It agrees with (Σ w)² / Σ w², datum by datum, and holds for log-weights of ±1000.",
    place="count",
)
