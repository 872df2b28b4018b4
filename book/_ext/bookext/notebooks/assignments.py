"""Write exercises as assignments: source notebooks of nbgrader, or master notebooks of
otter-grader.

``python book/_ext assignment nbgrader FOLDER 33_log_mean_exp ...`` writes the named exercises
into a folder. The text is that of the notebook to fill in, the code that of the exercise's
source, with its solution marked. The check becomes the cell that is graded. A test compares the
examples in ``book/teaching/`` with what this module writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from bookext.directives.exercises import FOLDER, Exercise, exercise, is_solved
from bookext.notebooks.write import NOTEBOOKS, Cells, numbered, unrun

BLANKS = NOTEBOOKS / "exercises"
CHECK = re.compile(r"checks\.check_(\w+)\((\w+)\)")
OTTER = """\
# ASSIGNMENT CONFIG
name: {}
export_cell:
  pdf: false
generate:
  pdf: false
  show_stdout: true"""
GRADED = """\
verdict = checks.check_{name}({function})
assert verdict, f"{{verdict}}\\nmistakes: {{', '.join(verdict.mistakes)}}\""""


def graded(code: str) -> str | None:
    """The check of a cell as an assertion, with verdict and mistakes as its message; or None."""
    match = CHECK.fullmatch(code.strip())
    return GRADED.format(name=match[1], function=match[2]) if match else None


def is_graded(cell: NotebookNode) -> bool:
    """Whether a cell holds such an assertion."""
    return cell.cell_type == "code" and cell.source.startswith("verdict = ")


def cells(page: Exercise) -> Cells:
    """Text and code of an exercise, with its solution marked and its check asserted."""
    blank = nbformat.read(BLANKS / f"{page.path.stem}.ipynb", as_version=4).cells
    code = iter(page.cells)
    found = []
    for cell in blank:
        if cell.cell_type == "markdown":
            found.append(new_markdown_cell(cell.source))
        elif "setup" not in cell.metadata.get("tags", []):
            source = next(code).rstrip("\n")
            found.append(new_code_cell(graded(source) or source))
    return found


def nbgrader(page: Exercise) -> Cells:
    """The cell with the solution is the student's; the check is locked and worth a point."""
    made = cells(page)
    for position, cell in enumerate(made):
        named = {"grade_id": f"cell-{position}", "schema_version": 3, "task": False}
        if holds_solution(cell):
            cell.metadata["nbgrader"] = named | {"solution": True, "grade": False, "locked": False}
        elif is_graded(cell):
            graded = {"solution": False, "grade": True, "locked": True, "points": 1}
            cell.metadata["nbgrader"] = named | graded
    return made


def holds_solution(cell: NotebookNode) -> bool:
    """Whether a cell holds a part of the solution."""
    return cell.cell_type == "code" and is_solved(f"{cell.source}\n")


def otter(page: Exercise) -> Cells:
    """Raw cells enclose the question, its solution and its test."""
    made = [new_raw_cell(OTTER.format(page.path.stem))]
    for cell in cells(page):
        if holds_solution(cell):
            # Otter's marks have one sign where nbgrader's have three.
            cell.source = cell.source.replace("### ", "# ")
            question = f"# BEGIN QUESTION\nname: {page.path.stem.partition('_')[2]}\npoints: 1"
            made += [new_raw_cell(question), *enclosed("SOLUTION", cell)]
        elif is_graded(cell):
            made += [*enclosed("TESTS", cell), new_raw_cell("# END QUESTION")]
        else:
            made.append(cell)
    return made


def enclosed(what: str, cell: NotebookNode) -> Cells:
    """A cell between otter's two marks."""
    return [new_raw_cell(f"# BEGIN {what}"), cell, new_raw_cell(f"# END {what}")]


GRADERS: dict[str, Callable[[Exercise], Cells]] = {"nbgrader": nbgrader, "otter": otter}


def assignment(grader: str, page: Exercise) -> str:
    """An exercise as a notebook for a grader, as the text of its file."""
    notebook = unrun(numbered(GRADERS[grader](page)))
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str]) -> int:
    """Write the named exercises into a folder, for one grader."""
    if len(arguments) < 3 or arguments[0] not in GRADERS:
        graders = "|".join(GRADERS)
        print(f"usage: assignment {graders} FOLDER EXERCISE ..., such as 33_log_mean_exp")
        return 2
    grader, folder, *names = arguments
    for name in names:
        path = Path(folder, f"{name}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(assignment(grader, exercise(FOLDER / f"{name}.md")), "utf8")
        print(f"{path}: written")
    return 0
