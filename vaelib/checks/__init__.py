"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once."""

from vaelib.checks.elbo import check_elbo, check_elbo_kl, check_elbo_score, check_log_weights
from vaelib.checks.elbo_terms import check_bound_on_paper, check_free_bits, check_unexplained_weight
from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.verdict import report

__all__ = [
    "check_bound_on_paper",
    "check_elbo",
    "check_elbo_kl",
    "check_elbo_score",
    "check_free_bits",
    "check_log_mean_exp",
    "check_log_weights",
    "check_unexplained_weight",
    "report",
]
