"""Where the book lies, and what its two files of settings say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[3]
BOOK = ROOT / "book"
STATIC = BOOK / "_static"
HTML = ROOT / "_build" / "html"
# What is made of the pages, and published beside them.
PDF = ROOT / "_build" / "pdf" / "bounding-the-evidence.pdf"
ZIP = ROOT / "_build" / "offline" / "bounding-the-evidence.zip"


@cache
def config() -> dict[str, Any]:
    """What _config.yml says, read once."""
    return yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))


def pages() -> list[Path]:
    """The sources of all pages that _toc.yml lists, in the book's order."""
    return [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml")]


def docname(source: Path) -> str:
    """What Sphinx calls a page: ``book/04_elbo``."""
    return source.relative_to(ROOT).with_suffix("").as_posix()


def require_built_book() -> None:
    """Stop with a plain sentence if the pages are not there.

    Raises:
        SystemExit: the book is not built.
    """
    if not (HTML / "book" / "index.html").is_file():
        raise SystemExit(f"{HTML.relative_to(ROOT)} holds no built book: make book")
