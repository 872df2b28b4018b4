"""The committed notebooks are the chapters: same code, nothing missing, nothing of the machine that made them.

That they print what they say is nbval's part of ``make test``.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat import NotebookNode
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "book" / "notebooks"
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|tmp|Users|private|var|opt|usr)/|[A-Z]:\\Users|site-packages")


def is_chapter(page: Path) -> bool:
    return page.is_file() and re.search(r"\A---\n(.*\n)*?kernelspec:", page.read_text("utf8")) is not None


CHAPTERS = [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml") if is_chapter(ROOT / name)]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter.stem for chapter in CHAPTERS])


def notebook_of(chapter: Path) -> NotebookNode:
    path = NOTEBOOKS / f"{chapter.stem}.ipynb"
    assert path.is_file(), f"{path.relative_to(ROOT)} is missing: make notebooks"
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(output: NotebookNode) -> list[str]:
    """What an output says, pictures left out."""
    data = output.get("data", {})
    said = [value for kind, value in data.items() if not kind.startswith("image/") or kind == "image/svg+xml"]
    return [str(value) for value in [*said, output.get("text", "")]]


def test_the_five_chapters_are_there() -> None:
    numbers = [chapter.stem[:2] for chapter in CHAPTERS if chapter.stem[:2].isdigit()]
    assert numbers == ["01", "02", "03", "04", "05"]


def test_no_notebook_is_orphaned() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} <= {chapter.stem for chapter in CHAPTERS}


@each_chapter
def test_code_is_the_chapters(chapter: Path) -> None:
    setup, *cells = code_cells(notebook_of(chapter))
    assert setup.metadata.get("tags") == ["setup"]
    # jupytext is the other reader of a chapter: the notebook was not made with it.
    expected = [cell.source.strip() for cell in code_cells(jupytext.read(chapter))]
    assert [cell.source.strip() for cell in cells] == expected, "code differs from the chapter's: make notebooks"


@each_chapter
def test_prose_is_the_chapters(chapter: Path) -> None:
    prose = [cell.source for cell in notebook_of(chapter).cells if cell.cell_type == "markdown"]
    text = chapter.read_text("utf8")
    assert all(cell in text for cell in prose), "prose differs from the chapter's: make notebooks"
    in_notebook = sum(len(cell.split()) for cell in prose)
    expected = sum(len(cell.source.split()) for cell in jupytext.read(chapter).cells if cell.cell_type == "markdown")
    assert in_notebook == expected, "prose differs from the chapter's: make notebooks"


@each_chapter
def test_cells_are_short(chapter: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(jupytext.read(chapter))]
    assert max(lengths) <= 25  # and what is asked of the five chapters besides: test_claims.py


@each_chapter
def test_ran_from_top_to_bottom_without_an_error(chapter: Path) -> None:
    cells = code_cells(notebook_of(chapter))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert cells[0].outputs == []
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning is printed by: {cell.source}"


@each_chapter
def test_nothing_of_the_machine(chapter: Path) -> None:
    notebook = notebook_of(chapter)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "mystnb"}
        for text in [cell.source, *(text for output in cell.get("outputs", []) for text in texts(output))]:
            assert not MACHINE_PATH.search(text), text
            assert str(ROOT) not in text


@each_chapter
def test_figures_have_alt_text_and_caption(chapter: Path) -> None:
    for cell in code_cells(notebook_of(chapter)):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        moves = "vaelib-figure" in str(cell.get("outputs"))  # it has an alt text for every position: test_widgets.py
        if any(kind.startswith("image/") for kind in kinds) or moves:
            shown = cell.metadata.get("mystnb", {})
            assert moves or shown.get("image", {}).get("alt"), f"no alt text: {cell.source}"
            assert shown.get("figure", {}).get("caption"), f"no caption: {cell.source}"
            assert shown.get("figure", {}).get("name"), f"no name: {cell.source}"
