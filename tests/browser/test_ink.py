"""What a reader sees: places that links lead to, and ink that no box cuts off."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from conftest import CHAPTERS, PAGES, OpenPage, Visit
from PIL import Image
from playwright.sync_api import Page

both_widths = pytest.mark.parametrize("width", [1280, 390])

SECTIONS = """() => [...document.querySelectorAll("article section[id]")]
  .filter(section => section.querySelector(":scope > :is(h2, h3)")).map(section => section.id)"""
# Where the heading of a section is in the window. At the end of the page, which goes no further,
# it is enough that the heading is seen.
PLACE = """async id => {
  await new Promise(resolve => setTimeout(resolve, 150));
  const {top} = document.getElementById(id).querySelector("h2, h3").getBoundingClientRect();
  const ended = innerHeight + scrollY > document.documentElement.scrollHeight - 2;
  return ended && 0 <= top && top < innerHeight ? 0 : top;
}"""
FOLLOW = """id => {
  scrollTo({top: 0, behavior: "instant"});
  document.querySelector(`nav a[href="#${CSS.escape(id)}"]`).click();
}"""

# The boxes around formulas that cut what is drawn outside them. One that scrolls shows the rest
# when it is scrolled. A box in a line of text cuts nothing, whatever its style says.
MARK = """() => {
  const cutting = new Set(), hidden = [];
  const look = box => {
    const {display, overflowX, overflowY} = getComputedStyle(box);
    if (display === "inline") return;
    if (overflowX !== "visible" || overflowY !== "visible") cutting.add(box);
  };
  for (const math of document.querySelectorAll("article .math")) {
    if (!math.checkVisibility()) continue;
    for (let box = math; box.tagName !== "ARTICLE"; box = box.parentElement) look(box);
    math.querySelectorAll("mjx-container").forEach(look);
  }
  for (const box of cutting) {
    const {display, overflowX} = getComputedStyle(box);
    if (box.scrollWidth > box.clientWidth + 1) {
      if (overflowX !== "auto" && overflowX !== "scroll") hidden.push(box.textContent.slice(0, 60));
      continue;
    }
    box.classList.add("may-cut");
    if (display === "block") box.classList.add("is-block");
  }
  return hidden;
}"""
# Without clipping, and with nothing moved: such a block keeps its margins inside.
UNCUT = """
html.uncut .may-cut { overflow: visible !important; }
html.uncut .is-block { display: flow-root !important; }
"""
TOPS = """() => [...document.querySelectorAll(".may-cut")]
  .map(box => box.getBoundingClientRect()).filter(box => box.height)
  .map(box => box.top + scrollY).sort((one, other) => one - other)"""
SWITCH = "on => document.documentElement.classList.toggle('uncut', on)"
AT = """([x, y]) => [...document.querySelectorAll(".may-cut")].filter(box => {
  const {left, right, top, bottom} = box.getBoundingClientRect();
  return left - 9 < x && x < right + 9 && top - 9 < y && y < bottom + 9;
}).map(box => box.textContent.slice(0, 60)).pop()"""

SIGNS = """() => [...document.querySelectorAll(".bd-header-article .btn")].map(button => {
  const sign = [...button.querySelectorAll("i, .fa-solid")].find(sign => sign.checkVisibility());
  const box = sign?.getBoundingClientRect();
  return box && (box.top + box.bottom) / 2;
}).filter(middle => middle)"""


@both_widths
@pytest.mark.parametrize("name", CHAPTERS)
def test_every_link_into_a_chapter_leads_to_its_place(
    open_page: OpenPage, name: str, width: int
) -> None:
    visit = open_page(name, width)
    sections = visit.page.evaluate(SECTIONS)
    assert len(sections) > 10
    missed = {}
    for section in sections:
        visit.page.goto("about:blank")
        visit.page.goto(f"{visit.address}/{name}.html#{section}", wait_until="load")
        missed[f"opened at {section}"] = visit.page.evaluate(PLACE, section)
    visit.page.goto("about:blank")
    visit.page.goto(f"{visit.address}/{name}.html", wait_until="load")
    for section in sections:
        visit.page.evaluate(FOLLOW, section)
        missed[f"clicked {section}"] = visit.page.evaluate(PLACE, section)
    assert {how: top for how, top in missed.items() if not 0 <= top <= 150} == {}


@both_widths
@pytest.mark.parametrize("name", [name for name in PAGES if name != "book/exercises/sheets"])
def test_no_formula_is_cut(open_page: OpenPage, name: str, width: int) -> None:
    visit = open_page(name, width)
    visit.lay_out_all()
    visit.scroll_through()
    visit.page.add_style_tag(content=UNCUT)
    assert visit.page.evaluate(MARK) == []
    assert cut_formulas(visit) == []


def cut_formulas(visit: Visit) -> list[str]:
    """Formulas of which more is seen when no box cuts."""
    page, found, seen_to = visit.page, [], 0.0
    for top in page.evaluate(TOPS):
        if top < seen_to:
            continue
        page.evaluate("top => scrollTo({top, behavior: 'instant'})", max(0, top - 80))
        seen_to = top + page.viewport_size["height"] - 200
        differs = np.abs(grey(page, cut=True) - grey(page, cut=False)) > 60
        if differs.sum() > 2:
            y, x = np.argwhere(differs)[0].tolist()
            found.append(f"{page.evaluate(AT, [x, y])} ({differs.sum()} pixels)")
    return found


def grey(page: Page, cut: bool) -> np.ndarray:
    """What the window shows, from 0 for black to 255."""
    page.evaluate(SWITCH, not cut)
    picture = Image.open(BytesIO(page.screenshot()))
    page.evaluate(SWITCH, False)
    return np.asarray(picture.convert("L")).astype(int)


@both_widths
def test_the_signs_above_the_text_stand_on_one_line(open_page: OpenPage, width: int) -> None:
    middles = open_page("book/03_jensen", width).page.evaluate(SIGNS)
    assert len(middles) > 5 and max(middles) - min(middles) < 1
