"""The book's own Sphinx extension. ``_config.yml`` names it once; its parts lie in four folders.

``directives`` has what a page may say, ``pages`` what is done to a page before it is written,
``notebooks`` what runs the chapters and writes them as notebooks, ``print`` the book as one PDF
and as a zip.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

# In this order: of two functions for one event Sphinx calls the first that was connected first.
PARTS = [
    "notebooks.execution",
    "directives.source",
    "directives.claims",
    "directives.exercises",
    "directives.museum",
    "directives.quiz",
    "pages.published",
    "pages.figures",
    "notebooks.write",
    "pages.launch",
    "pages.mathematics",
    "pages.light",
]


def code_of_pages() -> str:
    """A hash of all that changes how a page looks."""
    sources = sorted(Path(__file__).parent.glob("pages/*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def setup(app: Any) -> dict[str, Any]:
    """Set up every part."""
    # Part of the configuration, so that a change in this code rewrites all pages.
    app.add_config_value("bookext_pages", code_of_pages(), "html")
    for part in PARTS:
        import_module(f"bookext.{part}").setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 3}
