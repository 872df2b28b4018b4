"""Checkpoints: whole or not at all, the same bits afterwards, and no file harms its reader."""

import errno
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from vaelib.elbo import elbo
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import GaussianDecoder, GaussianEncoder
from vaelib.train import checkpoint as store
from vaelib.train import fit


def vae(hidden=4):
    torch.manual_seed(5)
    decoder = GaussianDecoder(2, 3, (hidden,)).double()
    model = LatentVariableModel(StandardNormal(2).double(), decoder)
    return model, GaussianEncoder(3, 2, (hidden,)).double()


def data(n=40):
    return torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def flat(*modules):
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


def trained(path=None, steps=23, stop_after=None, bound=iwae, x=None, **more):
    """Parameters and history of one call; it may end early, at a record, as if power had failed."""
    model, q = vae()
    more = {"K": 3, "batch_size": 16, "record_every": 5, "held_out": data(6), "lr": 1e-2, **more}

    def callback(history):
        return stop_after is not None and history.steps[-1] >= stop_after

    x = data() if x is None else x
    history = fit(bound, model, q, x, steps=steps, checkpoint=path, callback=callback, **more)
    return flat(model, q), history


def same(one, two):
    (parameters, history), (others, again) = one, two
    kept = [(h.train, h.held_out, h.steps) for h in (history, again)]
    return torch.equal(parameters, others) and kept[0] == kept[1]


def keep_elbo(path, x=None, **more):
    """Train for two steps, and keep that; the model and its encoder."""
    model, q = vae()
    fit(elbo, model, q, data() if x is None else x, checkpoint=path, **{"steps": 2, **more})
    return model, q


# The same bits


@pytest.mark.parametrize("stop_after", [5, 10, 20])
@pytest.mark.parametrize("more", [{}, {"schedule": "cosine", "clip": 1.0, "batch_size": None}])
def test_a_run_that_was_cut_short_ends_with_the_same_bits(tmp_path, stop_after, more):
    path = tmp_path / "run.pt"
    trained(path, stop_after=stop_after, **more)
    torch.rand(3)
    assert same(trained(path, **more), trained(**more))


def test_data_that_are_drawn_afresh_in_each_epoch_are_drawn_alike(tmp_path):
    def fresh(epoch):
        return torch.bernoulli(torch.full((40, 3), 0.5, dtype=torch.float64))

    more = {"bound": elbo, "x": fresh, "steps": 20, "record_every": 4}
    trained(tmp_path / "run.pt", stop_after=8, **more)
    assert same(trained(tmp_path / "run.pt", **more), trained(**more))


def test_an_interrupt_between_two_records_loses_nothing(tmp_path):
    path, calls = tmp_path / "run.pt", []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 8:
            signal.raise_signal(signal.SIGINT)
        return iwae(*args)

    interrupted.__name__ = "iwae"
    with pytest.warns(UserWarning, match="interrupted after step 8"):
        trained(path, bound=interrupted, held_out=None)
    assert store.load(path)["step"] == 8
    assert same(trained(path, held_out=None), trained(held_out=None))


def test_a_run_that_is_done_gives_its_parameters_and_history_again(tmp_path):
    path = tmp_path / "run.pt"
    first = trained(path)
    assert same(trained(path), first)
    assert trained(path)[1].seconds == first[1].seconds


def test_a_constant_step_size_may_go_on_beyond_the_steps_of_before(tmp_path):
    path = tmp_path / "run.pt"
    trained(path, steps=10)
    assert same(trained(path, steps=20), trained(steps=20))


def test_early_stopping_is_kept_too(tmp_path):
    path, more = tmp_path / "run.pt", {"patience": 1, "lr": 0.5, "steps": 200, "record_every": 1}
    whole = trained(**more)
    assert 2 < whole[1].steps[-1] < 200
    trained(path, stop_after=2, **more)
    assert same(trained(path, **more), whole)
    assert same(trained(path, **more), whole)  # it has stopped, and does not go on


