"""The museum: mistakes of real code, each with its story, an edit that makes it and its effect."""

from __future__ import annotations

import re

import pytest

from bookext.book import BOOK
from bookext.directives import museum
from bookext.directives.exercises import exercises

EXHIBITS = museum.exhibits()
each_exhibit = pytest.mark.parametrize(
    "exhibit", EXHIBITS, ids=[mistake.key for mistake, *_ in EXHIBITS]
)


def test_there_are_enough_from_all_chapters() -> None:
    by_chapter = {chapter: museum.exhibits(chapter) for chapter in "12345"}
    assert all(len(found) >= 3 for found in by_chapter.values())
    assert sum(by_chapter.values(), []) == EXHIBITS and len(EXHIBITS) >= 25


def test_the_page_shows_every_chapter() -> None:
    page = (BOOK / "museum.md").read_text("utf8")
    assert re.findall(r"^```\{museum\} (\d)$", page, re.M) == list("12345")


def test_a_mistake_is_shown_in_the_chapter_that_explains_it() -> None:
    slips = [
        (exercise, slip.mistake)
        for exercise in museum.EXERCISES.values()
        for slip in exercise.slips
    ]
    for mistake, exercise, _ in EXHIBITS:
        there = [
            one for one, key in slips if key == mistake.key and not museum.elsewhere(mistake, one)
        ]
        assert exercise == there[0] if there else exercise.name


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


@pytest.mark.parametrize(
    "said, printed",
    [
        ("the value should be [-1.5]; it is [-inf].", "the value should be −1.5; it is −∞."),
        ("For b = [1, -1] it is [2, -3].", "For b = [1, −1] it is [2, −3]."),
        (
            "the log-evidence, x-1 and e-05, should be 2",
            "the log-evidence, x-1 and e-05, should be 2",
        ),
    ],
)
def test_numbers_are_printed_as_in_a_book(said: str, printed: str) -> None:
    assert museum.in_print(said) == printed


def test_an_edit_keeps_its_indentation_and_no_more() -> None:
    _, exercise, slip = next(exhibit for exhibit in EXHIBITS if exhibit[0].key == "log-k-missing")
    assert [line[:3].rstrip() for line in museum.edit(exercise, slip).splitlines()] == [
        "- l",
        "+ l",
    ]
