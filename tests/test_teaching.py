"""The page for teachers: its files are there, its code runs, its examples follow the exercises.

That nbgrader and otter-grader do what it says is tested by ``make test-teaching``.
"""

from __future__ import annotations

import ast
import csv
import importlib.util
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from bookext.book import ROOT
from bookext.directives import exercises
from bookext.notebooks import assignments
from vaelib import checks
from vaelib.checks.catalogue import MISTAKES

PAGE = (ROOT / "book" / "teaching.md").read_text("utf8")
TEACHING = ROOT / "book" / "teaching"
EXAMPLES = {"nbgrader": TEACHING / "nbgrader" / "source" / "week3", "otter": TEACHING / "otter"}
OWN = TEACHING / "61_perplexity.md"
PAGES = exercises.exercises()
each_exercise = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)


def test_every_week_names_exercises_of_its_own_and_what_to_hand_in() -> None:
    weeks = re.findall(r"^\| (\d) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)
    assert [week for week, *_ in weeks] == list("123456")
    for week, read, in_class, at_home, hand_in in weeks:
        named = re.findall(r"\{doc\}`(.+?)`", at_home)
        pages = [exercises.exercise(ROOT / "book" / f"{name}.md") for name in named]
        assert len(pages) == 5 and in_class
        (chapter,) = re.findall(r"\{doc\}`(.+?)`", read)
        assert (ROOT / "book" / f"{chapter}.md").is_file()
        if week == "6":
            assert {page.facts["kind"] for page in pages} == {"open"}
        else:
            assert chapter.startswith(f"0{week}_") and {page.number[0] for page in pages} == {week}
            kinds = {page.number: page.facts["kind"] for page in pages}
            notebook, paper = re.fullmatch(r"notebook (\d\.\d), page (\d\.\d)", hand_in).groups()
            assert (kinds[notebook], kinds[paper]) == ("rebuild", "paper")


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def log_mean_exp(log_w: torch.Tensor) -> torch.Tensor:
        return log_w.logsumexp(0) - torch.tensor(len(log_w)).log()

    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, {"checks": checks, "log_mean_exp": log_mean_exp})
    with (tmp_path / "progress.csv").open(newline="", encoding="utf-8") as file:
        assert "log_mean_exp" in {row[0] for row in csv.reader(file)}


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(book/[\w./]+)`", PAGE) + re.findall(r"python (book/[\w./]+)", PAGE)
    assert len(named) > 8 and all((ROOT / name).exists() for name in named)


@pytest.mark.parametrize("grader", EXAMPLES)
def test_the_examples_are_in_step_with_the_exercise(grader: str) -> None:
    (path,) = EXAMPLES[grader].glob("*.ipynb")
    made = assignments.assignment(grader, exercises.exercise(exercises.FOLDER / f"{path.stem}.md"))
    command = f"book/_ext assignment {grader} {path.parent.relative_to(ROOT)} {path.stem}"
    assert path.read_text("utf8") == made, f"out of date: python {command}"


@pytest.mark.parametrize("grader", EXAMPLES)
@each_exercise
def test_every_exercise_makes_an_assignment(grader: str, page: exercises.Exercise) -> None:
    cells = assignments.GRADERS[grader](page)
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert sum(source.startswith("verdict = ") for source in code) == 1
    assert sum("# BEGIN SOLUTION" in source for source in code) == 1
    assert f"checks.check_{page.path.stem.partition('_')[2]}(" in "".join(code)
    if grader == "nbgrader":
        marks = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
        kinds = [(mark.solution, mark.grade, mark.locked) for mark in marks]
        assert kinds == [(True, False, False), (False, True, True)]


def test_the_page_shows_the_graded_cell() -> None:
    assert assignments.graded("checks.check_log_mean_exp(log_mean_exp)") in PAGE


def test_several_are_written_at_once(tmp_path: Path) -> None:
    assert assignments.main(["otter", str(tmp_path / "new"), "11_bayes", "42_elbo"]) == 0
    assert {path.stem for path in (tmp_path / "new").iterdir()} == {"11_bayes", "42_elbo"}


def test_the_graders_have_the_projects_pins() -> None:
    theirs, ours = (
        path.joinpath("requirements.txt").read_text("utf8").splitlines()
        for path in (TEACHING, ROOT)
    )
    for name in ("torch", "tqdm", "setuptools"):
        (pin,) = (line for line in theirs if line.startswith(f"{name}=="))
        assert pin in ours


@pytest.fixture
def own() -> Iterator[ModuleType]:
    """The module of the page's example; what it adds to the catalogue is taken out again."""
    before = dict(MISTAKES)
    spec = importlib.util.spec_from_file_location("perplexity", TEACHING / "perplexity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    MISTAKES.clear()
    MISTAKES.update(before)


def test_the_example_has_twenty_lines() -> None:
    tree = ast.parse((TEACHING / "perplexity.py").read_text("utf8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    (exercise,) = (node for node in assigned if node.targets[0].id == "check_perplexity")
    assert exercise.end_lineno - exercise.lineno < 20


def test_the_examples_solution_passes_in_several_styles(own: ModuleType) -> None:
    page = exercises.exercise(OWN)
    (cell,) = filter(exercises.is_solved, page.cells)
    assert (
        page.number == own.check_perplexity.number and f"def {own.check_perplexity.name}(" in cell
    )
    solved, blank = {}, {}
    exec(exercises.solved(cell), solved)
    exec(exercises.blank(cell), blank)
    assert own.check_perplexity(solved["perplexity"])
    assert own.check_perplexity(lambda p: 2 ** -(p * p.log2()).sum())
    assert own.check_perplexity(lambda p: torch.distributions.Categorical(p).entropy().exp())
    assert "is not written yet" in own.check_perplexity(blank["perplexity"]).message


def test_the_example_names_its_mistakes(own: ModuleType) -> None:
    wrong = {
        "base-2": lambda p: torch.exp(-sum(share * torch.log2(share) for share in p)),
        "entropy-returned": lambda p: torch.special.entr(p).sum(),
        "unweighted": lambda p: p.prod() ** (-1 / len(p)),
    }
    assert {slip.mistake for slip in own.check_perplexity.slips} == set(wrong)
    for mistake, answer in wrong.items():
        verdict = own.check_perplexity(answer)
        assert not verdict and verdict.mistakes == (mistake,)
        assert verdict.message.startswith(MISTAKES[mistake].name)


# An exercise of a teacher's own, from any folder


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page of the example, in a folder that is not the book's, with its check beside it."""
    before = dict(MISTAKES)
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in (OWN, TEACHING / "perplexity.py"):
        shutil.copy(path, folder)
    yield folder / OWN.name
    sys.modules.pop("perplexity", None)
    MISTAKES.clear()
    MISTAKES.update(before)


def cells_of(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


@pytest.mark.parametrize("grader", EXAMPLES)
def test_an_exercise_of_ones_own_becomes_an_assignment(
    grader: str, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "course" / "week6"
    assert assignments.main([grader, str(folder), str(mine)]) == 0
    assert {path.name for path in folder.iterdir()} == {"61_perplexity.ipynb", "perplexity.py"}
    made = cells_of(folder / "61_perplexity.ipynb")
    text = "\n".join(cell.source for cell in made if cell.cell_type == "markdown")
    assert text.startswith("# 6.1 As uncertain as how many?\n\nTo warm up · 10 minutes")
    assert "<summary><b>Hint 1</b></summary>" in text and "For K equal shares" not in text
    code = [cell.source for cell in made if cell.cell_type == "code"]
    (graded,) = (source for source in code if source.startswith("verdict = "))
    assert graded.startswith("verdict = check_perplexity(perplexity)\nassert verdict, ")
    raw = "\n".join(cell.source for cell in made if cell.cell_type == "raw")
    assert ("files: [perplexity.py]" in raw) == (grader == "otter")
    monkeypatch.syspath_prepend(folder)
    names: dict[str, object] = {}
    for source in code:
        exec(source, names)
    assert names["verdict"]
    names["perplexity"] = lambda p: torch.special.entr(p).sum()
    with pytest.raises(AssertionError, match="mistakes: entropy-returned"):
        exec(graded, names)


@pytest.mark.parametrize(
    "code, expected",
    [
        ("checks.check_elbo(elbo)", "verdict = checks.check_elbo(elbo)\n"),
        ("check_elbo(elbo)\n", "verdict = check_elbo(elbo)\n"),
        ("check_elbo(lambda x: elbo(x, K=1))", "verdict = check_elbo(lambda x: elbo(x, K=1))\n"),
        ("f = 'é'; check_elbo(f)", "f = 'é'\nverdict = check_elbo(f)\n"),
        ("f = g  # mine\nassert check_elbo(f)", "f = g  # mine\nverdict = check_elbo(f)\n"),
        ("print(check_elbo(\n    f,\n))", "verdict = check_elbo(\n    f,\n)\n"),
        ("checks.report()", None),
        ("from perplexity import check_perplexity", None),
        ("%matplotlib inline\ncheck_elbo(elbo)", None),
        ("", None),
    ],
)
def test_a_check_is_graded_however_it_is_called(code: str, expected: str | None) -> None:
    assert assignments.graded(code) == (expected and expected + assignments.ASSERTED)


FAULTS = [
    ("check_perplexity(perplexity)\n", "1 + 1\n", "one cell must end with a check; got 0"),
    ("### BEGIN SOLUTION", "### BEGIN", "one cell must hold a solution; got 0"),
    ("difficulty: 1", "difficulty: 9", "exercise: must say"),
    ("exercise:\n", "exercises:\n", "must say exercise: in its front matter"),
]


@pytest.mark.parametrize("old, new, says", FAULTS)
def test_an_exercise_that_cannot_be_graded_is_refused(
    old: str, new: str, says: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(mine.read_text("utf8").replace(old, new), "utf8")
    assert assignments.main(["otter", str(mine.parent / "out"), str(mine)]) == 1
    assert capsys.readouterr().out.startswith(f"{mine.name}: ") and says
    assert not (mine.parent / "out").exists()


def test_an_exercise_has_a_number_and_is_there(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.rename(mine.with_name("perplexity.md"))
    for path in (mine.with_name("perplexity.md"), mine):
        assert assignments.main(["otter", str(mine.parent / "out"), str(path)]) == 1
    said = capsys.readouterr().out
    assert "perplexity.md: must be called NM_name.md" in said and "No such file" in said


# The book without solutions

API = """\
# Reference

```{eval-rst}
.. autofunction:: vaelib.checks.exercises.33_log_mean_exp._log_mean_exp

