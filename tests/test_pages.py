"""The built pages, if they are there: nothing raw in the text, every picture described, no link to nowhere.

``make book`` builds them; pages that are older than their source are not judged.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode, b64encode
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image
from sphinx_external_toc.parsing import parse_toc_yaml

from vaelib import plotting

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from claims import anchor, claim_tests  # noqa: E402
from execution import lighten  # noqa: E402

HTML = ROOT / "_build" / "html"
SOURCES = [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml")]
# A role, a display, a fence, a label that was not read, inline mathematics that was not.
RAW = re.compile(
    r"\{[a-z]+(?::[a-z]+)*\}`|\$|:::|```|\((?:eq|fig|chapter)-[\w-]+\)=?|\\(?:math|log|frac|left|begin)\b"
)

each_page = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {tag[name] for name in ("id", "name") for tag in soup(page).find_all(attrs={name: True})}


def built(source: Path, *besides: Path) -> Path:
    page = HTML / source.relative_to(ROOT).with_suffix(".html")
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    written = [path.stat().st_mtime for path in (source, *besides) if path.is_file()]
    if page.is_file() and written and page.stat().st_mtime < max(written):
        pytest.skip("the page is older than its source: make book")
    assert page.is_file(), f"{page.relative_to(ROOT)} was not built"
    return page


@each_page
def test_nothing_raw_in_the_text(source: Path) -> None:
    page = BeautifulSoup(built(source).read_text("utf8"), "html.parser")
    for hidden in page.select("pre, code, script, style, .math"):
        hidden.decompose()
    found = [text.strip() for text in page.find_all(string=RAW)]
    assert not found


@each_page
def test_every_picture_is_described(source: Path) -> None:
    for image in soup(built(source)).find_all("img"):
        assert image.get("alt"), f"no alt text: {image}"
        assert not image["alt"].endswith((".png", ".svg")), f"a file name is no alt text: {image}"


@each_page
def test_links_inside_the_book_resolve(source: Path) -> None:
    page = built(source)
    broken = []
    for link in soup(page).find_all(["a", "link", "img", "script"]):
        address = link.get("href") or link.get("src") or ""
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or address in ("", "#"):
            continue
        target = Path(urljoin(page.as_posix(), unquote(parts.path))) if parts.path else page
        to_anchor = parts.fragment and target.suffix == ".html"
        if not target.is_file() or (to_anchor and unquote(parts.fragment) not in anchors(target)):
            broken.append(address)
    assert not broken


@each_page
def test_nothing_is_asked_of_the_network(source: Path) -> None:
    """Links may lead out; what the page itself loads comes with the book."""
    for tag in soup(built(source)).select(
        "script[src], link[rel=stylesheet], img[src], iframe[src]"
    ):
        address = tag.get("src") or tag.get("href")
        assert not urlsplit(address).netloc, f"loaded from elsewhere: {address}"


@each_page
def test_figures_have_two_pixels_for_one_and_few_colours(source: Path) -> None:
    page = built(source)
    for image in soup(page).select(".cell_output img:not(.vaelib-figure img)"):
        shown = int(re.search(r"width: (\d+)px", image["style"])[1])
        with Image.open(urljoin(page.as_posix(), image["src"])) as picture:
            assert picture.width >= 2 * shown, (
                f"{image['alt'][:60]}: {picture.width} pixels for {shown}"
            )
            assert picture.mode == "P", f"{image['alt'][:60]}: not lightened"


def test_a_picture_in_fewer_colours_is_the_picture() -> None:
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.imshow(np.linspace(0, 1, 4096).reshape(64, 64), cmap="viridis")
    for i, color in enumerate(plotting.COLORS.values()):
        axes.plot([0, 60], [60, 10 * i], color=color, alpha=0.7)
    figure.savefig(file := BytesIO(), format="png", dpi=200)
    heavy = b64encode(file.getvalue()).decode()
    light = lighten(heavy)
    before, after = (Image.open(BytesIO(b64decode(text))).convert("RGB") for text in (heavy, light))
    assert before.size == after.size and len(light) < len(heavy) / 2
    assert np.abs(np.asarray(before, dtype=int) - np.asarray(after, dtype=int)).max() <= 24


def test_every_claim_has_its_row_and_every_box_leads_there() -> None:
    page = built(
        ROOT / "book" / "checked.md", *ROOT.glob("book/0*.md"), *ROOT.glob("tests/test_*.py")
    )
    numbers = sorted({test.number for test in claim_tests()})
    rows = {row["id"]: row for row in soup(page).select("div.claim-row")}
    assert set(rows) == {anchor(number, "checked") for number in numbers}
    for row in rows.values():
        assert len(row.select("dd")) == 4 and all(
            fact.get_text(strip=True) for fact in row.select("dd")
        ), row["id"]
    boxes = [
        box for chapter in HTML.glob("book/0*.html") for box in soup(chapter).select("div.claim")
    ]
    assert {box["id"] for box in boxes} == {anchor(number) for number in numbers}
    for box in boxes:
        assert (
            box.select_one("a:has(.claim-label)")["href"]
            == f"checked.html#{box['id'].replace('claim', 'checked')}"
        )


def test_an_equation_named_in_a_docstring_is_linked() -> None:
    sources = list(ROOT.glob("vaelib/*.py"))
    page = soup(built(ROOT / "book" / "api.md", *sources))
    named = {
        label
        for source in sources
        for label in re.findall(r":eq:`([\w-]+)`", source.read_text("utf8"))
    }
    assert named <= {
        link["href"].partition("#equation-")[2] for link in page.select("dd a[href*='#equation-']")
    }


@each_page
def test_an_id_is_given_once(source: Path) -> None:
    ids = [tag["id"] for tag in soup(built(source)).find_all(id=True)]
    assert sorted(set(ids)) == sorted(ids)


def test_every_page_has_a_description_of_its_own() -> None:
    pages = [built(source) for source in SOURCES]
    found = [soup(page).select("meta[name=description]") for page in pages]
    texts = [tag["content"] for (tag,) in found]
    assert len(set(texts)) == len(texts) and all(25 <= len(text) <= 160 for text in texts), texts


@each_page
def test_a_picture_has_its_size_and_waits_if_it_is_far_down(source: Path) -> None:
    pictures = soup(built(source)).select(".cell_output img:not([src^='data:'])")
    for image in pictures:
        assert int(image["width"]) > 0 and int(image["height"]) > 0, image["alt"]
    assert all(image.get("loading") == "lazy" for image in pictures[2:])
