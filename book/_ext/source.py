"""The directive ``{source} module.name``: a function or class of vaelib, from the file, without its docstring."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

LIBRARY = Path(__file__).resolve().parents[2] / "vaelib"


def lines_of(path: Path, name: str, docstring: bool) -> str:
    """The lines that define ``name`` (``function``, ``Class`` or ``Class.method``) in a file."""
    text = path.read_text("utf8")
    node: Any = ast.parse(text)
    for part in name.split("."):
        definitions = (ast.FunctionDef, ast.ClassDef)
        node = next(
            child for child in node.body if isinstance(child, definitions) and child.name == part
        )
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    numbers = set(range(first, node.end_lineno + 1))
    if not docstring:
        inside = [
            node,
            *(
                child
                for child in ast.walk(node)
                if isinstance(child, ast.FunctionDef | ast.ClassDef)
            ),
        ]
        for owner in inside:
            if ast.get_docstring(owner) is not None:
                numbers -= set(range(owner.body[0].lineno, owner.body[0].end_lineno + 1))
    source = text.splitlines()
    return textwrap.dedent("\n".join(source[number - 1] for number in sorted(numbers)))


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
        link = addnodes.pending_xref(
            "",
            nodes.literal("", name),
            refdomain="py",
            reftype="obj",
            reftarget=f"vaelib.{module}.{name}",
        )
        link["refdoc"], link["refwarn"] = self.env.docname, True
        caption = nodes.paragraph(
            "", "", nodes.literal("", f"vaelib/{module}.py"), nodes.Text(" · "), link
        )
        block = nodes.literal_block(code, code, language="python")
        caption["classes"].append("library-source-caption")
        container = nodes.container("", caption, block, classes=["library-source"])
        self.set_source_info(container)
        self.set_source_info(link)
        return [container]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("source", Source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
