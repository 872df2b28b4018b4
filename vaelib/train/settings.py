"""The numbers that ``fit`` is called with, checked once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vaelib._validate import check_integer, check_number

__all__ = ["Settings"]

_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


@dataclass(frozen=True)
class Settings:
    """The arguments of :func:`vaelib.train.fit` that are numbers or choices.

    Raises:
        ValueError: one of them is out of its range.
        TypeError: the seed is no integer, or ``compile`` neither True nor False.
    """

    K: int
    steps: int
    batch_size: int | None
    lr: float
    schedule: str | Callable[[float], float]
    clip: float | None
    seed: int
    record_every: int
    patience: int | None
    compile: bool

    def __post_init__(self) -> None:
        for name in ("K", "steps", "record_every"):
            check_integer(getattr(self, name), name)
        for name in ("batch_size", "patience"):
            if getattr(self, name) is not None:
                check_integer(getattr(self, name), name)
        check_number(self.lr, "lr")
        if self.clip is not None:
            check_number(self.clip, "clip")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise TypeError(f"seed must be an integer; got {self.seed!r}")
        if not isinstance(self.compile, bool):
            raise TypeError(f"compile must be True or False; got {self.compile!r}")
        known = isinstance(self.schedule, str) and self.schedule in _SCHEDULES
        if not known and not callable(self.schedule):
            raise ValueError(
                f"schedule must be 'constant' or 'cosine' or a callable; got {self.schedule!r}"
            )

    def step_size(self, step: int) -> float:
        """Adam's step size, as the schedule has it.

        Args:
            step: how many steps have been made.
        """
        schedule = self.schedule
        factor = _SCHEDULES[schedule] if isinstance(schedule, str) else schedule
        return self.lr * factor(step / self.steps)
