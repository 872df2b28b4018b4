"""Checkpoints: whole or not at all, the same bits afterwards, and no file harms its reader."""

import copy
import errno
import functools
import hashlib
import io
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vaelib.elbo import elbo
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import GaussianDecoder, GaussianEncoder
from vaelib.train import checkpoint as store
from vaelib.train import fit, load_weights


def vae(hidden=4):
    torch.manual_seed(5)
    decoder = GaussianDecoder(2, 3, (hidden,)).double()
    model = LatentVariableModel(StandardNormal(2).double(), decoder)
    return model, GaussianEncoder(3, 2, (hidden,)).double()


def data(n=40):
    return torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


def flat(*modules):
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


def stops(after):
    return lambda history: after is not None and history.steps[-1] >= after


def trained(path=None, steps=23, stop_after=None, bound=iwae, x=None, **more):
    """Parameters and history of one call; it may end early, at a record, as if power had failed."""
    model, q = vae()
    more = {"K": 3, "batch_size": 16, "record_every": 5, "held_out": data(6), "lr": 1e-2, **more}
    more |= {"steps": steps, "checkpoint": path, "callback": stops(stop_after)}
    history = fit(bound, model, q, data() if x is None else x, **more)
    return flat(model, q), history


def same(one, two):
    (parameters, history), (others, again) = one, two
    kept = [(h.train, h.held_out, h.steps) for h in (history, again)]
    return torch.equal(parameters, others) and kept[0] == kept[1]


def keep(bound, model, q, path, x=None, **more):
    """Train for two steps, and keep that."""
    x = data() if x is None else x
    fit(bound, model, q, x, checkpoint=path, **{"steps": 2, "record_every": 2, **more})


def keep_elbo(path, x=None, **more):
    """Train a model and its encoder on the ELBO for two steps, and keep that."""
    model, q = vae()
    keep(elbo, model, q, path, x, **more)
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

    with pytest.warns(UserWarning, match="interrupted after step 8"):
        trained(path, bound=interrupted, held_out=None)
    assert store.load(path)["step"] == 8
    assert same(trained(path, bound=interrupted, held_out=None), trained(held_out=None))


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


@pytest.mark.parametrize("stop_after", [2, 4])
def test_parameters_that_lie_otherwise_in_memory_or_are_not_reached_go_on_too(tmp_path, stop_after):
    def run(path=None, stop_after=None):
        model, q = vae()
        model.unreached = nn.Parameter(torch.zeros(2))
        for layer in (q.net[0], q.net[2]):
            layer.weight = nn.Parameter(layer.weight.detach().T.contiguous().T)
        more = {"steps": 6, "record_every": 2, "lr": 0.1, "batch_size": 16}
        fit(elbo, model, q, data(), **more, checkpoint=path, callback=stops(stop_after))
        assert q.net[0].weight.stride() == (1, 4)
        return flat(model, q)

    path = tmp_path / "run"
    run(path, stop_after)
    assert sorted(store.load(path)["optimiser"]["state"]) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert torch.equal(run(path), run())


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


@pytest.mark.parametrize("where", ["missing/run.pt", "file/run.pt"])
def test_a_place_that_cannot_be_written_to_is_named_before_training(tmp_path, where):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"cannot be written.*nothing was trained"):
        trained(tmp_path / where)


def test_the_same_script_started_twice_says_so_and_leaves_the_first_alone(tmp_path):
    path = tmp_path / "run.pt"

    def again(history):
        message = r"checkpoint .*run\.pt is in use by another run; let it end, or name another file"
        with pytest.raises(OSError, match=message), torch.random.fork_rng():
            trained(path)

    model, q = vae()
    more = {"K": 3, "batch_size": 16, "record_every": 5, "held_out": data(6), "lr": 1e-2}
    history = fit(iwae, model, q, data(), steps=23, checkpoint=path, callback=again, **more)
    assert same((flat(model, q), history), trained())
    assert same(trained(path), trained())  # the lock is open again


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


