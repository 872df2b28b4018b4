"""The order in which training sees the data: new in each epoch, and kept in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib._validate import check_data
from vaelib.train.checkpoint import get_rng_states, set_rng_states
from vaelib.train.compare import fingerprint

__all__ = ["Batches"]


class Batches:
    """Batches without end: each epoch shows each datum once, in a new order.

    Args:
        x: data, shape ``(N, X)``; or a callable that gives such a tensor for epoch 0, 1, 2, ...
        batch_size: B; None, or B of at least N, gives all data each time, in their own order.
        seed: of the order, which has a generator of its own.
        check: raises an error if data are no good; it is called once for each tensor of data.

    Raises:
        ValueError: what the check says.
    """

    def __init__(
        self,
        x: Tensor | Callable[[int], Tensor],
        batch_size: int | None,
        seed: int,
        check: Callable[[Any], Any] = check_data,
    ) -> None:
        self.x = x
        self.batch_size = batch_size
        self.check = check
        self.order = torch.Generator().manual_seed(seed)
        self.epoch = -1
        self.taken = 0
        self.parts: tuple[Tensor | None, ...] = ()  # the rows of each batch; None for all rows
        self.seen: str | None = None  # the fingerprint of this epoch's data, once asked for
        if not callable(x):
            check(x)

    def __next__(self) -> Tensor:
        if self.taken == len(self.parts):
            self._begin(self.epoch + 1)
        rows = self.parts[self.taken]
        self.taken += 1
        return self.data if rows is None else self.data.index_select(0, rows)

    def _begin(self, epoch: int) -> None:
        self.epoch = epoch
        self.taken = 0
        # From these states the same epoch can begin once more.
        self.before = {"order": self.order.get_state(), "generators": get_rng_states()}
        self.data = self._get_data(epoch)
        self.seen = None
        n_data = len(self.data)
        if self.batch_size is None or self.batch_size >= n_data:
            self.parts = (None,)
        else:
            order = torch.randperm(n_data, generator=self.order)
            self.parts = order.to(self.data.device).split(self.batch_size)

    def _get_data(self, epoch: int) -> Tensor:
        if not callable(self.x):
            return self.x.detach()
        data = self.x(epoch)
        self.check(data)
        return data.detach()

    def state(self) -> dict[str, Any]:
        """Where the next batch comes from, and what the epoch's data were, for :meth:`restore`."""
        if self.seen is None:
            self.seen = fingerprint(self.data)
        return {"epoch": self.epoch, "taken": self.taken, "data": self.seen, **self.before}

    def restore(self, state: dict[str, Any], path: Any) -> None:
        """Begin that epoch once more, with the generators as they were, and skip what was taken.

        Args:
            state: what :meth:`state` gave.
            path: where the checkpoint lies that held it.

        Raises:
            ValueError: the epoch has other data now.
        """
        self.order.set_state(state["order"])
        set_rng_states(state["generators"])
        self._begin(state["epoch"])
        self.taken = state["taken"]
        self.seen = fingerprint(self.data)
        if self.seen != state["data"] or not 0 <= self.taken <= len(self.parts):
            raise ValueError(
                f"checkpoint {path} is of other data: in epoch {self.epoch} x was {state['data']} "
                f"there and is {self.seen} here; what x gives may depend on the epoch and on "
                "torch's generator only"
            )
