"""Training on several processes: who takes which data, and how gradients and numbers become one.

Where ``torchrun`` started the script, :func:`vaelib.train.fit` uses this module by itself; with one process it
changes nothing.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["Objective", "agree", "everyone", "join", "rank", "shard", "total", "world_size"]


class Objective(nn.Module):
    """A bound with its model and encoder as one module, which is what torch's DistributedDataParallel wraps.

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

    def averaging(self) -> nn.Module:
        """This module; with several processes, so wrapped that the backward pass averages gradients over them."""
        # A parameter that a bound does not reach must not make the processes wait for its gradient.
        return (
            self
            if world_size() == 1
            else DistributedDataParallel(self, find_unused_parameters=True)
        )


def join(device: torch.device) -> None:
    """Join the processes that ``torchrun`` started, once: NCCL between GPUs, gloo otherwise.

    Args:
        device: where the parameters are.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        # Gradients go the way of their device; the few numbers that are agreed on go through the CPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0; process 0 evaluates, reports and writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def shard(batch: Tensor) -> tuple[Tensor, float]:
    """This process's part of a batch, and the weight of each of its data in the mean over the whole batch.

    Args:
        batch: shape ``(B, ...)``, the same in every process.

    Returns:
        shape ``(b, ...)`` and 1/B; or one datum and the weight 0, where there are more processes than data.
    """
    part = batch.tensor_split(world_size())[rank()]
    return (part, 1 / batch.shape[0]) if part.shape[0] else (batch[:1], 0.0)


def total(numbers: list[float]) -> list[float]:
    """Each number's sum over all processes.

    Args:
        numbers: as many in every process.
    """
    if world_size() == 1:
        return numbers
    sums = torch.tensor(numbers, dtype=torch.float64)
    distributed.all_reduce(sums)
    return sums.tolist()


def agree(make: Callable[[], Any]) -> Any:
    """What ``make()`` gives in process 0, for every process; if it raises there, every process raises that.

    Args:
        make: a function that only process 0 calls.
    """
    if world_size() == 1:
        return make()
    answer: list[Any] = [None, None]
    if rank() == 0:
        try:
            answer[0] = make()
        except Exception as error:
            answer[1] = error
    distributed.broadcast_object_list(answer)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]


def everyone(mine: Any) -> list[Any]:
    """What each process has, in their order.

    Args:
        mine: what this process has; it must be possible to pickle it.
    """
    if world_size() == 1:
        return [mine]
    theirs: list[Any] = [None] * world_size()
    distributed.all_gather_object(theirs, mine)
    return theirs
