"""Numbers that are infinite or not a number: they end the training before they do harm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["check_bound", "check_gradients"]

# Data that were standardised have no number as large as this.
_STANDARD = 100.0


def check_bound(
    mean: float, values: Tensor, x: Tensor, parameters: Mapping[str, Tensor], step: int
) -> None:
    """See that the bound is a number.

    Args:
        mean: of the bound, over the batches of all processes.
        values: the bound for the data of this process, shape ``(b,)``.
        x: those data, shape ``(b, X)``.
        parameters: what trains, by name, each of any shape.
        step: the number of this step, from 1.

    Raises:
        FloatingPointError: it is none; the message says for which data, and the likely cause.
    """
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"the bound is {mean} at step {step}; the parameters are those before it. "
            + _explain(values, x, parameters, step)
        )


def _explain(values: Tensor, x: Tensor, parameters: Mapping[str, Tensor], step: int) -> str:
    for name, parameter in parameters.items():
        if not parameter.isfinite().all():
            return f"{name} is not finite: it was not when training began, or lr is too large"
    rows = (~values.isfinite()).nonzero().flatten().tolist()
    if not rows:
        return "It is so for data of another process, which says more"
    first = rows[0]
    return (
        f"bound(x) is {values[first].item()} for {len(rows)} of {len(values)} data, "
        f"first row {first} of the batch: " + _suspect(x, step)
    )


def _suspect(x: Tensor, step: int) -> str:
    """What most likely made a number overflow, all parameters being finite."""
    # In the first step nothing was trained yet, so lr is not to blame.
    doubt = "a network's output huge" if step == 1 else "lr too large"
    return _advise_on_scale(x) or f"is {doubt}, or a sigma nearly zero?"


def _advise_on_scale(x: Tensor) -> str:
    """What to do about data that are so large that sigma = exp(log sigma) overflows."""
    largest = x.abs().max().item() if x.is_floating_point() else 0.0
    return f"standardise x; |x| is up to {largest:.2g} here" if largest > _STANDARD else ""


def check_gradients(parameters: Mapping[str, Tensor], x: Tensor, mean: float, step: int) -> None:
    """See that there are gradients, and that they are numbers.

    Args:
        parameters: what trains, by name, each of any shape.
        x: the data of this process, shape ``(b, X)``.
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
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        likely = "a derivative of log or sqrt at 0, or of a density with a sigma nearly zero"
        raise FloatingPointError(
            f"the gradient of {bad[0]}{others} is infinite or not a number at step {step}, "
            f"where the bound is {mean:.6g}; the parameters are those before it. "
            + (_advise_on_scale(x) or f"Likely {likely}")
        )
