"""Figures that move, in the built page: one front end for all, and a file for what each draws.

In a notebook's output a figure carries everything itself (vaelib.widgets). A page has several. So
here the front end is served once, the still picture is an image like any other, and the file with
what the figure draws is fetched when the reader comes near.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes

from vaelib.widgets import front_end

KINDS = ["explore", "evidence", "jensen", "latent_walk"]
FRONT = re.compile(r"\n?<!-- front -->.*?<!-- /front -->", re.DOTALL)
STILL = re.compile(r'<img src="(data:image/(?:svg\+xml|png);?[^"]*)"')
DATA = '<script type="application/json" class="vaelib-drawn"'
DRAWN = re.compile(DATA + ">(.*?)</script>", re.DOTALL)


def write_front_end(app: Any) -> None:
    """figures.js and figures.css, from the library's own files."""
    script, style = front_end(*KINDS)
    static = Path(app.outdir, "_static")
    # Without the folder, a build that fails early leaves a file of its name: the theme's logo.
    static.mkdir(parents=True, exist_ok=True)
    (static / "figures.js").write_text(f"(() => {{\n{script}\nstartPage();\n}})();\n", "utf8")
    (static / "figures.css").write_text(style, "utf8")


def keep(app: Any, docname: str, content: str, suffix: str) -> str:
    """Write a part of a figure into a file named after its content.

    Returns:
        The address of the file, seen from the page.
    """
    name = f"{hashlib.sha256(content.encode()).hexdigest()[:20]}{suffix}"
    folder = Path(app.outdir, "_static", "figures")
    folder.mkdir(parents=True, exist_ok=True)
    if suffix == ".js":
        content = f'(window.vaelibDrawn ??= {{}})["{name}"] = {content};\n'
    (folder / name).write_text(content, "utf8")
    return "../" * docname.count("/") + f"_static/figures/{name}"


def lighter(app: Any, docname: str, figure: str) -> str:
    """The HTML of one figure without what the page has elsewhere."""

    def still(match: re.Match[str]) -> str:
        kind, _, data = match[1].partition(",")
        source = keep(app, docname, unquote(data), ".svg") if "svg" in kind else match[1]
        return f'<img loading="lazy" decoding="async" src="{source}"'

    def drawn(match: re.Match[str]) -> str:
        return f'{DATA} data-src="{keep(app, docname, match[1], ".js")}"></script>'

    return DRAWN.sub(drawn, STILL.sub(still, FRONT.sub("", figure), count=1))


def lighten_figures(app: Any, doctree: nodes.document, docname: str) -> None:
    """Replace each figure that moves by a lighter one."""
    for raw in list(doctree.findall(nodes.raw)):
        if 'class="vaelib-figure"' in raw.astext():
            figure = lighter(app, docname, raw.astext())
            raw.replace_self(nodes.raw("", figure, format="html", classes=raw["classes"]))


def add_front_end(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Load the script on pages with such a figure. Its style sheet is a part of book.css."""
    if 'class="vaelib-figure"' in context.get("body", ""):
        app.add_js_file("figures.js", loading_method="defer")


def setup(app: Any) -> None:
    app.connect("builder-inited", write_front_end)
    app.connect("doctree-resolved", lighten_figures)
    app.connect("html-page-context", add_front_end)
