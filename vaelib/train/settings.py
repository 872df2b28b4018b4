"""The numbers that ``fit`` is called with, checked once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from vaelib._validate import check_flag, check_integer, check_number, check_seed, quote

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
    betas: tuple[float, float]
    eps: float
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
        _check_betas(self.betas)
        check_number(self.eps, "eps")
        if self.clip is not None:
            check_number(self.clip, "clip")
        check_seed(self.seed)
        check_flag(self.compile, "compile")
        known = isinstance(self.schedule, str) and self.schedule in _SCHEDULES
        if not known and not callable(self.schedule):
            raise ValueError(
                f"schedule must be 'constant' or 'cosine' or a callable; got {quote(self.schedule)}"
            )

    def done(self, step: int) -> float:
        """The fraction of all steps that is done, from 0 to 1.

        Args:
            step: how many steps have been made.
        """
        return step / self.steps

    def step_size(self, step: int) -> float:
        """Adam's step size, as the schedule has it.

        Args:
            step: how many steps have been made.

        Raises:
            ValueError: the schedule returns no finite number of at least 0.
        """
        schedule = self.schedule
        make_factor = _SCHEDULES[schedule] if isinstance(schedule, str) else schedule
        factor = make_factor(self.done(step))
        if not isinstance(factor, Real) or not 0 <= factor < math.inf:
            raise ValueError(
                f"schedule must return a finite number, at least 0; got {quote(factor)} "
                f"at done={self.done(step):.4g}"
            )
        return self.lr * float(factor)


def _check_betas(betas: Any) -> None:
    """Adam's two rates of forgetting."""
    if not isinstance(betas, tuple) or len(betas) != 2 or not all(map(_is_beta, betas)):
        raise ValueError(
            "betas must be a tuple of two numbers, each at least 0 and less than 1; "
            f"got {quote(betas)}"
        )


def _is_beta(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < 1
