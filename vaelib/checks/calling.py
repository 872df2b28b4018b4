"""Call a learner's function safely: the check goes on, and nothing is left behind.

Crashes, endless loops, printing, changed random states: each becomes a sentence or is undone.
"""

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
# Every function draws with this seed, ours and theirs. No answer is likely to set it itself.
SEED = 271828
SEED_INSIDE = "sets torch's seed, for its own draws and for all after them. Seed once, outside."
NOT_WRITTEN = "is not written yet: put your lines where it raises NotImplementedError."
LIBRARY = str(Path(__file__).parents[1])


class Refusal(Exception):
    """Why an answer cannot be judged by its numbers, as a sentence for the learner.

    Args:
        sentence: the reason.
        mistake: the key of the mistake, if it is a known one.
        final: whether the check ends here; a crash on one case does not end it.
    """

    def __init__(self, sentence: str, mistake: str = "", final: bool = True) -> None:
        super().__init__(sentence)
        self.mistake, self.final = mistake, final


class _TooLong(BaseException):
    """Time is up. It is no Exception, so a learner's ``except Exception`` does not catch it."""


@contextmanager
def untouched() -> Iterator[io.StringIO]:
    """Undo what happens within: prints, warnings, random states and settings of torch.

    Yields:
        what was printed.
    """
    python_state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    threads = torch.get_num_threads()
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
            # The inputs are double, so a learner's torch.zeros or torch.randn must be, too.
            torch.set_default_dtype(torch.float64)
            yield printed
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt Python code that has computed for so long, or that has slept ten times as long.

    This needs signals and the main thread; elsewhere there is no limit. An import on the way is not
    interrupted, such as torch's first use of a module: half of it would stay behind.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not (hasattr(signal, "setitimer") and is_main):
        yield
        return
    clocks = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds),
    }

    def stop(number: int, frame: Any) -> None:
        files = (inner.f_code.co_filename for inner, _ in traceback.walk_stack(frame))
        if not any("<frozen importlib" in file for file in files):
            raise _TooLong
        signal.setitimer(*clocks[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in clocks}
    for clock, limit in clocks.values():
        signal.setitimer(clock, limit)
    try:
        yield
    finally:
        for number, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, before[number])


def _isolate(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function; what it sets in torch is undone after each call, so no other call meets it."""

    def call(*args: Any, **more: Any) -> Any:
        dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
        try:
            return fn(*args, **more)
        finally:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad)

    return call


def attempt(
    fn: Callable[..., Any], observe: Callable[..., Any], args: tuple[Any, ...], said: str
) -> Any:
    """Look at a learner's function on a copy of the arguments.

    Args:
        fn: the learner's function.
        observe: called with the function and the arguments; calls the function.
        args: the arguments; the function gets copies.
        said: the case in words, for the sentence if something goes wrong.

    Returns:
        what ``observe`` returns.

    Raises:
        Refusal: the function is not written yet, crashes, does not end, leaves Python, changes its
            arguments, or sets a seed.
    """
    name, given = getattr(fn, "__name__", "your function"), copy.deepcopy(args)
    # Not torch.manual_seed: it also queues a seed for every kind of GPU, with the whole stack.
    torch.default_generator.manual_seed(SEED)
    try:
        with _time_limit(SECONDS):
            seen = observe(_isolate(fn), *given)
    except (Refusal, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        if str(error):
            raise Refusal(_crash(name, error, said), final=False) from None
        raise Refusal(f"{name} {NOT_WRITTEN}") from None
    except _TooLong:
        late = f"{name} had not ended after {SECONDS:g} s for {said}"
        raise Refusal(f"{late}: does a loop never stop?") from None
    except SystemExit:
        left = f"{name} left Python (SystemExit) for {said}"
        raise Refusal(f"{left}; a function returns its answer.") from None
    except BaseException as error:
        raise Refusal(_crash(name, error, said), final=False) from None
    answers = f"{name} answers for {said}"
    if _changed(args, given):
        raise Refusal(f"{answers}, but changes what it was given.", "changed-in-place")
    if _seeded_its_draws():
        raise Refusal(f"{answers}, but {SEED_INSIDE}", "seed-inside")
    return seen


def _seeded_its_draws() -> bool:
    """Whether the function set torch's seed, and something was drawn after that."""
    fresh = torch.Generator().manual_seed(torch.initial_seed())
    was_drawn = not torch.equal(torch.get_rng_state(), fresh.get_state())
    return torch.initial_seed() != SEED and was_drawn


def _crash(name: str, error: BaseException, said: str) -> str:
    """The error, the learner's own line in which it arose, and the case."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((sys.prefix, LIBRARY))]
    line = ""
    if theirs:
        last = theirs[-1]
        text = last.line or linecache.getline(last.filename, last.lineno or 0).strip()
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
    if len(were) != len(are):
        return True
    pairs = zip(were, are, strict=True)
    return any(
        a.shape != b.shape or not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs
    )
