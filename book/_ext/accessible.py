"""What the theme and the extensions leave undone for those who use a keyboard or hear the page."""

from __future__ import annotations

from bs4 import BeautifulSoup


def mend(soup: BeautifulSoup) -> None:
    pass
