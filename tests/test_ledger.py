"""Chapter 6: the two parts of the gap, in closed form and by quadrature, and the search by hand."""

import dataclasses
import inspect
import math

import numpy as np
import pytest
import torch
from models import (
    curved,
    curved_joint,
    dense,
    exact_log_evidence,
    far_from,
    gaussian_of,
    lg,
    quadrature,
)
from oracles import kl_gaussians, lg_conditioned, t64
from scipy import optimize, stats
from torch.distributions import Independent, MultivariateNormal, Normal

from vaelib.annealing import ais
from vaelib.ledger import (
    _best_of_family,
    _gaussian,
    _log_evidence,
    _log_weights_both,
    _parameters,
    gap_ledger,
)


def lg_gaps(model, q, x, full=False):
    """Gap and approximation gap in closed form: KL(q || posterior), of q and of the best one."""
    weight, _, sigma = dense(model)
    precision = np.eye(weight.shape[1]) + weight.T @ weight / sigma**2
    approximation = (
        0.0 if full else 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    )
    q_z = q(x)
    covariance = q_z.covariance_matrix if full else torch.diag_embed(q_z.variance)
    posteriors = [lg_conditioned(*dense(model), row) for row in x.numpy()]
    gap = [
        kl_gaussians(q_z.mean[i].numpy(), covariance[i].numpy(), *p)
        for i, p in enumerate(posteriors)
    ]
    return np.array(gap), approximation


@pytest.mark.parametrize("n_z, n_x, full", [(1, 1, False), (3, 5, False), (3, 5, True)])
def test_the_ledger_of_a_linear_gaussian_model_is_the_closed_form(n_z, n_x, full):
    model = lg(n_z, n_x)
    x = model.sample(4)[0]
    q = gaussian_of(model, shift=0.15, widen=1.3, full=full)
    gap, approximation = lg_gaps(model, q, x, full)
    ledger = gap_ledger(model, q, x, K=4000, chunk=3000, steps=250)
    np.testing.assert_allclose(ledger.log_evidence, exact_log_evidence(model, x), rtol=1e-12)
    np.testing.assert_allclose(ledger.gap, ledger.log_evidence - ledger.elbo, atol=1e-12)
    assert torch.equal(ledger.gap, ledger.approximation + ledger.amortisation)
    slack = 2e-3  # of an optimum found with noise
    assert far_from(ledger.gap, gap, ledger.gap_se) < 4.5
    assert (
        far_from(ledger.approximation, np.full(4, approximation), ledger.approximation_se + slack)
        < 4.5
    )
    assert far_from(ledger.amortisation, gap - approximation, ledger.amortisation_se + slack) < 4.5
    assert (ledger.amortisation > 5 * ledger.amortisation_se).all()
    assert ledger.amortisation_se.max() < 0.05
    if n_z == 1 or full:
        # the family holds the posterior: the landing sticks
        assert ledger.approximation.abs().max() < 1e-3
    for field in dataclasses.fields(ledger):
        assert getattr(ledger, field.name).shape == (4,)
        assert not getattr(ledger, field.name).requires_grad


def test_an_encoder_that_is_the_best_of_its_family_has_no_amortisation_gap():
    model = lg(3, 5)
    x = model.sample(4)[0]
    ledger = gap_ledger(model, gaussian_of(model), x, K=4000, chunk=4000, steps=200)
    assert far_from(ledger.amortisation, np.zeros(4), ledger.amortisation_se + 2e-3) < 4.5
    assert ledger.amortisation.abs().max() < 0.02 < ledger.approximation.min()


def test_the_ledger_finds_the_best_gaussian_from_afar():
    model = lg(1, 2, sigma=0.05)
    x = model.sample(3)[0]
    shift, widen = t64([[1.0], [0.0], [-0.5]]), t64([[1.0], [30.0], [0.03]])
    ledger = gap_ledger(model, gaussian_of(model, shift, widen), x, K=100)
    assert ledger.approximation.abs().max() < 1e-3 < ledger.amortisation.min()


