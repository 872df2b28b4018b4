"""The book to read offline: what is packed, and what a page loses; on a small site."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bookext.print import offline

HEAD = """<link rel="preload" as="font" crossorigin href="_static/a.woff2" />
<link href="https://example.org/" rel="canonical">
<link rel="stylesheet" href="_static/a.css" />"""
MENU = """<ul><li><a href="_sources/a.md"
 class="x"><i></i>.md</a>
</li>
<li><button>print</button></li></ul>"""
OPTIONS = "const DOCUMENTATION_OPTIONS = {\n    SHOW_SEARCH_SUMMARY: true,\n};"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {
        "index.html": HEAD + MENU + '<p id="a">pre</p>',
        "book/a.html": '<a href="../index.html#a">up</a>',
        "_static/a.css": "",
        "_static/documentation_options.js": OPTIONS,
        ".buildinfo": "",
        "_sources/a.md": "",
        "_static/.hidden/x": "",
        "_static/scripts/a.js.map": "",
        "_static/locales/de/x.mo": "",
        "objects.inv": "",
    }
    for name, text in files.items():
        path = tmp_path / "html" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "html"


def test_what_is_packed(site: Path, tmp_path: Path) -> None:
    offline.pack(site, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        names = [name.removeprefix(f"{offline.NAME}/") for name in file.namelist()]
        page = file.read(f"{offline.NAME}/index.html").decode()
    static = ["_static/a.css", "_static/documentation_options.js"]
    assert names == ["README.txt", *static, "book/a.html", "index.html"]
    assert "preload" not in page and "canonical" not in page and "_sources" not in page
    assert "stylesheet" in page
    assert page.endswith('<ul>\n<li><button>print</button></li></ul><p id="a">pre</p>')


def test_the_same_pages_make_the_same_bytes(site: Path, tmp_path: Path) -> None:
    offline.pack(site, tmp_path / "a.zip")
    for path in sorted(site.rglob("*"), reverse=True):
        path.touch()
        path.chmod(0o777)
    offline.pack(site, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("name", ["_static/documentation_options.js", "_static/bundle.js"])
def test_the_search_fetches_no_excerpts(name: str) -> None:
    assert offline.for_files(name, OPTIONS) == OPTIONS.replace("true", "false")
    assert offline.for_files(name, "f(SHOW_SEARCH_SUMMARY)") == "f(SHOW_SEARCH_SUMMARY)"


def test_the_zip_says_how_to_open_it() -> None:
    text = offline.readme()
    assert "index.html" in text and "{" not in text and "CC BY 4.0" in text
