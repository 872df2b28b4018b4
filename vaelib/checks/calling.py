"""Call a learner's function so that whatever it does, the check goes on and nothing is left behind.

Crashes, endless loops, printing, changed random states: each becomes a sentence or is undone.
"""

from __future__ import annotations

import copy
import io
import linecache
import random
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch

__all__ = ["Refusal", "attempt", "untouched"]

SECONDS = 1.0
# Of the random numbers that a function draws: the same for ours and theirs, and none that an answer sets itself.
SEED = 271828
LIBRARY = str(Path(__file__).parents[1])


class Refusal(Exception):
    """A sentence for the learner: why the answer cannot be judged by its numbers; maybe with a mistake's name."""

    def __init__(self, sentence: str, mistake: str = "", final: bool = True) -> None:
        super().__init__(sentence)
        self.mistake, self.final = mistake, final


class _TooLong(BaseException):
    """No Exception: a loop that catches these must not catch it."""


@contextmanager
def untouched() -> Iterator[io.StringIO]:
    """Whatever happens within leaves no print, no warning, no random state and no setting of torch changed.

    Yields:
        what was printed.
    """
    python, numpy = random.getstate(), sys.modules.get("numpy")
    numbers = numpy.random.get_state() if numpy else None
    dtype, grad, threads = (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
    )
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    try:
        with (
            torch.random.fork_rng(devices),
            warnings.catch_warnings(),
            redirect_stdout(printed := io.StringIO()),
            redirect_stderr(printed),
        ):
            warnings.simplefilter("ignore")
            torch.set_grad_enabled(True)
            # What a learner makes inside, a torch.zeros or a torch.randn, then fits the inputs, which are double.
            torch.set_default_dtype(torch.float64)
            yield printed
    finally:
        random.setstate(python)
        if numpy:
            numpy.random.set_state(numbers)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupts Python code that has computed for so long, or that sleeps ten times as long.

    It needs signals, and to be in the main thread. An import on the way, such as torch's first use of a module, is not
    interrupted: half of it would stay behind.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    clocks = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds),
    }

    def stop(number: int, frame: Any) -> None:
        if any(
            "<frozen importlib" in inner.f_code.co_filename
            for inner, _ in traceback.walk_stack(frame)
        ):
            signal.setitimer(*clocks[signal.Signals(number)])
        else:
            raise _TooLong

    before = {number: signal.signal(number, stop) for number in clocks}
    for clock, limit in clocks.values():
        signal.setitimer(clock, limit)
    try:
        yield
    finally:
        for number, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, before[number])


def attempt(
    fn: Callable[..., Any], observe: Callable[..., Any], args: tuple[Any, ...], said: str
) -> Any:
    """What ``observe`` sees of a learner's function on a copy of the arguments.

    Args:
        fn: the learner's function.
        observe: called with the function and the arguments; calls the function.
        args: the arguments; the function gets copies.
        said: the case in words, for the sentence if something goes wrong.

    Raises:
        Refusal: the function is not written yet, crashes, does not end, or leaves; with a sentence that says so.
    """
    name = getattr(fn, "__name__", "your function")
    given = copy.deepcopy(args)
    torch.manual_seed(SEED)
    try:
        with _time_limit(SECONDS):
            seen = observe(fn, *given)
    except (Refusal, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        if not str(error):
            raise Refusal(
                f"{name} is not written yet: put your lines where it raises NotImplementedError."
            ) from None
        raise Refusal(_crash(name, error, said), final=False) from None
    except _TooLong:
        raise Refusal(
            f"{name} had not ended after {SECONDS:g} s for {said}: does a loop never stop?"
        ) from None
    except SystemExit:
        raise Refusal(
            f"{name} left Python (SystemExit) for {said}; a function returns its answer."
        ) from None
    except BaseException as error:
        raise Refusal(_crash(name, error, said), final=False) from None
    if _changed(args, given):
        raise Refusal(
            f"{name} answers for {said}, but changes what it was given.", "changed-in-place"
        )
    if _seeded_its_draws():
        sets = "sets torch's seed, for its own draws and for all after them"
        raise Refusal(f"{name} answers for {said}, but {sets}. Seed once, outside.", "seed-inside")
    return seen


def _seeded_its_draws() -> bool:
    """Whether torch has a seed of the function's own, and something was drawn from it."""
    fresh = torch.Generator().manual_seed(torch.initial_seed())
    return torch.initial_seed() != SEED and not torch.equal(
        torch.get_rng_state(), fresh.get_state()
    )


def _crash(name: str, error: BaseException, said: str) -> str:
    """The error, the learner's own line in which it arose, and the case."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((sys.prefix, LIBRARY))]
    line = ""
    if theirs:
        text = (
            theirs[-1].line
            or linecache.getline(theirs[-1].filename, theirs[-1].lineno or 0).strip()
        )
        line = f" in its line `{text}`" if text else ""
    words = str(error).strip().splitlines()
    what = f"{type(error).__name__}{f': {words[0]}' if words else ''}"
    return f"{name} raised {what}{line}, for {said}."


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.state_dict().values()
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _changed(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    were, are = list(_tensors(before)), list(_tensors(after))
    alike = (
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())
        for a, b in zip(were, are, strict=False)
    )
    return len(were) != len(are) or not all(alike)
