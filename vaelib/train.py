"""One training loop for every bound."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from vaelib import checkpoint as store
from vaelib import parallel
from vaelib.batches import Batches, check_data

__all__ = ["History", "fit"]

_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


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

    def plot(self, ax: Any = None) -> Any:
        """The bound during training, on mini-batches and, if recorded, on held-out data.

        Args:
            ax: the Matplotlib axes to draw on; None makes some.

        Returns:
            the axes.

        Raises:
            ImportError: ax is None and Matplotlib is not installed.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                raise ImportError(
                    "History.plot needs Matplotlib: pip install 'vaelib[book]'"
                ) from error
            ax = plt.subplots()[1]
        # The colours that vaelib.plotting gives to data and bound.
        ax.plot(self.steps, self.train, color="#5A5A5A", label="training")
        if self.held_out:
            ax.plot(self.steps, self.held_out, color="#B5468B", label="held out")
        ax.set(xlabel="step", ylabel="bound (nats per datum)")
        ax.legend()
        return ax

    def to_frame(self) -> Any:
        """The records as a pandas DataFrame: one row each, indexed by step.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("History.to_frame needs pandas: pip install pandas") from error
        columns = {
            name: values for name, values in asdict(self).items() if values or name != "held_out"
        }
        return pandas.DataFrame(columns).rename(columns={"steps": "step"}).set_index("step")


def fit(
    bound: Callable[..., Tensor],
    model: Any,
    q: Any,
    x: Tensor | Callable[[int], Tensor],
    *,
    K: int = 1,
    steps: int,
    batch_size: int | None = 128,
    lr: float = 1e-3,
    schedule: str | Callable[[float], float] = "constant",
    clip: float | None = None,
    seed: int = 0,
    held_out: Tensor | None = None,
    record_every: int = 100,
    patience: int | None = None,
    callback: Callable[[History], Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> History:
    r"""Maximise the mean of a bound over the data, by Adam, in the parameters of the model and of q.

    .. math:: \max_{\theta, \phi}\; \frac{1}{N} \sum_{n=1}^{N} \text{bound}(x_n; \theta, \phi)

    Equation :eq:`eq-objective`. The same seed and number of threads give the same bits; the global generator is
    left as it was. Ctrl-C ends the training after the step in hand, with the history so far. Where ``torchrun``
    started the script, its processes share every batch and average their gradients.

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
        schedule: ``"constant"``; ``"cosine"``, from ``lr`` down to zero along half a cosine; or a callable that gives
            the factor of ``lr`` when the fraction ``done`` of all steps, from 0 to 1, is done.
        clip: the largest norm that the gradient of all parameters together may have; a longer one is shortened.
        seed: of the data's order and of the samples.
        held_out: data on which the bound is evaluated at each record.
        record_every: how many steps between records; the last step is always one.
        patience: stop when the held-out bound has not risen for this many records in a row, and put back the
            parameters of the best one.
        callback: called with the history at each record; training ends if it returns True.
        checkpoint: a file in which all is kept at each record, and from which the same call goes on: a run that was
            killed ends with the same bits as one that was not.

    Returns:
        the :class:`History`.

    Raises:
        ValueError: an argument out of its range, nothing to train, data that are not finite, a bound that is not of
            shape ``(B,)``, or a checkpoint that is damaged or of another call.
        TypeError: the bound or the callback cannot be called, the checkpoint is no path, or the seed no integer.
        FloatingPointError: the bound or its gradient is infinite or not a number; the message names the step, the
            tensor and the likely cause, and the parameters are those before that step.
        OSError: the checkpoint cannot be written.

    Source: Kingma & Welling (2014), algorithm 1; Kingma & Ba (2015) for Adam.
    """
    settings = {
        "K": K,
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "schedule": schedule,
        "clip": clip,
    }
    settings |= {"seed": seed, "record_every": record_every, "patience": patience}
    _check_settings(settings, held_out)
    _check_calls(bound, callback, checkpoint)
    with torch.random.fork_rng(), _interruptible() as interrupted:
        run = _Run(
            parallel.Objective(bound, model, q), Batches(x, batch_size, seed), settings, held_out
        )
        run.begin(checkpoint)
        quiet = (
            True if os.environ.get("CI") or parallel.rank() else None
        )  # None: quiet where there is no terminal
        todo = range(run.step, run.step if run.finished else steps)
        for _ in tqdm(
            todo,
            initial=run.step,
            total=steps,
            disable=quiet,
            desc=getattr(bound, "__name__", "fit"),
        ):
            stop = run.advance(interrupted)
            if run.step % record_every == 0 or run.step == steps:
                run.record()
                run.keep(checkpoint)
                stop |= parallel.agree(
                    lambda: callback is not None and callback(run.history) is True
                )
            if stop or run.finished:
                break
        run.end(checkpoint)
    return run.history


class _Run:
    """All that changes while fit runs: what a checkpoint holds, and what comes back from it."""

    def __init__(
        self,
        objective: parallel.Objective,
        batches: Batches,
        settings: dict[str, Any],
        held_out: Any,
    ):
        self.parameters = {name: p for name, p in objective.named_parameters() if p.requires_grad}
        if not self.parameters:
            raise ValueError("neither model nor q has a parameter to train")
        self.device = next(iter(self.parameters.values())).device
        parallel.join(self.device)
        self.objective, self.averaging, self.batches = objective, objective.averaging(), batches
        self.settings, self.held_out = settings, held_out
        self.optimiser = torch.optim.Adam(self.parameters.values(), lr=settings["lr"], fused=True)
        self.step, self.history, self.since_record = 0, History(), list[float]()
        self.best: dict[str, Any] = {"held_out": -math.inf, "records": 0, "parameters": {}}
        self.interrupted = self.finished = False
        self.started = time.perf_counter()

    def begin(self, checkpoint: Any) -> None:
        """Start with the seed, or from the checkpoint if there is one."""
        # Each process draws samples of its own; the order of the data has a generator that all share.
        torch.manual_seed(self.settings["seed"] + 1_000_003 * parallel.rank())
        state = None if checkpoint is None else parallel.agree(lambda: store.find(checkpoint))
        if state is not None:
            self._restore(state, checkpoint)

    def advance(self, interrupted: list[bool]) -> bool:
        """One step; True if somebody, in whatever process, wants it to be the last."""
        x, weight = parallel.shard(next(self.batches))
        values = self._bound(x.to(self.device))
        # Processes average their gradients, and these are parts of one mean over the batch.
        loss = values.sum() * (-weight * parallel.world_size())
        objective, wishes = parallel.total(
            [-loss.item() / parallel.world_size(), float(bool(interrupted))]
        )
        if not math.isfinite(objective):
            raise FloatingPointError(self._why(objective, x, values))
        for parameter in self.parameters.values():
            parameter.grad = None
        if loss.requires_grad:
            loss.backward()
        self._check_gradient(objective)
        if self.settings["clip"] is not None:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.settings["clip"])
        self.optimiser.param_groups[0]["lr"] = self.settings["lr"] * self._factor()
        self.optimiser.step()
        self.step += 1
        self.since_record.append(objective)
        self.interrupted = wishes > 0
        return self.interrupted

    def _bound(self, x: Tensor) -> Tensor:
        try:
            values = self.averaging(x, self.settings["K"])
        except Exception as error:
            error.add_note(
                f"This was step {self.step + 1} of fit; the parameters are those before it."
            )
            raise
        if not isinstance(values, Tensor) or values.shape != x.shape[:1]:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(
                f"bound must return one value per datum, shape ({x.shape[0]},); got {got}"
            )
        return values

    def _factor(self) -> float:
        schedule = self.settings["schedule"]
        return (_SCHEDULES[schedule] if isinstance(schedule, str) else schedule)(
            self.step / self.settings["steps"]
        )

    def _why(self, objective: float, x: Tensor, values: Tensor) -> str:
        """What to say of a bound that is no number."""
        said = f"the bound is {objective} at step {self.step + 1}; the parameters are those before it. "
        for name, parameter in self.parameters.items():
            if not parameter.isfinite().all():
                return f"{said}{name} is not finite: it was not when training began, or lr is too large"
        rows = (~values.isfinite()).nonzero().flatten().tolist()
        if not rows:
            return f"{said}It is so for data of another process, which says more"
        first = f"{values[rows[0]].item()} for {len(rows)} of {len(values)} data, first row {rows[0]} of the batch"
        return f"{said}bound(x) is {first}. A density over- or underflowed: is lr too large, or a sigma nearly zero?"

    def _check_gradient(self, objective: float) -> None:
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        if not gradients:
            raise ValueError(
                "bound must depend on the parameters of model or q; it depends on none that trains"
            )
        # A sum is quick and misses nothing; whether it was not the sum alone that overflowed is seen then.
        if torch.stack([g.sum() for g in gradients.values()]).sum().isfinite():
            return
        if bad := [name for name, gradient in gradients.items() if not gradient.isfinite().all()]:
            where = f"at step {self.step + 1}, where the bound is {objective:.6g}; the parameters are those before it"
            cause = (
                "Likely a derivative of log or sqrt at 0, or of a density with a sigma nearly zero"
            )
            raise FloatingPointError(
                f"the gradient of {', '.join(bad)} is infinite or not a number {where}. {cause}"
            )

    def record(self) -> None:
        self.history.steps.append(self.step)
        self.history.train.append(sum(self.since_record) / len(self.since_record))
        self.since_record.clear()
        if self.held_out is not None:
            self.history.held_out.append(parallel.agree(self._held_out))
            self._compare(self.history.held_out[-1])
        self.history.seconds.append(time.perf_counter() - self.started)

    @torch.no_grad()
    def _held_out(self) -> float:
        # A generator of its own, so that looking at held-out data does not change the training.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return float(self.objective(self.held_out.to(self.device), self.settings["K"]).mean())

    def _compare(self, value: float) -> None:
        """Keep the parameters of the best record, and stop when it is long past."""
        if (patience := self.settings["patience"]) is None:
            return
        self.best["records"] += 1
        if value > self.best["held_out"]:
            copies = {name: tensor.clone() for name, tensor in self.objective.state_dict().items()}
            self.best = {"held_out": value, "records": 0, "parameters": copies}
        self.finished = self.best["records"] >= patience

    def end(self, checkpoint: Any) -> None:
        if self.interrupted:
            self.keep(checkpoint)
            warnings.warn(
                f"fit was interrupted after step {self.step} of {self.settings['steps']}",
                stacklevel=3,
            )
        if self.best["parameters"]:
            self.objective.load_state_dict(self.best["parameters"])

    def keep(self, checkpoint: Any) -> None:
        """Write the checkpoint: process 0, with the generators of all."""
        if checkpoint is not None:
            state = self._state() | {
                "call": self._call,
                "generators": parallel.everyone(store.generators()),
            }
            parallel.agree(lambda: store.save(checkpoint, state))

    def _state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name) for name in ("step", "finished", "since_record", "best")}
        made = {name: getattr(self, name).state_dict() for name in ("objective", "optimiser")}
        return parts | made | {"history": asdict(self.history), "batches": self.batches.state()}

    @cached_property
    def _call(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the call that goes on from it."""
        schedule = self.settings["schedule"]
        settings = self.settings | {
            "schedule": schedule if isinstance(schedule, str) else "callable"
        }
        if schedule == "constant":
            del settings["steps"]  # with a constant step size more steps only go on
        settings["bound"] = getattr(self.objective.bound, "__name__", "callable")
        data = {
            "x": store.fingerprint(self.batches.x),
            "held_out": store.fingerprint(self.held_out),
        }
        return settings | data | {"processes": parallel.world_size()}

    def _restore(self, state: dict[str, Any], checkpoint: Any) -> None:
        """Go on from a checkpoint; it is compared with this call before anything is overwritten."""
        store.compare_calls(state.get("call"), self._call, checkpoint)
        store.compare_tensors(state.get("objective"), self.objective.state_dict(), checkpoint)
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.finished, self.best = state["step"], state["finished"], state["best"]
        self.since_record, self.history = state["since_record"], History(**state["history"])
        self.started -= self.history.seconds[-1] if self.history.seconds else 0.0
        self.batches.restore(state["batches"])
        store.set_generators(state["generators"][parallel.rank()])