def test_the_ledger_of_a_curved_model_agrees_with_quadrature():
    model = curved(1)
    x = model.sample(3)[0]
    truth = quadrature(model, x, 1)
    e = np.linspace(-8, 8, 1601)
    mass = stats.norm.pdf(e) * 0.01

    def elbo_of(row, mean, log_s):
        z = mean + np.exp(log_s) * e
        return mass @ (curved_joint(model, row, z[:, None]) - stats.norm.logpdf(e) + log_s)

    def q(x):
        return Independent(Normal(0.4 * x[:, :1], 0.7), 1)

    start = [(0.4 * row[0].item(), math.log(0.7)) for row in x]
    elbo = [elbo_of(row, *point) for row, point in zip(x, start, strict=True)]
    best = [
        -optimize.minimize(lambda p, r=r: -elbo_of(r, *p), s).fun
        for r, s in zip(x, start, strict=True)
    ]
    ledger = gap_ledger(model, q, x, 4000, 4000, steps=250, log_evidence=t64(truth))
    assert far_from(ledger.elbo, elbo, ledger.gap_se) < 4.5
    assert far_from(ledger.elbo_best, best, ledger.approximation_se + 2e-3) < 4.5
    assert far_from(ledger.approximation, truth - best, ledger.approximation_se + 2e-3) < 4.5


@pytest.mark.parametrize("how", ["ais", "importance", None])
def test_the_ledger_takes_its_evidence_from_where_it_is_told(how, monkeypatch):
    model = curved(1)
    x = model.sample(2)[0]
    # the true ones ask for patience
    monkeypatch.setattr(ais.__wrapped__, "__defaults__", (16, 20, 4, None, False))
    ledger = gap_ledger(
        model, lambda x: Independent(Normal(x[:, :1], 0.7), 1), x, 500, steps=100, log_evidence=how
    )
    evidence_se = (ledger.gap_se**2 - ledger.amortisation_se**2).abs().sqrt() + ledger.gap_se
    assert far_from(ledger.log_evidence, quadrature(model, x, 1), evidence_se) < 5
    assert (ledger.approximation_se > 0).all()


def test_the_search_for_the_best_gaussian_takes_the_steps_it_promises(monkeypatch):
    asked, rates, slopes = [], [], []

    class Adam(torch.optim.Adam):
        def __init__(self, parameters, **options):
            asked.append(options)
            super().__init__(parameters, **options)

        def step(self):
            rates.append(self.param_groups[0]["lr"])
            slopes.append(self.param_groups[0]["params"][0].grad)
            super().step()

    class Parabola:
        def log_joint(self, x, z):
            return -(z - 3.0).square().sum(-1)

    def draw_without_noise(q_z, K):
        asked.append(K)
        return q_z.mean.expand(K, -1, -1)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    monkeypatch.setattr("vaelib.ledger.draw", draw_without_noise)
    monkeypatch.setattr("vaelib.ledger.log_path_density", lambda q_z, z: 0 * q_z.stddev.sum(-1))
    q_z = Independent(Normal(torch.zeros(2, 1).double(), 0.5), 1)
    best = _best_of_family(Parabola(), q_z, torch.zeros(2, 1), 5, 0.2)
    assert asked[0] == {"lr": 0.2, "betas": (0.9, 0.95)} and asked[1:] == [10] * 5
    np.testing.assert_allclose(
        rates, [0.1 * (1 + math.cos(math.pi * k / 5)) for k in range(5)], rtol=1e-14
    )
    np.testing.assert_allclose(slopes[0], [[-6.0], [-6.0]], rtol=1e-14)  # each datum's own
    assert (best.mean > 0).all() and not best.mean.requires_grad
    torch.testing.assert_close(best.stddev, torch.full((2, 1), 0.5).double())


