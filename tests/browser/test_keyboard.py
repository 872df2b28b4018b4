"""Everything by keyboard: each control is reached, dialogs open and close, colours change."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import OpenPage

# What has the focus now (null at the end of the page), whether it is in view and marked.
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  element.dataset.reached = "";
  for (const moving of document.getAnimations()) moving.finish();
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
  const marks = outlined || style.boxShadow !== "none";
  const inHeight = box.bottom > 0 && box.top < innerHeight;
  const inWidth = box.width > 0 && box.right > 0 && box.left < innerWidth;
  const inside = inHeight && inWidth;
  return {html: element.outerHTML.slice(0, 120), seen: inside && marks, inside, marks};
}"""
MISSED = """() => {
  const controls = "a[href], button, input, select, summary, [tabindex='0']";
  const visible = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true});
  return [...document.querySelectorAll(controls)]
    .filter(e => visible(e) && !e.disabled && e.tabIndex >= 0 && !("reached" in e.dataset))
    .map(e => e.outerHTML.slice(0, 120));
}"""
VIEWS = [("book/index", 1280), ("book/index", 390), ("book/03_jensen", 1280), ("search", 390)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name, width", VIEWS)
def test_every_control_is_reached_and_seen(
    open_page: OpenPage, name: str, width: int, theme: str
) -> None:
    visit = open_page(name, width, theme)
    visit.scroll_through()  # figures that move get their controls as a reader comes near
    page = visit.page
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")
    unseen = []
    for _ in range(1000):
        page.keyboard.press("Tab")
        if (focus := page.evaluate(FOCUS)) is None:
            break
        if not focus["seen"]:
            unseen.append(focus)
    assert unseen == []
    assert page.evaluate(MISSED) == []


def test_the_first_control_skips_to_the_text(open_page: OpenPage) -> None:
    page = open_page("book/04_elbo").page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    focus = page.locator(":focus")
    assert focus.inner_text() == "Skip to main content" and focus.is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#main-content') !== null")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_opens_finds_and_closes(open_page: OpenPage, width: int) -> None:
    page = open_page("book/04_elbo", width).page
    page.keyboard.press("Control+k")
    field = page.locator(".search-button__wrapper.show input")
    assert field.is_visible() and field.evaluate("e => e === document.activeElement")
    page.keyboard.press("Escape")
    assert page.locator(".search-button__wrapper.show").count() == 0
    page.keyboard.press("Control+k")
    page.keyboard.type("jensen")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li").count() > 3


def test_the_colours_change_and_stay(open_page: OpenPage) -> None:
    page = open_page("book/index", theme="dark").page
    modes = []
    for _ in range(3):
        button = page.locator(".theme-switch-button:visible")
        assert button.locator("i:visible").count() == 1
        button.focus()
        page.keyboard.press("Enter")
        modes.append(page.evaluate("({...document.documentElement.dataset})"))
        page.reload()
        assert page.evaluate("({...document.documentElement.dataset}).theme") == modes[-1]["theme"]
    assert {mode["mode"] for mode in modes} == {"auto", "light", "dark"}
    assert all(mode["theme"] == mode["mode"] for mode in modes if mode["mode"] != "auto")


def test_the_list_of_chapters_opens_on_a_phone(open_page: OpenPage) -> None:
    page = open_page("book/index", 390).page
    link = page.locator(".bd-sidebar-primary a", has_text="Proxies").first
    assert not link.is_visible() or link.bounding_box()["x"] + link.bounding_box()["width"] <= 0
    page.locator("button.primary-toggle").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert 0 <= link.bounding_box()["x"] < 390
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/02_proxies.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_menu_of_places_to_run_a_page_opens_and_is_accessible(
    open_page: OpenPage, width: int, theme: str
) -> None:
    page = open_page("book/03_jensen", width, theme).page
    page.get_by_role("button", name="Run this page").focus()
    page.keyboard.press("Enter")
    seen = []
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        seen.append(page.evaluate("document.activeElement.innerText.trim()"))
    menu = page.locator(".dropdown-launch-buttons .dropdown-menu")
    assert seen == ["Binder", "Colab"] and menu.is_visible()
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context=".article-header-buttons", options=options)
    assert [violation["id"] for violation in found.response["violations"]] == []
    page.keyboard.press("Escape")
    assert not menu.is_visible()
