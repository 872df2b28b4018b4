"""The PDF that ``make pdf`` printed, and the one document that it is printed from."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from unicodedata import normalize

import pytest
from playwright.sync_api import Page as Tab
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, TextStringObject

from bookext.print import onebook, pdf

# On the screen, as wide as the text on paper. A space at the end of a line of code may stand in
# the margin, and a drawing ends where its frame does.
FAULTS = """() => {
  const all = (query) => [...document.querySelectorAll(query)];
  const right = document.body.getBoundingClientRect().right + 1;
  const ids = new Set(all("[id]").map((tag) => tag.id));
  const fit = (tag) => tag.style.getPropertyValue("--fit") || 1;
  const sticksOut = (tag) => tag.getBoundingClientRect().right > right;
  const found = {
    "mathematics not set": all(".math:not(:has(> mjx-container))"),
    "mathematics not to be seen": all("mjx-container").filter((tag) => !tag.offsetWidth),
    "a formula too wide for the page": all("mjx-container").filter((tag) => fit(tag) < 2 / 3),
    "an error in mathematics": all("mjx-merror, [data-mjx-error]"),
    "a picture is missing": all("img").filter((tag) => !tag.naturalWidth),
    "cut off at the margin": all("body *:not(pre *, svg *)").filter(sticksOut),
    "code cut off": all("pre").filter((tag) => tag.scrollWidth > tag.clientWidth + 1),
    "a link to nowhere": all("a[href^='#']")
      .filter((tag) => !ids.has(decodeURIComponent(tag.hash.slice(1)))),
  };
  const where = (tag) => `${tag.closest("[id]")?.id}: ${tag.outerHTML.slice(0, 120)}`;
  const said = ([fault, tags]) => tags.map((tag) => `${fault}: ${where(tag)}`);
  const fonts = [...document.fonts].filter((font) => font.status === "error");
  return [...Object.entries(found).flatMap(said), ...fonts.map((font) => font.family)];
}"""


@pytest.fixture(scope="module")
def pages() -> list[onebook.Page]:
    return onebook.built_pages()


@pytest.fixture(scope="module")
def tab(pages: list[onebook.Page]) -> Iterator[Tab]:
    with pdf.opened(onebook.document(pages)) as tab:
        yield tab


@pytest.fixture(scope="module")
def reader() -> PdfReader:
    if not pdf.PDF.is_file():
        pytest.skip("there is no PDF: make pdf")
    return PdfReader(pdf.PDF)


def test_the_one_document_is_whole(tab: Tab) -> None:
    assert tab.evaluate(FAULTS) == []


BROKEN = {
    '<span class="math">x</span>': "mathematics not set",
    '<mjx-container style="display: none"></mjx-container>': "mathematics not to be seen",
    '<mjx-container style="--fit: 0.5">x</mjx-container>': "a formula too wide for the page",
    "<mjx-merror>x</mjx-merror>": "an error in mathematics",
    '<img src="data:image/png;base64,">': "a picture is missing",
    '<p style="width: 2000px">x</p>': "cut off at the margin",
    f'<pre style="white-space: pre; width: 90px">{"x" * 99}</pre>': "code cut off",
    '<a href="#not-there">x</a>': "a link to nowhere",
}


@pytest.mark.parametrize("html, fault", BROKEN.items())
def test_a_fault_of_the_document_is_found(tab: Tab, html: str, fault: str) -> None:
    insert = "(html) => document.body.insertAdjacentHTML('beforeend', `<div id='x'>${html}</div>`)"
    tab.evaluate(insert, html)
    try:
        found = tab.evaluate(FAULTS)
    finally:
        tab.evaluate("() => document.getElementById('x').remove()")
    assert any(said.startswith(f"{fault}: x: ") for said in found)


def targets(reader: PdfReader) -> Iterator[tuple[int, str]]:
    """Where each link leads, with the page that it is on: a name in the document, or an address."""
    for number, page in enumerate(reader.pages, start=1):
        for annotation in page.get("/Annots", []):
            link = annotation.get_object()
            if link["/Subtype"] == "/Link":
                target = link.get("/Dest") or link["/A"].get("/D") or link["/A"].get("/URI")
                yield number, str(target).removeprefix("/")


def dead_links(reader: PdfReader) -> list[str]:
    """Links that lead neither to a place in the document nor to another site."""
    known, outside = pdf.page_numbers(reader), ("https://", "http://", "mailto:")
    return [
        f"page {number}: {name}"
        for number, name in targets(reader)
        if name not in known and (not name.startswith(outside) or "127.0.0.1" in name)
    ]


def pages_without_text(reader: PdfReader, pages: list[onebook.Page]) -> list[str]:
    """Pages of the book whose title is not where the document has them."""
    known, found = pdf.page_numbers(reader), []
    for page in pages:
        # In print "fi" and "fl" are one letter each; NFKC makes two of it.
        printed = normalize("NFKC", reader.pages[known[page.id] - 1].extract_text())
        has_formula = "\\(" in page.title.get_text()
        if not has_formula and onebook.plain(page.title) not in " ".join(printed.split()):
            found.append(page.name)
    return found


def test_every_link_leads_somewhere(reader: PdfReader) -> None:
    assert dead_links(reader) == [] and len(list(targets(reader))) > 1000


def test_every_page_has_its_text(reader: PdfReader, pages: list[onebook.Page]) -> None:
    assert pages_without_text(reader, pages) == []


def test_the_pdf_holds_the_book(reader: PdfReader) -> None:
    names = [name for name in onebook.parts() if name not in onebook.LEFT_OUT]
    chapters = [entry for entry in reader.outline if not isinstance(entry, list)]
    assert len(chapters) == len(names) + 1 and chapters[-1].title == "Solutions"
    numbers = [reader.get_destination_page_number(entry) + 1 for entry in chapters[:-1]]
    assert numbers == [pdf.page_numbers(reader)[onebook.page_id(name)] for name in names]
    assert reader.metadata.title.startswith("Bounding the Evidence")
    assert pdf.PDF.stat().st_size < 15e6


def small_pdf(*links: dict[str, Any]) -> PdfReader:
    """A blank page with a place called ``here`` and these links."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_named_destination("here", 0)
    box = ArrayObject(NumberObject(number) for number in (0, 0, 9, 9))
    for link in links:
        kind = {NameObject("/Subtype"): NameObject("/Link"), NameObject("/Rect"): box}
        writer.add_annotation(0, DictionaryObject(kind | link))
    writer.write(file := BytesIO())
    return PdfReader(file)


def to_name(name: str) -> dict[str, Any]:
    return {NameObject("/Dest"): TextStringObject(name)}


def to_address(address: str) -> dict[str, Any]:
    action = {NameObject("/S"): NameObject("/URI"), NameObject("/URI"): TextStringObject(address)}
    return {NameObject("/A"): DictionaryObject(action)}


def test_a_link_to_nowhere_is_found() -> None:
    good = to_name("here"), to_address("https://example.org/")
    assert dead_links(small_pdf(*good)) == []
    assert dead_links(small_pdf(*good, to_name("elsewhere"))) == ["page 1: elsewhere"]
    local = to_address("http://127.0.0.1:8000/x"), to_address("_images/a.png")
    assert len(dead_links(small_pdf(*local))) == 2


def test_a_page_without_its_text_is_found() -> None:
    made = onebook.Page("here", "", onebook.fragment("<article><h1>One</h1></article>"))
    assert pages_without_text(small_pdf(), [made]) == ["here"]
