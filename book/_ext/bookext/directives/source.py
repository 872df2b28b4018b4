"""The directive ``{source} module.name``: code of vaelib, from its file, without its docstring."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from bookext.book import ROOT

LIBRARY = ROOT / "vaelib"


def lines_of(path: Path, name: str, docstring: bool) -> str:
    """The lines that define ``name`` (``function``, ``Class`` or ``Class.method``) in a file.

    Raises:
        StopIteration: the file defines no such name.
    """
    text = path.read_text("utf8")
    definitions = (ast.FunctionDef, ast.ClassDef)
    node: Any = ast.parse(text)
    for part in name.split("."):
        inside = (child for child in node.body if isinstance(child, definitions))
        node = next(child for child in inside if child.name == part)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    numbers = set(range(first, node.end_lineno + 1))
    if not docstring:
        for owner in ast.walk(node):
            if isinstance(owner, definitions) and ast.get_docstring(owner) is not None:
                numbers -= set(range(owner.body[0].lineno, owner.body[0].end_lineno + 1))
    source = text.splitlines()
    return textwrap.dedent("\n".join(source[number - 1] for number in sorted(numbers)))


def python_reference(name: str, said: str, page: str) -> addnodes.pending_xref:
    """A link from a page to what the reference says of ``name``; a warning if it says nothing."""
    target = {"refdomain": "py", "reftype": "obj", "reftarget": name}
    return addnodes.pending_xref("", nodes.literal("", said), **target, refdoc=page, refwarn=True)


class Source(SphinxDirective):
    """Shows the source, under a line that says where it stands and links to the reference."""

    required_arguments = 1
    option_spec = {"docstring": directives.flag}  # noqa: RUF012 (docutils' own way)

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].partition(".")
        path = LIBRARY / f"{module}.py"
        try:
            code = lines_of(path, name, docstring="docstring" in self.options)
        except (OSError, StopIteration):
            raise self.error(f"source: vaelib/{module}.py defines no {name!r}") from None
        self.env.note_dependency(str(path))
        link = python_reference(f"vaelib.{module}.{name}", name, self.env.docname)
        place = nodes.literal("", f"vaelib/{module}.py")
        caption = nodes.paragraph("", "", place, nodes.Text(" · "), link)
        caption["classes"].append("library-source-caption")
        block = nodes.literal_block(code, code, language="python")
        container = nodes.container("", caption, block, classes=["library-source"])
        self.set_source_info(container)
        self.set_source_info(link)
        return [container]


def setup(app: Any) -> None:
    app.add_directive("source", Source)
