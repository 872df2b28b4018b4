"""A page as plain Markdown, which Jupyter and Colab show, from Sphinx's resolved tree.

No syntax of the book's own is left: a theorem is a block quote, a solution folds in
``<details>``, a link to another page leads to the published book. A node that no function here
writes is an error that names it.

To write a node of your own, register a function under the node's name, or under ``name.class``.
For example, ``@plain.block("quiz")`` stands above a function of the page and the node, which
returns blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from textwrap import indent
from typing import Any

from docutils import nodes
from sphinx.errors import ExtensionError


class Code(int):
    """A code cell among the text: its position among all cells of the page's source."""


Block = str | Code
SOLUTION = "## Solution"
BLOCKS: dict[str, Callable[[Page, Any], list[Block]]] = {}
INLINES: dict[str, Callable[[Page, Any], str]] = {}
# What would begin something else at the start of a line.
LEADING = re.compile(r"(?=[#>]|[-+]\s)|(?<=^\d)(?=[.)]\s)|(?<=^\d\d)(?=[.)]\s)")
# Signs with a meaning in Markdown or in its mathematics; an underscore inside a word has none.
SPECIAL = re.compile(r"[\\`*$\[\]<]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")


def register(known: dict[str, Any], *names: str) -> Callable[[Any], Any]:
    """Register the function below: it is given the page and the node."""

    def keep(function: Any) -> Any:
        known.update(dict.fromkeys(names, function))
        return function

    return keep


block = partial(register, BLOCKS)
inline = partial(register, INLINES)


class Page:
    """Writes one page. ``builder`` has read the whole book, and gives numbers and addresses."""

    def __init__(self, builder: Any, docname: str) -> None:
        self.builder, self.docname = builder, docname
        # How many lists and boxes are open. In one, each line gets a sign before it.
        self.inside = 0
        self.in_table = False

    def writer(self, known: dict[str, Any], node: nodes.Node) -> Any:
        """The function for this node: the one for its kind and class, or for its kind."""
        styled = [f"{type(node).__name__}.{name}" for name in classes_of(node)]
        for name in [*styled, *(parent.__name__ for parent in type(node).__mro__)]:
            if name in known:
                return known[name]
        raise self.unknown(node)

    def unknown(self, node: nodes.Node) -> ExtensionError:
        """The error that says which node cannot be written, and where it stands."""
        name = f"<{type(node).__name__} {' '.join(classes_of(node))}>"
        place = f"{self.docname}, line {node.line or '?'}"
        text = " ".join(node.astext().split())[:60]
        said = f"plain.py does not know how to write the node {name}, in {place}: {text!r}"
        return ExtensionError(said)

    def blocks(self, parent: Iterable[nodes.Node]) -> list[Block]:
        """What is inside, block by block."""
        return [part for node in parent for part in self.writer(BLOCKS, node)(self, node)]

    def text(self, parent: Iterable[nodes.Node]) -> str:
        """What is inside, as one line."""
        return "".join(self.writer(INLINES, node)(self, node) for node in parent)

    def nested(self, parent: Iterable[nodes.Node]) -> list[Block]:
        """What is inside a list or a box, block by block."""
        self.inside += 1
        found = self.blocks(parent)
        self.inside -= 1
        return found

    def number(self, node: nodes.Element, kind: str) -> str:
        """The number that the book gave to a figure, theorem, equation or exercise, or nothing."""
        numbers = self.builder.env.toc_fignumbers.get(self.docname, {}).get(kind, {})
        found = next((numbers[name] for name in node["ids"] if name in numbers), ())
        return ".".join(map(str, found))

    def boxed(self, title: str, parts: list[Block]) -> list[Block]:
        """A block quote, its title in bold. A code cell interrupts it."""
        return wrapped([f"**{title}**", *parts] if title else parts, quoted)

    def folded(self, title: str, parts: list[Block]) -> list[Block]:
        """Blocks that unfold. A code cell among them interrupts them."""
        opening = f"<details>\n<summary><b>{title}</b></summary>"
        return wrapped(parts, lambda inner: "\n\n".join([opening, *inner, "</details>"]))


def classes_of(node: nodes.Node) -> list[str]:
    """The classes that the style sheet knows a node by."""
    return node.get("classes", []) if isinstance(node, nodes.Element) else []


def wrapped(parts: list[Block], wrap: Callable[[list[str]], str]) -> list[Block]:
    """Neighbouring texts wrapped together, code cells as they are."""
    found: list[Block] = []
    texts: list[str] = []
    for part in [*parts, Code(-1)]:
        if isinstance(part, str):
            texts.append(part)
        else:
            found += [wrap(texts)] * bool(texts) + [part]
            texts = []
    return found[:-1]


def quoted(parts: list[str]) -> str:
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(parts).split("\n"))


