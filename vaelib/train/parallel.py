"""Training on several processes: how they share a batch, their gradients and their decisions.

If ``torchrun`` started the script, :func:`vaelib.train.fit` uses this module by itself. With one
process every function here does nothing and communicates with nobody.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = [
    "all_gather",
    "all_reduce",
    "average_gradients",
    "broadcast",
    "init_process_group",
    "rank",
    "shard",
    "world_size",
]


def init_process_group(device: torch.device) -> None:
    """Join the processes that ``torchrun`` started, once: NCCL between GPUs, gloo otherwise.

    Args:
        device: where the parameters are.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        # NCCL carries the gradients between GPUs; the few other numbers stay on the CPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0; process 0 evaluates, reports and writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def shard(batch: Tensor) -> tuple[Tensor, float]:
    """This process's part of a batch, and the weight of each of its data in the batch's mean.

    Args:
        batch: shape ``(B, ...)``, the same in every process.

    Returns:
        shape ``(b, ...)`` and 1/B; or one datum and the weight 0, if there are fewer data than
        processes.
    """
    part = batch.tensor_split(world_size())[rank()]
    if part.shape[0] == 0:
        return batch[:1], 0.0
    return part, 1 / batch.shape[0]


def average_gradients(module: nn.Module) -> nn.Module:
    """A module whose backward pass averages the gradients of all processes.

    Args:
        module: what each process has.
    """
    if world_size() == 1:
        return module
    # A bound need not reach every parameter; the processes must not wait for its gradient.
    return DistributedDataParallel(module, find_unused_parameters=True)


def all_reduce(numbers: list[float]) -> list[float]:
    """Each number's sum over all processes.

    Args:
        numbers: as many in every process.
    """
    if world_size() == 1:
        return numbers
    sums = torch.tensor(numbers, dtype=torch.float64)
    distributed.all_reduce(sums)
    return sums.tolist()


def all_gather(mine: Any) -> list[Any]:
    """What each process has, in their order.

    Args:
        mine: what this process has; it must be possible to pickle it.
    """
    if world_size() == 1:
        return [mine]
    theirs: list[Any] = [None] * world_size()
    distributed.all_gather_object(theirs, mine)
    return theirs


def broadcast(make: Callable[[], Any]) -> Any:
    """What ``make()`` gives in process 0, for every process; an error there is raised in all.

    Args:
        make: a function that only process 0 calls.
    """
    if world_size() == 1:
        return make()
    answer: list[Any] = [None, None]  # what was made, and what was raised instead
    if rank() == 0:
        try:
            answer[0] = make()
        except Exception as error:
            answer[1] = error
    distributed.broadcast_object_list(answer)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]
