"""Run the chapters, once: the page and the notebook of a chapter show the same outputs, from one cache.

The cache is jupyter-cache's, whose key is a chapter's code cells. The name of its folder is a hash of the library and
the pins, so that a change in either never meets an old output, and an edit of prose runs nothing.

As a script: run what the cache lacks (all pages, or those named). As a Sphinx extension: build from this cache.
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

import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from PIL import Image
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]


def config() -> dict[str, Any]:
    """What _config.yml says."""
    return yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))


def cache_path() -> Path:
    """The cache of outputs that belong to the library and the pins as they are now."""
    digest = hashlib.sha256()
    for path in sorted(
        [
            *ROOT.glob("vaelib/**/*.py"),
            *ROOT.glob("vaelib/**/*.toml"),
            *ROOT.glob("vaelib/widgets/*.js"),
            *ROOT.glob("vaelib/widgets/*.css"),
            ROOT / "requirements.txt",
        ]
    ):
        digest.update(
            path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0"
        )
    return ROOT / "_build" / ".jupyter_cache" / digest.hexdigest()[:16]


def pages_that_run() -> list[Path]:
    """The pages of the book that have cells to run, in the book's order."""
    pages = [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml")]
    return [
        page
        for page in pages
        if page.is_file() and is_myst_markdown_notebook(page.read_text("utf8"))
    ]


def chapters() -> list[Path]:
    """Those of them that are no exercises."""
    return [page for page in pages_that_run() if page.parent.name != "exercises"]


def read(chapter: Path) -> NotebookNode:
    """A chapter as a notebook without outputs, read as the book's build reads it."""
    extensions = config()["parse"]["myst_enable_extensions"]
    return read_myst_markdown_notebook(
        chapter.read_text("utf8"), MdParserConfig(enable_extensions=extensions)
    )


def run(chapter: Path, notebook: NotebookNode | None = None) -> ExecutionResult:
    """Run a chapter in a fresh kernel, in the chapter's folder. An error in a cell is in the result."""
    return single_nb_execution(
        notebook or read(chapter),
        cwd=str(chapter.parent),
        timeout=config()["execute"]["timeout"],
        allow_errors=False,
        coalesce_streams=True,
        extra_arguments=[
            "--IPKernelApp.log_level=ERROR"
        ],  # not: that it listens on this machine only
    )


def lighten(picture: str) -> str:
    """A PNG in 256 colours, chosen so that no pixel's is far from its own: a third of the bytes, and as sharp."""
    image = Image.open(BytesIO(b64decode(picture))).convert("RGB")
    few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file := BytesIO(), "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def lighten_all(notebook: NotebookNode) -> None:
    """Lighter pictures; and no live view of a figure that moves, which dies with the kernel that ran."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop("application/vnd.jupyter.widget-view+json", None)
            if "image/png" in data:
                data["image/png"] = lighten(data["image/png"])


def missing(wanted: Iterable[Path]) -> list[Path]:
    """The chapters among these whose outputs the cache lacks."""
    cache = get_cache(cache_path())
    lacking = []
    for chapter in wanted:
        try:
            cache.match_cache_notebook(read(chapter))
        except KeyError:
            lacking.append(chapter)
    return lacking


def fill(wanted: Iterable[Path]) -> bool:
    """Run those chapters that the cache lacks, two at a time, and say how it went. True if none failed."""
    cache = get_cache(cache_path())
    lacking = missing(wanted)
    ok = True
    with ProcessPoolExecutor(max_workers=2) as pool:
        for chapter, result in zip(lacking, pool.map(run, lacking), strict=True):
            name = chapter.relative_to(ROOT)
            if result.err is None:
                lighten_all(result.nb)
                bundle = CacheBundleIn(
                    result.nb, str(chapter), data={"execution_seconds": result.time}
                )
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                print(f"{name}: ran in {result.time:.1f} s", flush=True)
            else:
                ok = False
                print(f"{name}: FAILED\n{result.err}", file=sys.stderr, flush=True)
    return ok


def executed(chapter: Path) -> NotebookNode:
    """A chapter with its outputs, from the cache; it must be there."""
    return get_cache(cache_path()).merge_match_into_notebook(read(chapter))[1]


def use_cache(app: Any, sphinx: Any) -> None:
    """Unless another one is named, as notebooks.py may do."""
    sphinx.nb_execution_cache_path = sphinx.nb_execution_cache_path or str(cache_path())


def setup(app: Any) -> dict[str, bool]:
    """Sphinx: use this cache. The setting is part of the environment: a new path makes every page out of date."""
    app.connect("config-inited", use_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main(names: list[str]) -> int:
    start = time.perf_counter()
    wanted = [Path(name).resolve() for name in names] or pages_that_run()
    ok = fill(wanted)
    print(
        f"{len(wanted)} pages, {time.perf_counter() - start:.1f} s" if ok else "A page failed.",
        flush=True,
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
