"""What a check answers, and the report of all answers so far.

A verdict is true if the exercise is solved, so that ``assert check_elbo(my_elbo)`` grades it. Its text is the same in
every run for the same function, though inputs are drawn afresh.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field
from importlib import metadata

__all__ = ["Place", "Report", "Verdict", "book_address", "remember", "report"]


@dataclass(frozen=True)
class Place:
    """A section of the book: its page, anchor and title."""

    page: str
    anchor: str
    title: str

    def __str__(self) -> str:
        return f"chapter {int(self.page[:2])}, “{self.title}”"

    def link(self) -> str:
        """The section's title as a link into the published book; plain where no address is known."""
        address = book_address()
        words = html.escape(str(self))
        return (
            f'<a href="{address}book/{self.page}.html#{self.anchor}">{words}</a>'
            if address
            else words
        )


@dataclass(frozen=True)
class Verdict:
    """One answer of a check: passed or not, why, and where to read on. True if passed."""

    exercise: str
    passed: bool
    message: str
    mistakes: tuple[str, ...] = ()
    places: tuple[Place, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        read_on = f"\nRead {' and '.join(map(str, self.places))}." if self.places else ""
        said = f"{self._mark} {self.message}{read_on}"
        return "\n".join(
            textwrap.fill(line, 88, break_on_hyphens=False) for line in said.splitlines()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        first, *rest = (html.escape(line) for line in self.message.splitlines())
        paragraphs = [f"<strong>{self._mark}</strong> {first}", *rest]
        if self.places:
            paragraphs.append(f"Read {' and '.join(place.link() for place in self.places)}.")
        colour = "#2e7d32" if self.passed else "#c77700"
        body = "".join(f'<p style="margin: 0.2em 0">{text}</p>' for text in paragraphs)
        return f'<div style="border-left: 0.3em solid {colour}; padding: 0.2em 0.8em">{body}</div>'

    @property
    def _mark(self) -> str:
        return "Correct." if self.passed else "Not yet."


@dataclass(frozen=True)
class Report:
    """The verdicts of this session by exercise, each with how many attempts it took; a table in text and HTML."""

    rows: tuple[tuple[str, str, int, str], ...]

    def __str__(self) -> str:
        if not self.rows:
            return "Nothing has been checked yet."
        width = max(len(row[0]) for row in self.rows)
        return "\n".join(
            f"{name:{width}}  {state:7}  {tries:>8}  {said}".rstrip()
            for name, state, tries, said in self._all
        )

    __repr__ = __str__

    @property
    def _all(self) -> list[tuple[str, str, str, str]]:
        heading = ("exercise", "state", "attempts", "mistakes named on the way")
        return [
            heading,
            *((name, state, str(tries), said) for name, state, tries, said in self.rows),
        ]

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{self}</p>"
        head, *body = (
            "".join(f"<{{0}}>{html.escape(cell)}</{{0}}>" for cell in row) for row in self._all
        )
        rows = "".join(f"<tr>{row.format('td')}</tr>" for row in body)
        return f"<table><thead><tr>{head.format('th')}</tr></thead><tbody>{rows}</tbody></table>"


_verdicts: list[Verdict] = []


def remember(verdict: Verdict) -> Verdict:
    """Keep a verdict for the report, and hand it on.

    Args:
        verdict: what a check found.
    """
    _verdicts.append(verdict)
    return verdict


def report() -> Report:
    """The progress so far: every exercise that was checked since Python started, in the order of first attempts.

    Returns:
        a table that a notebook shows as one, and ``print`` as text.
    """
    rows = []
    for exercise in dict.fromkeys(verdict.exercise for verdict in _verdicts):
        tries = [verdict for verdict in _verdicts if verdict.exercise == exercise]
        solved_at = next((number for number, verdict in enumerate(tries, 1) if verdict), None)
        named = dict.fromkeys(name for verdict in tries[:solved_at] for name in verdict.mistakes)
        rows.append(
            (
                exercise,
                "not yet" if solved_at is None else "solved",
                solved_at or len(tries),
                "; ".join(named),
            )
        )
    return Report(tuple(rows))


def book_address() -> str:
    """Where the book is published, as the installed package says; empty if it does not."""
    try:
        urls = metadata.metadata("vaelib").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    address: str = named.get("Documentation", "")
    return address and address.rstrip("/") + "/"
