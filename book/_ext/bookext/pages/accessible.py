"""What the theme and the extensions leave undone for those who use a keyboard or hear the page."""

from __future__ import annotations

from bs4 import BeautifulSoup


def silence_icons(soup: BeautifulSoup) -> None:
    """An icon says nothing to a screen reader."""
    for icon in soup.select("i[class*=fa-]"):
        icon["aria-hidden"] = "true"


def name_buttons(soup: BeautifulSoup) -> None:
    """A button is called what it shows; the keys of "Search Ctrl+K" are no part of its name."""
    for summary in soup.select("summary[aria-label]"):
        del summary["aria-label"]
    for button in soup.select("button.search-button-field"):
        button["aria-keyshortcuts"] = "Control+K"
        for keys in button.select(".search-button__kbd-shortcut"):
            keys["aria-hidden"] = "true"


def name_arrows(soup: BeautifulSoup) -> None:
    """In the list of pages an arrow unfolds the pages below another one, and has no name."""
    for toggle in soup.select("summary > .toctree-toggle"):
        name = soup.new_tag("span", attrs={"class": "visually-hidden"})
        name.string = f"Pages below {toggle.find_parent('li').a.get_text(strip=True)}"
        toggle.parent.append(name)


def name_the_side_bar(soup: BeautifulSoup) -> None:
    """The book's name, the search and the list of chapters are in one landmark."""
    for bar in soup.select(".bd-sidebar-primary"):
        bar["role"], bar["aria-label"] = "navigation", "Book"


def drop_wrong_roles(soup: BeautifulSoup) -> None:
    """The bibliography has deprecated roles, and the role of a list though it holds more."""
    for tag in soup.select("[role=doc-biblioentry], .citation-list[role=list]"):
        del tag["role"]


def keep_first_ids(soup: BeautifulSoup) -> None:
    """All theorems share an id, and so do all exercises; a link leads to the first as before."""
    given = set()
    for tag in soup.find_all(id=True):
        if tag["id"] in given:
            del tag["id"]
        else:
            given.add(tag["id"])


def mend(soup: BeautifulSoup) -> None:
    """Mend all of these on one page."""
    silence_icons(soup)
    name_buttons(soup)
    name_arrows(soup)
    name_the_side_bar(soup)
    drop_wrong_roles(soup)
    keep_first_ids(soup)