.. automodule:: vaelib.jensen
   :members:
```
"""


@pytest.mark.parametrize("shown", [True, False])
def test_the_book_can_be_built_without_solutions(shown: bool, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    shutil.copy(OWN, book)
    (book / "api.md").write_text(API, "utf8")
    (book / "museum.md").write_text("# Museum\n\n```{museum} 3\n```\n", "utf8")
    built, trees = tmp_path / "built", tmp_path / "trees"
    settings = {
        "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"],
        "nb_execution_mode": "off",
        "root_doc": OWN.stem,
        "html_theme": "basic",
    }
    parts = ["exercises", "museum"]
    settings["extensions"] += [f"bookext.directives.{part}" for part in parts]
    # Into one folder: what an earlier build with solutions has left there has to go.
    for solutions in [True] if shown else [True, False]:
        settings |= {"exercises_solutions": solutions}
        # Sphinx's extensions have warnings of their own, and leave their roles to the next build.
        with warnings.catch_warnings(), docutils_namespace(), patch_docutils():
            warnings.simplefilter("ignore")
            app = Sphinx(book, None, built, trees, "html", settings, status=None, warning=None)
            app.build()
    page = BeautifulSoup((built / f"{OWN.stem}.html").read_text("utf8"), "html.parser").get_text()
    assert "raise NotImplementedError" in page and "equally likely?" in page
    api = BeautifulSoup((built / "api.html").read_text("utf8"), "html.parser")
    assert "_log_mean_exp" in api.get_text()
    for link in api.select("a.viewcode-link"):
        assert (built / link["href"].partition("#")[0]).is_file()
    assert (built / "_modules" / "vaelib" / "jensen.html").is_file()
    museum = BeautifulSoup((built / "museum.html").read_text("utf8"), "html.parser")
    assert museum.select("#museum-log-k-missing")
    assert bool(museum.select(".highlight-diff")) == shown
    files = [path for path in built.rglob("*") if path.suffix not in {".png", ".inv", ".css"}]
    texts = {path: path.read_text("utf8", "ignore") for path in files if path.is_file()}
    written = " ".join(re.sub(r"<[^>]*>", "", text) for text in texts.values())
    for solution in ("entropy.exp()", "For K equal shares"):
        assert (solution in page) == (solution in written) == shown
    assert ("log_w.max(0)" in written) == shown, "the code of the checks"
    assert shown == any("checks" in str(path) for path in files)
