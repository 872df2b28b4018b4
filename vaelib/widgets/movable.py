"""What all figures that move share: the object that shows one, its controls, the front end."""

from __future__ import annotations

import html
import json
import reprlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import anywidget
import traitlets

from vaelib.widgets import frames

__all__ = ["Movable", "front_end", "make_control", "make_grid", "plain"]

KINDS = ("explore", "evidence", "jensen", "latent_walk")


@cache
def front_end(*kinds: str) -> tuple[str, str]:
    """The script that draws some kinds of figure, and its style sheet.

    A book that has several figures needs both only once.

    Args:
        kinds: ``"explore"``, ``"evidence"``, ``"jensen"``, ``"latent_walk"``.

    Returns:
        JavaScript, whose last statement ought to be ``startPage();``, and CSS.

    Raises:
        ValueError: there is no such kind.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"kinds must be some of {list(KINDS)}; got {unknown}")
    folder = resources.files("vaelib") / "widgets"
    scripts = [(folder / f"{name}.js").read_text("utf8") for name in ("movable", *kinds, "start")]
    return "\n".join(scripts), (folder / "movable.css").read_text("utf8")


class Movable(anywidget.AnyWidget):
    """A figure that a reader can move. The functions of :mod:`vaelib.widgets` make it.

    Attributes:
        values: the value of each control, by name, as the reader left it. Only in Jupyter.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    drawn = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)

    def __init__(
        self, kind: str, state: dict[str, Any], drawn: dict[str, Any], still: str | bytes, alt: str
    ) -> None:
        script, style = front_end(kind)
        self._still, self._alt = frames.address(still), alt
        values = {
            control["name"]: control["values"][control["start"]] for control in state["controls"]
        }
        esm = f"{script}\nexport default {{ render }};"
        super().__init__(kind=kind, state=state, drawn=drawn, values=values, _esm=esm, _css=style)

    def __repr__(self) -> str:
        return f"A figure that moves. {self._alt}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view for Jupyter, and beside it the HTML for a page without a kernel."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._html()}, metadata

    def _html(self) -> str:
        """The still picture, the state, what is drawn, and the front end between two comments."""
        script, style = front_end(self.kind)
        width, height = self.state["size"]
        size = f'width="{width}" height="{height}"'
        return f"""<div class="vaelib-figure" data-kind="{self.kind}">
<img src="{self._still}" alt="{html.escape(self._alt)}" {size}>
{_json_script("state", self.state)}
{_json_script("drawn", self.drawn)}
</div>
<!-- front --><style>{style}</style>
<script>(() => {{
{script}
startPage();
}})();</script><!-- /front -->"""


def _json_script(name: str, value: Any) -> str:
    """A script element that holds JSON; an escaped "<" in it cannot end the element."""
    # Python would write NaN and Infinity, which no browser reads.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" class="vaelib-{name}">{text}</script>'


def make_control(
    name: str, label: str, values: Sequence[Any], start: Any, digits: int | None = None
) -> dict[str, Any]:
    """What the front end knows of one control: a slider through numbers, or a choice of texts.

    Args:
        name: its name in the state of the figure.
        label: what stands beside it.
        values: what it can be set to.
        start: the value that it begins at.
        digits: the decimals of its numbers; four significant digits if not given.

    Raises:
        ValueError: the start is none of the values.
    """
    start = plain(start)
    if start not in values:
        wanted = f"one of its values, {values[0]} to {values[-1]}"
        raise ValueError(f"{name} must start at {wanted}; got {reprlib.repr(start)}")
    return {
        "name": name,
        "label": label,
        "values": values,
        "texts": [_text(value, digits) for value in values],
        "start": values.index(start),
        "choice": isinstance(values[0], str),
    }


def plain(value: Any) -> Any:
    """Python's own numbers in place of those of NumPy, pandas or torch, which JSON cannot hold.

    Args:
        value: a number, a text, or an array of either, which becomes a list.
    """
    return value.tolist() if hasattr(value, "tolist") else value


def _text(value: Any, digits: int | None) -> str:
    if isinstance(value, str):
        return value
    if digits is not None:
        text = f"{value:.{digits}f}"
    else:
        text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def make_grid(low: float, high: float, step: float) -> list[float]:
    """Numbers at equal steps, both ends included.

    Args:
        low: the first.
        high: the last.
        step: from one to the next.
    """
    return [round(low + i * step, 6) for i in range(round((high - low) / step) + 1)]
