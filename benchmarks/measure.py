"""What needs a fresh process for each number: the shared work, and memory. bench.py starts it.

The arguments of a function come from the command line, as JSON, and its answer is printed so too.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

MB = 1e6
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # on Linux


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


def log_likelihood_memory(K: int) -> dict[str, float]:
    """The peak memory of log_likelihood beyond the model and the data."""
    from contenders.vaelib_fit import prepare_log_likelihood

    prepare_log_likelihood(1)()  # what torch loads on first use is not the estimate's
    run = prepare_log_likelihood(K)
    if RESET.exists():
        RESET.write_text("5", "ascii")  # from here on the peak counts anew
    before = _peak()
    run()
    return {"megabytes": _peak() - before}


def _peak() -> float:
    """The peak of the resident memory, in MB."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB  # bytes, on macOS
    lines = STATUS.read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / MB


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
