"""Mathematics is set when the book is built: a page holds finished formulas and needs no script
for them.

MathJax (the folder ``mathjax`` beside this file) runs in V8, which the package mini-racer brings.
Each formula becomes MathJax's HTML and, for screen readers, MathML. A formula that MathJax cannot
read is a warning, which is an error in our build. The style sheet holds the rules of those signs
that the book uses.
"""

from __future__ import annotations

import atexit
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number, wrap_displaymath

from bookext.book import STATIC

MATHJAX = Path(__file__).resolve().parent / "mathjax"
# The parts of MathJax in the order in which they need each other, and what its package calls them.
PARTS = {
    "loader.js": "loader.js",
    "core.js": "core.js",
    "liteDOM.js": "adaptors/liteDOM.js",
    "tex-base.js": "input/tex-base.js",
    "ams.js": "input/tex/extensions/ams.js",
    "chtml.js": "output/chtml.js",
    "fonts-tex.js": "output/chtml/fonts/tex.js",
    "assistive-mml.js": "a11y/assistive-mml.js",
}
FONTS = "vendor/mathjax"
BEFORE = f"""
var global = globalThis, FONTS = "{FONTS}";
var MathJax = {{loader: {{load: []}}, startup: {{}}}};
0"""
SETUP = """
const parts = MathJax._;
const adaptor = parts.adaptors.liteAdaptor.liteAdaptor();
const handler = parts.handlers.html_ts.RegisterHTMLHandler(adaptor);
parts.a11y["assistive-mml"].AssistiveMmlHandler(handler);
const tex = () => new parts.input.tex_ts.TeX({
  packages: ["base", "ams"],
  formatError: (jax, error) => { throw new Error("MathJax: " + error.message); },
});
const chtml = () => {
  const options = {fontURL: FONTS, adaptiveCSS: false};
  const font = new parts.output.chtml.fonts.tex_ts.TeXFont(options);
  return new parts.output.chtml_ts.CHTML({...options, font});
};
const page = parts.mathjax.mathjax.document("", {InputJax: tex(), OutputJax: chtml()});
const typeset = (formula, display) =>
  adaptor.outerHTML(page.convert(formula, {display, em: 16, ex: 8}));
const styles = () => adaptor.textContent(page.outputJax.styleSheet(page));
0"""
# A sign's own rule, or that of a sign drawn to the height or width of its content.
SIGN = re.compile(r"mjx-(?:c|stretchy-[vh])\.(mjx-c[0-9A-F]+(?:\.TEX-[A-Z0-9]+)?)")
logger = logging.getLogger(__name__)


@cache
def engine() -> MiniRacer:
    """V8 with MathJax in it, started once."""
    v8 = MiniRacer()
    atexit.register(v8.close)  # Else Python never ends.
    v8.eval(BEFORE)
    for part in PARTS:
        v8.eval((MATHJAX / part).read_text("utf8") + ";0")
    v8.eval(SETUP)
    return v8


@cache
def typeset(formula: str, display: bool = False) -> str:
    """A formula as HTML, with MathML beside it that only screen readers read.

    Raises:
        ValueError: MathJax does not understand the formula; the message says why.
    """
    try:
        html = engine().call("typeset", formula, display)
    except JSEvalException as error:
        reason = re.search(r"MathJax: ([^\n]*)", str(error))
        raise ValueError(reason[1] if reason else str(error)) from None
    return html.replace(' style="position: relative;"', "")


@cache
def all_styles() -> list[str]:
    """The rules for everything that MathJax can set."""
    return engine().call("styles").split("\n\n")


def styles(used: set[str]) -> str:
    """The style sheet for these signs, named as signs() names them."""

    def needed(rule: str) -> bool:
        sign = SIGN.search(rule)
        return sign is None or sign[1].replace(".", " ") in used

    sheet = "\n".join(rule for rule in all_styles() if needed(rule))
    # MathJax_Zero gives every sign its place. It comes inside the sheet, so nothing moves when the
    # other fonts come, and until then the reader's own fonts show the signs.
    zero = b64encode((STATIC / FONTS / "MathJax_Zero.woff").read_bytes()).decode()
    sheet = sheet.replace(f"{FONTS}/MathJax_Zero.woff", f"data:font/woff;base64,{zero}")
    return re.sub(r"@font-face /\* \d+ \*/ \{", "@font-face {\n  font-display: swap;", sheet)


def signs(html: str) -> set[str]:
    """The signs on a page, each with its font, as the elements' classes name them."""
    return set(re.findall(r'class="(?:[^"]* )?(mjx-c[0-9A-F]+(?: TEX-[A-Z0-9]+)?)"', html))


def fonts(used: set[str]) -> list[str]:
    """The files of the fonts that these signs are drawn with."""
    faces = re.findall(r'font-family: MJX([\w-]+);\s+src: url\("([^"]+)"', "\n".join(all_styles()))
    wanted = {sign.partition(" ")[2] or "TEX" for sign in used}
    return [address for name, address in faces if name in wanted]


def formula(writer: Any, node: nodes.Element, source: str, display: bool) -> str:
    try:
        return typeset(source, display)
    except ValueError as error:
        logger.warning("mathematics: %s: %s", error, source, location=node)
        return writer.encode(source)


def visit_inline(writer: Any, node: nodes.math) -> None:
    opening = writer.starttag(node, "span", "", CLASS="math notranslate nohighlight")
    writer.body.append(f"{opening}{formula(writer, node, node.astext(), display=False)}</span>")
    raise nodes.SkipNode


def visit_display(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    source = node.astext() if node["nowrap"] else wrap_displaymath(node.astext(), None, False)
    writer.body.append(f"{formula(writer, node, source, display=True)}</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    app.add_html_math_renderer("typeset", (visit_inline, None), (visit_display, None))
