"""The book as a zip to read without a network: ``make offline`` packs the built pages, unpacks them and opens each.

A browser that reads files instead of asking a server refuses some things: fonts that were to be fetched ahead, modules,
and scripts that fetch. The pages do without the first two, and the search without the excerpts that it would fetch.
"""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from browser import HTML, chromium
from bs4 import BeautifulSoup
from execution import ROOT, config
from playwright.sync_api import BrowserContext, Page

NAME = "bounding-the-evidence"
ZIP = ROOT / "_build" / "offline" / f"{NAME}.zip"
# What a reader has no use for: sources, what servers, Sphinx and the theme keep for themselves, maps for debuggers,
# modules, and the theme's words in other languages.
LEFT_OUT = re.compile(
    r"(^|/)\.|^_sources/|^(objects\.inv|404\.html|sitemap\.xml|robots\.txt)$|\.map$|webpack-macros\.html$"
    r"|^_static/(copybutton_funcs\.js$|locales/|preview\.png$)"
)
# Fonts and scripts fetched ahead; the page's address on the web; the entry of a menu that leads to the source.
NOT_OFFLINE = re.compile(
    r"""<link\b[^>]*\brel="(?:preload|modulepreload|prefetch|preconnect|canonical)"[^>]*>\n?
    | <li>\s*<a\b[^>]*\b_sources/.*?</li>""",
    re.S | re.X,
)
# Sphinx's switch for the excerpts of a search, wherever its script went.
EXCERPTS = re.compile(r"(\bSHOW_SEARCH_SUMMARY:\s*)true\b")
# The earliest date that a zip can hold: the same pages make the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)
README = """\
{title}

Open index.html in a browser: double-click it. Nothing needs to be installed, and nothing is asked of the network.
Unpack the whole archive first; a page opened from inside it finds neither its figures nor its mathematics.

The search finds pages and sections, and lists them without excerpts. Links to other sites need the network, of course.

{licences}
The same book on the web: {site}
"""
SETTLED = """() => {
  return {
    raw: document.querySelectorAll(".math:not(:has(mjx-container))").length,
    broken: document.querySelectorAll("mjx-merror").length,
    pictures: [...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src),
    modules: document.querySelectorAll("script[type=module]").length,
  };
}"""
# The search box is out of sight until it is called for.
SEARCH = """() => {
  const form = document.querySelector("form.bd-search");
  form.querySelector("input[name=q]").value = "Jensen";
  form.requestSubmit();
}"""


def for_files(path: str, text: str) -> str:
    """A page or a script of the site as a browser can use it without a server."""
    if path.endswith(".html"):
        return NOT_OFFLINE.sub("", text)
    return EXCERPTS.sub(r"\1false", text)


def readme() -> str:
    book = config()
    html = book["html"]
    return README.format(title=book["title"], licences=html["extra_footer"], site=html["baseurl"])


def contents(html: Path) -> Iterator[tuple[str, bytes]]:
    """The files of the archive, sorted: path and bytes."""
    files = {path.relative_to(html).as_posix(): path for path in html.rglob("*") if path.is_file()}
    packed = {"README.txt": readme().encode()}
    for name, path in files.items():
        if not LEFT_OUT.search(name):
            data = path.read_bytes()
            packed[name] = (
                for_files(name, data.decode()).encode() if path.suffix in {".html", ".js"} else data
            )
    yield from sorted(packed.items())


