"""pythae's model in a bare loop: no trainer, no DataLoader, no progress bar."""

from __future__ import annotations

from collections.abc import Callable

import torch
import work

from contenders import _pythae, _torch


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    nets, batches = _torch.nets(), _torch.batches(_torch.images()[0], batch_size)
    model = _pythae.model(nets, K)

    def run(start: str, steps: int) -> None:
        _torch.load(nets, start)
        optimiser = torch.optim.Adam(model.parameters(), lr=work.LR)
        for _ in range(steps):
            loss = model({"data": next(batches)}).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    model, x = _pythae.model(_torch.nets(), K=1), _torch.images()[1]

    @torch.no_grad()
    def run() -> float:
        return float(model.get_nll(x, n_samples=K))

    return run
