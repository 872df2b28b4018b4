"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once.

A module or two for each chapter. ``check_<exercise>(fn)`` tries a learner's function and answers with a
:class:`~vaelib.checks.verdict.Verdict`, which is true if it is right; :func:`report` shows the answers so far.
"""

from vaelib.checks import elbo, elbo_terms, jensen
from vaelib.checks.elbo import check_elbo, check_elbo_kl, check_elbo_score, check_log_weights
from vaelib.checks.elbo_terms import check_bound_on_paper, check_free_bits, check_unexplained_weight
from vaelib.checks.exercise import Exercise
from vaelib.checks.jensen import check_log_mean_exp
from vaelib.checks.verdict import report

__all__ = [
    "EXERCISES",
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

# By name, in the book's order.
EXERCISES = {
    exercise.name: exercise
    for module in (jensen, elbo, elbo_terms)
    for exercise in sorted((e for e in vars(module).values() if isinstance(e, Exercise)), key=lambda e: e.number)
}
