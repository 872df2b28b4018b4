"""Pictures drawn beforehand: deterministic, small, and put together again without a difference."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from urllib.parse import unquote
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from vaelib.widgets import frames


def drawn(turn: float = 0.0, marks: int = 0) -> Figure:
    figure = Figure(figsize=(4, 3))
    ax = figure.subplots()
    x = np.linspace(0, 6, 100)
    ax.plot(x, np.sin(x + turn), label=r"$\log p(x)$")
    ax.plot(*np.random.default_rng(0).random((2, marks)), ".", markersize=1)
    ax.set_title(f"turned by {turn:g}")
    ax.legend()
    return figure


def put_together(shared: dict, index: int) -> str:
    """The front end's work: a frame is spans of the first one's parts, and parts of its own."""
    frame = shared["frames"][index]
    return "".join(
        shared["own"][part] if isinstance(part, int) else "".join(shared["base"][slice(*part)])
        for part in frame
    )


def test_a_figure_has_one_svg_whatever_was_drawn_before() -> None:
    once = frames.svg(drawn())
    frames.svg(drawn(2.0))
    assert frames.svg(drawn()) == once
    assert "Matplotlib" not in once and "metadata" not in once


def test_an_svg_is_a_picture_and_its_points_are_where_they_were() -> None:
    """Against Matplotlib's own, whose coordinates have all their digits."""
    figure = drawn()
    with plt.rc_context({"svg.hashsalt": "vaelib"}):
        figure.savefig(file := BytesIO(), format="svg")
    name = "{http://www.w3.org/2000/svg}path"
    pictures = [ElementTree.fromstring(text) for text in (file.getvalue(), frames.svg(figure))]
    paths = [[path for path in picture.iter(name) if path.get("d")] for picture in pictures]
    assert len(paths[0]) > 20
    for before, after in zip(*paths, strict=True):
        words, rounded = before.get("d").split(), after.get("d").split()
        assert len(words) == len(rounded)
        for word, other in zip(words, rounded, strict=True):
            assert word == other if word.isalpha() else abs(float(word) - float(other)) <= 0.0051
        assert before.get("transform") == after.get("transform")  # a scale needs its digits


def test_a_png_has_two_pixels_for_one_in_a_palette() -> None:
    image = Image.open(BytesIO(frames.png(drawn())))
    assert image.size == (800, 600) and image.mode == "P"
    assert frames.png(drawn()) == frames.png(drawn())


@pytest.mark.parametrize("marks, kind", [(0, frames.svg), (20_000, frames.png)])
def test_the_smaller_kind_is_chosen(marks, kind) -> None:
    assert frames.smaller(drawn(marks=marks)) is kind


def test_an_address_holds_the_picture() -> None:
    picture = frames.svg(drawn())
    kind, _, data = frames.address(picture).partition(",")
    assert kind == "data:image/svg+xml" and not set('"#&\n') & set(data)
    assert unquote(data) == picture.replace("\n", " ")
    kind, _, data = frames.address(b"\x89PNG").partition(",")
    assert kind == "data:image/png;base64" and b64decode(data) == b"\x89PNG"


@pytest.mark.parametrize("first", [0, 2])
def test_pictures_are_put_together_as_they_were(first) -> None:
    pictures = [frames.svg(drawn(turn)) for turn in (0.0, 0.5, 1.0, 0.5)]
    shared = frames.share(pictures, first)
    assert [put_together(shared, i) for i in range(4)] == pictures
    assert shared["frames"][first] == [[0, len(shared["base"])]]
    assert shared["frames"][1] == shared["frames"][3]


def test_what_pictures_have_in_common_is_kept_once() -> None:
    pictures = [frames.svg(drawn(turn / 10)) for turn in range(10)]
    shared = frames.share(pictures, 0)
    kept = sum(map(len, shared["own"])) + sum(map(len, shared["base"]))
    assert kept < 0.35 * sum(map(len, pictures))


def test_pngs_are_kept_as_they_are() -> None:
    shared = frames.share([b"one", b"two"], 0)
    assert shared["format"] == "png"
    assert [b64decode(frame) for frame in shared["frames"]] == [b"one", b"two"]
