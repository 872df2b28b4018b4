"""Binder, as far as one machine shows it: its environment is small, and every notebook runs there.

``make test-binder`` installs what ``.binder/`` lists into ``.venv-binder`` and runs this. Where the
environment is missing, nothing runs, and pytest says so and exits with an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import psutil
import pytest
from nbformat import NotebookNode
from playwright.sync_api import Page

from bookext import browser
from bookext.book import BOOK, ROOT

BIN = ROOT / ".venv-binder" / ("Scripts" if sys.platform == "win32" else "bin")
# Those to fill in stop where the reader begins; their solutions run all of their cells.
ALL = sorted((BOOK / "notebooks").rglob("*.ipynb"))
NOTEBOOKS = [path for path in ALL if path.parent.name != "exercises"]
CHAPTER, SOURCE = "book/notebooks/03_jensen.ipynb", "book/03_jensen.md"
GIGABYTE = 2**30
SIZE = 2.0 * GIGABYTE
# What one reader has, for kernel and server. The server took 0.11 GB; its share is tested below.
MEMORY, SERVER = 2.0 * GIGABYTE, 0.25 * GIGABYTE
RUN = """
import resource, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
"""


@pytest.fixture(autouse=True, scope="session")
def installed() -> None:
    if not (BIN / "python").exists():
        pytest.exit("Binder's environment is not installed: make test-binder", returncode=4)


def environment(home: Path) -> dict[str, str]:
    """Nobody's settings, and one thread, as when the outputs were made."""
    settings = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(home / name.lower()) for name in settings}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_installed_is_pinned() -> None:
    pinned = {}
    for path in (ROOT / "requirements.txt", ROOT / ".binder" / "requirements.txt"):
        found = re.findall(r"^([\w.-]+)==([^\s#]+)", path.read_text("utf8"), flags=re.M)
        pinned |= {normal(name): version for name, version in found}
    command = [BIN / "python", "-m", "pip", "list", "--format", "json"]
    listed = subprocess.run(command, capture_output=True, check=True)
    have = {normal(entry["name"]): entry["version"] for entry in json.loads(listed.stdout)}
    for name in ("pip", "setuptools", "vaelib"):  # Binder's own, and ours
        assert have.pop(name)
    assert have == {name: pinned.get(name) for name in have}
    assert "nvidia" not in str(have) and have["torch"].endswith("+cpu")


def test_it_is_small() -> None:
    """Size on disk, each file once."""
    seen = {}
    for folder, _, files in os.walk(BIN.parent):
        for name in files:
            status = os.lstat(Path(folder, name))
            on_disk = getattr(status, "st_blocks", 0) * 512
            seen[status.st_dev, status.st_ino] = on_disk or status.st_size
    size = sum(seen.values())
    print(f"Binder's environment: {size / GIGABYTE:.2f} GB")
    assert 0.5 * GIGABYTE < size <= SIZE


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_runs_in_little_memory(path: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    command = [BIN / "python", "-c", RUN, path]
    options = {"cwd": tmp_path, "env": environment(tmp_path), "capture_output": True, "text": True}
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, peak = time.perf_counter() - start, int(done.stdout.split()[-1])
    print(f"{path.stem}: {seconds:.0f} s, kernel {peak / GIGABYTE:.2f} GB at most")
    assert peak + SERVER <= MEMORY


@contextmanager
def jupyterlab(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """JupyterLab in a folder, as Binder starts it: its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BIN / "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.news_url=None"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (folder / "log").open("w") as log:
        options = {"cwd": folder, "env": environment(folder), "stdout": log, "stderr": log}
        server = subprocess.Popen(command, **options)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{address}/api"), 60, lambda: (folder / "log").read_text())
        yield address, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, ConnectionError):
        return False


def wait_for(condition, seconds: float, why=lambda: "") -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s: {why()}"
        time.sleep(0.5)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: NotebookNode) -> list[str]:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    streams = [output for output in outputs if output.output_type == "stream"]
    assert {stream.name for stream in streams} == {"stdout"}
    return [stream.text for stream in streams]


def run_all(page: Page, path: Path) -> NotebookNode:
    """By the menu, as a reader does; saved until the last cell has run."""
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    counts: list[int | None] = []

    def saved() -> bool:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        try:
            cells = code_cells(nbformat.read(path, as_version=4))
        except nbformat.reader.NotJSONError:  # it is being written
            return False
        counts[:] = [cell.execution_count for cell in cells]
        return all(counts)

    wait_for(saved, 240, lambda: f"{counts} {page.locator('.jp-Dialog-content').all_inner_texts()}")
    return nbformat.read(path, as_version=4)


def is_idle(address: str) -> bool:
    """Whether the notebook's kernel has started; what JupyterLab shows is a guess until then."""
    with urlopen(f"{address}/api/sessions", timeout=30) as answer:
        return [session["kernel"]["execution_state"] for session in json.load(answer)] == ["idle"]


def copied(name: str, folder: Path) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(ROOT / name, path))


def opened(page: Page, address: str, name: str) -> None:
    """A notebook, its kernel at rest."""
    page.goto(f"{address}/lab/tree/{name}")
    wait_for(lambda: is_idle(address), 90)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=90_000)


