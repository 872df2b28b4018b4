"""Exercise 9.1: a toy.

What a check does with any function: it answers in words, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import random
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaelib import checks
from vaelib.checks import calling, verdict
from vaelib.checks.calling import attempt
from vaelib.checks.catalogue import MISTAKES, PLACES, Mistake
from vaelib.checks.judging import judge
from vaelib.checks.observing import named_values, value_and_gradients
from vaelib.checks.types import NAMES_IN_EDITS, Case, Exercise, Slip
from vaelib.checks.verdict import Report, Verdict
from vaelib.checks.wording import numbers

PAGES = Path(__file__).resolve().parents[1] / "book" / "exercises"
FILES = sorted(Path(checks.__file__).with_name("exercises").glob("[0-9]*.py"))

check = checks.check_log_mean_exp


def right(log_w):
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


CRASHING = "return torch.ones(7) @ log_w"


def crash(log_w):
    return torch.ones(7) @ log_w


def not_written(log_w):
    raise NotImplementedError


def leaves(log_w):
    sys.exit(3)


def recurses(log_w):
    return recurses(log_w)


def placeholder(log_w):
    return ...


def nothing(log_w):
    print(right(log_w))


def a_word(log_w):
    return "log 2"


def wrong_arguments(log_w, K, B):
    return log_w


def half_written(log_w):
    raise NotImplementedError("the case K = 1")


@pytest.mark.parametrize(
    "answer, words",
    [
        (crash, ["crash raised RuntimeError", f"in its line `{CRASHING}`", "[[0], [log 3]]"]),
        (not_written, ["not_written is not written yet"]),
        (half_written, ["raised NotImplementedError: the case K = 1"]),
        (leaves, ["left Python"]),
        (recurses, ["raised RecursionError"]),
        (placeholder, ["returns a placeholder"]),
        (nothing, ["returned nothing (None)", "What your function printed is not shown"]),
        (a_word, ["must return a tensor or a number; it returned str"]),
        (wrong_arguments, ["raised TypeError", "missing 2 required positional arguments"]),
        (0.5, ["wants the function itself", "it got float"]),
        (None, ["it got NoneType"]),
        (lambda log_w: torch.zeros(2, 2), ["must have shape (1,); yours has (2, 2)"]),
        (
            lambda log_w: right(log_w) + 0.25,
            ["is [0.69315]; yours is [0.94315]", "none of the mistakes"],
        ),
        (lambda log_w: 2 * right(log_w) + torch.nan, ["yours is [nan]"]),
        (lambda log_w: right(log_w) if len(log_w) < 3 else right(log_w) + 1, ["drawn afresh"]),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_every_answer_gets_a_sentence(answer, words):
    said = " ".join(str(check(answer)).split())
    assert said.startswith("Not yet. ")
    for word in words:
        assert word in said


def test_an_endless_loop_ends_and_a_sleeper_is_woken(monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.05)

    def endless(log_w):
        while True:
            with contextlib.suppress(Exception):
                math.sqrt(2)

    def asleep(log_w):
        time.sleep(60)

    for answer in (endless, asleep):
        start = time.perf_counter()
        assert "had not ended" in str(check(answer))
        assert time.perf_counter() - start < 30


def test_outside_the_main_thread_there_is_no_limit_and_all_else_holds():
    said = []
    thread = threading.Thread(target=lambda: said.append(check(right)))
    thread.start()
    thread.join()
    assert said[0].passed


def test_an_interrupt_by_hand_is_the_users():
    def interrupted(log_w):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted)


def test_nothing_is_left_behind(capfd):
    def untidy(log_w):
        answer = right(log_w)  # before it switches gradients off
        print("out")
        print("err", file=sys.stderr)
        warnings.warn("look", stacklevel=1)
        torch.manual_seed(5), random.seed(5), np.random.seed(5)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float16)
        torch.set_num_threads(3)
        return answer

    torch.manual_seed(1), random.seed(1), np.random.seed(1)
    threads = torch.get_num_threads()
    expected = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert check(untidy)
    assert torch.equal(torch.get_rng_state(), expected[0])
    assert random.getstate() == expected[1]
    assert np.random.get_state()[1].tolist() == expected[2]
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32
    assert torch.get_num_threads() == threads
    assert capfd.readouterr() == ("", "")


def test_a_check_asks_afresh_each_time():
    seen = []

    def spy(log_w):
        seen.append(log_w.detach().clone())
        return right(log_w)

    assert check(spy) and check(spy)
    half = len(seen) // 2
    assert torch.equal(seen[0], seen[half])  # worked by hand
    assert not torch.equal(seen[half - 1], seen[-1])


def test_arguments_are_copies_and_a_change_in_place_is_named():
    def in_place(log_w):
        log_w.data[:] = right(log_w)
        return right(log_w)

    verdict = check(in_place)
    assert verdict.mistakes == ("changed-in-place",)
    assert check(right)


@pytest.mark.parametrize("seed", [lambda: torch.manual_seed(0), torch.seed])
def test_a_seed_inside_is_named_where_something_is_drawn(seed):
    def seeds(log_w):
        seed()
        return right(log_w)

    def draws(log_w):
        return seeds(log_w) + 0 * torch.randn(())

    assert check(seeds) and check(lambda log_w: right(log_w) + 0 * torch.randn(()))
    verdict = check(draws)
    assert verdict.mistakes == ("seed-inside",)
    assert "sets torch's seed" in str(verdict).replace("\n", " ")


def test_a_verdict_grades_and_shows_itself():
    good, bad = check(right), check(lambda log_w: log_w.logsumexp(0))
    assert good and not bad
    assert str(good) == repr(good) and str(good).startswith("Correct. ")
    assert bad.mistakes == ("log-k-missing",)
    assert "Read chapter 3, “Computing with logarithms only”." in str(bad).replace("\n", " ")
    shown = bad._repr_html_()
    assert "<strong>Not yet.</strong>" in shown
    assert 'book/03_jensen.html#computing-with-logarithms-only">' in shown
    assert "&lt;" in Verdict("x", False, "a < b")._repr_html_()


def test_without_an_installed_package_a_place_is_plain(monkeypatch):
    def missing(name):
        raise verdict.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(verdict.metadata, "metadata", missing)
    assert PLACES["logs"].link() == "chapter 3, “Computing with logarithms only”"


def test_the_report_counts_attempts_until_solved(monkeypatch):
    monkeypatch.setattr(verdict, "_verdicts", [])
    assert str(checks.report()) == "Nothing has been checked yet."
    assert "Nothing" in checks.report()._repr_html_()
    check(lambda log_w: log_w.logsumexp(0))
    check(lambda log_w: log_w.mean(0))
    checks.check_jensen_gap(lambda w: w)
    check(right)
    check(crash)
    report = checks.report()
    assert isinstance(report, Report)
    assert report.rows == (
        ("log_mean_exp", "solved", 3, "log-k-missing; log-of-mean-of-logs"),
        ("jensen_gap", "not yet", 1, ""),
    )
    row = "log_mean_exp solved 3 log-k-missing; log-of-mean-of-logs"
    assert str(report).splitlines()[1].split() == row.split()
    assert repr(report) == str(report)
    assert report._repr_html_().count("<tr>") == 3


def _double(x):
    y = 2 * x
    return y + 1


TOY = Exercise(
    solution=_double,
    slips=(
        Slip("half-missing", {"2 * x": "x"}),
        Slip("sign-flipped", {"return y": "return -y"}, "All is negative."),
        Slip("base-2", {"2 * x": "3 * x", "+ 1": "+ 2"}),
    ),
    hand=(Case((torch.tensor([1.0, 2.0]),), "x = [1, 2]"),),
    draw=lambda: [Case((torch.randn(3),), "another x")],
    verified="It doubles and adds one.",
    place="evidence",
    observe=value_and_gradients("x"),
)


def test_an_edit_may_use_the_declared_names():
    densities = Slip("log-for-value", {"return y + 1": "return Normal(x, math.exp(1)).log_prob(x)"})
    mutant = TOY.mutant(densities)
    assert torch.allclose(mutant(torch.ones(1)), torch.tensor(-1 - math.log(2 * math.pi) / 2))
    assert {"math", "torch"} <= NAMES_IN_EDITS.keys()


def test_an_exercise_is_its_check_and_shows_itself():
    verdict = TOY(lambda x: 2 * x + 1)
    assert verdict.passed and verdict.exercise == TOY.name == "double" and TOY.number == "9.1"
    assert repr(TOY) == "<the check of double: Exercise 9.1: a toy.>"


def in_a_new_python(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_a_check_loads_its_exercise_only():
    names = in_a_new_python("import sys; from vaelib.checks import check_elbo; print(*sys.modules)")
    loaded = [name for name in names if name.startswith("vaelib.checks.exercises.")]
    assert loaded == ["vaelib.checks.exercises.42_elbo"]


def test_to_load_the_exercises_draws_nothing():
    code = """
