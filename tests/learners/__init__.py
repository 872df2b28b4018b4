"""Learners' answers to the exercises, right and wrong, each written as a learner would write it.

A file for each exercise, named as its page: ``42_elbo.py`` answers ``book/exercises/42_elbo.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    exercise: str
    fn: Callable[..., Any]
    mistakes: frozenset[str]
    is_right: bool

    def __str__(self) -> str:
        return f"{self.exercise}-{self.fn.__name__}"


ANSWERS: list[Answer] = []


def keep(fn: Callable[..., Any], mistakes: tuple[str, ...], is_right: bool) -> Callable[..., Any]:
    """Keep an answer to the exercise after which its file is named."""
    exercise = fn.__module__.partition("_")[2]
    ANSWERS.append(Answer(exercise, fn, frozenset(mistakes), is_right))
    return fn


def right(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A right answer."""
    return keep(fn, (), is_right=True)


def wrong(*mistakes: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An answer with one known mistake, or two; with none if no catalogue could list it."""
    return lambda fn: keep(fn, mistakes, is_right=False)


# The answers import what is above.
for path in sorted(Path(__file__).parent.glob("[0-9]*.py")):
    import_module(f"learners.{path.stem}")
