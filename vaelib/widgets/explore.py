"""A figure of pictures that are drawn beforehand, one for each position of its controls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control

__all__ = ["explore"]

MAX_FRAMES = 200


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
        labels: how a control is named beside it; the range's own name if not given. A text such as
            ``"K"``.
        start: where controls stand at first, by name: one of their values; the first if not given.
        play: the name of a slider that a button moves by itself.
        ranges: for each control the values that it takes: numbers make a slider, texts a choice.

    Returns:
        the figure; show it as the last line of a cell.

    Raises:
        TypeError: ``draw`` or ``alt`` is not what it should be, or ``draw`` returns no figure.
        ValueError: no range, an empty one, more than 200 combinations, a name in ``labels``,
            ``start`` or ``play`` that is no range, a start that is not in its range, or figures of
            different sizes.
    """
    if not callable(draw):
        got = type(draw).__name__
        raise TypeError(f"draw must be a function that returns a Matplotlib figure; got {got}")
    if not isinstance(alt, str) and not callable(alt):
        raise TypeError(f"alt must be a text or a function; got {type(alt).__name__}")
    controls = _make_controls(ranges, labels or {}, start or {})
    count = math.prod(len(control["values"]) for control in controls)
    if not controls or count > MAX_FRAMES:
        got = count if controls else "no range"
        raise ValueError(f"ranges must give 1 to {MAX_FRAMES} combinations; got {got}")
    if play is not None and (play not in ranges or isinstance(ranges[play][0], str)):
        raise ValueError(f"play must name a slider, one of {list(ranges)}; got {play!r}")
    values = itertools.product(*(control["values"] for control in controls))
    combinations = [dict(zip(ranges, chosen, strict=True)) for chosen in values]
    say = alt.format if isinstance(alt, str) else alt
    alts = [say(**chosen) for chosen in combinations]
    pictures, size = _draw_all(draw, combinations)
    first = combinations.index({c["name"]: c["values"][c["start"]] for c in controls})
    state = {"controls": controls, "play": play, "alts": alts, "size": size}
    drawn = frames.share(pictures, first)
    return Movable("explore", state, drawn, pictures[first], alts[first])


def _make_controls(
    ranges: Mapping[str, Sequence[Any]], labels: Mapping[str, str], start: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The controls, in the order of the ranges."""
    for argument, names in (("labels", set(labels)), ("start", set(start))):
        if unknown := names - set(ranges):
            raise ValueError(f"{argument} must name some of {list(ranges)}; got {sorted(unknown)}")
    controls = []
    for name, given in ranges.items():
        values = given.tolist() if isinstance(given, Tensor) else list(given)
        if not values:
            raise ValueError(f"{name} must have at least one value; got none")
        label, first = labels.get(name, name), start.get(name, values[0])
        controls.append(make_control(name, label, values, first))
    return controls


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
