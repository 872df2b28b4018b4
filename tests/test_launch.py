"""Where the buttons above a page lead: to a committed file, at the release or on the branch.

The addresses are read from the built pages, if there are any.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import pytest
from built import built, each_page, page_of, soup

import vaelib
from bookext.book import ROOT, config, docname
from bookext.notebooks.execution import has_cells
from bookext.notebooks.write import notebook_path
from bookext.pages import launch

REPOSITORY = config()["repository"]
VERSION = vaelib.__version__
BINDER_LIST = ROOT / ".binder" / "requirements.txt"


@cache
def committed() -> set[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so nothing says which files are committed")
    return set(git("ls-files", "-z").split("\0"))


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def buttons(source: Path) -> dict[str, str]:
    """The addresses of the buttons on a built page, by their names."""
    found = {}
    for link in soup(built(page_of(source))).select(".article-header-buttons a"):
        (name,) = re.findall(r"btn-(\S*)-button", " ".join(link["class"]))
        assert name not in found
        found[name] = link["href"]
    return found


@each_page
def test_a_page_with_cells_opens_its_notebook_elsewhere(source: Path) -> None:
    found = buttons(source)
    launching = {"launch-binder", "launch-colab", "download-notebook"}
    assert launching & set(found) == (launching if has_cells(source) else set())
    if not has_cells(source):
        return
    slug = urlsplit(REPOSITORY["url"]).path.strip("/")
    binder = urlsplit(found["launch-binder"])
    assert (binder.netloc, binder.path) == ("mybinder.org", f"/v2/gh/{slug}/v{VERSION}")
    (place,) = parse_qs(binder.query)["urlpath"]
    assert place.startswith("lab/tree/")
    colab = urlsplit(found["launch-colab"])
    opening = f"/github/{slug}/blob/v{VERSION}/"
    assert colab.netloc == "colab.research.google.com" and colab.path.startswith(opening)
    paths = {place.removeprefix("lab/tree/"), colab.path.removeprefix(opening)}
    assert paths == {notebook_path(source).relative_to(ROOT).as_posix()}
    assert paths <= committed()


@each_page
def test_a_notebook_is_downloaded_as_it_is_committed(source: Path) -> None:
    if has_cells(source) and "download-notebook" in (found := buttons(source)):
        page, path = page_of(source), notebook_path(source)
        copy = Path(urljoin(page.as_posix(), unquote(found["download-notebook"])))
        assert built(page, path) and copy.read_bytes() == path.read_bytes()


@each_page
def test_edit_leads_to_the_text_and_an_issue_names_the_page(source: Path) -> None:
    found = buttons(source)
    path = source.relative_to(ROOT).as_posix()
    assert found["source-edit"] == f"{REPOSITORY['url']}/edit/{REPOSITORY['branch']}/{path}"
    assert path in committed()
    assert found["source-repository"] == REPOSITORY["url"]
    issue = urlsplit(found["source-issues"])
    assert f"{issue.scheme}://{issue.netloc}{issue.path}" == f"{REPOSITORY['url']}/issues/new"
    assert parse_qs(issue.query)["title"] == [f"Issue on page /{docname(source)}.html"]


def test_addresses_derive_from_the_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {"repository": {"url": "https://github.com/me/mine"}}
    monkeypatch.setattr(launch, "config", lambda: mine)
    monkeypatch.setattr(launch, "tag", lambda: "v9.9")
    urls = [button["url"] for button in launch.launchers("book/notebooks/a.ipynb")["buttons"]]
    assert urls == [
        "https://mybinder.org/v2/gh/me/mine/v9.9?urlpath=lab/tree/book/notebooks/a.ipynb",
        "https://colab.research.google.com/github/me/mine/blob/v9.9/book/notebooks/a.ipynb",
    ]
    named = [path for path in committed() if path.startswith("book/_ext/") and path.endswith(".py")]
    assert not [path for path in named if "OWNER" in (ROOT / path).read_text("utf8")]


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s#]+)", text, flags=re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_binder_has_the_books_versions() -> None:
    """By a constraint. Only torch is pinned twice: its build for the CPU has its own version."""
    listed = BINDER_LIST.read_text("utf8")
    book = pins((ROOT / "requirements.txt").read_text("utf8"))
    assert "\n--constraint ../requirements.txt\n" in listed
    own = pins(listed)
    assert own.pop("torch") == f"{book['torch']}+cpu"
    assert not own.keys() & book.keys(), "pinned by the book already"
    bare = [line for line in listed.splitlines() if re.fullmatch(r"[\w.\[\]-]+", line)]
    assert set(bare) - {".[book]"} <= book.keys(), "pinned nowhere"


def test_binder_has_a_python_that_is_supported() -> None:
    match = re.fullmatch(r"python-(3\.\d+)\n", (ROOT / ".binder" / "runtime.txt").read_text("utf8"))
    assert match and match[1] in {"3.11", "3.12", "3.13"}


def test_binder_can_run_what_it_runs_after_installing() -> None:
    """Git says so: a checkout on Windows cannot."""
    committed()
    listed = git("ls-files", "-s", ".binder").splitlines()
    runnable = [line.split("\t")[1] for line in listed if line.startswith("100755")]
    assert runnable == [".binder/postBuild"]
