"""Every check: right answers pass, wrong ones are refused and their mistake is named, and nothing is left behind.

The answers are in ``tests/learners``, a file for each chapter.
"""

from __future__ import annotations

import importlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from learners import ANSWERS, Answer

from vaelib import checks
from vaelib.checks.catalogue import MISTAKES
from vaelib.checks.types import Exercise
from vaelib.checks.verdict import Verdict

CHAPTERS = [path.stem for path in sorted((Path(__file__).parent / "learners").glob("[a-z]*.py"))]
for chapter in CHAPTERS:
    importlib.import_module(f"learners.{chapter}")

EXERCISES = checks.EXERCISES
each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


def judged(answer: Answer) -> Verdict:
    return getattr(checks, f"check_{answer.exercise}")(answer.fn)


verdict_of = cache(judged)


def answers(exercise: str = "", *, is_right: bool, mistakes: int = 1) -> list[Answer]:
    return [
        answer
        for answer in ANSWERS
        if answer.exercise == (exercise or answer.exercise) and answer.is_right == is_right
        if is_right or (len(answer.mistakes) == 2) == (mistakes == 2)
    ]


@pytest.mark.parametrize("answer", answers(is_right=True), ids=str)
def test_a_right_answer_passes(answer: Answer) -> None:
    verdict = verdict_of(answer)
    assert verdict, str(verdict)
    assert verdict.mistakes == ()


@pytest.mark.parametrize("answer", answers(is_right=False), ids=str)
def test_a_wrong_answer_is_refused_the_same_way_each_time(answer: Answer) -> None:
    first, second = verdict_of(answer), judged(answer)
    assert not first
    assert str(first) == str(second)


@each_exercise
def test_mistakes_are_named(exercise: Exercise) -> None:
    """Of each exercise's wrong answers nine in ten are diagnosed, of small sets all but one."""
    wrong = answers(exercise.name, is_right=False)
    named = {str(answer): set(verdict_of(answer).mistakes) == answer.mistakes for answer in wrong}
    missed = [name for name, is_named in named.items() if not is_named]
    assert len(missed) <= max(1, len(wrong) // 10), missed


def test_of_all_wrong_answers_nine_in_ten_are_diagnosed() -> None:
    wrong = answers(is_right=False)
    named = [set(verdict_of(answer).mistakes) == answer.mistakes for answer in wrong]
    print(f"{sum(named)} of {len(named)} wrong answers diagnosed")
    assert sum(named) >= 0.9 * len(named)


@pytest.mark.parametrize("answer", answers(is_right=False, mistakes=2), ids=str)
def test_of_two_mistakes_one_at_least_is_named(answer: Answer) -> None:
    assert set(verdict_of(answer).mistakes) & answer.mistakes


@each_exercise
def test_there_are_enough_answers(exercise: Exercise) -> None:
    assert len(answers(exercise.name, is_right=True)) >= 3
    assert len(answers(exercise.name, is_right=False)) >= 8
    assert len(answers(exercise.name, is_right=False, mistakes=2)) >= 1
    names = Counter(str(answer) for answer in ANSWERS)
    assert max(names.values()) == 1, names.most_common(3)


@each_exercise
def test_every_slip_is_found_in_its_own_mutant(exercise: Exercise) -> None:
    """Each edit can be made, changes the answer, and shows otherwise than every other slip of the exercise."""
    for slip in exercise.slips:
        mutant = exercise.mutant(slip)
        assert mutant is not None, f"{slip}: an old text does not occur once in\n{exercise.source}"
        verdict = exercise(mutant)
        assert verdict.mistakes == (slip.mistake,), f"{slip}: {verdict}"


@each_exercise
def test_the_solution_passes(exercise: Exercise) -> None:
    assert exercise(exercise.solution)


@each_exercise
def test_places_and_mistakes_exist(exercise: Exercise) -> None:
    assert {slip.mistake for slip in exercise.slips} <= MISTAKES.keys()
    assert getattr(checks, f"check_{exercise.name}").__doc__.startswith(
        f"Exercise {exercise.number}: "
    )


def test_every_mistake_of_the_catalogue_is_invited_somewhere() -> None:
    invited = {slip.mistake for exercise in EXERCISES.values() for slip in exercise.slips}
    assert MISTAKES.keys() - invited == {"changed-in-place"}


def test_every_check_is_exported() -> None:
    assert {f"check_{name}" for name in EXERCISES} == {
        name for name in checks.__all__ if name.startswith("check_")
    }
    assert set(checks.__all__) <= set(dir(checks))
