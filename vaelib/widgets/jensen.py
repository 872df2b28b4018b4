"""Jensen's inequality for a weight with two values: the chord, the curve above it, and the gap."""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure

from vaelib import plotting
from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control, make_grid

__all__ = ["jensen"]


def jensen(first: float = 0.5, second: float = 4.0, share: float = 0.5) -> Movable:
    r"""Jensen's inequality for a weight with two values, on the curve of the logarithm.

    It is computed in the browser. The reader drags the two values and the probability of the first;
    the page draws the chord, the point :math:`\log \mathbb{E}[w]` on the curve and
    :math:`\mathbb{E}[\log w]` on the chord, and prints the gap.

    Args:
        first: where the first value stands at first, from 0.1 to 5.
        second: the second.
        share: the probability of the first, from 0 to 1.

    Raises:
        ValueError: a start outside its range.
    """
    values, shares = make_grid(0.1, 5, 0.05), make_grid(0, 1, 0.02)
    controls = [
        make_control("first", "first value", values, first, digits=2),
        make_control("second", "second value", values, second, digits=2),
        make_control("share", "probability of the first", shares, share, digits=2),
    ]
    first, second, share = (control["values"][control["start"]] for control in controls)
    state = {"controls": controls, "size": [700, 330], "colors": plotting.COLORS}
    points = f"the points at w = {first:g} and {second:g} on it"
    alt = f"The curve of log w, {points}, their chord, and the gap between them."
    return Movable("jensen", state, {}, frames.svg(_draw(first, second, share)), alt)


def _draw(first: float, second: float, share: float) -> Figure:
    """The figure's first state, for print."""
    figure = Figure(figsize=(7, 3.3), layout="constrained")
    ax = figure.subplots()
    w = torch.linspace(0.083, 5, 300)
    ax.plot(w, w.log(), color=plotting.COLORS["evidence"])
    logs = [math.log(first), math.log(second)]
    ax.plot([first, second], logs, "o--", color=plotting.COLORS["proxy"])
    mean = share * first + (1 - share) * second
    gap = [share * logs[0] + (1 - share) * logs[1], math.log(mean)]
    ax.plot([mean, mean], gap, color=plotting.COLORS["bound"], lw=4, label="gap")
    ax.set(xlabel="weight $w$", ylabel=r"$\log w$ (nats)")
    ax.legend()
    return figure
