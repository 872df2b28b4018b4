"""What GitHub runs: pinned actions, few permissions, the Makefile's targets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf8")
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.M))
TEXT = {path.name: path.read_text("utf8") for path in WORKFLOWS}
# What else a job may do than read the repository.
MORE = {
    ("deploy.yml", "build"): {"pages": "read"},
    ("deploy.yml", "deploy"): {"pages": "write", "id-token": "write"},
}
each_workflow = pytest.mark.parametrize("name", TEXT)


def jobs(name: str) -> dict[str, Any]:
    return yaml.safe_load(TEXT[name])["jobs"]


def commands(name: str) -> list[str]:
    """Every line that a workflow runs."""
    steps = [step for job in jobs(name).values() for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def made(text: str) -> list[str]:
    """The targets that make is asked for."""
    return re.findall(r"\bmake ([a-z][\w-]*)", text)


def test_they_are_there() -> None:
    assert list(TEXT) == ["build.yml", "deploy.yml", "links.yml", "test.yml"]


@each_workflow
def test_an_action_is_pinned_by_its_commit_and_says_its_version(name: str) -> None:
    used = [line for line in TEXT[name].splitlines() if "uses:" in line]
    pinned = r" +(?:- )?uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert used and [line for line in used if not re.fullmatch(pinned, line)] == []


def test_an_action_has_one_version() -> None:
    used = set(re.findall(r"uses: (\S+)@(\S+) # (\S+)", "\n".join(TEXT.values())))
    assert len({action for action, _, _ in used}) == len(used)


@each_workflow
def test_a_job_may_do_little_holds_no_secret_and_ends(name: str) -> None:
    workflow = yaml.safe_load(TEXT[name])
    assert workflow["permissions"] == {} and "group" in workflow["concurrency"]
    assert "secrets." not in TEXT[name]
    for job_name, job in workflow["jobs"].items():
        allowed = {"contents": "read"} | MORE.get((name, job_name), {})
        assert job["permissions"].items() <= allowed.items(), job_name
        assert 0 < job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@each_workflow
def test_what_others_write_is_no_part_of_a_command(name: str) -> None:
    assert not [line for line in commands(name) if "${{" in line]


@each_workflow
def test_what_is_made_can_be_made(name: str) -> None:
    assert set(made("\n".join(commands(name)))) <= TARGETS


def test_all_that_ci_checks_is_checked() -> None:
    run = (ROOT / ".ci" / "run").read_text("utf8")
    here = re.search(r"^for target in (.*); do$", run, re.M)[1].split()
    there = made("\n".join([*commands("test.yml"), *commands("build.yml")]))
    assert set(here) <= set(there)


def test_windows_runs_what_the_readme_says() -> None:
    """Its installation to the letter; its tests as ``make test-anywhere`` runs them."""
    readme = (ROOT / "README.md").read_text("utf8").replace(".venv/bin/", ".venv/Scripts/")
    steps = jobs("test.yml")["windows"]["steps"]
    run = [line for step in steps for line in step.get("run", "").splitlines()]
    assert len(run) == 6 and all(f"\n{line}\n" in readme for line in run[:5])
    recipe = re.search(r"^test-anywhere:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)[1]
    for line in run[4:]:
        assert line.partition("-m pytest ")[2] in recipe


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_asks_for_something(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf8"))
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": True}
        return
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    for field in form["body"]:
        assert field["type"] in {"input", "textarea"} and field["attributes"]["label"]
