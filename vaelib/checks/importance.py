"""What the exercises on importance weights share: log-weights as cases, and slips of a bound."""

from vaelib.checks.types import Case, Slip, randn64, t64

__all__ = ["BOUND", "BOUND_SLIPS", "FIXED_WEIGHTS", "WITHOUT_PRIOR", "draw_weights", "logs_case"]


def _weights_case(weights: list[list[float]], said: str) -> Case:
    return Case((t64(weights).log(),), f"the weights w = {said}")


def logs_case(log_w: list[list[float]]) -> Case:
    """Make a case of log-weights.

    Args:
        log_w: a row for each sample, a column for each datum.
    """
    return Case((t64(log_w),), f"log_w = {log_w}")


def draw_weights() -> list[Case]:
    """Draw the log-weights of three data, five for each."""
    return [Case((2 * randn64(5, 3),), "log_w of shape (5, 3)")]


FIXED_WEIGHTS = (
    _weights_case([[1], [3]], "[[1], [3]], so log_w = [[0], [log 3]]"),
    _weights_case([[1, 2], [1, 6]], "[[1, 2], [1, 6]]"),
    logs_case([[1000], [1000]]),
    logs_case([[-1000], [-1000]]),
    _weights_case([[1, 2], [1, 6], [2, 8]], "[[1, 2], [1, 6], [2, 8]]"),
    logs_case([[1000, -1000], [999, -1000]]),
    logs_case([[1000], [-1000]]),
    logs_case([[1000], [1000], [200]]),
)

BOUND = "torch.logsumexp(log_w, 0) - math.log(K)"
WITHOUT_PRIOR = {"model.log_joint(x, z)": "model.log_joint(x, z) - model.prior().log_prob(z)"}

# Mistakes of a solution that ends with ``return bound``, and what is returned instead.
BOUND_SLIPS = (
    Slip("sum-over-data", {"return bound": "return bound.mean()"}),
    Slip("sum-over-data", {"return bound": "return bound.sum()"}),
    Slip("axis-kept", {"return bound": "return bound[None]"}),
    Slip("wrongly-detached", {"return bound": "return bound.detach()"},
         "Nothing could be trained by it."),
    Slip("prior-missing", WITHOUT_PRIOR, "The weights must be p(x, z) / q(z|x)."),
    Slip("counted-wrong", {" - math.log(K)": " + math.log(K)"}, "The sum was multiplied by K."),
    Slip("counted-wrong", {"math.log(K)": "math.log(len(x))"},
         "The data were counted, not the samples."),
    Slip("counted-wrong", {"math.log(K)": "math.log(log_w.numel())"},
         "It was divided by K B instead of K."),
    Slip("no-maximum", {"return bound": "return log_w.exp().mean(0).log()"}),
    Slip("sign-flipped", {"return bound": f"return -({BOUND})"}),
    Slip("logarithm-missing", {"return bound": "return log_w.exp().mean(0)"}),
    Slip("maximum-not-added",
         {"return bound": "return (log_w - log_w.max(0).values).exp().mean(0).log()"}),
    Slip("log-k-missing", {"return bound": "return torch.logsumexp(log_w, 0) / K"},
         "The logarithm of the sum was divided by K."),
    Slip("not-averaged", {"return bound": "return log_w"}),
)  # fmt: skip
