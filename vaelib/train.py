"""One training loop for every bound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import trange

__all__ = ["History", "fit"]

Data = Tensor | Callable[[int], Tensor]


@dataclass
class History:
    """What training recorded: one entry in each list for every record.

    Attributes:
        steps: how many steps had been made.
        train: the mean bound over the mini-batches since the record before, in nats per datum.
        held_out: the mean bound on the held-out data, in nats per datum; empty if there were none.
        seconds: since the start of training.
    """

    steps: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def fit(
    bound: Callable[..., Tensor],
    model: Any,
    q: Any,
    x: Data,
    *,
    K: int = 1,
    steps: int,
    batch_size: int | None = 128,
    lr: float = 1e-3,
    schedule: str = "constant",
    seed: int = 0,
    held_out: Tensor | None = None,
    record_every: int = 100,
) -> History:
    r"""Maximise the mean of a bound over the data, by Adam, in the parameters of the model and of q.

    .. math:: \max_{\theta, \phi}\; \frac{1}{N} \sum_{n=1}^{N} \text{bound}(x_n; \theta, \phi)

    Equation :eq:`eq-objective`. The same seed and number of threads give the same bits; the global generator is
    left as it was.

    Args:
        bound: called as ``bound(model, q, x, K)``, shape ``(B,)``, in nats: any function of :mod:`vaelib.elbo` or
            :mod:`vaelib.iwae`.
        model: the joint, p(x, z).
        q: the encoder; the model's own posterior has no parameters but the model's.
        x: data, shape ``(N, X)``; or a callable that gives such a tensor for epoch 0, 1, 2, ...
        K: how many samples for each datum.
        steps: how many steps of the optimiser.
        batch_size: B; None takes all data in every step.
        lr: Adam's step size.
        schedule: ``"constant"``, or ``"cosine"``: from ``lr`` down to zero along half a cosine.
        seed: of the data's order and of the samples.
        held_out: data on which the bound is evaluated at each record.
        record_every: how many steps between records; the last step is always one.

    Returns:
        the :class:`History`.

    Raises:
        ValueError: an argument out of its range, nothing to train, or a bound that is not of shape ``(B,)``.
        FloatingPointError: the bound is infinite or not a number; the message names the step.

    Source: Kingma & Welling (2014), algorithm 1; Kingma & Ba (2015) for Adam.
    """
    for name, value in {"steps": steps, "K": K, "record_every": record_every}.items():
        _positive_int(value, name)
    if schedule not in ("constant", "cosine"):
        raise ValueError(f"schedule must be 'constant' or 'cosine'; got {schedule!r}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be a positive number; got {lr!r}")
    optimiser = torch.optim.Adam(_parameters(model, q), lr=lr)
    history, start, since_record = History(), time.perf_counter(), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = _batches(x, batch_size)
        for step in trange(1, steps + 1, disable=None, desc=getattr(bound, "__name__", "fit")):
            if schedule == "cosine":
                optimiser.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
            since_record.append(_step(bound, model, q, next(batches), K, optimiser, step))
            if step % record_every == 0 or step == steps:
                history.steps.append(step)
                history.train.append(sum(since_record) / len(since_record))
                if held_out is not None:
                    history.held_out.append(_held_out(bound, model, q, held_out, K))
                history.seconds.append(time.perf_counter() - start)
                since_record.clear()
    return history


def _step(bound: Callable[..., Tensor], model: Any, q: Any, x: Tensor, K: int, optimiser: Any, step: int) -> float:
    value = bound(model, q, x, K)
    if value.shape != x.shape[:1]:
        raise ValueError(f"bound must return one value per datum, shape ({x.shape[0]},); got {tuple(value.shape)}")
    objective = value.mean()
    if not objective.isfinite():
        raise FloatingPointError(f"the bound is {objective.item()} at step {step}; the last step is kept")
    optimiser.zero_grad()
    (-objective).backward()
    optimiser.step()
    return objective.item()


@torch.no_grad()
def _held_out(bound: Callable[..., Tensor], model: Any, q: Any, x: Tensor, K: int) -> float:
    # A generator of its own, so that looking at held-out data does not change the training.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return bound(model, q, x, K).mean().item()


def _parameters(*owners: Any) -> list[nn.Parameter]:
    """The trainable parameters of all that have some, each once."""
    modules = [owner for owner in owners if isinstance(owner, nn.Module)]
    unique = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}
    if not unique:
        raise ValueError("neither model nor q has a parameter to train")
    return list(unique.values())


def _batches(x: Data, batch_size: int | None) -> Iterator[Tensor]:
    """Mini-batches without end: each epoch in a new order, each datum once in an epoch."""
    if batch_size is not None:
        _positive_int(batch_size, "batch_size")
    epoch = 0
    while True:
        data = x(epoch) if callable(x) else x
        if not isinstance(data, Tensor) or data.ndim < 2 or data.shape[0] == 0:
            got = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
            raise ValueError(f"x must be a tensor of shape (N, X), N at least 1; got {got}")
        if batch_size is None or batch_size >= data.shape[0]:
            yield data
        else:
            order = torch.randperm(data.shape[0], device=data.device)
            yield from (data[index] for index in order.split(batch_size))
        epoch += 1


def _positive_int(value: int, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer; got {value!r}")
