"""The museum: mistakes that real code contained, each with what happened, an edit that makes it and what it changes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import museum  # noqa: E402
from exercises import exercises  # noqa: E402

EXHIBITS = museum.exhibits()
each_exhibit = pytest.mark.parametrize("exhibit", EXHIBITS, ids=[mistake.key for mistake, *_ in EXHIBITS])


def test_there_are_enough_from_all_chapters() -> None:
    assert len(EXHIBITS) >= 15
    assert {exercise.number[0] for _, exercise, _ in EXHIBITS} == set("12345")


@each_exhibit
def test_an_exhibit_changes_a_line_and_a_number(exhibit: tuple) -> None:
    _, exercise, slip = exhibit
    edit = museum.edit(exercise, slip)
    assert re.search(r"^-", edit, re.M) and len(edit.splitlines()) <= 16
    assert re.search(r"should (be|have)", museum.shown(exercise, slip))
    assert exercise.number in {page.number for page in exercises()}


@each_exhibit
def test_each_thread_has_a_story_and_stands_once(exhibit: tuple) -> None:
    mistake = exhibit[0]
    addresses = [address for address, _ in mistake.threads]
    assert len(set(addresses)) == len(addresses)
    for address, story in mistake.threads:
        assert museum.THREAD.match(address), address
        assert re.fullmatch(r"[A-Z“].{15,}\.", story), f"{address}: {story!r}"
        assert museum.name_of(address) != address


def test_a_mistake_that_nobody_invites_is_no_exhibit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(museum, "EXERCISES", {})
    with pytest.raises(ValueError, match="no exercise invites"):
        museum.exhibits()