def pack(html: Path, archive: Path) -> None:
    """Write the archive; everything in it is in one folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in contents(html):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", DATE)
            entry.compress_type, entry.external_attr, entry.create_system = (
                zipfile.ZIP_DEFLATED,
                0o644 << 16,
                3,
            )
            file.writestr(entry, data)


@cache
def anchors(page: Path) -> set[str]:
    soup = BeautifulSoup(page.read_text("utf8"), "html.parser")
    return {tag[name] for name in ("id", "name") for tag in soup.find_all(attrs={name: True})}


def dead_links(folder: Path) -> Iterator[str]:
    """Links, pictures, scripts and styles that are not in the folder, or whose anchor is not in their page."""
    for page in sorted(folder.rglob("*.html")):
        for tag in BeautifulSoup(page.read_text("utf8"), "html.parser").select("[href], [src]"):
            address = tag.get("href") or tag.get("src")
            parts = urlsplit(address)
            if (
                parts.scheme in {"http", "https", "mailto", "data"} and tag.name == "a"
            ) or not address.strip("#"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchor = unquote(parts.fragment) if target.suffix == ".html" else ""
            inside = (
                not parts.scheme and not address.startswith("/") and target.is_relative_to(folder)
            )
            if not inside or not target.is_file() or (anchor and anchor not in anchors(target)):
                yield f"{page.relative_to(folder)}: {address}"


def listen(tab: Page, complaints: list[str]) -> None:
    """Note what the browser complains of, and what it asks for that is no file."""

    def asked(address: str) -> None:
        if urlsplit(address).scheme not in {"file", "data", "blob", "about"}:
            complaints.append(f"asks for {address}")

    def failed(address: str, why: str | None) -> None:
        if why != "net::ERR_ABORTED":  # we left the page before its icon came
            complaints.append(f"{address}: {why}")

    tab.on("request", lambda request: asked(request.url))
    tab.on("requestfailed", lambda request: failed(request.url, request.failure))
    tab.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    tab.on("pageerror", lambda error: complaints.append(str(error)))


def look_at_pages(context: BrowserContext, folder: Path) -> Iterator[str]:
    """Open every page as a file: its mathematics is set, its pictures are there, and nothing is complained of."""
    tab, complaints = context.new_page(), []
    listen(tab, complaints)
    for page in sorted(folder.rglob("*.html")):
        tab.goto(page.as_uri())
        if page == folder / "index.html":
            tab.wait_for_url("**/book/index.html")  # it only leads on
        found = tab.evaluate(SETTLED)
        complaints += [f"{value} {name}" for name, value in found.items() if value]
        yield from (f"{page.relative_to(folder)}: {complaint}" for complaint in complaints)
        complaints.clear()


def try_search(context: BrowserContext, folder: Path) -> Iterator[str]:
    """From a page, search for Jensen: chapter 3 is among the results, and the link leads there."""
    tab, complaints = context.new_page(), []
    listen(tab, complaints)
    tab.goto((folder / "book" / "index.html").as_uri())
    tab.evaluate(SEARCH)
    tab.wait_for_url("**/search.html?q=Jensen*")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function(
        "() => /found/.test(document.querySelector('#search-results')?.innerText)"
    )
    links = tab.eval_on_selector_all(
        "#search-results li a", "(links) => links.map((link) => link.href)"
    )
    chapter = [link for link in links if "03_jensen.html" in link]
    if not chapter:
        yield f"the search for Jensen found {len(links)} pages, but not the chapter"
    else:
        tab.goto(chapter[0])
        if "Jensen" not in tab.title():
            yield f"the search led to {tab.title()!r}"
    yield from (f"the search: {complaint}" for complaint in complaints)


def try_theme(context: BrowserContext, folder: Path) -> Iterator[str]:
    """The button for light and dark does what it says, and the next page remembers it."""
    tab = context.new_page()
    tab.goto((folder / "book" / "index.html").as_uri())
    modes = []
    for _ in range(3):
        tab.evaluate("() => document.querySelector('.theme-switch-button').click()")
        modes.append(tab.evaluate("() => document.documentElement.dataset.mode"))
    if sorted(modes) != ["auto", "dark", "light"]:
        yield f"the theme goes through {modes}"
    tab.evaluate("() => document.querySelector('.theme-switch-button').click()")
    chosen = tab.evaluate("() => document.documentElement.dataset.mode")
    tab.goto((folder / "book" / "glossary.html").as_uri())
    if tab.evaluate("() => document.documentElement.dataset.mode") != chosen:
        yield "the next page forgets the theme"


def faults_in(archive: Path) -> list[str]:
    """Unpack the archive elsewhere and look at it, in a browser that has no network."""
    with (
        tempfile.TemporaryDirectory() as unpacked,
        zipfile.ZipFile(archive) as file,
        chromium() as browser,
    ):
        file.extractall(unpacked)
        folder = Path(unpacked).resolve() / NAME
        context = browser.new_context(offline=True)
        found = list(dead_links(folder))
        for look in (look_at_pages, try_search, try_theme):
            found += look(context, folder)
        return found


def main() -> int:
    if not (HTML / "book" / "index.html").is_file():
        raise SystemExit(f"{HTML.relative_to(ROOT)} holds no built book: make book")
    pack(HTML, ZIP)
    if faults := faults_in(ZIP):
        ZIP.unlink()
        print(
            f"The zip is not as it should be, {len(faults)} faults:",
            *faults[:20],
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    with zipfile.ZipFile(ZIP) as file:
        print(
            f"{ZIP.relative_to(ROOT)}: {len(file.namelist())} files, {ZIP.stat().st_size / 1e6:.1f} MB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