import torch
from vaelib import checks
before = torch.get_rng_state()
len(checks.EXERCISES)
print(torch.equal(torch.get_rng_state(), before))
"""
    assert in_a_new_python(code) == ["True"]


def test_an_unknown_check_is_refused_with_its_neighbours():
    with pytest.raises(AttributeError, match="is it check_elbo"):
        checks.check_elbow  # noqa: B018
    assert {"check_elbo", "EXERCISES", "report"} <= set(dir(checks))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_exercise_has_the_name_of_its_page_and_imports_no_other(path):
    exercise = importlib.import_module(f"vaelib.checks.exercises.{path.stem}").exercise
    number, name = path.stem.split("_", 1)
    assert (exercise.name, exercise.number) == (name, f"{number[:-1]}.{number[-1]}")
    assert (PAGES / f"{path.stem}.md").is_file()
    assert "checks.exercises" not in path.read_text("utf8")


def test_every_page_of_an_exercise_has_a_check():
    assert [path.stem for path in FILES] == sorted(page.stem for page in PAGES.glob("[0-9]*.md"))


def test_two_mistakes_at_once_are_both_named():
    verdict = judge(TOY, lambda x: -x + 1)
    assert verdict.mistakes == ("half-missing", "sign-flipped")
    assert "Two mistakes at once." in str(verdict) and "All is negative." in str(verdict)


def test_slips_that_leave_each_other_no_place_are_not_combined():
    assert TOY.mutant(TOY.slips[0], TOY.slips[2]) is None
    assert judge(TOY, lambda x: x + 2).mistakes == ()


def test_a_right_value_with_a_wrong_gradient_is_seen():
    assert judge(TOY, lambda x: 2 * x + 1)
    verdict = judge(TOY, lambda x: 2 * x.detach() + 1)
    assert "gradient in x is [2, 2]; yours is [0, 0]" in str(verdict)


def test_patterns_are_pointed_out():
    assert "Every entry is 0.5 too high." in judge(TOY, lambda x: 2 * x + 1.5).message
    assert "Every entry is 4 times what it should be." in judge(TOY, lambda x: 8 * x + 4).message


def test_a_crash_in_some_cases_only_is_told_with_the_case():
    def only_two(x):
        a, b = x
        return torch.stack([2 * a + 1, 2 * b + 1])

    assert "for another x" in str(judge(TOY, only_two)).replace("\n", " ")


def test_a_mistake_that_crashes_always_explains_no_crash():
    """As two edits do that make nonsense of each other."""
    slips = (Slip("data-not-averaged", {"return y": "return len(x).bit"}),)

    def not_for_three(x):
        if len(x) == 3:
            raise ValueError("three is too many")
        return 2 * x + 1

    verdict = judge(replace(TOY, slips=slips), not_for_three)
    assert not verdict.mistakes
    assert "three is too many" in str(verdict)


def test_a_mistake_that_cannot_be_judged_does_not_end_the_search():
    """Nor is what it did laid at the learner's door."""
    seeded = "y = torch.manual_seed(0) and 2 * x * torch.rand(1)"
    unjudged = Slip("seed-inside", {"y = 2 * x": seeded})
    toy = replace(TOY, slips=(unjudged, *TOY.slips))
    verdict = judge(toy, lambda x: x + 1)
    assert verdict.mistakes == ("half-missing",)
    assert "seed" not in str(verdict)


