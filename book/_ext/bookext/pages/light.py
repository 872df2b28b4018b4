"""Pages that load at once: one style sheet, one deferred script, our own icons, lazy pictures.

The theme's template renders a page, and the page is rewritten here before it is written to its
file. A style sheet or script that this module does not know stays on the page: the budget of
requests in tests/browser notices it.
"""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.jinja2glue import BuiltinTemplateLoader

from bookext.pages import accessible, mathematics

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
# What no page needs: Font Awesome, since icons.css has the few icons; Thebe, which is off; cards
# and tabs, which the book does not use; theme.css, which only imports basic.css; settings of a
# switch of versions and of a folding index, which are not here.
UNUSED = [
    "vendor/fontawesome/",
    "thebe",
    "sphinx-design.min.css",
    "design-tabs.js",
    "styles/theme.css",
    "DOCUMENTATION_OPTIONS.",
]
# Before anything is drawn: the colours that the reader chose, or that the system has (the theme
# would resolve "auto" in its script, and the page would be light until that script runs), and
# whether a link leads into the page, which must be laid out whole then (see course.css).
COLOURS = """
document.documentElement.classList.add("has-scripts");
if (location.hash) document.documentElement.classList.add("all-laid-out");
const colours = document.documentElement.dataset;
colours.mode = localStorage.getItem("mode") || "auto";
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
colours.theme = colours.mode === "auto" ? (dark ? "dark" : "light") : colours.mode;
"""
# The theme's script lays out the whole page to find what scrolls sideways; course.js is told of it.
LAYS_OUT_ALL = '"pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon"'
# A picture after so many characters is not seen at once.
FIRST_VIEW = 1500
# So many characters of a description are shown by a search engine.
DESCRIPTION = 155
OWN_DESCRIPTION = re.compile(r'<meta content="([^"]*)" name="description"')


def static_name(address: str) -> str:
    """The path of a file inside _static/, or nothing if it is not there."""
    return urlsplit(address).path.partition("_static/")[2]


def known(name: str, names: list[str]) -> bool:
    return any(Path(name).match(wanted) for wanted in names)


def bundle_styles(soup: BeautifulSoup) -> None:
    """One link in place of those to the known style sheets."""
    place = None
    for link in soup.head.find_all("link"):
        name = static_name(link.get("href", ""))
        if "preload" in link["rel"] or any(part in name for part in UNUSED):
            link.decompose()
        elif "stylesheet" in link["rel"] and known(name, STYLES):
            one = soup.new_tag("link", rel="stylesheet", href=bundled(link["href"], "css"))
            place = place or link.insert_before(one)
            link.decompose()


def bundled(address: str, kind: str) -> str:
    """The address of the one file, seen from the page that asks for one of its parts."""
    return f"{address.partition('_static/')[0]}_static/book.{kind}"


def defer_scripts(soup: BeautifulSoup) -> None:
    """No script holds up the text: files are deferred, and their settings stand at the page's end.

    A script in the output of a cell stays as it is.
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
            one = soup.new_tag("script", src=bundled(source, "js"), defer="")
            bundle = bundle or script.insert_before(one)
            script.decompose()
        elif source and not script.has_attr("async"):
            script["defer"] = ""
        elif not source and not script.find_parent(class_="cell_output"):
            soup.body.append(script.extract())


def only_with_scripts(html: str) -> list[Tag]:
    """What the theme writes by script, as HTML that course.css hides where no script runs."""
    tags = BeautifulSoup(html, "html.parser").find_all(True, recursive=False)
    for tag in tags:
        tag["class"] = [*tag.get("class", []), "only-with-scripts"]
    return tags


def defer_pictures(soup: BeautifulSoup) -> None:
    """Give every picture its size, so that nothing moves, and load later ones lazily."""
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


def save_downloads(soup: BeautifulSoup) -> None:
    """A link to a notebook or a source saves it. A browser would show it as a long text."""
    for link in soup.select("a.btn-download-notebook-button, a.btn-download-source-button"):
        link["download"] = ""
        del link["target"]


def keep_one_viewport(soup: BeautifulSoup) -> None:
    """The theme and Sphinx write the same tag."""
    for again in soup.head.select("meta[name=viewport]")[1:]:
        again.decompose()


def describe(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Find what a search engine shows: the page's own field, or a first paragraph of words only."""
    if own := OWN_DESCRIPTION.search(context.get("metatags", "")):
        context["description"] = unescape(own[1])
        return
    title = context.get("title", "")
    text = f"{title}. {app.config.project}: variational autoencoders with every claim checked."
    for paragraph in doctree.findall(nodes.paragraph) if doctree else []:
        if not paragraph.next_node(nodes.math) and len(paragraph.astext()) > 40:
            text = paragraph.astext()
            break
    context["description"] = shorten(text)
    tag = f'<meta name="description" content="{escape(context["description"])}"/>'
    context["metatags"] = context.get("metatags", "") + tag


