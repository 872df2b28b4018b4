"""What the contenders in PyTorch share: the networks, their weights, and mini-batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import work
from torch import Tensor, nn


def images() -> tuple[Tensor, Tensor]:
    """Training and test images."""
    train, test = work.images()
    return torch.from_numpy(train), torch.from_numpy(test)


def nets() -> nn.ModuleList:
    """The encoder's net and the decoder's, with the trained weights: linear, tanh between."""
    made = nn.ModuleList()
    for shapes in (work.ENCODER, work.DECODER):
        layers = [layer for out, n in shapes for layer in (nn.Linear(n, out), nn.Tanh())]
        made.append(nn.Sequential(*layers[:-1]))
    load(made, "trained")
    return made


@torch.no_grad()
def load(modules: nn.Module, start: str) -> None:
    """Put the weights of a start into modules that hold the encoder's, then the decoder's."""
    encoder, decoder = work.weights(start)
    arrays = [array for layer in encoder + decoder for array in layer]
    for parameter, array in zip(modules.parameters(), arrays, strict=True):
        parameter.copy_(torch.from_numpy(array))


def batches(x: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Shuffled mini-batches without end, indexed from memory, which is faster than a DataLoader."""
    while True:
        for index in torch.randperm(len(x)).split(batch_size):
            yield x[index]
