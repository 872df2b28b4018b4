"""What a user of the library alone finds: one version, true addresses, help, a quick import."""

from __future__ import annotations

import importlib
import inspect
import os
import pydoc
import re
import subprocess
import sys
import tomllib
from datetime import date
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from packaging.version import Version

import vaelib
from vaelib import __main__ as main

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vaelib"
FILES = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")]
NAMES = {".".join(path.parts).removesuffix(".__init__") for path in FILES}
MODULES = sorted(name for name in NAMES if not name.startswith(("_", "checks")))


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text("utf8"))


def test_the_version_stands_in_one_place_and_elsewhere_agrees() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert metadata.version("vaelib") == vaelib.__version__ == str(Version(vaelib.__version__))
    assert read("CITATION.cff")["version"] == vaelib.__version__
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf8"), flags=re.M)
    assert next(name for name in headings if name != "Unreleased") == vaelib.__version__


def test_the_addresses_are_those_of_the_book() -> None:
    config = read("_config.yml")
    book, repository = config["html"]["baseurl"], config["repository"]["url"]
    expected = {"Documentation": book, "Repository": repository}
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["urls"] == expected
    installed = metadata.metadata("vaelib").get_all("Project-URL")
    assert dict(address.split(", ", 1) for address in installed) == expected


def test_the_citation_has_what_the_format_asks_for() -> None:
    given = read("CITATION.cff")
    assert given["cff-version"] == "1.2.0" and given["type"] in ("software", "dataset")
    assert given["title"] and given["message"]
    assert all(author["name"] for author in given["authors"])
    allowed = """
        abstract authors cff-version commit contact date-released doi identifiers keywords license
        license-url message preferred-citation references repository repository-artifact
        repository-code title type url version
    """
    assert set(given) <= set(allowed.split())
    assert isinstance(given["version"], str)
    assert isinstance(given.get("date-released", date.today()), date)


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_the_package_names_all_its_modules() -> None:
    named = re.findall(r":mod:`vaelib\.(\w+)`", vaelib.__doc__)
    assert sorted(named) == sorted({name.split(".")[0] for name in [*MODULES, "checks"]})


@pytest.mark.parametrize("module", MODULES)
def test_help_begins_everything_public_with_a_sentence(module: str) -> None:
    source = importlib.import_module(f"vaelib.{module}")
    things = {name: getattr(source, name) for name in source.__all__} | {module: source}
    for name, thing in things.items():
        if not (inspect.ismodule(thing) or inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        summary = inspect.getdoc(thing).split("\n\n")[0]
        assert re.fullmatch(r"[A-Z`|].*[.:]", summary, flags=re.S), f"{name}: {summary}"
        assert summary.split("\n")[0] in pydoc.render_doc(thing, renderer=pydoc.plaintext)
    shown = pydoc.render_doc(source, renderer=pydoc.plaintext)
    assert all(name in shown for name in source.__all__)


def in_a_fresh_process(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_to_import_the_package_imports_nothing_else_of_anybody() -> None:
    code = "import sys; before = set(sys.modules); import vaelib; print(*set(sys.modules) - before)"
    assert in_a_fresh_process(code).split() == ["vaelib"]


def test_to_import_all_that_trains_imports_nothing_heavy_but_torch() -> None:
    core = [f"vaelib.{name}" for name in MODULES if not name.startswith(("plotting", "widgets"))]
    code = f"import sys, torch, {', '.join(core)}; print(*sys.modules)"
    heavy = "matplotlib sklearn scipy pandas IPython ipywidgets anywidget PIL pooch requests"
    assert not set(heavy.split()) & {
        name.split(".")[0] for name in in_a_fresh_process(code).split()
    }


def facts(report: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in report.splitlines())


def test_the_report_says_what_is_installed_and_where_data_and_book_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    command = [sys.executable, "-W", "error", "-m", "vaelib"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = facts(shown)
    assert list(lines) == ["vaelib", "Python", "torch", "devices", "threads", "data", "book"]
    assert lines["vaelib"] == vaelib.__version__ and lines["torch"] == torch.__version__
    assert lines["Python"].startswith(sys.version.split()[0]) and lines["devices"].startswith("cpu")
    assert lines["data"] == str(tmp_path)
    assert lines["book"] == read("_config.yml")["html"]["baseurl"]


def test_a_reader_of_the_report_may_go_before_it_is_written() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "vaelib"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == ""


def test_the_report_names_the_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"GPU {'AB'[i]}")
    monkeypatch.setattr(torch.backends, "mps", SimpleNamespace(is_available=lambda: True))
    assert facts(main.report())["devices"] == "cpu, cuda:0 (GPU A), cuda:1 (GPU B), mps"


def test_the_report_is_made_where_things_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(main, "metadata", not_installed)
    monkeypatch.delenv("VAELIB_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    said = facts(main.report())
    assert said["book"] == "unknown: vaelib is on the path, but not installed"
    assert "pip install 'vaelib[book]'" in said["data"]
