"""The committed notebooks are the chapters: same code, same text, and nothing of the machine that made them.

Outside the book nobody reads the book's own syntax, so the text is plain Markdown. That they print what they say is
nbval's part of ``make test``.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jupytext
import nbformat
import pytest
from bs4 import BeautifulSoup
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import notebooks  # noqa: E402
from execution import config, read  # noqa: E402
from mathematics import typeset  # noqa: E402

from vaelib.checks.calling import untouched  # noqa: E402

BOOK = ROOT / "book"
NOTEBOOKS = BOOK / "notebooks"
HTML = ROOT / "_build" / "html"
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(home|root|tmp|Users|private|var|opt|usr)/|[A-Z]:\\Users|site-packages"
)
# A role, a directive or its option, a fence of colons, a label, a cell break; emphasis that is none.
RAW = re.compile(
    r"\{[\w:-]+\}(?:`|$)|:::|^:[\w-]+:|\((?:eq|fig|chapter|ex|claim)-[\w-]+\)=?|^\+\+\+|```|\*\*|%%|\]\(",
    re.M,
)
FORMULA = re.compile(r"(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$", re.S)
FENCED = re.compile(r"^(?:> ?)*(`{3,})\w*\n.*?^(?:> ?)*\1$", re.M | re.S)
DRAWS = re.compile(
    r"\b(?:rand|randn|rand_like|randn_like|randint|randperm|sample|rsample|multinomial|bernoulli)\("
)
LETTERS = re.compile(r"[^\W\d_]+")


def is_chapter(page: Path) -> bool:
    return (
        page.is_file()
        and re.search(r"\A---\n(.*\n)*?kernelspec:", page.read_text("utf8")) is not None
    )


PAGES = [ROOT / name for name in parse_toc_yaml(ROOT / "_toc.yml") if is_chapter(ROOT / name)]
CHAPTERS = [page for page in PAGES if page.parent == BOOK]
EXERCISES = [page for page in PAGES if page.parent != BOOK]
each_chapter = pytest.mark.parametrize(
    "chapter", CHAPTERS, ids=[chapter.stem for chapter in CHAPTERS]
)
each_exercise = pytest.mark.parametrize("page", EXERCISES, ids=[page.stem for page in EXERCISES])


def path_of(page: Path) -> Path:
    return NOTEBOOKS / page.relative_to(BOOK).with_suffix(".ipynb")


def solved(page: Path) -> Path:
    return NOTEBOOKS / "solutions" / f"{page.stem}.ipynb"


ALL = [*map(path_of, PAGES), *map(solved, EXERCISES)]
each_notebook = pytest.mark.parametrize(
    "path", ALL, ids=[f"{path.parent.name}-{path.stem}" for path in ALL]
)


def notebook_at(path: Path) -> NotebookNode:
    assert path.is_file(), f"{path.relative_to(ROOT)} is missing: make notebooks"
    return nbformat.read(path, as_version=4)


def notebook_of(page: Path) -> NotebookNode:
    """A chapter's notebook, or an exercise's to fill in."""
    return notebook_at(path_of(page))


def run_of(page: Path) -> NotebookNode:
    """The notebook that shows what a page's cells print."""
    return notebook_of(page) if page in CHAPTERS else notebook_at(solved(page))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def texts(output: NotebookNode) -> list[str]:
    """What an output says, pictures left out."""
    data = output.get("data", {})
    said = [
        value
        for kind, value in data.items()
        if not kind.startswith("image/") or kind == "image/svg+xml"
    ]
    return [str(value) for value in [*said, output.get("text", "")]]


