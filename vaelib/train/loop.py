"""The training loop: ``fit``, and what one step of it does."""

from __future__ import annotations

import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from vaelib._validate import cut_numbers, data_are_checked, describe, describe_shape, quote
from vaelib.protocol import check_model_data, note_draws_without_path
from vaelib.train import checkpoint as store
from vaelib.train import compare, parallel
from vaelib.train.batches import Batches
from vaelib.train.finite import check_bound, check_gradients
from vaelib.train.history import History
from vaelib.train.interrupt import delay_interrupt
from vaelib.train.objective import CompiledObjective, Objective, check_compiler, in_eval_mode
from vaelib.train.settings import Settings

__all__ = ["fit"]

_RUNNING = threading.RLock()  # held by the thread in which fit runs


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
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    schedule: str | Callable[[float], float] = "constant",
    clip: float | None = None,
    seed: int = 0,
    held_out: Tensor | None = None,
    record_every: int = 100,
    patience: int | None = None,
    callback: Callable[[History], Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    compile: bool = False,
) -> History:
    r"""Maximise the mean of a bound over the data, by Adam, in the parameters of model and q.

    .. math:: \max_{\theta, \phi}\; \frac{1}{N} \sum_{n=1}^{N} \text{bound}(x_n; \theta, \phi)

    Equation :eq:`eq-objective`. The same seed and number of threads give the same bits; the global
    generator is left as it was, and ``fit`` runs in one thread at a time. Ctrl-C ends the training
    after the step in hand, with the history so far. If ``torchrun`` started the script, its
    processes share every batch and average their gradients. The data are checked once, when
    training begins, or when a callable returns them.

    Args:
        bound: called as ``bound(model, q, x, K)``, shape ``(B,)``, in nats: any function of
            :mod:`vaelib.elbo` or :mod:`vaelib.iwae`. If it has a parameter ``done``, it is told
            there what fraction of ``steps`` is done: from 0 to just below 1 in training, 1 for
            held-out data; with ``compile=True`` as a tensor of shape ``()``. A bound that is a
            module trains too.
        model: the joint, p(x, z).
        q: the encoder; the model's own posterior has no parameters but the model's.
        x: data, shape ``(N, X)``; or a callable that gives such a tensor for epoch 0, 1, 2, ...
        K: how many samples for each datum.
        steps: how many steps of the optimiser.
        batch_size: B; None takes all data in every step.
        lr: Adam's step size.
        betas: Adam's rates of forgetting, of the gradient's mean and of its square.
        eps: what Adam adds to the root of the mean square.
        schedule: ``"constant"``; ``"cosine"``, from ``lr`` down to zero along half a cosine; or a
            callable that gives the factor of ``lr`` when the fraction ``done`` of all steps, from 0
            to 1, is done.
        clip: the largest norm that the gradient of all parameters together may have; a longer one
            is shortened.
        seed: of the data's order and of the samples.
        held_out: data on which the bound is evaluated at each record, with the modules in
            evaluation mode: without dropout, and batch normalisation as it will be used.
        record_every: how many steps between records; the last step is always one.
        patience: stop when the held-out bound has not risen for this many records in a row, and put
            back the parameters of the best one.
        callback: called with the history at each record; training ends if it returns True.
        checkpoint: a file in which all is kept at each record, and from which the same call goes
            on: a run that was killed ends with the same bits as one that was not. Arguments, data,
            modules as printed, buffers, frozen parameters and the bound's source are compared; what
            a bound reads from elsewhere cannot be. ``steps`` may grow if the schedule is constant.
        compile: True computes the bound by ``torch.compile``, with the same noise and, up to
            rounding, the same results. A step is faster, but compiling takes some 20 seconds for
            each size of batch, and the last batch of an epoch may be a second size; so it serves
            long runs. It needs a C++ compiler.

    Returns:
        the :class:`History`.

    Raises:
        ValueError: an argument out of its range, nothing to train, data that are not finite or that
            the model refuses, a bound that is not of shape ``(B,)``, or a checkpoint that is
            damaged, of another call or at a later step.
        TypeError: the bound or the callback cannot be called, the checkpoint is no path, the seed
            no integer, ``compile`` neither True nor False, or the data are a ``DataLoader`` or
            sparse.
        FloatingPointError: the bound or its gradient is infinite or not a number; the message names
            the step, the tensor and the likely cause, and the parameters are those before that
            step.
        RuntimeError: ``compile=True``, and there is no C++ compiler; or another thread is in
            ``fit``, whose random numbers this one would change.
        OSError: the checkpoint cannot be written, or another run uses it.

    Warns:
        UserWarning: after the first step, if q cannot reparameterise and is trained on noise (which
            is seen in what is made of :func:`vaelib.elbo.log_weights` and not compiled), or if q
            gets no gradient at all; at the end, if training was interrupted.

    Source: Kingma & Welling (2014), algorithm 1; Kingma & Ba (2015) for Adam.
    """
    settings = Settings(
        K=K,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        betas=betas,
        eps=eps,
        schedule=schedule,
        clip=clip,
        seed=seed,
        record_every=record_every,
        patience=patience,
        compile=compile,
    )
    _check_callables(bound, callback, checkpoint)
    _check_batches(x)

    def check(data: Any, name: str = "x") -> None:
        check_model_data(model, data, name, "(N, X)")

    if held_out is not None:
        check(held_out, "held_out")
        _check_held_out(held_out, x)
    elif patience is not None:
        raise ValueError("patience needs held_out data, whose bound is to rise; got held_out=None")

    with (
        _in_one_thread(),
        torch.random.fork_rng(),
        delay_interrupt() as interrupts,
        ExitStack() as held,
    ):
        batches = Batches(x, batch_size, seed, check)
        training = _Training(Objective(bound, model, q), batches, held_out, settings)
        training.begin(checkpoint, held)
        for _ in _show_progress(training, bound):
            training.make_step(interrupts)
            stop = training.interrupted
            if training.step % record_every == 0 or training.step == steps:
                training.record()
                training.save(checkpoint)
                stop |= parallel.broadcast(
                    lambda: callback is not None and _says_stop(callback(training.history))
                )
            if stop or training.finished:
                break
        training.end(checkpoint)
    return training.history


