"""Write exercises as assignments of a course: source notebooks of nbgrader, or master notebooks of otter-grader.

``python book/_ext/assignments.py nbgrader FOLDER 33_log_mean_exp ...`` writes the named exercises into a folder. The
text is that of the notebook to fill in, the code that of the exercise's source, with its solution marked; the check
becomes the cell that is graded. The examples in ``book/teaching/`` are made by this, which a test compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from exercises import FOLDER, ROOT, Exercise, exercise, is_solved
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

BLANKS = ROOT / "book" / "notebooks" / "exercises"
CHECK = re.compile(r"checks\.check_(\w+)\((\w+)\)")
GRADED = """\
verdict = checks.check_{name}({function})
assert verdict, f"{{verdict}}\\nmistakes: {{', '.join(verdict.mistakes)}}\""""


def graded(code: str) -> str | None:
    """The check of a cell as an assertion, whose message is the verdict and the keys of the mistakes; None if none."""
    match = CHECK.fullmatch(code.strip())
    return GRADED.format(name=match[1], function=match[2]) if match else None


def is_graded(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and cell.source.startswith("verdict = ")


def cells(page: Exercise) -> list[NotebookNode]:
    """Title, text and code of an exercise, its solution marked and its check asserted; nothing that sets up Colab."""
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


def nbgrader(page: Exercise) -> list[NotebookNode]:
    """The cell with the solution is the student's, the check is worth a point and locked."""
    made = cells(page)
    for position, cell in enumerate(made):
        solution = cell.cell_type == "code" and is_solved(f"{cell.source}\n")
        if solution or is_graded(cell):
            kind = {
                "solution": solution,
                "grade": not solution,
                "locked": not solution,
                "task": False,
            }
            points = {} if solution else {"points": 1}
            cell.metadata["nbgrader"] = {
                "grade_id": f"cell-{position}",
                "schema_version": 3,
                **kind,
                **points,
            }
    return made


def otter(page: Exercise) -> list[NotebookNode]:
    """Raw cells enclose the question, its solution and its test; otter's marks have one sign where ours have three."""
    head = "# ASSIGNMENT CONFIG\nname: {}\nexport_cell:\n  pdf: false\ngenerate:\n  pdf: false\n  show_stdout: true"
    made = [new_raw_cell(head.format(page.path.stem))]
    for cell in cells(page):
        if cell.cell_type == "code" and is_solved(f"{cell.source}\n"):
            cell.source = cell.source.replace("### ", "# ")
            begin = f"# BEGIN QUESTION\nname: {page.path.stem.partition('_')[2]}\npoints: 1"
            made += [
                new_raw_cell(begin),
                new_raw_cell("# BEGIN SOLUTION"),
                cell,
                new_raw_cell("# END SOLUTION"),
            ]
        elif is_graded(cell):
            made += [
                new_raw_cell("# BEGIN TESTS"),
                cell,
                new_raw_cell("# END TESTS"),
                new_raw_cell("# END QUESTION"),
            ]
        else:
            made.append(cell)
    return made


GRADERS: dict[str, Callable[[Exercise], list[NotebookNode]]] = {
    "nbgrader": nbgrader,
    "otter": otter,
}


def assignment(grader: str, page: Exercise) -> str:
    """An exercise as a notebook for a grader, as the text of its file."""
    made = GRADERS[grader](page)
    for position, cell in enumerate(made):
        cell.id = f"cell-{position:03d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(
        cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    return nbformat.writes(notebook) + "\n"


def main(grader: str, folder: str, *names: str) -> None:
    for name in names:
        path = Path(folder, f"{name}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(assignment(grader, exercise(FOLDER / f"{name}.md")), "utf8")
        print(f"{path}: written")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in GRADERS:
        sys.exit(
            f"usage: assignments.py {'|'.join(GRADERS)} FOLDER EXERCISE ..., such as 33_log_mean_exp"
        )
    main(*sys.argv[1:])
