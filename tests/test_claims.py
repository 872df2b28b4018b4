"""Every claim has its box, its check and its test, as the build demands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import chapters as measured
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from bookext.book import BOOK
from bookext.directives import claims
from bookext.directives.claims import Box, Check, Test
from bookext.notebooks.execution import read

CLAIMS = {"1": 7, "2": 5, "3": 5, "4": 7, "5": 10}
NUMBERS = [f"{chapter}.{n}" for chapter, count in CLAIMS.items() for n in range(1, count + 1)]
CHAPTERS = sorted(BOOK.glob("0[1-5]_*.md"))
TESTS = claims.claim_tests()
BOX = re.compile(r"^(`{3,})\{claim\} (.+)\n((?::\w+: .*\n)*)((?:.*\n)+?)\1$", re.M)
STEMS = [chapter.stem for chapter in CHAPTERS]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=STEMS)


def options(match: re.Match[str]) -> dict[str, str]:
    return dict(re.findall(r"^:(\w+): +(.+)$", match[3], flags=re.M))


def boxes_of(chapter: Path) -> list[Box]:
    text = chapter.read_text("utf8")
    boxes = []
    for match in BOX.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        functions = options(match).get("function", "").split()
        boxes.append(Box(match[2], functions, chapter.stem, line))
    return boxes


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
    asserted = [check.number for check in checks_of(chapter) if check.asserts]
    assert number in asserted, "no cell that asserts it"
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
CHECKED = Check("1.1", "", True, "page")
TESTED = Test("1.1", "test_claim_1_1_holds", "test_a.py", 3)
ELBA, OTHER = replace(A, functions=["vaelib.elbo.elba"]), replace(A, functions=["torch.elbo"])
NO_CELL = "claim 1.1 has no cell '# claim 1.1' with an assertion on its page"


def complaints(boxes: list[Box], checks: list[Check], tests: list[Test]) -> list[str]:
    return [message for message, _ in claims.problems(boxes, checks, tests)]


def test_nothing_is_said_where_all_is_well() -> None:
    assert complaints([A], [CHECKED], [TESTED]) == []


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"boxes": []}, "claim 1.1 has a check and no box"),
        ({"boxes": [A, A]}, "claim 1.1 has 2 boxes"),
        ({"boxes": [A, replace(A, number="1.3")]}, "claim 1.3 follows no claim 1.2"),
        ({"boxes": [replace(A, number="2.2")]}, "claim 2.2 follows no claim 2.1"),
        ({"boxes": [ELBA]}, "claim 1.1 names vaelib.elbo.elba, which vaelib does not define"),
        ({"boxes": [OTHER]}, "claim 1.1 names torch.elbo, which vaelib does not define"),
        ({"checks": []}, NO_CELL),
        ({"checks": [replace(CHECKED, asserts=False)]}, NO_CELL),
        ({"checks": [replace(CHECKED, page="another")]}, NO_CELL),
        ({"checks": [CHECKED, replace(CHECKED, number="1.2")]}, "claim 1.2 has a check and no box"),
        ({"tests": []}, "claim 1.1 has no test test_claim_1_1_…"),
        ({"tests": [TESTED, replace(TESTED, number="1.10")]}, "claim 1.10 has a test and no box"),
    ],
)
def test_what_is_missing_is_said(changed: dict[str, list], said: str) -> None:
    all_is_well = {"boxes": [A], "checks": [CHECKED], "tests": [TESTED]}
    assert said in complaints(**(all_is_well | changed))


def test_the_claims_of_a_cell_are_read_from_its_comments() -> None:
    named = "# claim 4.1, what exactly\n# claim 4.10: more\n"
    first, second = claims.checks_in(f"{named}#claim 4.2\nx = '# claim 4.3'\nassert x", "page")
    assert (first.number, first.what, first.asserts) == ("4.1", "what exactly", True)
    assert (second.number, second.what, second.asserts) == ("4.10", "more", True)
    (bare,) = claims.checks_in("x = 1  # claim 4.4\n# claim 4.1\nprint('assert')", "page")
    assert not bare.asserts


def test_tests_are_found_with_their_lines(tmp_path: Path) -> None:
    test = "x = 1\n\n\n@mark\ndef test_claim_5_10_all_is_well():\n    pass\n"
    (tmp_path / "test_a.py").write_text(test)
    (tmp_path / "test_b.py").write_text("def claim_5_1_():\n    '''def test_claim_5_1_x():'''\n")
    (found,) = claims.claim_tests(tmp_path)
    assert found == Test("5.10", "test_claim_5_10_all_is_well", "test_a.py", 5)
    assert found.says == "all is well"


def test_claims_are_ordered_by_number() -> None:
    assert sorted(["5.10", "5.9", "10.1"], key=claims.order) == ["5.9", "5.10", "10.1"]


@each_chapter
def test_a_chapter_has_more_prose_than_code(chapter: Path) -> None:
    lines = sum(len(cell.splitlines()) for cell in cells(chapter))
    words = measured.words(notebook(chapter))
    assert words >= 8 * lines
    assert 2000 <= words <= 5000


def test_of_a_claim_the_sentence_is_counted_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    options = ":function: vaelib.elbo.elbo\n:truth: the exact value\n"
    page.write_text(f"{HEADER}# Title\n\n```{{claim}} 4.3\n{options}The two are $x$.\n```\n")
    assert measured.words(read(page)) == 5


CONF = """
from bookext.directives.claims import setup
extensions = ["myst_nb"]
nb_execution_mode = "off"
html_theme = "basic"
myst_enable_extensions = ["dollarmath"]
"""
INDEX = "# All\n\n```{toctree}\npage\n```\n\n```{claims}\n```\n\n```{claims} 4\n```\n"
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
    """A book of one page and the list of its claims, built twice: its html, and what was said."""
    folder, html = tmp_path_factory.mktemp("book"), tmp_path_factory.mktemp("built") / "html"
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(INDEX)
    (folder / "page.md").write_text(HEADER + PAGE)
    command = [sys.executable, "-m", "sphinx", "-q", "-j", "2", "-b", "html", folder, html]
    options = {"capture_output": True, "text": True, "check": True}
    options["env"] = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    said = [subprocess.run(command, **options).stderr for _ in range(2)]
    return html, said[0] + "AGAIN" + said[1]


def test_the_build_says_what_is_missing_and_where_each_time(small_book: tuple[Path, str]) -> None:
    first, again = small_book[1].split("AGAIN")
    lines = (HEADER + PAGE).splitlines()
    at = f"page.md:{lines.index('```{claim} 4.2') + 1}: WARNING: "
    for said in (first, again):
        assert f"{at}claim 4.2 has no cell '# claim 4.2' with an assertion on its page" in said
        assert f"{at}claim 4.2 names vaelib.elbo.elbow, which vaelib does not define" in said
        assert "claim 4.1 has no" not in said
        unboxed = r"tests/test_elbo\.py:\d+: WARNING: claim 4\.3 has a test and no box"
        assert re.search(unboxed, said)
    assert f"page.md:{lines.index('```{claim} four') + 1}: " in first
    assert "'four' is no number like 4.3" in first


def test_a_box_and_its_row_lead_to_each_other(small_book: tuple[Path, str]) -> None:
    page, listing = (
        BeautifulSoup((small_book[0] / name).read_text("utf8"), "html.parser")
        for name in ("page.html", "index.html")
    )
    box = page.select_one("div#claim-4-1")
    assert box.a["href"] == "index.html#checked-4-1" and box.a.get_text() == "Claim 4.1 ✓"
    assert "known" not in box.get_text()
    assert box.select_one("a[href='#claim-4-2']").get_text() == "claim 4.2"
    row = listing.select_one("div#checked-4-1")
    assert row.select_one("a")["href"] == "page.html#claim-4-1" and row.a.get_text() == "4.1"
    assert row.select_one("a[href='page.html#claim-4-2']") and row.select_one("p .math")
    against, by, checked, tested = row.select("dd")
    assert against.em.get_text() == "known" and against.select_one(".math")
    assert by.get_text().strip() == "elbo.elbo"
    assert checked.get_text().strip() == r"Where \(x\) is checked: in the first section"
    assert page.find(id=checked.a["href"].removeprefix("page.html#"))
    assert re.search(r"/tests/test_elbo\.py#L\d+$", tested.a["href"])
    assert tested.a["title"].startswith("tests/test_elbo.py::")
