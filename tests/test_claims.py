"""Every claim has its box, its check and its test. What the build says of a missing one, this says without a build."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "benchmarks")]

import chapters as measured  # noqa: E402
import claims  # noqa: E402
from claims import Box, Check, Test  # noqa: E402
from execution import read  # noqa: E402
from nbformat import NotebookNode  # noqa: E402

CLAIMS = {"1": 7, "2": 5, "3": 5, "4": 7, "5": 10}
NUMBERS = [f"{chapter}.{n}" for chapter, count in CLAIMS.items() for n in range(1, count + 1)]
CHAPTERS = sorted(ROOT.glob("book/0[1-5]_*.md"))
TESTS = claims.claim_tests()
BOX = re.compile(r"^(`{3,})\{claim\} (.+)\n((?::\w+: .*\n)*)((?:.*\n)+?)\1$", re.M)

each_chapter = pytest.mark.parametrize(
    "chapter", CHAPTERS, ids=[chapter.stem for chapter in CHAPTERS]
)


def options(match: re.Match[str]) -> dict[str, str]:
    return dict(re.findall(r"^:(\w+): +(.+)$", match[3], flags=re.M))


def boxes_of(chapter: Path) -> list[Box]:
    text = chapter.read_text("utf8")
    found = BOX.finditer(text)
    where = [(match, text.count("\n", 0, match.start()) + 1) for match in found]
    return [
        Box(match[2], options(match).get("function", "").split(), chapter.stem, line)
        for match, line in where
    ]


@cache
def notebook(chapter: Path) -> NotebookNode:
    return read(chapter)


def cells(chapter: Path) -> list[str]:
    return [cell.source for cell in notebook(chapter).cells if cell.cell_type == "code"]


@cache
def checks_of(chapter: Path) -> list[Check]:
    return [check for cell in cells(chapter) for check in claims.checks_in(cell, chapter.stem)]


def test_the_chapters_state_exactly_these_claims() -> None:
    stated = [box.number for chapter in CHAPTERS for box in boxes_of(chapter)]
    assert sorted(stated, key=claims.order) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_a_claim_has_box_check_and_test(number: str) -> None:
    chapter = next(page for page in CHAPTERS if page.stem.startswith(f"0{number[0]}"))
    assert number in [box.number for box in boxes_of(chapter)], "no box"
    assert number in [check.number for check in checks_of(chapter) if check.asserts], (
        "no cell that asserts it"
    )
    assert number in [test.number for test in TESTS], "no test"


def test_the_build_will_not_complain() -> None:
    boxes = sum(map(boxes_of, CHAPTERS), [])
    checks = sum(map(checks_of, CHAPTERS), [])
    assert not [message for message, _ in claims.problems(boxes, checks, TESTS)]


@each_chapter
def test_a_box_says_what_it_claims_and_what_it_is_held_against(chapter: Path) -> None:
    text = chapter.read_text("utf8")
    assert len(BOX.findall(text)) == len(re.findall(r"^`{3,}\{claim\}", text, flags=re.M))
    for match in BOX.finditer(text):
        assert set(options(match)) == {"function", "truth"}
        assert 5 <= len(match[4].split()) <= 90 and match[4].strip().endswith((".", ".)")), match[2]


A = Box("1.1", ["vaelib.elbo.elbo"], "page")
ALL_IS_WELL = (
    [A],
    [Check("1.1", "", True, "page")],
    [Test("1.1", "test_claim_1_1_holds", "test_a.py", 3)],
)


def complaints(boxes: list[Box], checks: list[Check], tests: list[Test]) -> list[str]:
    return [message for message, _ in claims.problems(boxes, checks, tests)]


def test_nothing_is_said_where_all_is_well() -> None:
    assert complaints(*ALL_IS_WELL) == []


@pytest.mark.parametrize(
    "part, changed, said",
    [
        (0, [], "claim 1.1 has a check and no box"),
        (0, [A, A], "claim 1.1 has 2 boxes"),
        (0, [A, replace(A, number="1.3")], "claim 1.3 follows no claim 1.2"),
        (0, [replace(A, number="2.2")], "claim 2.2 follows no claim 2.1"),
        (
            0,
            [replace(A, functions=["vaelib.elbo.elba"])],
            "claim 1.1 names vaelib.elbo.elba, which vaelib does not",
        ),
        (
            0,
            [replace(A, functions=["torch.elbo"])],
            "claim 1.1 names torch.elbo, which vaelib does not define",
        ),
        (1, [], "claim 1.1 has no cell '# claim 1.1' with an assertion on its page"),
        (
            1,
            [Check("1.1", "", False, "page")],
            "claim 1.1 has no cell '# claim 1.1' with an assertion on its page",
        ),
        (
            1,
            [Check("1.1", "", True, "another")],
            "claim 1.1 has no cell '# claim 1.1' with an assertion on its page",
        ),
        (1, [*ALL_IS_WELL[1], Check("1.2", "", True, "page")], "claim 1.2 has a check and no box"),
        (2, [], "claim 1.1 has no test test_claim_1_1_…"),
        (
            2,
            [*ALL_IS_WELL[2], Test("1.10", "test_claim_1_10_x", "f", 1)],
            "claim 1.10 has a test and no box",
        ),
    ],
)
def test_what_is_missing_is_said(part: int, changed: list, said: str) -> None:
    parts = list(ALL_IS_WELL)
    parts[part] = changed
    assert any(message.startswith(said) for message in complaints(*parts))


def test_the_claims_of_a_cell_are_read_from_its_comments() -> None:
    code = "# claim 4.1, what exactly\n# claim 4.10: more\n#claim 4.2\nx = '# claim 4.3'  # claim 4.4\nassert x"
    assert [
        (check.number, check.what, check.asserts) for check in claims.checks_in(code, "page")
    ] == [
        ("4.1", "what exactly", True),
        ("4.10", "more", True),
    ]
    assert [
        check.asserts for check in claims.checks_in("# claim 4.1\nprint('assert')", "page")
    ] == [False]


def test_tests_are_found_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "x = 1\n\n\n@mark\ndef test_claim_5_10_all_is_well():\n    pass\n"
    )
    (tmp_path / "test_b.py").write_text("def claim_5_1_():\n    '''def test_claim_5_1_x():'''\n")
    (found,) = claims.claim_tests(tmp_path)
    assert (
        found == Test("5.10", "test_claim_5_10_all_is_well", "test_a.py", 5)
        and found.says == "all is well"
    )


def test_claims_are_ordered_by_number() -> None:
    assert sorted(["5.10", "5.9", "10.1"], key=claims.order) == ["5.9", "5.10", "10.1"]


@each_chapter
def test_a_chapter_has_short_cells_and_more_prose_than_code(chapter: Path) -> None:
    lines = [len(cell.splitlines()) for cell in cells(chapter)]
    words = measured.words(notebook(chapter))
    assert max(lines) <= 25
    assert statistics.median(lines) <= 8
    assert words >= 8 * sum(lines)
    assert 2000 <= words <= 5000


def test_of_a_claim_the_sentence_is_counted_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "---\njupytext:\n  text_representation:\n    format_name: myst\nkernelspec:\n  name: python3\n---\n"
        "# Title\n\n```{claim} 4.3\n:function: vaelib.elbo.elbo\n:truth: the exact value\nThe two are $x$.\n```\n"
    )
    assert measured.words(read(page)) == 5


CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "claims"]
nb_execution_mode = "off"
html_theme = "basic"
myst_enable_extensions = ["dollarmath"]
"""
PAGE = """\
# A page

```{claim} 4.1
:function: vaelib.elbo.elbo
:truth: what is *known* of $x$
The bound and the gap are $y$, as {ref}`claim-4-2` says.
```

## Where $x$ is checked

```{code-cell} python
# claim 4.1, in the first section
assert True
```

```{claim} 4.2
:function: vaelib.elbo.elbow
:truth: nothing
It has no cell.
```

```{claim} four
```
"""
HEADER = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n"


