"""How an answer is judged: compare it with the solution, then with every known mistake.

All are called on the same cases with the same random numbers. An answer is right if it shows what
the solution shows. Otherwise the first mistake, or pair of mistakes, that shows the same is named.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaelib.checks import wording
from vaelib.checks.calling import Refusal, attempt, untouched
from vaelib.checks.observing import Seen
from vaelib.checks.types import Case, Contrast, Exercise, Slip
from vaelib.checks.verdict import Verdict, remember

__all__ = ["contrast", "judge"]

Shown = Seen | Refusal
Trial = tuple[Case, Shown]

# What our own functions show on the fixed cases, by function and case.
_KEPT: dict[tuple[Callable[..., Any], int], Shown] = {}


def judge(exercise: Exercise, fn: Callable[..., Any]) -> Verdict:
    """Try a learner's function on an exercise's cases and say what is right or wrong with it.

    Args:
        exercise: what is asked.
        fn: the learner's function.

    Returns:
        the verdict, which is kept for the report.
    """
    with untouched() as printed:
        try:
            verdict = _judge(exercise, fn)
        except Refusal as refusal:
            verdict = wording.refuse(exercise, refusal)
    if printed.getvalue():
        aside = "(What your function printed is not shown.)"
        verdict = replace(verdict, message=f"{verdict.message}\n{aside}")
    return remember(verdict)


def contrast(exercise: Exercise, fn: Callable[..., Any]) -> Contrast | None:
    """Find the smallest of the fixed cases in which a function is wrong.

    Args:
        exercise: what is asked.
        fn: the function.

    Returns:
        the case and what both show there; None if all fixed cases agree.
    """
    with untouched():  # in double precision, as in a check
        return _contrast(exercise, [(case, _look(exercise, fn, case)) for case in exercise.hand])


def _judge(exercise: Exercise, fn: Callable[..., Any]) -> Verdict:
    if not callable(fn):
        raise Refusal(
            f"The check wants the function itself, check_{exercise.name}({exercise.name}); "
            f"it got {type(fn).__name__}. Did you call the function?"
        )
    torch.default_generator.seed()
    cases = [*exercise.hand, *exercise.draw()]
    trials = [(case, _look(exercise, fn, case)) for case in cases]
    if _shows_the_same(exercise, exercise.solution, trials):
        return Verdict(exercise.name, True, exercise.verified)
    telling = _choose_telling(exercise, trials)
    for slips in _suspects(exercise) if telling else ():
        mutant = exercise.mutant(*slips)
        if mutant is not None and _explains(exercise, mutant, telling):
            return wording.name_mistakes(exercise, slips, _difference(exercise, trials))
    for _, shown in trials:
        if isinstance(shown, Refusal):
            raise shown
    return wording.name_none(exercise, _difference(exercise, trials))


def _look(exercise: Exercise, fn: Callable[..., Any], case: Case) -> Shown:
    """What a function shows on a case, or its crash. A refusal that is final ends the check."""
    try:
        seen: Seen = attempt(fn, exercise.observe, case.args, case.said)
    except Refusal as refusal:
        if refusal.final:
            raise
        return refusal
    return seen


def _look_at_ours(exercise: Exercise, fn: Callable[..., Any], case: Case) -> Shown:
    """What the solution or a mutant shows. On a fixed case that never changes, so it is kept."""
    if not any(case is fixed for fixed in exercise.hand):
        return _look(exercise, fn, case)
    key = (fn, id(case))
    if key not in _KEPT:
        try:
            _KEPT[key] = _look(exercise, fn, case)
        except Refusal as refusal:
            _KEPT[key] = refusal
    kept = _KEPT[key]
    if isinstance(kept, Refusal) and kept.final:
        raise kept
    return kept


def _choose_telling(exercise: Exercise, trials: list[Trial]) -> list[Trial]:
    """The trials by which a mistake is to be known.

    Cases that crashed are left out if there are wrong numbers elsewhere: whether a mistake crashes
    may depend on rounding, as with a covariance that is nearly singular.
    """
    answered = [trial for trial in trials if isinstance(trial[1], dict)]
    if answered and _shows_the_same(exercise, exercise.solution, answered):
        return trials
    return answered


def _suspects(exercise: Exercise) -> Iterator[tuple[Slip, ...]]:
    """Every slip alone, then every two of different mistakes."""
    yield from ((slip,) for slip in exercise.slips)
    for first, second in itertools.combinations(exercise.slips, 2):
        if first.mistake != second.mistake:
            yield first, second


def _explains(exercise: Exercise, mutant: Callable[..., Any], trials: list[Trial]) -> bool:
    """Whether a mutant shows what the answer shows, with a wrong number among it.

    A case in which only the mutant crashes does not count: the crash may depend on rounding.
    """
    compared: list[Trial] = []
    for case, shown in trials:
        try:
            ours = _look_at_ours(exercise, mutant, case)
        except Refusal:  # the mutant cannot be judged, but the answer could
            return False
        if isinstance(ours, Refusal) and not isinstance(shown, Refusal):
            continue
        if not _agree(shown, ours, exercise.tolerance):
            return False
        compared.append((case, shown))
    # Two edits can contradict each other. Such a mutant always crashes, and explains no crash.
    if all(isinstance(shown, Refusal) for _, shown in compared):
        return False
    return not _shows_the_same(exercise, exercise.solution, compared)


def _shows_the_same(exercise: Exercise, fn: Callable[..., Any], trials: list[Trial]) -> bool:
    """Whether a function shows what the answer shows, on every case."""
    return all(
        _agree(shown, _look_at_ours(exercise, fn, case), exercise.tolerance)
        for case, shown in trials
    )


def _agree(a: Shown, b: Shown, tolerance: float) -> bool:
    if isinstance(a, Refusal) or isinstance(b, Refusal):
        return isinstance(a, Refusal) and isinstance(b, Refusal)
    return a.keys() == b.keys() and all(_close(a[key], b[key], tolerance) for key in a)


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether shapes are equal, and values up to rounding of the largest; infinities by sign."""
    if a.shape != b.shape:
        return False
    finite = b[b.isfinite()].abs()
    scale = finite.max().item() if len(finite) else 1.0
    # Where all should be zero, rounding may be left.
    atol = max(tolerance * min(scale, 1.0), 1e-12)
    return torch.allclose(a, b, rtol=tolerance, atol=atol, equal_nan=True)


def _contrast(exercise: Exercise, trials: list[Trial]) -> Contrast | None:
    """The first trial in which both answer, and differently."""
    for case, theirs in trials:
        right = _look_at_ours(exercise, exercise.solution, case)
        if isinstance(theirs, Refusal) or isinstance(right, Refusal):
            continue
        if theirs.keys() != right.keys():
            return Contrast(case, "", right, theirs)
        for name in right:
            if not _close(theirs[name], right[name], exercise.tolerance):
                return Contrast(case, name, right, theirs)
    return None


def _difference(exercise: Exercise, trials: list[Trial]) -> str:
    """What differs, on the smallest fixed case that shows it."""
    found = _contrast(exercise, trials[: len(exercise.hand)])
    if found is not None:
        return wording.describe(found)
    by_hand = "The examples worked by hand are right, but not inputs drawn afresh"
    return f"{by_hand}: it does not hold for every input."
