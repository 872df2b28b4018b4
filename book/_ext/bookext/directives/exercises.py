"""Exercises: ``book/exercises/NM_name.md`` is exercise M of chapter N, written as its solution.

The page that runs is the solution. The page that a reader meets is made from it here: the lines
between ``### BEGIN SOLUTION`` and ``### END SOLUTION``, the marks of nbgrader, become blank;
hints and solution fold away. A page in any other folder is an exercise as well if its front matter
says ``exercise:``. The directive ``{exercises}`` lists the exercises,
``{problem-sheet}`` shows what they ask.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from bookext.book import BOOK, docname
from bookext.pages.light import shorten

FOLDER = BOOK / "exercises"
KINDS = {
    "warm-up": "To warm up",
    "rebuild": "Rebuild a piece of vaelib",
    "paper": "Paper and pencil",
    "open": "Open problem",
}
FACTS = {"kind", "minutes", "difficulty", "goal", "trains"}
SOLVED = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION *\n?", re.M | re.S)
# A page whose front matter has an entry ``exercise:``.
FRONT = re.compile(r"---\n(?:(?!---\n).*\n)*?exercise:\n")
CELL = re.compile(r"^```\{code-cell\}.*?\n(?::[\w-]+:.*\n)*(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Exercise:
    """What an exercise's file says, but for its hints and solution."""

    path: Path
    title: str
    statement: str
    cells: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def number(self) -> str:
        """Chapter and place in it, ``"3.1"``."""
        digits = self.path.stem.partition("_")[0]
        return f"{digits[:-1]}.{digits[-1]}"

    @property
    def said(self) -> str:
        """Its kind, minutes and difficulty, in a line."""
        kind, difficulty = KINDS[self.facts["kind"]], self.facts["difficulty"]
        return f"{kind} · {self.facts['minutes']} minutes · difficulty {difficulty} of 3"


def is_exercise(path: Path) -> bool:
    """Whether the page of a file says that it is an exercise."""
    return path.suffix == ".md" and FRONT.match(path.read_text("utf8")) is not None


@cache
def exercise(path: Path) -> Exercise:
    """An exercise, read from its file.

    Raises:
        ValueError: its name has no number, it is no exercise, or its front matter lacks a fact, or
            has one too many or an unknown kind.
    """
    if not re.fullmatch(r"\d\d+_\w+", path.stem):
        raise ValueError(f"{path.name}: must be called NM_name.md, for exercise M of chapter N")
    if not is_exercise(path):
        raise ValueError(f"{path.name}: must say exercise: in its front matter")
    _, front, body = path.read_text("utf8").split("---\n", 2)
    facts = yaml.safe_load(front)["exercise"]
    if facts.keys() != FACTS or facts["kind"] not in KINDS or facts["difficulty"] not in (1, 2, 3):
        wanted = f"{sorted(FACTS)}, kind one of {list(KINDS)}"
        raise ValueError(f"{path.name}: exercise: must say {wanted}; it says {facts}")
    title, _, rest = body.strip().removeprefix("# ").partition("\n")
    asked = re.split(r"^## Hints$", rest, flags=re.M)[0]
    cells = tuple(match[1] for match in CELL.finditer(asked))
    return Exercise(path, title.strip(), CELL.sub("", asked).strip(), cells, facts)


def exercises(chapter: str = "") -> list[Exercise]:
    """The exercises of a chapter, or of all chapters, in their order."""
    return [exercise(path) for path in sorted(FOLDER.glob(f"{chapter or '[0-9]'}[0-9]_*.md"))]


def is_solved(code: str) -> bool:
    """Whether a cell holds a part of the solution."""
    return SOLVED.search(code) is not None


def blank(code: str) -> str:
    """A cell without the lines of its solution."""
    return SOLVED.sub(r"\1raise NotImplementedError  # your lines\n", code).rstrip("\n")


def solved(code: str) -> str:
    """A cell with its solution, without the marks."""
    return SOLVED.sub(r"\2", code).rstrip("\n")


# The page


class ExercisePage(SphinxTransform):
    """The solved page becomes the exercise's: blanks above, hints and solution folded below."""

    default_priority = 20

    def apply(self, **_: Any) -> None:
        path = Path(self.env.doc2path(self.env.docname)).resolve()
        if not is_exercise(path):
            return
        page, page_section = exercise(path), next(self.document.findall(nodes.section))
        title = next(page_section.findall(nodes.title))
        title.insert(0, nodes.Text(f"{page.number} "))
        page_section.insert(page_section.index(title) + 1, facts_of(page))
        said = f"Exercise {page.number}, {page.title}. {page.facts['goal'].rstrip('.')}."
        self.document.insert(0, nodes.meta("", name="description", content=shorten(said)))
        sections = (part for part in page_section.children if isinstance(part, nodes.section))
        parts = {part.next_node(nodes.title).astext(): part for part in sections}
        self.fold_hints(page_section, parts["Hints"])
        self.fold_solution(page_section, parts["Solution"])

    def fold_hints(self, page: nodes.section, part: nodes.section) -> None:
        """Put each hint into a fold of its own, since the next one says a little more."""
        hints = enumerate(next(part.findall(nodes.enumerated_list)).children, 1)
        page.replace(part, [folded(f"Hint {n}", ["hint"], hint.children) for n, hint in hints])

    def fold_solution(self, page: nodes.section, part: nodes.section) -> None:
        """Put blank cells below the statement, and solved ones with outputs into a fold."""
        below = page.index(next(child for child in page if isinstance(child, nodes.admonition)))
        cells = [child for child in page.children[:below] if is_cell(child)]
        first = next(number for number, cell in enumerate(cells) if is_solved(code_of(cell)))
        for cell in cells[first:]:
            code, shown = code_of(cell), of_input(cell)
            page.replace(cell, blank_cell(code, cell["cell_index"]))
            shown.replace(shown.children[0], literal(solved(code)))
        if not self.config.exercises_solutions:
            page.remove(part)
            return
        solution = folded("Solution", ["solution"], [*cells[first:], *part.children[1:]])
        solution["ids"] = list(part["ids"])
        page.replace(part, solution)


