"""A contender in a process of its own: it reads a command, does it, and answers with one line.

bench.py starts it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any


def serve(name: str) -> None:
    # What a contender prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contender = importlib.import_module(f"contenders.{name}")
    run: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        action = command.pop("do")
        value = None
        start = time.perf_counter()
        if action == "run":
            value = run(**command)
        else:
            run = getattr(contender, action)(**command)
        answers.write(json.dumps({"seconds": time.perf_counter() - start, "value": value}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
