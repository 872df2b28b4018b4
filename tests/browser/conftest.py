"""The built book in a browser: the fixture `open_page`. `make test-browser` runs these tests.

Without a browser or a built book nothing runs, and pytest says why and exits with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from bookext import browser as browser_of_the_book
from bookext.book import docname, pages

HEIGHTS = {1280: 900, 390: 844}
PAGES = [docname(source) for source in pages()]
# What Sphinx adds by itself, and what a server shows in place of a page that is not there.
MADE = ["genindex", "py-modindex", "prf-prf", "search", "404"]
CHAPTERS = [name for name in PAGES if name.startswith("book/0")]

SCROLL = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo({top: y, behavior: "instant"});
    await new Promise(requestAnimationFrame);
  }
  const seen = [...document.images].filter((image) => image.checkVisibility());
  await Promise.all(seen.map((image) => image.decode()));
  scrollTo({top: 0, behavior: "instant"});
}"""


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
        """The browser gives up a picture that changes before it has come; that is no fault."""
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
        transferred = {}
        for response in self.responses:
            size = response.request.sizes()
            url = response.url.removeprefix(self.address)
            transferred[url] = size["responseBodySize"] + size["responseHeadersSize"]
        return transferred

    def lay_out_all(self) -> None:
        """Lay out sections out of sight, too, which course.css does not; axe would guess."""
        style = "article section { content-visibility: visible !important; }"
        self.page.add_style_tag(content=style)

    def scroll_through(self) -> None:
        """Down to the end, as a reader does, so that everything that waits has come."""
        self.page.evaluate(SCROLL)


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

    ``visit.page`` is Playwright's page, loaded. ``visit.complaints`` holds what has gone wrong so
    far: errors and warnings of the console, errors of scripts, requests that failed or went
    elsewhere. It must be empty at the end of the test. ``visit.transferred()`` says how many bytes
    came, for each address. Further arguments go to Playwright's ``new_context``, such as
    ``has_touch=True``. Each page has its own context: no cache, no stored setting.
    """
    opened: list[tuple[BrowserContext, Visit]] = []

    def visit(name: str, width: int = 1280, theme: str = "light", **settings: object) -> Visit:
        size = {"width": width, "height": HEIGHTS[width]}
        shown = {"viewport": size, "color_scheme": theme, "reduced_motion": "reduce"}
        context = chromium.new_context(**shown, **settings)
        found = Visit(context.new_page(), address)
        opened.append((context, found))
        found.watch()
        name, _, anchor = name.partition("#")
        place = f"#{anchor}" if anchor else ""
        found.page.goto(f"{address}/{name}.html{place}", wait_until="load")
        return found

    yield visit
    complaints = [complaint for _, found in opened for complaint in found.complaints]
    for context, _ in opened:
        context.close()
    assert not complaints
