"""Draw the picture that a message shows in place of a link, ``book/_static/preview.png``.

The figure is the front page's, as its cell drew it. The letters are those of the book on paper.
"""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from bookext.book import ROOT, STATIC, config
from bookext.notebooks.execution import chapters, executed, fill

PICTURE = STATIC / "preview.png"
# The size that social networks ask for, and a margin, since some of them trim the sides.
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
    picture = next(out.data["image/png"] for out in outputs if "image/png" in out.get("data", {}))
    return Image.open(BytesIO(b64decode(picture))).convert("RGB")


def letters(name: str, size: int) -> ImageFont.FreeTypeFont:
    """One of Matplotlib's fonts."""
    return ImageFont.truetype(FONTS / f"{name}.ttf", size)


def draw() -> Image.Image:
    """The title, the subtitle, and the figure below them."""
    title, _, subtitle = config()["title"].partition(": ")
    card = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(card)
    pen.text((MARGIN, 40), title, INK, letters("STIXGeneral", 84))
    subtitle = subtitle[:1].upper() + subtitle[1:]
    pen.text((MARGIN, 140), subtitle, QUIET, letters("STIXGeneralItalic", 40))
    figure = front_figure()
    width = SIZE[0] - 2 * MARGIN
    height = round(figure.height * width / figure.width)
    figure = figure.resize((width, height), Image.Resampling.LANCZOS)
    card.paste(figure, (MARGIN, SIZE[1] - figure.height - 30))
    return card.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main(arguments: list[str]) -> int:
    """Draw the picture into its file."""
    draw().save(PICTURE, "PNG", optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0
