"""What a check looks at: the values that a function returns, and their gradients, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaelib.checks.calling import Refusal

__all__ = [
    "count_repeats",
    "gradients",
    "named_values",
    "returned",
    "value_and_gradients",
    "values",
]

Seen = dict[str, Tensor]


def values(fn: Callable[..., Any], *args: Any) -> Seen:
    """Call a function and name what it returns: its value, or its first, second, … value.

    Args:
        fn: the function.
        args: its arguments.
    """
    found = fn(*args)
    parts = found if isinstance(found, list) else []
    if isinstance(found, tuple) or any(isinstance(part, Tensor | tuple | list) for part in parts):
        return {f"value {number}": _to_tensor(part) for number, part in enumerate(found, 1)}
    return {"value": _to_tensor(found)}


def named_values(*names: str) -> Callable[..., Seen]:
    """For ``observe``: name the parts of what a function returns, a tuple, list or tensor.

    Args:
        names: the names of the parts, in order.
    """

    def observe(fn: Callable[..., Any], *args: Any) -> Seen:
        found = fn(*args)
        if not isinstance(found, tuple | list):
            found = torch.atleast_1d(_to_tensor(found))
        numbered = [f"value {number}" for number in range(1, len(found) + 1)]
        known = names if len(found) == len(names) else numbered
        return {name: _to_tensor(part) for name, part in zip(known, found, strict=True)}

    return observe


def gradients(value: Any, inputs: dict[str, Tensor]) -> Seen:
    """Differentiate a value's sum; a gradient is zero if the value does not depend on the input.

    Args:
        value: what a function returned.
        inputs: the tensors to differentiate in, by name.
    """
    seen = {f"gradient in {name}": torch.zeros_like(tensor) for name, tensor in inputs.items()}
    if isinstance(value, Tensor) and value.requires_grad:
        found = torch.autograd.grad(value.sum(), list(inputs.values()), allow_unused=True)
        pairs = zip(seen, found, strict=True)
        seen |= {name: grad for name, grad in pairs if grad is not None}
    return seen


def value_and_gradients(*names: str) -> Callable[..., Seen]:
    """For ``observe``: what a function returns, and its gradient in the first arguments.

    Args:
        names: the names of these arguments, which are tensors.
    """

    def observe(fn: Callable[..., Any], *args: Any) -> Seen:
        seen = values(fn, *args)
        leaves = {
            name: arg.clone().requires_grad_() for name, arg in zip(names, args, strict=False)
        }
        # torch forbids writing into a leaf; that a function writes there, the first call shows.
        given = [leaf * 1 for leaf in leaves.values()]
        return seen | gradients(fn(*given, *args[len(names) :]), leaves)

    return observe


def count_repeats(fn: Callable[..., Any], *args: Any) -> Tensor:
    """Count the numbers of a function's first value that a second call repeats, up to rounding.

    Args:
        fn: a function that draws random numbers.
        args: its arguments.

    Returns:
        the count, shape ``()``.
    """
    first, second = (next(iter(values(fn, *args).values())) for _ in range(2))
    return torch.isclose(first, second, rtol=1e-9, atol=0).sum().double()


def returned(seen: Seen) -> list[str]:
    """List the names of what a function returned, without what else was looked at.

    Args:
        seen: what was seen of the function.
    """
    return [name for name in seen if not name.startswith(("gradient in ", "number of "))]


def _to_tensor(value: Any) -> Tensor:
    """A learner's number, list or array as a tensor in double precision, without its history."""
    if value is None:
        raise Refusal("The function returned nothing (None): is there a return at its end?")
    if value is ... or value is NotImplemented:
        raise Refusal("The function is not written yet: it returns a placeholder.")
    try:
        return torch.as_tensor(value).detach().to(torch.float64).clone()
    except (TypeError, ValueError, RuntimeError):
        got = type(value).__name__
        wanted = "The function must return a tensor or a number"
        raise Refusal(f"{wanted}; it returned {got}.") from None
