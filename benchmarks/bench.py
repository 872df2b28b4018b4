"""Measure vaelib beside its peers, and write RESULTS.md. README.md says what is measured, and how.

Each contender is a process of its own that stays alive. In every round all of them are asked in
turn, so that a slow minute of the machine slows all of them. It runs in .venv-peers: `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import report

HERE = Path(__file__).resolve().parent
STARTS = ["untrained", "trained"]
TRAINERS = [
    "vaelib_fit",
    "vaelib_compiled",
    "ten_lines",
    "ten_lines_compiled",
    "textbook",
    "textbook_flushed",
    "jax_scan",
    "jax_step",
    "numpyro_svi",
    "pythae_trainer",
    "pythae_loop",
    "pyro_svi",
]
VARIANTS = ["vaelib_dreg", "vaelib_chunked"]  # at B = 100, K = 50 only
EVALUATORS = ["vaelib_fit", "jax_step", "textbook", "pythae_loop"]
LENGTH = 10  # steps come in tens: the contenders that scan take ten at once
FULL = {
    "threads": 2,
    "trained_steps": 2000,
    "batch_sizes": (100, 20),
    "Ks": (1, 5, 50),
    "rounds": 3,
    "seconds": 0.5,
    "evaluation": {"rounds": 3, "K": 5000},
    "memory": (500, 50_000),
}
QUICK = {
    "threads": 1,  # two that wait for one another on a busy machine are no smoke test
    "trained_steps": 20,
    "batch_sizes": (100,),
    "Ks": (1, 50),
    "rounds": 1,
    "seconds": 0.0,
    "evaluation": {"rounds": 1, "K": 100},
    "memory": (500, 1000),
}


def use(threads: int) -> None:
    """Give this many threads to every process started from here, whatever the environment says."""
    os.environ.update({f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")})
    if hasattr(os, "sched_setaffinity"):  # XLA counts the processors that it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def environment(folder: str) -> dict[str, str]:
    others = {
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        "JAX_PLATFORMS": "cpu",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",  # nothing was compiled before
        "BENCH_FOLDER": folder,
    }
    return {**os.environ, **others}


class Contender:
    """A worker process and the pipe to it."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.errors = open(Path(folder) / f"{name}.log", "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(HERE / "worker.py"), name],
            env=environment(folder),
            cwd=folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            said = self.errors.read().decode()[-3000:]
            raise SystemExit(f"bench: {self.name} ended at {do} {arguments}:\n{said}")
        return json.loads(answer)

    def train(self, start: str, steps: int) -> float:
        """The seconds of so many steps from these weights."""
        answer = self.ask("run", start=start, steps=steps)
        return answer["seconds"] if answer["value"] is None else answer["value"]

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.errors.close()


def in_turn(
    contenders: list[Contender], rounds: int, ask: Callable[[Contender], float]
) -> dict[str, list[float]]:
    """Ask everyone in every round, each round in another order; the answers by name."""
    answers: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        first = turn * 3 % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            answers[contender.name].append(ask(contender))
    return answers


def steps_that_fill(contender: Contender, seconds: float) -> int:
    """How many steps this contender makes in about so many seconds, in whole scans."""
    if not seconds:
        return LENGTH
    taken = contender.train("untrained", 5 * LENGTH)
    return LENGTH * max(1, round(5 * seconds / taken))


def training(folder: str, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The seconds of one step in every round, for every B, K and start."""
    found = []
    with ExitStack() as stack:
        everyone = [stack.enter_context(Contender(n, folder)) for n in TRAINERS + VARIANTS]
        for B in plan["batch_sizes"]:
            for K in plan["Ks"]:
                contenders = everyone if (B, K) == (100, 50) else everyone[: len(TRAINERS)]
                found += train_everyone(contenders, B, K, plan)
    return found


def train_everyone(
    contenders: list[Contender], B: int, K: int, plan: dict[str, Any]
) -> list[dict[str, Any]]:
    """Train everyone with B data and K samples from both starts, for the same number of steps."""
    first_run = {}
    for contender in contenders:
        contender.ask("prepare", batch_size=B, K=K)
        # This compiles, and fills caches.
        first_run[contender.name] = contender.ask("run", start="untrained", steps=LENGTH)["seconds"]
    steps = steps_that_fill(contenders[0], plan["seconds"])
    found = []
    for start in STARTS:

        def seconds_of_a_step(contender: Contender, start: str = start) -> float:
            return contender.train(start, steps) / steps

        seconds = in_turn(contenders, plan["rounds"], seconds_of_a_step)
        found.append({"B": B, "K": K, "start": start, "seconds": seconds, "first_run": first_run})
        medians = {name: f"{1000 * statistics.median(v):.2f}" for name, v in seconds.items()}
        print(f"  B = {B}, K = {K}, {start}, {steps} steps, ms: {medians}", flush=True)
    return found


def evaluation(folder: str, rounds: int, K: int) -> dict[str, Any]:
    """Seconds for log p(x) of 100 images with K samples, and the value that everyone finds."""
    with ExitStack() as stack:
        contenders = [stack.enter_context(Contender(name, folder)) for name in EVALUATORS]
        values = {}
        for contender in contenders:
            contender.ask("prepare_log_likelihood", K=K)
            values[contender.name] = contender.ask("run")["value"]  # JAX compiles here
        seconds = in_turn(contenders, rounds, lambda contender: contender.ask("run")["seconds"])
    return {"K": K, "seconds": seconds, "values": values}


def measure(folder: str, what: str, **arguments: Any) -> Any:
    """One number, from a process of its own."""
    command = [sys.executable, str(HERE / "measure.py"), what, json.dumps(arguments)]
    answer = subprocess.run(
        command, env=environment(folder), text=True, stdout=subprocess.PIPE, check=True
    )
    return json.loads(answer.stdout)


def measure_all(folder: str, plan: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()

    def say(what: str) -> None:
        print(f"bench: {time.perf_counter() - start:4.0f} s: {what}", flush=True)

    results: dict[str, Any] = {"machine": measure(folder, "machine"), "rounds": plan["rounds"]}
    say("the digits, and the weights that all start from")
    results["work"] = measure(folder, "make_work", steps=plan["trained_steps"])
    say(f"training on {results['work']['source']}, everyone in turn")
    results["training"] = training(folder, plan)
    say("log_likelihood, everyone in turn")
    results["evaluation"] = evaluation(folder, **plan["evaluation"])
    say("memory")
    results["memory"] = {
        K: measure(folder, "log_likelihood_memory", K=K)["megabytes"] for K in plan["memory"]
    }
    results["minutes"] = (time.perf_counter() - start) / 60
    say("done")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run, written into _build/bench/"
    )
    quick = parser.parse_args().quick
    plan = QUICK if quick else FULL
    use(plan["threads"])
    with tempfile.TemporaryDirectory(prefix="bench.") as folder:
        results = measure_all(folder, plan)
    target = HERE.parent / "_build" / "bench" if quick else HERE
    target.mkdir(parents=True, exist_ok=True)
    (target / "RESULTS.md").write_text("\n".join(report.lines(results)) + "\n", "utf8")
    print(f"bench: written: {target.relative_to(HERE.parent)}/RESULTS.md")


if __name__ == "__main__":
    main()