KILLED = """
import os, random, signal, sys, time
import torch
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import BernoulliDecoder, GaussianEncoder
from vaelib.train import fit

folder = sys.argv[1]
torch.set_num_threads(1)
grey = torch.rand(64, 12, generator=torch.Generator().manual_seed(4))

def run(name, steps=600):
    torch.manual_seed(0)
    model = LatentVariableModel(StandardNormal(2), BernoulliDecoder(2, 12, (16,)))
    q = GaussianEncoder(12, 2, (16,))
    more = {"steps": steps, "batch_size": 24, "lr": 1e-2, "schedule": "cosine", "record_every": 7}
    more |= {"K": 5, "held_out": grey.round(), "checkpoint": f"{folder}/{name}.pt"}
    history = fit(iwae, model, q, lambda epoch: torch.bernoulli(grey), **more)
    parameters = torch.cat([p.detach().flatten() for m in (model, q) for p in m.parameters()])
    ended = {"parameters": parameters, "train": history.train, "held_out": history.held_out}
    torch.save(ended, f"{folder}/{name}.end")

start = time.monotonic()
run("whole")
seconds = time.monotonic() - start
moments, killed = random.Random(int(sys.argv[2])), 0
while killed < 20:
    child = os.fork()
    if child == 0:
        run("killed")
        os._exit(0)
    time.sleep(moments.uniform(0, 0.1 * seconds))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):  # it was done before it could be killed: start anew
        for leftover in ("killed.end", "killed.pt", "killed.pt.previous"):
            os.remove(f"{folder}/{leftover}")
    else:
        killed += 1
run("killed")
print(killed)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test kills its own children")
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_twenty_random_moments_it_ends_with_the_same_bits(tmp_path, seed):
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stdout, run.stderr) == (0, "20\n", "")
    whole, killed = (torch.load(tmp_path / f"{name}.end") for name in ("whole", "killed"))
    assert torch.equal(whole["parameters"], killed["parameters"])
    assert whole["train"] == killed["train"] and whole["held_out"] == killed["held_out"]


# Whole or not at all


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_one_before_is_kept(tmp_path):
    path = tmp_path / "run.pt"
    for step in (1, 2, 3):
        store.save(path, {"step": step})
    assert store.load(path) == {"step": 3} and store.load(store.previous(path)) == {"step": 2}
    assert sorted(content(tmp_path)) == ["run.pt", "run.pt.previous"]


def test_without_hard_links_the_one_before_is_copied(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "run.pt"
    store.save(path, {"step": 1}), store.save(path, {"step": 2})
    assert store.load(store.previous(path)) == {"step": 1}


@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_disk_that_fails_at_any_point_leaves_what_was_there(tmp_path, monkeypatch, call):
    path = tmp_path / "run.pt"
    store.save(path, {"step": 1})
    before = content(tmp_path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "link":
            patch.setattr(store.shutil, "copy2", full)
        patch.setattr(os, call, full)
        message = r"run\.pt cannot be written \(.*No space left.*what was there before"
        with pytest.raises(OSError, match=message):
            store.save(path, {"step": 2})
    assert content(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_disk_that_is_full_in_the_middle_of_the_file_leaves_what_was_there(tmp_path):
    path = tmp_path / "run.pt"
    store.save(path, {"step": 1})
    code = f"""
    import resource, signal, torch
    from vaelib.train import checkpoint as store
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.save({str(path)!r}, {{"tensor": torch.zeros(1_000_000)}})
    except OSError as error:
        print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert "cannot be written" in run.stdout and "untouched" in run.stdout, run.stderr
    assert store.load(path) == {"step": 1} and list(content(tmp_path)) == ["run.pt"]


def test_training_whose_disk_fills_up_says_so_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    path, saved = tmp_path / "run.pt", []
    replace = os.replace

    def fills_up(*args):
        saved.append(1)
        if len(saved) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fills_up)
        with pytest.raises(OSError, match="No space left"):
            trained(path)
    assert same(trained(path), trained())


@pytest.mark.parametrize("where", ["missing/run.pt", "file/run.pt", "folder"])
def test_a_place_that_cannot_be_written_to_is_named_before_training(tmp_path, where):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"cannot be written.*nothing was trained"):
        trained(tmp_path / where)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named_before_training(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"cannot be written.*nothing was trained"):
        trained(tmp_path / "run.pt")


def test_a_read_only_folder_is_named_whoever_asks(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "touch", denied)
    message = r"cannot be written \(.*Permission denied.*nothing was trained"
    with pytest.raises(OSError, match=message):
        trained(tmp_path / "run.pt")


# What a file may not do


class Malice:
    def __reduce__(self):
        return (os.system, ("touch pwned",))


