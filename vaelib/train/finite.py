"""Numbers that are infinite or not a number: they end the training before they do harm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["check_bound", "check_gradients"]


def check_bound(mean: float, values: Tensor, parameters: Mapping[str, Tensor], step: int) -> None:
    """See that the bound is a number.

    Args:
        mean: of the bound, over the batches of all processes.
        values: the bound for the data of this process, shape ``(b,)``.
        parameters: what trains, by name, each of any shape.
        step: the number of this step, from 1.

    Raises:
        FloatingPointError: it is none; the message says for which data, and the likely cause.
    """
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"the bound is {mean} at step {step}; the parameters are those before it. "
            + _explain(values, parameters)
        )


def _explain(values: Tensor, parameters: Mapping[str, Tensor]) -> str:
    for name, parameter in parameters.items():
        if not parameter.isfinite().all():
            return f"{name} is not finite: it was not when training began, or lr is too large"
    rows = (~values.isfinite()).nonzero().flatten().tolist()
    if not rows:
        return "It is so for data of another process, which says more"
    first = rows[0]
    return (
        f"bound(x) is {values[first].item()} for {len(rows)} of {len(values)} data, "
        f"first row {first} of the batch. "
        "A density over- or underflowed: is lr too large, or a sigma nearly zero?"
    )


def check_gradients(parameters: Mapping[str, Tensor], mean: float, step: int) -> None:
    """See that there are gradients, and that they are numbers.

    Args:
        parameters: what trains, by name, each of any shape.
        mean: of the bound.
        step: the number of this step, from 1.

    Raises:
        ValueError: no parameter has a gradient.
        FloatingPointError: one is infinite or not a number.
    """
    gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    if not gradients:
        raise ValueError(
            "bound must depend on the parameters of model or q; it depends on none that trains"
        )
    # The sum takes one pass, and is finite only if all are; if it overflows, look at each.
    if torch.stack([gradient.sum() for gradient in gradients.values()]).sum().isfinite():
        return
    bad = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
    if bad:
        raise FloatingPointError(
            f"the gradient of {', '.join(bad)} is infinite or not a number at step {step}, "
            f"where the bound is {mean:.6g}; the parameters are those before it. "
            "Likely a derivative of log or sqrt at 0, or of a density with a sigma nearly zero"
        )
