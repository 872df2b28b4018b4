"""How an exercise is judged: by its solution on solvable and on fresh inputs, and by the mistakes that it invites.

A known mistake is made on purpose: a :class:`Slip` edits a line of the solution's source. Whatever the learner's
function looks like, if its numbers are those of a slip on every input, that is the mistake; if they are those of two
slips made together, both are named.
"""

from __future__ import annotations

import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal, attempt, untouched
from vaelib.checks.mistakes import MISTAKES
from vaelib.checks.verdict import Place, Verdict, remember

__all__ = [
    "Case",
    "Exercise",
    "Slip",
    "contrast",
    "gradients",
    "judge",
    "named_values",
    "numbers",
    "t64",
    "value_and_gradients",
    "values",
]

Seen = dict[str, Tensor]
Shown = Seen | Refusal


@dataclass(frozen=True)
class Slip:
    """A known mistake in one exercise: what to edit in the solution to make it.

    Args:
        mistake: its key in the catalogue.
        edits: pairs of old and new text; each old text occurs once in the solution.
        shows: how it shows in the numbers here; the catalogue's sentence if empty.
        place: the section to read here; the catalogue's, or else the exercise's, if None.
    """

    mistake: str
    edits: tuple[tuple[str, str], ...]
    shows: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Case:
    """One input: the arguments, and in words what they are, ``x = [1, 2]``."""

    args: tuple[Any, ...]
    said: str


def t64(*numbers: Any) -> Tensor:
    """A tensor in double precision.

    Args:
        numbers: its numbers, or its rows of numbers.

    Returns:
        the tensor, with the shape of the numbers.
    """
    return torch.tensor(numbers, dtype=torch.float64)


def values(fn: Callable[..., Any], *args: Any) -> Seen:
    """What a function returns, by name: its value, or its first, second, … value.

    Args:
        fn: the function.
        args: its arguments.
    """
    returned = fn(*args)
    parts = returned if isinstance(returned, list) else []
    if isinstance(returned, tuple) or any(
        isinstance(part, Tensor | tuple | list) for part in parts
    ):
        return {f"value {number}": _tensor(part) for number, part in enumerate(returned, 1)}
    return {"value": _tensor(returned)}


def named_values(*names: str) -> Callable[..., Seen]:
    """For ``observe``: the parts of what a function returns, a tuple, list or tensor, by name.

    Args:
        names: the names of the parts, in order.
    """

    def observe(fn: Callable[..., Any], *args: Any) -> Seen:
        returned = fn(*args)
        parts = list(
            returned if isinstance(returned, tuple | list) else torch.atleast_1d(_tensor(returned))
        )
        known = (
            names
            if len(parts) == len(names)
            else [f"value {number}" for number, _ in enumerate(parts, 1)]
        )
        return {name: _tensor(part) for name, part in zip(known, parts, strict=True)}

    return observe


def gradients(value: Any, inputs: dict[str, Tensor]) -> Seen:
    """The gradients of a value's sum, by name; zeros where the value does not depend on an input.

    Args:
        value: what a function returned.
        inputs: the tensors to differentiate in, by name.
    """
    zeros = {f"gradient in {name}": torch.zeros_like(tensor) for name, tensor in inputs.items()}
    if not isinstance(value, Tensor) or not value.requires_grad:
        return zeros
    found = torch.autograd.grad(value.sum(), list(inputs.values()), allow_unused=True)
    return {
        name: zero if grad is None else grad
        for (name, zero), grad in zip(zeros.items(), found, strict=True)
    }


def value_and_gradients(*names: str) -> Callable[..., Seen]:
    """For ``observe``: what a function of tensors returns, and its gradient in the first arguments.

    Args:
        names: the names of these arguments.
    """

    def observe(fn: Callable[..., Any], *args: Any) -> Seen:
        seen = values(fn, *args)
        leaves = {
            name: arg.clone().requires_grad_() for name, arg in zip(names, args, strict=False)
        }
        # No leaves: torch lets nobody write into these, and what is written into is told by the first call.
        given = [leaf * 1 for leaf in leaves.values()]
        return seen | gradients(fn(*given, *args[len(names) :]), leaves)

    return observe


