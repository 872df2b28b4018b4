"""Draw the picture that a message shows in place of a link, ``book/_static/preview.png``: ``make preview``.

Its figure is the front page's, as its cell drew it; its letters are those of the book on paper.
"""

from __future__ import annotations

import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import matplotlib
from execution import ROOT, chapters, config, executed, fill
from PIL import Image, ImageDraw, ImageFont

PICTURE = ROOT / "book" / "_static" / "preview.png"
# What networks ask for; and how far from each edge nothing stands, for some round the corners or trim the sides.
SIZE, MARGIN = (1200, 630), 60
INK, QUIET, PAPER = "#1f2328", "#5b6470", "#ffffff"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def front_figure() -> Image.Image:
    """The picture of the front page, from the cache of outputs; the cell is run if it is not there.

    Raises:
        SystemExit: the front page does not run.
    """
    front = chapters()[0]
    if not fill([front]):
        raise SystemExit(f"{front.relative_to(ROOT)} does not run, so there is nothing to draw")
    outputs = [output for cell in executed(front).cells for output in cell.get("outputs", [])]
    pictures = [
        output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})
    ]
    return Image.open(BytesIO(b64decode(pictures[0]))).convert("RGB")


def letters(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"{name}.ttf", size)


def draw() -> Image.Image:
    title, _, subtitle = config()["title"].partition(": ")
    card = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(card)
    pen.text((MARGIN, 40), title, INK, letters("STIXGeneral", 84))
    pen.text(
        (MARGIN, 140), subtitle[:1].upper() + subtitle[1:], QUIET, letters("STIXGeneralItalic", 40)
    )
    figure = front_figure()
    width = SIZE[0] - 2 * MARGIN
    figure = figure.resize(
        (width, round(figure.height * width / figure.width)), Image.Resampling.LANCZOS
    )
    card.paste(figure, (MARGIN, SIZE[1] - figure.height - 30))
    return card.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main() -> int:
    draw().save(PICTURE, "PNG", optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
