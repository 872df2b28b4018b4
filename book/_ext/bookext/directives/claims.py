"""Claims: the box ``{claim} 4.3`` in a chapter, and the list ``{claims} 4`` of chapter 4.

A claim has a box; a cell on the same page with the comment ``# claim 4.3`` and an assertion; and
a test ``test_claim_4_3_…``. If one of the three is missing there is a warning, which is an error
in our build.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, new_document

from bookext.book import ROOT, config
from bookext.directives.source import LIBRARY, lines_of, python_reference

NUMBER = re.compile(r"[1-9]\d*\.[1-9]\d*")
CHECK = re.compile(r"^# claim (\d+\.\d+)\b[,:]? *(.*)$", re.M)
TEST = re.compile(r"test_claim_(\d+)_(\d+)_(\w+)")
logger = logging.getLogger(__name__)


@dataclass
class Box:
    """A claim as its chapter states it."""

    number: str
    functions: list[str]
    page: str
    line: int | None = None
    node: Any = field(default=None, repr=False)


@dataclass
class Check:
    """A cell that names a claim: what its comment adds, and whether it asserts anything."""

    number: str
    what: str
    asserts: bool
    page: str
    line: int | None = None
    anchor: str = ""
    section: Any = field(default=(), repr=False)


@dataclass
class Test:
    """A test of a claim: its name, and where it stands."""

    __test__ = False

    number: str
    name: str
    file: str
    line: int

    @property
    def says(self) -> str:
        """What the name says after the claim's number."""
        return TEST.fullmatch(self.name)[3].replace("_", " ")


def order(number: str) -> tuple[int, int]:
    """Claims in the order of the chapters: 5.9 before 5.10."""
    chapter, _, claim = number.partition(".")
    return int(chapter), int(claim)


def anchor(number: str, kind: str = "claim") -> str:
    """The id of a claim's box, or of its row in the list (``kind="checked"``)."""
    return f"{kind}-{number.replace('.', '-')}"


def checks_in(code: str, page: str, line: int | None = None) -> list[Check]:
    """The claims that the comments of one cell name."""
    found = CHECK.findall(code)
    if not found:
        return []
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code)))
    return [Check(number, what, asserts, page, line) for number, what in found]


def claim_tests(folder: Path = ROOT / "tests") -> list[Test]:
    """All tests of claims, in the order of files and lines."""
    found = []
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.FunctionDef) and (match := TEST.fullmatch(node.name)):
                found.append(Test(f"{match[1]}.{match[2]}", node.name, path.name, node.lineno))
    return sorted(found, key=lambda test: (test.file, test.line))


def is_defined(name: str) -> bool:
    """Whether ``vaelib.module.function`` is defined in the library's files."""
    package, _, rest = name.partition(".")
    module, _, rest = rest.partition(".")
    # A module is a file, or a folder of files.
    files = [LIBRARY / f"{module}.py", *sorted((LIBRARY / module).glob("*.py"))]
    return package == LIBRARY.name and any(defines(file, rest) for file in files)


def defines(file: Path, name: str) -> bool:
    """Whether a file defines ``function``, ``Class`` or ``Class.method``."""
    try:
        return bool(lines_of(file, name, docstring=True))
    except (OSError, StopIteration):
        return False


def problems(boxes: list[Box], checks: list[Check], tests: list[Test]) -> Iterator[tuple[str, Any]]:
    """What is wrong, each with the box, check or test that it is found at."""
    stated = {box.number: box for box in boxes}
    checked = {(check.number, check.page) for check in checks if check.asserts}
    tested = {test.number for test in tests}
    for number, times in Counter(box.number for box in boxes).items():
        if times > 1:
            yield f"claim {number} has {times} boxes", stated[number]
    for box in boxes:
        claim = f"claim {box.number}"
        chapter, place = order(box.number)
        if place > 1 and f"{chapter}.{place - 1}" not in stated:
            yield f"{claim} follows no claim {chapter}.{place - 1}", box
        if (box.number, box.page) not in checked:
            yield f"{claim} has no cell '# {claim}' with an assertion on its page", box
        if box.number not in tested:
            yield f"{claim} has no test test_claim_{chapter}_{place}_…", box
        for name in box.functions:
            if not is_defined(name):
                yield f"{claim} names {name}, which vaelib does not define", box
    for found in [*checks, *tests]:
        if found.number not in stated:
            kind = type(found).__name__.lower()
            yield f"claim {found.number} has a {kind} and no box", found


