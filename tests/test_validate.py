"""The checks of arguments: each says which argument is wrong, what it must be, and what it is."""

import math

import numpy as np
import pandas
import pytest
import torch

from vaelib._validate import (
    check_data,
    check_dense,
    check_finite,
    check_integer,
    check_like,
    check_number,
    check_positive,
    check_samples,
    check_seed,
    check_shape,
    check_tensor,
    cut_numbers,
    data_are_checked,
    describe,
    describe_shape,
    looks_at_values,
    quote,
    widen,
)

NAN, INF = math.nan, math.inf
ONE = torch.ones(2, 3)
SPARSE, NESTED = (
    ONE.to_sparse(),
    torch.nested.nested_tensor([ONE[0], ONE[0, :2]], layout=torch.jagged),
)


@pytest.mark.parametrize(
    "check, arguments, error, message",
    [
        (check_integer, (0, "K"), ValueError, "K must be a positive integer; got 0"),
        (check_integer, (True, "K"), ValueError, "K must be a positive integer; got True"),
        (check_integer, (2.0, "K"), ValueError, "K must be a positive integer; got 2.0"),
        (check_integer, (1, "K", 2), ValueError, "K must be an integer of at least 2; got 1"),
        (check_seed, (2**62,), ValueError, "seed must be an integer below 2**62; got 46"),
        (check_number, (0, "lr"), ValueError, "lr must be a positive number; got 0"),
        (check_number, (NAN, "lr"), ValueError, "lr must be a positive number; got nan"),
        (check_number, (INF, "lr"), ValueError, "lr must be a positive number; got inf"),
        (check_number, (10**400, "lr"), ValueError, "lr must be a positive number; got 1000"),
        (check_number, (True, "lr"), ValueError, "lr must be a positive number; got True"),
        (check_number, (ONE, "lr"), ValueError, "positive number; got a Tensor of shape (2, 3)"),
        (check_positive, (-1, "s"), ValueError, "s must be one positive, finite number; got -1"),
        (check_positive, (INF, "s"), ValueError, "s must be one positive, finite number; got inf"),
        (check_positive, (ONE, "s"), ValueError, "s must be one .*; got shape (2, 3)"),
        (check_positive, (torch.tensor(NAN), "s"), ValueError, "s must be one .*; got tensor(nan)"),
        (check_positive, (True, "s"), TypeError, "s must be one .*; got True"),
        (check_positive, ("1", "s"), TypeError, "s must be one .*; got '1'"),
        (check_like, (ONE.double(), ONE, "b"), TypeError, "b must be torch.float32 on cpu; got "),
        (check_like, (ONE.to("meta"), ONE, "b"), TypeError, "got torch.float32 on meta"),
        (check_finite, (ONE / 0, "x"), ValueError, "x must be finite; it holds an infinity or not"),
        (check_finite, (ONE * NAN, "x"), ValueError, "x must be finite; it holds an infinity or"),
        (check_tensor, (ONE, "b", "X", 2), ValueError, "b must have shape (X, 2); got (2, 3)"),
        (check_tensor, (ONE, "b", "X"), ValueError, "b must have shape (X,); got (2, 3)"),
        (check_tensor, (ONE[:0], "b", "X", 3), ValueError, "must have shape (X, 3); got (0, 3)"),
        (check_tensor, ([1.0], "b", "X"), ValueError, "b must have shape (X,); got list"),
        (check_tensor, (ONE.int(), "b", "X", 3), ValueError, "b must be floating point; got torch"),
        (check_tensor, (ONE / 0, "b", "X", 3), ValueError, "b must be finite"),
        (
            check_tensor,
            (ONE.half(), "b", "X", 3),
            TypeError,
            "b must be torch.float32 or torch.floa",
        ),
        (check_tensor, (SPARSE, "b", "X", 3), TypeError, "b must be a dense tensor; got one of l"),
        (check_shape, (ONE, "b", "X", 2), ValueError, "b must have shape (X, 2); got (2, 3)"),
        (check_dense, (SPARSE, "b"), TypeError, "b must be a dense tensor; got one of layout tor"),
        (check_dense, (NESTED, "b"), TypeError, "b must be a dense tensor; got a nested one"),
        (
            check_data,
            (SPARSE,),
            TypeError,
            "x must be a dense tensor; got one of layout torch.spar",
        ),
        (check_data, (ONE[0],), ValueError, "x must be a tensor of shape (B, X), B at least 1; "),
        (check_data, (ONE[:0],), ValueError, "B at least 1; got (0, 3)"),
        (check_data, (None, "x_to"), ValueError, "x_to must be a tensor of shape (B, X), B at"),
        (check_data, (ONE[0], "x", "(N, X)"), ValueError, "of shape (N, X), N at least 1; got (3,"),
        (check_data, (ONE * NAN,), ValueError, "x must be finite"),
        (check_data, (np.ones(3),), ValueError, "got ndarray: give torch.from_numpy(x).float()"),
        (check_data, (pandas.DataFrame([1.0]),), ValueError, "torch.from_numpy(x.to_numpy()).fl"),
        (check_data, ([[1.0]], "y"), ValueError, "got list: give torch.tensor(y)"),
        (check_tensor, (SPARSE, "b", "X", 3), TypeError, "b must be .*dense.*give b.to_dense()"),
        (check_samples, ([0.0], 0), TypeError, "log_w must be a tensor of floating point; got l"),
        (check_samples, (SPARSE, 0), TypeError, "log_w must be a dense tensor; got one of layout"),
        (check_samples, (ONE.int(), 0), TypeError, "tensor of floating point; got torch.int32"),
        (check_samples, (ONE, None), TypeError, "dim must be an integer; got None"),
        (check_samples, (ONE, True), TypeError, "dim must be an integer; got True"),
        (check_samples, (ONE, 2), ValueError, "one sample along dim 2; got shape (2, 3)"),
        (check_samples, (ONE, -3), ValueError, "one sample along dim -3; got shape (2, 3)"),
        (check_samples, (ONE[:0], 0), ValueError, "one sample along dim 0; got shape (0, 3)"),
    ],
)
def test_each_check_names_the_argument_and_what_it_must_be(check, arguments, error, message):
    pattern = message.replace("(", r"\(").replace(")", r"\)").replace("**", r"\*\*")
    with pytest.raises(error, match=pattern):
        check(*arguments)


