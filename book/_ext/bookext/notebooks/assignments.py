"""Write exercises as assignments: source notebooks of nbgrader, or master notebooks of
otter-grader.

``python book/_ext assignment nbgrader FOLDER 33_log_mean_exp ...`` writes the named exercises
into a folder; ``mine/61_perplexity.md`` names a file anywhere, and modules beside it that its cells
import are copied. The text is that of the notebook to fill in, the code that of the exercise's
source, with its solution marked. The check becomes the cell that is graded. A test compares the
examples in ``book/teaching/`` with what this module writes.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from bookext.directives.exercises import FOLDER, Exercise, exercise, is_solved
from bookext.notebooks.execution import read
from bookext.notebooks.write import (
    NOTEBOOKS,
    Cells,
    blank_and_solved,
    numbered,
    plain_blocks_alone,
    unrun,
)

BLANKS = NOTEBOOKS / "exercises"
OTTER = """\
# ASSIGNMENT CONFIG
name: {}
export_cell:
  pdf: false
generate:
  pdf: false
  show_stdout: true"""
ASSERTED = """assert verdict, f"{verdict}\\nmistakes: {', '.join(verdict.mistakes)}\""""


def statements(code: str) -> list[ast.stmt]:
    """The statements of a cell; none if it is not plain Python, such as one with a magic."""
    try:
        return ast.parse(code).body
    except SyntaxError:
        return []


def is_check(node: ast.AST) -> bool:
    """Whether it is a call of ``check_something``, in a module or by itself."""
    if not isinstance(node, ast.Call):
        return False
    return ast.unparse(node.func).rpartition(".")[2].startswith("check_")


def graded(code: str) -> str | None:
    """A cell that ends with a check, with an assertion in the place of its last statement; or None.

    The message of the assertion is the verdict, with the mistakes.
    """
    *_, last = [None, *statements(code)]
    if not isinstance(last, ast.Expr | ast.Assert):
        return None
    checks = [node for node in ast.walk(last) if is_check(node)]
    if len(checks) != 1:
        return None
    lines = code.encode().splitlines(keepends=True)  # ast counts bytes
    before = b"".join(lines[: last.lineno - 1]) + lines[last.lineno - 1][: last.col_offset]
    call = ast.get_source_segment(code, checks[0])
    return "\n".join([before.decode().rstrip("; \n"), f"verdict = {call}", ASSERTED]).lstrip()


def is_graded(cell: NotebookNode) -> bool:
    """Whether a cell ends with such an assertion."""
    return cell.cell_type == "code" and cell.source.endswith(ASSERTED)


def holds_solution(cell: NotebookNode) -> bool:
    """Whether a cell holds a part of the solution."""
    return cell.cell_type == "code" and is_solved(f"{cell.source}\n")


def blank(page: Exercise) -> Cells:
    """The cells of the notebook to fill in: the book's own is there, another one is made."""
    if page.path.parent == FOLDER:
        cells: Cells = nbformat.read(BLANKS / f"{page.path.stem}.ipynb", as_version=4).cells
        return cells
    return blank_and_solved(plain_blocks_alone(page.path), read(page.path).cells)[0]


def cells(page: Exercise) -> Cells:
    """Text and code of an exercise, with its solution marked and its check asserted.

    Raises:
        ValueError: it has no cell to fill in or to grade, or more than one.
    """
    for wanted, is_so in (("hold a solution", is_solved), ("end with a check", graded)):
        if (count := sum(bool(is_so(code)) for code in page.cells)) != 1:
            raise ValueError(f"{page.path.name}: one cell must {wanted}; got {count}")
    code = iter(page.cells)
    found = []
    for cell in blank(page):
        if cell.cell_type == "markdown":
            found.append(new_markdown_cell(cell.source))
        elif "setup" not in cell.metadata.get("tags", []):
            source = next(code).rstrip("\n")
            found.append(new_code_cell(graded(source) or source))
    return found


def modules_beside(page: Exercise) -> list[Path]:
    """The modules that its cells import and that lie in its folder, such as that of its check."""
    names = set()
    for node in (
        node for code in page.cells for step in statements(code) for node in ast.walk(step)
    ):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    paths = {page.path.with_name(f"{name.partition('.')[0]}.py") for name in names}
    return sorted(filter(Path.is_file, paths))


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


def otter(page: Exercise) -> Cells:
    """Raw cells enclose the question, its solution and its test."""
    files = [path.name for path in modules_beside(page)]
    settings = [OTTER.format(page.path.stem), *(f"files: [{', '.join(files)}]" for _ in files[:1])]
    made = [new_raw_cell("\n".join(settings))]
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


def write(grader: str, folder: Path, name: str) -> None:
    """Write one exercise into a folder, and what its cells need beside it."""
    path = Path(name).resolve() if name.endswith(".md") else FOLDER / f"{name}.md"
    page = exercise(path)
    text = assignment(grader, page)
    folder.mkdir(parents=True, exist_ok=True)
    for module in modules_beside(page):
        if module.parent != folder.resolve():
            shutil.copy(module, folder)
            print(f"{folder / module.name}: copied")
    made = folder / f"{path.stem}.ipynb"
    made.write_text(text, "utf8")
    print(f"{made}: written")


def main(arguments: list[str]) -> int:
    """Write the named exercises into a folder, for one grader."""
    if len(arguments) < 3 or arguments[0] not in GRADERS:
        said = "EXERCISE ..., such as 33_log_mean_exp or mine/61_perplexity.md"
        print(f"usage: assignment {'|'.join(GRADERS)} FOLDER {said}")
        return 2
    grader, folder, *names = arguments
    for name in names:
        try:
            write(grader, Path(folder), name)
        except (ValueError, FileNotFoundError) as error:
            print(error)
            return 1
    return 0
