"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once."""

from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.latent import check_ancestral, check_log_evidence, check_many_pixels, check_simple_monte_carlo
from vaelib.checks.mixtures import check_em_step, check_mixture_posterior, check_mixture_price
from vaelib.checks.verdict import report

__all__ = [
    "check_ancestral",
    "check_em_step",
    "check_log_evidence",
    "check_log_mean_exp",
    "check_many_pixels",
    "check_mixture_posterior",
    "check_mixture_price",
    "check_simple_monte_carlo",
    "report",
]
