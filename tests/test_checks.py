"""Every check passes right answers, refuses wrong ones and names their mistakes.

The answers are in ``tests/learners``, a file for each exercise.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import ANSWERS, Answer

from vaelib import checks
from vaelib.checks import calling
from vaelib.checks.catalogue import MISTAKES

EXERCISES = checks.EXERCISES
PAGES = Path(__file__).resolve().parents[1] / "book" / "exercises"
RIGHT = [answer for answer in ANSWERS if answer.is_right]
WRONG = [answer for answer in ANSWERS if not answer.is_right]
# Its check refuses it, but does not know this form of the mistake.
NOT_NAMED = {"em_step-k_means"}

each_exercise = pytest.mark.parametrize("name", EXERCISES)


def check(exercise: str, fn: Callable[..., Any]) -> checks.Verdict:
    return getattr(checks, f"check_{exercise}")(fn)


@pytest.mark.parametrize("answer", RIGHT, ids=str)
def test_a_right_answer_passes(answer: Answer) -> None:
    verdict = check(answer.exercise, answer.fn)
    assert verdict, str(verdict)
    assert verdict.mistakes == ()


@pytest.mark.parametrize("answer", WRONG, ids=str)
def test_a_wrong_answer_is_refused_and_its_mistakes_are_named(answer: Answer) -> None:
    """A second check says the same, though it draws other inputs."""
    first, second = (check(answer.exercise, answer.fn) for _ in range(2))
    assert not first
    assert str(first) == str(second)
    assert set(first.mistakes) == (set() if str(answer) in NOT_NAMED else answer.mistakes)


@each_exercise
def test_there_are_enough_answers(name: str) -> None:
    wrong = [answer for answer in WRONG if answer.exercise == name]
    assert sum(answer.exercise == name for answer in RIGHT) >= 3
    assert len(wrong) >= 8
    assert any(len(answer.mistakes) == 2 for answer in wrong)


def test_answers_belong_to_an_exercise_and_have_names_of_their_own() -> None:
    """A file's name gives its answers' exercise, so that it must be that of a page."""
    files = {path.stem for path in (Path(__file__).parent / "learners").glob("[0-9]*.py")}
    assert files == {path.stem for path in PAGES.glob("[0-9]*.md")}
    assert {answer.exercise for answer in ANSWERS} == EXERCISES.keys()
    assert max(Counter(map(str, ANSWERS)).values()) == 1


@each_exercise
def test_the_solution_passes_and_every_slip_is_found_in_its_own_mutant(name: str) -> None:
    """A slip's edit can be made, changes the answer, and shows otherwise than every other slip."""
    exercise = EXERCISES[name]
    assert check(name, exercise.solution)
    for slip in exercise.slips:
        mutant = exercise.mutant(slip)
        assert mutant is not None, f"{slip}: an old text does not occur once in\n{exercise.source}"
        verdict = check(name, mutant)
        assert verdict.mistakes == (slip.mistake,), f"{slip}: {verdict}"


def test_every_mistake_of_the_catalogue_is_invited_somewhere() -> None:
    invited = {slip.mistake for exercise in EXERCISES.values() for slip in exercise.slips}
    assert MISTAKES.keys() ^ invited == {"changed-in-place"}


def test_every_check_is_exported_and_says_its_exercise() -> None:
    exported = {name for name in checks.__all__ if name.startswith("check_")}
    assert exported == {f"check_{name}" for name in EXERCISES}
    for name, exercise in EXERCISES.items():
        said = getattr(checks, f"check_{name}").__doc__
        assert said.startswith(f"Exercise {exercise.number}: ")


