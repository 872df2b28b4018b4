"""Data that need no download: the digits that scikit-learn brings, and toy points."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaelib._validate import check_flag, check_integer, check_seed, quote

__all__ = ["digits", "two_moons"]


def digits(binary: bool = False, labels: bool = False) -> tuple[Tensor, ...]:
    """The 1,797 handwritten digits of scikit-learn, 8 x 8 pixels, grey values 0, 1/16, ..., 1.

    The split is fixed: scikit-learn's stratified split with seed 0, so each class has the same
    share of both parts.

    Args:
        binary: whether pixels are made 0 or 1, by the threshold 1/2 (grey values above it become
            1). For a fresh random draw in each epoch give ``fit`` the callable
            ``FreshPixels(x_train)`` instead.
        labels: whether the labels, int64, are returned too.

    Returns:
        ``x_train`` (1437, 64), ``x_test`` (360, 64), float32 in [0, 1]; with labels also
        ``y_train``, ``y_test``.

    Raises:
        TypeError: binary or labels is neither True nor False.
        ImportError: scikit-learn is not installed.

    Source: Alpaydin & Kaynak (1998), the test set of "Optical Recognition of Handwritten Digits".
    """
    check_flag(binary, "binary")
    check_flag(labels, "labels")
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError("vaelib.data needs scikit-learn: pip install 'vaelib[book]'") from error
    x, y = load_digits(return_X_y=True)
    split = train_test_split(x / 16, y, test_size=360, random_state=0, stratify=y)
    x_train, x_test = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
    if binary:
        x_train, x_test = (x_train > 0.5).float(), (x_test > 0.5).float()
    if not labels:
        return x_train, x_test
    y_train, y_test = (torch.tensor(part, dtype=torch.int64) for part in split[2:])
    return x_train, x_test, y_train, y_test


def two_moons(n: int, seed: int = 0, noise: float = 0.1) -> Tensor:
    """Points on two interleaved half circles of radius 1, with Gaussian noise.

    Args:
        n: how many points.
        seed: of the generator; torch's global one is not touched.
        noise: the standard deviation of the noise.

    Returns:
        shape ``(n, 2)``, float32.

    Raises:
        ValueError: n is not a positive integer, or the noise is negative, infinite or no number.
        TypeError: the seed is no integer.
    """
    check_integer(n, "n")
    check_seed(seed)
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < math.inf:
        raise ValueError(f"noise must not be negative, and a finite number; got {quote(noise)}")
    generator = torch.Generator().manual_seed(seed)
    angle = torch.pi * torch.rand(n, generator=generator)
    upper = torch.rand(n, generator=generator) < 0.5
    moon = torch.stack([angle.cos(), angle.sin()], -1)
    moon = torch.where(upper[:, None], moon, torch.tensor([1.0, 0.5]) - moon)
    return moon + noise * torch.randn(n, 2, generator=generator)
