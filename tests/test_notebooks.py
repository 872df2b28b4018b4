"""The committed notebooks are the chapters: same code, same text, nothing of the machine.

Outside the book nobody reads the book's own syntax, so the text is plain Markdown. ``make test``
runs nbval besides, which says whether the notebooks print what they say.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from copy import deepcopy
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jupytext
import nbformat
import pytest
from bs4 import BeautifulSoup
from built import SOURCES, anchors
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from bookext.book import BOOK, HTML, ROOT, config, docname
from bookext.notebooks import write
from bookext.notebooks.execution import read
from bookext.pages.mathematics import typeset
from vaelib.checks.calling import untouched

NOTEBOOKS = BOOK / "notebooks"
FOLDERS = "home|root|tmp|Users|private|var|opt|usr"
MACHINE_PATH = re.compile(rf"(?<![\w.])/({FOLDERS})/|[A-Z]:\\Users|site-packages")
# A role, a directive or its option, a fence of colons, a label, a cell break, failed emphasis.
RAW = re.compile(
    r"\{[\w:-]+\}(?:`|$)|:::|^:[\w-]+:|\((?:eq|fig|chapter|ex|claim)-[\w-]+\)=?"
    r"|^\+\+\+|```|\*\*|%%|\]\(",
    re.M,
)
FORMULA = re.compile(r"(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$", re.S)
FENCED = re.compile(r"^(?:> ?)*(`{3,})\w*\n.*?^(?:> ?)*\1$", re.M | re.S)
DRAWS = re.compile(
    r"\b(?:randn?|randn?_like|randint|randperm|r?sample|multinomial|bernoulli)\(",
)
CODE = ["pre", "code"]
LETTERS = re.compile(r"[^\W\d_]+")


def is_notebook(page: Path) -> bool:
    return re.match(r"---\n(.*\n)*?kernelspec:", page.read_text("utf8")) is not None


def each(name: str, paths: list[Path]) -> pytest.MarkDecorator:
    ids = [path.relative_to(BOOK).with_suffix("").as_posix() for path in paths]
    return pytest.mark.parametrize(name, paths, ids=ids)


PAGES = [source for source in SOURCES if is_notebook(source)]
CHAPTERS = [page for page in PAGES if page.parent == BOOK]
EXERCISES = [page for page in PAGES if page.parent != BOOK]
each_page = each("page", PAGES)
each_chapter = each("chapter", CHAPTERS)
each_exercise = each("page", EXERCISES)


def path_of(page: Path) -> Path:
    return NOTEBOOKS / page.relative_to(BOOK).with_suffix(".ipynb")


def solved(page: Path) -> Path:
    return NOTEBOOKS / "solutions" / f"{page.stem}.ipynb"


ALL = [*map(path_of, PAGES), *map(solved, EXERCISES)]
each_notebook = each("path", ALL)


@cache
def notebook_at(path: Path) -> NotebookNode:
    """A committed notebook, read once for all tests, which must not change it."""
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
    data = output.get("data", {}).items()
    said = [text for kind, text in data if kind == "image/svg+xml" or "image/" not in kind]
    return [str(text) for text in [*said, output.get("text", "")]]


@cache
def source_of(page: Path) -> NotebookNode:
    """A page as jupytext reads it, which is not how the notebook was made."""
    return jupytext.read(page)


def code_of(page: Path) -> list[str]:
    return [cell.source for cell in code_cells(source_of(page))]


def with_outputs(page: Path) -> NotebookNode:
    """A page, with the outputs that the committed notebook holds."""
    source = read(page)
    for cell, kept in zip(code_cells(source), code_cells(run_of(page))[1:], strict=True):
        cell.outputs = deepcopy(kept.outputs)
    return source


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """The notebooks as they would be written now, with the outputs that are committed."""
    folder = tmp_path_factory.mktemp("notebooks")
    executed = {page: with_outputs(page) for page in PAGES}
    outputs = get_cache(folder / "cache")
    for page, source in executed.items():
        bundle = CacheBundleIn(source, str(page))
        outputs.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sphinx's extensions have some of their own
        return write.texts_of(executed, folder / "cache")


def test_the_five_chapters_are_there() -> None:
    numbers = [chapter.stem[:2] for chapter in CHAPTERS if chapter.stem[:2].isdigit()]
    assert numbers == ["01", "02", "03", "04", "05"]


def test_no_notebook_is_orphaned() -> None:
    assert set(NOTEBOOKS.rglob("*.ipynb")) <= set(ALL)


@each_chapter
def test_code_is_the_chapters(chapter: Path) -> None:
    setup, *cells = code_cells(notebook_of(chapter))
    assert setup.metadata.get("tags") == ["setup"]
    found, expected = [cell.source.strip() for cell in cells], map(str.strip, code_of(chapter))
    assert found == list(expected), "code differs from the chapter's: make notebooks"


def test_notebooks_are_what_would_be_written_now(made: dict[Path, str]) -> None:
    assert made.keys() == set(ALL)
    for path, text in made.items():
        assert text == path.read_text("utf8"), f"{path.name} is out of date: make notebooks"


@each_exercise
def test_an_exercise_to_fill_in_is_its_solution_without_the_solved_lines(page: Path) -> None:
    source = code_of(page)
    blank = [cell.source for cell in code_cells(notebook_of(page))[1:]]
    solution = [cell.source.strip() for cell in code_cells(notebook_at(solved(page)))[1:]]
    assert any("BEGIN SOLUTION" in code for code in source)
    unmarked = [re.sub(r" *### (?:BEGIN|END) SOLUTION\n?", "", code) for code in source]
    assert [code.strip() for code in unmarked] == solution
    assert "SOLUTION" not in "".join(blank) and len(blank) <= len(source)
    for code, whole in zip(blank, source, strict=False):
        outside = re.sub(r" *### BEGIN SOLUTION.*?### END SOLUTION", "", whole, flags=re.S).split()
        rest = iter(code.split())
        assert all(word in rest for word in outside)
    text = "\n".join(prose(notebook_of(page)))
    assert "Solution" not in text and "<summary><b>Hint 1</b></summary>" in text
    for cell in code_cells(notebook_of(page)):
        assert cell.outputs == [] and cell.execution_count is None


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
    """The words that a reader of a source sees for certain, without roles and directives."""
    text = re.sub(r"^```\{source\}.*?^```|^\[[x ]\] ", "", text, flags=re.M | re.S)
    text = re.sub(r"\$\$.+?\$\$(?: *\([\w-]+\))?|\$[^$]+\$", " ", text, flags=re.S)
    box = r"`{3,}\{(?:solution|claim)\}.*|`{3,}\{[\w:-]+\}|`{3,}"
    text = re.sub(rf"^(?:{box}|:[\w-]+:.*|\([\w-]+\)=)", "", text, flags=re.M)
    text = re.sub(r"\{[\w:]+\}`([^`<]+?) *<[^>`]*>`|\{term\}`([^`<]+)`", r"\1\2", text)
    text = re.sub(r"\{[\w:]+\}`[^`]*`|\]\([^)]*\)|^---$.*?^---$", "", text, flags=re.M | re.S)
    return LETTERS.findall(text)


def words_of_notebook(text: str) -> list[str]:
    text = re.sub(r"\$\$.+?\$\$|\$[^$]+\$|</?\w+>", " ", text, flags=re.S)
    return LETTERS.findall(re.sub(r"\]\(http[^)]*\)", "", text))


@each_chapter
def test_every_word_of_the_chapter_is_there_in_order(chapter: Path) -> None:
    """By another way than Sphinx, so that a writer that leaves something out is found."""
    expected = words_of_source("\n\n".join(prose(source_of(chapter))))
    found = words_of_notebook("\n\n".join(prose(notebook_of(chapter))))
    rest = iter(found)
    missing = next((i for i, word in enumerate(expected) if word not in rest), None)
    assert missing is None, f"lost: {' '.join(expected[missing - 8 : missing + 2])}"
    assert len(found) < 1.5 * len(expected) + 50  # captions, and the titles of what is referred to


def shape(formula: str) -> str:
    return re.sub(r"\\tag\{[\d.]+\}|\s", "", formula)


@each_chapter
def test_every_formula_is_there_and_can_be_set(chapter: Path) -> None:
    source = "\n\n".join(prose(source_of(chapter)))
    expected = [shape(display) for display, _ in FORMULA.findall(source) if display]
    text = FENCED.sub("", "\n\n".join(prose(notebook_of(chapter))))
    text = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    formulas = FORMULA.findall(text)
    assert [shape(display) for display, _ in formulas if display] == expected
    for display, inline in formulas:
        assert "\n>" not in display and "\n\n" not in display
        assert "merror" not in typeset(display or inline, bool(display))
    signs = sum(4 if display else 2 for display, _ in formulas)
    assert text.count("$") - text.count("\\$") == signs


@cache
def exporter() -> HTMLExporter:
    return HTMLExporter(template_name="basic")


@cache
def rendered(path: Path) -> BeautifulSoup:
    """The text of a notebook as nbconvert shows it, without code and outputs, which take longer."""
    text = [cell for cell in notebook_at(path).cells if cell.cell_type == "markdown"]
    html, _ = exporter().from_notebook_node(nbformat.v4.new_notebook(cells=text))
    return BeautifulSoup(html, "html.parser")


@each_notebook
def test_nothing_raw_is_shown(path: Path) -> None:
    cells = rendered(path).select(".text_cell")
    assert len(cells) == len(prose(notebook_at(path)))
    for cell in cells:
        strings = [part for part in cell.find_all(string=True) if not part.find_parent(CODE)]
        text = FORMULA.sub("", "".join(strings))
        assert not (found := RAW.search(text)), text[max(0, found.start() - 60) : found.end() + 20]
        assert not re.search(r"\\[a-z]", text), text


@each_chapter
def test_boxes_figures_and_questions_are_markdown(chapter: Path) -> None:
    text = "\n".join(prose(notebook_of(chapter)))
    source = chapter.read_text("utf8")
    theorem = r"^`+\{prf:(theorem|lemma|definition)\}"

    def count(pattern: str, where: str) -> int:
        return len(re.findall(pattern, where, re.M))

    assert count(r"^> \[\*\*Claim \d\.\d+ ✓\*\*\]\(http", text) == count(r"^`+\{claim\}", source)
    assert count(r"^> \*\*(Theorem|Lemma|Definition) \d\.\d", text) == count(theorem, source)
    assert count(r"^> \*\*Proof\.\*\* ", text) == count(r"^`+\{prf:proof\}", source)
    folded = count(r"^:class: .*dropdown", source) + count(r"^\[[x ]\] ", source)
    assert count(r"^<details>", text) == count(r"^</details>", text) == folded
    assert count(r"^\*\*Check yourself\*\* ", text) == count(r"^`+\{quiz\}", source)
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in read(chapter).cells]
    captions = sum("caption" in figure for figure in figures)
    assert count(r"^\*\*Fig\. [\d.]+\*\* ", text) == captions
    numbered = count(r"^\$\$ \([\w-]+\)$", source)
    assert len(re.findall(r"\\tag\{[\d.]+\}", text)) == numbered


def test_the_first_cell_says_where_it_comes_from() -> None:
    book = config()
    for page in PAGES:
        first, setup = notebook_of(page).cells[:2]
        address = f"{book['html']['baseurl']}{docname(page)}.html"
        assert first.source.startswith("# ") and f"]({address})" in first.source
        assert book["html"]["extra_footer"] in first.source
        assert f'"vaelib[book] @ git+{book["repository"]["url"]}@{write.tag()}"' in setup.source


def test_the_setup_cell_installs_in_colab_only(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = code_cells(notebook_of(CHAPTERS[0]))[0].source
    calls: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, check: calls.append(command))
    exec(setup, {})
    assert calls == []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    exec(setup, {})
    (command,) = calls
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-1].startswith("vaelib[book] @ git+https://")


@each_notebook
def test_links_lead_out_of_the_notebook_and_into_the_book(path: Path) -> None:
    """Outside the book nothing lies beside a notebook. Links into a built book are followed."""
    site = config()["html"]["baseurl"]
    for link in rendered(path).select(".text_cell a[href]"):
        if "anchor-link" in link.get("class", []):  # nbconvert's own, of a heading
            continue
        assert link["href"].startswith(("https://", "http://")), link
        if link["href"].startswith(site) and HTML.is_dir():
            parts = urlsplit(link["href"].removeprefix(site) or "index.html")
            page = HTML / parts.path
            assert page.is_file(), link["href"]
            assert not parts.fragment or unquote(parts.fragment) in anchors(page), link["href"]


@each_page
def test_ran_from_top_to_bottom_without_an_error(page: Path) -> None:
    cells = code_cells(run_of(page))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert cells[0].outputs == []
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning is printed by: {cell.source}"


@each_page
def test_seeded_before_it_draws(page: Path) -> None:
    """Else it prints something else each time: 5.1's solution did, by a rounding."""
    steps = [step for cell in code_cells(run_of(page)) for step in ast.parse(cell.source).body]
    # A function draws when it is called, not where it is defined.
    steps = [step for step in steps if not isinstance(step, ast.FunctionDef | ast.ClassDef)]
    codes = [ast.unparse(step) for step in steps]
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
        said = [text for output in cell.get("outputs", []) for text in texts(output)]
        for text in [cell.source, *said]:
            assert not MACHINE_PATH.search(text), text
            assert str(ROOT) not in text


@each_chapter
def test_figures_have_alt_text_and_caption(chapter: Path) -> None:
    """In the chapter; and in the notebook the same alt text, where Jupyter looks for it."""
    kept = code_cells(notebook_of(chapter))[1:]
    for source, cell in zip(code_cells(read(chapter)), kept, strict=True):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        # One that moves has an alt text for every position: test_widgets.py.
        moves = "vaelib-figure" in str(cell.get("outputs"))
        if any(kind.startswith("image/") for kind in kinds) or moves:
            shown = source.metadata.get("mystnb", {})
            alt = shown.get("image", {}).get("alt")
            assert moves or alt, f"no alt text: {cell.source}"
            assert shown.get("figure", {}).get("caption"), f"no caption: {cell.source}"
            assert shown.get("figure", {}).get("name"), f"no name: {cell.source}"
            pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
            assert all(output.metadata["image/png"]["alt"] == alt for output in pictures)
