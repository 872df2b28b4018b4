"""Write every page with cells as a notebook in plain Markdown: ``book/notebooks/NN_name.ipynb``.

An exercise becomes two notebooks: one to fill in, below ``exercises/``, and a solved one, below
``solutions/``.

The code and its outputs come from the cache of ``execution.py``. The text comes from Sphinx,
whose tree of the whole book knows all numbers and links, and ``plain.py`` writes it. The same
book, library and pins give the same bytes: no times, nothing of the machine, ids and execution
counts by position.

As a Sphinx extension it is the builder ``notebooks``, which ``plain_blocks`` runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyter_book.sphinx import build_sphinx
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.util.docutils import docutils_namespace, patch_docutils

import vaelib
from bookext.book import BOOK, ROOT, config
from bookext.book import docname as name_of
from bookext.directives import exercises
from bookext.notebooks import plain
from bookext.notebooks.execution import cache_path, executed, fill, pages_that_run

NOTEBOOKS = BOOK / "notebooks"
SOLUTIONS = NOTEBOOKS / "solutions"

Blocks = list[str | int]
Cells = list[NotebookNode]
FIRST = """\
{title}

*A notebook of [{book}]({site}): the text of [this page]({page}), to run. {licences}*"""
SETUP = """\
# Set-up: on Google Colab this installs the course's library; anywhere else it does nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    vaelib = "vaelib[book] @ git+{repository}@{tag}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", vaelib], check=True)"""


def tag() -> str:
    """The tag of the released version."""
    return f"v{vaelib.__version__}"


def address(docname: str) -> str:
    """Where a page is published."""
    return f"{config()['html']['baseurl']}{docname}.html"


def notebook_path(source: Path) -> Path:
    """Where the notebook of a page is kept: as below ``book/``, so below ``book/notebooks/``."""
    return NOTEBOOKS / source.relative_to(BOOK).with_suffix(".ipynb")


