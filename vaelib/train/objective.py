"""What training maximises: a bound of a model and an encoder as one module, plain or compiled."""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

__all__ = ["CompiledObjective", "Objective", "check_compiler", "in_eval_mode"]


class Objective(nn.Module):
    """A bound with its model and its encoder as one module, which has the parameters of both.

    Args:
        bound: called as ``bound(model, q, x, K)``, or with ``done=`` besides if it has a parameter
            of this name. If it is a module itself, its parameters and buffers belong to this one.
        model: the joint, p(x, z).
        q: the encoder.
    """

    def __init__(self, bound: Callable[..., Tensor], model: Any, q: Any) -> None:
        super().__init__()
        self.bound, self.model, self.q = bound, model, q
        self.takes_done = _takes_done(bound)

    def forward(self, x: Tensor, K: int, done: float | Tensor = 1.0) -> Tensor:
        if self.takes_done:
            return self.bound(self.model, self.q, x, K, done=done)
        return self.bound(self.model, self.q, x, K)

    def numbers(self) -> dict[str, float]:
        """The numbers that the bound itself remembers, by name, such as a count of its calls.

        Those of a module are its parameters and buffers, which a state dictionary holds.
        """
        own = self._attributes()
        return {name: value for name, value in own.items() if isinstance(value, int | float)}

    def restore_numbers(self, numbers: dict[str, float]) -> None:
        """Let the bound remember numbers as they were.

        Args:
            numbers: some of what :meth:`numbers` gave.
        """
        known = self.numbers()
        self._attributes().update({name: numbers[name] for name in known.keys() & numbers.keys()})

    def _attributes(self) -> dict[str, Any]:
        owner = getattr(self.bound, "__self__", self.bound)  # of a method its object
        return {} if isinstance(owner, nn.Module) else getattr(owner, "__dict__", {})


class CompiledObjective(nn.Module):
    """The same values and gradients, computed by what ``torch.compile`` makes of the bound.

    Args:
        objective: what is compiled; it stays as it is.
        device: where its parameters are.
    """

    def __init__(self, objective: Objective, device: torch.device) -> None:
        super().__init__()
        self.objective = objective

        def evaluate(x: Tensor, K: int, done: float | Tensor) -> Tensor:
            return objective.forward(x, K, done)

        # torch gives up on a code object after eight compilations, so each fit has one of its own.
        # From torch 2.13 on, torch.compile(..., isolate_recompiles=True) would do the same.
        evaluate.__code__ = evaluate.__code__.replace()
        options: dict[str, Any] = {
            "fallback_random": True,  # draws the noise that the uncompiled bound would draw
            "triton.cudagraphs": device.type == "cuda",  # what mode="reduce-overhead" sets
        }
        with _unvalidated_distributions():
            # One compilation for each size of batch. So what computes a batch, to the last bit,
            # does not depend on the batches before it, and a run can be resumed.
            self.evaluate = torch.compile(evaluate, dynamic=False, options=options)

    def forward(self, x: Tensor, K: int, done: float = 1.0) -> Tensor:
        with _unvalidated_distributions():
            if not self.objective.takes_done:
                return self.evaluate(x, K, 1.0)
            # torch.compile would compile once more for each number, but not for each tensor.
            like = next(self.objective.parameters())
            dtype = torch.promote_types(like.dtype, torch.float32)
            return self.evaluate(x, K, torch.full((), done, dtype=dtype, device=like.device))


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Within, nothing drops out and no running statistic changes; then each part is as it was.

    Args:
        module: what is evaluated, with all its parts.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _takes_done(bound: Callable[..., Tensor]) -> bool:
    """Whether the bound wants to know what fraction of the steps is done."""
    if isinstance(bound, functools.partial) and "done" in bound.keywords:
        return False  # it was told another number
    called = bound.forward if isinstance(bound, nn.Module) else bound
    try:
        return "done" in inspect.signature(called).parameters
    except (TypeError, ValueError):  # what is written in C may have no signature
        return False


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
