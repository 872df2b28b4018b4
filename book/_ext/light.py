"""Pages that load at once: one style sheet, one script that waits, icons of our own, pictures that wait.

The theme's template renders a page; what it gave is then rewritten here, before it is written. A style sheet or script
that this file does not know stays on the page as it is: the budget of requests in tests/browser notices it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import accessible
import mathematics
import published
from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.jinja2glue import BuiltinTemplateLoader

# What every page loads, in this order, in one file each.
STYLES = [
    "basic.css",
    "styles/bootstrap.css",
    "styles/pydata-sphinx-theme.css",
    "vendor/icons/icons.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "proof.css",
    "course.css",
    "figures.css",
]
SCRIPTS = [
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "togglebutton.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
    "scripts/sphinx-book-theme.js",
    "course.js",
]
# What no page needs: Font Awesome, for which there are icons.css and its fonts; Thebe, which is off; cards and tabs,
# of which the book has none; theme.css, which only imports basic.css; settings of what is not here (a switch of
# versions, an index that folds).
UNUSED = [
    "vendor/fontawesome/",
    "sphinx-thebe.",
    "sphinx-design.min.css",
    "design-tabs.js",
    "styles/theme.css",
    "DOCUMENTATION_OPTIONS.",
]
# The colours that the reader chose, or that the system has, before anything is drawn; the theme's line leaves "auto"
# for its script to resolve, and the page would be light until then.
COLOURS = """
document.documentElement.classList.add("has-scripts");
const colours = document.documentElement.dataset;
colours.mode = localStorage.getItem("mode") || "auto";
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
colours.theme = colours.mode === "auto" ? (dark ? "dark" : "light") : colours.mode;
"""
# The theme's script lays out the whole page to find what scrolls sideways; course.js is told when something does.
LAYS_OUT_ALL = '"pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon"'
# A figure within so many characters of the start may be seen at once.
FIRST_VIEW = 1500
DESCRIPTION = 155


def static_name(address: str) -> str:
    """The path of a file inside _static/, or nothing if it is not there."""
    return urlsplit(address).path.partition("_static/")[2]


def known(name: str, names: list[str]) -> bool:
    return any(Path(name).match(wanted) for wanted in names)


def one_style_sheet(soup: BeautifulSoup) -> None:
    place = None
    for link in soup.head.find_all("link"):
        name = static_name(link.get("href", ""))
        if "preload" in link["rel"] or any(part in name for part in UNUSED):
            link.decompose()
        elif "stylesheet" in link["rel"] and known(name, STYLES):
            place = place or link.insert_before(
                soup.new_tag("link", rel="stylesheet", href=bundled(link["href"], "css"))
            )
            link.decompose()


def bundled(address: str, kind: str) -> str:
    """The address of the one file, seen from the page that asks for one of its parts."""
    return f"{address.partition('_static/')[0]}_static/book.{kind}"


def scripts_that_wait(soup: BeautifulSoup) -> None:
    """Nothing holds up the text: files wait until it is there (defer), and what they read is set at its end.

    What an output of a cell brings stays as it is.
    """
    bundle = None
    for script in soup.find_all("script"):
        source, name = script.get("src", ""), static_name(script.get("src", ""))
        if "dataset.theme" in script.text:
            script.string = COLOURS
        elif written := re.fullmatch(r"\s*document\.write\(`(.*)`\);\s*", script.text, re.S):
            script.replace_with(*only_with_scripts(written[1]))
        elif any(part in name or part in script.text for part in UNUSED):
            script.decompose()
        elif known(name, SCRIPTS):
            bundle = bundle or script.insert_before(
                soup.new_tag("script", src=bundled(source, "js"), defer="")
            )
            script.decompose()
        elif source and not script.has_attr("async"):
            script["defer"] = ""
        elif not source and not in_output(script):
            soup.body.append(script.extract())


def only_with_scripts(html: str) -> list[Tag]:
    """What the theme writes by script, as HTML: without scripts course.css hides it."""
    tags = BeautifulSoup(html, "html.parser").find_all(True, recursive=False)
    for tag in tags:
        tag["class"] = [*tag.get("class", []), "only-with-scripts"]
    return tags


def in_output(tag: Tag) -> bool:
    return tag.find_parent(class_="cell_output") is not None


def pictures_that_wait(soup: BeautifulSoup) -> None:
    """Every picture has its size, so that nothing moves when it comes; those further down come when they are near."""
    read = 0
    for part in soup.article.descendants if soup.article else []:
        if not isinstance(part, Tag):
            read += len(part.strip())
        elif part.name == "img" and not part["src"].startswith("data:"):
            if size := re.search(r"width: (\d+)px; height: (\d+)px", part.get("style", "")):
                part["width"], part["height"] = size.groups()
            if read > FIRST_VIEW:
                part["loading"] = "lazy"
            part["decoding"] = "async"


def files_are_saved(soup: BeautifulSoup) -> None:
    """A browser would show a notebook or a source as a long text."""
    for link in soup.select("a.btn-download-notebook-button, a.btn-download-source-button"):
        link["download"] = ""
        del link["target"]


def one_viewport(soup: BeautifulSoup) -> None:
    for again in soup.head.select("meta[name=viewport]")[1:]:
        again.decompose()


def describe(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """What a search engine shows under the title: the page's own field, or the beginning of its first paragraph."""
    if 'name="description"' in context.get("metatags", ""):
        return
    title = context.get("title", "")
    text = f"{title}. {app.config.project}: variational autoencoders with every claim checked."
    for paragraph in doctree.findall(nodes.paragraph) if doctree else []:
        if not paragraph.next_node(nodes.math) and len(paragraph.astext()) > 40:
            text = paragraph.astext()
            break
    context["description"] = shorten(text)


