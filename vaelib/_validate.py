"""The checks of arguments: what a public function asks of them, and what it says of wrong ones.

Every message names the argument, says what it must be, and what was got instead.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from numbers import Real
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "HALF",
    "check_data",
    "check_dense",
    "check_finite",
    "check_flag",
    "check_integer",
    "check_like",
    "check_number",
    "check_positive",
    "check_samples",
    "check_seed",
    "check_shape",
    "check_tensor",
    "cut_numbers",
    "data_are_checked",
    "describe",
    "describe_shape",
    "looks_at_values",
    "quote",
    "widen",
]

# Two or three digits: less than a log-density of hundreds of nats needs.
HALF = (torch.float16, torch.bfloat16)

_CHECKED: ContextVar[bool] = ContextVar("vaelib_data_are_checked", default=False)


def data_are_checked() -> AbstractContextManager[None]:
    """Within, functions trust the values of their data: somebody has looked at all of them before.

    A bound looks when it is entered, and :func:`vaelib.train.fit` when it begins, not in each step.
    """
    # What is compiled looks at no values anyway, and torch.compile does not know context variables.
    return nullcontext() if torch.compiler.is_compiling() else _trust_values()


@contextmanager
def _trust_values() -> Iterator[None]:
    token = _CHECKED.set(True)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def looks_at_values() -> bool:
    """Whether the values of data are looked at here: not twice, and not in a compiled function.

    A look at values makes a GPU wait, and it would break the graph that ``torch.compile`` makes.
    """
    return not torch.compiler.is_compiling() and not _CHECKED.get()


def describe(value: Any) -> str:
    """What was got, in a few words: the shape of a tensor, or the type of anything else."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def quote(value: Any) -> str:
    """What was got, as Python writes it; of an array, or where that takes lines, only its kind."""
    if getattr(value, "ndim", 0):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    text = reprlib.repr(value)
    return type(value).__name__ if "\n" in text else text


def cut_numbers(error: Exception) -> None:
    """Leave out the tensor that torch prints whole where a distribution refuses it."""
    message, found, _ = str(error).partition("but found invalid values")
    if found:
        error.args = (message + found,)


def widen(value: Tensor) -> Tensor:
    """A tensor in single precision at least, for what log-densities are computed from."""
    return value.float() if value.dtype in HALF else value


def describe_shape(*sizes: int | str) -> str:
    """A shape as it is written: ``(B, 3)``, or ``(B,)``."""
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"


def check_integer(value: Any, name: str, least: int = 1) -> int:
    """A whole number, at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        wanted = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name} must be {wanted}; got {quote(value)}")
    return value


def check_seed(seed: Any) -> None:
    """An integer of any sign that torch's generators take."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer; got {quote(seed)}")
    if abs(seed) >= 2**62:
        raise ValueError(f"seed must be an integer below 2**62; got {quote(seed)}")


def check_flag(value: Any, name: str) -> None:
    """True or False, and no other value that Python takes for one of them."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False; got {quote(value)}")


def check_number(value: Any, name: str) -> float:
    """A finite, positive number that is no tensor."""
    number = _to_float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive number; got {quote(value)}")
    return number


def _to_float(value: Any) -> float:
    """A real number; what is none, or too large for a float, as not-a-number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def check_positive(value: Any, name: str) -> Tensor:
    """A positive, finite number, or a tensor that holds one such number."""
    wanted = f"{name} must be one positive, finite number"
    if isinstance(value, bool) or not isinstance(value, Real | Tensor):
        raise TypeError(f"{wanted}; got {quote(value)}")
    if isinstance(value, Tensor):
        number = value.detach()
    else:
        number = torch.tensor(_to_float(value), dtype=torch.float64)
    if number.ndim != 0:
        raise ValueError(f"{wanted}; got shape {describe(number)}")
    if number.is_complex() or not (number > 0 and number.isfinite()):
        raise ValueError(f"{wanted}; got {quote(value)}")
    return number


def check_like(value: Tensor, like: Tensor, name: str) -> None:
    """A tensor of the same type, on the same device, as another."""
    if value.dtype != like.dtype or value.device != like.device:
        raise TypeError(
            f"{name} must be {like.dtype} on {like.device}; got {value.dtype} on {value.device}"
        )


