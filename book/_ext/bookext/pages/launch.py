"""The buttons above a page: run its notebook in Binder or Colab, download it, mend the text.

They lead to the release, so that what runs is what the page shows. The theme would link to the
source of the text, which Colab cannot open. A page without a notebook in ``book/notebooks/`` gets
no such button.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bookext.book import ROOT, config, docname
from bookext.notebooks.execution import pages_that_run
from bookext.notebooks.write import notebook_path, tag

BINDER = "https://mybinder.org/v2/gh/{slug}/{tag}?urlpath=lab/tree/{path}"
COLAB = "https://colab.research.google.com/github/{slug}/blob/{tag}/{path}"


@cache
def notebooks() -> dict[str, str]:
    """The pages that have a notebook, each with the notebook's path in the repository."""
    paths = {docname(source): notebook_path(source) for source in pages_that_run()}
    found = {name: path for name, path in paths.items() if path.is_file()}
    return {name: path.relative_to(ROOT).as_posix() for name, path in found.items()}


def link(name: str, url: str, text: str, tooltip: str, icon: str) -> dict[str, Any]:
    """A button as the theme's template takes it."""
    button = {"type": "link", "url": url, "text": text, "tooltip": tooltip}
    return button | {"icon": f"fas fa-{icon}", "label": f"{name}-button"}


def launchers(path: str) -> dict[str, Any]:
    """The buttons that open a notebook elsewhere."""
    slug = urlsplit(config()["repository"]["url"]).path.strip("/")
    binder = BINDER.format(slug=slug, tag=tag(), path=path)
    colab = COLAB.format(slug=slug, tag=tag(), path=path)
    out = "up-right-from-square"
    buttons = [
        link("launch-binder", binder, "Binder", "Run in JupyterLab, on Binder", out),
        link("launch-colab", colab, "Colab", "Run in Google Colab", out),
    ]
    group = {"type": "group", "tooltip": "Run this page", "icon": "fas fa-rocket"}
    return group | {"buttons": buttons, "label": "launch-buttons"}


def rewrite(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Add the buttons of this page's notebook, and an icon for the button that mends the text."""
    groups = context.get("header_buttons", [])
    buttons = {button["label"]: button for group in groups for button in group.get("buttons", [])}
    if mend := buttons.get("source-edit-button"):
        mend["icon"] = "fas fa-pencil"
    if path := notebooks().get(pagename):
        downloads = next(group for group in groups if group.get("label") == "download-buttons")
        address, tooltip = context["pathto"](path, 1), "Download the notebook"
        keep = link("download-notebook", address, ".ipynb", tooltip, "file")
        downloads["buttons"].insert(0, keep)
        groups.insert(0, launchers(path))


def copy_notebooks(app: Any, error: Exception | None) -> None:
    """Put the notebooks beside the pages, for the button that downloads one."""
    if error is None and app.builder.format == "html":
        for path in notebooks().values():
            target = Path(app.outdir, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target)


def setup(app: Any) -> None:
    # Part of the configuration, so that a new version or another notebook rewrites the pages.
    app.add_config_value("launch_at", f"{tag()} {sorted(notebooks())}", "html")
    app.connect("html-page-context", rewrite, priority=900)
    app.connect("build-finished", copy_notebooks)