def test_each_check_passes_what_is_right():
    assert check_integer(3, "K") == 3 and check_integer(0, "K", least=0) == 0
    assert check_number(3, "lr") == 3.0 and type(check_number(3, "lr")) is float
    number = check_positive(torch.tensor(0.5, requires_grad=True), "s")
    assert number == 0.5 and number.shape == () and not number.requires_grad
    assert check_positive(0.1, "s") == torch.tensor(0.1, dtype=torch.float64)  # no digit is lost
    assert check_tensor(ONE, "b", "X", 3, like=ONE) is ONE and check_data(ONE) is ONE
    check_like(ONE.double()[0], ONE.double(), "b")
    check_samples(ONE, -2)


def test_finite_numbers_whose_sum_overflows_are_finite_and_whole_numbers_are_always():
    check_finite(torch.full((4,), 3e38), "x")
    check_finite(torch.arange(3), "x")
    check_finite(torch.zeros(3, device="meta"), "x")


def test_only_half_precision_is_widened():
    for dtype in (torch.float16, torch.bfloat16):
        assert widen(ONE.to(dtype)).dtype == torch.float32
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64):
        value = ONE.to(dtype)
        assert widen(value) is value


def test_shapes_and_values_are_described_in_a_few_words():
    assert describe(ONE) == "(2, 3)" and describe([1]) == "list"
    assert quote(torch.zeros(128, 2, 2)) == "a Tensor of shape (128, 2, 2)"
    assert quote("cosine") == "'cosine'" and len(quote([0.5] * 1000)) < 60
    assert describe_shape("B", 3) == "(B, 3)" and describe_shape("B") == "(B,)"


@pytest.mark.parametrize(
    "value, words",
    [
        (-0.5, "-0.5"),
        ("yes", "'yes'"),
        (["cosine"], "['cosine']"),
        (torch.tensor(0.5), "tensor(0.5000)"),
        (torch.ones(128, 28, 28), "a Tensor of shape (128, 28, 28)"),
        (np.ones((128, 2)), "a ndarray of shape (128, 2)"),
        (pandas.DataFrame({"a": [1, 2]}), "a DataFrame of shape (2, 1)"),
        (torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Tanh()), "Sequential"),
    ],
)
def test_what_was_got_is_written_in_a_few_words_and_never_whole(value, words):
    assert quote(value) == words


def test_a_long_text_or_list_is_cut():
    assert max(len(quote(value)) for value in ("a" * 500, [0.1] * 500, 10**100)) < 60


def test_the_numbers_of_torchs_own_error_are_left_out_and_other_errors_stay():
    with pytest.raises(ValueError) as caught:
        torch.distributions.Normal(torch.zeros(4), -torch.ones(4))
    assert "tensor([" in str(caught.value)
    cut_numbers(caught.value)
    assert str(caught.value).endswith("but found invalid values")
    other = ValueError("a", 1)
    cut_numbers(other)
    assert other.args == ("a", 1)


def test_a_nested_tensor_is_refused():
    with pytest.warns(UserWarning, match="prototype"):
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(TypeError, match="x must be a dense tensor; got a nested one"):
        check_data(nested)


def test_values_are_trusted_within_the_context_only_and_shapes_never_are():
    with pytest.raises(KeyError), data_are_checked():
        assert not looks_at_values()
        with data_are_checked():
            check_finite(ONE / 0, "x")
        check_data(ONE / 0)  # still within the outer one
        with pytest.raises(ValueError, match="B at least 1"):
            check_data(ONE[:0])
        raise KeyError
    assert looks_at_values()
    with pytest.raises(ValueError, match="x must be finite"):
        check_finite(ONE / 0, "x")