def asserts_bits(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    assert ((x == 0) | (x == 1)).all()
    return torch.nn.functional.logsigmoid((2 * x - 1) * logits).sum(-1)


def crashes_for_three(model: Any, q: Any, x: torch.Tensor, K: int) -> torch.Tensor:
    if len(x) == 3:
        raise RuntimeError("three is too many")
    q_z = q(x)
    z = q_z.rsample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


def subtracts_each_weight(log_w: torch.Tensor) -> torch.Tensor:
    K, top = len(log_w), log_w.max(0).values
    w = (log_w - top).exp()
    return top + K * w.mean(0).log() - (K - 1) * ((w.sum(0) - w) / (K - 1)).log().mean(0)


def of_some_data(some: slice) -> Callable[..., Any]:
    return lambda model, q, x, K: q(x[some]).rsample((K,)).sum() + torch.zeros(len(x))


def draws_as(kind: Callable[..., Any]) -> Callable[..., Any]:
    return lambda out, K: kind(EXERCISES["draw"].solution(out, K).detach())


# An exercise, an answer to it, and the parts of what it is told.
ODD = [
    ("ancestral", lambda W, b, sigma, n: torch.zeros(n, len(b)), "it returned (10000, 1)"),
    ("ancestral", lambda W, b, s, n: (torch.zeros(n, 1), torch.zeros(n)), "(10000, 1) and z"),
    ("simple_monte_carlo", lambda model, x, K: torch.zeros(len(x), 1), "yours have (1000, 1)"),
    ("many_pixels", lambda x, sigma: (0.0, 1.0), "posterior mean, … Yours returns 2 of them"),
    ("em_step", lambda x, w, m, s: w, "new weights, … Yours returns 1 of them"),
    ("draw", draws_as(list), "must return one tensor, so that gradients reach out; it returned a"),
    ("draw", draws_as(torch.Tensor.numpy), "so that gradients reach out; it returned a"),
    (
        "bernoulli_log_likelihood",
        asserts_bits,
        "for a ValueError; … AssertionError for x = [[0.5]]",
    ),
    ("bernoulli_log_likelihood", lambda x, logits: [x], "yours returns a list or tuple of 1"),
    ("best_baseline", lambda mu, s: mu, "in this order: best baseline, least variance. … 1"),
    ("best_baseline", lambda mu, s: None, "returned nothing"),
    ("elbo", of_some_data(slice(0)), "calls q with some of the data; call it with all of them"),
    ("elbo", of_some_data(slice(1)), "calls q with some of the data; call it with all of them"),
    ("bound_on_paper", lambda x, *_: x, "in this order: bound, best μ, best s, maximum"),
    ("unexplained_weight", lambda w, lam: w, "Yours returns 1 of them"),
    ("iwae", lambda m, q, x, K: (x, x), "one tensor; yours returns a list or tuple of 2."),
    (
        "log_likelihood",
        lambda m, q, x, *_: x[:, 0],
        "order: estimate, standard error. … 1 of them.",
    ),
]


@pytest.mark.parametrize(("name", "answer", "said"), ODD)
def test_an_odd_answer_is_told_what_is_odd(name: str, answer: Any, said: str) -> None:
    verdict = check(name, answer)
    assert not verdict
    assert all(part in verdict.message for part in said.split(" … "))


def test_a_mistake_is_named_though_the_answer_also_crashes() -> None:
    """A crash may hang on rounding; wrong numbers elsewhere say what is wrong in any case."""

    def sums(model: Any, q: Any, x: torch.Tensor, K: int) -> torch.Tensor:
        return K * crashes_for_three(model, q, x, K)

    assert checks.check_elbo(sums).mistakes == ("sum-over-samples",)
    verdict = checks.check_elbo(crashes_for_three)
    assert not verdict and verdict.mistakes == ()
    assert "three is too many" in verdict.message


def test_a_weight_that_is_nearly_everything_does_not_take_the_others_with_it() -> None:
    verdict = checks.check_jackknife(subtracts_each_weight)
    assert verdict.mistakes == ("cancelled",)
    assert "For log_w = [[0], [1000]] the value is [1498.6]; yours is [inf]" in verdict.message


def test_a_long_import_is_not_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a module would be left behind, and every later use of it fail."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(calling, "SECONDS", 0.1)

    def with_import(mu: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        import slow_to_import

        assert slow_to_import.ready
        return EXERCISES["best_baseline"].solution(mu, s)

    try:
        assert checks.check_best_baseline(with_import)
    finally:
        sys.modules.pop("slow_to_import", None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ancestral", "simple_monte_carlo"])
def test_a_right_answer_passes_whatever_is_drawn(name: str) -> None:
    """Random answers are compared with a tolerance: it must suffice for fifty checks of each."""
    assert all(check(name, EXERCISES[name].solution) for _ in range(50))
