"""Write every chapter as a notebook with outputs, ``book/notebooks/NN_name.ipynb``, from the cache of execution.py.

The same chapter, library and pins give the same bytes: no times, no machine, ids and execution counts by position.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from execution import ROOT, chapters, config, executed, fill
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NOTEBOOKS = ROOT / "book" / "notebooks"

SETUP = """\
# Set-up: on Google Colab this installs the course's library; anywhere else it does nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    vaelib = "vaelib[book] @ git+{repository}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", vaelib], check=True)"""


def notebook_of(chapter: Path) -> nbformat.NotebookNode:
    """A chapter with its outputs, and before it the one cell that sets up Colab."""
    setup = new_code_cell(SETUP.format(repository=config()["repository"]["url"]), metadata={"tags": ["setup"]})
    cells = [setup]
    for cell in executed(chapter).cells:
        if cell.cell_type == "code":
            metadata = {key: cell.metadata[key] for key in ("tags", "mystnb") if key in cell.metadata}
            cells.append(new_code_cell(cell.source, metadata=metadata, outputs=cell.outputs))
        else:
            cells.append(new_markdown_cell(cell.source))
    count = 0
    for position, cell in enumerate(cells):
        cell.id = f"cell-{position:03d}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


def main() -> int:
    wanted = chapters()
    if not fill(wanted):
        return 1
    NOTEBOOKS.mkdir(exist_ok=True)
    for orphan in set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / f"{chapter.stem}.ipynb" for chapter in wanted}:
        orphan.unlink()
        print(f"{orphan.relative_to(ROOT)}: removed, its chapter is gone")
    for chapter in wanted:
        path = NOTEBOOKS / f"{chapter.stem}.ipynb"
        text = nbformat.writes(notebook_of(chapter)) + "\n"
        if not path.is_file() or path.read_text("utf8") != text:
            path.write_text(text, "utf8")
            print(f"{path.relative_to(ROOT)}: written")
    print(f"{len(wanted)} notebooks are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