def shorten(text: str) -> str:
    """Whole sentences if they fit, else whole words."""
    text = " ".join(text.split())
    if len(text) <= DESCRIPTION:
        return text
    sentence = text.rfind(". ", 60, DESCRIPTION)
    return text[: sentence + 1] if sentence > 0 else text[: text.rfind(" ", 0, DESCRIPTION)] + " …"


def add_description(soup: BeautifulSoup, description: str | None) -> None:
    if description:
        soup.title.insert_after(
            soup.new_tag("meta", attrs={"name": "description", "content": description})
        )


def fonts_of_formulas_at_once(soup: BeautifulSoup) -> None:
    """The fonts of the page's formulas are asked for with the style sheet, so that lines do not move later."""
    sheet = soup.select_one('link[rel~="stylesheet"][href*="book.css"]')
    for address in mathematics.fonts(mathematics.signs(str(soup))) if sheet else []:
        href = sheet["href"].partition("book.css")[0] + address
        font = {
            "rel": "preload",
            "as": "font",
            "type": "font/woff",
            "crossorigin": "",
            "href": href,
        }
        sheet.insert_before(soup.new_tag("link", attrs=font))


def rewrite(html: str, description: str | None = None, absolute: str | None = None) -> str:
    """A page as the theme rendered it, made light and accessible; and to be shown at any address, if need be."""
    soup = BeautifulSoup(html, "html.parser")
    one_viewport(soup)
    add_description(soup, description)
    one_style_sheet(soup)
    fonts_of_formulas_at_once(soup)
    soup.html["data-theme"] = "light"  # where no script runs
    scripts_that_wait(soup)
    pictures_that_wait(soup)
    files_are_saved(soup)
    accessible.mend(soup)
    if absolute:
        published.make_absolute(soup, absolute)
    return str(soup)


class Templates(BuiltinTemplateLoader):
    """Sphinx's own way to render a page, and what is done to it afterwards."""

    def render(self, template: str, context: dict[str, Any]) -> str:
        html = super().render(template, context)
        return (
            rewrite(html, context.get("description"), context.get("absolute"))
            if "</html>" in html
            else html
        )


def parts(static: Path, names: list[str]) -> list[Path]:
    """The files of a bundle.

    Raises:
        FileNotFoundError: the theme or an extension has one of them no more.
    """
    found = []
    for name in names:
        if not (files := sorted(static.glob(name))):
            raise FileNotFoundError(
                f"_static/{name} is in a bundle of book/_ext/light.py, and no extension brings it"
            )
        found += files
    return found


def style_sheet(static: Path, pages: list[Path]) -> str:
    """All rules that pages need: the theme's, ours, and those of the formulas on them."""
    sheets = [path.read_text("utf8") for path in parts(static, STYLES)]
    used = set().union(*(mathematics.signs(page.read_text("utf8")) for page in pages))
    text = "\n".join([*sheets, mathematics.styles(used)])
    return re.sub(r"/\*# sourceMappingURL.*?\*/|@charset[^;]*;", "", text)


def one_script(static: Path) -> str:
    """All scripts that pages need.

    Raises:
        ValueError: the theme's script is not the one that is known here.
    """
    text = ";\n".join(path.read_text("utf8") for path in parts(static, SCRIPTS))
    if text.count(LAYS_OUT_ALL) != 1:
        raise ValueError(
            f"pydata-sphinx-theme.js has no {LAYS_OUT_ALL}: see what it does now, and amend light.py"
        )
    return re.sub(
        r"^//# sourceMappingURL.*$", "", text.replace(LAYS_OUT_ALL, '"#nothing"'), flags=re.M
    )


def bundle(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        (static / "book.css").write_text(
            style_sheet(static, list(Path(app.outdir).rglob("*.html"))), "utf8"
        )
        (static / "book.js").write_text(one_script(static), "utf8")


def setup(app: Any) -> dict[str, bool]:
    app.connect(
        "config-inited", lambda _, config: setattr(config, "template_bridge", "light.Templates")
    )
    # Part of the configuration, so that a change in what rewrites pages rewrites all of them.
    code = b"".join(
        Path(module.__file__).read_bytes()
        for module in (accessible, mathematics, sys.modules[__name__])
    )
    app.add_config_value("light_code", hashlib.sha256(code).hexdigest(), "html")
    app.connect("html-page-context", describe)
    app.connect(
        "build-finished", bundle, priority=900
    )  # the theme writes its colours of code there, too
    return {"parallel_read_safe": True, "parallel_write_safe": True}
