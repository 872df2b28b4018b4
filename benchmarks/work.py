"""The work that every contender does: the IWAE paper's one-layer model on binary digits, from one set of weights.

Everything here is NumPy, so that contenders in PyTorch and in JAX start from the same arrays. BENCH_FOLDER names the
folder that holds them while the benchmark runs.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

X, Z, HIDDEN = 784, 50, 200
LR = 1e-3
N_TRAIN, N_TEST = 5000, 100
FOLDER = Path(os.environ["BENCH_FOLDER"])
# (out, in) of each layer, as torch.nn.Linear has it; the encoder's last layer gives the means, then the log sigmas.
ENCODER = [(HIDDEN, X), (HIDDEN, HIDDEN), (2 * Z, HIDDEN)]
DECODER = [(HIDDEN, Z), (HIDDEN, HIDDEN), (X, HIDDEN)]

Layers = list[tuple[np.ndarray, np.ndarray]]


def images() -> tuple[np.ndarray, np.ndarray]:
    """Training and test images, float32 of zeros and ones: scikit-learn's digits, made as large as MNIST's."""
    path = FOLDER / "images.npz"
    if not path.exists():
        np.savez(
            path, bits=np.packbits(_enlarged_digits(N_TRAIN + N_TEST), axis=1)
        )  # by the first process, alone
    with np.load(path) as file:
        x = np.unpackbits(file["bits"], axis=1, count=X).astype(np.float32)
    return x[:N_TRAIN], x[N_TRAIN:]


def _enlarged_digits(n: int) -> np.ndarray:
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    digits = np.pad(
        zoom(load_digits().images / 16, (1, 2.5, 2.5), order=1) > 0.5, ((0, 0), (4, 4), (4, 4))
    )
    rng = np.random.default_rng(0)
    chosen, shifts = rng.integers(len(digits), size=n), rng.integers(-2, 3, size=(n, 2))
    return np.stack(
        [np.roll(digits[i], shift, (0, 1)).ravel() for i, shift in zip(chosen, shifts, strict=True)]
    )


def weights() -> tuple[Layers, Layers]:
    """The encoder's and the decoder's layers (weight, bias), trained so long that importance weights are spread."""
    with np.load(FOLDER / "weights.npz") as file:
        arrays = [file[f"arr_{i}"] for i in range(2 * len(ENCODER + DECODER))]
    layers = list(zip(arrays[::2], arrays[1::2], strict=True))
    return layers[: len(ENCODER)], layers[len(ENCODER) :]


def save_weights(layers: list[np.ndarray]) -> None:
    np.savez(FOLDER / "weights.npz", *layers)
