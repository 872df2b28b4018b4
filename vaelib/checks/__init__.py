"""Checks for the exercises of *Bounding the Evidence*: each names the mistake that was made.

``check_<exercise>(fn)`` tries a learner's function and answers with a
:class:`~vaelib.checks.verdict.Verdict`, which is true if the function is right. :func:`report`
shows the answers so far. Each exercise has a file of its own in ``exercises/``, with the name of
its page in the book. The file is loaded when its check is first asked for.
"""

import difflib
import importlib
import pkgutil
from typing import Any

from vaelib.checks import exercises
from vaelib.checks.verdict import Verdict, report

# The files, ``42_elbo`` and so on, by the name of the exercise and in the book's order.
_FILES = {
    file.partition("_")[2]: file
    for file in sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))
}

__all__ = ["EXERCISES", "Verdict", "report", *(f"check_{name}" for name in _FILES)]


def __getattr__(name: str) -> Any:
    if name == "EXERCISES":
        return {exercise: _load(exercise) for exercise in _FILES}
    exercise = name.removeprefix("check_")
    if name != exercise and exercise in _FILES:
        return _load(exercise)
    close = difflib.get_close_matches(name, __all__)
    hint = f"; is it {' or '.join(close)}?" if close else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def _load(exercise: str) -> Any:
    return importlib.import_module(f"{exercises.__name__}.{_FILES[exercise]}").exercise
