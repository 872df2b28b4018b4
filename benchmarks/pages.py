"""Measure every page of the built book as a reader's browser loads it, and write PAGES.md.

Bytes and requests come from the browser of tests/browser. Lighthouse is not part of the project.
Its marks are written too where the variable LIGHTHOUSE names it or it is on the path
(npm install lighthouse, anywhere).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from conftest import CHAPTERS, HEIGHTS, PAGES, Visit

from bookext.book import ROOT
from bookext.browser import FLAGS, chromium, executable, serve

# What a chapter, 04_elbo, took before: theme and MathJax as they come.
BEFORE = """\
| before, `04_elbo`, 1,651 kB in all | kB |
| --- | ---: |
| Font Awesome: script, fonts, style sheet | 866 |
| MathJax and its fonts | 376 |
| pictures | 306 |
| the page itself | 49 |
| Bootstrap: style sheet and script | 54 |
"""
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
HEAD = ["page", "kB at 1280", "requests", "kB at 390", "requests", "all, kB"]
ROUNDS = 3


def first_view(browser: Any, address: str, name: str, width: int) -> tuple[int, int, int]:
    """Bytes and requests of the first view, and bytes when everything has come."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHTS[width]})
    visit = Visit(context.new_page(), address)
    visit.watch()
    visit.page.goto(f"{address}/{name}.html", wait_until="networkidle")
    first = visit.transferred()
    visit.scroll_through()
    all_bytes = sum(visit.transferred().values())
    context.close()
    return sum(first.values()), len(first), all_bytes


def transfers(address: str) -> list[list[str]]:
    rows = [HEAD, ["---", *["---:"] * (len(HEAD) - 1)]]
    with chromium() as browser:
        for name in PAGES:
            wide, wide_requests, everything = first_view(browser, address, name, 1280)
            narrow, narrow_requests, _ = first_view(browser, address, name, 390)
            sizes = [f"{wide / 1000:.0f}", wide_requests, f"{narrow / 1000:.0f}", narrow_requests]
            rows.append([name, *map(str, sizes), f"{everything / 1000:.0f}"])
            print(*rows[-1], flush=True)
    return rows


def marks(lighthouse: str, address: str, name: str, form: str, folder: str) -> list[int]:
    """Lighthouse's four marks, once."""
    result = Path(folder) / "result.json"
    flags = f"--chrome-flags=--headless {' '.join(FLAGS)}"
    command = [
        lighthouse,
        f"{address}/{name}.html",
        "--quiet",
        "--output=json",
        f"--output-path={result}",
        flags,
    ]
    command += [
        f"--only-categories={','.join(CATEGORIES)}",
        *(["--preset=desktop"] if form == "desktop" else []),
    ]
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "CHROME_PATH": executable()}
    )
    categories = json.loads(result.read_text("utf8"))["categories"]
    return [round(100 * categories[category]["score"]) for category in CATEGORIES]


def lighthouse_rows(lighthouse: str, address: str) -> list[list[str]]:
    rows = [["page", "form", *CATEGORIES], ["---", "---", *["---:"] * len(CATEGORIES)]]
    with TemporaryDirectory() as folder:
        for name in [PAGES[0], *CHAPTERS]:
            for form in ("mobile", "desktop"):
                found = [marks(lighthouse, address, name, form, folder) for _ in range(ROUNDS)]
                medians = [
                    f"{statistics.median(values):.0f}" for values in zip(*found, strict=True)
                ]
                rows.append([name, form, *medians])
                print(*rows[-1], flush=True)
    return rows


def table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    lighthouse = os.environ.get("LIGHTHOUSE") or shutil.which("lighthouse")
    text = """\
# What a page costs

Made by `make pages`, from the built book behind a server that compresses text. The first view is
what a browser loads without scrolling, in a window of 1280 × 900 or 390 × 844.

"""
    with serve() as address:
        text += f"{table(transfers(address))}\n{BEFORE}\n## Lighthouse\n\n"
        if lighthouse:
            text += f"Medians of {ROUNDS}, with its own throttling, on {os.cpu_count()} cores.\n\n"
            text += table(lighthouse_rows(lighthouse, address))
        else:
            text += "Not measured: it was not installed.\n"
    (ROOT / "benchmarks" / "PAGES.md").write_text(text, "utf8")
    print("benchmarks/PAGES.md: written")


if __name__ == "__main__":
    main()
