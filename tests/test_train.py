"""One training loop: what it maximises, that it repeats, what it leaves alone, when it stops."""

import math
import re
import signal
import sys
import threading
import warnings
from functools import partial
from itertools import chain
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from oracles import lg_conditioned, t64
from torch import nn
from torch.distributions import MultivariateNormal, Normal, OneHotCategorical, kl_divergence
from torch.utils._python_dispatch import TorchDispatchMode

from vaelib._validate import check_data
from vaelib.data import digits
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl
from vaelib.evaluate import active_units
from vaelib.iwae import iwae
from vaelib.latent import GaussianMixture, LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.proxies import BernoulliDecoder, FreeGaussian, GaussianDecoder, GaussianEncoder
from vaelib.train import History, fit
from vaelib.train.objective import CompiledObjective, Objective


class Slope(nn.Module):
    """A 'model' of one parameter, for bounds that are made for the test."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(t64(0.0))


def climb(model, q, x, K):
    """A bound of slope 1 in the level: every step of Adam is exactly as long as its step size."""
    return model.level + 0 * x[:, 0]


def rows(n):
    return torch.arange(n, dtype=torch.float64)[:, None]


def ascend(bound=climb, model=None, **more):
    """Eight data and a model of one parameter, which is returned after the call."""
    model = model or Slope()
    fit(bound, model, None, rows(8), **more)
    return model


def spectrum(x):
    """The eigenvalues of the data's covariance, the largest first."""
    return np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))[::-1]


def vae():
    torch.manual_seed(5)
    model = LatentVariableModel(StandardNormal(2).double(), GaussianDecoder(2, 3, (4,)).double())
    return model, GaussianEncoder(3, 2, (4,)).double(), torch.randn(40, 3, dtype=torch.float64)


def flat(*modules):
    return torch.cat([p.detach().flatten() for module in modules for p in module.parameters()])


class Spy:
    """A bound that remembers the batches it saw."""

    def __init__(self):
        self.batches = []

    def __call__(self, model, q, x, K):
        self.batches.append(x[:, 0].tolist())
        return climb(model, q, x, K)


# What it finds


def test_claim_4_5_a_linear_vae_finds_the_evidence_of_probabilistic_pca():
    x = digits()[0]
    z_dim, x_dim = 4, 64
    eigenvalues = spectrum(x)
    variance = eigenvalues[z_dim:].mean()
    log_det = np.log(eigenvalues[:z_dim]).sum() + (x_dim - z_dim) * math.log(variance)
    best = -0.5 * (x_dim * math.log(2 * math.pi) + log_det + x_dim)
    model = LinearGaussian(0.1 * torch.randn(64, 4), x.mean(0), 0.5)
    q = GaussianEncoder(64, 4, hidden=())
    fit(elbo_stl, model, q, x, steps=1500, lr=1e-2, schedule="cosine")
    evidence = model.log_evidence(x).mean().item()
    assert best - 0.1 < evidence < best + 1e-3


def test_free_gaussians_find_every_posterior_with_all_data_in_each_step():
    weight, bias = np.array([[1.0, 0.4], [1.0, -0.4]]), np.zeros(2)
    x = np.random.default_rng(0).normal(size=(6, 2))
    model = LinearGaussian(t64(weight), t64(bias), 0.7).requires_grad_(False)
    q = FreeGaussian(6, 2).double()
    fit(elbo_stl, model, q, t64(x), steps=500, batch_size=None, lr=0.1, schedule="cosine")
    mean = [lg_conditioned(weight, bias, 0.7, datum)[0] for datum in x]
    np.testing.assert_allclose(q.mean.detach(), mean, atol=1e-4)
    with pytest.raises(ValueError, match="all 6 data"):
        fit(elbo_stl, model, q, t64(x), steps=1, batch_size=3)


def test_it_ascends_by_adam_with_the_step_size_asked_for():
    assert abs(ascend(steps=10, lr=0.01).level.item() - 10 * 0.01) < 1e-6


def test_the_cosine_schedule_starts_at_lr_and_ends_near_zero():
    levels = []

    def bound(model, q, x, K):
        levels.append(model.level.item())
        return climb(model, q, x, K)

    model = ascend(bound, steps=10, lr=0.01, schedule="cosine")
    made = np.diff([*levels, model.level.item()])
    truth = [0.01 * math.cos(math.pi * step / 10 / 2) ** 2 for step in range(10)]
    np.testing.assert_allclose(made, truth, rtol=1e-6)


def test_K_reaches_the_bound():
    seen = []

    def bound(model, q, x, K):
        seen.append(K)
        return climb(model, q, x, K)

    ascend(bound, K=7, steps=2, held_out=rows(3))
    assert seen == [7, 7, 7]


