"""The floor: the matrix products of one step and nothing else, written into buffers that are there already.

For each layer the product of the forward pass and the two of the backward pass (for the weight and for the input); the
first layer's input is data, which needs no gradient. The encoder has B rows, the decoder K B.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import work
from torch import Tensor

Product = tuple[Tensor, Tensor, Tensor]


def products(batch_size: int, K: int, device: str = "cpu") -> list[Product]:
    layers = [(batch_size, layer) for layer in work.ENCODER] + [
        (batch_size * K, layer) for layer in work.DECODER
    ]
    found: list[Product] = []
    for i, (rows, (n_out, n_in)) in enumerate(layers):
        weight, given, grad = (
            torch.randn(shape, device=device)
            for shape in [(n_out, n_in), (rows, n_in), (rows, n_out)]
        )
        found.append((given, weight.mT, torch.empty(rows, n_out, device=device)))
        found.append((grad.mT, given, torch.empty(n_out, n_in, device=device)))
        if i > 0:
            found.append((grad, weight, torch.empty(rows, n_in, device=device)))
    return found


def prepare(batch_size: int, K: int, device: str = "cpu") -> Callable[[int], None]:
    of_one_step = products(batch_size, K, device)

    def run(steps: int) -> None:
        for _ in range(steps):
            for left, right, out in of_one_step:
                torch.mm(left, right, out=out)
        if device == "cuda":
            torch.cuda.synchronize()

    return run
