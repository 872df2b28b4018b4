"""Every page, as a reader's browser has it: quiet, light, complete, accessible, not too wide."""

from __future__ import annotations

import re
from base64 import b64decode
from functools import cache
from io import BytesIO

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import CHAPTERS, MADE, PAGES, OpenPage, Visit
from fontTools.ttLib import TTFont

from bookext.book import STATIC

# What a page's first view may take (a chapter took 1,651 kB with the scripts of MathJax and of Font
# Awesome), and how far it may move when the fonts of its formulas come; 0.1 is said to be good.
BYTES, REQUESTS, SHIFT = 450_000, 18, 0.05
# What serves all pages. Else only pictures, fonts and the index of the search are loaded.
COMMON = {"book.css", "book.js", "figures.js"}
SEARCH = {"searchtools.js", "language_data.js", "searchindex.js"}

each_page = pytest.mark.parametrize("name", PAGES + MADE)

FORMULAS = """() => {
  const wrong = [];
  for (const math of document.querySelectorAll(".math")) {
    const seen = math.querySelector("mjx-container mjx-math");
    const heard = math.querySelector("mjx-assistive-mml math");
    const texts = [...math.childNodes].filter(n => n.nodeType === Node.TEXT_NODE);
    const raw = texts.some(n => n.data.trim()) || math.querySelector("mjx-merror, merror");
    if (!seen || !heard || raw) wrong.push(math.textContent.trim().slice(0, 80));
  }
  for (const sign of document.querySelectorAll("mjx-c[class]"))
    if (getComputedStyle(sign, "::before").content === "none") wrong.push(sign.className);
  return wrong;
}"""
# Signs of the private range, which only a font of icons can draw: [code, font].
ICONS = """() => {
  const found = [];
  const elements = document.querySelectorAll("body *:not(mjx-container, mjx-container *)");
  for (const element of elements)
    for (const part of ["::before", "::after"]) {
      const {content, fontFamily} = getComputedStyle(element, part);
      for (const sign of content)
        if (sign >= "\\ue000" && sign <= "\\uf8ff") found.push([sign.codePointAt(0), fontFamily]);
    }
  for (const icon of document.querySelectorAll("i[class*=fa-]")) {
    const {content} = getComputedStyle(icon, "::before");
    if (!/[\\ue000-\\uf8ff]/.test(content)) found.push([0, icon.className]);
  }
  return found;
}"""
SHIFTED = """() => new Promise(resolve => {
  let sum = 0;
  new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 150);
})"""
PICTURES = """() => {
  const sized = image => image.getAttribute("width") && image.getAttribute("height");
  const images = [...document.querySelectorAll("article img:not(.toggler)")];
  return images.filter(image => !image.naturalWidth || !sized(image)).map(image => image.alt);
}"""
BLOCKING = """() => performance.getEntriesByType("resource")
  .filter(resource => resource.renderBlockingStatus === "blocking")
  .map(resource => resource.name)"""


@cache
def icons() -> dict[str, set[int]]:
    """The signs of each font of icons."""
    sheet = (STATIC / "vendor" / "icons" / "icons.css").read_text("utf8")
    faces = re.findall(r'font-family: "([^"]+)";[^}]*base64,([^)]+)\)', sheet)
    return {name: set(TTFont(BytesIO(b64decode(font))).getBestCmap()) for name, font in faces}


def looks() -> list[tuple[str, int, str]]:
    """Every page light and dark, wide and narrow; exercises, which are all alike, in two ways."""
    found = []
    for name in PAGES + MADE:
        kinds = [(1280, "light"), (390, "dark")]
        if not re.match(r"book/exercises/\d", name):
            kinds += [(1280, "dark"), (390, "light")]
        found += [(name, *kind) for kind in kinds]
    return found


@pytest.mark.parametrize("name, width, theme", looks())
def test_a_page_is_quiet_light_complete_and_accessible(
    open_page: OpenPage, name: str, width: int, theme: str
) -> None:
    """And ``open_page`` asserts: no complaint of the console, no failed request, none elsewhere."""
    visit = open_page(name, width, theme)
    assert visit.page.evaluate("document.documentElement.dataset.theme") == theme
    check_the_first_view(visit, name)
    visit.scroll_through()
    check_that_it_is_complete(visit)
    visit.lay_out_all()
    wide, window = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, "only equations, code and tables scroll sideways, each by itself"
    check_that_it_is_accessible(visit)


def check_the_first_view(visit: Visit, name: str) -> None:
    """Its bytes, its requests, how far it moves, what it waits for."""
    assert visit.page.evaluate(SHIFTED) <= SHIFT
    sizes = visit.transferred()
    assert sum(sizes.values()) <= BYTES and len(sizes) <= REQUESTS, sizes
    files = [url.rpartition("/")[2].partition("?")[0] for url in sizes]
    loaded = {file for file in files if file.endswith((".js", ".css"))}
    assert loaded <= COMMON | (SEARCH if name == "search" else set())
    blocking = visit.page.evaluate(BLOCKING)
    assert [url.rpartition("/")[2] for url in blocking] == ["book.css"]


def check_that_it_is_complete(visit: Visit) -> None:
    """Every formula is set, every picture has come, every icon is drawn."""
    assert visit.page.evaluate(FORMULAS) == []
    assert visit.page.evaluate(PICTURES) == []
    drawn = icons()
    for code, font in visit.page.evaluate(ICONS):
        assert code in drawn.get(font.strip('"'), set()), (
            f"an icon that is not there: {code:x} {font}"
        )


def check_that_it_is_accessible(visit: Visit) -> None:
    """By axe-core's rules, all of them."""
    found = Axe().run(visit.page, options={"resultTypes": ["violations"]})
    violations = [
        f"{violation['id']}: {node['html'][:120]}: {node['failureSummary'].splitlines()[1].strip()}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert violations == []


@each_page
def test_a_page_can_be_read_without_scripts(open_page: OpenPage, name: str) -> None:
    page = open_page(name, java_script_enabled=False).page
    assert page.locator("h1:visible").count() == 1
    assert page.locator(".bd-sidebar-primary nav").first.is_visible()
    assert page.locator(".only-with-scripts:visible").count() == 0
    for formula in page.locator("article .math:visible").all()[:20]:
        assert formula.locator("mjx-container").is_visible()
    for figure in page.locator("article .cell_output img:visible").all()[:20]:
        assert figure.bounding_box()["width"] > 100


@pytest.mark.parametrize("name", CHAPTERS)
def test_print_shows_formulas_and_pictures(open_page: OpenPage, name: str) -> None:
    page = open_page(name).page
    page.emulate_media(media="print")
    formulas = page.locator("article div.math mjx-math")
    sizes = formulas.evaluate_all("all => all.map(math => math.offsetHeight)")
    boxes = page.locator("article div.math")
    shown = boxes.evaluate_all("all => all.filter(math => math.checkVisibility()).length")
    assert len(sizes) > 10 and shown > 0 and sum(size > 0 for size in sizes) >= shown
