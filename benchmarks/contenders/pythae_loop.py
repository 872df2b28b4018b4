"""pythae's model in a bare loop: no trainer, no DataLoader, no progress bar."""

from __future__ import annotations

from collections.abc import Callable

import torch
import work

from contenders import _pythae, _torch


def prepare(batch_size: int, K: int) -> Callable[[int], None]:
    model, batches = _pythae.model(K), _torch.batches(_torch.images()[0], batch_size)
    optimiser = torch.optim.Adam(model.parameters(), lr=work.LR)

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = model({"data": next(batches)}).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    model, x = _pythae.model(K=1), _torch.images()[1]

    @torch.no_grad()
    def run() -> float:
        return float(model.get_nll(x, n_samples=K))

    return run