def is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell" in node["classes"]


def of_input(cell: nodes.container) -> nodes.container:
    """The part of a cell that holds its code."""
    return next(part for part in cell.children if "cell_input" in part["classes"])


def code_of(cell: nodes.container) -> str:
    code: str = of_input(cell).astext()
    return f"{code}\n"


def literal(code: str) -> nodes.literal_block:
    code = code.rstrip("\n")
    return nodes.literal_block(code, code, language="ipython3")


def blank_cell(code: str, position: int) -> nodes.container:
    """What a reader is to fill in. It becomes a cell in the notebook only."""
    classes = ["blank-cell", "cell_input"]
    return nodes.container("", literal(blank(code)), classes=classes, cell_index=position)


def folded(title: str, classes: list[str], children: list[nodes.Node]) -> nodes.admonition:
    heading = nodes.title(title, title)
    return nodes.admonition("", heading, *children, classes=["dropdown", *classes])


def facts_of(page: Exercise) -> nodes.container:
    """The line below the title, the goal and what is trained."""
    line = nodes.paragraph("", page.said, classes=["exercise-said"])
    rest = nodes.paragraph()
    for name in ("goal", "trains"):
        words = page.facts[name].rstrip(".")
        rest += [nodes.strong("", name.capitalize()), nodes.Text(f": {words}. ")]
    return nodes.container("", line, rest, classes=["exercise-facts"])


# The lists


def link_to(page: Exercise, origin: str) -> addnodes.pending_xref:
    """A link from the page ``origin`` to an exercise."""
    words = nodes.inline("", f"{page.number} {page.title}")
    target = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{docname(page.path)}"}
    return addnodes.pending_xref("", words, **target, refdoc=origin, refexplicit=True, refwarn=True)


class ExerciseList(SphinxDirective):
    """``{exercises} N``: what there is to do after chapter N, with links."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        pages = exercises(*self.arguments)
        if not pages:
            raise self.error(f"exercises: chapter {self.arguments[0]} has none")
        items = []
        for page in pages:
            self.env.note_dependency(str(page.path))
            said = nodes.Text(f" ({page.said}). {page.facts['goal'].rstrip('.')}.")
            line = nodes.paragraph("", "", link_to(page, self.env.docname), said)
            items.append(nodes.list_item("", line))
        return [nodes.bullet_list("", *items, bullet="-", classes=["exercise-list"])]


class ProblemSheet(SphinxDirective):
    """``{problem-sheet} N``: what the exercises of chapter N ask, for paper."""

    required_arguments = 1
    option_spec = {"class": directives.class_option}  # noqa: RUF012 (docutils' own way)

    def run(self) -> list[nodes.Node]:
        return [self.problem(page) for page in exercises(self.arguments[0])]

    def problem(self, page: Exercise) -> nodes.container:
        self.env.note_dependency(str(page.path))
        heading = nodes.rubric("", f"{page.number} {page.title}", heading_level=3)
        problem = nodes.container("", heading, facts_of(page), classes=["problem"])
        text = nodes.container()
        self.state.nested_parse(StringList(page.statement.splitlines(), str(page.path)), 0, text)
        problem += text.children
        problem += [literal(blank(code)) for code in page.cells if is_solved(code)]
        return problem


# The book without solutions


def hide_sources(app: Any, config: Any) -> None:
    """Where pages show no solutions, publish no source that holds them, and remove earlier ones."""
    if not config.exercises_solutions:
        config.html_copy_source = False
        for name in ("_sources", "_modules/vaelib/checks"):
            shutil.rmtree(Path(app.outdir, name), ignore_errors=True)


def hide_code(app: Any, document: Any) -> None:
    """Where pages show no solutions, show no code of the checks, which know them all."""
    if not app.config.exercises_solutions:
        for signature in document.findall(addnodes.desc_signature):
            if (signature.get("module") or "").startswith("vaelib.checks"):
                signature["module"] = ""


def setup(app: Any) -> None:
    app.add_config_value("exercises_solutions", True, "env", bool)
    app.connect("config-inited", hide_sources)
    # Before sphinx.ext.viewcode, which has the usual 500.
    app.connect("doctree-read", hide_code, priority=400)
    app.add_transform(ExercisePage)
    app.add_directive("exercises", ExerciseList)
    app.add_directive("problem-sheet", ProblemSheet)
