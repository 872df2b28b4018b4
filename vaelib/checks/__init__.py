"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made, offline and at once.

A few modules for each chapter. ``check_<exercise>(fn)`` tries a learner's function and answers with a
:class:`~vaelib.checks.verdict.Verdict`, which is true if it is right; :func:`report` shows the answers so far.
"""

from vaelib.checks import (
    averages,
    decoders,
    draw,
    elbo,
    elbo_kl,
    elbo_paper,
    elbo_score,
    elbo_terms,
    evidence,
    guesses,
    iwae,
    jensen,
    latent,
    mixtures,
    prices,
    proxies,
    weights,
)
from vaelib.checks.averages import (
    check_jackknife,
    check_log_mean_exp,
    check_streaming_log_mean_exp,
)
from vaelib.checks.decoders import (
    check_bernoulli_log_likelihood,
    check_gaussian_log_likelihood,
)
from vaelib.checks.draw import check_draw
from vaelib.checks.elbo import (
    check_elbo,
    check_log_weights,
)
from vaelib.checks.elbo_kl import check_elbo_kl
from vaelib.checks.elbo_paper import check_bound_on_paper
from vaelib.checks.elbo_score import check_elbo_score
from vaelib.checks.elbo_terms import (
    check_free_bits,
    check_unexplained_weight,
)
from vaelib.checks.evidence import check_log_likelihood
from vaelib.checks.exercise import Exercise
from vaelib.checks.guesses import check_simple_monte_carlo
from vaelib.checks.iwae import (
    check_iwae,
    check_iwae_dreg,
)
from vaelib.checks.jensen import (
    check_growth_rates,
    check_jensen_gap,
    check_two_bounds,
    check_uniform_proxy,
)
from vaelib.checks.latent import (
    check_ancestral,
    check_log_evidence,
)
from vaelib.checks.mixtures import (
    check_bayes,
    check_em_step,
)
from vaelib.checks.prices import (
    check_many_pixels,
    check_mixture_price,
)
from vaelib.checks.proxies import (
    check_best_baseline,
    check_kl_to_posterior,
    check_leave_one_out,
    check_other_direction,
)
from vaelib.checks.verdict import Verdict, report
from vaelib.checks.weights import (
    check_effective_sample_size,
    check_normalized_weights,
    check_surrogate_limit,
    check_two_weights,
)

__all__ = [
    "EXERCISES",
    "Verdict",
    "check_ancestral",
    "check_bayes",
    "check_bernoulli_log_likelihood",
    "check_best_baseline",
    "check_bound_on_paper",
    "check_draw",
    "check_effective_sample_size",
    "check_elbo",
    "check_elbo_kl",
    "check_elbo_score",
    "check_em_step",
    "check_free_bits",
    "check_gaussian_log_likelihood",
    "check_growth_rates",
    "check_iwae",
    "check_iwae_dreg",
    "check_jackknife",
    "check_jensen_gap",
    "check_kl_to_posterior",
    "check_leave_one_out",
    "check_log_evidence",
    "check_log_likelihood",
    "check_log_mean_exp",
    "check_log_weights",
    "check_many_pixels",
    "check_mixture_price",
    "check_normalized_weights",
    "check_other_direction",
    "check_simple_monte_carlo",
    "check_streaming_log_mean_exp",
    "check_surrogate_limit",
    "check_two_bounds",
    "check_two_weights",
    "check_unexplained_weight",
    "check_uniform_proxy",
    "report",
]

_modules = (
    averages,
    decoders,
    draw,
    elbo,
    elbo_kl,
    elbo_paper,
    elbo_score,
    elbo_terms,
    evidence,
    guesses,
    iwae,
    jensen,
    latent,
    mixtures,
    prices,
    proxies,
    weights,
)
_found = (e for module in _modules for e in vars(module).values() if isinstance(e, Exercise))

# By name, in the book's order.
EXERCISES = {exercise.name: exercise for exercise in sorted(_found, key=lambda e: e.number)}