def with_outputs(page: Path) -> NotebookNode:
    """A page, with the outputs that the committed notebook holds."""
    source = read(page)
    for cell, kept in zip(code_cells(source), code_cells(run_of(page))[1:], strict=True):
        cell.outputs = kept.outputs
    return source


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """The notebooks as they would be written now, with the outputs that are committed."""
    folder = tmp_path_factory.mktemp("notebooks")
    executed = {page: with_outputs(page) for page in PAGES}
    outputs = get_cache(folder / "cache")
    for page, source in executed.items():
        outputs.cache_notebook_bundle(
            CacheBundleIn(source, str(page)), check_validity=False, overwrite=True
        )
    names = {page.relative_to(ROOT).with_suffix("").as_posix(): page for page in PAGES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's extensions have some of their own
        blocks = notebooks.plain_blocks(names, folder / "cache")
    written = {}
    for name, page in names.items():
        for path, notebook in notebooks.notebooks_of(
            page, blocks[name], executed[page].cells
        ).items():
            written[path] = nbformat.writes(notebook) + "\n"
    return written


def test_the_five_chapters_are_there() -> None:
    numbers = [
        chapter.stem[:2]
        for chapter in CHAPTERS
        if chapter.parent == BOOK and chapter.stem[:2].isdigit()
    ]
    assert numbers == ["01", "02", "03", "04", "05"]


def test_no_notebook_is_orphaned() -> None:
    assert set(NOTEBOOKS.rglob("*.ipynb")) <= set(ALL)


@each_chapter
def test_code_is_the_chapters(chapter: Path) -> None:
    setup, *cells = code_cells(notebook_of(chapter))
    assert setup.metadata.get("tags") == ["setup"]
    # jupytext is the other reader of a chapter: the notebook was not made with it.
    expected = [cell.source.strip() for cell in code_cells(jupytext.read(chapter))]
    assert [cell.source.strip() for cell in cells] == expected, (
        "code differs from the chapter's: make notebooks"
    )


def test_notebooks_are_what_would_be_written_now(made: dict[Path, str]) -> None:
    assert made.keys() == set(ALL)
    for path, text in made.items():
        assert text == path.read_text("utf8"), (
            f"{path.relative_to(ROOT)} is out of date: make notebooks"
        )


@each_exercise
def test_an_exercise_to_fill_in_is_its_solution_without_the_solved_lines(page: Path) -> None:
    source = [cell.source for cell in code_cells(jupytext.read(page))]
    blank = [cell.source for cell in code_cells(notebook_of(page))[1:]]
    solution = [cell.source for cell in code_cells(notebook_at(solved(page)))[1:]]
    assert any("BEGIN SOLUTION" in code for code in source)
    assert [re.sub(r" *### (?:BEGIN|END) SOLUTION\n?", "", code).strip() for code in source] == [
        code.strip() for code in solution
    ]
    assert "SOLUTION" not in "".join(blank) and len(blank) <= len(source)
    for code, whole in zip(blank, source, strict=False):
        outside = re.sub(r" *### BEGIN SOLUTION.*?### END SOLUTION", "", whole, flags=re.S).split()
        rest = iter(code.split())
        assert all(word in rest for word in outside)
    text = "\n".join(prose(notebook_of(page)))
    assert "Solution" not in text and "<summary><b>Hint 1</b></summary>" in text
    assert all(
        cell.outputs == [] and cell.execution_count is None
        for cell in code_cells(notebook_of(page))
    )


@each_exercise
def test_an_exercise_to_fill_in_runs_to_its_first_check_which_says_so(page: Path) -> None:
    names: dict[str, object] = {}
    with untouched():  # an exercise may set a default for its own session
        for cell in code_cells(notebook_of(page)):
            if re.match(r"checks\.check_\w+\(", cell.source):
                verdict = eval(cell.source, names)
                assert not verdict and "is not written yet" in verdict.message
                return
            exec(compile(cell.source, page.name, "exec"), names)
    pytest.fail("it has no check")


@each_exercise
def test_the_solution_passes_its_checks(page: Path) -> None:
    said = [
        output["data"]["text/plain"]
        for cell in code_cells(notebook_at(solved(page)))
        if cell.source.startswith("checks.check_")
        for output in cell.outputs
    ]
    assert said and all(text.startswith("Correct. ") for text in said)


def words_of_source(text: str) -> list[str]:
    """The words that a reader of a chapter's source sees for certain: what roles and directives add is left out."""
    text = re.sub(r"^```\{source\}.*?^```|^\[[x ]\] ", "", text, flags=re.M | re.S)
    text = re.sub(r"\$\$.+?\$\$(?: *\([\w-]+\))?|\$[^$]+\$", " ", text, flags=re.S)
    text = re.sub(
        r"^(?:`{3,}\{(?:solution|claim)\}.*|`{3,}\{[\w:-]+\}|`{3,}|:[\w-]+:.*|\([\w-]+\)=)",
        "",
        text,
        flags=re.M,
    )
    text = re.sub(r"\{[\w:]+\}`([^`<]+?) *<[^>`]*>`|\{term\}`([^`<]+)`", r"\1\2", text)
    text = re.sub(r"\{[\w:]+\}`[^`]*`|\]\([^)]*\)|^---$.*?^---$", "", text, flags=re.M | re.S)
    return LETTERS.findall(text)


def words_of_notebook(text: str) -> str:
    return re.sub(
        r"\]\(http[^)]*\)", "", re.sub(r"\$\$.+?\$\$|\$[^$]+\$|</?\w+>", " ", text, flags=re.S)
    )


@each_chapter
def test_every_word_of_the_chapter_is_there_in_order(chapter: Path) -> None:
    """By another way than Sphinx, so that a writer that leaves something out is found."""
    source = "\n\n".join(
        cell.source for cell in jupytext.read(chapter).cells if cell.cell_type == "markdown"
    )
    found = LETTERS.findall(words_of_notebook("\n\n".join(prose(notebook_of(chapter)))))
    expected = words_of_source(source)
    rest = iter(found)
    missing = next((i for i, word in enumerate(expected) if word not in rest), None)
    assert missing is None, f"lost: {' '.join(expected[missing - 8 : missing + 2])}"
    assert len(found) < 1.5 * len(expected) + 50  # captions, and the titles of what is referred to


def shape(formula: str) -> str:
    return re.sub(r"\\tag\{[\d.]+\}|\s", "", formula)


@each_chapter
def test_every_formula_is_there_and_can_be_set(chapter: Path) -> None:
    source = "\n\n".join(
        cell.source for cell in jupytext.read(chapter).cells if cell.cell_type == "markdown"
    )
    expected = [shape(display) for display, _ in FORMULA.findall(source) if display]
    text = FENCED.sub("", "\n\n".join(prose(notebook_of(chapter))))
    text = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    formulas = FORMULA.findall(text)
    assert [shape(display) for display, _ in formulas if display] == expected
    for display, inline in formulas:
        assert "\n>" not in display and "\n\n" not in display
        assert "merror" not in typeset(display or inline, bool(display))
    assert text.count("$") - text.count("\\$") == sum(
        4 if display else 2 for display, _ in formulas
    )


@cache
def rendered(path: Path) -> BeautifulSoup:
    """A notebook as nbconvert shows it."""
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook_at(path))
    return BeautifulSoup(html, "html.parser")


