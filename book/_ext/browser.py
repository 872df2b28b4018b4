"""The browser that looks at the built book: tests, the PDF and the measurements share it, and the server it asks."""

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

import yaml
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
# The path on its host that the site is published under: links that work by luck at the top of a host do not pass.
BASE = urlsplit(yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["html"]["baseurl"]).path

NAMES = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
]
# As root there is no sandbox; without a screen no GPU; and nothing that asks the network by itself.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = """\
No Chromium was found (looked for {names}, and at the variable CHROMIUM).
On Debian or Ubuntu: apt-get install chromium. Elsewhere name yours: CHROMIUM=/path/to/chrome make ..."""
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
        raise SystemExit(
            f"CHROMIUM={named}: not a program" if named else MISSING.format(names=", ".join(NAMES))
        )
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
    """Serves files as a web host does: text compressed, its own page for what is not there, no word on the terminal."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def translate_path(self, path: str) -> str:
        inside = (
            "/" + path.removeprefix(BASE) if path.startswith(BASE) else "/nothing is outside BASE"
        )
        return super().translate_path(inside)

    def send_head(self) -> BytesIO | BinaryIO | None:
        path, status = Path(self.translate_path(self.path)), 200
        if path.is_dir():
            path /= "index.html"
        if not path.is_file() and (missing := Path(self.directory, "404.html")).is_file():
            path, status = missing, 404
        if (
            path.suffix not in TEXT
            or not path.is_file()
            or "gzip" not in self.headers.get("Accept-Encoding", "")
        ):
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
    """A browser that closes a page drops its connections; that is no error to tell of."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(folder: Path = HTML) -> Iterator[str]:
    """The folder on this machine's loopback, under BASE as when published; gives the address, no slash at its end.

    Raises:
        SystemExit: the folder is not there.
    """
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder.relative_to(ROOT)} holds no built book: make book")
    server = Server(("127.0.0.1", 0), partial(Compressing, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{BASE.removesuffix('/')}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    print(executable())
    sys.exit(0)