@pytest.mark.parametrize("full", [False, True])
def test_both_gaussians_are_evaluated_with_the_same_noise(full):
    model = lg(2, 3)
    x = torch.randn(4, 3).double()
    mean, factor = (t64(0.3, -0.2), t64([[0.7, 0.0], [0.4, 0.9]]))
    covariances = (
        [factor @ factor.mT, 4 * factor @ factor.mT]
        if full
        else [t64(np.diag([0.5, 0.2])), t64(np.eye(2))]
    )
    both = [MultivariateNormal(mean.expand(4, 2), c) for c in covariances]
    if not full:
        both = [Independent(Normal(p.mean, p.stddev), 1) for p in both]
    torch.manual_seed(1)
    log_w = _log_weights_both(model, tuple(both), x, 6)
    torch.manual_seed(1)
    noise = torch.randn(6, 4, 2, dtype=torch.float64).numpy()
    for got, p, c in zip(log_w, both, covariances, strict=True):
        z = mean.numpy() + noise @ np.linalg.cholesky(c.numpy()).T
        log_q = stats.multivariate_normal(mean, c).logpdf(z)
        truth = model.log_joint(x, t64(z)).detach() - t64(log_q)
        torch.testing.assert_close(got.detach(), truth, rtol=1e-11, atol=1e-11)
        assert p.batch_shape == (4,)


@pytest.mark.parametrize(
    "solved, given, way",
    [
        (True, None, "exact"),
        (True, "exact", "exact"),
        (True, "ais", "ais"),
        (True, "importance", "importance"),
        (False, None, "ais"),
        (False, "importance", "importance"),
        (True, t64(7.0, 8.0), "given"),
    ],
)
def test_each_way_to_the_evidence_is_the_one_that_was_named(solved, given, way, monkeypatch):
    x = torch.zeros(2, 3, dtype=torch.float64)
    model, best = lg(1, 3) if solved else curved(1), Independent(Normal(torch.zeros(2, 1), 1.0), 1)
    answers = {"ais": (t64(1.0, 2.0), t64(0.1, 0.2)), "importance": (t64(3.0, 4.0), t64(0.3, 0.4))}
    asked = []

    def answer(way):
        return lambda *given, **more: asked.append((*given, more)) or answers[way]

    monkeypatch.setattr("vaelib.ledger.ais", answer("ais"))
    monkeypatch.setattr("vaelib.ledger.estimate_log_evidence", answer("importance"))
    log_p, se = _log_evidence(model, best, x, 50, 20, given)
    if way in answers:
        assert (log_p, se) == answers[way]
        ais_asked, importance_asked = (model, x, {"return_se": True}), (model, best, x, 50, 20, {})
        assert asked == [ais_asked if way == "ais" else importance_asked]
    else:
        truth = exact_log_evidence(model, x) if way == "exact" else [7.0, 8.0]
        np.testing.assert_allclose(log_p.detach(), truth, rtol=1e-12)
        assert not asked and torch.equal(se, torch.zeros(2).double())


def test_the_search_starts_where_the_encoder_is():
    factor = t64([[[0.7, 0.0], [0.4, 1.9]], [[0.2, 0.0], [-0.8, 0.5]]])
    full = MultivariateNormal(t64([[1.0, 2.0], [3.0, 4.0]]), scale_tril=factor)
    for q_z in (full, Independent(Normal(full.mean, full.stddev), 1)):
        again = _gaussian(*_parameters(q_z))
        assert type(again) is type(q_z)
        torch.testing.assert_close(again.mean, q_z.mean, rtol=0, atol=0)
        torch.testing.assert_close(again.stddev, q_z.stddev, rtol=1e-14, atol=0)
    torch.testing.assert_close(_gaussian(*_parameters(full)).scale_tril, factor, rtol=1e-14, atol=0)


def test_the_defaults_that_numbers_in_print_depend_on():
    wanted = {"K": 1000, "steps": 1000, "lr": 0.05, "log_evidence": None}
    parameters = inspect.signature(gap_ledger).parameters
    assert {name: parameters[name].default for name in wanted} == wanted
