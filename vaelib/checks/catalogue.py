"""The catalogue of known mistakes: what each is, how it shows, and where it is explained.

Its text stands in ``catalogue.toml``. A check names a mistake from there. The book's bug museum
shows those that real code contained.
"""

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
        name: its title, a few words.
        what: what was done; the words follow the name and a colon.
        shows: a sentence on how the numbers show it in every exercise, or nothing.
        place: the key of the section that explains it; if empty, the exercise's.
        threads: public threads in which it was shipped, reported or mended: address and story.
    """

    key: str
    name: str
    what: str
    shows: str = ""
    place: str = ""
    threads: tuple[tuple[str, str], ...] = ()


_text = resources.files("vaelib.checks").joinpath("catalogue.toml").read_text("utf8")
_catalogue = tomllib.loads(_text)

PLACES = {key: Place(*parts) for key, parts in _catalogue["places"].items()}
MISTAKES = {
    key: Mistake(key, **entry | {"threads": tuple(map(tuple, entry.get("threads", ())))})
    for key, entry in _catalogue["mistakes"].items()
}
