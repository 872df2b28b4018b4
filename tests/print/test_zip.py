"""The zip that ``make offline`` packed: unpacked elsewhere, and opened without a network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from bookext.browser import chromium, complaints_of
from bookext.print import offline

# What a page has that it must not have.
FAULTS = """() => {
  const count = (query) => document.querySelectorAll(query).length;
  const broken = [...document.images].filter((image) => image.complete && !image.naturalWidth);
  return {
    "formulas not set": count(".math:not(:has(mjx-container))"),
    "formulas not understood": count("mjx-merror"),
    "modules": count("script[type=module]"),
    "pictures missing": broken.length,
  };
}"""
# The search box is out of sight until it is called for.
SEARCH = """() => {
  const form = document.querySelector("form.bd-search");
  form.querySelector("input[name=q]").value = "Jensen";
  form.requestSubmit();
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the zip is unpacked."""
    if not offline.ZIP.is_file():
        pytest.skip("there is no zip: make offline")
    unpacked = tmp_path_factory.mktemp("unpacked").resolve()
    with zipfile.ZipFile(offline.ZIP) as file:
        file.extractall(unpacked)
    return unpacked / offline.NAME


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    with chromium() as browser:
        yield browser.new_context(offline=True)


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab in which nothing may be complained of, and nothing asked for that is no file."""
    tab = context.new_page()
    complaints = complaints_of(tab)

    def ask(request: Request) -> None:
        if urlsplit(request.url).scheme not in {"file", "data", "blob", "about"}:
            complaints.append(f"asks for {request.url}")

    def fail(request: Request) -> None:
        # The browser gives up an icon that has not come when the page is left.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"{request.url}: {request.failure}")

    tab.on("request", ask)
    tab.on("requestfailed", fail)
    yield tab
    tab.close()
    assert complaints == []


class Links(HTMLParser):
    """Where a page leads, each once, and what a link to it may name.

    It builds no tree, which takes ten times as long; a page of the book has a megabyte.
    """

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: dict[tuple[str, str], None] = {}
        self.anchors: set[str] = set()
        self.feed(page.read_text("utf8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if "href" in found or "src" in found:
            self.addresses[tag, found.get("href") or found.get("src") or ""] = None


@cache
def links(page: Path) -> Links:
    return Links(page)


@cache
def file_at(folder: Path, path: str) -> Path:
    """The file that a path leads to from a folder; most pages have the same links to others."""
    return (folder / unquote(path)).resolve()


def leads_out(tag: str, address: str) -> bool:
    """Whether an address is a link to another site, or no address at all."""
    outside = urlsplit(address).scheme in {"http", "https", "mailto", "data"}
    return (outside and tag == "a") or not address.strip("#")


def is_dead(page: Path, address: str, folder: Path) -> bool:
    """Whether an address leads to no file of the folder, or to no place on its page."""
    parts = urlsplit(address)
    target = file_at(page.parent, parts.path) if parts.path else page
    if parts.scheme or address.startswith("/") or not target.is_relative_to(folder):
        return True
    anchor = unquote(parts.fragment) if target.suffix == ".html" else ""
    return not target.is_file() or (anchor != "" and anchor not in links(target).anchors)


def dead_links(folder: Path) -> Iterator[str]:
    """Links, pictures, scripts and styles that lead nowhere."""
    for page in sorted(folder.rglob("*.html")):
        for tag, address in links(page).addresses:
            if not leads_out(tag, address) and is_dead(page, address, folder):
                yield f"{page.relative_to(folder)}: {address}"


@pytest.mark.parametrize(
    "tag, dead",
    [
        ('<a href="a.html#here">', False),
        ('<a href="#here">', False),
        ('<a href="#">', False),
        ('<img src="../p%20q.png">', False),
        ('<a href="https://example.org/">', False),
        ('<a href="#there">', True),
        ('<a href="a.html#there">', True),
        ('<a href="b.html">', True),
        ('<img src="../q.png">', True),
        ('<img src="https://example.org/p.png">', True),
        ('<a href="/book/a.html">', True),
        ('<a href="file:///book/a.html">', True),
        ('<a href="../../outside.html">', True),
    ],
)
def test_a_link_to_nowhere_is_found(tag: str, dead: bool, tmp_path: Path) -> None:
    folder = tmp_path / "book-offline"
    (folder / "book").mkdir(parents=True)
    (folder / "book" / "a.html").write_text(f'<p id="here">{tag}</p>')
    (folder / "p q.png").write_text("")
    (tmp_path / "outside.html").write_text("")
    assert len(list(dead_links(folder))) == dead


def test_every_link_leads_somewhere(folder: Path) -> None:
    assert list(dead_links(folder)) == []


def test_every_page_is_complete(folder: Path, tab: Page) -> None:
    for page in sorted(folder.rglob("*.html")):
        tab.goto(page.as_uri())
        if page == folder / "index.html":  # it only leads on
            tab.wait_for_url("**/book/index.html")
        found = tab.evaluate(FAULTS)
        assert not any(found.values()), (page.relative_to(folder), found)


def test_the_search_finds_a_chapter(folder: Path, tab: Page) -> None:
    tab.goto((folder / "book" / "index.html").as_uri())
    tab.evaluate(SEARCH)
    tab.wait_for_url("**/search.html?q=Jensen*")
    tab.wait_for_selector("#search-results li a")
    says_how_many = "() => /found/.test(document.querySelector('#search-results')?.innerText)"
    tab.wait_for_function(says_how_many)
    links = [link.get_attribute("href") for link in tab.locator("#search-results li a").all()]
    chapter = next(link for link in links if "03_jensen.html" in link)
    tab.locator(f"#search-results li a[href='{chapter}']").first.click()
    tab.wait_for_url("**/03_jensen.html*")
    assert "Jensen" in tab.title()


def test_the_colours_change_and_the_next_page_keeps_them(folder: Path, tab: Page) -> None:
    press = "() => document.querySelector('.theme-switch-button').click()"
    mode = "() => document.documentElement.dataset.mode"
    tab.goto((folder / "book" / "index.html").as_uri())
    modes = []
    for _ in range(4):
        tab.evaluate(press)
        modes.append(tab.evaluate(mode))
    assert sorted(modes[:3]) == ["auto", "dark", "light"]
    tab.goto((folder / "book" / "glossary.html").as_uri())
    assert tab.evaluate(mode) == modes[-1]
