"""What the theme and the extensions leave undone for those who use a keyboard or hear the page."""

from __future__ import annotations

from bs4 import BeautifulSoup


def icons_are_silent(soup: BeautifulSoup) -> None:
    for icon in soup.select("i[class*=fa-]"):
        icon["aria-hidden"] = "true"


def buttons_are_called_what_they_show(soup: BeautifulSoup) -> None:
    """The field that opens the search shows "Search Ctrl+K", of which the keys are no part of its name; what opens a
    cell says "Show the code", and is not to be called something else.
    """
    for summary in soup.select("summary[aria-label]"):
        del summary["aria-label"]
    for button in soup.select("button.search-button-field"):
        button["aria-keyshortcuts"] = "Control+K"
        for keys in button.select(".search-button__kbd-shortcut"):
            keys["aria-hidden"] = "true"


def what_unfolds_a_list_is_called_after_it(soup: BeautifulSoup) -> None:
    """In the list of pages an arrow unfolds the pages below another one; it shows a sign and says nothing."""
    for toggle in soup.select("summary > .toctree-toggle"):
        name = soup.new_tag("span", attrs={"class": "visually-hidden"})
        name.string = f"Pages below {toggle.find_parent('li').a.get_text(strip=True)}"
        toggle.parent.append(name)


def all_is_in_a_landmark(soup: BeautifulSoup) -> None:
    """The book's name and the search stand beside the list of chapters, in the same bar."""
    for bar in soup.select(".bd-sidebar-primary"):
        bar["role"], bar["aria-label"] = "navigation", "Book"


def roles_are_those_that_are_meant(soup: BeautifulSoup) -> None:
    """Works in the bibliography have roles that are deprecated, in a list that holds more than its items."""
    for tag in soup.select("[role=doc-biblioentry], .citation-list[role=list]"):
        del tag["role"]


def an_id_is_given_once(soup: BeautifulSoup) -> None:
    """Every theorem calls its inside by one id, and so does every exercise; links lead to the first as they did."""
    given = set()
    for tag in soup.find_all(id=True):
        if tag["id"] in given:
            del tag["id"]
        else:
            given.add(tag["id"])


def mend(soup: BeautifulSoup) -> None:
    """All of these, on one page."""
    icons_are_silent(soup)
    buttons_are_called_what_they_show(soup)
    what_unfolds_a_list_is_called_after_it(soup)
    all_is_in_a_landmark(soup)
    roles_are_those_that_are_meant(soup)
    an_id_is_given_once(soup)
