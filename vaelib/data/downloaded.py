"""Images that are downloaded once: MNIST, Fashion-MNIST and the binary MNIST of published results.

:mod:`vaelib.data.download` says where the files are kept, and what to do without a network.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from typing import Any

import torch
from torch import Tensor

from vaelib._validate import check_flag, check_seed, quote
from vaelib.data import download
from vaelib.data.pixels import FreshPixels

__all__ = ["binarized_mnist", "fashion_mnist", "mnist"]

Table = dict[str, dict[str, tuple[int, str]]]


def _table(mirrors: list[str], names: list[str], *files: tuple[int, str]) -> Table:
    """Size and SHA-256 of each file at each address; all mirrors have the same bytes."""
    named = zip(names, files, strict=True)
    return {name: {mirror + name: file for mirror in mirrors} for name, file in named}


IMAGES = {"train": 60_000, "t10k": 10_000}
IMAGE_FILES = [
    "train-images-idx3-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]
MNIST = _table(
    [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/golbin/TensorFlow-MNIST/575b78720ffc21211b48eb905cb827f40a142354/mnist/data/",
    ],
    IMAGE_FILES,
    (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)
FASHION_MNIST = _table(
    [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ],
    IMAGE_FILES,
    (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)
BITS = {"train": 50_000, "valid": 10_000, "test": 10_000}
BIT_FILES = [f"binarized_mnist_{part}.amat" for part in BITS]
# Larochelle's own files are text.
_ORIGINAL = _table(
    ["https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"],
    BIT_FILES,
    (78400000, "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
    (15680000, "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
    (15680000, "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
)
# GitHub has the same pixels, compressed, in files of the same names.
_COMPRESSED = _table(
    [
        "https://raw.githubusercontent.com/mingzhang-yin/ARM-gradient/9b5f74da4e4009c5556e8d7a87c88c8e291c253d/",
        "https://cdn.jsdelivr.net/gh/mingzhang-yin/ARM-gradient@9b5f74da4e4009c5556e8d7a87c88c8e291c253d/",
    ],
    BIT_FILES,
    (2852060, "79a0312c7389d855cfc97e3812de3998417c5829d8a51543b56a90a91252ae7e"),
    (571883, "7436afc856959075c7787025bb8a4ba2b520b9230ee39667c66aa7dd2819dd68"),
    (490132, "5bc30222e1e7896cbccd1e1db6b28540cc1230f4d2d5473841a5f6cc54be8d38"),
)
BINARIZED_MNIST = {name: _COMPRESSED[name] | _ORIGINAL[name] for name in BIT_FILES}


def mnist(binarize: str | None = None, labels: bool = False, seed: int = 0) -> tuple[Any, ...]:
    """The 70,000 handwritten digits of MNIST, 28 x 28 pixels, grey values 0, 1/255, ..., 1.

    They are downloaded once, 12 MB.

    Args:
        binarize: None leaves the pixels grey. ``"threshold"`` makes grey values above 1/2 to 1 and
            others to 0. ``"stochastic"`` draws each pixel, 1 with a probability that is its grey
            value: ``x_train`` becomes :class:`~vaelib.data.FreshPixels`, which ``fit`` takes and
            which draws anew in each epoch; ``x_test`` is one draw.
        labels: whether the labels, int64, are returned too.
        seed: of the draws; torch's global generator is not touched.

    Returns:
        ``x_train`` (60000, 784), ``x_test`` (10000, 784), float32 in [0, 1]; with labels also
        ``y_train``, ``y_test``.

    Raises:
        ValueError: ``binarize`` is none of the three.
        TypeError: labels is neither True nor False, or the seed no integer.
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs is not installed.

    Source: LeCun, Bottou, Bengio & Haffner (1998); drawn anew in each epoch: Burda et al. (2016),
    section 5.
    """
    return _load_images("mnist", MNIST, binarize, labels, seed)


def fashion_mnist(
    binarize: str | None = None, labels: bool = False, seed: int = 0
) -> tuple[Any, ...]:
    """The 70,000 articles of clothing of Fashion-MNIST, in the shapes of :func:`mnist`.

    They are downloaded once, 31 MB. The labels 0 to 9 are T-shirt or top, trouser, pullover,
    dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Args:
        binarize: None, ``"threshold"`` or ``"stochastic"``, as for :func:`mnist`.
        labels: whether the labels, int64, are returned too.
        seed: of the draws; torch's global generator is not touched.

    Returns:
        what :func:`mnist` returns: images of shape ``(60000, 784)`` and ``(10000, 784)``, and the
        labels that were asked for.

    Raises:
        ValueError: ``binarize`` is none of the three.
        TypeError: labels is neither True nor False, or the seed no integer.
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs is not installed.

    Source: Xiao, Rasul & Vollgraf (2017).
    """
    return _load_images("fashion_mnist", FASHION_MNIST, binarize, labels, seed)


def binarized_mnist() -> tuple[Tensor, Tensor, Tensor]:
    """MNIST's digits as the binary pixels, and in the split, that likelihoods are published for.

    They are downloaded once, 4 MB, or 110 MB where only the original text can be had. There are
    no labels, and the rows have an order of their own.

    Returns:
        ``x_train`` (50000, 784), ``x_valid`` (10000, 784) and ``x_test`` (10000, 784), float32,
        each pixel 0 or 1.

    Raises:
        OSError: a file is not there and cannot be downloaded; the message says what to do.
        ImportError: what the download needs, or SciPy to read a compressed file, is not installed.

    Source: Salakhutdinov & Murray (2008), the draw; Larochelle & Murray (2011), the split.
    """
    files = download.contents("binarized_mnist", BINARIZED_MNIST)
    contents = [files[name] for name in BIT_FILES]
    train, valid, test = map(_read_bits, contents, BITS.values())
    return train, valid, test


def _load_images(
    dataset: str, table: Table, binarize: str | None, labels: bool, seed: int
) -> tuple[Any, ...]:
    """A data set whose files are those of MNIST."""
    if not isinstance(binarize, str | None) or binarize not in (None, "threshold", "stochastic"):
        raise ValueError(
            f"binarize must be None, 'threshold' or 'stochastic'; got {quote(binarize)}"
        )
    check_flag(labels, "labels")
    check_seed(seed)
    files = download.contents(dataset, table)

    def read(kind: str, *shape: int) -> list[Tensor]:
        return [
            _read_idx(files, f"{part}-{kind}-ubyte.gz", (n, *shape)) for part, n in IMAGES.items()
        ]

    x: list[Any] = [images.flatten(1) / 255 for images in read("images-idx3", 28, 28)]
    if binarize == "threshold":
        x = [(grey > 0.5).float() for grey in x]
    if binarize == "stochastic":
        x = [FreshPixels(x[0], seed), FreshPixels(x[1], seed)(0)]
    y = [numbers.long() for numbers in read("labels-idx1")] if labels else []
    return *x, *y


def _read_idx(files: dict[str, bytes], name: str, shape: tuple[int, ...]) -> Tensor:
    """The bytes of a compressed IDX file, which must have this shape.

    No more is unpacked than the shape has, so a forged file cannot fill the memory.
    """
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    wanted = math.prod(shape)
    try:
        with gzip.open(io.BytesIO(files[name])) as file:
            content = file.read(len(header) + wanted + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} cannot be unpacked: {error}") from error
    if not content.startswith(header):
        begins = f"it begins with {content[:16].hex()}"
        raise ValueError(f"{name} must be an IDX file of bytes of shape {shape}; {begins}")
    size = len(content) - len(header)
    if size != wanted:
        got = "more" if size > wanted else size
        raise ValueError(f"{name} must hold {wanted} bytes after its header; got {got}")
    numbers = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=len(header))
    return numbers.reshape(shape)


def _read_bits(content: bytes, n: int) -> Tensor:
    """The pixels 0 and 1 of n images, from text or from a MATLAB file that holds a matrix X."""
    if content.startswith(b"MATLAB 5.0 MAT-file"):
        try:
            from scipy.io import loadmat
        except ImportError as error:
            message = "data.binarized_mnist needs SciPy: pip install 'vaelib[book]'"
            raise ImportError(message) from error
        pixels = torch.tensor(loadmat(io.BytesIO(content))["X"])
    else:
        # A blank or the end of a line follows each digit.
        pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8)[::2] - ord("0")
    return pixels.reshape(n, 784).float()
