"""Data sets: real digits that need no download, images that are downloaded once, and toy data.

Needs scikit-learn, or what :mod:`vaelib.download` needs; the extra ``vaelib[book]`` installs all of it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaelib import download

__all__ = ["FreshPixels", "binarized_mnist", "digits", "fashion_mnist", "mnist", "two_moons"]

_Table = dict[str, dict[str, tuple[int, str]]]


def _mirrored(mirrors: list[str], files: dict[str, tuple[int, str]]) -> _Table:
    """Files, with size and SHA-256, of which all mirrors have the same bytes."""
    return {name: {mirror + name: what for mirror in mirrors} for name, what in files.items()}


_IMAGES = {"train": 60_000, "t10k": 10_000}
_MNIST = _mirrored(
    [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/golbin/TensorFlow-MNIST/575b78720ffc21211b48eb905cb827f40a142354/mnist/data/",
    ],
    {
        "train-images-idx3-ubyte.gz": (
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        "train-labels-idx1-ubyte.gz": (
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        "t10k-images-idx3-ubyte.gz": (
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        "t10k-labels-idx1-ubyte.gz": (
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    },
)
_FASHION_MNIST = _mirrored(
    [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ],
    {
        "train-images-idx3-ubyte.gz": (
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        "train-labels-idx1-ubyte.gz": (
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        "t10k-images-idx3-ubyte.gz": (
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        "t10k-labels-idx1-ubyte.gz": (
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    },
)
# Larochelle's own files are text; those that came to GitHub under the same names hold the same pixels, compressed.
_BITS = {"train": 50_000, "valid": 10_000, "test": 10_000}
_COMPRESSED = [
    "https://raw.githubusercontent.com/mingzhang-yin/ARM-gradient/9b5f74da4e4009c5556e8d7a87c88c8e291c253d/",
    "https://cdn.jsdelivr.net/gh/mingzhang-yin/ARM-gradient@9b5f74da4e4009c5556e8d7a87c88c8e291c253d/",
]
_ORIGINAL = ["https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"]
_BINARIZED_MNIST = {
    name: _mirrored(_COMPRESSED, {name: compressed})[name]
    | _mirrored(_ORIGINAL, {name: text})[name]
    for name, compressed, text in [
        (
            "binarized_mnist_train.amat",
            (2852060, "79a0312c7389d855cfc97e3812de3998417c5829d8a51543b56a90a91252ae7e"),
            (78400000, "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
        ),
        (
            "binarized_mnist_valid.amat",
            (571883, "7436afc856959075c7787025bb8a4ba2b520b9230ee39667c66aa7dd2819dd68"),
            (15680000, "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
        ),
        (
            "binarized_mnist_test.amat",
            (490132, "5bc30222e1e7896cbccd1e1db6b28540cc1230f4d2d5473841a5f6cc54be8d38"),
            (15680000, "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
        ),
    ]
}


def digits(binary: bool = False, labels: bool = False) -> tuple[Tensor, ...]:
    """The 1,797 handwritten digits of scikit-learn, 8 x 8 pixels, grey values 0, 1/16, ..., 1.

    The split is fixed: scikit-learn's stratified split with seed 0, so each class is represented alike in both parts.

    Args:
        binary: whether pixels are made 0 or 1, by the threshold 1/2 (grey values above it become 1). For a fresh
            random draw in each epoch give ``fit`` the callable ``FreshPixels(x_train)`` instead.
        labels: whether the labels, int64, are returned too.

    Returns:
        ``x_train`` (1437, 64), ``x_test`` (360, 64), float32 in [0, 1]; with labels also ``y_train``, ``y_test``.

    Raises:
        TypeError: binary or labels is neither True nor False.
        ImportError: scikit-learn is not installed.

    Source: Alpaydin & Kaynak (1998), the test set of "Optical Recognition of Handwritten Digits".
    """
    _check_flags(binary=binary, labels=labels)
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


def mnist(binarize: str | None = None, labels: bool = False, seed: int = 0) -> tuple[Any, ...]:
    """The 70,000 handwritten digits of MNIST, 28 x 28 pixels, grey values 0, 1/255, ..., 1; downloaded once, 12 MB.

    Where the files are kept, and what is done without a network, is said in :mod:`vaelib.download`.

    Args:
        binarize: None leaves the pixels grey. ``"threshold"`` makes grey values above 1/2 to 1 and others to 0.
            ``"stochastic"`` draws each pixel, 1 with a probability that is its grey value: ``x_train`` becomes
            :class:`FreshPixels`, which ``fit`` takes and which draws anew in each epoch; ``x_test`` is one draw.
        labels: whether the labels, int64, are returned too.
        seed: of the draws; torch's global generator is not touched.

    Returns:
        ``x_train`` (60000, 784), ``x_test`` (10000, 784), float32 in [0, 1]; with labels also ``y_train``, ``y_test``.

    Raises:
        ValueError: ``binarize`` is none of the three.
        TypeError: labels is neither True nor False, or the seed no integer.
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs is not installed.

    Source: LeCun, Bottou, Bengio & Haffner (1998). Drawn anew in each epoch: Burda et al. (2016), section 5.
    """
    return _images("mnist", _MNIST, binarize, labels, seed)


def fashion_mnist(
    binarize: str | None = None, labels: bool = False, seed: int = 0
) -> tuple[Any, ...]:
    """The 70,000 articles of clothing of Fashion-MNIST, like :func:`mnist` in all else; downloaded once, 31 MB.

    The labels 0 to 9 are T-shirt or top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Args:
        binarize: None, ``"threshold"`` or ``"stochastic"``.
        labels: whether the labels, int64, are returned too.
        seed: of the draws; torch's global generator is not touched.

    Returns:
        ``x_train`` (60000, 784), ``x_test`` (10000, 784), float32 in [0, 1]; with labels also ``y_train``, ``y_test``.

    Raises:
        ValueError: ``binarize`` is none of the three.
        TypeError: labels is neither True nor False, or the seed no integer.
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs is not installed.

    Source: Xiao, Rasul & Vollgraf (2017).
    """
    return _images("fashion_mnist", _FASHION_MNIST, binarize, labels, seed)


def binarized_mnist() -> tuple[Tensor, Tensor, Tensor]:
    """MNIST's digits in the fixed draw of binary pixels, and in the fixed split, that likelihoods are published for.

    Downloaded once, 4 MB, or 110 MB where only the original text can be had. There are no labels, and the rows have an
    order of their own.

    Returns:
        ``x_train`` (50000, 784), ``x_valid`` (10000, 784) and ``x_test`` (10000, 784), float32, each pixel 0 or 1.

    Raises:
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs, or SciPy to read a compressed file, is not installed.

    Source: Salakhutdinov & Murray (2008), the draw; Larochelle & Murray (2011), the split.
    """
    files = download.contents("binarized_mnist", _BINARIZED_MNIST)
    train, valid, test = (
        _bits(files[f"binarized_mnist_{part}.amat"], n) for part, n in _BITS.items()
    )
    return train, valid, test


class FreshPixels:
    r"""Binary pixels drawn anew for each epoch, for ``fit`` to call: a grey value is the probability of a 1.

    .. math:: x_{ni}^{(\text{epoch})} \sim \operatorname{Bernoulli}(p_{ni})

    The draw depends on the seed, the epoch and the shape only, not on what was drawn before: a training that goes on
    from a checkpoint sees what it would have seen, and several processes see the same.

    Args:
        p: grey values, shape ``(N, X)``, in [0, 1].
        seed: of the draws; torch's global generator is not touched.

    Raises:
        ValueError: p is no floating-point tensor of that shape, or has values outside [0, 1].
        TypeError: the seed is no integer.

    Source: Burda et al. (2016), section 5.
    """

    def __init__(self, p: Tensor, seed: int = 0) -> None:
        if not isinstance(p, Tensor) or p.ndim < 2 or not p.is_floating_point():
            got = f"{tuple(p.shape)} of {p.dtype}" if isinstance(p, Tensor) else type(p).__name__
            raise ValueError(f"p must be a floating-point tensor of shape (N, X); got {got}")
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(
                f"p must hold grey values in [0, 1]; got {p.min().item():g} to {p.max().item():g}"
            )
        _check_seed(seed)
        self.p, self.seed = p, seed

    def __call__(self, epoch: int) -> Tensor:
        """The pixels of an epoch.

        Args:
            epoch: which, from 0.

        Returns:
            shape ``(N, X)`` and type of the grey values, each pixel 0 or 1.
        """
        key = hashlib.sha256(f"{self.seed} {epoch} {tuple(self.p.shape)}".encode()).digest()
        # Drawn on the CPU, so that other devices see the same.
        generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "big"))
        uniform = torch.rand(self.p.shape, generator=generator)
        return (uniform.to(self.p.device) < self.p).to(self.p.dtype)


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
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"n must be a positive integer; got {n!r}")
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < math.inf:
        raise ValueError(f"noise must not be negative, and a finite number; got {noise!r}")
    _check_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    angle = torch.pi * torch.rand(n, generator=generator)
    upper = torch.rand(n, generator=generator) < 0.5
    moon = torch.stack([angle.cos(), angle.sin()], -1)
    moon = torch.where(upper[:, None], moon, torch.tensor([1.0, 0.5]) - moon)
    return moon + noise * torch.randn(n, 2, generator=generator)


def _images(
    dataset: str, table: _Table, binarize: str | None, labels: bool, seed: int
) -> tuple[Any, ...]:
    """A data set of the shape of MNIST."""
    if binarize not in (None, "threshold", "stochastic"):
        raise ValueError(f"binarize must be None, 'threshold' or 'stochastic'; got {binarize!r}")
    _check_flags(labels=labels)
    _check_seed(seed)
    files = download.contents(dataset, table)
    pixels = [
        _idx(files, f"{part}-images-idx3-ubyte.gz", (n, 28, 28)) for part, n in _IMAGES.items()
    ]
    x: list[Any] = [part.flatten(1) / 255 for part in pixels]
    if binarize == "threshold":
        x = [(part > 0.5).float() for part in x]
    if binarize == "stochastic":
        x = [FreshPixels(x[0], seed), FreshPixels(x[1], seed)(0)]
    if not labels:
        return tuple(x)
    return *x, *(
        _idx(files, f"{part}-labels-idx1-ubyte.gz", (n,)).long() for part, n in _IMAGES.items()
    )


def _idx(files: Mapping[str, bytes], name: str, shape: tuple[int, ...]) -> Tensor:
    """Unpack an IDX file of bytes; it must be of this shape, so that none can unpack to more."""
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    try:
        with gzip.open(io.BytesIO(files[name])) as file:
            content = file.read(len(header) + math.prod(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} cannot be unpacked: {error}") from error
    if not content.startswith(header):
        raise ValueError(
            f"{name} must be an IDX file of bytes of shape {shape}; it begins with {content[:16].hex()}"
        )
    if (size := len(content) - len(header)) != math.prod(shape):
        much = "more" if size > math.prod(shape) else f"{size}"
        raise ValueError(f"{name} must hold {math.prod(shape)} bytes after its header; got {much}")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=len(header)).reshape(
        shape
    )


def _bits(content: bytes, n: int) -> Tensor:
    """Pixels 0 and 1 from text, a blank after each; or from MATLAB's file of a matrix X."""
    if content.startswith(b"MATLAB 5.0 MAT-file"):
        try:
            from scipy.io import loadmat
        except ImportError as error:
            raise ImportError(
                "data.binarized_mnist needs SciPy: pip install 'vaelib[book]'"
            ) from error
        pixels = torch.tensor(loadmat(io.BytesIO(content))["X"])
    else:
        pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8)[::2] - ord("0")
    return pixels.reshape(n, 784).float()


def _check_flags(**flags: Any) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False; got {value!r}")


def _check_seed(seed: Any) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise TypeError(f"seed must be an integer; got {seed!r}")