class ClaimDirective(SphinxDirective):
    """The box: a paragraph or two, with a label that leads to the claim's row in the list."""

    required_arguments = 1
    has_content = True
    option_spec = dict.fromkeys(["function", "truth"], directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        number = self.arguments[0]
        if not NUMBER.fullmatch(number):
            raise self.error(f"claim: {number!r} is no number like 4.3")
        if missing := {"function", "truth"} - self.options.keys():
            raise self.error(f"claim {number} does not say its {' and its '.join(sorted(missing))}")
        self.assert_has_content()
        box = nodes.container(claim=number, classes=["claim"], ids=[anchor(number)])
        box["functions"] = self.options["function"].split()
        self.set_source_info(box)
        self.state.nested_parse(self.content, self.content_offset, box)
        truth = nodes.container(classes=["claim-truth"])
        words = StringList([self.options["truth"]], "truth")
        self.state.nested_parse(words, self.content_offset, truth)
        is_plain = all(isinstance(child, nodes.paragraph) for child in [*box, *truth])
        if not is_plain or len(truth) != 1:
            raise self.error(f"claim {number} and its truth must be plain paragraphs")
        box += truth
        standard = self.env.get_domain("std")
        standard.anonlabels[anchor(number)] = self.env.docname, anchor(number)
        standard.labels[anchor(number)] = self.env.docname, anchor(number), f"claim {number}"
        return [box]


class ClaimsDirective(SphinxDirective):
    """The list of a chapter's claims, or without a number their count. Filled when all is read."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        chapter = self.arguments[0] if self.arguments else ""
        return [nodes.container(claims=chapter, classes=["claims"])]


def store(env: Any) -> dict[str, dict[str, Any]]:
    """What the pages hold of claims, page by page."""
    if not hasattr(env, "course_claims"):
        env.course_claims = {}
    return env.course_claims


def everything(env: Any, kind: str) -> list[Any]:
    """All boxes, checks or lists of the book."""
    return [item for page in store(env).values() for item in page[kind]]


def collect(app: Any, doctree: nodes.document) -> None:
    """A page is read: keep its boxes and the cells that check them, and give these an anchor."""
    docname = app.env.docname
    found: dict[str, Any] = {"boxes": [], "checks": [], "lists": []}
    for node in doctree.findall(nodes.container):
        if "claim" in node:
            box = Box(node["claim"], node["functions"], docname, node.line, node.deepcopy())
            found["boxes"].append(box)
        elif "claims" in node:
            found["lists"].append(node["claims"])
        elif node.get("nb_element") == "cell_code":
            code = next(iter(node.findall(nodes.literal_block)), nodes.Text("")).astext()
            for check in checks_in(code, docname, node.line):
                place = f"{anchor(check.number, 'check')}-{len(found['checks']) + 1}"
                node["ids"].append(place)
                found["checks"].append(replace(check, anchor=place, section=title_above(node)))
    if any(found.values()):
        store(app.env)[docname] = found


def title_above(node: nodes.Node) -> list[nodes.Node]:
    """The title of the section that a node stands in, with its mathematics."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return [child.deepcopy() for child in node.next_node(nodes.title).children]


def purge(app: Any, env: Any, docname: str) -> None:
    """A page is read again: forget what it held."""
    store(env).pop(docname, None)


def merge(app: Any, env: Any, docnames: Iterable[str], other: Any) -> None:
    """Another process has read these pages: take over what it found."""
    found = store(other).items()
    store(env).update({docname: page for docname, page in found if docname in docnames})


def always_read_lists(app: Any, env: Any, added: Any, changed: Any, removed: set[str]) -> list[str]:
    """Read the page with the lists each time: a test may have changed, and tests are no pages."""
    listing = (docname for docname, page in store(env).items() if page["lists"])
    return [docname for docname in listing if docname not in removed]


def complain(app: Any, env: Any) -> None:
    """Say what is wrong, once all pages are read."""
    listed = everything(env, "lists")
    boxes = everything(env, "boxes")
    for message, where in problems(boxes, everything(env, "checks"), claim_tests()):
        in_page = not isinstance(where, Test)
        place = (where.page, where.line) if in_page else f"tests/{where.file}:{where.line}"
        logger.warning(message, location=place)
    for box in boxes if listed else []:
        if box.number.partition(".")[0] not in listed:
            message = f"claim {box.number} is in no list {{claims}}"
            logger.warning(message, location=(box.page, box.line))


class Lists:
    """Writes boxes' labels and the lists of claims into one page that is about to be written."""

    def __init__(self, app: Any, docname: str) -> None:
        self.env, self.builder, self.docname = app.env, app.builder, docname
        with_lists = (page for page, found in store(app.env).items() if found["lists"])
        self.listing = next(with_lists, None)
        repository = config()["repository"]
        self.sources = f"{repository['url']}/blob/{repository['branch']}"

    def link(self, docname: str, place: str, *content: nodes.Node) -> nodes.reference:
        address = f"{self.builder.get_relative_uri(self.docname, docname)}#{place}"
        return nodes.reference("", "", *content, internal=True, refuri=address)

    def label(self, box: nodes.Element) -> None:
        """The box's first words lead to its row. Its truth stands there and not here."""
        box.remove(box[-1])
        name = nodes.inline("", f"Claim {box['claim']} ✓", classes=["claim-label"])
        if self.listing is not None:
            name = self.link(self.listing, anchor(box["claim"], "checked"), name)
        box[0].insert(0, [name, nodes.Text(" ")])

    def resolved(self, node: nodes.Element) -> nodes.Element:
        """A copy with its references resolved as seen from this page."""
        copy = node.deepcopy()
        # Sphinx sends the copy through write() below, which must not give it a label.
        copy.attributes.pop("claim", None)
        for target in copy.findall(nodes.Element):
            target["ids"] = []
        for reference in copy.findall(addnodes.pending_xref):
            reference["refdoc"] = self.docname
        document = new_document("")
        document += copy
        self.env.resolve_references(document, self.docname, self.builder)
        return copy

    def functions(self, box: Box) -> nodes.paragraph:
        line = nodes.paragraph()
        for name in box.functions:
            if len(line):
                line += nodes.Text(", ")
            line += python_reference(name, name.removeprefix("vaelib."), self.docname)
        return self.resolved(line)

    def check(self, check: Check) -> nodes.paragraph:
        title = [child.deepcopy() for child in check.section]
        said = nodes.Text(f": {check.what}" if check.what else "")
        return nodes.paragraph("", "", self.link(check.page, check.anchor, *title), said)

    def test(self, test: Test) -> nodes.paragraph:
        address = f"{self.sources}/tests/{test.file}#L{test.line}"
        name = f"tests/{test.file}::{test.name}"
        link = nodes.reference("", test.says, refuri=address, reftitle=name)
        return nodes.paragraph("", "", link, nodes.Text(" · "), nodes.literal("", test.file))

    def row(self, box: Box, checks: list[Check], tests: list[Test]) -> nodes.container:
        node = self.resolved(box.node)
        truth = node[-1]
        node.remove(truth)
        number = nodes.inline("", box.number, classes=["claim-label"])
        node[0].insert(0, [self.link(box.page, anchor(box.number), number), nodes.Text(" ")])
        cells = [check for check in checks if check.number == box.number and check.asserts]
        facts = {
            "Held against": list(truth.children),
            "Computed by": [self.functions(box)],
            "Checked in": [self.check(cell) for cell in cells],
            "Tested by": [self.test(test) for test in tests if test.number == box.number],
        }
        rows = [
            nodes.field("", nodes.field_name("", name), nodes.field_body("", *body))
            for name, body in facts.items()
        ]
        table = nodes.field_list("", *rows, classes=["claim-facts"])
        row = nodes.container("", *node.children, table, classes=["claim", "claim-row"])
        row["ids"] = [anchor(box.number, "checked")]
        return row

    def fill(self, place: nodes.Element) -> None:
        boxes = sorted(everything(self.env, "boxes"), key=lambda box: order(box.number))
        checks, tests = everything(self.env, "checks"), claim_tests()
        if place["claims"]:
            chosen = [box for box in boxes if str(order(box.number)[0]) == place["claims"]]
            place += [self.row(box, checks, tests) for box in chosen]
        else:
            asserting = sum(check.asserts for check in checks)
            count = f"{len(boxes)} claims, {asserting} cells that check them, {len(tests)} tests."
            place += nodes.paragraph("", count)


def write(app: Any, doctree: nodes.document, docname: str) -> None:
    """Label the boxes of a page, and fill its lists."""
    lists = Lists(app, docname)
    for node in list(doctree.findall(nodes.container)):
        if "claim" in node:
            lists.label(node)
    for node in list(doctree.findall(nodes.container)):
        if "claims" in node:
            lists.fill(node)


def setup(app: Any) -> None:
    app.add_directive("claim", ClaimDirective)
    app.add_directive("claims", ClaimsDirective)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-get-outdated", always_read_lists)
    app.connect("env-check-consistency", complain)
    app.connect("doctree-resolved", write)
