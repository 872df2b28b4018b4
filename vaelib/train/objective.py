"""What training maximises: a bound of a model and an encoder as one module, plain or compiled."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

__all__ = ["CompiledObjective", "Objective", "check_compiler"]


class Objective(nn.Module):
    """A bound with its model and its encoder as one module, which has the parameters of both.

    Args:
        bound: called as ``bound(model, q, x, K)``.
        model: the joint, p(x, z).
        q: the encoder.
    """

    def __init__(self, bound: Callable[..., Tensor], model: Any, q: Any) -> None:
        super().__init__()
        self.bound, self.model, self.q = bound, model, q

    def forward(self, x: Tensor, K: int) -> Tensor:
        return self.bound(self.model, self.q, x, K)


class CompiledObjective(nn.Module):
    """The same values and gradients, computed by what ``torch.compile`` makes of the bound.

    Args:
        objective: what is compiled; it stays as it is.
        device: where its parameters are.
    """

    def __init__(self, objective: Objective, device: torch.device) -> None:
        super().__init__()
        self.objective = objective

        def evaluate(x: Tensor, K: int) -> Tensor:
            return objective.forward(x, K)

        # torch gives up on a code object after eight compilations, so each fit has one of its own.
        evaluate.__code__ = evaluate.__code__.replace()
        options: dict[str, Any] = {
            "fallback_random": True,  # draws the noise that the uncompiled bound would draw
            "triton.cudagraphs": device.type == "cuda",  # what mode="reduce-overhead" sets
        }
        with _unvalidated_distributions():
            # One compilation for each size of batch. So what computes a batch, to the last bit,
            # does not depend on the batches before it, and a run can be resumed.
            self.evaluate = torch.compile(evaluate, dynamic=False, options=options)

    def forward(self, x: Tensor, K: int) -> Tensor:
        with _unvalidated_distributions():
            return self.evaluate(x, K)


def check_compiler() -> None:
    """See that ``torch.compile`` will find a C++ compiler.

    Raises:
        RuntimeError: there is none.
    """
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    compiler = os.environ.get("CXX", usual)
    if shutil.which(compiler) is None:
        raise RuntimeError(f"compile=True needs a C++ compiler; {compiler} was not found")


@contextmanager
def _unvalidated_distributions() -> Iterator[None]:
    """Switch off the checks of torch.distributions, as ``torch.compile`` does once and for all."""
    before = vars(Distribution)["_validate_args"]  # torch has no public way to ask
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