def test_values_are_named_and_their_number_is_told():
    observe = named_values("sum", "product")
    assert list(observe(lambda a, b: (a + b, a * b), 2.0, 3.0)) == ["sum", "product"]
    assert list(observe(lambda a, b: torch.tensor([a, b]), 2.0, 3.0)) == ["sum", "product"]
    assert list(observe(lambda a, b: a, 2.0, 3.0)) == ["value 1"]


def test_numbers_are_few_digits_of_few():
    assert numbers(torch.tensor(1 / 3)) == "0.33333"
    assert numbers(torch.arange(8.0)) == "[0, 1, 2, 3, 4, 5, …]"


def test_the_catalogue_reads_as_sentences():
    for mistake in MISTAKES.values():
        assert isinstance(mistake, Mistake) and mistake.name and not mistake.name.endswith(".")
        assert not mistake.what.endswith(".")
        assert not mistake.shows or mistake.shows.endswith(".")
        for address, story in mistake.threads:
            assert address.startswith("https://")
            assert not story or not story.endswith("..")


def test_a_module_among_the_arguments_is_watched_too():
    model = torch.nn.Linear(1, 1)

    def trains(module, x):
        with torch.no_grad():
            module.weight += 1
        return module(x)

    with pytest.raises(calling.Refusal, match="changes what it was given"):
        attempt(trains, lambda fn, *args: fn(*args), (model, torch.ones(1)), "a layer")
