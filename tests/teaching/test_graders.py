"""Exercises in nbgrader and in otter-grader, as a teacher uses them: handed out and graded.

``make test-teaching`` installs both graders into ``.venv-teaching`` and runs this. Where they
cannot be installed, every test skips and says so.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEACHING = ROOT / "book" / "teaching"
BIN = ROOT / ".venv-teaching" / ("Scripts" if sys.platform == "win32" else "bin")
NAME = "33_log_mean_exp.ipynb"
ANSWERS = {
    "ada": "return log_w.logsumexp(0) - math.log(len(log_w))",
    "ben": "return log_w.logsumexp(0)",
    "cem": "return log_w.mean(0)",
    "dana": "",  # handed in as it was handed out
}
OWN = TEACHING / "61_perplexity.md"
OWN_ANSWERS = {
    "ada": "return (-(p * p.log()).sum()).exp()",
    "ben": "return -(p * p.log()).sum()",
}
NAMED = {"ben": "log-k-missing", "cem": "log-of-mean-of-logs"}
SOLUTION = "log_w_max = "

pytestmark = pytest.mark.skipif(
    not (BIN.parent / ".ready").exists(),
    reason="the graders are not installed (make teaching): nothing was graded",
)


def run(command: list[str | Path], folder: Path) -> str:
    settings = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(folder / name.lower()) for name in settings}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **own, "PATH": path}
    options = {"capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run(command, cwd=folder, env=environment, **options)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def hand_in(handed_out: Path, to: Path, answer: str) -> None:
    """The notebook with its blank filled in, as a student leaves it."""
    notebook = nbformat.read(handed_out, as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.source.startswith("def "))
    if answer:
        cell.source, count = re.subn(
            r"^    (raise NotImplementedError.*|\.\.\.)$", f"    {answer}", cell.source, flags=re.M
        )
        assert count == 1
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, to)


def write_own(grader: str, folder: Path, at: Path) -> None:
    """The page's own example as an assignment, with the check that lies beside it."""
    command = [sys.executable, ROOT / "book" / "_ext", "assignment", grader, folder, OWN]
    assert "61_perplexity.ipynb: written" in run(command, at)


def tally(files: list[Path], folder: Path) -> list[str]:
    return run([BIN / "python", TEACHING / "tally.py", *files], folder).splitlines()


def test_nbgrader_hands_out_grades_and_names_the_mistakes(tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(TEACHING / "nbgrader", course)
    run([BIN / "nbgrader", "generate_assignment", "week3", "--create"], course)
    released = course / "release" / "week3" / NAME
    assert SOLUTION in (course / "source" / "week3" / NAME).read_text("utf8")
    assert SOLUTION not in released.read_text("utf8")
    for student, answer in ANSWERS.items():
        hand_in(released, course / "submitted" / student / "week3" / NAME, answer)
    run([BIN / "nbgrader", "autograde", "week3", "--create"], course)
    run([BIN / "nbgrader", "generate_feedback", "week3"], course)
    run([BIN / "nbgrader", "export"], course)
    with (course / "grades.csv").open(newline="") as file:
        grades = {
            row["student_id"]: (float(row["score"]), float(row["max_score"]))
            for row in csv.DictReader(file)
        }
    assert grades == {"ada": (1, 1), "ben": (0, 1), "cem": (0, 1), "dana": (0, 1)}
    for student in ANSWERS:
        text = (
            (course / "feedback" / student / "week3" / NAME).with_suffix(".html").read_text("utf8")
        )
        assert re.findall(r"mistakes: ([a-z-]+)", text) == [
            NAMED[name] for name in NAMED if name == student
        ], student
        assert ("log K is missing:" in text) == (student == "ben")
        assert ("is not written yet" in text) == (student == "dana")
    graded = [course / "autograded" / student / "week3" / NAME for student in ANSWERS]
    assert len(said := tally(graded, tmp_path)) == 2 and "   1 of 4  log K is missing" in said


def test_otter_hands_out_grades_and_names_the_mistakes(tmp_path: Path) -> None:
    shutil.copy(TEACHING / "otter" / NAME, tmp_path)
    run([BIN / "otter", "assign", NAME, "dist"], tmp_path)
    assert SOLUTION in (tmp_path / "dist" / "autograder" / NAME).read_text("utf8")
    released = tmp_path / "dist" / "student" / NAME
    assert SOLUTION not in released.read_text("utf8")
    (autograder,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    results = []
    for student, answer in ANSWERS.items():
        folder = tmp_path / student
        hand_in(released, folder / NAME, answer)
        run([BIN / "otter", "run", "-a", autograder, "-o", folder, folder / NAME], tmp_path)
        results.append(folder / "results.json")
        tests = {test["name"]: test for test in json.loads(results[-1].read_text("utf8"))["tests"]}
        question = tests["log_mean_exp"]
        assert (question["score"], question["max_score"]) == (float(student == "ada"), 1), student
        found = re.findall(r"mistakes: ([a-z-]+)", question["output"])
        assert found == [NAMED[name] for name in NAMED if name == student], student
        assert ("log K is missing:" in question["output"]) == (student == "ben")
    assert len(said := tally(results, tmp_path)) == 2 and "   1 of 4  log K is missing" in said


def test_nbgrader_grades_an_exercise_of_ones_own(tmp_path: Path) -> None:
    course, name = tmp_path / "course", f"{OWN.stem}.ipynb"
    shutil.copytree(TEACHING / "nbgrader", course)
    write_own("nbgrader", course / "source" / "week6", tmp_path)
    run([BIN / "nbgrader", "generate_assignment", "week6", "--create"], course)
    released = course / "release" / "week6" / name
    assert "entropy.exp()" not in released.read_text("utf8")
    assert (released.parent / "perplexity.py").is_file()
    for student, answer in OWN_ANSWERS.items():
        hand_in(released, course / "submitted" / student / "week6" / name, answer)
    run([BIN / "nbgrader", "autograde", "week6", "--create"], course)
    run([BIN / "nbgrader", "export"], course)
    with (course / "grades.csv").open(newline="") as file:
        grades = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert grades == {"ada": 1, "ben": 0}
    graded = course / "autograded" / "ben" / "week6" / name
    assert "mistakes: entropy-returned" in graded.read_text("utf8")


def test_otter_grades_an_exercise_of_ones_own(tmp_path: Path) -> None:
    name = f"{OWN.stem}.ipynb"
    write_own("otter", tmp_path / "mine", tmp_path)
    run([BIN / "otter", "assign", name, "dist"], tmp_path / "mine")
    released = tmp_path / "mine" / "dist" / "student" / name
    assert "entropy.exp()" not in released.read_text("utf8")
    assert (released.parent / "perplexity.py").is_file()
    (autograder,) = (tmp_path / "mine" / "dist" / "autograder").glob("*.zip")
    for student, answer in OWN_ANSWERS.items():
        folder = tmp_path / student
        hand_in(released, folder / name, answer)
        run([BIN / "otter", "run", "-a", autograder, "-o", folder, folder / name], tmp_path)
        tests = json.loads((folder / "results.json").read_text("utf8"))["tests"]
        (question,) = (test for test in tests if test["name"] == "perplexity")
        assert question["score"] == float(student == "ada"), question["output"]
        assert ("mistakes: entropy-returned" in question["output"]) == (student == "ben")
