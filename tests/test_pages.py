"""The built pages, if they are there: no raw markup, pictures described, no link to nowhere.

``make book`` builds them; pages that are older than their source are not judged.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
from bs4 import BeautifulSoup
from built import SOURCES, anchors, built, each_page, page_of, soup
from matplotlib.figure import Figure
from PIL import Image

from bookext.book import BOOK, HTML, ROOT
from bookext.directives.claims import anchor, claim_tests
from bookext.notebooks.execution import lighten
from vaelib import plotting

# A role, a display, a fence, a label that was not read, inline mathematics that was not.
RAW = re.compile(
    r"\{[a-z]+(?::[a-z]+)*\}`|\$|:::|```|\((?:eq|fig|chapter)-[\w-]+\)=?"
    r"|\\(?:math|log|frac|left|begin)\b"
)
NOT_TEXT = ["pre", "code", "script", "style"]


def parsed(source: Path) -> BeautifulSoup:
    return soup(built(page_of(source), source))


@each_page
def test_nothing_raw_in_the_text(source: Path) -> None:
    found = [
        text.strip()
        for text in parsed(source).find_all(string=RAW)
        if not text.find_parent(NOT_TEXT) and not text.find_parent(class_="math")
    ]
    assert not found


@each_page
def test_every_picture_is_described(source: Path) -> None:
    for image in parsed(source).find_all("img"):
        assert image.get("alt"), f"no alt text: {image}"
        assert not image["alt"].endswith((".png", ".svg")), f"a file name is no alt text: {image}"


@each_page
def test_links_inside_the_book_resolve(source: Path) -> None:
    page = built(page_of(source), source)
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
    loaded = "script[src], link[rel=stylesheet], img[src], iframe[src]"
    for tag in parsed(source).select(loaded):
        address = tag.get("src") or tag.get("href")
        assert not urlsplit(address).netloc, f"loaded from elsewhere: {address}"


@each_page
def test_figures_have_two_pixels_for_one_and_few_colours(source: Path) -> None:
    page = built(page_of(source), source)
    for image in soup(page).select(".cell_output img:not(.vaelib-figure img)"):
        shown, said = int(re.search(r"width: (\d+)px", image["style"])[1]), image["alt"][:60]
        with Image.open(urljoin(page.as_posix(), image["src"])) as picture:
            assert picture.width >= 2 * shown, f"{said}: {picture.width} pixels for {shown}"
            assert picture.mode == "P", f"{said}: not lightened"


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
    sources = [*BOOK.glob("0*.md"), *ROOT.glob("tests/test_*.py")]
    page = soup(built(HTML / "book" / "checked.html", BOOK / "checked.md", *sources))
    numbers = {test.number for test in claim_tests()}
    rows = {row["id"]: row.select("dd") for row in page.select("div.claim-row")}
    assert set(rows) == {anchor(number, "checked") for number in numbers}
    for number, facts in rows.items():
        assert len(facts) == 4 and all(fact.get_text(strip=True) for fact in facts), number
    chapters = map(soup, HTML.glob("book/0*.html"))
    boxes = {box["id"]: box for chapter in chapters for box in chapter.select("div.claim")}
    assert set(boxes) == {anchor(number) for number in numbers}
    for number, box in boxes.items():
        row = f"checked.html#{number.replace('claim', 'checked')}"
        assert box.select_one("a:has(.claim-label)")["href"] == row


def test_an_equation_named_in_a_docstring_is_linked() -> None:
    sources = list(ROOT.glob("vaelib/**/*.py"))
    page = soup(built(HTML / "book" / "api.html", BOOK / "api.md", *sources))
    text = "\n".join(source.read_text("utf8") for source in sources)
    links = [link["href"] for link in page.select("dd a[href*='#equation-']")]
    assert set(re.findall(r":eq:`([\w-]+)`", text)) <= {
        link.partition("#equation-")[2] for link in links
    }


@each_page
def test_an_id_is_given_once(source: Path) -> None:
    ids = [tag["id"] for tag in parsed(source).find_all(id=True)]
    assert sorted(set(ids)) == sorted(ids)


def test_every_page_has_a_description_of_its_own() -> None:
    found = [parsed(source).select("meta[name=description]") for source in SOURCES]
    texts = [tag["content"] for (tag,) in found]
    assert len(set(texts)) == len(texts) and all(25 <= len(text) <= 160 for text in texts), texts


@each_page
def test_a_picture_has_its_size_and_waits_if_it_is_far_down(source: Path) -> None:
    pictures = parsed(source).select(".cell_output img:not([src^='data:'])")
    for image in pictures:
        assert int(image["width"]) > 0 and int(image["height"]) > 0, image["alt"]
    assert all(image.get("loading") == "lazy" for image in pictures[2:])