def test_a_chapter_runs_in_jupyterlab(tmp_path: Path) -> None:
    path = copied(CHAPTER, tmp_path)
    kept = nbformat.read(path, as_version=4)
    bare = nbformat.read(path, as_version=4)
    for cell in code_cells(bare):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(bare, path)
    with jupyterlab(tmp_path) as (address, server), browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 1500})
        opened(page, address, CHAPTER)
        run = run_all(page, path)
        look_at(page)
        memory = server.memory_info().rss
    print(f"JupyterLab's server: {memory / GIGABYTE:.2f} GB")
    assert memory <= SERVER
    cells = code_cells(run)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [
        output for cell in cells for output in cell.outputs if output.output_type == "error"
    ]
    assert printed(run) == printed(kept)
    assert [len(cell.outputs) for cell in cells] == [len(cell.outputs) for cell in code_cells(kept)]


def screens(page: Page) -> Iterator[None]:
    """A notebook from top to bottom, a screen at a time: JupyterLab makes cells as they come."""
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    panel = page.locator(".jp-WindowedPanel-outer")
    panel.evaluate("panel => panel.scrollTo(0, 0)")
    while True:
        page.wait_for_timeout(800)
        yield
        where = "panel => [panel.scrollTop, panel.scrollHeight - panel.clientHeight]"
        top, end = panel.evaluate(where)
        if top >= end - 1:
            return
        panel.evaluate("panel => panel.scrollBy(0, panel.clientHeight * 0.8)")


# A cell that leaves the view may leave the page, so this looks at all that are there at once.
TEXTS = """
all => all.map(one => {
  const copy = one.cloneNode(true);
  copy.querySelectorAll("pre, code, mjx-container, .katex").forEach(formula => formula.remove());
  return copy.textContent;
})
"""


def look_at(page: Page) -> None:
    """Formulas are set, no sign of ours is left, nothing failed, figures that move are live."""
    formulas, moving, raw = 0, 0, re.compile(r"\$|\{[\w:-]+\}`|:::|\*\*|!\[|</?\w+>")
    for _ in screens(page):
        texts = page.locator(".jp-MarkdownCell .jp-RenderedMarkdown").evaluate_all(TEXTS)
        assert not [text for text in texts if raw.search(text)]
        failed = "[data-mime-type*=stderr], [data-mime-type*=error]"
        assert page.locator(f".jp-OutputArea :is({failed})").count() == 0
        assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
        formulas += page.locator(".jp-MarkdownCell mjx-container").count()
        moving += page.locator(".jp-OutputArea .vaelib-figure input[type=range]").count()
    assert formulas > 100 and moving >= 2


FORMULA = r"(\$\$?).+?\1"