def test_model_and_encoder_both_train_and_what_is_frozen_does_not():
    model, q, x = vae()
    before, q_before = flat(model), flat(q)
    fit(elbo, model, q, x, steps=3)
    assert (flat(model) != before).all() and (flat(q) != q_before).all()
    model.requires_grad_(False)
    before = flat(model)
    fit(elbo, model, q, x, steps=3)
    assert torch.equal(flat(model), before)


def test_the_models_own_posterior_trains_the_model():
    model, x = LinearGaussian(t64([[1.0], [0.5]]), t64(0.0, 0.0), 1.0), torch.randn(40, 2).double()
    before = model.log_evidence(x).mean().item()
    fit(elbo_stl, model, model.posterior, x, steps=50, lr=0.02)
    assert model.log_evidence(x).mean().item() > before + 0.01


# Data


def test_every_epoch_shows_each_datum_once_in_a_new_order():
    spy = Spy()
    fit(spy, Slope(), None, rows(10), steps=9, batch_size=4)
    assert [len(batch) for batch in spy.batches] == [4, 4, 2] * 3
    epochs = [[*chain(*spy.batches[i : i + 3])] for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in [*epochs, range(10)]}) == 4


@pytest.mark.parametrize("batch_size", [None, 10, 11])
def test_all_data_in_every_step_keep_their_order(batch_size):
    spy = Spy()
    fit(spy, Slope(), None, rows(10), steps=3, batch_size=batch_size)
    assert spy.batches == [list(range(10))] * 3


def test_a_callable_gives_new_data_for_every_epoch():
    spy, epochs = Spy(), []

    def data(epoch):
        epochs.append(epoch)
        return rows(4) + 100 * epoch

    fit(spy, Slope(), None, data, steps=6, batch_size=2)
    assert epochs == [0, 1, 2]
    assert sorted(chain(*spy.batches)) == [0, 1, 2, 3, 100, 101, 102, 103, 200, 201, 202, 203]


def test_random_data_of_a_callable_follow_the_seed():
    seen = []

    def data(epoch):
        return torch.bernoulli(torch.full((6, 2), 0.5))

    for seed in (0, 0, 1):
        spy = Spy()
        torch.rand(3)  # what the global generator does is of no account
        fit(spy, Slope(), None, data, steps=4, batch_size=3, seed=seed)
        seen.append(spy.batches)
    assert seen[0] == seen[1] != seen[2]


# The same bits, and nothing else touched


def trained(seed=3, bound=elbo, **more):
    model, q, x = vae()
    torch.rand(seed)  # the state of the global generator differs from call to call
    history = fit(bound, model, q, x, steps=12, batch_size=16, seed=seed, record_every=5, **more)
    return flat(model, q), history


def test_the_same_seed_gives_the_same_bits():
    (one, history), (two, again), (other, _) = trained(), trained(), trained(seed=4)
    assert torch.equal(one, two) and history.train == again.train
    assert not torch.equal(one, other)


def test_the_global_generator_is_left_as_it_was():
    model, q, x = vae()
    before = torch.get_rng_state()
    fit(elbo, model, q, x, steps=2, held_out=x)
    assert torch.equal(torch.get_rng_state(), before)


def test_looking_at_held_out_data_does_not_change_the_training():
    assert torch.equal(trained()[0], trained(held_out=torch.randn(9, 3, dtype=torch.float64))[0])


