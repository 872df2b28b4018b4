"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once."""

from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.verdict import report

__all__ = ["check_log_mean_exp", "report"]
