"""A figure of pictures that are drawn beforehand, one for each position of its controls."""

from __future__ import annotations

import itertools
import math
import re
import reprlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control, plain

__all__ = ["explore"]

MAX_FRAMES = 200
# A name in braces, with a format if there is one. As in str.format, two braces stand for one.
NAMED = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)(?:![rsa])?(?::[^{}]*)?\}")


def explore(
    draw: Callable[..., Figure],
    *,
    alt: str | Callable[..., str],
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    play: str | None = None,
    **ranges: Sequence[Any],
) -> Movable:
    """A figure that is drawn once for each position of its controls, and shows the reader's choice.

    ``draw`` is called here for every combination of the values, so an error at any of them ends the
    cell. What it draws must depend on its arguments only; seed torch inside it if it samples.
    Pictures are kept as SVG, what they have in common once, or as PNG where that is smaller.

    Args:
        draw: called with a value for each range, by name; returns a Matplotlib figure, which is
            then closed. All figures must have one size.
        alt: describes the figure: a text with the names in braces, such as ``"The posterior at
            x = {x:.1f}"``, or a function of the values that returns one. It follows the controls.
            Braces around anything but a name, as in ``"{1, 2}"``, stay as they are.
        labels: how a control is named beside it; the range's own name if not given. A text such as
            ``"K"``.
        start: where controls stand at first, by name: one of their values; the first if not given.
        play: the name of a slider that a button moves by itself.
        ranges: for each control the values that it takes, in a list, an array or a tensor: finite
            numbers make a slider, texts a choice.

    Returns:
        the figure; show it as the last line of a cell.

    Raises:
        TypeError: an argument is not what it should be, ``draw`` returns no figure, or ``alt`` no
            text.
        ValueError: no range, an empty one, one that holds something else than finite numbers only
            or texts only, more than 200 combinations, a name in ``alt``, ``labels``, ``start`` or
            ``play`` that is no range, a format in ``alt`` that does not fit, a start that is not in
            its range, or figures of different sizes.
    """
    if not callable(draw):
        got = type(draw).__name__
        raise TypeError(f"draw must be a function that returns a Matplotlib figure; got {got}")
    if not isinstance(alt, str) and not callable(alt):
        raise TypeError(f"alt must be a text or a function; got {type(alt).__name__}")
    # Counted before they are listed: somebody may give a range of a thousand million.
    count = math.prod(_count(name, given) for name, given in ranges.items())
    if not ranges or count > MAX_FRAMES:
        got = count if ranges else "no range"
        raise ValueError(f"ranges must give 1 to {MAX_FRAMES} combinations; got {got}")
    controls = _make_controls(ranges, labels, start)
    sliders = [control["name"] for control in controls if not control["choice"]]
    if play is not None and not (isinstance(play, str) and play in sliders):
        raise ValueError(
            f"play must name a slider, one of {sliders}; got {reprlib.repr(plain(play))}"
        )
    values = itertools.product(*(control["values"] for control in controls))
    combinations = [dict(zip(ranges, chosen, strict=True)) for chosen in values]
    alts = [_describe(alt, chosen) for chosen in combinations]
    pictures, size = _draw_all(draw, combinations)
    first = combinations.index({c["name"]: c["values"][c["start"]] for c in controls})
    state = {"controls": controls, "play": play, "alts": alts, "size": size}
    drawn = frames.share(pictures, first)
    return Movable("explore", state, drawn, pictures[first], alts[first])


def _count(name: str, given: Any) -> float:
    """How many values a range has."""
    try:
        count = None if isinstance(given, str) else len(given)
    except TypeError:
        count = None
    except OverflowError:  # Python counts no further than what could be in memory
        return math.inf
    if count is None:
        got = reprlib.repr(given)
        raise TypeError(f"{name} must be a list of numbers or of texts; got {got}")
    if count == 0:
        raise ValueError(f"{name} must have at least one value; got none")
    return count


def _make_controls(
    ranges: Mapping[str, Sequence[Any]],
    labels: Mapping[str, str] | None,
    start: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """The controls, in the order of the ranges."""
    labels, start = _named(labels, "labels", ranges), _named(start, "start", ranges)
    controls = []
    for name, given in ranges.items():
        values = [plain(value) for value in plain(given)]
        is_right = _is_text if isinstance(values[0], str) else _is_finite_number
        if wrong := [value for value in values if not is_right(value)]:
            wanted = "finite numbers only, or texts only"
            raise ValueError(f"{name} must hold {wanted}; it holds {reprlib.repr(wrong[0])}")
        label = labels.get(name, name)
        if not isinstance(label, str):
            raise TypeError(f"labels must be texts; got {type(label).__name__} for {name!r}")
        controls.append(make_control(name, label, values, start.get(name, values[0])))
    return controls


def _named(given: Any, argument: str, ranges: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dictionary whose keys are names of ranges; an empty one in place of None."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{argument} must be a dictionary; got {type(given).__name__}")
    if unknown := [name for name in given if name not in ranges]:
        raise ValueError(f"{argument} must name some of {list(ranges)}; got {unknown}")
    return given


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_finite_number(value: Any) -> bool:
    """Whether it is a number of Python that a browser can hold: neither infinite nor too large."""
    largest = sys.float_info.max
    return isinstance(value, int | float) and -largest <= value <= largest


def _describe(alt: str | Callable[..., str], values: dict[str, Any]) -> str:
    """The alt text at a position of the controls."""
    if isinstance(alt, str):
        return NAMED.sub(lambda field: _fill(field, values), alt)
    text = alt(**values)
    if not isinstance(text, str):
        raise TypeError(f"alt must return a text; got {type(text).__name__} at {values}")
    return text


def _fill(field: re.Match[str], values: dict[str, Any]) -> str:
    """The value in place of its name in braces, or one brace for two."""
    if field[1] is None:
        return field[0][0]
    if field[1] not in values:
        raise ValueError(f"alt must name some of {list(values)} in braces; got {field[0]}")
    try:
        return field[0].format(**values)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"alt cannot show {field[0]} at {values}: {error}") from None


def _draw_all(
    draw: Callable[..., Figure], combinations: list[dict[str, Any]]
) -> tuple[list[Any], list[int]]:
    """A picture for each combination, and their size in pixels.

    All are SVG or all PNG, whichever is smaller for the first.
    """
    pictures = []
    sizes = set()
    kind = None
    for values in combinations:
        figure = draw(**values)
        if not isinstance(figure, Figure):
            got = f"{type(figure).__name__} at {values}"
            raise TypeError(f"draw must return a Matplotlib figure; got {got}")
        sizes.add(tuple(round(100 * length) for length in figure.get_size_inches()))
        kind = kind or frames.smaller(figure)
        pictures.append(kind(figure))
        plt.close(figure)
    if len(sizes) > 1:
        raise ValueError(f"draw must return figures of one size; got {sorted(sizes)} pixels")
    return pictures, list(sizes.pop())