def check_dense(value: Any, name: str) -> None:
    """If it is a tensor, one that has all its numbers in place: it is neither sparse nor nested."""
    if not isinstance(value, Tensor):
        return
    if value.is_nested:
        raise TypeError(f"{name} must be a dense tensor; got a nested one")
    if value.layout != torch.strided:
        raise TypeError(
            f"{name} must be a dense tensor; got one of layout {value.layout}: "
            f"give {name}.to_dense()"
        )


def check_finite(value: Tensor, name: str) -> None:
    """A tensor without an infinity and without not-a-number."""
    if not _is_finite(value):
        raise ValueError(f"{name} must be finite; it holds an infinity or not-a-number")


def check_shape(value: Any, name: str, *sizes: int | str) -> None:
    """A dense tensor of these sizes; one that is a letter may be any number but zero."""
    check_dense(value, name)
    shape = value.shape if isinstance(value, Tensor) else ()
    fits = len(shape) == len(sizes) and all(
        n >= 1 if isinstance(size, str) else n == size for n, size in zip(shape, sizes, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {describe_shape(*sizes)}; got {describe(value)}")


def check_tensor(value: Any, name: str, *sizes: int | str, like: Tensor | None = None) -> Tensor:
    """A finite tensor of floating point and of these sizes, in single or double precision."""
    check_shape(value, name, *sizes)
    if like is not None:
        check_like(value, like, name)
    if not value.is_floating_point():
        raise ValueError(f"{name} must be floating point; got {value.dtype}")
    if value.dtype in HALF:
        # In half precision neither an evidence nor a posterior would be the exact one.
        raise TypeError(f"{name} must be torch.float32 or torch.float64; got {value.dtype}")
    check_finite(value, name)
    tensor: Tensor = value
    return tensor


def check_data(x: Any, name: str = "x", sizes: str = "(B, X)") -> Tensor:
    """Data: at least one datum, at least one axis beside the first one, finite, a dense tensor."""
    check_dense(x, name)
    if not isinstance(x, Tensor) or x.ndim < 2 or x.shape[0] == 0:
        first = sizes.strip("(").split(",")[0]
        raise ValueError(
            f"{name} must be a tensor of shape {sizes}, {first} at least 1; "
            f"got {describe(x)}{_suggest_tensor(x, name)}"
        )
    if not _is_finite(x):
        row = int((~x.isfinite()).flatten(1).any(1).nonzero()[0])
        raise ValueError(f"{name} must be finite; row {row} holds an infinity or not-a-number")
    return x


def check_samples(log_w: Any, dim: Any) -> None:
    """Log-weights: a tensor of floating point with at least one sample along an axis."""
    check_dense(log_w, "log_w")
    if not isinstance(log_w, Tensor) or not log_w.is_floating_point():
        got = log_w.dtype if isinstance(log_w, Tensor) else type(log_w).__name__
        raise TypeError(f"log_w must be a tensor of floating point; got {got}")
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise TypeError(f"dim must be an integer; got {quote(dim)}")
    if log_w.ndim == 0 or not -log_w.ndim <= dim < log_w.ndim or log_w.shape[dim] == 0:
        raise ValueError(
            f"log_w must have at least one sample along dim {dim}; got shape {describe(log_w)}"
        )


def _suggest_tensor(value: Any, name: str) -> str:
    """How a tensor is made of what is none: of a data frame, an array or a list."""
    if hasattr(value, "to_numpy"):
        return f": give torch.from_numpy({name}.to_numpy()).float()"
    if hasattr(value, "__array__") and not isinstance(value, Tensor):
        return f": give torch.from_numpy({name}).float()"
    return f": give torch.tensor({name})" if isinstance(value, list | tuple) else ""


def _is_finite(value: Tensor) -> bool:
    if not value.is_floating_point() or value.is_meta or not looks_at_values():
        return True
    # A sum takes one pass, and is finite only if all numbers are; if it overflows, look at all.
    return math.isfinite(value.sum().item()) or bool(value.isfinite().all())
