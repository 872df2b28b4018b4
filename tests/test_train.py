"""One training loop: what it maximises, that it repeats, what it leaves alone, and when it stops."""

import math
from itertools import chain

import numpy as np
import pytest
import torch
from oracles import lg_conditioned, t64
from torch import nn

from vaelib.data import digits
from vaelib.elbo import elbo, elbo_kl, elbo_stl
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.proxies import FreeGaussian, GaussianDecoder, GaussianEncoder
from vaelib.train import History, fit


class Slope(nn.Module):
    """A 'model' of one parameter, for bounds that are made for the test."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(t64(0.0))


def climb(model, q, x, K):
    """A bound of slope 1 in the level: every step of Adam has exactly the length of its step size."""
    return model.level + 0 * x[:, 0]


def rows(n):
    return torch.arange(n, dtype=torch.float64)[:, None]


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
    eigenvalues = np.linalg.eigvalsh(np.cov(x.double().numpy().T, bias=True))[::-1]
    variance = eigenvalues[z_dim:].mean()
    log_det = np.log(eigenvalues[:z_dim]).sum() + (x_dim - z_dim) * math.log(variance)
    best = -0.5 * (x_dim * math.log(2 * math.pi) + log_det + x_dim)
    model = LinearGaussian(0.1 * torch.randn(64, 4), x.mean(0), 0.5)
    q = GaussianEncoder(64, 4, hidden=())
    fit(elbo_stl, model, q, x, steps=1500, lr=1e-2, schedule="cosine")
    evidence = model.log_evidence(x).mean().item()
    assert best - 0.1 < evidence < best + 1e-3


def test_free_gaussians_find_every_posterior_with_all_data_in_each_step():
    weight, bias, x = (
        np.array([[1.0, 0.4], [1.0, -0.4]]),
        np.zeros(2),
        np.random.default_rng(0).normal(size=(6, 2)),
    )
    model = LinearGaussian(t64(weight), t64(bias), 0.7).requires_grad_(False)
    q = FreeGaussian(6, 2).double()
    fit(elbo_stl, model, q, t64(x), steps=500, batch_size=None, lr=0.1, schedule="cosine")
    mean = [lg_conditioned(weight, bias, 0.7, datum)[0] for datum in x]
    np.testing.assert_allclose(q.mean.detach(), mean, atol=1e-4)
    with pytest.raises(ValueError, match="all 6 data"):
        fit(elbo_stl, model, q, t64(x), steps=1, batch_size=3)


def test_it_ascends_by_adam_with_the_step_size_asked_for():
    model = Slope()
    fit(climb, model, None, rows(8), steps=10, lr=0.01)
    assert abs(model.level.item() - 10 * 0.01) < 1e-6


def test_the_cosine_schedule_starts_at_lr_and_ends_near_zero():
    model, levels = Slope(), []

    def bound(model, q, x, K):
        levels.append(model.level.item())
        return climb(model, q, x, K)

    fit(bound, model, None, rows(8), steps=10, lr=0.01, schedule="cosine")
    made = np.diff([*levels, model.level.item()])
    truth = [0.01 * math.cos(math.pi * step / 10 / 2) ** 2 for step in range(10)]
    np.testing.assert_allclose(made, truth, rtol=1e-6)


def test_K_reaches_the_bound():
    seen = []

    def bound(model, q, x, K):
        seen.append(K)
        return climb(model, q, x, K)

    fit(bound, Slope(), None, rows(8), K=7, steps=2, held_out=rows(3))
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
    grey, seen = torch.full((6, 2), 0.5), []
    for seed in (0, 0, 1):
        spy = Spy()
        torch.rand(3)  # what the global generator does is of no account
        fit(spy, Slope(), None, lambda epoch: torch.bernoulli(grey), steps=4, batch_size=3, seed=seed)
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


# The record


def test_the_history_holds_the_mean_bound_since_the_record_before():
    history = fit(climb, Slope(), None, rows(8), steps=7, lr=1.0, record_every=3, held_out=rows(2))
    assert isinstance(history, History)
    assert history.steps == [3, 6, 7]
    np.testing.assert_allclose(history.train, [1.0, 4.0, 6.0], rtol=1e-6)  # levels 0 1 2, 3 4 5, 6
    np.testing.assert_allclose(history.held_out, [3.0, 6.0, 7.0], rtol=1e-6)
    assert len(history.seconds) == 3 and 0 < history.seconds[0] < history.seconds[1] < history.seconds[2]


def test_without_held_out_data_nothing_is_recorded_of_them():
    history = fit(climb, Slope(), None, rows(8), steps=4, record_every=2)
    assert history.steps == [2, 4] and history.held_out == []


def test_the_history_has_the_mean_over_data_not_their_sum():
    history = fit(lambda model, q, x, K: climb(model, q, x, K) + x[:, 0], Slope(), None, rows(9), steps=1)
    assert abs(history.train[0] - 4.0) < 1e-12


def test_a_bound_that_rises_is_recorded_as_rising():
    model, q, x = vae()
    history = fit(iwae, model, q, x, K=3, steps=200, lr=1e-2, record_every=100, held_out=x)
    assert history.train[1] > history.train[0] and history.held_out[1] > history.held_out[0]


def test_training_writes_nothing_where_there_is_no_terminal(capsys):
    fit(climb, Slope(), None, rows(8), steps=3)
    assert capsys.readouterr() == ("", "")


# When it stops


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_no_number_stops_the_training_before_it_does_harm(bad):
    model = Slope()

    def bound(model, q, x, K):
        return climb(model, q, x, K) + (bad if model.level > 0.025 else 0.0)

    with pytest.raises(FloatingPointError, match=rf"the bound is {bad} at step 4"):
        fit(bound, model, None, rows(8), steps=10, lr=0.01)
    assert abs(model.level.item() - 0.03) < 1e-6


@pytest.mark.parametrize(
    "more, message",
    [
        ({"steps": 0}, "steps must be a positive integer; got 0"),
        ({"steps": 2.0}, "steps must be a positive integer"),
        ({"K": 0}, "K must be a positive integer"),
        ({"record_every": 0}, "record_every must be a positive integer"),
        ({"batch_size": 0}, "batch_size must be a positive integer"),
        ({"batch_size": True}, "batch_size must be a positive integer"),
        ({"lr": 0.0}, "lr must be a positive number; got 0.0"),
        ({"lr": math.inf}, "lr must be a positive number"),
        ({"lr": math.nan}, "lr must be a positive number"),
        ({"schedule": "linear"}, "schedule must be 'constant' or 'cosine'; got 'linear'"),
        ({"x": torch.zeros(3)}, r"x must be a tensor of shape \(N, X\).*got \(3,\)"),
        ({"x": torch.zeros(0, 3)}, r"x must be a tensor of shape \(N, X\).*got \(0, 3\)"),
        ({"x": lambda epoch: [1.0]}, r"x must be a tensor of shape \(N, X\).*got list"),
        ({"model": object()}, "neither model nor q has a parameter to train"),
        ({"model": Slope().requires_grad_(False)}, "neither model nor q has a parameter to train"),
        ({"bound": lambda model, q, x, K: model.level}, r"one value per datum, shape \(8,\); got \(\)"),
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
