"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once."""

from vaelib.checks.iwae import check_iwae, check_iwae_dreg, check_log_likelihood
from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.verdict import report
from vaelib.checks.weights import (
    check_effective_sample_size,
    check_normalized_weights,
    check_surrogate_limit,
    check_two_weights,
)

__all__ = [
    "check_effective_sample_size",
    "check_iwae",
    "check_iwae_dreg",
    "check_log_likelihood",
    "check_log_mean_exp",
    "check_normalized_weights",
    "check_surrogate_limit",
    "check_two_weights",
    "report",
]