@pytest.fixture(scope="module")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A book of one page and the list of its claims, built twice: where its html lies, and what the builds said."""
    folder, html = tmp_path_factory.mktemp("book"), tmp_path_factory.mktemp("built") / "html"
    files = {
        "conf.py": CONF,
        "index.md": "# All\n\n```{toctree}\npage\n```\n\n```{claims}\n```\n\n```{claims} 4\n```\n",
    }
    for name, text in {**files, "page.md": HEADER + PAGE}.items():
        (folder / name).write_text(text)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-j",
        "2",
        "-b",
        "html",
        str(folder),
        str(html),
    ]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(2)
    ]
    return html, said[0] + "AGAIN" + said[1]


def test_the_build_says_what_is_missing_and_where_each_time(small_book: tuple[Path, str]) -> None:
    first, again = small_book[1].split("AGAIN")
    lines = (HEADER + PAGE).splitlines()
    at = f"page.md:{lines.index('```{claim} 4.2') + 1}: WARNING: "
    for said in (first, again):
        assert f"{at}claim 4.2 has no cell '# claim 4.2' with an assertion on its page" in said
        assert f"{at}claim 4.2 names vaelib.elbo.elbow, which vaelib does not define" in said
        assert "claim 4.1 has no" not in said
        assert re.search(
            r"tests/test_elbo\.py:\d+: WARNING: claim 4\.3 has a test and no box", said
        )
    assert (
        f"page.md:{lines.index('```{claim} four') + 1}: " in first
        and "'four' is no number like 4.3" in first
    )


def test_a_box_and_its_row_lead_to_each_other(small_book: tuple[Path, str]) -> None:
    page, listing = (
        BeautifulSoup((small_book[0] / f"{n}.html").read_text("utf8"), "html.parser")
        for n in ("page", "index")
    )
    box = page.select_one("div#claim-4-1")
    assert (
        box.select_one("a")["href"] == "index.html#checked-4-1"
        and box.a.get_text() == "Claim 4.1 ✓"
    )
    assert (
        "known" not in box.get_text()
        and box.select_one("a[href='#claim-4-2']").get_text() == "claim 4.2"
    )
    row = listing.select_one("div#checked-4-1")
    assert row.select_one("a")["href"] == "page.html#claim-4-1" and row.a.get_text() == "4.1"
    assert row.select_one("a[href='page.html#claim-4-2']") and row.select_one("p .math")
    against, by, checked, tested = row.select("dd")
    assert (
        against.em.get_text() == "known"
        and against.select_one(".math")
        and by.get_text().strip() == "elbo.elbo"
    )
    place = checked.a["href"].removeprefix("page.html#")
    assert (
        checked.get_text().strip() == r"Where \(x\) is checked: in the first section"
        and page.find(id=place)
    )
    assert re.search(r"/tests/test_elbo\.py#L\d+$", tested.a["href"]) and tested.a[
        "title"
    ].startswith("tests/test_elbo.py::")
