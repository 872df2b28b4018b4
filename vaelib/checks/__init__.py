"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once."""

from vaelib.checks.decoders import check_bernoulli_log_likelihood, check_gaussian_log_likelihood
from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.proxies import (
    check_best_baseline,
    check_draw,
    check_kl_to_posterior,
    check_leave_one_out,
    check_other_direction,
)
from vaelib.checks.verdict import report

__all__ = [
    "check_bernoulli_log_likelihood",
    "check_best_baseline",
    "check_draw",
    "check_gaussian_log_likelihood",
    "check_kl_to_posterior",
    "check_leave_one_out",
    "check_log_mean_exp",
    "check_other_direction",
    "report",
]
