"""What the theme and the extensions leave undone for those who use a keyboard or hear the page."""

from __future__ import annotations

from bs4 import BeautifulSoup


def mend(soup: BeautifulSoup) -> None:
    """Mend a page before it is written. Colours are course.css's work, and what scrolls that of course.js."""
    name_the_logo(soup)
    plain_bibliography(soup)
    one_of_each_id(soup)


def name_the_logo(soup: BeautifulSoup) -> None:
    """The logo leads to the front page; it belongs to a landmark, as all that is on a page."""
    for logo in soup.select("div.sidebar-primary-item:has(> a.navbar-brand)"):
        logo.name = "nav"
        logo["aria-label"] = "Front page"
        for image in logo.select("img"):
            image["alt"] = ""  # the name stands beside it


def plain_bibliography(soup: BeautifulSoup) -> None:
    """docutils gives works a role that is deprecated, inside a list that is none."""
    for tag in soup.select("[role=doc-biblioentry], div.citation-list[role=list]"):
        del tag["role"]


def one_of_each_id(soup: BeautifulSoup) -> None:
    """sphinx-proof names the content of every box alike."""
    for box in soup.select("[id=proof-content]"):
        del box["id"]
