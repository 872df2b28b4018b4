"""How the published site answers an address that leads nowhere: at any depth, with a way back."""

from __future__ import annotations

import pytest
from conftest import OpenPage


@pytest.mark.parametrize("name", ["nothing", "book/nothing", "book/one/two/three/nothing"])
def test_what_is_not_there_is_answered_by_a_page_that_leads_on(
    open_page: OpenPage, name: str
) -> None:
    visit = open_page(name)
    page = visit.page
    assert page.locator("article h1").inner_text() == "Page not found"
    # The answer is what it says, a 404, of which the console tells; nothing else is wrong.
    assert len(visit.complaints) == 2 and all("404" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
    page.keyboard.press("Control+k")
    page.keyboard.type("jensen")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    page.go_back()
    visit.complaints.clear()
    page.locator("article a", has_text="The front page").click()
    page.wait_for_url(f"{visit.address}/book/index.html")
    page.go_back()
    visit.complaints.clear()
    page.locator(".bd-sidebar-primary a", has_text="Proxies").first.click()
    page.wait_for_url(f"{visit.address}/book/02_proxies.html")


def test_the_site_itself_leads_to_the_front_page(open_page: OpenPage) -> None:
    visit = open_page("index")
    visit.page.wait_for_url(f"{visit.address}/book/index.html")