@each_notebook
def test_nothing_raw_is_shown(path: Path) -> None:
    for cell in rendered(path).select(".jp-MarkdownCell, .text_cell"):
        for hidden in cell.select("pre, code"):
            hidden.decompose()
        text = FORMULA.sub("", cell.get_text())
        assert not (found := RAW.search(text)), text[max(0, found.start() - 60) : found.end() + 20]
        assert not re.search(r"\\[a-z]", text), text


@each_chapter
def test_boxes_figures_and_questions_are_markdown(chapter: Path) -> None:
    text = "\n".join(prose(notebook_of(chapter)))
    source = chapter.read_text("utf8")

    def count(pattern: str, where: str) -> int:
        return len(re.findall(pattern, where, re.M))

    assert count(r"^> \[\*\*Claim \d\.\d+ ✓\*\*\]\(http", text) == count(r"^`+\{claim\}", source)
    assert count(r"^> \*\*(Theorem|Lemma|Definition) \d\.\d", text) == count(
        r"^`+\{prf:(theorem|lemma|definition)\}", source
    )
    assert count(r"^> \*\*Proof\.\*\* ", text) == count(r"^`+\{prf:proof\}", source)
    folded = count(r"^:class: .*dropdown", source) + count(r"^\[[x ]\] ", source)
    assert count(r"^<details>", text) == count(r"^</details>", text) == folded
    assert count(r"^\*\*Check yourself\*\* ", text) == count(r"^`+\{quiz\}", source)
    captions = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in read(chapter).cells]
    assert count(r"^\*\*Fig\. [\d.]+\*\* ", text) == sum(
        "caption" in caption for caption in captions
    )
    numbered = count(r"^\$\$ \([\w-]+\)$", source)
    assert len(re.findall(r"\\tag\{[\d.]+\}", text)) == numbered


