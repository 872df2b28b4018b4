"""How an answer is judged: compare it with the solution, then with every known mistake.

All are called on the same cases with the same random numbers. An answer is right if it shows what
the solution shows. Otherwise the first mistake, or pair of mistakes, that shows the same is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaelib.checks import wording
from vaelib.checks.calling import Refusal, attempt, untouched
from vaelib.checks.observing import Seen
from vaelib.checks.types import Case, Exercise, Slip
from vaelib.checks.verdict import Verdict, remember

__all__ = ["Contrast", "contrast", "judge"]

Shown = Seen | Refusal


@dataclass(frozen=True)
class Contrast:
    """The smallest fixed case in which a function is wrong.

    Args:
        case: the case.
        name: which value differs first; empty if other values were returned.
        right: what the solution shows.
        theirs: what the function shows.
    """

    case: Case
    name: str
    right: Seen
    theirs: Seen


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
        aside = f"{verdict.message}\n(What your function printed is not shown.)"
        verdict = replace(verdict, message=aside)
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
        return _contrast(exercise, [_look(exercise, fn, case) for case in exercise.hand])


def _judge(exercise: Exercise, fn: Callable[..., Any]) -> Verdict:
    if not callable(fn):
        raise Refusal(
            f"The check wants the function itself, check_{exercise.name}({exercise.name}); "
            f"it got {type(fn).__name__}. Did you call the function?"
        )
    torch.seed()
    cases = [*exercise.hand, *exercise.draw()]
    theirs = [_look(exercise, fn, case) for case in cases]
    if _shows_the_same(exercise, exercise.solution, theirs, cases):
        return Verdict(exercise.name, True, exercise.verified)
    slips = _find_mistakes(exercise, *_choose_evidence(exercise, theirs, cases))
    if slips:
        return wording.name_mistakes(exercise, slips, _difference(exercise, theirs))
    for shown in theirs:
        if isinstance(shown, Refusal):
            raise shown
    return wording.name_none(exercise, _difference(exercise, theirs))


def _look(exercise: Exercise, fn: Callable[..., Any], case: Case) -> Shown:
    """What a function shows on a case, or its crash. A refusal that is final ends the check."""
    try:
        seen: Seen = attempt(fn, exercise.observe, case.args, case.said)
    except Refusal as refusal:
        if refusal.final:
            raise
        return refusal
    return seen


def _choose_evidence(
    exercise: Exercise, theirs: Sequence[Shown], cases: Sequence[Case]
) -> tuple[list[Shown], list[Case]]:
    """The cases by which a mistake is to be known, and what the answer shows there.

    Cases that crashed are left out if there are wrong numbers elsewhere: whether a mistake crashes
    may depend on rounding, as with a covariance that is nearly singular.
    """
    pairs = list(zip(theirs, cases, strict=True))
    answered = [(seen, case) for seen, case in pairs if isinstance(seen, dict)]
    seen, there = [seen for seen, _ in answered], [case for _, case in answered]
    if seen and _shows_the_same(exercise, exercise.solution, seen, there):
        return list(theirs), list(cases)
    return list(seen), there


def _find_mistakes(
    exercise: Exercise, theirs: list[Shown], cases: list[Case]
) -> tuple[Slip, ...] | None:
    """The first mistake, or pair of mistakes, that shows what the answer shows."""
    for slips in _suspects(exercise) if theirs else ():
        mutant = exercise.mutant(*slips)
        if mutant is not None and _explains(exercise, mutant, theirs, cases):
            return slips
    return None


def _suspects(exercise: Exercise) -> Iterator[tuple[Slip, ...]]:
    """Every slip alone, then every two of different mistakes."""
    yield from ((slip,) for slip in exercise.slips)
    for first, second in itertools.combinations(exercise.slips, 2):
        if first.mistake != second.mistake:
            yield first, second


def _explains(
    exercise: Exercise, mutant: Callable[..., Any], theirs: list[Shown], cases: list[Case]
) -> bool:
    """Whether a mutant shows what the answer shows, with a wrong number among it.

    A case in which only the mutant crashes does not count: the crash may depend on rounding.
    """
    compared: list[tuple[Shown, Case]] = []
    for seen, case in zip(theirs, cases, strict=True):
        try:
            ours = _look(exercise, mutant, case)
        except Refusal:  # the mutant cannot be judged, but the answer could
            return False
        if isinstance(ours, Refusal) and not isinstance(seen, Refusal):
            continue
        if not _agree(seen, ours, exercise.tolerance):
            return False
        compared.append((seen, case))
    # Two edits can contradict each other. Such a mutant always crashes, and explains no crash.
    shown = [seen for seen, _ in compared]
    if not any(isinstance(seen, dict) for seen in shown):
        return False
    there = [case for _, case in compared]
    return not _shows_the_same(exercise, exercise.solution, shown, there)


def _shows_the_same(
    exercise: Exercise, fn: Callable[..., Any], theirs: Sequence[Shown], cases: Sequence[Case]
) -> bool:
    """Whether a function shows what the answer shows, on every case."""
    return all(
        _agree(seen, _look(exercise, fn, case), exercise.tolerance)
        for seen, case in zip(theirs, cases, strict=True)
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


def _contrast(exercise: Exercise, theirs: list[Shown]) -> Contrast | None:
    for case, seen in zip(exercise.hand, theirs, strict=False):
        right = _look(exercise, exercise.solution, case)
        if isinstance(seen, Refusal) or isinstance(right, Refusal):
            continue
        if seen.keys() != right.keys():
            return Contrast(case, "", right, seen)
        for name in right:
            if not _close(seen[name], right[name], exercise.tolerance):
                return Contrast(case, name, right, seen)
    return None


def _difference(exercise: Exercise, theirs: list[Shown]) -> str:
    """What differs, on the smallest fixed case that shows it."""
    found = _contrast(exercise, theirs)
    if found is None:
        by_hand = "The examples worked by hand are right, but not inputs drawn afresh"
        return f"{by_hand}: it does not hold for every input."
    return wording.describe_difference(found.case, found.name, found.right, found.theirs)
