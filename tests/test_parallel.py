"""Several processes: the same gradients as one, one writer, and nobody left waiting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vaelib.train import parallel
from vaelib.train.objective import Objective

ROOT = Path(__file__).resolve().parents[1]


# Each part, as it is with several processes and as it is with one


@pytest.fixture
def of(monkeypatch):
    """Make this process number r of n, with the collectives answered by what the test says."""

    def become(r, n, **collectives):
        monkeypatch.setattr(parallel.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(parallel.distributed, "get_world_size", lambda: n)
        monkeypatch.setattr(parallel.distributed, "get_rank", lambda: r)
        for name, function in collectives.items():
            monkeypatch.setattr(parallel.distributed, name, function)

    return become


@pytest.mark.parametrize("n, size", [(1, 7), (2, 7), (3, 7), (3, 2), (4, 1)])
def test_the_shards_are_a_partition_and_their_weights_make_the_mean(of, n, size):
    batch = torch.arange(1.0, size + 1)[:, None]
    mean, seen = 0.0, []
    for r in range(n):
        of(r, n)
        part, weight = parallel.shard(batch)
        assert part.shape[0] >= 1
        mean += part.sum().item() * weight
        seen += part.flatten().tolist() if weight else []
    assert seen == batch.flatten().tolist()
    assert abs(mean - batch.mean().item()) < 1e-6


def test_alone_every_collective_is_the_identity():
    assert (parallel.rank(), parallel.world_size()) == (0, 1)
    assert parallel.all_reduce([1.0, 2.0]) == [1.0, 2.0]
    assert parallel.all_gather("mine") == ["mine"]
    assert parallel.broadcast(lambda: 3) == 3
    with pytest.raises(OSError, match="full"):
        parallel.broadcast(raises)
    module = nn.Linear(2, 2)
    assert parallel.average_gradients(module) is module
    objective = Objective(lambda model, q, x, K: x[:, 0] * K, None, None)
    assert objective(torch.ones(2, 1), 3).tolist() == [3.0, 3.0]


def raises():
    raise OSError("the disk is full")


def test_totals_and_states_come_from_all(of):
    of(1, 3, all_reduce=lambda tensor: tensor.mul_(3))
    assert parallel.all_reduce([1.0, 2.0]) == [3.0, 6.0]

    def gather(theirs, mine):
        theirs[:] = ["a", mine, "c"]

    of(1, 3, all_gather_object=gather)
    assert parallel.all_gather("b") == ["a", "b", "c"]


def test_process_0_decides_and_its_error_reaches_the_others(of):
    sent = []
    of(0, 2, broadcast_object_list=lambda answer: sent.append(list(answer)))
    assert parallel.broadcast(lambda: 5) == 5 and sent == [[5, None]]
    with pytest.raises(OSError, match="full"):
        parallel.broadcast(raises)
    error = sent[1][1]

    def receive(answer):
        answer[:] = sent.pop()

    of(1, 2, broadcast_object_list=receive)
    with pytest.raises(OSError, match="full") as caught:
        parallel.broadcast(lambda: pytest.fail("only process 0 calls"))
    assert caught.value is error
    assert parallel.broadcast(lambda: pytest.fail("only process 0 calls")) == 5


@pytest.mark.parametrize("device, backend", [("cpu", "gloo"), ("cuda", "cpu:gloo,cuda:nccl")])
def test_it_joins_once_if_torchrun_says_so(monkeypatch, device, backend):
    joined = []
    monkeypatch.setattr(parallel.distributed, "init_process_group", joined.append)
    monkeypatch.setattr(parallel.atexit, "register", lambda leave: None)
    parallel.init_process_group(torch.device(device))
    monkeypatch.setenv("WORLD_SIZE", "1")
    parallel.init_process_group(torch.device(device))
    assert joined == []
    monkeypatch.setenv("WORLD_SIZE", "2")
    parallel.init_process_group(torch.device(device))
    monkeypatch.setattr(parallel.distributed, "is_initialized", lambda: True)
    parallel.init_process_group(torch.device(device))
    assert joined == [backend]


def test_with_several_processes_gradients_are_averaged_by_torch(of, monkeypatch):
    of(0, 2)
    monkeypatch.setattr(parallel, "DistributedDataParallel", lambda module, **how: (module, how))
    module = nn.Linear(2, 2)
    wrapped, how = parallel.average_gradients(module)
    assert wrapped is module and how == {"find_unused_parameters": True}


# The real thing


SCRIPT = """
import json, os, sys
import torch
from vaelib.elbo import elbo
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import GaussianDecoder, GaussianEncoder
from vaelib.train import fit