def flip_a_bit(good):
    at = good.index(torch.full((4,), 0.625, dtype=torch.float64).numpy().tobytes())
    return good[: at + 3] + bytes([good[at + 3] ^ 16]) + good[at + 4 :]


def written(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


SPOILT = {
    "cut short": lambda good: good[: len(good) // 2],
    "empty": lambda good: b"",
    "a picture": lambda good: b"\x89PNG\r\n\x1a\n" + bytes(200),
    "one bit": flip_a_bit,
    "a pickle": lambda good: pickle.dumps({"format": "vaelib checkpoint 1", "step": Malice()}),
    "hostile": lambda good: written({"format": "vaelib checkpoint 1", "step": Malice()}),
    "a module": lambda good: written(nn.Linear(2, 2)),
    "of somebody else": lambda good: written({"weight": torch.zeros(3)}),
    "a list": lambda good: written([1, 2, 3]),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_bad_file_is_refused_and_runs_nothing(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.pt"
    store.save(path, {"step": 1, "tensor": torch.full((4,), 0.625, dtype=torch.float64)})
    bad = SPOILT[how](path.read_bytes())
    path.write_bytes(bad)
    model, q = vae()
    before = flat(model, q)
    message = r"checkpoint .*run\.pt is cut short, damaged or not of vaelib"
    with pytest.raises(ValueError, match=message):
        fit(elbo, model, q, data(), steps=1, checkpoint=path)
    assert torch.equal(flat(model, q), before) and path.read_bytes() == bad
    assert not (tmp_path / "pwned").exists()


def test_the_message_names_the_one_before(tmp_path):
    path = tmp_path / "run.pt"
    store.save(path, {"step": 1}), store.save(path, {"step": 2})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=re.escape(str(store.previous(path)))):
        store.load(path)


@pytest.mark.parametrize(
    "more, message",
    [
        ({"K": 4}, "K was 3 there and is 4 here"),
        ({"lr": 0.1}, "lr was 0.01 there and is 0.1 here"),
        ({"seed": 1}, "seed was 0 there and is 1 here"),
        ({"batch_size": None}, "batch_size was 16 there and is None here"),
        ({"held_out": None}, "held_out was .* there and is none here"),
        ({"held_out": data(6) + 1e-9}, "held_out was .* there and is .* here"),
        ({"clip": 1.0, "record_every": 6}, "clip was None there and is 1.0 here; record_every"),
        ({"schedule": "cosine"}, "not written by fit with this kind of schedule"),
    ],
)
def test_a_checkpoint_of_another_call_is_refused_with_the_difference(tmp_path, more, message):
    path = tmp_path / "run.pt"
    trained(path)
    before = content(tmp_path)
    with pytest.raises(ValueError, match=message):
        trained(path, **more)
    assert content(tmp_path) == before


def test_other_data_or_another_bound_are_noticed(tmp_path):
    path = tmp_path / "run.pt"
    keep_elbo(path)
    with pytest.raises(ValueError, match="bound was elbo there and is iwae here"):
        fit(iwae, *vae(), data(), steps=2, checkpoint=path)
    message = r"x was \(40, 3\) torch.float64 \w{8} there and is \(40, 3\)"
    with pytest.raises(ValueError, match=message):
        keep_elbo(path, x=data() + 1)


def test_another_model_is_refused_before_a_parameter_changes(tmp_path):
    path = tmp_path / "run.pt"
    keep_elbo(path)
    model, q = vae(hidden=5)
    before = flat(model, q)
    message = r"of another model or encoder; they differ in model\.decoder\.net\.0"
    with pytest.raises(ValueError, match=message):
        fit(elbo, model, q, data(), steps=2, checkpoint=path)
    assert torch.equal(flat(model, q), before)


def test_a_checkpoint_is_opened_by_torch_itself(tmp_path):
    path = tmp_path / "run.pt"
    _, q = keep_elbo(path)
    state = torch.load(path, weights_only=True)
    torch.testing.assert_close(state["objective"]["q.net.0.weight"], q.net[0].weight.detach())


def test_it_is_written_at_each_record_and_costs_nothing_between(tmp_path):
    path, seen = tmp_path / "run.pt", []

    def callback(history):
        seen.append(store.load(path)["step"])

    keep_elbo(path, steps=12, record_every=5, callback=callback)
    assert seen == [5, 10, 12]
