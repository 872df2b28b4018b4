"""Measure vaelib beside its peers, and write RESULTS.md and growth.svg. README.md says what is measured, and how.

Each contender is a process of its own that stays alive; in every round each of them is asked in turn, so that a slow
minute of the machine is everybody's. Runs in .venv-peers: `make bench`.
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
BATCH_SIZES, KS = (100, 20), (1, 5, 50)
TRAINERS = [
    "floor",
    "vaelib_fit",
    "jax_scan",
    "jax_step",
    "numpyro_svi",
    "pythae_trainer",
    "pythae_loop",
    "textbook_flushed",
    "textbook",
    "pyro_svi",
]
VARIANTS = ["vaelib_dreg", "vaelib_chunked"]  # at B = 100, K = 50 only
ON_A_GPU = ["vaelib_cuda", "floor_cuda"]
EVALUATORS = ["vaelib_fit", "jax_step", "textbook", "textbook_flushed", "pythae_loop"]
LENGTH = 10  # steps come in tens: the contenders that scan take ten at once
FULL = {
    "threads": 2,
    "warm_up": 1000,
    "rounds": 5,
    "seconds": 0.7,
    "evaluation": {"rounds": 3, "K": 5000},
    "memory": (500, 50_000),
    "imports": 5,
    "Ks": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
    "chunked_Ks": (50, 100, 200, 500, 1000, 2000, 5000),
    "Bs": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    "growth_seconds": 0.5,
}
QUICK = {
    "threads": 1,  # two that wait for one another on a busy machine are no smoke test
    "warm_up": 20,
    "rounds": 1,
    "seconds": 0.0,
    "evaluation": {"rounds": 1, "K": 100},
    "memory": (500, 1000),
    "imports": 1,
    "Ks": (1, 50),
    "chunked_Ks": (50, 100),
    "Bs": (1, 10),
    "growth_seconds": 0.0,
}


def use(threads: int) -> None:
    """So many threads for everyone who is started from here, whatever the caller's environment says."""
    os.environ.update({f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")})
    if hasattr(os, "sched_setaffinity"):  # XLA counts the processors that it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def environment(folder: str) -> dict[str, str]:
    others = {
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        "JAX_PLATFORMS": "cpu",
        "BENCH_FOLDER": folder,
    }
    return {**os.environ, **others}


class Contender:
    """A worker process and the pipe to it."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.errors = open(Path(folder) / f"{name}.log", "w+b")  # noqa: SIM115
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        command = [sys.executable, "-u", str(HERE / "worker.py"), name]
        self.process = subprocess.Popen(
            command, env=environment(folder), cwd=folder, text=True, **pipes
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise SystemExit(
                f"bench: {self.name} ended at {do} {arguments}:\n{self.errors.read().decode()[-3000:]}"
            )
        return json.loads(answer)

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


def images_per_second(
    contenders: list[Contender], B: int, K: int, plan: dict[str, Any]
) -> dict[str, list[float]]:
    """Train everyone with B data and K samples; as many steps in a round as fill about plan["seconds"]."""
    steps = {contender.name: LENGTH for contender in contenders}
    for contender in contenders:
        contender.ask("prepare", batch_size=B, K=K)
        contender.ask("run", steps=LENGTH)  # compiles, fills caches
        if plan["seconds"]:
            seconds = contender.ask("run", steps=LENGTH)["seconds"]
            steps[contender.name] *= max(1, round(plan["seconds"] / seconds))

    def ask(contender: Contender) -> float:
        n = steps[contender.name]
        return n * B / contender.ask("run", steps=n)["seconds"]

    return in_turn(contenders, plan["rounds"], ask)


def training(
    folder: str, plan: dict[str, Any], names: list[str], variants: list[str]
) -> list[dict[str, Any]]:
    """Images per second in every round, for every B and K."""
    found = []
    with ExitStack() as stack:
        contenders = {
            name: stack.enter_context(Contender(name, folder)) for name in names + variants
        }
        for B in BATCH_SIZES:
            for K in KS:
                there = names + (variants if (B, K) == (100, 50) else [])
                rounds = images_per_second([contenders[name] for name in there], B, K, plan)
                found.append({"B": B, "K": K, "images": rounds})
                medians = {
                    name: round(statistics.median(values)) for name, values in rounds.items()
                }
                print(f"  B = {B}, K = {K}: {medians}", flush=True)
    return found


def evaluation(folder: str, rounds: int, K: int) -> dict[str, Any]:
    """Seconds for log p(x) of 100 images with K samples, and what everyone says it is."""
    with ExitStack() as stack:
        contenders = [stack.enter_context(Contender(name, folder)) for name in EVALUATORS]
        values = {}
        for contender in contenders:
            contender.ask("prepare_log_likelihood", K=LENGTH * 10)
            contender.ask("run")
            contender.ask("prepare_log_likelihood", K=K)
            values[contender.name] = contender.ask("run")["value"]  # JAX compiles for each K
        seconds = in_turn(contenders, rounds, lambda contender: contender.ask("run")["seconds"])
    return {"K": K, "seconds": seconds, "values": values}


def measure(folder: str, what: str, **arguments: Any) -> Any:
    """One number, from a process of its own."""
    command = [sys.executable, str(HERE / "measure.py"), what, json.dumps(arguments)]
    answer = subprocess.run(
        command, env=environment(folder), cwd=folder, text=True, stdout=subprocess.PIPE, check=True
    )
    return json.loads(answer.stdout)


def growth(folder: str, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Seconds and memory per step of fit against K (all at once, and 50 at a time) and against B."""
    points = [
        *({"curve": "K", "K": K, "batch_size": 20, "chunk": None} for K in plan["Ks"]),
        *(
            {"curve": "K in chunks", "K": K, "batch_size": 20, "chunk": 50}
            for K in plan["chunked_Ks"]
        ),
        *({"curve": "B", "K": 5, "batch_size": B, "chunk": None} for B in plan["Bs"]),
    ]
    for point in points:
        arguments = {name: value for name, value in point.items() if name != "curve"}
        point.update(measure(folder, "growth", seconds=plan["growth_seconds"], **arguments))
    return points


def measure_all(folder: str, plan: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()

    def say(what: str) -> None:
        print(f"bench: {time.perf_counter() - start:4.0f} s: {what}", flush=True)

    results: dict[str, Any] = {"machine": measure(folder, "machine"), "rounds": plan["rounds"]}
    say("training the common weights")
    measure(folder, "warm_up", steps=plan["warm_up"])
    say("training, everyone in turn")
    results["training"] = training(folder, plan, TRAINERS, VARIANTS)
    if results["machine"]["gpu"]:
        say("training on the GPU")
        results["gpu"] = training(folder, plan, ON_A_GPU, [])
    say("log_likelihood, everyone in turn")
    results["evaluation"] = evaluation(folder, **plan["evaluation"])
    say("memory, imports, growth")
    results["memory"] = {
        K: measure(folder, "log_likelihood_memory", K=K)["megabytes"] for K in plan["memory"]
    }
    results["imports"] = [
        measure(folder, "import_seconds")["seconds"] for _ in range(plan["imports"])
    ]
    results["growth"] = growth(folder, plan)
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
    report.write(results, target)
    print(f"bench: written to {target.relative_to(HERE.parent)}: RESULTS.md, growth.svg")


if __name__ == "__main__":
    main()