def shorten(text: str) -> str:
    """Whole sentences if they fit, else whole words."""
    text = " ".join(text.split())
    if len(text) <= DESCRIPTION:
        return text
    sentence = text.rfind(". ", 60, DESCRIPTION)
    return text[: sentence + 1] if sentence > 0 else text[: text.rfind(" ", 0, DESCRIPTION)] + " …"


def preload_fonts(soup: BeautifulSoup) -> None:
    """Ask for the fonts of the page's formulas with the style sheet, so that lines do not move."""
    sheet = soup.select_one('link[rel~="stylesheet"][href*="book.css"]')
    for address in mathematics.fonts(mathematics.signs(str(soup))) if sheet else []:
        font = {"rel": "preload", "as": "font", "type": "font/woff", "crossorigin": ""}
        font["href"] = sheet["href"].partition("book.css")[0] + address
        sheet.insert_before(soup.new_tag("link", attrs=font))


def rewrite(html: str) -> str:
    """A page as the theme rendered it, made light and accessible."""
    soup = BeautifulSoup(html, "html.parser")
    keep_one_viewport(soup)
    bundle_styles(soup)
    preload_fonts(soup)
    soup.html["data-theme"] = "light"  # where no script runs
    defer_scripts(soup)
    defer_pictures(soup)
    save_downloads(soup)
    accessible.mend(soup)
    return str(soup)


class Templates(BuiltinTemplateLoader):
    """Sphinx's own way to render a page, and what is done to it afterwards; see _config.yml."""

    def render(self, template: str, context: dict[str, Any]) -> str:
        html = super().render(template, context)
        return rewrite(html) if "</html>" in html else html


def parts(static: Path, names: list[str]) -> list[Path]:
    """The files of a bundle.

    Raises:
        FileNotFoundError: the theme or an extension has one of them no more.
    """
    found = []
    for name in names:
        if not (files := sorted(static.glob(name))):
            raise FileNotFoundError(f"_static/{name}, which light.py bundles, is in no extension")
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
        raise ValueError(f"pydata-sphinx-theme.js has no {LAYS_OUT_ALL}: amend light.py")
    text = text.replace(LAYS_OUT_ALL, '"#nothing"')
    return re.sub(r"^//# sourceMappingURL.*$", "", text, flags=re.M)


def bundle(app: Any, error: Exception | None) -> None:
    """Write the style sheet and the script."""
    if error is None and app.builder.format == "html":
        static, pages = Path(app.outdir, "_static"), list(Path(app.outdir).rglob("*.html"))
        (static / "book.css").write_text(style_sheet(static, pages), "utf8")
        (static / "book.js").write_text(one_script(static), "utf8")


def setup(app: Any) -> None:
    app.connect("html-page-context", describe)
    # Late, since the theme writes its colours of code at the same event.
    app.connect("build-finished", bundle, priority=900)
