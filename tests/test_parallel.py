"""Several processes: the same gradients as one, one writer, and nobody left waiting."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vaelib import parallel

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
    assert parallel.total([1.0, 2.0]) == [1.0, 2.0]
    assert parallel.everyone("mine") == ["mine"]
    assert parallel.agree(lambda: 3) == 3
    with pytest.raises(OSError, match="full"):
        parallel.agree(raises)
    objective = parallel.Objective(lambda model, q, x, K: x[:, 0] * K, None, None)
    assert objective.averaging() is objective
    assert objective(torch.ones(2, 1), 3).tolist() == [3.0, 3.0]


def raises():
    raise OSError("the disk is full")


def test_totals_and_states_come_from_all(of):
    of(1, 3, all_reduce=lambda tensor: tensor.mul_(3))
    assert parallel.total([1.0, 2.0]) == [3.0, 6.0]

    def gather(theirs, mine):
        theirs[:] = ["a", mine, "c"]

    of(1, 3, all_gather_object=gather)
    assert parallel.everyone("b") == ["a", "b", "c"]


def test_process_0_decides_and_its_error_reaches_the_others(of):
    sent = []
    of(0, 2, broadcast_object_list=lambda answer: sent.append(list(answer)))
    assert parallel.agree(lambda: 5) == 5 and sent == [[5, None]]
    with pytest.raises(OSError, match="full"):
        parallel.agree(raises)
    error = sent[1][1]

    def receive(answer):
        answer[:] = sent.pop()

    of(1, 2, broadcast_object_list=receive)
    with pytest.raises(OSError, match="full") as caught:
        parallel.agree(lambda: pytest.fail("only process 0 calls"))
    assert caught.value is error
    assert parallel.agree(lambda: pytest.fail("only process 0 calls")) == 5


@pytest.mark.parametrize("device, backend", [("cpu", "gloo"), ("cuda", "cpu:gloo,cuda:nccl")])
def test_it_joins_once_if_torchrun_says_so(monkeypatch, device, backend):
    joined = []
    monkeypatch.setattr(parallel.distributed, "init_process_group", joined.append)
    monkeypatch.setattr(parallel.atexit, "register", lambda leave: None)
    parallel.join(torch.device(device))
    monkeypatch.setenv("WORLD_SIZE", "1")
    parallel.join(torch.device(device))
    assert joined == []
    monkeypatch.setenv("WORLD_SIZE", "2")
    parallel.join(torch.device(device))
    monkeypatch.setattr(parallel.distributed, "is_initialized", lambda: True)
    parallel.join(torch.device(device))
    assert joined == [backend]


def test_with_several_processes_gradients_are_averaged_by_torch(of, monkeypatch):
    of(0, 2)
    monkeypatch.setattr(parallel, "DistributedDataParallel", lambda module, **how: (module, how))
    objective = parallel.Objective(lambda model, q, x, K: x, nn.Linear(2, 2), None)
    module, how = objective.averaging()
    assert module is objective and how == {"find_unused_parameters": True}


# The real thing


SCRIPT = """
import json, os, sys
import torch
from torch.distributions import Independent, Normal
from vaelib.elbo import elbo
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import GaussianDecoder, GaussianEncoder
from vaelib.train import fit

torch.set_num_threads(1)
mode, name = sys.argv[1:3]
x = torch.randn(41, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(8)).cumsum(1)
torch.manual_seed(0)
model = LatentVariableModel(StandardNormal(2).double(), GaussianDecoder(2, 3, (4,), sigma_dec=0.5).double())
q = GaussianEncoder(3, 2, (4,)).double()
model.unreached = torch.nn.Parameter(torch.zeros(2).double())

def noiseless(model, q, x, K):
    return model.log_joint(x, q(x).mean)

def callback(history):
    return mode == "stopped" and history.steps[-1] == 12

bound = elbo if mode != "noiseless" else noiseless
more = {"held_out": x[:9], "record_every": 4, "clip": 5.0, "callback": callback}
more |= {} if mode in ("noiseless", "noisy") else {"checkpoint": f"{name}.pt"}
if mode == "noisy":
    more |= {"steps": 400, "seed": int(sys.argv[3]), "record_every": 400, "K": 5}
history = fit(bound, model, q, x, **({"steps": 24, "batch_size": 8, "lr": 1e-2, "seed": 1} | more))
rank = int(os.environ.get("RANK", "0"))
parameters = torch.cat([p.detach().flatten() for m in (model, q) for p in m.parameters()])
with open(f"{name}.{rank}.json", "w") as file:
    json.dump({"parameters": parameters.tolist(), "train": history.train, "held_out": history.held_out}, file)
"""


def run(folder, processes, *arguments):
    """Run the script above; what each process was left with."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    command = [
        sys.executable,
        *(torchrun if processes > 1 else []),
        str(script),
        *map(str, arguments),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=240
    )
    if ended.returncode:
        return ended.stderr
    return [
        json.loads((folder / f"{arguments[1]}.{r}.json").read_text("utf-8"))
        for r in range(processes)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_without_noise_several_processes_find_what_one_finds(tmp_path, processes):
    (one,) = run(
        tmp_path, 1, "noiseless", "one"
    )  # 41 data in batches of 8: the last batch has a single one
    for many in run(tmp_path, processes, "noiseless", "many"):
        np.testing.assert_allclose(many["parameters"], one["parameters"], atol=1e-5, rtol=0)
        np.testing.assert_allclose(many["parameters"], one["parameters"], atol=1e-10, rtol=0)
        np.testing.assert_allclose(many["train"], one["train"], rtol=1e-9)
        np.testing.assert_allclose(many["held_out"], one["held_out"], rtol=1e-9)


@pytest.mark.slow
def test_with_noise_the_learning_curves_agree_within_their_spread(tmp_path):
    alone = [run(tmp_path, 1, "noisy", f"one{seed}", seed)[0]["held_out"][-1] for seed in range(5)]
    first, second = run(tmp_path, 2, "noisy", "two", 0)
    assert first == second
    assert abs(first["held_out"][-1] - np.mean(alone)) < 4.5 * np.std(alone, ddof=1) * np.sqrt(
        1 + 1 / 5
    )


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_a_run_of_several_processes_resumes_to_the_same_bits(tmp_path, processes):
    run(tmp_path, processes, "stopped", "cut")
    assert sorted(p.name for p in tmp_path.glob("cut.pt*")) == ["cut.pt", "cut.pt.previous"]
    resumed, whole = (
        run(tmp_path, processes, "whole", "cut"),
        run(tmp_path, processes, "whole", "whole"),
    )
    assert resumed == whole
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
    torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    command = [sys.executable, *(torchrun if processes > 1 else []), str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "STEPS": "200"}
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    assert (
        ended.stdout.startswith("held-out bound after 200 steps: -")
        and ended.stdout.count("\n") == 2
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits.pt", "digits.pt.previous"]
