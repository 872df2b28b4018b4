"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once.

A module for each chapter. ``check_<exercise>(fn)`` tries a learner's function and answers with a
:class:`~vaelib.checks.verdict.Verdict`, which is true if it is right; :func:`report` shows the answers so far.
"""

from vaelib.checks import jensen, latent, mixtures
from vaelib.checks.exercise import Exercise
from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.latent import check_ancestral, check_log_evidence, check_many_pixels, check_simple_monte_carlo
from vaelib.checks.mixtures import check_bayes, check_em_step, check_mixture_price
from vaelib.checks.verdict import report

__all__ = [
    "EXERCISES",
    "check_ancestral",
    "check_bayes",
    "check_em_step",
    "check_log_evidence",
    "check_log_mean_exp",
    "check_many_pixels",
    "check_mixture_price",
    "check_simple_monte_carlo",
    "report",
]

# By name, in the book's order.
_exercises = (e for module in (latent, mixtures, jensen) for e in vars(module).values() if isinstance(e, Exercise))
EXERCISES = {exercise.name: exercise for exercise in sorted(_exercises, key=lambda e: e.number)}