def _tensor(value: Any) -> Tensor:
    """A learner's number, list or array as a tensor in double precision, without its history."""
    if value is None:
        raise Refusal("The function returned nothing (None): is there a return at its end?")
    if value is ... or value is NotImplemented:
        raise Refusal("The function is not written yet: it returns a placeholder.")
    try:
        return torch.as_tensor(value).detach().to(torch.float64).clone()
    except (TypeError, ValueError, RuntimeError):
        raise Refusal(
            f"The function must return a tensor or a number; it returned {type(value).__name__}."
        ) from None


@cache
def _source(solution: Callable[..., Any]) -> str:
    return textwrap.dedent(inspect.getsource(solution))


@dataclass(frozen=True)
class Exercise:
    """All that a check knows of an exercise.

    Args:
        name: the function's name.
        number: the exercise's number in the book, ``"3.1"``.
        solution: a right function; the slips edit its source.
        slips: the mistakes that the exercise invites, the likeliest first.
        hand: fixed cases, the smallest first, whose numbers can be checked by hand.
        draw: fresh cases, from torch's global generator.
        verified: what a correct answer was seen to fulfil.
        place: the section to read if the mistake is unknown.
        observe: what is looked at, by name: called with a function and a case's arguments.
        tolerance: how far an entry may be from the truth, relative to the largest entry.
    """

    name: str
    number: str
    solution: Callable[..., Any]
    slips: tuple[Slip, ...]
    hand: tuple[Case, ...]
    draw: Callable[[], list[Case]]
    verified: str
    place: Place
    observe: Callable[..., Seen] = field(default_factory=lambda: values)
    tolerance: float = 1e-5
    _made: dict[tuple[str, ...], Callable[..., Any] | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def source(self) -> str:
        """The solution's lines."""
        return _source(self.solution)

    def mutant(self, *slips: Slip) -> Callable[..., Any] | None:
        """The solution with mistakes made in it.

        Args:
            slips: which ones.

        Returns:
            a function like the solution; None if one of the slips leaves no place for another.
        """
        key = tuple(edit for slip in slips for pair in slip.edits for edit in pair)
        if key not in self._made:
            self._made[key] = self._make(slips)
        return self._made[key]

    def _make(self, slips: tuple[Slip, ...]) -> Callable[..., Any] | None:
        source = self.source
        for old, new in itertools.chain.from_iterable(slip.edits for slip in slips):
            if source.count(old) != 1:
                return None
            source = source.replace(old, new)
        made: dict[str, Any] = {}
        names = {"__builtins__": __builtins__, **self.solution.__globals__}
        exec(compile(source, f"<{self.name}>", "exec"), names, made)
        names.update(made)
        mutant: Callable[..., Any] = made[self.solution.__name__]
        return mutant


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
            verdict = _refused(exercise, refusal)
    if printed.getvalue():
        aside = f"{verdict.message}\n(What your function printed is not shown.)"
        verdict = replace(verdict, message=aside)
    return remember(verdict)


def _judge(exercise: Exercise, fn: Callable[..., Any]) -> Verdict:
    if not callable(fn):
        raise Refusal(
            f"The check wants the function itself, check_{exercise.name}({exercise.name}); "
            f"it got {type(fn).__name__}. Did you call the function?"
        )
    torch.seed()
    cases = [*exercise.hand, *exercise.draw()]
    theirs = [_sighting(exercise, fn, case) for case in cases]
    if _same(exercise, theirs, cases, exercise.solution):
        return Verdict(exercise.name, True, exercise.verified)
    seen, there = _telling(exercise, theirs, cases)
    for slips in _suspects(exercise) if seen else ():
        mutant = exercise.mutant(*slips)
        if mutant is not None and _explains(exercise, seen, there, mutant):
            return _diagnosis(exercise, slips, theirs)
    for shown in theirs:
        if isinstance(shown, Refusal):
            raise shown
    return _unknown(exercise, theirs)


def _sighting(exercise: Exercise, fn: Callable[..., Any], case: Case) -> Shown:
    """What a function shows on a case, or the crash; a function that cannot be judged at all is refused at once."""
    try:
        seen: Seen = attempt(fn, exercise.observe, case.args, case.said)
    except Refusal as refusal:
        if refusal.final:
            raise
        return refusal
    return seen


def _suspects(exercise: Exercise) -> Iterator[tuple[Slip, ...]]:
    """Every slip alone, then every two of different mistakes."""
    yield from ((slip,) for slip in exercise.slips)
    for first, second in itertools.combinations(exercise.slips, 2):
        if first.mistake != second.mistake:
            yield first, second


def _telling(
    exercise: Exercise, theirs: Sequence[Shown], cases: Sequence[Case]
) -> tuple[Sequence[Shown], Sequence[Case]]:
    """By what a mistake is to be known: all cases; without those that crashed, where wrong numbers say enough.

    Whether a mistake crashes may hang on rounding, as that of a covariance that is nearly singular does.
    """
    answered = [
        (seen, case) for seen, case in zip(theirs, cases, strict=True) if isinstance(seen, dict)
    ]
    seen, there = [seen for seen, _ in answered], [case for _, case in answered]
    only_crashes_are_wrong = bool(seen) and _same(exercise, seen, there, exercise.solution)
    return (theirs, cases) if only_crashes_are_wrong else (seen, there)


def _explains(
    exercise: Exercise, theirs: Sequence[Shown], cases: Sequence[Case], mutant: Callable[..., Any]
) -> bool:
    """Whether a mistake shows what theirs shows, wrong numbers among it. Where only the mistake crashes, it is luck."""
    compared: list[tuple[Shown, Case]] = []
    for seen, case in zip(theirs, cases, strict=True):
        try:
            ours = _sighting(exercise, mutant, case)
        except (
            Refusal
        ):  # a mistake that cannot be judged, as an endless loop cannot: what was judged is another
            return False
        if isinstance(seen, Refusal) or not isinstance(ours, Refusal):
            if not _agree(seen, ours, exercise.tolerance):
                return False
            compared.append((seen, case))
    # Two edits may make nonsense of each other, which crashes always and explains no crash.
    shown = [seen for seen, _ in compared]
    answers = any(isinstance(seen, dict) for seen in shown)
    return answers and not _same(exercise, shown, [case for _, case in compared], exercise.solution)


def _same(
    exercise: Exercise, theirs: Sequence[Shown], cases: Sequence[Case], ours: Callable[..., Any]
) -> bool:
    """Whether a function of ours shows what theirs does, on every case; it is asked no more than is needed."""
    return all(
        _agree(seen, _sighting(exercise, ours, case), exercise.tolerance)
        for seen, case in zip(theirs, cases, strict=True)
    )


def _agree(a: Shown, b: Shown, tolerance: float) -> bool:
    if isinstance(a, Refusal) or isinstance(b, Refusal):
        return isinstance(a, Refusal) and isinstance(b, Refusal)
    return a.keys() == b.keys() and all(_close(a[key], b[key], tolerance) for key in a)


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Equal shapes and, relative to the largest entry, equal values. Infinite values equal those of the same sign."""
    if a.shape != b.shape:
        return False
    finite = b[b.isfinite()].abs()
    scale = finite.max().item() if len(finite) else 1.0
    # Where all should be zero, rounding may be left.
    return torch.allclose(
        a, b, rtol=tolerance, atol=max(tolerance * min(scale, 1.0), 1e-12), equal_nan=True
    )


def _refused(exercise: Exercise, refusal: Refusal) -> Verdict:
    if not refusal.mistake:
        return Verdict(exercise.name, False, str(refusal))
    mistake = MISTAKES[refusal.mistake]
    message = f"{mistake.name}: {mistake.what}. {refusal}"
    return Verdict(
        exercise.name, False, message, (mistake.key,), (mistake.place or exercise.place,)
    )


def _diagnosis(exercise: Exercise, slips: tuple[Slip, ...], theirs: list[Shown]) -> Verdict:
    mistakes = [MISTAKES[slip.mistake] for slip in slips]
    said = [
        f"{mistake.name}: {mistake.what}. {slip.shows or mistake.shows}".strip()
        for slip, mistake in zip(slips, mistakes, strict=True)
    ]
    opening = ["Two mistakes at once."] if len(slips) > 1 else []
    lines = [*opening, *said, _difference(exercise, theirs)]
    pairs = zip(slips, mistakes, strict=True)
    places = tuple(
        dict.fromkeys(slip.place or mistake.place or exercise.place for slip, mistake in pairs)
    )
    return Verdict(
        exercise.name, False, "\n".join(lines), tuple(slip.mistake for slip in slips), places
    )


def _unknown(exercise: Exercise, theirs: list[Shown]) -> Verdict:
    message = f"{_difference(exercise, theirs)}\nIt is none of the mistakes that this check knows."
    return Verdict(exercise.name, False, message, (), (exercise.place,))


def contrast(
    exercise: Exercise, theirs: Callable[..., Any] | list[Shown]
) -> tuple[Case, str, Any, Any] | None:
    """The smallest of the fixed cases in which a function, or what it showed, is wrong.

    Args:
        exercise: what is asked.
        theirs: the function, or what it showed on the first of the cases.

    Returns:
        the case, what differs, the right value and theirs; None if all fixed cases agree. If another number of values
        is returned, nothing is named: the names of the right ones, and the number of theirs.
    """
    with untouched():  # in double precision, as a check has it
        shown = (
            theirs
            if isinstance(theirs, list)
            else [_sighting(exercise, theirs, case) for case in exercise.hand]
        )
        for case, seen in zip(exercise.hand, shown, strict=False):
            right = _sighting(exercise, exercise.solution, case)
            if (
                isinstance(seen, dict)
                and isinstance(right, dict)
                and not _agree(seen, right, exercise.tolerance)
            ):
                if seen.keys() != right.keys():
                    return case, "", ", ".join(_returned(right)), len(_returned(seen))
                key = next(
                    key for key in right if not _close(seen[key], right[key], exercise.tolerance)
                )
                return case, key, right[key], seen[key]
        return None


def _returned(seen: Seen) -> list[str]:
    """The names of what a function returned, without those of what else was looked at."""
    return [name for name in seen if not name.startswith(("gradient in ", "number of "))]


def _difference(exercise: Exercise, theirs: list[Shown]) -> str:
    """What differs, on the smallest of the fixed cases that shows it."""
    found = contrast(exercise, theirs)
    if found is None:
        return "The examples worked by hand are right, but not inputs drawn afresh: it does not hold for every input."
    case, key, want, got = found
    if not key:
        if want == "value":
            return f"For {case.said} the function must return one tensor; yours returns a list or tuple of {got}."
        return f"For {case.said} the function must return, in this order: {want}. Yours returns {got} of them."
    if got.shape != want.shape:
        return f"For {case.said} the {key} must have shape {tuple(want.shape)}; yours has {tuple(got.shape)}."
    return f"For {case.said} the {key} is {numbers(want)}; yours is {numbers(got)}.{_pattern(got, want)}"


def numbers(tensor: Tensor) -> str:
    """Few numbers in full, of many the first ones; five digits.

    Args:
        tensor: the numbers.
    """
    flat = [f"{number:.5g}" for number in tensor.flatten()[:6].tolist()]
    if tensor.ndim == 0:
        return flat[0]
    return f"[{', '.join(flat)}{', …' if tensor.numel() > 6 else ''}]"


def _pattern(got: Tensor, want: Tensor) -> str:
    """A hint if all entries are off by one number, or by one factor."""
    if got.numel() < 2 or not (got - want).isfinite().all():
        return ""
    off, factor = (got - want).flatten(), (got / want).flatten()
    if torch.allclose(off, off[0], rtol=1e-4, atol=1e-9):
        return f" Every entry is {abs(off[0].item()):.5g} too {'high' if off[0] > 0 else 'low'}."
    if factor[0] != 0 and torch.allclose(factor, factor[0], rtol=1e-4, atol=1e-9):
        return f" Every entry is {factor[0].item():.5g} times what it should be."
    return ""
