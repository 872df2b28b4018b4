"""Learners' answers to the exercises, right and wrong, each written as a learner would write it.

A file for each chapter. ``@right("elbo")`` marks a correct answer to the exercise whose check is ``check_elbo``;
``@wrong("elbo", "kl-sign")`` an answer with that mistake; ``@two("elbo", "kl-sign", "log-k-missing")`` one with both.
``@wrong("elbo", "")`` marks an answer whose mistake no catalogue could list; it must be refused, and nothing named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    exercise: str
    fn: Callable[..., Any]
    mistakes: frozenset[str]
    is_right: bool = False

    def __str__(self) -> str:
        return f"{self.exercise}-{self.fn.__name__}"


ANSWERS: list[Answer] = []


def _keep(
    exercise: str, mistakes: set[str], is_right: bool
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        ANSWERS.append(Answer(exercise, fn, frozenset(mistakes), is_right))
        return fn

    return decorate


def right(exercise: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return _keep(exercise, set(), True)


def wrong(exercise: str, mistake: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return _keep(exercise, {mistake} - {""}, False)


def two(
    exercise: str, first: str, second: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return _keep(exercise, {first, second}, False)