class NotebookBuilder(Builder):
    """Writes each page as a JSON list: Markdown texts, and positions of code cells."""

    name = "notebooks"
    format = "notebook"

    def get_outdated_docs(self) -> list[str]:
        return list(self.config.notebooks_wanted)

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        return address(docname)

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        return "" if from_ == to else address(to)

    def prepare_writing(self, docnames: set[str]) -> None:
        pass

    def write_doc(self, docname: str, doctree: Any) -> None:
        if docname in self.config.notebooks_wanted:
            parts = plain.Page(self, docname).blocks(doctree)
            path = Path(self.outdir, f"{docname}.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(parts), "utf8")


def setup(app: Any) -> None:
    app.add_config_value("notebooks_wanted", [], "")
    app.add_builder(NotebookBuilder)


def plain_blocks(docnames: Iterable[str], cache: Path | None = None) -> dict[str, Blocks]:
    """Pages of the book, each as its blocks: plain Markdown, and the positions of code cells in
    the page's source.

    Args:
        docnames: pages such as ``book/04_elbo``; any page of the table of contents.
        cache: the outputs to read the book with, for the numbers and captions of figures; if not
            given, the cache of ``execution.py``.

    Raises:
        SystemExit: Sphinx has a warning, or there is a node that ``plain.py`` cannot write.
    """
    wanted = sorted(docnames)
    settings = {
        "external_toc_path": str(ROOT / "_toc.yml"),
        "latex_individualpages": False,
        "notebooks_wanted": wanted,
        "nb_execution_cache_path": str(cache or cache_path()),
        "nitpicky": True,
        # Otherwise Sphinx writes into the signatures of vaelib itself, for the whole process.
        "autodoc_preserve_defaults": False,
        # A notebook of each kind is written, whatever the pages show.
        "exercises_solutions": True,
    }
    # In a folder of its own, since Sphinx would take it for the environment of the built pages.
    folder = (cache.parent if cache else ROOT / "_build") / "plain"
    failed = build_sphinx(
        ROOT,
        folder / "text",
        path_config=ROOT / "_config.yml",
        noconfig=True,
        confoverrides=settings,
        builder="notebooks",
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    if failed:
        raise SystemExit("The text of the notebooks could not be written: see above.")
    written = {name: (folder / "text" / f"{name}.json").read_text("utf8") for name in wanted}
    return {name: json.loads(text) for name, text in written.items()}


def plain_blocks_alone(page: Path) -> Blocks:
    """An exercise that is not in the book, in any folder, as its blocks.

    It can refer to no other page.

    Raises:
        SystemExit: Sphinx has a warning, or there is a node that ``plain.py`` cannot write.
    """
    settings = {
        "extensions": ["myst_nb", "bookext.directives.exercises", "bookext.notebooks.write"],
        "include_patterns": [page.name],
        "root_doc": page.stem,
        "myst_enable_extensions": config()["parse"]["myst_enable_extensions"],
        "myst_dmath_double_inline": True,
        "nb_execution_mode": "off",
        "notebooks_wanted": [page.stem],
    }
    with TemporaryDirectory() as folder, docutils_namespace(), patch_docutils():
        trees = Path(folder, "trees")
        places = (page.parent, None, folder, trees, NotebookBuilder.name)
        app = Sphinx(*places, settings, status=None, warningiserror=True)
        app.build()
        if app.statuscode:
            raise SystemExit(f"{page.name}: its text could not be written: see above.")
        blocks: Blocks = json.loads(Path(folder, f"{page.stem}.json").read_text("utf8"))
    return blocks


def cells_of(blocks: Blocks, code: Cells) -> Iterator[NotebookNode]:
    """Cells: code as it was run; text up to the next code or heading in one cell."""
    texts: list[str] = []
    for part in [*blocks, -1]:
        if texts and (isinstance(part, int) or part.startswith("#")):
            yield new_markdown_cell("\n\n".join(texts))
            texts = []
        if isinstance(part, str):
            texts.append(part)
        elif part >= 0:
            yield code_cell(code[part])


def code_cell(cell: NotebookNode) -> NotebookNode:
    """A cell as it was run. Its picture's alt text stands where Jupyter looks for it."""
    tags = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    for output in cell.outputs:
        if alt and "image/png" in output.get("data", {}):
            output.metadata.setdefault("image/png", {})["alt"] = alt
    return new_code_cell(cell.source, metadata=tags, outputs=cell.outputs)


def notebook(docname: str, cells: Cells) -> NotebookNode:
    """The cells of a page as a notebook: it says where it comes from, and sets up Colab."""
    book = config()
    title, *rest = cells
    heading, _, text = title.source.partition("\n\n")
    first = FIRST.format(
        title=heading,
        book=book["title"].partition(":")[0],
        site=book["html"]["baseurl"],
        page=address(docname),
        licences=book["html"]["extra_footer"],
    )
    install = SETUP.format(repository=book["repository"]["url"], tag=tag())
    opening = [new_markdown_cell(first), new_code_cell(install, metadata={"tags": ["setup"]})]
    opening += [new_markdown_cell(text)] * bool(text)
    return numbered([*opening, *rest])


def numbered(cells: Cells) -> NotebookNode:
    """A notebook whose cells are named and counted by position."""
    count = 0
    for position, cell in enumerate(cells):
        cell.id = f"cell-{position:03d}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


def blank_and_solved(blocks: Blocks, cells: Cells) -> tuple[Cells, Cells]:
    """The cells of an exercise: to be filled in, without the solution; and solved, with outputs."""
    at = blocks.index(plain.SOLUTION)
    asked, told = blocks[:at], blocks[at:]
    blanks = [new_code_cell(exercises.blank(cell.source)) for cell in cells]
    solutions = [NotebookNode(cell, source=exercises.solved(cell.source)) for cell in cells]
    solved = [part for part in asked if isinstance(part, str) or part not in told] + told
    return list(cells_of(asked, blanks)), list(cells_of(solved, solutions))


def notebooks_of(source: Path, blocks: Blocks, cells: Cells) -> dict[Path, NotebookNode]:
    """The notebook of a page, or the two of an exercise, by where they are kept."""
    docname, path = name_of(source), notebook_path(source)
    if plain.SOLUTION not in blocks:
        return {path: notebook(docname, list(cells_of(blocks, cells)))}
    blank, solved = blank_and_solved(blocks, cells)
    return {path: unrun(notebook(docname, blank)), SOLUTIONS / path.name: notebook(docname, solved)}


def texts_of(pages: dict[Path, NotebookNode], cache: Path | None = None) -> dict[Path, str]:
    """The files to write for pages that have run, by where they are kept."""
    blocks = plain_blocks(map(name_of, pages), cache)
    found: dict[Path, NotebookNode] = {}
    for page, notebook in pages.items():
        found |= notebooks_of(page, blocks[name_of(page)], notebook.cells)
    return {path: nbformat.writes(notebook) + "\n" for path, notebook in found.items()}


def unrun(notebook: NotebookNode) -> NotebookNode:
    """The notebook as one that nobody has run."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
    return notebook


def main(arguments: list[str]) -> int:
    """Run what the cache lacks, write the notebooks that changed, remove those without a page."""
    wanted = pages_that_run()
    if not fill(wanted):
        return 1
    kept = texts_of({page: executed(page) for page in wanted})
    for orphan in set(NOTEBOOKS.rglob("*.ipynb")) - kept.keys():
        orphan.unlink()
        print(f"{orphan.relative_to(ROOT)}: removed, its page is gone")
    for path, text in kept.items():
        if not path.is_file() or path.read_text("utf8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf8")
            print(f"{path.relative_to(ROOT)}: written")
    print(f"{len(kept)} notebooks are up to date")
    return 0