torch.set_num_threads(1)
mode, name = sys.argv[1:3]
x = torch.randn(41, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(8)).cumsum(1)
torch.manual_seed(0)
decoder = GaussianDecoder(2, 3, (4,), sigma_dec=0.5).double()
model = LatentVariableModel(StandardNormal(2).double(), decoder)
q = GaussianEncoder(3, 2, (4,)).double()
model.unreached = torch.nn.Parameter(torch.zeros(2).double())

def noiseless(model, q, x, K):
    return model.log_joint(x, q(x).mean)

def callback(history):
    return mode == "stopped" and history.steps[-1] == 12

bound = noiseless if mode in ("noiseless", "compiled") else elbo
more = {"steps": 24, "batch_size": 8, "lr": 1e-2, "seed": 1, "held_out": x[:9], "record_every": 4}
more |= {"clip": 5.0, "callback": callback, "compile": mode == "compiled"}
if mode in ("stopped", "whole"):
    more |= {"checkpoint": f"{name}.pt"}
if mode == "noisy":
    more |= {"steps": 400, "seed": int(sys.argv[3]), "record_every": 400, "K": 5}
history = fit(bound, model, q, x, **more)
parameters = torch.cat([p.detach().flatten() for m in (model, q) for p in m.parameters()])
ended = {"parameters": parameters.tolist(), "train": history.train, "held_out": history.held_out}
with open(f"{name}.{os.environ.get('RANK', '0')}.json", "w") as file:
    json.dump(ended, file)
"""


def launch(folder, processes, script, *arguments, **environment):
    """Run a script, in one process or in several."""
    torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    command = [sys.executable, *(torchrun * (processes > 1)), script, *arguments]
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        timeout=240,
    )


def run(folder, processes, *arguments):
    """Run the script above; what each process was left with, or what it said of a mistake."""
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    ended = launch(folder, processes, script, *arguments)
    if ended.returncode:
        return ended.stderr
    left = [folder / f"{arguments[1]}.{rank}.json" for rank in range(processes)]
    return [json.loads(path.read_text("utf-8")) for path in left]


@pytest.mark.slow
@pytest.mark.parametrize("processes, mode", [(2, "noiseless"), (3, "noiseless"), (2, "compiled")])
def test_without_noise_several_processes_find_what_one_finds(tmp_path, processes, mode):
    # 41 data in batches of 8: the last batch has a single one
    (one,) = run(tmp_path, 1, "noiseless", "one")
    for many in run(tmp_path, processes, mode, "many"):
        np.testing.assert_allclose(many["parameters"], one["parameters"], atol=1e-10, rtol=0)
        np.testing.assert_allclose(many["train"], one["train"], rtol=1e-9)
        np.testing.assert_allclose(many["held_out"], one["held_out"], rtol=1e-9)


@pytest.mark.slow
def test_with_noise_the_learning_curves_agree_within_their_spread(tmp_path):
    alone = [run(tmp_path, 1, "noisy", f"one{seed}", seed)[0]["held_out"][-1] for seed in range(5)]
    first, second = run(tmp_path, 2, "noisy", "two", 0)
    assert first == second
    error = np.std(alone, ddof=1) * np.sqrt(1 + 1 / 5)
    assert abs(first["held_out"][-1] - np.mean(alone)) < 4.5 * error


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_a_run_of_several_processes_resumes_to_the_same_bits(tmp_path, processes):
    run(tmp_path, processes, "stopped", "cut")
    left = sorted(p.name for p in tmp_path.glob("cut.pt*"))
    assert left == ["cut.pt", "cut.pt.lock", "cut.pt.previous"]
    resumed = run(tmp_path, processes, "whole", "cut")
    assert resumed == run(tmp_path, processes, "whole", "whole")
    assert all(r == resumed[0] for r in resumed)


@pytest.mark.slow
def test_errors_of_process_0_end_all_processes_and_another_number_of_them_is_refused(tmp_path):
    run(tmp_path, 2, "stopped", "cut")
    assert "processes was 2 there and is 1 here" in run(tmp_path, 1, "whole", "cut")
    (tmp_path / "cut.pt").write_bytes(b"rubbish")
    said = run(tmp_path, 2, "whole", "cut")
    assert said.count("ValueError: checkpoint cut.pt is cut short, damaged or not of vaelib") >= 2


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_the_example_script_trains(tmp_path, processes):
    script = ROOT / "book" / "_static" / "train_everywhere.py"
    ended = launch(tmp_path, processes, script, STEPS="200")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("held-out bound after 200 steps: -")
    assert ended.stdout.count("\n") == 2
    names = [f"digits.safetensors{end}" for end in ("", ".lock", ".previous")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
