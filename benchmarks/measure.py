"""What needs a fresh process for each number: the shared work, memory, growth. bench.py starts it.

Each function gets keyword arguments from the command line, as JSON, and its answer is printed as
JSON.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Any

MB = 1e6


def machine() -> dict[str, Any]:
    """What the numbers belong to: processor, cores, versions."""
    from importlib.metadata import version

    import torch

    names = ["torch", "jax", "pythae", "pyro-ppl", "numpyro", "numpy"]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
        "threads": torch.get_num_threads(),
    }


def _cpu() -> str:
    """The processor's name; a virtual machine may say only who made it."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor()
    lines = [line.split(":", 1) for line in path.read_text("utf8").splitlines() if ":" in line]
    facts = {key.strip(): value.strip() for key, value in reversed(lines)}
    name = facts.get("model name", platform.machine())
    if "cpu family" not in facts:
        return name
    return f"{name} (family {facts['cpu family']}, model {facts['model']})"


def make_work(steps: int) -> dict[str, Any]:
    """Make the digits and the weights of both starts, and say what the importance weights are."""
    import work

    source = work.save_images()

    from contenders import _torch
    from contenders.vaelib_fit import model_and_q

    from vaelib.iwae import iwae
    from vaelib.train import fit

    x, test = _torch.images()
    model, q = model_and_q()
    ess = {}
    for start in ("untrained", "trained"):
        if start == "trained":
            fit(iwae, model, q, x, K=5, steps=steps, batch_size=100, lr=work.LR, seed=0)
        parameters = [*q.parameters(), *model.parameters()]
        work.save_weights(start, [p.detach().numpy() for p in parameters])
        ess[start] = _effective_sample_size(model, q, test)
    return {"source": source, "steps": steps, "ess": ess}


def _effective_sample_size(model: Any, q: Any, x: Any) -> float:
    """Of 50 samples, the mean over the data."""
    import torch

    from vaelib.elbo import log_weights
    from vaelib.iwae import effective_sample_size

    with torch.no_grad():
        return effective_sample_size(log_weights(model, q, x, K=50)).mean().item()


def growth(K: int, batch_size: int, chunk: int | None, seconds: float) -> dict[str, float]:
    """Seconds for one step of fit, and its peak memory beyond the model and the data."""
    from contenders.vaelib_fit import prepare_bound

    from vaelib.iwae import iwae

    prepare_bound(iwae, 1, 1)("trained", 1)  # what torch loads on first use is not the step's
    run = prepare_bound(partial(iwae, chunk=chunk), batch_size, K)
    before = _memory(reset_peak=True)
    steps = max(2, min(1000, round(2 * seconds / run("trained", 2))))
    return {"seconds": run("trained", steps) / steps, "megabytes": _peak() - before}


def log_likelihood_memory(K: int) -> dict[str, float]:
    """The peak memory of log_likelihood beyond the model and the data."""
    from contenders.vaelib_fit import prepare_log_likelihood

    prepare_log_likelihood(1)()  # what torch loads on first use is not the estimate's
    run = prepare_log_likelihood(K)
    before = _memory(reset_peak=True)
    run()
    return {"megabytes": _peak() - before}


def _memory(reset_peak: bool = False) -> float:
    """The resident memory now, in MB; on Linux the peak can be made to start from here."""
    status = Path("/proc/self/status")
    if not status.exists():
        return _peak()
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _kilobytes(status, "VmRSS") * 1024 / MB


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return _kilobytes(status, "VmHWM") * 1024 / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB  # bytes, on macOS


def _kilobytes(status: Path, name: str) -> int:
    lines = status.read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