# MathJax writes letters as classes, which say which.
LABELS = """
labels => labels.map(label => {
  const codes = [...label.querySelectorAll("mjx-c")].map(c => c.className.match(/mjx-c(\\w+)/)[1]);
  return codes.map(code => String.fromCodePoint(parseInt(code, 16))).join("");
})
"""
UNFOLDED = """
all => all.filter(details => details.checkVisibility()).map(details => {
  const summary = details.querySelector("summary"), inside = summary.nextElementSibling;
  const hidden = !inside.checkVisibility(), sign = getComputedStyle(summary).listStyleType;
  summary.click();
  const shown = inside.checkVisibility();
  const formulas = details.querySelectorAll("mjx-container").length;
  const text = details.innerText;
  summary.click();
  return [text, hidden && shown, sign, formulas];
})
"""


def test_a_notebook_reads_as_it_does_without_myst(tmp_path: Path) -> None:
    """jupyterlab-myst by itself would number equations again, and unfold what is folded."""
    cells = nbformat.read(copied(CHAPTER, tmp_path), as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    numbers, unfolded = set(), set()
    with jupyterlab(tmp_path) as (address, _), browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 1500})
        opened(page, address, CHAPTER)
        for _ in screens(page):
            assert page.locator(".jp-Notebook .myst, .jp-Notebook .katex").count() == 0
            seen = page.locator(".jp-MarkdownCell mjx-labels").evaluate_all(LABELS)
            assert len(seen) == len(set(seen))
            numbers |= set(seen)
            folds = page.locator(".jp-MarkdownCell details").evaluate_all(UNFOLDED)
            unfolded |= set(map(tuple, folds))
    assert numbers == {f"({number})" for number in re.findall(r"\\tag\{(.*?)\}", source)}
    assert all(unfolds and sign == "disclosure-closed" for _, unfolds, sign, _ in unfolded)
    fold = r"<details>\n<summary><b>(.*?)</b></summary>\n\n(.*?)\n\n</details>"
    parts = set(re.findall(fold, source, flags=re.S))
    assert len(unfolded) >= len(parts) > 5
    for part in map("\n".join, parts):
        words = re.findall(r"[A-Za-z]{4,}", re.sub(rf"{FORMULA}|\]\(\S+\)", " ", part, flags=re.S))
        found = [(text, formulas) for text, _, _, formulas in unfolded]
        whole = [formulas for text, formulas in found if all(word in text for word in words)]
        assert words and len(re.findall(FORMULA, part, flags=re.S)) in whole, part


# What only Sphinx knows here stands in a box that says so, as it is written.
OURS = ["claim", "exercises", "quiz", "source"]
BOXES = {"admonition": r"^`+\{admonition\}", "proof": r"^`+\{prf:\w+\}"}


def test_a_source_is_rendered(tmp_path: Path) -> None:
    """By a click on it: admonitions, theorems, cells, numbered formulas, and no syntax is left."""
    source = copied(SOURCE, tmp_path).read_text("utf8")
    with jupyterlab(tmp_path) as (address, _), browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1300, "height": 1500})
        page.goto(f"{address}/lab/tree/{SOURCE}")
        view = page.locator(".jp-MarkdownViewer .myst")
        view.locator("h1").wait_for(timeout=90_000)
        boxes = view.locator("details", has_text="Unknown Directive").all()
        named = [box.locator("summary code").inner_text() for box in boxes]
        ours = re.findall(rf"^```\{{({'|'.join(OURS)})\}}", source, flags=re.M)
        assert sorted(named) == sorted(ours)
        for box in boxes:
            box.locator("summary").click()
            assert box.locator("pre").is_visible()
        (text,) = view.evaluate_all(TEXTS)
        syntax = r"```|:::|\{[\w:-]+\}|\$|\*\*|:tags:|format_name|\([\w-]+\)="
        assert not re.findall(rf".*(?:{syntax}).*", text)
        assert view.locator(".katex-error").count() == 0
        displays = re.findall(r"^\$\$\n.*?\n\$\$", source, flags=re.M | re.S)
        assert view.locator(".katex-display").count() == len(displays)
        for box, count in {"admonition": 3, "proof": 4}.items():
            assert len(re.findall(BOXES[box], source, flags=re.M)) == count
            assert view.locator(f".myst-{box}").count() == count
        numbers = view.locator("a[title='Link to this Equation']").all_text_contents()
        assert numbers == [f"({i + 1})" for i in range(len(numbers))] and len(numbers) > 5
