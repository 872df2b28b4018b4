"""Every page in a real browser: nothing is missing or asked elsewhere, it is light, and everyone can use it."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from conftest import CHAPTERS, MADE, PAGES

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text("utf8")
# Kilobytes of the first view, as they are sent, and how many requests. `make pages` measures them.
BUDGET = 400_000
REQUESTS = 22
# What is inside a formula has the colour of the text; a chapter has ten thousand such elements, a minute's work for axe.
RUN_AXE = "axe.run({exclude: [['mjx-math'], ['mjx-assistive-mml']]}, {resultTypes: ['violations']})"

each_page = pytest.mark.parametrize("name", [*PAGES, *MADE])


@each_page
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_shut_out(open_page, name: str, width: int) -> None:
    """axe finds nothing, in the light and in the dark; the page is no wider than the screen."""
    page = open_page(name, width=width).page
    page.evaluate(AXE)
    for theme in ("light", "dark"):
        page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
        found = page.evaluate(RUN_AXE)["violations"]
        told = [
            f"{fault['id']}: {fault['nodes'][0]['html'][:120]} {fault['nodes'][0]['failureSummary']}" for fault in found
        ]
        assert not told, f"{theme}: {told}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@each_page
def test_the_first_view_is_light(open_page, name: str) -> None:
    visit = open_page(name)
    visit.page.wait_for_load_state("networkidle")
    sizes = visit.transferred()
    assert sum(sizes.values()) <= BUDGET, sizes
    assert len(sizes) <= REQUESTS, sorted(sizes)


@each_page
def test_all_comes_and_nothing_from_elsewhere(open_page, name: str) -> None:
    """open_page looks after complaints of the console, requests that fail and requests that go elsewhere."""
    visit = open_page(name)
    visit.scroll_through()
    broken = (
        "[...document.images].filter(image => image.checkVisibility() && !image.naturalWidth).map(image => image.src)"
    )
    assert visit.page.evaluate(broken) == []
    unset = (
        "[...document.querySelectorAll('.math:not(:has(> mjx-container)), mjx-merror')].map(math => math.textContent)"
    )
    assert visit.page.evaluate(unset) == []
    for gone in ("fontawesome", "require", "thebe", "html-manager"):
        assert not visit.page.locator(f"script[src*={gone}], link[href*={gone}]").count()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_can_be_read_without_scripts(open_page, name: str) -> None:
    page = open_page(name, java_script_enabled=False).page
    assert page.locator("article h1").is_visible() and page.locator("article mjx-container").first.is_visible()
    assert page.locator("html").get_attribute("data-theme") == "light"


@pytest.mark.parametrize("name", [*PAGES, *MADE])
def test_a_search_engine_is_told_what_it_is(open_page, name: str) -> None:
    description = open_page(name).page.locator("meta[name=description]")
    assert description.count() == 1 and 20 < len(description.get_attribute("content")) <= 160


def test_pictures_have_their_size_before_they_come(open_page) -> None:
    images = open_page("book/05_iwae", java_script_enabled=False).page.locator("article img").all()
    assert images and all(image.get_attribute("width") and image.get_attribute("height") for image in images)
    waiting = [image for image in images if image.get_attribute("loading") == "lazy"]
    assert len(waiting) >= len(images) - 2


def test_the_keyboard_reaches_everything(open_page) -> None:
    """Tab goes through links, buttons and sliders, each visibly; the skip link comes first."""
    page = open_page("book/03_jensen").page
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.textContent.trim()")
    assert first == "Skip to main content"
    seen = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        kind, shown = page.evaluate(
            """() => {
                const at = document.activeElement;
                const near = [at, at.parentElement ?? at].map(e => getComputedStyle(e));
                const visible = near.some(style => style.outlineStyle !== "none" || style.boxShadow !== "none");
                return [at.matches("input[type=range]") ? "slider" : at.tagName, visible];
            }"""
        )
        seen.add(kind)
        assert shown or kind == "BODY", page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if kind == "BODY":
            break
    assert {"A", "BUTTON", "SUMMARY", "slider"} <= seen


def test_search_opens_by_key_and_closes_with_escape(open_page) -> None:
    page = open_page("book/index").page
    page.keyboard.press("Control+k")
    box = page.locator("input[type=search]").first
    assert box.is_visible()
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")


def test_the_reader_chooses_the_theme(open_page) -> None:
    page = open_page("book/index").page
    for _ in range(3):
        page.locator("button.theme-switch-button").first.click()
    assert page.evaluate("document.documentElement.dataset.mode") in ("auto", "light", "dark")
    page.evaluate("localStorage.setItem('mode', 'dark')")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_link_to_an_equation_leads_there(open_page) -> None:
    page = open_page("book/05_iwae#equation-eq-iwae-rate").page
    page.wait_for_function(
        "Math.abs(document.getElementById('equation-eq-iwae-rate').getBoundingClientRect().top) < 250"
    )


def test_print_has_all_mathematics(open_page) -> None:
    page = open_page("book/04_elbo").page
    page.emulate_media(media="print")
    assert page.evaluate(
        "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-math'))"
    )
