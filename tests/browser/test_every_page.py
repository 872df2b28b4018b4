"""Every page of the book, as a reader's browser has it: quiet, light, complete, accessible, wide as the window."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import CHAPTERS, MADE, PAGES, ROOT, OpenPage
from fontTools.ttLib import TTFont

# What a page's first view may take (a chapter took 1,651 kB with MathJax's and Font Awesome's scripts), and how far it
# may move when the fonts of its formulas come; 0.1 is held to be good.
BYTES, REQUESTS, SHIFT = 450_000, 18, 0.05
# What serves every page: the style sheet and the script. Nothing else is loaded but pictures, fonts and search's index.
COMMON = {"book.css", "book.js", "figures.js"}
SEARCH = {"searchtools.js", "language_data.js", "searchindex.js"}

each_page = pytest.mark.parametrize("name", PAGES + MADE)
each_width = pytest.mark.parametrize("width", [1280, 390])

FORMULAS = """() => {
  const wrong = [];
  for (const math of document.querySelectorAll(".math")) {
    const bare = !math.querySelector("mjx-container mjx-math") || !math.querySelector("mjx-assistive-mml math");
    const text = [...math.childNodes].filter(n => n.nodeType === Node.TEXT_NODE).map(n => n.data.trim()).join("");
    if (bare || text || math.querySelector("mjx-merror, merror")) wrong.push(math.textContent.trim().slice(0, 80));
  }
  for (const sign of document.querySelectorAll("mjx-c[class]"))
    if (getComputedStyle(sign, "::before").content === "none") wrong.push(sign.className);
  return wrong;
}"""
# Signs of the private range, which only a font of icons can draw: [code, font], of every element but formulas.
ICONS = """() => {
  const found = [];
  for (const element of document.querySelectorAll("body *:not(mjx-container, mjx-container *)"))
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(element, part);
      for (const sign of style.content)
        if (sign >= "\\ue000" && sign <= "\\uf8ff") found.push([sign.codePointAt(0), style.fontFamily]);
    }
  for (const icon of document.querySelectorAll("i[class*=fa-]"))
    if (!/[\\ue000-\\uf8ff]/.test(getComputedStyle(icon, "::before").content)) found.push([0, icon.className]);
  return found;
}"""
SHIFTED = """() => new Promise(resolve => {
  let sum = 0;
  new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 150);
})"""
PICTURES = """() => [...document.querySelectorAll("article img:not(.toggler)")]
  .filter(image => !image.naturalWidth || !image.getAttribute("width") || !image.getAttribute("height"))
  .map(image => image.alt)"""


def icons() -> dict[str, set[int]]:
    """The signs of each font of icons."""
    sheet = (ROOT / "book" / "_static" / "vendor" / "icons" / "icons.css").read_text("utf8")
    faces = re.findall(r'font-family: "([^"]+)";[^}]*base64,([^)]+)\)', sheet)
    return {name: set(TTFont(BytesIO(b64decode(font))).getBestCmap()) for name, font in faces}


@each_page
def test_a_page_is_quiet_and_complete(open_page: OpenPage, name: str) -> None:
    """What open_page hears, it asserts: no complaint of the console, no failed request, none elsewhere."""
    visit = open_page(name)
    visit.scroll_through()
    assert visit.page.evaluate(FORMULAS) == []
    assert visit.page.evaluate(PICTURES) == []
    drawn = icons()
    for code, font in visit.page.evaluate(ICONS):
        assert code in drawn.get(font.strip('"'), set()), (
            f"an icon that is not there: {code:x} {font}"
        )


@each_width
@each_page
def test_the_first_view_is_light_and_the_page_as_wide_as_the_window(
    open_page: OpenPage, name: str, width: int
) -> None:
    visit = open_page(name, width)
    assert visit.page.evaluate(SHIFTED) <= SHIFT
    sizes = visit.transferred()
    assert sum(sizes.values()) <= BYTES and len(sizes) <= REQUESTS, sizes
    loaded = {
        url.rpartition("/")[2].partition("?")[0] for url in sizes if re.search(r"\.(js|css)\b", url)
    }
    assert loaded <= COMMON | (SEARCH if name == "search" else set())
    blocking = visit.page.evaluate(
        "performance.getEntriesByType('resource').filter(r => r.renderBlockingStatus === 'blocking').map(r => r.name)"
    )
    assert [url.rpartition("/")[2] for url in blocking] == ["book.css"]
    visit.lay_out_all()
    wide, window = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, "only equations, code and tables scroll sideways, each by itself"


def looks() -> list[tuple[str, int, str]]:
    """Every page light and dark, wide and narrow; of exercises, which are all made alike, each of these once."""
    every = [
        (name, width, theme)
        for name in PAGES + MADE
        for width in (1280, 390)
        for theme in ("light", "dark")
    ]
    alike = re.compile(r"book/exercises/\d")
    return [
        look
        for look in every
        if not alike.match(look[0]) or look[1:] in ((1280, "light"), (390, "dark"))
    ]


@pytest.mark.parametrize("name, width, theme", looks())
def test_a_page_is_accessible(open_page: OpenPage, name: str, width: int, theme: str) -> None:
    """By axe-core's rules, all of them."""
    visit = open_page(name, width, theme)
    assert visit.page.evaluate("document.documentElement.dataset.theme") == theme
    visit.lay_out_all()
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
    assert (
        page.locator("h1:visible").count() == 1
        and page.locator(".bd-sidebar-primary nav").first.is_visible()
    )
    assert page.locator(".only-with-scripts:visible").count() == 0
    for formula in page.locator("article .math:visible").all()[:20]:
        assert formula.locator("mjx-container").is_visible()
    for figure in page.locator("article .cell_output img:visible").all()[:20]:
        assert figure.bounding_box()["width"] > 100


@pytest.mark.parametrize("name", CHAPTERS)
def test_an_anchor_is_where_it_leads(open_page: OpenPage, name: str) -> None:
    """Deep in a chapter, before all pictures have come, and after."""
    visit = open_page(f"{name}#summary")
    for _ in range(2):
        top = visit.page.locator("#summary h2").bounding_box()["y"]
        assert 0 <= top <= 150
        visit.page.wait_for_timeout(300)


@pytest.mark.parametrize("name", CHAPTERS)
def test_print_shows_formulas_and_pictures(open_page: OpenPage, name: str) -> None:
    page = open_page(name).page
    page.emulate_media(media="print")
    sizes = page.evaluate(
        "[...document.querySelectorAll('article div.math mjx-math')].map(m => m.offsetHeight)"
    )
    shown = page.evaluate(
        "[...document.querySelectorAll('article div.math')].filter(m => m.checkVisibility()).length"
    )
    assert len(sizes) > 10 and shown > 0 and sum(size > 0 for size in sizes) >= shown
