"""The data sets are what their docstrings say, on every machine; bad files are refused."""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from sklearn.datasets import load_digits
from torch import nn

from vaelib import data
from vaelib.data import FreshPixels, binarized_mnist, digits, fashion_mnist, mnist, two_moons
from vaelib.train import fit

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data, real files, is not here")


def test_digits_have_the_shapes_range_and_grey_values_promised():
    x_train, x_test = digits()
    assert x_train.shape == (1437, 64) and x_test.shape == (360, 64)
    for x in (x_train, x_test):
        assert x.dtype == torch.float32
        assert set((16 * x).unique().tolist()) == set(range(17))


def test_the_split_is_fixed():
    checksum = hashlib.sha256(torch.cat(digits()).mul(16).byte().numpy().tobytes()).hexdigest()
    assert checksum[:16] == "2dcd0bdcc4c58ebc"


def test_the_split_is_a_partition_of_scikit_learns_digits_with_their_labels():
    x_train, x_test, y_train, y_test = digits(labels=True)
    assert y_train.dtype == y_test.dtype == torch.int64
    ours = np.c_[torch.cat([x_train, x_test]) * 16, torch.cat([y_train, y_test])]
    theirs = np.c_[load_digits(return_X_y=True)]
    assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))


def test_each_class_is_represented_alike_in_both_parts():
    *_, y_train, y_test = digits(labels=True)
    share = y_test.bincount() / (y_train.bincount() + y_test.bincount())
    assert (share - 360 / 1797).abs().max() < 0.004


def test_binary_digits_are_the_grey_ones_above_one_half():
    grey, binary = torch.cat(digits()).numpy(), torch.cat(digits(binary=True))
    assert binary.dtype == torch.float32
    np.testing.assert_array_equal(binary, np.where(grey > 0.5, 1.0, 0.0))


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"scikit-learn.*pip install 'vaelib\[book\]'"):
        digits()


