"""What an exercise is made of: its cases, the mistakes that it invites, and the exercise itself.

A known mistake is made on purpose: a :class:`Slip` edits a line of the solution's source. The
learner's function may look as it likes: if its numbers are those of a slip on every case, that is
the mistake. If they are those of two slips made together, both are named.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vaelib.checks.catalogue import MISTAKES, PLACES
from vaelib.checks.observing import Seen, values
from vaelib.checks.verdict import Place, Verdict

__all__ = ["NAMES_IN_EDITS", "Case", "Contrast", "Exercise", "Slip", "randn64", "t64"]

# An edit may use these names, and all names of its exercise's file.
NAMES_IN_EDITS = dict(
    Independent=Independent, Normal=Normal, kl_divergence=kl_divergence, math=math, torch=torch
)


def t64(values: Any) -> Tensor:
    """Make a tensor in double precision.

    Args:
        values: a number, or nested lists of numbers.

    Returns:
        the tensor, of their shape.
    """
    return torch.tensor(values, dtype=torch.float64)


def randn64(*shape: int) -> Tensor:
    """Draw standard normal numbers in double precision.

    Args:
        shape: the shape.

    Returns:
        the numbers, in this shape.
    """
    return torch.randn(shape, dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """One input: the arguments, and what they are in words, ``x = [1, 2]``."""

    args: tuple[Any, ...]
    said: str


@dataclass(frozen=True)
class Contrast:
    """A case in which a function is wrong.

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


@dataclass(frozen=True)
class Slip:
    """A known mistake in one exercise, made by editing the solution.

    Args:
        mistake: its key in the catalogue.
        edits: old text to new text; each old text occurs once in the solution.
        shows: how it shows in the numbers here; if empty, the catalogue's sentence.
        place: the key of the section to read; if empty, the catalogue's, or else the exercise's.
    """

    mistake: str
    edits: dict[str, str]
    shows: str = ""
    place: str = ""


@cache
def _read_source(solution: Callable[..., Any]) -> str:
    return textwrap.dedent(inspect.getsource(solution))


@dataclass(frozen=True, eq=False, repr=False)
class Exercise:
    """An exercise, and its check: call it with a learner's function.

    Its name is that of the solution, without the underscore. The docstring of the solution's module
    begins with a line ``Exercise 3.1: …``: this is the exercise's number, and what the check says
    of itself.

    Args:
        solution: a right function; the slips edit its source.
        slips: the mistakes that the exercise invites, the likeliest first.
        hand: fixed cases, the smallest first, whose numbers can be checked by hand.
        draw: makes fresh cases with torch's global generator.
        verified: what a correct answer was seen to fulfil.
        place: the key of the section to read if the mistake is unknown.
        observe: called with a function and a case's arguments; says what is looked at, by name.
        tolerance: how far an entry may be from the truth, relative to the largest entry.
    """

    solution: Callable[..., Any]
    slips: tuple[Slip, ...]
    hand: tuple[Case, ...]
    draw: Callable[[], list[Case]]
    verified: str
    place: str
    observe: Callable[..., Seen] = field(default_factory=lambda: values)
    tolerance: float = 1e-5
    _mutants: dict[str, Callable[..., Any]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        module_says = self.solution.__globals__.get("__doc__") or ""
        object.__setattr__(self, "__doc__", module_says.partition("\n")[0])

    def __repr__(self) -> str:
        return f"<the check of {self.name}: {self.__doc__}>"

    def __call__(self, fn: Callable[..., Any]) -> Verdict:
        """Judge a learner's function.

        Args:
            fn: the function.
        """
        from vaelib.checks.judging import judge  # imports this module

        return judge(self, fn)

    @property
    def name(self) -> str:
        """The name of the function that is asked for."""
        return self.solution.__name__.removeprefix("_")

    @property
    def number(self) -> str:
        """The exercise's number in the book, ``3.1``."""
        return str(self.__doc__).removeprefix("Exercise ").partition(":")[0]

    @property
    def source(self) -> str:
        """The solution's lines."""
        return _read_source(self.solution)

    def edited(self, *slips: Slip) -> str | None:
        """Make mistakes in the solution's source.

        Args:
            slips: which mistakes.

        Returns:
            the new source; None if an old text does not occur once, maybe for another slip's edit.
        """
        source = self.source
        for slip in slips:
            for old, new in slip.edits.items():
                if source.count(old) != 1:
                    return None
                source = source.replace(old, new)
        return source

    def mutant(self, *slips: Slip) -> Callable[..., Any] | None:
        """Make mistakes in the solution.

        Args:
            slips: which mistakes.

        Returns:
            a function like the solution; None if the edits leave no place for each other.
        """
        source = self.edited(*slips)
        if source is None:
            return None
        if source not in self._mutants:
            names: dict[str, Any] = {**NAMES_IN_EDITS, **self.solution.__globals__}
            exec(compile(source, f"<{self.name}>", "exec"), names)
            self._mutants[source] = names[self.solution.__name__]
        return self._mutants[source]

    def place_of(self, slip: Slip) -> Place:
        """Find the section that explains a mistake here.

        Args:
            slip: the mistake.
        """
        return PLACES[slip.place or MISTAKES[slip.mistake].place or self.place]
