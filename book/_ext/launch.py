"""The buttons above a page: run its notebook in Binder or Colab, download it, mend the text, report a fault.

They lead to the release, so that what runs is what the page shows. The theme would link to the source of the text,
which Colab cannot open. A page without a notebook in ``book/notebooks/`` gets no button for one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from execution import ROOT, config, pages_that_run
from notebooks import notebook_path, tag

BINDER = "https://mybinder.org/v2/gh/{slug}/{tag}?urlpath=lab/tree/{path}"
COLAB = "https://colab.research.google.com/github/{slug}/blob/{tag}/{path}"


def notebooks() -> dict[str, str]:
    """The pages that have a notebook, each with the notebook's path in the repository."""
    paths = {source: notebook_path(source) for source in pages_that_run()}
    return {
        source.relative_to(ROOT).with_suffix("").as_posix(): path.relative_to(ROOT).as_posix()
        for source, path in paths.items()
        if path.is_file()
    }


def link(url: str, text: str, tooltip: str, icon: str, label: str = "") -> dict[str, Any]:
    """A button as the theme's template takes it."""
    return {
        "type": "link",
        "url": url,
        "text": text,
        "tooltip": tooltip,
        "icon": icon,
        "label": label or None,
    }


def launchers(path: str) -> dict[str, Any]:
    """The buttons that open a notebook elsewhere."""
    place = {
        "slug": urlsplit(config()["repository"]["url"]).path.strip("/"),
        "tag": tag(),
        "path": path,
    }
    out = "fas fa-up-right-from-square"
    buttons = [
        link(
            BINDER.format(**place),
            "Binder",
            "Run in JupyterLab, on Binder",
            out,
            "launch-binder-button",
        ),
        link(COLAB.format(**place), "Colab", "Run in Google Colab", out, "launch-colab-button"),
    ]
    tooltip = "Run this page"
    return {
        "type": "group",
        "tooltip": tooltip,
        "icon": "fas fa-rocket",
        "buttons": buttons,
        "label": "launch-buttons",
    }


def rewrite(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Add the buttons of this page's notebook; and an icon for the button that mends the text."""
    groups = context.get("header_buttons", [])
    buttons = {button["label"]: button for group in groups for button in group.get("buttons", [])}
    if mend := buttons.get("source-edit-button"):
        mend["icon"] = "fas fa-pencil"
    if path := notebooks().get(pagename):
        url = context["pathto"](path, 1)
        keep = link(
            url, ".ipynb", "Download the notebook", "fas fa-file", "download-notebook-button"
        )
        next(group for group in groups if group.get("label") == "download-buttons")[
            "buttons"
        ].insert(0, keep)
        groups.insert(0, launchers(path))


def copy_notebooks(app: Any, error: Exception | None) -> None:
    """A notebook lies beside the pages, for the button that downloads it."""
    if error is None and app.builder.format == "html":
        for path in notebooks().values():
            target = Path(app.outdir, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target)


def setup(app: Any) -> dict[str, bool]:
    # Part of the configuration, so that a new version or another notebook rewrites the pages.
    app.add_config_value("launch_at", f"{tag()} {sorted(notebooks())}", "html")
    app.connect("html-page-context", rewrite, priority=900)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
