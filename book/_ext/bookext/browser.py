"""The browser that opens the built book, and the server that it asks."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import BinaryIO
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from bookext.book import HTML, config, require_built_book

# The path on its host that the site is published under. At the top of a host, wrong links may work.
BASE = urlsplit(config()["html"]["baseurl"]).path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
NAMES += ["chrome", "msedge"]
# Root has no sandbox, a machine without a screen no GPU; and the browser must not use the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
MISSING = """\
No Chromium was found (looked for {names}, and at the variable CHROMIUM).
On Debian or Ubuntu: apt-get install chromium.
Elsewhere name yours: CHROMIUM=/path/to/chrome make ..."""
# What a web server compresses: text, not pictures or fonts.
TEXT = {".html", ".css", ".js", ".svg", ".json", ".txt", ".xml", ".inv"}


def executable() -> str:
    """The Chromium of this machine.

    Raises:
        SystemExit: there is none; the message says what to install.
    """
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = MISSING.format(names=", ".join(NAMES))
        raise SystemExit(f"CHROMIUM={named}: not a program" if named else missing)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Compressing(SimpleHTTPRequestHandler):
    """Serves files as a web host does: text compressed, and a page for what is not there."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def translate_path(self, path: str) -> str:
        if not path.startswith(BASE):
            return super().translate_path("/nothing is outside BASE")
        return super().translate_path("/" + path.removeprefix(BASE))

    def send_head(self) -> BytesIO | BinaryIO | None:
        path, status = Path(self.translate_path(self.path)), 200
        if path.is_dir():
            path /= "index.html"
        if not path.is_file() and (missing := Path(self.directory, "404.html")).is_file():
            path, status = missing, 404
        compresses = "gzip" in self.headers.get("Accept-Encoding", "")
        if not compresses or path.suffix not in TEXT or not path.is_file():
            return super().send_head()
        body = gzip.compress(path.read_bytes(), 6)
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        return BytesIO(body)


class Server(ThreadingHTTPServer):
    """It is no error that a browser drops its connections when it closes a page."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve() -> Iterator[str]:
    """The built book on this machine's loopback, under BASE as when published.

    Yields:
        The address, without a slash at its end.

    Raises:
        SystemExit: the book is not built.
    """
    require_built_book()
    server = Server(("127.0.0.1", 0), partial(Compressing, directory=str(HTML)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{BASE.removesuffix('/')}"
    finally:
        server.shutdown()
        server.server_close()


def complaints_of(tab: Page) -> list[str]:
    """A list that grows by each error in the tab's console."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    tab.on("console", hear)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