def test_two_moons_are_two_interleaved_half_circles():
    x = two_moons(2000, seed=1, noise=0.0).double().numpy()
    upper = np.isclose(np.hypot(x[:, 0], x[:, 1]), 1, atol=1e-6) & (x[:, 1] >= -1e-6)
    lower = np.isclose(np.hypot(x[:, 0] - 1, x[:, 1] - 0.5), 1, atol=1e-6) & (x[:, 1] <= 0.5 + 1e-6)
    assert (upper | lower).all()
    assert abs(upper.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(2000)
    angle = np.arctan2(x[upper, 1], x[upper, 0]) / np.pi
    assert abs(angle.mean() - 0.5) < 4.5 / np.sqrt(12 * upper.sum())


def test_two_moons_noise_has_the_deviation_given():
    noise = (two_moons(4000, seed=1, noise=0.3) - two_moons(4000, seed=1, noise=0.0)).numpy()
    assert abs(noise.std() / 0.3 - 1) < 4.5 / np.sqrt(2 * 8000)
    assert abs(noise.mean()) < 4.5 * 0.3 / np.sqrt(8000)


def test_two_moons_follow_their_seed_and_leave_the_global_generator():
    before = torch.get_rng_state()
    assert torch.equal(two_moons(5), two_moons(5, seed=0)) and two_moons(5).shape == (5, 2)
    assert not torch.equal(two_moons(5), two_moons(5, seed=1))
    assert torch.equal(torch.get_rng_state(), before)


# Files made up: 5 and 3 images of 28 x 28, and 5, 4 and 3 rows of binary pixels


def idx(array, kind=8):
    """An IDX file of bytes, as NumPy would write it."""
    header = bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype("u1").tobytes()


def text(pixels):
    """Larochelle's format: digits, a blank between two, a line for each row."""
    return "".join(" ".join(map(str, row)) + "\n" for row in pixels).encode()


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Keep files as those of a data set, and believe that they are right."""
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    monkeypatch.setattr(data.downloaded, "IMAGES", {"train": 5, "t10k": 3})
    monkeypatch.setattr(data.downloaded, "BITS", {"train": 5, "valid": 4, "test": 3})
    monkeypatch.setattr(data.download, "_fetch", lambda path, _: pytest.fail(f"{path} is missing"))

    def keep(dataset, files):
        (tmp_path / dataset).mkdir(exist_ok=True)
        for name, content in files.items():
            (tmp_path / dataset / name).write_bytes(content)
        sources = {name: {"": (len(c), hashlib.sha256(c).hexdigest())} for name, c in files.items()}
        monkeypatch.setattr(data.downloaded, dataset.upper(), sources)

    return keep


def made_up_images():
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in {"train": 5, "t10k": 3}.items():
        arrays[f"{part}-images-idx3-ubyte.gz"] = rng.integers(0, 256, (n, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte.gz"] = rng.integers(0, 10, n)
    return arrays


def packed(arrays):
    return {name: gzip.compress(idx(array)) for name, array in arrays.items()}


@pytest.mark.parametrize("load", [mnist, fashion_mnist])
def test_images_and_labels_are_those_of_the_idx_files(load, keep):
    arrays = made_up_images()
    keep(load.__name__, packed(arrays))
    *x, y_train, y_test = load(labels=True)
    for part, pixels, labels in zip(("train", "t10k"), x, (y_train, y_test), strict=True):
        assert pixels.dtype == torch.float32 and labels.dtype == torch.int64
        grey = arrays[f"{part}-images-idx3-ubyte.gz"].reshape(-1, 784).astype("f4")
        np.testing.assert_array_equal(pixels, grey / np.float32(255))
        np.testing.assert_array_equal(labels, arrays[f"{part}-labels-idx1-ubyte.gz"])
    assert all(torch.equal(*pair) for pair in zip(load(), x, strict=True))
    for pixels, grey in zip(load("threshold"), x, strict=True):
        np.testing.assert_array_equal(pixels, np.where(grey > 0.5, 1.0, 0.0))


def test_stochastic_pixels_are_drawn_for_each_epoch_and_once_for_the_test_set(keep):
    keep("mnist", packed(made_up_images()))
    grey, grey_test = mnist()
    x_train, x_test, y_train, _ = mnist("stochastic", labels=True, seed=3)
    assert torch.equal(x_train(2), FreshPixels(grey, 3)(2))
    assert not torch.equal(x_train(2), x_train(3))
    assert torch.equal(x_test, mnist("stochastic", seed=3)[1])
    assert not torch.equal(x_test, mnist("stochastic")[1])
    assert set(x_test.unique().tolist()) == {0, 1} and x_test.shape == grey_test.shape
    assert len(y_train) == 5


NAME = "t10k-images-idx3-ubyte.gz"
IMAGES = made_up_images()[NAME]
ZIPPED = gzip.compress(idx(IMAGES))
HOSTILE = {
    "no gzip": (idx(IMAGES), "cannot be unpacked"),
    "gzip cut short": (ZIPPED[:-9], "cannot be unpacked"),
    "gzip with a false sum": (ZIPPED[:-8] + bytes(8), "cannot be unpacked"),
    "gzip with a broken stream": (ZIPPED[:10] + b"\xff" * 99, "cannot be unpacked"),
}
UNPACKED = {
    "empty": (b"", "must be an IDX file .* it begins with $"),
    "another kind": (idx(IMAGES, kind=13), "must be an IDX file .* begins with 00000d03"),
    "another shape": (idx(IMAGES[:, :27]), r"must be .* \(3, 28, 28\); .* 0000080300000003"),
    "too few images": (idx(IMAGES[:2]), "must be an IDX file"),
    "too few bytes": (idx(IMAGES)[:-1], "must hold 2352 bytes after its header; got 2351"),
    "too many bytes": (idx(IMAGES) + b"0", "must hold 2352 bytes after its header; got more"),
    "promises 2^96 bytes": (b"\0\0\x08\x03" + b"\xff" * 12, "must be an IDX file"),
    "a bomb": (idx(IMAGES) + bytes(50_000_000), "must hold 2352 bytes after its header; got more"),
}
HOSTILE |= {what: (gzip.compress(content), says) for what, (content, says) in UNPACKED.items()}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_idx_file_that_is_not_what_it_should_be_is_refused(what, keep):
    content, message = HOSTILE[what]
    keep("mnist", packed(made_up_images()) | {NAME: content})
    with pytest.raises(ValueError, match=f"{NAME} {message}"):
        mnist()


def test_a_bomb_is_not_unpacked(keep):
    """What is read of a stream is bounded by what it should hold."""
    import tracemalloc

    bomb = gzip.compress(idx(IMAGES) + bytes(200_000_000))
    keep("mnist", packed(made_up_images()) | {NAME: bomb})
    tracemalloc.start()
    with pytest.raises(ValueError, match="got more"):
        mnist()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@pytest.mark.parametrize("compressed", [False, True])
def test_binary_pixels_are_read_from_text_and_from_a_compressed_matrix(compressed, keep, tmp_path):
    rng, files, expected = np.random.default_rng(0), {}, []
    for part, n in {"train": 5, "valid": 4, "test": 3}.items():
        expected.append(rng.integers(0, 2, (n, 784)).astype("u1"))
        savemat(tmp_path / "x.mat", {"X": expected[-1]}, do_compression=True)
        content = (tmp_path / "x.mat").read_bytes() if compressed else text(expected[-1])
        files[f"binarized_mnist_{part}.amat"] = content
    keep("binarized_mnist", files)
    for pixels, array in zip(binarized_mnist(), expected, strict=True):
        assert pixels.dtype == torch.float32
        np.testing.assert_array_equal(pixels, array)


def test_without_scipy_the_message_says_what_to_install(keep, tmp_path, monkeypatch):
    savemat(tmp_path / "x.mat", {"X": np.zeros((5, 784), "u1")})
    content = (tmp_path / "x.mat").read_bytes()
    keep("binarized_mnist", dict.fromkeys(data.downloaded.BIT_FILES, content))
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r"SciPy.*pip install 'vaelib\[book\]'"):
        binarized_mnist()


# The real files


@real
@pytest.mark.parametrize(
    "load, means, first, last",
    [
        (mnist, (0.130660, 0.132515), [5, 0, 4, 1, 9, 2, 1, 3], [7, 2, 1, 0, 4, 1, 4, 9]),
        (fashion_mnist, (0.286041, 0.286849), [9, 0, 0, 3, 0, 2, 7, 2], [9, 2, 1, 1, 6, 1, 4, 6]),
    ],
)
def test_the_real_images_are_read(load, means, first, last, monkeypatch):
    monkeypatch.setenv("VAELIB_DATA", str(SHARED))
    x_train, x_test, y_train, y_test = load(labels=True)
    assert x_train.shape == (60_000, 784) and x_test.shape == (10_000, 784)
    assert (x_train.mean().item(), x_test.mean().item()) == pytest.approx(means, abs=1e-6)
    assert y_train[:8].tolist() == first and y_test[:8].tolist() == last
    assert len(y_train) == 60_000 and len(y_test) == 10_000


@real
def test_the_real_binary_pixels_are_read_from_the_original_text(tmp_path, monkeypatch):
    """The text is made from the bits; the table has the checksums of the originals."""
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    bits = np.load(SHARED / "binarized_mnist" / "binarized_mnist_packed.npz")
    pixels = [np.unpackbits(bits[part], axis=1) for part in ("train", "valid", "test")]
    (tmp_path / "binarized_mnist").mkdir()
    for part, x in zip(("train", "valid", "test"), pixels, strict=True):
        characters = np.full((len(x), 784, 2), ord(" "), "u1")
        characters[..., 0] = x + ord("0")
        characters[:, -1, 1] = ord("\n")
        name = f"binarized_mnist/binarized_mnist_{part}.amat"
        (tmp_path / name).write_bytes(characters.tobytes())
    for ours, theirs in zip(binarized_mnist(), pixels, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_address_is_secure_and_every_file_has_more_than_one():
    tables = data.downloaded
    for table in (tables.MNIST, tables.FASHION_MNIST, tables.BINARIZED_MNIST):
        for name, sources in table.items():
            assert len({url.split("/")[2] for url in sources}) >= 2, name
            for url, (size, sha256) in sources.items():
                assert url.startswith("https://") and url.endswith(f"/{name}")
                assert size > 0 and len(bytes.fromhex(sha256)) == 32
    assert data.download.SECURE == "https://"


# Pixels drawn anew


def test_fresh_pixels_are_bernoulli_with_the_grey_values_as_probabilities():
    p = torch.tensor([[0.0, 0.1, 0.5, 0.9, 1.0]])
    pixels = FreshPixels(p.expand(50, 5), seed=1)
    draws = torch.cat([pixels(epoch) for epoch in range(100)]).double()
    assert set(draws.unique().tolist()) == {0, 1}
    error = 4.5 * (p[0] * (1 - p[0]) / len(draws)).sqrt()
    assert ((draws.mean(0) - p[0]).abs() <= error).all()
    # Neither pixels nor epochs go together.
    together = np.corrcoef(draws[:, 1:4].T)[np.triu_indices(3, 1)]
    assert np.abs(together).max() < 4.5 / np.sqrt(len(draws))
    assert abs(np.corrcoef(draws[:-50, 2], draws[50:, 2])[0, 1]) < 4.5 / np.sqrt(len(draws))


def test_fresh_pixels_follow_seed_and_epoch_only():
    grey = torch.rand(20, 30)
    state = torch.get_rng_state()
    pixels = FreshPixels(grey, seed=1)
    first = pixels(0)
    for _ in range(2):
        assert torch.equal(pixels(7), FreshPixels(grey, seed=1)(7))
    assert torch.equal(pixels(0), first) and first.shape == grey.shape and first.dtype == grey.dtype
    runs = [(seed, epoch) for seed in (-1, 1, 11) for epoch in (0, 1, 10, 1_000_003)]
    draws = [FreshPixels(grey, seed)(epoch) for seed, epoch in runs]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == len(runs)
    assert torch.equal(torch.get_rng_state(), state)
    assert FreshPixels(grey.double())(0).dtype == torch.float64


class Grey(nn.Module):
    """Independent pixels with probabilities that train; no latents."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(6))


def log_p(model, q, x, K):
    logits = model.logits.expand_as(x)
    return -nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def test_training_on_fresh_pixels_that_was_cut_short_ends_with_the_same_bits(tmp_path):
    class Stopped(Exception):
        pass

    def stop(history):
        if history.steps[-1] == 15:
            raise Stopped

    def train(**more):
        pixels, model = FreshPixels(grey, seed=5), Grey()
        more |= {"steps": 40, "batch_size": 4, "record_every": 5}
        return fit(log_p, model, None, pixels, lr=0.1, **more), model.logits.detach()

    grey = torch.rand(10, 6)
    history, whole = train()
    with pytest.raises(Stopped):
        train(callback=stop, checkpoint=tmp_path / "run")
    resumed, logits = train(checkpoint=tmp_path / "run")
    assert torch.equal(logits, whole) and resumed.train == history.train
