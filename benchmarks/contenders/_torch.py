"""What the contenders written in PyTorch share: the weights as modules, and mini-batches from memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import work
from torch import Tensor, nn


def images(device: str = "cpu") -> tuple[Tensor, Tensor]:
    train, test = work.images()
    return torch.from_numpy(train).to(device), torch.from_numpy(test).to(device)


def net(layers: work.Layers) -> nn.Sequential:
    """Linear layers with these weights, tanh between them."""
    modules: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(weight)))
            linear.bias.copy_(torch.from_numpy(np.array(bias)))
        modules += [linear, nn.Tanh()]
    return nn.Sequential(*modules[:-1])


def nets() -> tuple[nn.Sequential, nn.Sequential]:
    """The encoder's net and the decoder's."""
    encoder, decoder = work.weights()
    return net(encoder), net(decoder)


def batches(x: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Shuffled mini-batches without end, indexed from memory: no DataLoader slows a loop that can do without."""
    while True:
        for index in torch.randperm(len(x)).split(batch_size):
            yield x[index]