def written(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def header_of(content):
    """The numbers of the bytes before the tensors."""
    return range(8 + int.from_bytes(content[:8], "little"))


def flip(content, at, bit=4):
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def hash_again(content):
    """The file with the right hash, as whoever forges one would write it."""
    at = content.index(b'"sha256":"') + len(b'"sha256":"')
    right = hashlib.sha256(content[:8] + content[at + 64 :]).hexdigest()
    return content[:at] + right.encode() + content[at + 64 :]


def header(text):
    """A file without tensors whose header goes on like this after the hash."""
    text = b'{"__metadata__":{"format":"vaelib checkpoint 2","sha256":"' + b"0" * 64 + text
    return hash_again(len(text).to_bytes(8, "little") + text)


EMPTY = b'","state":"{\\"items\\":[]}"}'
SPOILT = {
    "cut short": lambda good: good[: len(good) // 2],
    "a byte more": lambda good: good + b"\0",
    "a byte more, and hashed": lambda good: hash_again(good + b"\0"),
    "empty": lambda good: b"",
    "a picture": lambda good: b"\x89PNG\r\n\x1a\n" + bytes(200),
    "a pickle": lambda good: pickle.dumps({"format": "vaelib checkpoint 2", "step": Malice()}),
    "hostile": lambda good: written({"format": "vaelib checkpoint 2", "step": Malice()}),
    "a module": lambda good: written(nn.Linear(2, 2)),
    "of somebody else": lambda good: written({"weight": torch.zeros(3)}),
    "without state": lambda good: header(b'"}}'),
    "no state": lambda good: header(b'","state":"[1]"}}'),
    "no JSON": lambda good: header(b'","state":"{"}}'),
    "no text": lambda good: header(b'\xff"}}'),
    "deep": lambda good: header(b'","state":"' + b"[" * 100_000 + b'"}}'),
    "a long header": lambda good: hash_again((10**12).to_bytes(8, "little") + good[8:]),
    "a huge tensor": lambda good: header(
        EMPTY + b',"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8000000000000]}}'
    ),
    "a huge empty one": lambda good: header(
        EMPTY + b',"a":{"dtype":"F64","shape":[0,99999999999999999999],"data_offsets":[0,0]}}'
    ),
    "a negative shape": lambda good: header(
        EMPTY + b',"a":{"dtype":"F64","shape":[-1,-1],"data_offsets":[0,8]}}' + bytes(8)
    ),
    "an unknown type": lambda good: header(
        EMPTY + b',"a":{"dtype":"F1","shape":[0],"data_offsets":[0,0]}}'
    ),
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
    for call in (
        lambda: fit(elbo, model, q, data(), steps=1, checkpoint=path),
        lambda: load_weights(path, model, q),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert torch.equal(flat(model, q), before) and path.read_bytes() == bad
    assert not (tmp_path / "pwned").exists()


def test_a_file_of_the_older_format_is_called_that(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"format": "vaelib checkpoint 1", "step": 1}, path)
    with pytest.raises(ValueError, match=r"run\.pt was written by an older version of vaelib"):
        store.load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and devices")
@pytest.mark.parametrize("what", ["folder", "pipe", "/dev/zero"])
def test_what_is_no_file_is_not_waited_for(tmp_path, what):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / what
    for call in (
        lambda: store.load(path),
        lambda: load_weights(path, *vae()),
        lambda: trained(path),
    ):
        with pytest.raises(ValueError, match=f"checkpoint {path} is a folder, a pipe or a device"):
            call()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_no_flipped_bit_and_no_cut_is_read(tmp_path):
    path, bad = tmp_path / "run.pt", tmp_path / "bad.pt"
    store.save(path, {"step": 1, "tensors": [torch.ones(4), torch.eye(2)], "words": {0: "a"}})
    good, draw = path.read_bytes(), random.Random(0)
    flips = [flip(good, at, draw.randrange(8)) for at in range(len(good))]
    cuts = [good[:n] for n in range(len(good))]
    for content in flips + cuts:
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.pt is cut short, damaged or not of vaelib"):
            store.load(bad)


def test_a_forged_header_is_refused_or_harmless(tmp_path):
    """A bit is flipped and the hash is right: what is read must be what fit could have written."""
    path, bad = tmp_path / "run.pt", tmp_path / "bad.pt"
    model, q = keep_elbo(path)
    good, draw, refused = path.read_bytes(), random.Random(1), 0
    before = copy.deepcopy([model.state_dict(), q.state_dict()])
    for at in draw.sample(header_of(good), 400):
        bad.write_bytes(hash_again(flip(good, at, draw.randrange(7))))
        try:
            keep(elbo, model, q, bad, steps=2)
        except ValueError as error:
            assert "bad.pt" in str(error)
            refused += 1
        for module, state in zip([model, q], before, strict=True):
            torch.testing.assert_close(module.state_dict(), state, rtol=0, atol=0)
    assert refused > 300


FORGED = {
    "one moment": lambda state: state["optimiser"]["state"][0].update(exp_avg=torch.zeros(1)),
    "moments of one": lambda state: [
        moments.update(exp_avg_sq=torch.zeros(1))
        for moments in state["optimiser"]["state"].values()
    ],
    "moments of integers": lambda state: [
        moments.update(exp_avg=moments["exp_avg"].long())
        for moments in state["optimiser"]["state"].values()
    ],
    "a moment missing": lambda state: state["optimiser"]["state"][0].pop("exp_avg"),
    "one too many": lambda state: state["optimiser"]["state"].update({99: {}}),
    "no number": lambda state: state["optimiser"]["state"][0].update(step=torch.zeros(3)),
    "best": lambda state: state["best"].update(parameters={"q.net.0.weight": torch.zeros(1)}),
    "step": lambda state: state.update(step=1.5),
    "record": lambda state: state.update(since_record=["1"]),
    "history": lambda state: state["history"].pop("train"),
    "taken": lambda state: state["batches"].update(taken=99),
    "taken before": lambda state: state["batches"].update(taken=-1),
    "epoch": lambda state: state["batches"].update(epoch="1"),
    "order": lambda state: state["batches"].update(order=torch.zeros(3)),
    "order of zeros": lambda state: state["batches"]["order"].zero_(),
    "no generator": lambda state: state["batches"].update(generators=[]),
    "short generator": lambda state: state["generators"].update({0: [torch.zeros(3).byte()]}),
    "generators": lambda state: state.update(generators={}),
    "constants": lambda state: state["call"].update(constants=[]),
    "call": lambda state: state.update(call=[]),
    "objective": lambda state: state["objective"].update(more="text"),
    "more": lambda state: state.update(more=1),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_state_is_refused_before_anything_changes(tmp_path, how):
    path = tmp_path / "run.pt"
    keep_elbo(path)
    state = store.load(path)
    FORGED[how](state)
    store.save(path, state)
    model, q = vae()
    before = flat(model, q)
    with pytest.raises(ValueError, match=r"checkpoint .*run\.pt "):
        keep(elbo, model, q, path, steps=200)
    assert torch.equal(flat(model, q), before)


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


def test_a_refused_checkpoint_leaves_the_encoder_as_it_was(tmp_path):
    path = tmp_path / "run.pt"
    keep_elbo(path)
    model, q = vae()
    model.requires_grad_(False)
    with torch.no_grad():
        q.net[0].weight.normal_()
    before = flat(model, q)
    message = r"run\.pt is of another.*decoder\.net\.0\.weight was trained there and is frozen here"
    with pytest.raises(ValueError, match=message):
        keep(elbo, model, q, path, steps=4)
    assert torch.equal(flat(model, q), before)


# A run that is another run


def with_sigma(sigma):
    model, q = vae()
    model.decoder = GaussianDecoder(2, 3, (4,), sigma_dec=sigma).double()
    return model, q


def with_activation(activation):
    model, q = vae()
    q.net[1] = activation()
    return model, q


def with_frozen(value):
    model, q = vae()
    model.decoder.net[2].bias.requires_grad_(False).fill_(value)
    return model, q


class Scale(nn.Module):
    """A bound with a buffer of its own, which no state_dict holds."""

    def __init__(self, factor):
        super().__init__()
        self.register_buffer("factor", torch.tensor(factor), persistent=False)

    def forward(self, model, q, x, K):
        return self.factor * elbo(model, q, x, K)


class Once:
    def __call__(self, model, q, x, K):
        return elbo(model, q, x, K)


class Twice:
    def __call__(self, model, q, x, K):
        return 2 * elbo(model, q, x, K)


def scaled(model, q, x, K, factor):
    return factor * elbo(model, q, x, K)


def run_of(path, made=vae, bound=elbo, x=None, **more):
    keep(bound, *made(), path, x, **more)


OTHER = {
    "a fixed sigma": (
        {"made": lambda: with_sigma(0.1)},
        {"made": lambda: with_sigma(0.5)},
        r"model\.decoder\.log_sigma was -2\.30\d* torch\.float64 there and is -0\.69",
    ),
    "an activation": (
        {"made": lambda: with_activation(nn.Tanh)},
        {"made": lambda: with_activation(nn.ReLU)},
        r"q was \(1\): Tanh\(\) there and is \(1\): ReLU\(\) here",
    ),
    "a frozen parameter": (
        {"made": lambda: with_frozen(0.0)},
        {"made": lambda: with_frozen(1.0)},
        r"model\.decoder\.net\.2\.bias was \(3,\) torch\.float64 \w{8} there",
    ),
    "a buffer of the bound": (
        {"bound": Scale(1.0)},
        {"bound": Scale(2.0)},
        r"bound\.factor was 1\.0 torch\.float32 there and is 2\.0",
    ),
    "a lambda": (
        {"bound": lambda model, q, x, K: elbo(model, q, x, K)},
        {"bound": lambda model, q, x, K: 2 * elbo(model, q, x, K)},
        r"bound was lambda model, q, x, K: elbo.* and is lambda model, q, x, K: 2 \* elbo",
    ),
    "a class": ({"bound": Once()}, {"bound": Twice()}, "bound was Once there and is Twice here"),
    "a partial": (
        {"bound": functools.partial(scaled, factor=1.0)},
        {"bound": functools.partial(scaled, factor=2.0)},
        r"bound was 1\.0 there and is 2\.0 here",
    ),
    "a schedule": (
        {"schedule": lambda done: 1 - done},
        {"schedule": lambda done: 1 - done / 2},
        r"schedule was lambda done: 1 - done there and is lambda done: 1 - done / 2 here",
    ),
    "data of a callable": (
        {"x": lambda epoch: data()},
        {"x": lambda epoch: 1 - data()},
        r"is of other data: in epoch 1 x was \(40, 3\) \S+ \w{8} there and is \(40, 3\)",
    ),
    "fewer data of a callable": (
        {"x": lambda epoch: data(), "batch_size": 16},
        {"x": lambda epoch: data(10), "batch_size": 16},
        r"other data: in epoch 0 x was \(40, 3\) .* and is \(10, 3\)",
    ),
    "fewer data": (
        {"batch_size": 16},
        {"x": data(10), "batch_size": 16},
        r"x was \(40, 3\) .* there and is \(10, 3\)",
    ),
    "fewer steps": (
        {"steps": 6},
        {"steps": 4},
        r"steps=4, but checkpoint .*run\.pt is at step 6 already; give more steps",
    ),
}


@pytest.mark.parametrize("what", OTHER)
def test_another_run_does_not_go_on_from_a_checkpoint(tmp_path, what):
    path = tmp_path / "run.pt"
    there, here, message = OTHER[what]
    run_of(path, **there)
    before = content(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        run_of(path, **{"steps": 2 if "schedule" in here else 4, **here})
    assert "run.pt" in str(caught.value) and len(str(caught.value)) < 300
    assert content(tmp_path) == before
    run_of(path, **there)


def test_the_same_lambda_may_stand_elsewhere(tmp_path):
    path = tmp_path / "run.pt"
    run_of(path, bound=lambda model, q, x, K: elbo(model, q, x, K))
    run_of(path, steps=4, bound=lambda model, q, x, K:   elbo(model, q, x, K))  # fmt: skip


def test_an_interrupted_run_is_no_run_of_so_many_steps(tmp_path):
    path = tmp_path / "run.pt"

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        return elbo(*args)

    with pytest.warns(UserWarning, match="interrupted after step 1"):
        run_of(path, bound=interrupted)
    with pytest.raises(ValueError, match=r"steps=1, but checkpoint .*run\.pt is at step 1 already"):
        run_of(path, bound=interrupted, steps=1)


def test_running_statistics_come_from_the_checkpoint_whatever_they_are_here(tmp_path):
    def normalised():
        model, q = vae()
        q.net[1] = nn.Sequential(nn.BatchNorm1d(4), nn.Tanh()).double()
        return model, q

    model, q = normalised()
    path = tmp_path / "run.pt"
    keep(elbo, model, q, path, batch_size=16)
    fresh, again = normalised()
    keep(elbo, fresh, again, path, batch_size=16, steps=4)
    store.previous(path).replace(path)
    keep(elbo, model, q, path, batch_size=16, steps=4)  # the same objects, as in a notebook
    torch.testing.assert_close(q.state_dict(), again.state_dict(), rtol=0, atol=0)


# Weights for use elsewhere


def test_weights_are_those_that_fit_left(tmp_path):
    path = tmp_path / "run.pt"
    model, q = keep_elbo(path)
    others = vae()
    assert load_weights(path, *others) is None
    assert torch.equal(flat(*others), flat(model, q))
    assert others[1].training


def test_weights_are_the_best_ones_where_training_had_patience(tmp_path):
    path, more = tmp_path / "run.pt", {"patience": 1, "lr": 0.5, "steps": 200, "record_every": 1}
    best, history = trained(path, **more)
    assert history.held_out[-1] < max(history.held_out)
    others = vae()
    load_weights(path, *others)
    assert torch.equal(flat(*others), best)


def test_buffers_come_with_the_weights_and_an_encoder_may_have_none(tmp_path):
    path = tmp_path / "run.pt"
    model, _ = with_sigma(0.5)

    def q(x):
        return torch.distributions.Independent(torch.distributions.Normal(x[:, :2], 1.0), 1)

    keep(elbo, model, q, path)
    other, _ = with_sigma(0.1)
    load_weights(path, other, q)
    torch.testing.assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "others, message",
    [
        (lambda: vae(hidden=5), r"they differ in model\.decoder\.net\.0"),
        (lambda: vae()[::-1], "they differ in"),
        (lambda: [module.float() for module in vae()], r"they differ in model\.decoder"),
        (lambda: with_activation(nn.ReLU), r"q was \(1\): Tanh\(\) there and is \(1\): ReLU"),
        (lambda: (vae()[0], None), r"they differ in q\."),
    ],
)
def test_weights_of_another_model_are_refused_and_nothing_changes(tmp_path, others, message):
    path = tmp_path / "run.pt"
    keep_elbo(path)
    model, q = others()
    before = flat(*filter(None, (model, q)))
    with pytest.raises(ValueError, match=r"checkpoint .*run\.pt is of another model.*" + message):
        load_weights(path, model, q)
    assert torch.equal(flat(*filter(None, (model, q))), before)


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run\.pt"):
        load_weights(tmp_path / "run.pt", *vae())
    with pytest.raises(TypeError, match=r"path must be a path, str or os\.PathLike; got int"):
        load_weights(3, *vae())


# The file


def test_safetensors_reads_what_was_written(tmp_path):
    path = tmp_path / "run.safetensors"
    model, q = keep_elbo(path)
    found = load_file(path)
    for name, module in {"model": model, "q": q}.items():
        for key, tensor in module.state_dict().items():
            torch.testing.assert_close(found[f"objective.{name}.{key}"], tensor, rtol=0, atol=0)
    moments = store.load(path)["optimiser"]["state"][0]
    assert torch.equal(found["optimiser.state.0.exp_avg_sq"], moments["exp_avg_sq"])


TYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128"


def test_a_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "run.pt"
    tensors = {name: torch.arange(6).to(getattr(torch, name)) for name in TYPES.split()}
    tensors |= {
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "turned": torch.eye(3, 2).T,
    }
    numbers = [1, -(2**70), 0.1, float("-inf"), True, None, 'ä\n"', []]
    store.save(
        path, {"tensors": tensors, "numbers": numbers, "keys": {0: {"0": 1}}, "pair": (1, 2)}
    )
    found = store.load(path)
    torch.testing.assert_close(found.pop("tensors"), tensors, rtol=0, atol=0)
    assert found == {"numbers": numbers, "keys": {0: {"0": 1}}, "pair": [1, 2]}


@pytest.mark.parametrize("bad", [object(), {1, 2}, torch.eye(2).to_sparse(), 1j])
def test_a_state_that_a_file_cannot_hold_is_named_and_nothing_is_written(tmp_path, bad):
    with pytest.raises(TypeError, match=r"a checkpoint cannot hold outer\.inner"):
        store.save(tmp_path / "run.pt", {"outer": {"inner": bad}})
    assert content(tmp_path) == {}


def test_it_is_written_at_each_record_and_costs_nothing_between(tmp_path):
    path, seen = tmp_path / "run.pt", []

    def callback(history):
        seen.append(store.load(path)["step"])

    keep_elbo(path, steps=12, record_every=5, callback=callback)
    assert seen == [5, 10, 12]
