"""The digits and the moons are what their docstrings say, on every machine."""

import hashlib
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from vaelib.data import digits, two_moons


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


@pytest.mark.parametrize(
    "n, noise, message",
    [
        (0, 0.1, "n must be a positive"),
        (2.0, 0.1, "n must be a positive"),
        (True, 0.1, "n must be a positive"),
        (3, -1.0, "noise must not"),
    ],
)
def test_two_moons_refuse_what_makes_no_sense(n, noise, message):
    with pytest.raises(ValueError, match=message):
        two_moons(n, noise=noise)
