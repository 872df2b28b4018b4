"""The built book in a browser. `open_page` is what tests here are made of; `make test-browser` runs them.

Without a browser, or without a built book, nothing runs, and pytest says why and exits with an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))

import browser as browser_of_the_book
from execution import ROOT
from sphinx_external_toc.parsing import parse_toc_yaml

HEIGHTS = {1280: 900, 390: 844}
PAGES = [Path(name).with_suffix("").as_posix() for name in parse_toc_yaml(ROOT / "_toc.yml")]
# What Sphinx adds by itself, and what a server shows in place of a page that is not there.
MADE = ["genindex", "py-modindex", "prf-prf", "search", "404"]
CHAPTERS = [name for name in PAGES if name.startswith("book/0")]


def pytest_configure(config: pytest.Config) -> None:
    """Say at once what is missing."""
    try:
        browser_of_the_book.executable()
        with browser_of_the_book.serve():
            pass
    except SystemExit as missing:
        pytest.exit(str(missing), returncode=4)


@dataclass
class Visit:
    """A page that was opened, and what it asked for and complained of since."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("requestfailed", self.miss)
        self.page.on("request", self.follow)
        self.page.on("response", self.receive)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def miss(self, request: Request) -> None:
        """What the browser itself gave up, since the picture changed before it had come, is no fault."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url}")

    def follow(self, request: Request) -> None:
        if not request.url.startswith((self.address + "/", "data:", "blob:")):
            self.complaints.append(f"asked elsewhere: {request.url}")

    def receive(self, response: Response) -> None:
        if response.url.startswith(self.address):
            self.responses.append(response)
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def transferred(self) -> dict[str, int]:
        """Bytes of each answer as they were sent, headers and all."""
        sizes = {
            response.url.removeprefix(self.address): response.request.sizes()
            for response in self.responses
        }
        return {
            url: size["responseBodySize"] + size["responseHeadersSize"]
            for url, size in sizes.items()
        }

    def lay_out_all(self) -> None:
        """Sections out of sight too: until they come near, course.css leaves them, and axe guesses where they are."""
        self.page.add_style_tag(
            content="article section { content-visibility: visible !important; }"
        )

    def scroll_through(self) -> None:
        """Down to the end, as a reader does, so that everything that waits has come."""
        self.page.evaluate(
            """async () => {
                for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
                    scrollTo({top: y, behavior: "instant"});
                    await new Promise(requestAnimationFrame);
                }
                await Promise.all([...document.images].filter(i => i.checkVisibility()).map(i => i.decode()));
                scrollTo({top: 0, behavior: "instant"});
            }"""
        )


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the built book is served, without a slash at its end."""
    with browser_of_the_book.serve() as site:
        yield site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser_of_the_book.chromium() as browser:
        yield browser


OpenPage = Callable[..., Visit]


@pytest.fixture
def open_page(chromium: Browser, address: str) -> Iterator[OpenPage]:
    """Opens a page of the book: ``visit = open_page("book/04_elbo", width=390, theme="dark")``.

    ``visit.page`` is Playwright's page, loaded. ``visit.complaints`` holds whatever has gone wrong on it up to now:
    errors and warnings of the console, errors of scripts, requests that failed or went elsewhere. At the end of the
    test it must be empty, which this fixture looks after. ``visit.transferred()`` says how many bytes came, for each
    address. Further arguments go to Playwright's ``new_context`` (``java_script_enabled=False``, ``has_touch=True``).
    Each page has its own context: no cache, no stored setting.
    """
    opened: list[tuple[BrowserContext, Visit]] = []

    def visit(name: str, width: int = 1280, theme: str = "light", **settings: object) -> Visit:
        size = {"width": width, "height": HEIGHTS[width]}
        context = chromium.new_context(
            viewport=size, color_scheme=theme, reduced_motion="reduce", **settings
        )
        found = Visit(context.new_page(), address)
        opened.append((context, found))
        found.watch()
        name, _, anchor = name.partition("#")
        found.page.goto(
            f"{address}/{name}.html" + (f"#{anchor}" if anchor else ""), wait_until="load"
        )
        return found

    yield visit
    complaints = [complaint for _, found in opened for complaint in found.complaints]
    for context, _ in opened:
        context.close()
    assert not complaints