def test_held_out_data_are_judged_in_evaluation_mode_and_each_module_gets_its_own_mode_back():
    model = Slope()
    model.norm = nn.BatchNorm1d(1, affine=False, dtype=torch.float64)
    model.drop, model.still = nn.Dropout(0.5), nn.Dropout(0.5).eval()

    def bound(model, q, x, K):
        return 0 * model.level + model.drop(model.still(model.norm(x)))[:, 0]

    far = 100 + rows(4)
    history = fit(bound, model, None, rows(8), steps=5, record_every=1, held_out=far)
    # Each step moves the running statistics by a tenth towards the batch's: mean 3.5, variance 6.
    moved = 1 - 0.9 ** np.arange(1, 6)
    mean, variance = 3.5 * moved, 1 + 5.0 * moved
    np.testing.assert_allclose(model.norm.running_mean, mean[-1:], rtol=1e-12)
    np.testing.assert_allclose(model.norm.running_var, variance[-1:], rtol=1e-12)
    held_out = (101.5 - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(history.held_out, held_out, rtol=1e-12)
    assert [m.training for m in model.modules()] == [True, True, True, False]


def test_two_threads_do_not_train_at_once_and_one_thread_may_within_a_callback():
    refused, alone = [], trained()[0]

    def begin_in_another_thread(history):
        with pytest.raises(RuntimeError, match="fit runs in another thread"):
            ascend(steps=1)
        refused.append(history.steps[-1])

    def callback(history):
        thread = threading.Thread(target=begin_in_another_thread, args=(history,))
        thread.start(), thread.join()
        ascend(steps=2, seed=9)

    assert torch.equal(trained(callback=callback)[0], alone) and refused == [5, 10, 12]
    with pytest.raises(ValueError):
        ascend(steps=0)
    thread = threading.Thread(target=lambda: refused.append(ascend(steps=2, lr=0.01)))
    thread.start(), thread.join()  # the first fit has ended, and so have those that failed
    assert abs(refused[-1].level.item() - 0.02) < 1e-6


# A bound that changes during training


class Told:
    """What a bound was told about how much is done."""

    def __init__(self):
        self.seen = []

    def function(self, model, q, x, K, done):
        self.seen.append(done)
        return climb(model, q, x, K)

    def keyword(self, model, q, x, K, *, done=0.0):
        return self.function(model, q, x, K, done)

    def with_chunk(self, chunk, model, q, x, K, done):
        return self.function(model, q, x, K, done)

    def __call__(self, model, q, x, K, done=0.5):
        return self.function(model, q, x, K, done)

    def module(self):
        module = nn.Module()
        module.forward = self.function
        return module


@pytest.mark.parametrize(
    "make",
    [
        lambda told: told.function,
        lambda told: told.keyword,
        lambda told: told,
        lambda told: partial(told.with_chunk, 3),
        lambda told: lambda model, q, x, K, done: told.function(model, q, x, K, done),
        lambda told: told.module(),
    ],
    ids=["method", "keyword", "object", "partial", "lambda", "module"],
)
def test_a_bound_that_takes_done_is_told_the_fraction_of_the_steps(make):
    told = Told()
    ascend(make(told), steps=4, record_every=2, held_out=rows(3))
    assert told.seen == [0.0, 0.25, 1.0, 0.5, 0.75, 1.0]


def test_a_done_that_a_partial_has_set_stays():
    told = Told()
    ascend(partial(told.function, done=0.3), steps=2)
    assert told.seen == [0.3, 0.3]


def annealed(model, q, x, K, done):
    """The ELBO with a weight on the KL that grows over the first half of the steps."""
    beta = min(1.0, done / 0.5)
    return elbo_kl(model, q, x, K) + (1 - beta) * kl_divergence(q(x), model.prior())


def anneal(path, bound=annealed, stop=None, steps=20, **more):
    model, q, x = vae()
    more = {"steps": steps, "batch_size": 16, "record_every": 4, "checkpoint": path, **more}
    fit(bound, model, q, x, held_out=x[:5], callback=lambda h: h.steps[-1] == stop, **more)
    return flat(model, q)


def test_a_weight_that_grows_goes_on_where_it_was(tmp_path):
    told = Told()

    def bound(model, q, x, K, done):
        told.seen.append(done)
        return annealed(model, q, x, K, done)

    anneal(tmp_path / "run.pt", bound, stop=8)
    told.seen.clear()
    resumed = anneal(tmp_path / "run.pt", bound)
    assert told.seen[:2] == [8 / 20, 9 / 20]
    assert torch.equal(resumed, anneal(None, bound))
    assert not torch.equal(resumed, anneal(None, elbo_kl))


def test_the_example_of_long_runs_is_the_elbo_with_a_weight_on_the_kl():
    page = Path(__file__).parents[1] / "book" / "long_runs.md"
    (code,) = re.findall(r"```python\n(def annealed.*?)\n\n\n", page.read_text("utf-8"), re.S)
    names = {"elbo_kl": elbo_kl, "kl_divergence": kl_divergence}
    exec(code, names)
    model, q, x = vae()
    kl = kl_divergence(q(x), StandardNormal(2).double()())
    for done, weight in {0.0: 0.0, 0.2: 0.4, 0.75: 1.0, 1.0: 1.0}.items():
        values = []
        for bound in (partial(names["annealed"], done=done), elbo_kl):
            torch.manual_seed(1)
            values.append(bound(model, q, x, 2))
        torch.testing.assert_close(values[0] - values[1], (1 - weight) * kl, rtol=0, atol=1e-12)


def test_other_steps_are_another_run_if_the_bound_depends_on_them(tmp_path):
    anneal(tmp_path / "run.pt", stop=8)
    with pytest.raises(ValueError, match="steps was 20 there and is 40 here"):
        anneal(tmp_path / "run.pt", steps=40)


class Counting(nn.Module):
    """A bound that counts its calls in training, in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, model, q, x, K):
        self.calls += self.training
        return annealed(model, q, x, K, self.calls.item() / 20)


def test_a_bound_that_is_a_module_keeps_its_buffers_in_the_checkpoint(tmp_path):
    anneal(tmp_path / "run.pt", Counting(), stop=8)
    bound = Counting()
    assert torch.equal(anneal(tmp_path / "run.pt", bound), anneal(None, Counting()))
    assert bound.calls == 20


class CountingObject:
    def __init__(self, scale=2.0):
        self.calls, self.scale = 0, scale

    def __call__(self, model, q, x, K):
        self.calls += 1
        return annealed(model, q, x, K, self.calls / 50)


@pytest.mark.parametrize("make", [CountingObject, lambda: CountingObject().__call__])
def test_numbers_that_an_object_remembers_are_in_the_checkpoint(tmp_path, make):
    anneal(tmp_path / "run.pt", make(), stop=8)
    assert torch.equal(anneal(tmp_path / "run.pt", make()), anneal(None, make()))


def test_an_object_with_other_numbers_is_another_call(tmp_path):
    anneal(tmp_path / "run.pt", CountingObject(), stop=8)
    with pytest.raises(ValueError, match=r"scale was 2\.0 there and is 3\.0 here"):
        anneal(tmp_path / "run.pt", CountingObject(3.0))


# The record


def test_the_history_holds_the_mean_bound_since_the_record_before():
    history = fit(climb, Slope(), None, rows(8), steps=7, lr=1.0, record_every=3, held_out=rows(2))
    assert isinstance(history, History)
    assert history.steps == [3, 6, 7]
    np.testing.assert_allclose(history.train, [1.0, 4.0, 6.0], rtol=1e-6)  # levels 0 1 2, 3 4 5, 6
    np.testing.assert_allclose(history.held_out, [3.0, 6.0, 7.0], rtol=1e-6)
    assert len(history.seconds) == 3
    assert 0 < history.seconds[0] < history.seconds[1] < history.seconds[2]


def test_the_history_has_the_mean_over_data_and_nothing_of_held_out_data_if_there_are_none():
    def bound(model, q, x, K):
        return 0 * model.level + x[:, 0]

    history = fit(bound, Slope(), None, rows(9), steps=4, record_every=2)
    np.testing.assert_allclose(history.train, [4.0, 4.0], rtol=1e-12)
    assert history.steps == [2, 4] and history.held_out == []


def test_a_bound_that_rises_is_recorded_as_rising():
    model, q, x = vae()
    history = fit(iwae, model, q, x, K=3, steps=200, lr=1e-2, record_every=100, held_out=x)
    assert history.train[1] > history.train[0] and history.held_out[1] > history.held_out[0]


def test_training_writes_nothing_where_there_is_no_terminal(capsys):
    ascend(steps=3)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("held_out", [[], [-2.0, -1.0]])
def test_the_history_plots_itself(held_out):
    history = History([5, 10], [-3.0, -2.0], held_out, [0.1, 0.2])
    labels = ["training", "held out"] if held_out else ["training"]
    fig, ax = plt.subplots()
    assert history.plot(ax) is ax
    assert [line.get_label() for line in ax.lines] == labels
    for line, values in zip(ax.lines, [[-3.0, -2.0], held_out], strict=False):
        np.testing.assert_allclose(line.get_xydata(), np.c_[[5, 10], values])
    own = history.plot()
    assert own is not ax and len(own.lines) == len(labels)
    plt.close(own.figure), plt.close(fig)


@pytest.mark.parametrize("held_out", [[], [-2.0]])
def test_the_history_becomes_a_data_frame(held_out):
    frame = History([5], [-3.0], held_out, [0.1]).to_frame()
    columns = ["train", "held_out", "seconds"] if held_out else ["train", "seconds"]
    assert list(frame.columns) == columns and frame.loc[5, "train"] == -3.0
    assert list(frame.index) == [5] and frame.index.name == "step"


@pytest.mark.parametrize("method, name", [("plot", "matplotlib.pyplot"), ("to_frame", "pandas")])
def test_without_the_library_the_message_says_what_to_install(method, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install"):
        getattr(History([1], [0.0], [], [0.1]), method)()


# Steps


def test_a_schedule_of_ones_own_is_told_how_much_is_done():
    asked = []

    def halves(done):
        asked.append(done)
        return 0.5

    model = ascend(steps=4, lr=0.01, schedule=halves)
    assert asked == [0.0, 0.25, 0.5, 0.75]
    assert abs(model.level.item() - 4 * 0.005) < 1e-6


def test_adam_is_told_its_betas_and_its_eps():
    slopes, beta, eps, lr = [3.0, -1.0, 2.0, 0.5], (0.5, 0.7), 0.4, 0.1
    level = mean = square = 0.0
    for t, slope in enumerate(slopes, start=1):  # Kingma & Ba (2015), algorithm 1, uphill
        mean = beta[0] * mean + (1 - beta[0]) * slope
        square = beta[1] * square + (1 - beta[1]) * slope**2
        level += lr * mean / (1 - beta[0] ** t) / (math.sqrt(square / (1 - beta[1] ** t)) + eps)

    def bound(model, q, x, K, done):
        return slopes[round(4 * done)] * model.level + 0 * x[:, 0]

    assert abs(ascend(bound, steps=4, lr=lr, betas=beta, eps=eps).level.item() - level) < 1e-12


def test_a_checkpoint_of_another_adam_is_refused(tmp_path):
    anneal(tmp_path / "run.pt", stop=8)
    with pytest.raises(ValueError, match=r"betas was 0\.9 there and is 0\.5 here"):
        anneal(tmp_path / "run.pt", betas=(0.5, 0.9))
    with pytest.raises(ValueError, match=r"eps was 1e-08 there and is 0\.001 here"):
        anneal(tmp_path / "run.pt", eps=1e-3)


def test_a_long_gradient_is_clipped_to_the_norm_asked_for_and_a_short_one_is_not():
    seen = []
    model = Slope()
    model.other = nn.Parameter(t64(0.0))

    def steep(model, q, x, K):
        return model.level * 30 + model.other * 40 + 0 * x[:, 0]

    step = torch.optim.Adam.step

    def spy(self, *args):
        seen.append([p.grad.item() for group in self.param_groups for p in group["params"]])
        return step(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", spy)
        for clip in (5.0, 80.0, None):
            ascend(steep, model, steps=1, clip=clip)
    np.testing.assert_allclose(seen, [[-3, -4], [-30, -40], [-30, -40]], rtol=1e-6)


def test_it_stops_when_the_held_out_bound_no_longer_rises_and_keeps_the_best_parameters():
    model = Slope()

    def away(model, q, x, K):  # the training bound pushes on past the best held-out value, at 3
        return -((model.level - 3) ** 2) + 0 * x[:, 0] if len(x) == 2 else climb(model, q, x, K)

    more = {"steps": 50, "lr": 1.0, "record_every": 1, "held_out": rows(2)}
    history = fit(away, model, None, rows(8), patience=4, **more)
    assert history.steps[-1] == 7 and np.argmax(history.held_out) == 2
    assert abs(model.level.item() - 3) < 1e-6
    model = Slope()
    assert fit(away, model, None, rows(8), **more).steps[-1] == 50
    assert abs(model.level.item() - 50) < 1e-4


def test_the_callback_sees_each_record_and_may_end_the_training():
    seen = []

    def callback(history):
        seen.append(history.steps[-1])
        return len(seen) == 3

    history = fit(climb, Slope(), None, rows(8), steps=50, record_every=4, callback=callback)
    assert seen == history.steps == [4, 8, 12]


def test_data_go_to_the_device_and_a_parameter_that_the_bound_does_not_reach_is_no_harm():
    model = Slope()
    model.idle = nn.Parameter(t64(1.0))
    ascend(model=model, steps=2, lr=0.01)
    assert model.idle.item() == 1.0 and model.idle.grad is None


# Data are looked at once


class Binary(Slope):
    """A model that knows what its data must be, and counts how often it is asked."""

    asked = 0

    def check_data(self, x):
        self.asked += 1
        if not ((x == 0) | (x == 1)).all():
            raise ValueError("x must be 0 or 1")


def test_the_model_is_asked_about_its_data_once():
    binary = torch.eye(6, dtype=torch.float64)
    model = Binary()
    fit(climb, model, None, binary, steps=5, batch_size=2)
    assert model.asked == 1
    fit(climb, model, None, binary, steps=5, batch_size=2, held_out=binary)
    assert model.asked == 3
    fit(climb, model, None, lambda epoch: binary, steps=7, batch_size=2)
    assert model.asked == 6  # once for each of three epochs
    for more in ({"x": binary / 2}, {"x": lambda epoch: binary / 2}, {"held_out": binary / 2}):
        with pytest.raises(ValueError, match="must be 0 or 1"):
            fit(climb, model, None, **{"x": binary, "steps": 1, **more})
    assert model.level.item() > 0


class Looks(TorchDispatchMode):
    """How often the program looks at a value, for which a GPU would have to wait."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_no_step_looks_at_values_but_at_its_loss_and_its_gradient():
    counts = []
    for steps in (3, 8):
        model, q, x = vae()
        with Looks() as looks:
            fit(iwae, model, q, x, K=2, steps=steps, batch_size=16, held_out=x[:5])
        counts.append(looks.count)
    assert counts[1] - counts[0] == 5 * 2


def test_a_callback_may_trust_the_checks_of_other_data():
    def callback(history):
        with pytest.raises(ValueError, match="x must be finite"):
            check_data(torch.full((2, 2), math.nan))

    ascend(steps=1, callback=callback)


# Compiled


def compiled(**more):
    more = {"K": 3, "batch_size": 16, "record_every": 4, "steps": 12, "lr": 1e-2, **more}
    model, q, x = vae()
    history = fit(iwae, model, q, x, held_out=x[:5], **more)
    return flat(model, q), history


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, about itself
def test_compiled_it_computes_the_same_and_resumes_to_the_same_bits(tmp_path):
    (truth, plain), (whole, history) = compiled(), compiled(compile=True)
    torch.testing.assert_close(whole, truth, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(history.train, plain.train, rtol=1e-10)
    np.testing.assert_allclose(history.held_out, plain.held_out, rtol=1e-10)
    with pytest.raises(ValueError):
        Normal(0.0, -1.0)  # torch.distributions check their arguments as before
    path = tmp_path / "run.pt"
    for stop_after in (4, 8):  # in the first epoch, whose last batch is smaller, and in the third
        compiled(compile=True, checkpoint=path, callback=lambda h: h.steps[-1] == stop_after)  # noqa: B023
    resumed, again = compiled(compile=True, checkpoint=path)
    assert torch.equal(resumed, whole) and again.train == history.train
    with pytest.raises(ValueError, match="compile was True there and is False here"):
        compiled(checkpoint=path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_gradients_are_those_of_the_bound():
    model, q, x = vae()
    objective = Objective(iwae, model, q)
    found = []
    for evaluate in (objective, CompiledObjective(objective, torch.device("cpu"))):
        torch.manual_seed(1)
        objective.zero_grad()
        values = evaluate(x[:16], 3)
        values.sum().backward()
        found.append((values.detach(), *[p.grad for p in objective.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match=r"x must have shape \(B, 3\)"):
        evaluate(x[:, :2], 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_bound_that_is_told_what_is_done_is_compiled_once_and_held_out_data_change_nothing():
    def compiles_no_more(history):
        torch.compiler.set_stance("fail_on_recompile")

    found = []
    for more in ({}, {"compile": True, "callback": compiles_no_more}):
        model, q, x = vae()
        q.net.append(nn.Dropout(0.1))  # which the held-out data are to see switched off
        try:
            history = fit(
                annealed, model, q, x, steps=20, batch_size=20, record_every=2, held_out=x, **more
            )
        finally:
            torch.compiler.set_stance("default")
        found.append((flat(model, q), t64(history.train), t64(history.held_out)))
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_without_a_compiler_it_says_so_before_it_trains(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    model = Slope()
    message = r"compile=True needs a C\+\+ compiler; no-such-compiler was not found"
    with pytest.raises(RuntimeError, match=message):
        ascend(model=model, steps=1, compile=True)
    with pytest.raises(TypeError, match="compile must be True or False; got 'yes'"):
        ascend(model=model, steps=1, compile="yes")
    assert model.level.item() == 0


# When it stops


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals are the system's matter")
def test_an_interrupt_ends_the_training_after_the_step_in_hand_with_the_history_so_far():
    model, calls = Slope(), []

    def bound(model, q, x, K):
        calls.append(1)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return climb(model, q, x, K)

    with pytest.warns(UserWarning, match="interrupted after step 7 of 50"):
        history = fit(bound, model, None, rows(8), steps=50, lr=0.01, record_every=5)
    assert history.steps == [5] and abs(model.level.item() - 0.07) < 1e-6
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_does_not_wait():
    def bound(model, q, x, K):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return climb(model, q, x, K)

    with pytest.raises(KeyboardInterrupt):
        ascend(bound, steps=5)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_or_beside_another_handler_it_leaves_signals_alone():
    done = []
    thread = threading.Thread(target=lambda: done.append(ascend(steps=2, lr=0.01)))
    thread.start(), thread.join()
    assert abs(done[0].level.item() - 0.02) < 1e-6

    def mine(*_):
        pass

    before = signal.signal(signal.SIGINT, mine)
    try:
        ascend(steps=2)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


# An encoder that learns nothing


class Chooser(nn.Module):
    """q(z | x) over three one-hot latents; no gradient flows through its draws."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(1, 3, dtype=torch.float64)

    def forward(self, x):
        return OneHotCategorical(logits=self.net(x))


def choose(bound, **more):
    model = GaussianMixture(t64([0.0, 0.0, 0.0]), t64([[-1.0], [0.0], [1.0]]), 1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(bound, model, Chooser(), rows(8), steps=4, batch_size=4, **more)
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "bound", [elbo, iwae, partial(iwae, chunk=2), lambda *given: elbo(*given) - 1.0]
)
def test_a_q_that_cannot_reparameterise_is_told_once_that_the_bound_trains_it_on_noise(bound):
    (message,) = choose(bound, K=3)
    assert message.startswith("q gives OneHotCategorical, which cannot reparameterise")
    assert message.endswith("elbo_score takes any q")


def test_with_a_bound_that_takes_any_q_or_a_frozen_q_there_is_nothing_to_tell():
    assert choose(elbo_score, K=3) == []
    model, q = GaussianMixture(t64([0.0]), t64([[0.0]]), 1.0), lambda x: OneHotCategorical(x**0)
    fit(elbo, model, q, rows(8), steps=2)


def test_a_q_without_any_gradient_is_told_once():
    def detached(model, q, x, K):
        with torch.no_grad():
            q(x)
        return -((x - model.means[0]) ** 2)[:, 0]

    (message,) = choose(detached)
    assert message.startswith("bound gives the parameters of q no gradient")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_is_named_before_it_does_harm(bad):
    model = Slope()
    model.root = nn.Parameter(t64(2.0))

    def bound(model, q, x, K):
        worse = bad if model.level > 0.025 else 1.0
        model.root.register_hook(lambda g: g * worse) if model.level > 0.025 else None
        return climb(model, q, x, K) + model.root

    message = r"gradient of model\.root is infinite or not a number at step 4.*sqrt"
    with pytest.raises(FloatingPointError, match=message):
        ascend(bound, model, steps=10, lr=0.01)
    assert abs(model.level.item() - 0.03) < 1e-6 and abs(model.root.item() - 2.03) < 1e-6


def test_a_parameter_that_is_no_number_is_named_as_the_cause():
    model = Slope()
    model.broken = nn.Parameter(t64(math.nan))
    message = r"bound is nan at step 1.*model\.broken is not finite"
    with pytest.raises(FloatingPointError, match=message):
        ascend(lambda m, q, x, K: climb(m, q, x, K) + m.broken, model, steps=1)


def test_the_row_at_which_the_bound_is_no_number_is_named():
    def bound(model, q, x, K):
        return climb(model, q, x, K) + torch.where(x[:, 0] >= 6, -math.inf, 0.0)

    message = r"-inf for 2 of 8 data, first row 6 of the batch.*sigma nearly zero"
    with pytest.raises(FloatingPointError, match=message):
        ascend(bound, steps=1)


def test_data_of_another_scale_are_blamed_and_not_the_step_size():
    model = LatentVariableModel(StandardNormal(2), GaussianDecoder(2, 4))
    q = GaussianEncoder(4, 2, hidden=())
    x = 1e4 * torch.randn(128, 4)
    with pytest.raises(FloatingPointError, match=r"at step 1.* standardise x; \|x\| is up to 3"):
        fit(elbo, model, q, x, steps=5)
    with pytest.raises(
        FloatingPointError, match=r"at step 1.* is a network's output huge, or a"
    ) as caught:
        ascend(lambda model, q, x, K: climb(model, q, x, K) / 0, steps=1)
    assert "lr" not in str(caught.value)


def test_data_of_another_scale_are_blamed_for_a_gradient_too():
    model = Slope()
    model.other = nn.Parameter(t64(0.0))

    def bound(model, q, x, K):
        return torch.sqrt(model.level * x[:, 0]) + torch.sqrt(model.other * x[:, 0])

    message = r"of model\.level and 1 more is infinite.* standardise x; \|x\| is up to 7e\+03 here"
    with pytest.raises(FloatingPointError, match=message):
        fit(bound, model, None, 1e3 * rows(8), steps=1)


def test_a_distribution_that_refuses_its_parameters_does_not_print_them_all():
    def q(x):
        return MultivariateNormal(x[:, :2], scale_tril=torch.zeros(len(x), 2, 2).double())

    model, _, x = vae()
    for call in (elbo, partial(fit, elbo, steps=1)):
        with pytest.raises(ValueError, match=r"scale_tril \(Tensor of shape \(40") as caught:
            call(model, q, x)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_what_a_bound_raises_comes_with_its_step():
    def bound(model, q, x, K):
        if model.level > 0.015:
            raise RuntimeError("out of luck")
        return climb(model, q, x, K)

    with pytest.raises(RuntimeError, match="out of luck") as caught:
        ascend(bound, steps=5, lr=0.01)
    assert caught.value.__notes__ == ["This was step 3 of fit; the parameters are those before it."]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_no_number_stops_the_training_before_it_does_harm(bad):
    model = Slope()

    def bound(model, q, x, K):
        return climb(model, q, x, K) + (bad if model.level > 0.025 else 0.0)

    with pytest.raises(FloatingPointError, match=rf"the bound is {bad} at step 4"):
        ascend(bound, model, steps=10, lr=0.01)
    assert abs(model.level.item() - 0.03) < 1e-6


# Arguments of a wrong kind are in tests/test_bad_input.py.
@pytest.mark.parametrize(
    "more, message",
    [
        ({"x": t64([[0.0], [1.0], [math.nan]])}, "x must be finite; row 2 holds"),
        ({"x": lambda epoch: torch.full((3, 2), math.inf)}, "x must be finite; row 0 holds"),
        ({"held_out": t64([[math.nan]])}, "held_out must be finite; row 0"),
        ({"x": lambda epoch: [1.0]}, r"x must be a tensor of shape \(N, X\).*got list"),
        ({"model": object()}, "neither model nor q has a parameter to train"),
        ({"bound": lambda model, q, x, K: x[:, 0]}, "bound must depend on the parameters of"),
        ({"bound": lambda model, q, x, K: 3.0}, r"per datum, shape \(8,\); got float"),
        ({"bound": lambda model, q, x, K: model.level}, r"per datum, shape \(8,\); got \(\)"),
    ],
)
def test_fit_names_what_is_wrong(more, message):
    arguments = {"bound": climb, "model": Slope(), "q": None, "x": rows(8), "steps": 2, **more}
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        fit(**arguments)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_bound_trains_a_model_whose_parameters_are_shared_with_q():
    shared = nn.Linear(3, 4).double()
    q = GaussianEncoder(3, 2, net=shared)
    model = LatentVariableModel(StandardNormal(2).double(), GaussianDecoder(2, 3).double())
    model.shared = shared  # each parameter is given to Adam once, or Adam warns
    fit(elbo_kl, model, q, torch.randn(8, 3).double(), steps=2)


# What it leaves unused


def test_claim_4_6_with_a_fixed_sigma_the_bound_leaves_what_the_likelihood_does_not_want():
    x, variance = digits()[0], 0.3
    eigenvalues = spectrum(x)
    wanted = np.maximum(eigenvalues[:6] - variance, 0)  # squared lengths of the best W's columns
    log_det = np.log(eigenvalues[:4]).sum() + 60 * math.log(variance)
    best = -0.5 * (64 * math.log(2 * math.pi) + log_det + 4 + eigenvalues[4:].sum() / variance)
    assert (wanted > 0).sum() == 4
    torch.manual_seed(0)
    model = LinearGaussian(0.1 * torch.randn(64, 6), x.mean(0), math.sqrt(variance))
    model.log_sigma.requires_grad_(False)
    q = GaussianEncoder(64, 6, hidden=())
    fit(elbo_stl, model, q, x, steps=600, batch_size=256, lr=2e-2, schedule="cosine")
    weight = model.weight.detach().double().numpy()
    np.testing.assert_allclose(np.linalg.eigvalsh(weight.T @ weight)[::-1], wanted, atol=0.04)
    assert best - 0.02 < model.log_evidence(x).mean().item() < best + 1e-3
    spread = q(x).mean.detach().var(0)  # over the data, for each latent
    assert sorted((spread > 0.01).tolist()) == [False] * 2 + [True] * 4 and active_units(q, x) == 4


# What a schedule, a callback and held-out data may be


@pytest.mark.parametrize("factor", [math.nan, math.inf, -1.0, None, "0.5"])
def test_a_schedule_that_returns_no_factor_ends_the_training_before_the_step(factor):
    model, q, x = small()
    before = [p.clone() for p in q.parameters()]
    with pytest.raises(ValueError, match=r"schedule must return .* at done=0$"):
        fit(elbo, model, q, x, steps=4, schedule=lambda done: factor)
    assert all(torch.equal(old, new) for old, new in zip(before, q.parameters(), strict=True))


@pytest.mark.parametrize("true", [True, np.True_, torch.tensor(True)])
def test_a_callback_may_say_true_as_numpy_and_torch_do(true):
    model, q, x = small()
    history = fit(elbo, model, q, x, steps=9, record_every=1, callback=lambda history: true)
    assert history.steps == [1]


def test_held_out_data_that_do_not_fit_are_refused_by_their_name_before_the_first_step():
    model, q, x = small()
    with pytest.raises(ValueError, match=rf"held_out must have shape \(N, {x.shape[1]}\), as x"):
        fit(elbo, model, q, x, steps=1, held_out=x[:, :-1])
    with pytest.raises(TypeError, match=r"held_out must be torch\.float32, as x is"):
        fit(elbo, model, q, x, steps=1, held_out=x.double())
    binary = LatentVariableModel(StandardNormal(2), BernoulliDecoder(2, x.shape[1]))
    with pytest.raises(ValueError, match=r"^held_out must hold binary pixels"):
        fit(elbo, binary, q, (x > 0).float(), steps=1, held_out=torch.full_like(x, 0.5))


def test_a_held_out_bound_that_is_no_number_is_said():
    model, q, x = small()

    def bound(model, q, x, K, done):
        return elbo(model, q, x, K) * (math.nan if done == 1 else 1.0)

    with pytest.warns(UserWarning, match="held-out bound is not a number at step 2"):
        fit(bound, model, q, x, steps=2, held_out=x)


def test_gradients_are_asked_for_and_data_that_have_one_are_cut_off():
    model, q, x = small()
    with torch.no_grad(), pytest.raises(RuntimeError, match="fit needs gradients"):
        fit(elbo, model, q, x, steps=1)
    made = x * torch.ones((), requires_grad=True)
    fit(elbo, model, q, made, steps=3, batch_size=4)  # each batch would go back to one graph
    with pytest.raises(ValueError, match="checkpoint must name a file; got ''"):
        fit(elbo, model, q, x, steps=1, checkpoint="")


def small():
    torch.manual_seed(0)
    model = LatentVariableModel(StandardNormal(2), GaussianDecoder(2, 3, hidden=(4,)))
    return model, GaussianEncoder(3, 2, hidden=(4,)), torch.randn(12, 3)
