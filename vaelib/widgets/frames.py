"""Pictures drawn beforehand: bytes that never change, and what they have in common kept once."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from io import BytesIO
from typing import Any
from urllib.parse import quote

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["address", "png", "share", "smaller", "svg"]


def svg(figure: Figure) -> str:
    """A figure as SVG: the same text for the same figure.

    Coordinates are rounded to hundredths of a point, which nobody sees. Letters are outlines, so
    the reader needs no font.

    Args:
        figure: it is left open.
    """
    with plt.rc_context({"svg.hashsalt": "vaelib", "svg.fonttype": "path"}):
        figure.savefig(file := BytesIO(), format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue().decode()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.S)
    return re.sub(r'\b(?:d|x|y|points)="[^"]*"', lambda attribute: _rounded(attribute[0]), text)


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", numbers)


def png(figure: Figure) -> bytes:
    """A figure as PNG, two pixels for one, in 256 colours.

    Args:
        figure: it is left open.
    """
    figure.savefig(file := BytesIO(), format="png", dpi=200)
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    image = Image.open(file).convert("RGB").quantize(256, method=method, dither=dither)
    image.save(file := BytesIO(), "PNG", optimize=True)
    return file.getvalue()


def smaller(figure: Figure) -> Callable[[Figure], str | bytes]:
    """Whichever of :func:`svg` and :func:`png` costs fewer bytes on the way to a reader.

    Args:
        figure: an example of what is to be drawn.
    """
    return svg if len(gzip.compress(svg(figure).encode())) <= len(png(figure)) else png


def address(picture: str | bytes) -> str:
    """A picture as the address of an image, which needs no file.

    Args:
        picture: from :func:`svg` or :func:`png`.
    """
    if isinstance(picture, bytes):
        return "data:image/png;base64," + b64encode(picture).decode()
    return "data:image/svg+xml," + quote(picture.replace("\n", " "), safe="<> =:/;,()'?@!$*+")


def share(pictures: Sequence[Any], first: int) -> dict[str, Any]:
    """All pictures of a figure, for the front end, with what they have in common once.

    An SVG becomes a list. A pair of numbers is a span of the parts of the first picture; a single
    number is one of the parts that the first picture lacks, which are kept once as well.

    Args:
        pictures: all from :func:`svg`, or all from :func:`png`.
        first: the number of the picture that is shown first.

    Returns:
        ``format``, ``frames``, and for SVG ``base`` and ``own``: what the front end puts together.
    """
    if isinstance(pictures[0], bytes):
        return {"format": "png", "frames": [b64encode(picture).decode() for picture in pictures]}
    base = re.split("(?=<)", pictures[first])
    frames = []
    own: dict[str, int] = {}
    for picture in pictures:
        parts = re.split("(?=<)", picture)
        matcher = SequenceMatcher(None, base, parts, autojunk=False)
        frame: list[Any] = []
        for kind, start, stop, at, end in matcher.get_opcodes():
            if kind == "equal":
                frame.append([start, stop])
            elif at < end:
                frame.append(own.setdefault("".join(parts[at:end]), len(own)))
        frames.append(frame)
    return {"format": "svg", "base": base, "own": list(own), "frames": frames}
