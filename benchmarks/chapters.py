"""Measure every chapter in a fresh kernel, not from the cache, and write CHAPTERS.md."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from bookext.book import ROOT
from bookext.notebooks.execution import chapters, read, run

PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
TABLE = "| {:<32} | {:>7} | {:>8} | {:>6} | {:>5} | {:>6} | {:>7} | {:>14} |"


def words(notebook: NotebookNode) -> int:
    """How many words of prose there are, without equations, code, options and labels."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = re.sub(
        r"^```\{(?:source|bibliography|figure|image)\}.*?^```", "", text, flags=re.M | re.S
    )
    text = re.sub(r"\$\$.*?\$\$(?: *\(.*?\))?", "", text, flags=re.S)
    text = re.sub(r"^(?:`{3,}|:{3,}|:[\w-]+:|\([\w-]+\)=).*$", "", text, flags=re.M)
    text = re.sub(r"\$[^$]+\$", "x", text)
    return len(re.findall(r"\b[^\W\d_][\w'’-]*", re.sub(r"\{[\w:]+\}`", "`", text)))


def measure(chapter: Path) -> list[str]:
    notebook = read(chapter)
    lines = [len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code"]
    prose = words(notebook)
    notebook.cells.append(new_code_cell(PEAK))
    result = run(chapter, notebook)
    if result.err is not None:
        raise SystemExit(f"{chapter.name}: {result.err}")
    peak = int(result.nb.cells[-1].outputs[0].text) / (1024 if sys.platform == "linux" else 1024**2)
    row = [chapter.stem, f"{result.time:.0f}", f"{peak:.0f}", prose, len(lines)]
    return [
        str(value)
        for value in [
            *row,
            f"{statistics.median(lines):g}",
            max(lines),
            f"{prose / sum(lines):.1f}",
        ]
    ]


def main() -> None:
    head = [
        "chapter",
        "seconds",
        "peak MB",
        "words",
        "cells",
        "median",
        "longest",
        "words per line",
    ]
    rows = [head, ["---", *["---:"] * 7]]
    print(TABLE.format(*head))
    for chapter in chapters():
        rows.append(measure(chapter))
        print(TABLE.format(*rows[-1]), flush=True)
    machine = f"{os.cpu_count()} cores ({platform.machine()}), one thread"
    text = [
        "# What each chapter costs to run, and to read",
        "",
        "Each chapter runs in a fresh kernel. The time includes the kernel's start and imports, on",
        f"{machine}, Python {platform.python_version()}. Then follow words of prose, code cells,",
        "lines of code in a cell (median and longest), words of prose per line of code.",
        "Made by `make chapters`.",
        "",
        *(TABLE.format(*row) for row in rows),
    ]
    (ROOT / "benchmarks" / "CHAPTERS.md").write_text("\n".join(text) + "\n", "utf8")


if __name__ == "__main__":
    main()
