"""The order in which training sees the data: new in each epoch, and possible to save and to go back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checkpoint import generators, set_generators

__all__ = ["Batches", "check_data"]


class Batches:
    """Mini-batches without end: each epoch in a new order, each datum once in an epoch.

    Args:
        x: data, shape ``(N, X)``; or a callable that gives such a tensor for epoch 0, 1, 2, ...
        batch_size: B; None, or B of at least N, gives all data each time, in their own order.
        seed: of the order, which has a generator of its own.

    Raises:
        ValueError: data of another shape, or not finite.
    """

    def __init__(
        self, x: Tensor | Callable[[int], Tensor], batch_size: int | None, seed: int
    ) -> None:
        self.x, self.batch_size = x, batch_size
        self.order = torch.Generator().manual_seed(seed)
        self.epoch, self.taken = -1, 0
        self.parts: tuple[Tensor | None, ...] = ()
        if not callable(x):
            check_data(x, "x")

    def __next__(self) -> Tensor:
        if self.taken == len(self.parts):
            self._begin(self.epoch + 1)
        part = self.parts[self.taken]
        self.taken += 1
        return self.data if part is None else self.data.index_select(0, part)

    def _begin(self, epoch: int) -> None:
        self.epoch, self.taken = epoch, 0
        self.before = {"order": self.order.get_state(), "generators": generators()}
        self.data = check_data(self.x(epoch), "x") if callable(self.x) else self.x
        if self.batch_size is None or self.batch_size >= len(self.data):
            self.parts = (None,)
        else:
            order = torch.randperm(len(self.data), generator=self.order)
            self.parts = order.to(self.data.device).split(self.batch_size)

    def state(self) -> dict[str, Any]:
        """Where the next batch comes from, for :meth:`restore`."""
        return {"epoch": self.epoch, "taken": self.taken, **self.before}

    def restore(self, state: dict[str, Any]) -> None:
        """Begin that epoch once more, with the generators as they were, and skip what was taken.

        Args:
            state: what :meth:`state` gave.
        """
        self.order.set_state(state["order"])
        set_generators(state["generators"])
        self._begin(state["epoch"])
        self.taken = state["taken"]


def check_data(x: Any, name: str) -> Tensor:
    """The data themselves, if they can be trained on.

    Args:
        x: what should be a tensor of shape ``(N, X)``.
        name: what the caller calls it.

    Returns:
        x, shape ``(N, X)``.

    Raises:
        ValueError: it is no tensor, has no datum or no axis of data, or is not finite.
    """
    if not isinstance(x, Tensor) or x.ndim < 2 or x.shape[0] == 0:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} must be a tensor of shape (N, X), N at least 1; got {got}")
    # The sum is a quick first look; whether it was not the sum alone that overflowed is seen then.
    if not x.sum().isfinite() and not x.isfinite().all():
        row = int((~x.isfinite()).flatten(1).any(1).nonzero()[0])
        raise ValueError(f"{name} must be finite; row {row} holds an infinity or not-a-number")
    return x
