"""The whole book as one PDF: Chromium prints the built pages twice.

The first print says on which page everything stands, and the second has these numbers in its
contents. What a reader must not find in it, tests/print/test_paper.py looks for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import matplotlib
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Fit

from bookext.book import PDF, ROOT, config
from bookext.browser import chromium, complaints_of, serve
from bookext.print import onebook

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
# The width of the text on paper, 162 mm, so that the screen shows what is printed.
WIDTH = 612
# Of the screen's style sheets stay MathJax's rules and the colours of code on white.
SET = """async () => {
  const ours = /mjx|html\\[data-theme="light"\\] \\.highlight/i;
  for (const {sheet} of document.querySelectorAll("link.screen")) {
    for (let i = sheet.cssRules.length; i--; ) {
      if (!ours.test(sheet.cssRules[i].cssText)) sheet.deleteRule(i);
    }
  }
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
# A formula wider than its line becomes smaller, by --fit in the style sheet.
FIT = """() => {
  const room = (tag) => {
    const boxes = "td, th, li, dd, dt, p, figcaption, section, article, nav";
    const box = tag.closest(boxes) ?? document.body;
    return box.getBoundingClientRect().right + 0.5 - tag.getBoundingClientRect().left;
  };
  for (const math of document.querySelectorAll("mjx-container")) {
    const display = math.closest("div.math");
    const number = display?.querySelector(".eqno")?.getBoundingClientRect().width ?? 0;
    const space = display ? display.clientWidth - number : room(math);
    const width = math.querySelector("mjx-math").getBoundingClientRect().width;
    const fit = parseFloat(math.style.getPropertyValue("--fit") || 1);
    if (width > space) math.style.setProperty("--fit", 0.99 * fit * space / width);
  }
}"""
PLACES = "tags => tags.map((tag) => tag.dataset.pageOf)"
NUMBER = """(pages) => {
  for (const tag of document.querySelectorAll("[data-page-of]")) {
    tag.textContent = pages[tag.dataset.pageOf];
  }
}"""


@contextmanager
def opened(text: str) -> Iterator[Tab]:
    """The one document in a browser, on the site of the built book, with all formulas fitted.

    Raises:
        SystemExit: the browser's console has an error.
    """
    with serve() as site, chromium() as browser:
        tab = browser.new_page(viewport={"width": WIDTH, "height": 900})
        tab.emulate_media(media="print", color_scheme="light")
        page = {"body": text, "content_type": "text/html; charset=utf-8"}
        tab.route("**/onebook.html", lambda route: route.fulfill(**page))
        tab.route("**/fonts/*.ttf", font)
        complaints = complaints_of(tab)
        tab.set_default_timeout(180_000)
        tab.goto(f"{site}/onebook.html")
        tab.evaluate(SET)
        # Twice, since a formula that became smaller may let the next one move up into its line.
        tab.evaluate(FIT)
        tab.evaluate(FIT)
        yield tab
        refuse(complaints)


def font(route: Route) -> None:
    """The style sheet's fonts are Matplotlib's, and so the same on every machine."""
    route.fulfill(path=FONTS / Path(urlsplit(route.request.url).path).name)


def refuse(faults: list[str]) -> None:
    """Stop if there are faults, and name them."""
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        raise SystemExit(f"The PDF is not as it should be, {len(faults)} faults:\n{shown}")


def printed(tab: Tab) -> PdfReader:
    """What Chromium prints, on the paper that the style sheet names."""
    made = tab.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
    return PdfReader(BytesIO(made))


def page_numbers(reader: PdfReader) -> dict[str, int]:
    """On which page, counted from 1, each place stands that something leads to."""
    return {
        name.removeprefix("/"): reader.get_destination_page_number(destination) + 1
        for name, destination in reader.named_destinations.items()
    }


def numbered(tab: Tab) -> PdfReader:
    """Print, fill in the numbers of the pages, and print again.

    Raises:
        SystemExit: a place is not in the print, or the numbers have moved it to another page.
    """
    first = page_numbers(printed(tab))
    wanted = tab.locator("[data-page-of]").evaluate_all(PLACES)
    refuse([f"not found in the print: {place}" for place in wanted if place not in first])
    tab.evaluate(NUMBER, first)
    second = printed(tab)
    moved = [place for place, page in page_numbers(second).items() if first[place] != page]
    refuse([f"moved between two prints: {place}" for place in moved])
    return second


def bound(reader: PdfReader, pages: list[onebook.Page]) -> PdfWriter:
    """The PDF with outline, title and author, and without a date, which would differ each time."""
    # Else pypdf warns that the copy has more objects than Chromium announced.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    writer, numbers = PdfWriter(clone_from=reader), page_numbers(reader)
    for title, place, sections in onebook.outline(pages):
        chapter = writer.add_outline_item(title=title, page_number=numbers[place] - 1)
        for heading, inner in sections:
            top = reader.named_destinations[f"/{inner}"].get("/Top")
            fit = Fit.xyz(top=float(top)) if top else Fit.fit()
            writer.add_outline_item(heading, numbers[inner] - 1, parent=chapter, fit=fit)
    book = config()
    about = {"/Title": book["title"], "/Author": book["author"], "/Producer": "Chromium, pypdf"}
    writer.metadata = about
    writer.page_mode = "/UseOutlines"
    return writer


def main(arguments: list[str]) -> int:
    """Print the built book."""
    pages = onebook.built_pages()
    with opened(onebook.document(pages)) as tab:
        made = bound(numbered(tab), pages)
    PDF.parent.mkdir(parents=True, exist_ok=True)
    made.write(PDF)
    print(f"{PDF.relative_to(ROOT)}: {len(made.pages)} pages, {PDF.stat().st_size / 1e6:.1f} MB")
    return 0
