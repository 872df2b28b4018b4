"""What needs a fresh process for each number: memory, growth, the cost of an import. Started by bench.py.

Each function is called with keyword arguments from the command line, as JSON, and prints its answer as JSON.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

MB = 1e6


def machine() -> dict[str, Any]:
    """What the numbers belong to: processor, cores, versions, and whether there is a GPU."""
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
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu() -> str:
    """The processor's name; a virtual machine's may be blank but for its maker."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor()
    lines = [line.split(":", 1) for line in path.read_text("utf8").splitlines() if ":" in line]
    facts = {key.strip(): value.strip() for key, value in reversed(lines)}
    name = facts.get("model name", platform.machine())
    return (
        f"{name} (family {facts['cpu family']}, model {facts['model']})"
        if "cpu family" in facts
        else name
    )


def warm_up(steps: int) -> None:
    """Train the weights that every contender starts from, so long that importance weights are as spread as in use."""
    import numpy as np
    import torch
    import work
    from contenders import _torch

    from vaelib.iwae import iwae
    from vaelib.latent import LatentVariableModel, StandardNormal
    from vaelib.proxies import BernoulliDecoder, GaussianEncoder
    from vaelib.train import fit

    torch.manual_seed(0)
    x, _ = _torch.images()
    q = GaussianEncoder(work.X, work.Z, hidden=(work.HIDDEN, work.HIDDEN))
    model = LatentVariableModel(
        StandardNormal(work.Z), BernoulliDecoder(work.Z, work.X, hidden=(work.HIDDEN,) * 2)
    )
    fit(iwae, model, q, x, K=50, steps=steps, batch_size=20, lr=work.LR)
    trained = [*q.parameters(), *model.parameters()]
    assert [p.shape[0] for p in trained[::2]] == [n_out for n_out, _ in work.ENCODER + work.DECODER]
    work.save_weights([np.asarray(p.detach()) for p in trained])


def growth(K: int, batch_size: int, chunk: int | None, seconds: float) -> dict[str, float]:
    """Seconds per step of fit, and the most memory that it takes beyond the model and the data."""
    from contenders.vaelib_fit import prepare_bound

    from vaelib.iwae import iwae

    prepare_bound(iwae, 1, 1)(1)  # what torch loads on first use is not the step's
    run = prepare_bound(iwae if chunk is None else partial(iwae, chunk=chunk), batch_size, K)
    before = _memory(reset_peak=True)
    start = time.perf_counter()
    run(2)
    steps = max(2, min(2000, round(seconds / (time.perf_counter() - start) * 2)))
    start = time.perf_counter()
    run(steps)
    return {"seconds": (time.perf_counter() - start) / steps, "megabytes": _peak() - before}


def log_likelihood_memory(K: int) -> dict[str, float]:
    """The most memory that log_likelihood takes beyond the model and the data."""
    from contenders.vaelib_fit import prepare_log_likelihood

    prepare_log_likelihood(1)()  # what torch loads on first use is not the estimate's
    run = prepare_log_likelihood(K)
    before = _memory(reset_peak=True)
    run()
    return {"megabytes": _peak() - before}


def import_seconds() -> dict[str, float]:
    """What importing all that a training run needs from vaelib costs, torch being there."""
    import torch  # noqa: F401

    start = time.perf_counter()
    import vaelib.evaluate
    import vaelib.proxies
    import vaelib.train  # noqa: F401

    return {"seconds": time.perf_counter() - start}


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
    line = next(
        line for line in status.read_text("ascii").splitlines() if line.startswith(f"{name}:")
    )
    return int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
