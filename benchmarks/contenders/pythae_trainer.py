"""pythae's trainer: an epoch of its training loop, over as many data as the steps need.

What its ``train`` does beside epochs (logs, a copy of the best model, a folder) is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import work
from pythae.data.datasets import BaseDataset
from pythae.trainers import BaseTrainer, BaseTrainerConfig

from contenders import _pythae, _torch


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    nets, (x, _) = _torch.nets(), _torch.images()
    labels = torch.zeros(len(x))
    data = BaseDataset(x, labels)
    config = BaseTrainerConfig(
        output_dir=str(work.FOLDER / "pythae"),
        per_device_train_batch_size=batch_size,
        learning_rate=work.LR,
        no_cuda=True,
    )
    trainer = BaseTrainer(_pythae.model(nets, K), data, training_config=config)

    def run(start: str, steps: int) -> None:
        _torch.load(nets, start)
        trainer.prepare_training()  # makes a new optimiser
        rows = steps * batch_size
        while rows > 0:
            n = min(rows, len(x))
            data.data, data.labels = x[:n], labels[:n]
            trainer.train_step(epoch=1)
            rows -= n

    return run
