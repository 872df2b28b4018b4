"""What a check answers, and the report of all answers so far.

A verdict is true if the exercise is solved, so that ``assert check_elbo(my_elbo)`` grades it. For
the same function its text is the same in every run, though inputs are drawn afresh.
"""

import html
import textwrap
from collections.abc import Iterable
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
        """The section's title as a link into the published book; plain if there is no address."""
        address, words = book_address(), html.escape(str(self))
        if not address:
            return words
        return f'<a href="{address}book/{self.page}.html#{self.anchor}">{words}</a>'


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
        lines = f"{self._mark} {self.message}{read_on}".splitlines()
        return "\n".join(textwrap.fill(line, 88, break_on_hyphens=False) for line in lines)

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
    """The progress of this session: a row for each exercise, as a table in text and HTML.

    A row holds the exercise, ``solved`` or ``not yet``, the number of attempts, and the mistakes
    that were named on the way.
    """

    rows: tuple[tuple[str, str, int, str], ...]

    def __str__(self) -> str:
        if not self.rows:
            return "Nothing has been checked yet."
        width = max(len(row[0]) for row in self.rows)
        line = f"{{:{width}}}  {{:7}}  {{:>8}}  {{}}"
        return "\n".join(line.format(*row).rstrip() for row in (HEADING, *self.rows))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{self}</p>"
        body = "".join(_html_row("td", row) for row in self.rows)
        return f"<table><thead>{_html_row('th', HEADING)}</thead><tbody>{body}</tbody></table>"


HEADING = ("exercise", "state", "attempts", "mistakes named on the way")


def _html_row(tag: str, cells: Iterable[object]) -> str:
    inside = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"


_verdicts: list[Verdict] = []


def remember(verdict: Verdict) -> Verdict:
    """Keep a verdict for the report.

    Args:
        verdict: what a check found.
    """
    _verdicts.append(verdict)
    return verdict


def report() -> Report:
    """Report the progress since Python started, in the order of first attempts.

    Returns:
        a table, in a notebook and as text.
    """
    rows = []
    for exercise in dict.fromkeys(verdict.exercise for verdict in _verdicts):
        tries = [verdict for verdict in _verdicts if verdict.exercise == exercise]
        solved_at = next((number for number, verdict in enumerate(tries, 1) if verdict), None)
        named = dict.fromkeys(name for verdict in tries[:solved_at] for name in verdict.mistakes)
        state = "not yet" if solved_at is None else "solved"
        rows.append((exercise, state, solved_at or len(tries), "; ".join(named)))
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