class _Training:
    """All that changes while fit runs: what a checkpoint holds, and what comes back from it."""

    def __init__(
        self, objective: Objective, batches: Batches, held_out: Tensor | None, settings: Settings
    ) -> None:
        self.objective = objective
        self.batches = batches
        self.held_out = held_out
        self.settings = settings

        self.parameters = {name: p for name, p in objective.named_parameters() if p.requires_grad}
        if not self.parameters:
            raise ValueError("neither model nor q has a parameter to train")
        self.device = next(iter(self.parameters.values())).device
        self.optimiser = torch.optim.Adam(
            self.parameters.values(),
            lr=settings.lr,
            betas=settings.betas,
            eps=settings.eps,
            fused=True,
        )

        parallel.init_process_group(self.device)
        module: nn.Module = objective
        if settings.compile:
            check_compiler()
            module = CompiledObjective(objective, self.device)
        self.evaluate = parallel.average_gradients(module)

        self.step = 0
        self.history = History()
        self.since_record: list[float] = []  # the bound in each step since the last record
        self.best: dict[str, Any] = {"held_out": -math.inf, "records": 0, "parameters": {}}
        self.call: dict[str, Any] = {}  # what a checkpoint compares
        self.interrupted = False
        self.finished = False
        self.warned = False
        self.numbers = objective.numbers()
        self.started = time.perf_counter()

    def begin(self, checkpoint: Any, held: ExitStack) -> None:
        """Start with the seed, or from the checkpoint if there is one; hold it until the end."""
        # Each process draws samples of its own; the order of the data has a generator beside it.
        torch.manual_seed(self.settings.seed + 1_000_003 * parallel.rank())
        if checkpoint is None:
            return
        self.call = self._describe_call()
        state = parallel.broadcast(lambda: held.enter_context(store.hold(checkpoint)))
        if state is not None:
            self._restore(state, checkpoint)

    def make_step(self, interrupts: list[bool]) -> None:
        """One step: batch, bound, check, backward, clip, step."""
        settings = self.settings
        n_processes = parallel.world_size()

        # Batch: each process takes its part of it.
        x, weight = parallel.shard(next(self.batches))
        x = x.to(self.device)

        # The gradients of the step before; their memory can be used again.
        for parameter in self.parameters.values():
            parameter.grad = None

        # Nothing below looks at the data's values again.
        with data_are_checked(), note_draws_without_path() as kinds:
            # Bound: one value for each datum; the loss is minus their mean over the whole batch.
            # Gradients are averaged over processes and should be summed, hence n_processes.
            values = self._evaluate_bound(x)
            loss = values.sum() * (-weight * n_processes)

            # Check: all processes learn the same mean, and whether one of them was interrupted.
            sums = parallel.all_reduce([-loss.item() / n_processes, float(bool(interrupts))])
            mean = sums[0]
            check_bound(mean, values, x, self.parameters, self.step + 1)

            # Backward: with several processes, torch averages the gradients.
            if loss.requires_grad:
                loss.backward()
            check_gradients(self.parameters, x, mean, self.step + 1)

            # Clip.
            if settings.clip is not None:
                nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)

            # Step.
            self.optimiser.param_groups[0]["lr"] = settings.step_size(self.step)
            self.optimiser.step()

        self.step += 1
        self.since_record.append(mean)
        self.interrupted = sums[1] > 0
        if not self.warned:
            self.warned = True
            _warn_of_idle_encoder(kinds, self.objective.q)

    def _evaluate_bound(self, x: Tensor) -> Tensor:
        try:
            values = self.evaluate(x, self.settings.K, self.settings.done(self.step))
        except Exception as error:
            cut_numbers(error)
            error.add_note(
                f"This was step {self.step + 1} of fit; the parameters are those before it."
            )
            raise
        if not isinstance(values, Tensor) or values.shape != x.shape[:1]:
            raise ValueError(
                f"bound must return one value per datum, shape ({x.shape[0]},); "
                f"got {describe(values)}"
            )
        return values

    def record(self) -> None:
        """Add an entry to the history, and see whether the held-out bound still rises."""
        history = self.history
        history.steps.append(self.step)
        history.train.append(sum(self.since_record) / len(self.since_record))
        self.since_record.clear()
        if self.held_out is not None:
            history.held_out.append(parallel.broadcast(self._evaluate_held_out))
            if self.settings.patience is not None:
                self._keep_best(history.held_out[-1], self.settings.patience)
        history.seconds.append(time.perf_counter() - self.started)

    @torch.no_grad()
    def _evaluate_held_out(self) -> float:
        assert self.held_out is not None
        # A generator of its own and evaluation mode, so that looking does not change the training.
        with torch.random.fork_rng(), in_eval_mode(self.objective), data_are_checked():
            torch.manual_seed(0)
            values = self.objective(self.held_out.to(self.device), self.settings.K, done=1.0)
            mean = float(values.mean())
        if math.isnan(mean):
            warnings.warn(f"the held-out bound is not a number at step {self.step}", stacklevel=4)
        return mean

    def _keep_best(self, held_out: float, patience: int) -> None:
        if held_out > self.best["held_out"]:
            copies = {name: tensor.clone() for name, tensor in self.objective.state_dict().items()}
            self.best = {"held_out": held_out, "records": 0, "parameters": copies}
        else:
            self.best["records"] += 1
        self.finished = self.best["records"] >= patience

    def end(self, checkpoint: Any) -> None:
        """Keep what an interrupt would lose, and put the best parameters back."""
        if self.interrupted:
            self.save(checkpoint)
            warnings.warn(
                f"fit was interrupted after step {self.step} of {self.settings.steps}",
                stacklevel=3,
            )
        if self.best["parameters"]:
            self.objective.load_state_dict(self.best["parameters"])

    def save(self, checkpoint: Any) -> None:
        """Write the checkpoint: process 0, with the generators of all."""
        if checkpoint is None:
            return
        state = {
            "call": self.call,
            "numbers": self.objective.numbers(),
            "objective": self.objective.state_dict(),
            "optimiser": {"state": self.optimiser.state_dict()["state"]},
            "step": self.step,
            "finished": self.finished,
            "since_record": self.since_record,
            "best": self.best,
            "history": asdict(self.history),
            "batches": self.batches.state(),
            "generators": dict(enumerate(parallel.all_gather(store.get_rng_states()))),
        }
        parallel.broadcast(lambda: store.save(checkpoint, state))

    def _restore(self, state: dict[str, Any], checkpoint: Any) -> None:
        """Go on from a checkpoint; all of it is compared before anything is overwritten."""
        self._compare(state, checkpoint)
        self.batches.restore(state["batches"], checkpoint)
        store.set_rng_states(state["generators"][parallel.rank()])
        self.call = state["call"]
        self.objective.restore_numbers(state["numbers"])
        self.objective.load_state_dict(state["objective"])
        self._restore_optimiser(state["optimiser"]["state"])
        self.step = state["step"]
        self.finished = state["finished"]
        self.since_record = state["since_record"]
        self.best = state["best"]
        self.history = History(**state["history"])
        if self.history.seconds:
            self.started -= self.history.seconds[-1]

    def _compare(self, state: dict[str, Any], checkpoint: Any) -> None:
        """Refuse a checkpoint of another run, or one that was forged."""
        objective = self.objective.state_dict()
        compare.compare_tensors(state.get("objective"), objective, checkpoint)
        compare.compare_states(state, compare.KINDS, checkpoint)
        compare.compare_calls(state["call"], self.call, state["objective"], checkpoint)

        step, steps = state["step"], self.settings.steps
        if steps < step or (steps == step and state["since_record"]):
            raise ValueError(
                f"steps={steps}, but checkpoint {checkpoint} is at step {step} already; "
                "give more steps, or name another file"
            )

        compare.compare_states(state["objective"], objective, checkpoint, "objective")
        if state["best"]["parameters"]:
            compare.compare_states(state["best"]["parameters"], objective, checkpoint, "best")
        moments = state["optimiser"]["state"]
        like = {  # a parameter that the bound has not reached yet has no moments
            i: {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
            for i, parameter in enumerate(self.parameters.values())
            if i in moments
        }
        compare.compare_states(moments, like, checkpoint, "optimiser")
        generators = {rank: [Tensor] for rank in range(parallel.world_size())}
        compare.compare_states(state["generators"], generators, checkpoint, "generators")
        compare.try_rng_states(
            state["batches"]["order"],
            [state["batches"]["generators"], state["generators"][parallel.rank()]],
            checkpoint,
        )

    def _restore_optimiser(self, moments: dict[int, dict[str, Tensor]]) -> None:
        parameters = list(self.parameters.values())
        for i, held in moments.items():
            for name in ("exp_avg", "exp_avg_sq"):
                # Fused Adam wants them to lie in memory as the parameter does.
                held[name] = torch.empty_like(parameters[i]).copy_(held[name])
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})

    def _describe_call(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the call that goes on from it."""
        call = dict(vars(self.settings))
        if call["schedule"] == "constant" and not self.objective.takes_done:
            del call["steps"]  # more steps only go on, for nothing depends on how many there are
        elif callable(call["schedule"]):
            call["schedule"] = compare.describe_function(call["schedule"])
        call["bound"] = compare.describe_function(self.objective.bound)
        call["numbers of bound"] = self.numbers
        call["model"] = compare.describe_module(self.objective.model)
        call["q"] = compare.describe_module(self.objective.q)
        call["trains"] = {
            name: "trained" if p.requires_grad else "frozen"
            for name, p in self.objective.named_parameters()
        }
        call["constants"] = compare.describe_constants(self.objective)
        call["x"] = compare.fingerprint(self.batches.x)
        call["held_out"] = compare.fingerprint(self.held_out)
        call["processes"] = parallel.world_size()
        return call


def _show_progress(training: _Training, bound: Any) -> Any:
    """The steps to make, with a bar: in process 0, on a terminal, and not in continuous testing."""
    steps = training.settings.steps
    hidden = bool(os.environ.get("CI")) or parallel.rank() > 0
    return tqdm(
        range(training.step, training.step if training.finished else steps),
        initial=training.step,
        total=steps,
        disable=hidden or None,  # None hides it if there is no terminal
        desc=getattr(bound, "__name__", "fit"),
    )


def _check_callables(bound: Any, callback: Any, checkpoint: Any) -> None:
    if not callable(bound):
        raise TypeError(f"bound must be callable; got {quote(bound)}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable; got {quote(callback)}")
    if not isinstance(checkpoint, str | os.PathLike | None):
        raise TypeError(f"checkpoint must be a path, str or os.PathLike; got {quote(checkpoint)}")
    if checkpoint is not None and not Path(checkpoint).name:
        raise ValueError(f"checkpoint must name a file; got {quote(checkpoint)}")
    if not torch.is_grad_enabled():
        raise RuntimeError("fit needs gradients; it was called under no_grad or inference_mode")


def _check_held_out(held_out: Tensor, x: Any) -> None:
    """Held-out data of the shape and type of those that train."""
    if isinstance(x, Tensor) and held_out.shape[1:] != x.shape[1:]:
        raise ValueError(
            f"held_out must have shape {describe_shape('N', *x.shape[1:])}, as x has; "
            f"got {describe(held_out)}"
        )
    if isinstance(x, Tensor) and held_out.dtype != x.dtype:
        raise TypeError(f"held_out must be {x.dtype}, as x is; got {held_out.dtype}")


def _says_stop(answer: Any) -> bool:
    """Whether a callback returned True: Python's, or one of NumPy or torch."""
    is_truth = isinstance(answer, bool) or str(getattr(answer, "dtype", "")).endswith("bool")
    return is_truth and bool(answer)


def _check_batches(x: Any) -> None:
    if isinstance(x, DataLoader | Dataset) and not callable(x):
        raise TypeError(
            "x must be all data in one tensor, of which fit makes batches, or a callable that "
            f"gives one for each epoch, x=lambda epoch: ...; got {type(x).__name__}"
        )


@contextmanager
def _in_one_thread() -> Iterator[None]:
    """Refuse to begin while another thread trains: both would draw from torch's one generator."""
    if not _RUNNING.acquire(blocking=False):
        raise RuntimeError(
            "fit runs in another thread, and both would draw from one generator; "
            "train one after the other, or in processes"
        )
    try:
        yield
    finally:
        _RUNNING.release()


def _warn_of_idle_encoder(kinds: set[str], q: Any) -> None:
    """Say that q learns nothing from this bound, after the first step's backward pass."""
    parameters = [p for p in q.parameters() if p.requires_grad] if isinstance(q, nn.Module) else []
    if kinds:
        warnings.warn(
            f"q gives {', '.join(sorted(kinds))}, which cannot reparameterise: this bound trains q "
            "on noise. elbo_score takes any q",
            stacklevel=4,
        )
    elif parameters and all(p.grad is None for p in parameters):
        warnings.warn(
            "bound gives the parameters of q no gradient, so q stays as it is; if that is meant, "
            "freeze it by q.requires_grad_(False)",
            stacklevel=4,
        )
