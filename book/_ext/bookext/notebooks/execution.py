"""Run the pages that have cells, once: page and notebook show the same outputs, from one cache.

The cache is jupyter-cache's, whose key is the code of a page. The name of its folder is a hash of
the library and the pins. So a change in either never meets an old output, and a change of prose
runs nothing.
"""

from __future__ import annotations

import hashlib
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from PIL import Image

from bookext.book import ROOT, config, pages

# What the outputs depend on, besides the page itself.
SOURCES = [f"vaelib/**/*.{suffix}" for suffix in ("py", "toml", "js", "css")] + ["requirements.txt"]


def cache_path() -> Path:
    """The cache of outputs that belong to the library and the pins as they are now."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix().encode()
        digest.update(name + b"\0" + path.read_bytes() + b"\0")
    return ROOT / "_build" / ".jupyter_cache" / digest.hexdigest()[:16]


def has_cells(page: Path) -> bool:
    """Whether a page is a notebook."""
    return page.is_file() and is_myst_markdown_notebook(page.read_text("utf8"))


def pages_that_run() -> list[Path]:
    """The pages of the book that have cells to run, in the book's order."""
    return [page for page in pages() if has_cells(page)]


def chapters() -> list[Path]:
    """The pages with cells that are no exercises."""
    return [page for page in pages_that_run() if page.parent.name != "exercises"]


def read(page: Path) -> NotebookNode:
    """A page as a notebook without outputs, read as the book's build reads it."""
    parser = MdParserConfig(enable_extensions=config()["parse"]["myst_enable_extensions"])
    return read_myst_markdown_notebook(page.read_text("utf8"), parser)


def run(page: Path, notebook: NotebookNode | None = None) -> ExecutionResult:
    """Run a page in a fresh kernel, in the page's folder. An error in a cell is in the result."""
    return single_nb_execution(
        notebook or read(page),
        cwd=str(page.parent),
        timeout=config()["execute"]["timeout"],
        allow_errors=False,
        coalesce_streams=True,
        # Else the kernel warns that it listens on this machine only.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )


def lighten(picture: str) -> str:
    """A PNG in 256 colours, as near to its own as can be: a third of the bytes, and as sharp."""
    image = Image.open(BytesIO(b64decode(picture))).convert("RGB")
    few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file := BytesIO(), "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def lighten_all(notebook: NotebookNode) -> None:
    """Make pictures lighter, and drop the live view of a figure, which needs its kernel."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop("application/vnd.jupyter.widget-view+json", None)
            if "image/png" in data:
                data["image/png"] = lighten(data["image/png"])


def missing(wanted: Iterable[Path]) -> list[Path]:
    """The pages among these whose outputs the cache lacks."""
    cache = get_cache(cache_path())
    lacking = []
    for page in wanted:
        try:
            cache.match_cache_notebook(read(page))
        except KeyError:
            lacking.append(page)
    return lacking


def fill(wanted: Iterable[Path]) -> bool:
    """Run the pages that the cache lacks, two at a time, and report. True if none failed."""
    cache = get_cache(cache_path())
    lacking = missing(wanted)
    all_ran = True
    with ProcessPoolExecutor(max_workers=2) as pool:
        for page, result in zip(lacking, pool.map(run, lacking), strict=True):
            name = page.relative_to(ROOT)
            if result.err is not None:
                all_ran = False
                print(f"{name}: FAILED\n{result.err}", file=sys.stderr, flush=True)
                continue
            lighten_all(result.nb)
            bundle = CacheBundleIn(result.nb, str(page), data={"execution_seconds": result.time})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            print(f"{name}: ran in {result.time:.1f} s", flush=True)
    return all_ran


def executed(page: Path) -> NotebookNode:
    """A page with its outputs, from the cache; they must be there."""
    return get_cache(cache_path()).merge_match_into_notebook(read(page))[1]


def use_cache(app: Any, sphinx: Any) -> None:
    """The build takes its outputs from this cache, unless write.py has named another one."""
    sphinx.nb_execution_cache_path = sphinx.nb_execution_cache_path or str(cache_path())


def setup(app: Any) -> None:
    # The path is part of Sphinx's environment: a new one makes every page out of date.
    app.connect("config-inited", use_cache)


def main(names: list[str]) -> int:
    """Run the named pages, or all pages, as far as the cache lacks them."""
    start = time.perf_counter()
    wanted = [Path(name).resolve() for name in names] or pages_that_run()
    if not fill(wanted):
        print("A page failed.", flush=True)
        return 1
    print(f"{len(wanted)} pages, {time.perf_counter() - start:.1f} s", flush=True)
    return 0
