"""What Ctrl-C does during training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["delay_interrupt"]


@contextmanager
def delay_interrupt() -> Iterator[list[bool]]:
    """Note the first Ctrl-C in a list, which is empty until then; the second interrupts at once."""
    interrupts: list[bool] = []

    def note(*_: Any) -> None:
        interrupts.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
        try:
            yield interrupts
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    else:
        yield interrupts  # somebody else decides what an interrupt does
