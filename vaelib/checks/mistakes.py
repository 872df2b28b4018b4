"""The catalogue of known mistakes: what each is, how it shows, where it is explained, who shipped it.

It stands in ``catalogue.toml``. Checks name a mistake from there; the book's bug museum shows those that real code
contained.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

from vaelib.checks.verdict import Place

__all__ = ["MISTAKES", "PLACES", "Mistake"]


@dataclass(frozen=True)
class Mistake:
    """One known mistake.

    Args:
        key: its name in code and tests.
        name: a few words, as a title.
        what: what was done, a clause that follows the name and a colon.
        shows: a sentence, or nothing: how the numbers show it, whatever the exercise.
        place: the section of the book that explains it; None: the exercise's own.
        threads: public threads in which it was shipped, reported or mended: the address, and what happened there.
    """

    key: str
    name: str
    what: str
    shows: str = ""
    place: Place | None = None
    threads: tuple[tuple[str, str], ...] = ()


_catalogue = tomllib.loads(
    resources.files("vaelib.checks").joinpath("catalogue.toml").read_text("utf8")
)

PLACES = {key: Place(*parts) for key, parts in _catalogue["places"].items()}

MISTAKES = {
    key: Mistake(
        key,
        entry["name"],
        entry["what"],
        entry.get("shows", ""),
        PLACES[entry["place"]] if "place" in entry else None,
        tuple((address, story) for address, story in entry.get("threads", [])),
    )
    for key, entry in _catalogue["mistakes"].items()
}