def test_the_first_cell_says_where_it_comes_from() -> None:
    book = config()
    for page in PAGES:
        first, setup = notebook_of(page).cells[:2]
        address = (
            f"{book['html']['baseurl']}{page.relative_to(ROOT).with_suffix('.html').as_posix()}"
        )
        assert first.source.startswith("# ") and f"]({address})" in first.source
        assert book["html"]["extra_footer"] in first.source
        assert f'"vaelib[book] @ git+{book["repository"]["url"]}@{notebooks.tag()}"' in setup.source


def test_the_setup_cell_installs_in_colab_only(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = code_cells(notebook_of(CHAPTERS[0]))[0].source
    calls: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, check: calls.append(command))
    exec(setup, {})
    assert calls == []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    exec(setup, {})
    (command,) = calls
    assert command[1:4] == ["-m", "pip", "install"] and command[-1].startswith(
        "vaelib[book] @ git+https://"
    )


@each_notebook
def test_links_lead_out_of_the_notebook_and_into_the_book(path: Path) -> None:
    """Outside the book nothing lies beside a notebook. Where the book is built, its links are followed."""
    site = config()["html"]["baseurl"]
    for link in rendered(path).select(".jp-MarkdownCell a[href], .text_cell a[href]"):
        if "anchor-link" in link.get("class", []):  # nbconvert's own, of a heading
            continue
        assert link["href"].startswith(("https://", "http://")), link
        if link["href"].startswith(site) and HTML.is_dir():
            parts = urlsplit(link["href"].removeprefix(site) or "index.html")
            page = HTML / parts.path
            assert page.is_file(), link["href"]
            if parts.fragment:
                ids = anchors(page)
                assert unquote(parts.fragment) in ids, link["href"]


@cache
def anchors(page: Path) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', page.read_text("utf8")))


@each_chapter
def test_cells_are_short(chapter: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(jupytext.read(chapter))]
    assert max(lengths) <= 25  # and what is asked of the five chapters besides: test_claims.py


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_ran_from_top_to_bottom_without_an_error(page: Path) -> None:
    cells = code_cells(run_of(page))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert cells[0].outputs == []
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning is printed by: {cell.source}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_seeded_before_it_draws(page: Path) -> None:
    """Or it prints something else each time: 5.1's solution did, by a rounding."""
    steps = [step for cell in code_cells(run_of(page)) for step in ast.parse(cell.source).body]
    # What a function draws waits for its call.
    codes = [
        ast.unparse(step) for step in steps if not isinstance(step, ast.FunctionDef | ast.ClassDef)
    ]
    drawn = next((place for place, code in enumerate(codes) if DRAWS.search(code)), None)
    if drawn is not None:
        assert any("manual_seed(" in code for code in codes[: drawn + 1]), codes[drawn]


@each_notebook
def test_nothing_of_the_machine(path: Path) -> None:
    notebook = notebook_at(path)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        for text in [
            cell.source,
            *(text for output in cell.get("outputs", []) for text in texts(output)),
        ]:
            assert not MACHINE_PATH.search(text), text
            assert str(ROOT) not in text


@each_chapter
def test_figures_have_alt_text_and_caption(chapter: Path) -> None:
    """In the chapter; and in the notebook the same alt text, where Jupyter looks for it."""
    for source, cell in zip(
        code_cells(read(chapter)), code_cells(notebook_of(chapter))[1:], strict=True
    ):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        moves = "vaelib-figure" in str(
            cell.get("outputs")
        )  # it has an alt text for every position: test_widgets.py
        if any(kind.startswith("image/") for kind in kinds) or moves:
            shown = source.metadata.get("mystnb", {})
            alt = shown.get("image", {}).get("alt")
            assert moves or alt, f"no alt text: {cell.source}"
            assert shown.get("figure", {}).get("caption"), f"no caption: {cell.source}"
            assert shown.get("figure", {}).get("name"), f"no name: {cell.source}"
            pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
            assert all(output.metadata["image/png"]["alt"] == alt for output in pictures)
