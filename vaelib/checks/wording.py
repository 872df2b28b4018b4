"""The sentences of a verdict: what is wrong, on which numbers, and where to read on."""

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal
from vaelib.checks.catalogue import MISTAKES, PLACES
from vaelib.checks.observing import returned
from vaelib.checks.types import Contrast, Exercise, Slip
from vaelib.checks.verdict import Verdict

__all__ = ["describe", "name_mistakes", "name_none", "numbers", "refuse"]


def refuse(exercise: Exercise, refusal: Refusal) -> Verdict:
    """Say why an answer cannot be judged by its numbers.

    Args:
        exercise: what was asked.
        refusal: the reason, maybe with the key of a mistake.
    """
    if not refusal.mistake:
        return Verdict(exercise.name, False, str(refusal))
    slip = Slip(refusal.mistake, {})
    mistake = MISTAKES[slip.mistake]
    message = f"{mistake.name}: {mistake.what}. {refusal}"
    return Verdict(exercise.name, False, message, (mistake.key,), (exercise.place_of(slip),))


def name_mistakes(exercise: Exercise, slips: tuple[Slip, ...], difference: str) -> Verdict:
    """Name one mistake, or two that were made together.

    Args:
        exercise: what was asked.
        slips: the mistakes.
        difference: what they change, on the smallest case.
    """
    lines = ["Two mistakes at once."] if len(slips) > 1 else []
    for slip in slips:
        mistake = MISTAKES[slip.mistake]
        lines.append(f"{mistake.name}: {mistake.what}. {slip.shows or mistake.shows}".strip())
    message = "\n".join([*lines, difference])
    places = tuple(dict.fromkeys(exercise.place_of(slip) for slip in slips))
    return Verdict(exercise.name, False, message, tuple(slip.mistake for slip in slips), places)


def name_none(exercise: Exercise, difference: str) -> Verdict:
    """Say that the answer is wrong, and that its mistake is unknown.

    Args:
        exercise: what was asked.
        difference: what differs, on the smallest case.
    """
    message = f"{difference}\nIt is none of the mistakes that this check knows."
    return Verdict(exercise.name, False, message, (), (PLACES[exercise.place],))


def describe(found: Contrast) -> str:
    """Say in which value an answer differs from the right one.

    Args:
        found: the smallest case in which it does.
    """
    said, name = f"For {found.case.said} the", found.name
    if not name:
        wanted, count = ", ".join(returned(found.right)), len(returned(found.theirs))
        if wanted == "value":
            one = "function must return one tensor; yours returns a list or tuple of"
            return f"{said} {one} {count}."
        must = f"function must return, in this order: {wanted}"
        return f"{said} {must}. Yours returns {count} of them."
    want, got = found.right[name], found.theirs[name]
    if got.shape != want.shape:
        must = f"must have shape {tuple(want.shape)}; yours has {tuple(got.shape)}"
        return f"{said} {name} {must}."
    differ = f"{said} {name} is {numbers(want)}; yours is {numbers(got)}."
    return differ + _describe_pattern(got, want)


def numbers(tensor: Tensor) -> str:
    """Write down few numbers in full, of many the first six; five digits.

    Args:
        tensor: the numbers.
    """
    flat = [f"{number:.5g}" for number in tensor.flatten()[:6].tolist()]
    if tensor.ndim == 0:
        return flat[0]
    return f"[{', '.join(flat)}{', …' if tensor.numel() > 6 else ''}]"


def _describe_pattern(got: Tensor, want: Tensor) -> str:
    """A hint if all entries are off by one number, or by one factor."""
    if got.numel() < 2 or not (got - want).isfinite().all():
        return ""
    off, factor = (got - want).flatten(), (got / want).flatten()
    if torch.allclose(off, off[0], rtol=1e-4, atol=1e-9):
        return f" Every entry is {abs(off[0].item()):.5g} too {'high' if off[0] > 0 else 'low'}."
    if factor[0] != 0 and torch.allclose(factor, factor[0], rtol=1e-4, atol=1e-9):
        return f" Every entry is {factor[0].item():.5g} times what it should be."
    return ""