@contextmanager
def _interruptible() -> Iterator[list[bool]]:
    """Make of the first Ctrl-C a wish that is granted after the step in hand; the second one interrupts at once."""
    wishes: list[bool] = []

    def wish(*_: Any) -> None:
        wishes.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, wish)
        try:
            yield wishes
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    else:
        yield wishes  # somebody else decides what an interrupt does


def _check_settings(settings: dict[str, Any], held_out: Any) -> None:
    for name in ("K", "steps", "record_every", "batch_size", "patience", "lr", "clip"):
        value, whole = settings[name], name not in ("lr", "clip")
        if value is None and name in ("batch_size", "patience", "clip"):
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not 0 < value < math.inf
        ):
            raise ValueError(
                f"{name} must be a positive {'integer' if whole else 'number'}; got {value!r}"
            )
    if isinstance(settings["seed"], bool) or not isinstance(settings["seed"], int):
        raise TypeError(f"seed must be an integer; got {settings['seed']!r}")
    schedule = settings["schedule"]
    if not (callable(schedule) or (isinstance(schedule, str) and schedule in _SCHEDULES)):
        raise ValueError(f"schedule must be 'constant' or 'cosine' or a callable; got {schedule!r}")
    if held_out is not None:
        check_data(held_out, "held_out")
    elif settings["patience"] is not None:
        raise ValueError("patience needs held_out data, whose bound is to rise; got held_out=None")


def _check_calls(bound: Any, callback: Any, checkpoint: Any) -> None:
    for name, value in {"bound": bound, "callback": callback}.items():
        if not callable(value) and not (value is None and name == "callback"):
            raise TypeError(f"{name} must be callable; got {value!r}")
    if not isinstance(checkpoint, str | os.PathLike | None):
        raise TypeError(f"checkpoint must be a path, str or os.PathLike; got {checkpoint!r}")
