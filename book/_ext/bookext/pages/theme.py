"""Three faults of the theme, mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def drop_thebe(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Thebe is off, yet the theme loads its scripts twice, and the second is an error."""
    if "script_files" in context:
        context["script_files"] = [
            script for script in context["script_files"] if not is_of_thebe(script)
        ]


def is_of_thebe(script: Any) -> bool:
    """Whether a script file belongs to Thebe."""
    said = f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"
    return "thebe" in said.lower()


def shorten_title(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """A tab shows the page and the book's name; the front page shows the name and the subtitle."""
    name, _, rest = app.config.html_title.partition(": ")
    context["docstitle"] = rest if pagename == app.config.root_doc else name


def make_static_folder(app: Any) -> None:
    """Without the folder, a build that fails early leaves a file of its name: the theme's logo."""
    Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)


def setup(app: Any) -> None:
    app.connect("builder-inited", make_static_folder)
    app.connect("html-page-context", shorten_title)
    app.connect("html-page-context", drop_thebe, priority=900)
