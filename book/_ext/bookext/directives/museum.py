"""The directive ``{museum}``: the mistakes of the checks' catalogue that real code contained.

Each is made once more here, in the solution of an exercise that invites it. The page shows the
changed lines, unless the book has no solutions, and what they do to a number.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from bookext.directives.exercises import exercises, link_to
from vaelib.checks import EXERCISES
from vaelib.checks.catalogue import MISTAKES, PLACES, Mistake
from vaelib.checks.judging import contrast
from vaelib.checks.observing import returned
from vaelib.checks.types import Exercise, Slip
from vaelib.checks.wording import numbers

THREAD = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|commit|blob)/(\w+)")


def exhibits(chapter: str = "") -> list[tuple[Mistake, Exercise, Slip]]:
    """Every mistake that has a thread, in the order of exercises, with an exercise that invites it.

    The exercise is the first of the chapter that explains the mistake, or else the first of all.

    Args:
        chapter: its number, if only the exhibits of one chapter are wanted.

    Raises:
        ValueError: no exercise invites a mistake.
    """
    slips = [(exercise, slip) for exercise in EXERCISES.values() for slip in exercise.slips]
    found = []
    for key, mistake in MISTAKES.items():
        if mistake.threads:
            invited = [(exercise, slip) for exercise, slip in slips if slip.mistake == key]
            if not invited:
                raise ValueError(f"no exercise invites {key}")
            found.append((mistake, *min(invited, key=lambda pair: elsewhere(mistake, pair[0]))))
    found.sort(key=lambda exhibit: exhibit[1].number)
    return [exhibit for exhibit in found if exhibit[1].number.startswith(chapter)]


def elsewhere(mistake: Mistake, exercise: Exercise) -> bool:
    """Whether an exercise belongs to another chapter than the one that explains the mistake."""
    if not mistake.place:
        return False
    return int(PLACES[mistake.place].page[:2]) != int(exercise.number[0])


def edit(exercise: Exercise, slip: Slip) -> str:
    """The lines that the mistake changes, after a minus, and what they become, after a plus."""
    right, wrong = exercise.source.splitlines(), (exercise.edited(slip) or "").splitlines()
    _, _, *changes = difflib.unified_diff(right, wrong, n=0, lineterm="")
    lines = [line for line in changes if not line.startswith("@@")]
    indent = min(len(line[1:]) - len(line[1:].lstrip()) for line in lines)
    return "\n".join(f"{line[0]} {line[1 + indent :]}" for line in lines)


def shown(exercise: Exercise, slip: Slip) -> str:
    """What the mistake does to the smallest example.

    Raises:
        ValueError: it does nothing to any of the examples worked by hand.
    """
    mutant = exercise.mutant(slip)
    found = contrast(exercise, mutant) if mutant else None
    if found is None:
        raise ValueError(
            f"{exercise.name}: {slip.mistake} shows in none of the examples worked by hand"
        )
    said, name = found.case.said, found.name
    if not name:
        wanted = ", ".join(returned(found.right))
        count = len(returned(found.theirs))
        return f"For {said} the answer should be, in this order: {wanted}. It has {count} parts."
    want, got = found.right[name], found.theirs[name]
    if want.shape != got.shape:
        should = f"should have shape {tuple(want.shape)}; it has {tuple(got.shape)}"
        return f"For {said} the {name} {should}."
    return in_print(f"For {said} the {name} should be {numbers(want)}; it is {numbers(got)}.")


def in_print(said: str) -> str:
    """Numbers as a book prints them: a true minus, the sign of infinity, no needless brackets."""
    said = re.sub(r"(?<![\w)])-(?=\d|inf)", "−", said)
    said = re.sub(r"\b(be|is) \[([^\s,\]]+)\]", r"\1 \2", said)
    return re.sub(r"\binf\b", "∞", said)


def name_of(address: str) -> str:
    """A thread as GitHub writes it, ``keras-team/keras#3373``; a commit by its first digits."""
    match = THREAD.match(address)
    if match is None:
        return address.removeprefix("https://github.com/")
    return f"{match[1]}#{match[2]}" if match[2].isdigit() else f"{match[1]}@{match[2][:7]}"


class Museum(SphinxDirective):
    """``{museum} N``: the exhibits of chapter N, a section each."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        pages = {page.number: page for page in exercises()}
        shown = exhibits(self.arguments[0])
        return [self.exhibit(*parts, pages[parts[1].number]) for parts in shown]

    def exhibit(self, mistake: Mistake, exercise: Exercise, slip: Slip, page: Any) -> nodes.section:
        self.env.note_dependency(str(page.path))
        what = mistake.what[:1].upper() + mistake.what[1:]
        code = edit(exercise, slip)
        threads = [self.thread(*thread) for thread in mistake.threads]
        place = exercise.place_of(slip)
        address = "../" * self.env.docname.count("/") + f"book/{place.page}.html#{place.anchor}"
        check = nodes.paragraph("", "", nodes.literal("", f"check_{exercise.name}"))
        check += [nodes.Text(" of exercise "), link_to(page, self.env.docname)]
        check += nodes.Text(" names it; ")
        check += nodes.reference("", str(place), refuri=address, internal=True)
        check += nodes.Text(" explains it.")
        changed = nodes.literal_block(code, code, language="diff")
        body = [
            nodes.paragraph("", f"{what}. {slip.shows or mistake.shows}".strip()),
            *[changed] * self.config.exercises_solutions,
            nodes.paragraph("", shown(exercise, slip)),
            check,
            nodes.bullet_list("", *threads, bullet="-"),
        ]
        section = nodes.section("", nodes.title("", mistake.name), *body)
        section["ids"], section["names"] = [f"museum-{mistake.key}"], [mistake.key]
        self.state.document.note_explicit_target(section, section)
        return section

    def thread(self, address: str, story: str = "") -> nodes.list_item:
        link = nodes.reference("", name_of(address), refuri=address)
        said = nodes.Text(f": {story}" if story else "")
        return nodes.list_item("", nodes.paragraph("", "", link, said))


def setup(app: Any) -> None:
    app.add_directive("museum", Museum)
