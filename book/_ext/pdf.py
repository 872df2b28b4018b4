"""The whole book as one PDF: ``make pdf`` prints the built pages by Chromium, twice, and looks at what it printed.

The first print says on which page everything stands; the second has these numbers in its contents. No reader is
to find an equation that is not set, a picture that is missing, a line that is cut off or a link that leads nowhere:
each of these is an error.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import matplotlib
import onebook
from browser import HTML, chromium, serve
from execution import ROOT, config
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Fit

PDF = ROOT / "_build" / "pdf" / "bounding-the-evidence.pdf"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
# The width of the text on paper, so that what is measured on the screen is what is printed: 162 mm.
WIDTH = 612
# Of the screen's style sheets stay MathJax's rules and the colours of code on white.
SET = """async () => {
  const ours = /mjx|html\\[data-theme="light"\\] \\.highlight/i;
  for (const {sheet} of document.querySelectorAll("link.screen")) {
    for (let i = sheet.cssRules.length; i--; ) if (!ours.test(sheet.cssRules[i].cssText)) sheet.deleteRule(i);
  }
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
# A formula wider than its line becomes smaller: the style sheet knows --fit. Half a pixel is rounding.
FIT = """() => {
  const room = (tag) => {
    const box = tag.closest("td, th, li, dd, dt, p, figcaption, section, article, nav") ?? document.body;
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
FAULTS = """() => {
  const where = (tag) => `${tag.closest("[id]")?.id}: ${tag.outerHTML.slice(0, 120)}`;
  const all = (query) => [...document.querySelectorAll(query)];
  const right = document.body.getBoundingClientRect().right + 1;
  const ids = new Set(all("[id]").map((tag) => tag.id));
  return [
    ...all(".math:not(:has(> mjx-container))").map((tag) => "mathematics not set: " + where(tag)),
    ...all("mjx-container").filter((tag) => !tag.offsetWidth).map((tag) => "mathematics not to be seen: " + where(tag)),
    ...all("mjx-container").filter((tag) => (tag.style.getPropertyValue("--fit") || 1) < 2 / 3)
      .map((tag) => "a formula too wide for the page: " + where(tag)),
    ...all("mjx-merror, [data-mjx-error]").map((tag) => "an error in mathematics: " + where(tag)),
    ...all("img").filter((tag) => !tag.naturalWidth).map((tag) => "a picture is missing: " + where(tag)),
    // a space at the end of a line of code may stand in the margin, and a drawing ends where its frame does
    ...all("body *").filter((tag) => tag.getBoundingClientRect().right > right && !tag.closest("pre *, svg *"))
      .map((tag) => "cut off at the margin: " + where(tag)),
    ...all("pre").filter((tag) => tag.scrollWidth > tag.clientWidth + 1).map((tag) => "code cut off: " + where(tag)),
    ...all("a[href^='#']").filter((tag) => !ids.has(decodeURIComponent(tag.hash.slice(1))))
      .map((tag) => "a link to nowhere: " + where(tag)),
    ...[...document.fonts].filter((font) => font.status === "error").map((font) => `a font is missing: ${font.family}`),
  ];
}"""
NUMBER = """(pages) => {
  for (const tag of document.querySelectorAll("[data-page-of]")) tag.textContent = pages[tag.dataset.pageOf];
}"""


@contextmanager
def opened(text: str) -> Iterator[Tab]:
    """The one document in a browser, on the site of the built book; an error in its console is an error here."""
    with serve(HTML) as site, chromium() as browser:
        tab = browser.new_page(viewport={"width": WIDTH, "height": 900})
        tab.emulate_media(media="print", color_scheme="light")
        tab.route(
            "**/onebook.html",
            lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"),
        )
        tab.route("**/fonts/*.ttf", font)
        complaints: list[str] = []
        tab.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.set_default_timeout(180_000)
        tab.goto(f"{site}/onebook.html")
        tab.evaluate(SET)
        yield tab
        refuse(complaints)


def font(route: Route) -> None:
    """The style sheet's fonts are Matplotlib's: the same on every machine, as the pins are."""
    route.fulfill(path=FONTS / Path(urlsplit(route.request.url).path).name)


def refuse(faults: list[str]) -> None:
    """Stop if there are faults, and name them."""
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        raise SystemExit(f"The PDF is not as it should be, {len(faults)} faults:\n{shown}")


def printed(tab: Tab) -> PdfReader:
    """What Chromium prints, on the paper that the style sheet names."""
    return PdfReader(
        BytesIO(tab.pdf(prefer_css_page_size=True, print_background=True, tagged=True))
    )


def page_numbers(reader: PdfReader) -> dict[str, int]:
    """On which page, counted from 1, each place stands that something leads to."""
    return {
        name.removeprefix("/"): reader.get_destination_page_number(destination) + 1
        for name, destination in reader.named_destinations.items()
    }


def numbered(tab: Tab) -> PdfReader:
    """Print, fill in the numbers of the pages, and print again; the numbers must not have moved anything."""
    first = page_numbers(printed(tab))
    missing = tab.evaluate(
        "() => [...document.querySelectorAll('[data-page-of]')].map((tag) => tag.dataset.pageOf)"
    )
    refuse([f"not found in the print: {place}" for place in missing if place not in first])
    tab.evaluate(NUMBER, first)
    second = printed(tab)
    refuse(
        [
            f"moved between two prints: {place}"
            for place, page in page_numbers(second).items()
            if first[place] != page
        ]
    )
    return second


def targets(reader: PdfReader) -> Iterator[tuple[int, Any]]:
    """Where each link leads, with the page that it is on: a name in the document, or an address."""
    for number, page in enumerate(reader.pages, start=1):
        for annotation in page.get("/Annots", []):
            link = annotation.get_object()
            if link["/Subtype"] == "/Link":
                yield number, link.get("/Dest") or link["/A"].get("/D") or link["/A"].get("/URI")


def faults_in(reader: PdfReader, pages: list[onebook.Page]) -> list[str]:
    """What is wrong with the PDF itself."""
    known, found = page_numbers(reader), []
    for number, target in targets(reader):
        name = str(target).removeprefix("/")
        leads_out = name.startswith(("https://", "http://", "mailto:")) and "127.0.0.1" not in name
        if name not in known and not leads_out:
            found.append(f"page {number}: a link to nowhere, {name}")
    for page in pages:
        # In print "fi" and "fl" are one letter each; NFKC makes two of it.
        printed = normalize("NFKC", reader.pages[known[page.id] - 1].extract_text())
        text = " ".join(printed.split())
        if "\\(" not in page.title.get_text() and onebook.plain(page.title) not in text:
            found.append(f"page {known[page.id]}: no text, or not that of {page.name}")
    return found


def bound(reader: PdfReader, pages: list[onebook.Page]) -> PdfWriter:
    """The PDF with its outline, and with a title and an author; without a date, which would differ each time."""
    logging.getLogger("pypdf").setLevel(
        logging.ERROR
    )  # not: that the copy has more objects than Chromium announced
    writer, numbers = PdfWriter(clone_from=reader), page_numbers(reader)
    for title, place, sections in onebook.outline(pages):
        chapter = writer.add_outline_item(title=title, page_number=numbers[place] - 1)
        for heading, inner in sections:
            top = reader.named_destinations[f"/{inner}"].get("/Top")
            fit = Fit.xyz(top=float(top)) if top else Fit.fit()
            writer.add_outline_item(
                title=heading, page_number=numbers[inner] - 1, parent=chapter, fit=fit
            )
    book = config()
    writer.metadata = {
        "/Title": book["title"],
        "/Author": book["author"],
        "/Producer": "Chromium, pypdf",
    }
    writer.page_mode = "/UseOutlines"
    return writer


def main() -> int:
    pages = onebook.built_pages(HTML)
    with opened(onebook.document(pages)) as tab:
        tab.evaluate(FIT)
        tab.evaluate(
            FIT
        )  # a formula that became smaller may let the next one move up into its line
        refuse(tab.evaluate(FAULTS))
        reader = numbered(tab)
    refuse(faults_in(reader, pages))
    PDF.parent.mkdir(parents=True, exist_ok=True)
    bound(reader, pages).write(PDF)
    size = PDF.stat().st_size / 1e6
    print(
        f"{PDF.relative_to(ROOT)}: {len(reader.pages)} pages, {size:.1f} MB, {sum(1 for _ in targets(reader))} links"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