def escaped(text: str) -> str:
    return SPECIAL.sub(lambda match: "\\" + match[0], re.sub(r"\s+", " ", text))


def address(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")


def emphasised(sign: str, text: str) -> str:
    """Signs of emphasis must touch letters, so spaces stay outside."""
    bare = text.strip()
    return text.replace(bare, f"{sign}{bare}{sign}") if bare else text


def formula(source: str, in_table: bool = False) -> str:
    """TeX that Markdown leaves alone: nothing looks like a tag, or in a table like a cell's end."""
    source = re.sub(r"<(?=[A-Za-z/!?])", "< ", source.strip())
    if in_table:
        source = re.sub(r"\|", r"\\vert ", source.replace("\\|", "\\Vert "))
    return source


def ancestors(node: nodes.Node) -> Iterator[nodes.Element]:
    while node.parent is not None:
        node = node.parent
        yield node


def depth(section: nodes.Element) -> int:
    """The level of a section's title: 1 for the page's."""
    return 1 + sum(isinstance(above, nodes.section) for above in ancestors(section))


def title_of(page: Page, node: nodes.Element) -> tuple[str, list[nodes.Node]]:
    """A box's title, without its number, and the rest."""
    first, *rest = node.children
    return (page.text(first), rest) if isinstance(first, nodes.title) else ("", node.children)


# Parts of a line


@inline("Text")
def text(page: Page, node: nodes.Text) -> str:
    found = escaped(node.astext())
    return found.replace("|", "\\|") if page.in_table else found


@inline("inline", "generated", "title_reference", "abbreviation")
def bare(page: Page, node: nodes.Element) -> str:
    return page.text(node)


@inline("emphasis")
def emphasis(page: Page, node: nodes.Element) -> str:
    return emphasised("*", page.text(node))


@inline("strong", "literal_strong", "inline.claim-label", "inline.quiz-label")
def strong(page: Page, node: nodes.Element) -> str:
    return emphasised("**", page.text(node))


@inline("literal")
def literal(page: Page, node: nodes.Element) -> str:
    code = node.astext().replace("|", "\\|") if page.in_table else node.astext()
    fence = "`" * (1 + max(map(len, re.findall("`+", code)), default=0))
    room = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{fence}{room}{code}{room}{fence}"


@inline("math")
def math(page: Page, node: nodes.Element) -> str:
    return f"${' '.join(formula(node.astext(), page.in_table).split())}$"


@inline("reference", "number_reference")
def reference(page: Page, node: nodes.Element) -> str:
    """A link. What is in the same notebook is only named: not every viewer can lead there."""
    said, url = page.text(node), node.get("refuri", "")
    return f"[{said}]({address(url)})" if url and not url.startswith("#") else said


@inline("target", "index", "comment")
def unseen(page: Page, node: nodes.Element) -> str:
    return ""


# Blocks


@block("target", "index", "comment", "substitution_definition", "meta", "compound.toctree-wrapper")
def nothing(page: Page, node: nodes.Element) -> list[Block]:
    return []


@block("raw")
def raw(page: Page, node: nodes.Element) -> list[Block]:
    """Leave out Thebe's settings, which every page has. No other HTML belongs in a notebook."""
    if "text/x-thebe-config" in node.astext() or "kernelName =" in node.astext():
        return []
    raise page.unknown(node)


@block("section", "quiz", "container.library-source", "container.exercise-facts")
def inside(page: Page, node: nodes.Element) -> list[Block]:
    return page.blocks(node)


@block("title")
def heading(page: Page, node: nodes.Element) -> list[Block]:
    """A section's title, with its number if the book numbers it."""
    numbers = page.builder.env.toc_secnumbers.get(page.docname, {})
    level = depth(node.parent)
    anchor = f"#{node.parent['ids'][0]}"
    number = numbers.get(anchor) or (numbers.get("") if level == 1 else None)
    return [f"{'#' * level} {'.'.join(map(str, number)) + '. ' if number else ''}{page.text(node)}"]


@block("paragraph")
def paragraph(page: Page, node: nodes.Element) -> list[Block]:
    said = page.text(node).strip()
    looks_like_another_block = LEADING.match(said) or re.match(r"\d\d?[.)]\s", said)
    return [LEADING.sub(r"\\", said, count=1) if looks_like_another_block else said]


@block("bullet_list", "enumerated_list")
def items(page: Page, node: nodes.Element) -> list[Block]:
    """A list, which cannot hold a code cell."""
    is_numbered = isinstance(node, nodes.enumerated_list)
    found = []
    for number, item in enumerate(node, node.get("start", 1)):
        mark = f"{number}. " if is_numbered else "- "
        parts = page.nested(item)
        if not all(isinstance(part, str) for part in parts):
            said = "a code cell stands in a list, which no notebook can show"
            raise ExtensionError(f"{page.docname}: {said}")
        found.append(mark + indent("\n\n".join(parts), " " * len(mark)).lstrip())
    loose = any("\n\n" in item for item in found)
    return [("\n\n" if loose else "\n").join(found)]


@block("definition_list")
def definitions(page: Page, node: nodes.Element) -> list[Block]:
    found: list[Block] = []
    for item in node:
        terms = [page.text(child) for child in item if isinstance(child, nodes.term)]
        found.append(f"**{', '.join(terms)}**")
        for meaning in (child for child in item if isinstance(child, nodes.definition)):
            found += page.nested(meaning)
    return found


@block("block_quote", "container.claim")
def quotation(page: Page, node: nodes.Element) -> list[Block]:
    return page.boxed("", page.nested(node))


@block("math_block")
def display(page: Page, node: nodes.Element) -> list[Block]:
    """Mathematics on lines of its own, with its number; in a box or a list, on one line."""
    source = formula(node.astext())
    outside = re.sub(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", "", source, flags=re.S)
    if not node.get("nowrap") and "\\\\" in outside:
        source = f"\\begin{{aligned}}\n{source}\n\\end{{aligned}}"
    if number := page.number(node, "displaymath"):
        source += f" \\tag{{{number}}}"
    return [f"$${' '.join(source.split())}$$" if page.inside else f"$$\n{source}\n$$"]


@block("literal_block", "doctest_block")
def code(page: Page, node: nodes.Element) -> list[Block]:
    source = node.astext()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", source)), default=0))
    return [f"{fence}{node.get('language', '')}\n{source}\n{fence}"]


@block("transition")
def rule(page: Page, node: nodes.Element) -> list[Block]:
    return ["---"]


@block("table")
def table(page: Page, node: nodes.Element) -> list[Block]:
    """A table; the heading row that Markdown asks for is empty if there is none."""
    page.in_table = True
    head = [list(cells(page, row)) for part in node.findall(nodes.thead) for row in part]
    body = [list(cells(page, row)) for part in node.findall(nodes.tbody) for row in part]
    page.in_table = False
    head = head or [[""] * len(body[0])]
    lines = [f"| {' | '.join(row)} |" for row in [head[0], ["---"] * len(head[0]), *body]]
    return [*captions(page, node, "table", nodes.title), "\n".join(lines)]


def cells(page: Page, row: nodes.Element) -> Iterator[str]:
    for entry in row:
        yield " ".join(page.text(child) for child in entry)


def captions(page: Page, node: nodes.Element, kind: str, where: type) -> list[str]:
    """The caption, if there is one, behind the number that the book gave."""
    number = page.number(node, kind)
    label = f"**{page.builder.config.numfig_format[kind] % number}.** " if number else ""
    return [f"{label}{page.text(child)}" for child in node if isinstance(child, where)]


@block("figure")
def figure(page: Page, node: nodes.Element) -> list[Block]:
    """The caption of a figure in a cell's output. The output itself is its picture."""
    return captions(page, node, "figure", nodes.caption)


@block("container.cell", "container.blank-cell")
def cell(page: Page, node: nodes.Element) -> list[Block]:
    figures = [part for child in node.findall(nodes.figure) for part in figure(page, child)]
    return [Code(node["cell_index"]), *figures]


@block("admonition", "Admonition")
def box(page: Page, node: nodes.Element) -> list[Block]:
    title, rest = title_of(page, node)
    inner = page.nested(rest)
    return page.folded(title, inner) if "dropdown" in node["classes"] else page.boxed(title, inner)


@block("admonition.solution")
def solution_of_exercise(page: Page, node: nodes.Element) -> list[Block]:
    """An exercise's solution is a section. The notebook to fill in leaves it out."""
    return [SOLUTION, *page.blocks(node.children[1:])]


@block("quiz_choice")
def choice(page: Page, node: nodes.Element) -> list[Block]:
    answer, why = node.children
    return page.folded(page.text(answer), page.nested([why]))


@block("theorem_node", "lemma_node", "definition_node", "corollary_node")
@block("proposition_node", "example_node", "remark_node")
def statement(page: Page, node: nodes.Element) -> list[Block]:
    """A theorem or the like: its kind and number, then what it is called."""
    title, rest = title_of(page, node)
    number = page.number(node, node["countertype"])
    label = f"{node['realtype'].capitalize()} {number}".strip()
    return page.boxed(" ".join([label, *title.split()]), page.nested(rest))


@block("proof_node")
def proof(page: Page, node: nodes.Element) -> list[Block]:
    """A block quote. The extension has already written the word Proof into the text."""
    first, *rest = page.nested(node[0])
    return wrapped([f"**Proof.** {first.removeprefix('Proof. ')}", *rest], quoted)


@block("note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "error")
def named_box(page: Page, node: nodes.Element) -> list[Block]:
    return page.boxed(type(node).__name__.capitalize(), page.nested(node))
