"""Three things that the theme does, put right."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def drop_thebe(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Thebe is off, yet its scripts are emitted, twice; the second is an error in the browser's console."""
    if "script_files" in context:
        context["script_files"] = [
            script
            for script in context["script_files"]
            if "thebe"
            not in f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}".lower()
        ]


def shorten_title(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """A tab says the page and the book's name; the front page's says the name and the rest of the title."""
    name, _, rest = app.config.html_title.partition(": ")
    context["docstitle"] = rest if pagename == app.config.root_doc else name


def make_static_folder(app: Any) -> None:
    """When a build fails early the theme copies its logo to a file of this name; the next build would trip on it."""
    Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", make_static_folder)
    app.connect("html-page-context", shorten_title)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
