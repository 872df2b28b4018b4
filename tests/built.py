"""The built pages, each read and parsed once for all tests. A test must not change what it gets."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bookext.book import HTML, docname, pages

SOURCES = pages()
NAMES = [docname(source) for source in SOURCES]
each_page = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


def page_of(source: Path) -> Path:
    """Where the page of a source is built, or would be."""
    return HTML / f"{docname(source)}.html"


def built(page: Path, *sources: Path) -> Path:
    """A file of the built book; without a book, or if it is older than these, skip the test."""
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    written = [source.stat().st_mtime for source in sources if source.is_file()]
    if page.is_file() and written and page.stat().st_mtime < max(written):
        pytest.skip("the page is older than its source: make book")
    assert page.is_file(), f"{page.relative_to(HTML)} was not built"
    return page


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    """What a link to the page may name."""
    return {tag[name] for name in ("id", "name") for tag in soup(page).find_all(attrs={name: True})}
