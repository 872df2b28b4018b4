"""Try every check on the learners' answers of the tests, and write CHECKS.md."""

from __future__ import annotations

import platform
import statistics
import time
from pathlib import Path

from learners import ANSWERS, Answer

from vaelib import checks

ROOT = Path(__file__).resolve().parents[1]
TABLE = "| {:<30} | {:>9} | {:>9} | {:>9} | {:>9} | {:>7} |"


def tried(answer: Answer) -> tuple[checks.Verdict, float]:
    """The verdict on an answer, and the seconds it took."""
    start = time.perf_counter()
    verdict = getattr(checks, f"check_{answer.exercise}")(answer.fn)
    return verdict, time.perf_counter() - start


def row(exercise: str, number: str) -> tuple[list[str], list[float], tuple[int, int, int, int]]:
    """A line of the table, with the seconds and the numbers in it."""
    found = [(answer, *tried(answer)) for answer in ANSWERS if answer.exercise == exercise]
    passed = [bool(verdict) for answer, verdict, _ in found if answer.is_right]
    wrong = [(answer, verdict) for answer, verdict, _ in found if not answer.is_right]
    refused = sum(not verdict for _, verdict in wrong)
    named = sum(set(verdict.mistakes) == answer.mistakes for answer, verdict in wrong)
    seconds = [took for *_, took in found]
    cells = [f"{sum(passed)} of {len(passed)}", *(f"{n} of {len(wrong)}" for n in (refused, named))]
    times = [f"{1000 * statistics.median(seconds):.0f} ms", f"{1000 * max(seconds):.0f} ms"]
    return (
        [f"{number} `{exercise}`", *cells, *times],
        seconds,
        (sum(passed), len(passed), named, len(wrong)),
    )


def main() -> None:
    head = ["exercise", "passed", "refused", "diagnosed", "median", "longest"]
    rows, seconds, sums = [head, ["---", *["---:"] * 5]], [], []
    print(TABLE.format(*head))
    for exercise in checks.EXERCISES.values():
        cells, took, counts = row(exercise.name, exercise.number)
        rows.append(cells)
        seconds += took
        sums.append(counts)
        print(TABLE.format(*cells), flush=True)
    passed, right, named, wrong = (sum(column) for column in zip(*sums, strict=True))
    text = [
        "# What the checks say, and how soon",
        "",
        "Each exercise's check judges the answers of `tests/learners/`. Right ones should pass.",
        "Wrong ones should be refused, and their mistake named (or both of two). The first wrong",
        "answer also pays for making the exercise's mistakes. One thread,",
        f"{platform.machine()}, Python {platform.python_version()}. Made by `make checks`.",
        "",
        f"All: {passed} of {right} right answers passed, {named} of {wrong} wrong ones diagnosed "
        f"({100 * named / wrong:.0f} %), {1000 * statistics.median(seconds):.0f} ms in the median, "
        f"{1000 * max(seconds):.0f} ms the longest.",
        "",
        *(TABLE.format(*cells) for cells in rows),
    ]
    (ROOT / "benchmarks" / "CHECKS.md").write_text("\n".join(text) + "\n", "utf8")


if __name__ == "__main__":
    main()
