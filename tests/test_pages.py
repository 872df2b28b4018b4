"""The built pages, if they are there: nothing raw in the text, every picture described, no link to nowhere.

``make book`` builds them; pages that are older than their source are not judged.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
SOURCES = [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml")]
# A role, a display, a fence, a label that was not read, inline mathematics that was not.
RAW = re.compile(r"\{[a-z]+(?::[a-z]+)*\}`|\$|:::|```|\((?:eq|fig|chapter)-[\w-]+\)=?|\\(?:math|log|frac|left|begin)\b")

each_page = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {tag[name] for name in ("id", "name") for tag in soup(page).find_all(attrs={name: True})}


def built(source: Path) -> Path:
    page = HTML / source.relative_to(ROOT).with_suffix(".html")
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    if source.is_file() and page.is_file() and page.stat().st_mtime < source.stat().st_mtime:
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
    for tag in soup(built(source)).select("script[src], link[rel=stylesheet], img[src], iframe[src]"):
        address = tag.get("src") or tag.get("href")
        assert not urlsplit(address).netloc, f"loaded from elsewhere: {address}"
