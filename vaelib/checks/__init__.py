"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once.

A module for each chapter, and for chapter 5 two. ``check_<exercise>(fn)`` tries a learner's function and answers with a
:class:`~vaelib.checks.verdict.Verdict`, which is true if it is right; :func:`report` shows the answers so far.
"""

from vaelib.checks import iwae, jensen, weights
from vaelib.checks.exercise import Exercise
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
    "EXERCISES",
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

_all = (e for module in (jensen, weights, iwae) for e in vars(module).values() if isinstance(e, Exercise))

# By name, in the book's order.
EXERCISES = {exercise.name: exercise for exercise in sorted(_all, key=lambda e: e.number)}
