"""Chapter 6: annealed importance sampling against the exact evidence, and its parts by hand."""

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
from oracles import assert_mean, t64
from scipy import stats
from torch import nn
from torch.distributions import (
    Categorical,
    HalfNormal,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vaelib.annealing import (
    _adapted,
    _anneal,
    _equal_lengths,
    _inside,
    _Path,
    _preliminary_run,
    _transition,
    ais,
)
from vaelib.latent import GaussianMixture, LinearGaussian
from vaelib.ledger import gap_ledger

QUICK = {"temperatures": 5, "leapfrog": 2}


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("n_z, n_x, n_temperatures", [(1, 1, 1), (1, 1, 6), (2, 3, 12)])
def test_ais_is_unbiased_for_the_evidence_and_its_reverse_for_one_over_it(
    K, n_z, n_x, n_temperatures
):
    model = lg(n_z, n_x, sigma=1.5)
    x = (model.bias + 0.3).detach().expand(1000, n_x)
    truth = t64(exact_log_evidence(model, x))
    forward = ais(model, x, K, n_temperatures, leapfrog=3)
    assert forward.shape == (1000,) and forward.dtype == torch.float64 and not forward.requires_grad
    assert_mean((forward - truth).exp(), 1)
    if n_temperatures > 1:  # one step from the posterior to the prior has a weight without variance
        reverse = ais(model, x, K, n_temperatures, leapfrog=3, z=model.posterior(x).sample((K,)))
        assert_mean((truth - reverse).exp(), 1)
        assert forward.mean() < truth[0] < reverse.mean()


@pytest.mark.parametrize("n_z, n_x, n_data", [(1, 1, 1), (1, 5, 4), (3, 6, 1)])
def test_ais_and_its_reverse_agree_with_the_evidence_within_their_errors(n_z, n_x, n_data):
    model = lg(n_z, n_x)
    x = model.sample(n_data)[0]
    truth = exact_log_evidence(model, x)
    forward, se = ais(model, x, 60, 20, 4, return_se=True)
    assert far_from(forward, truth, se) < 5 and se.max() < 0.7
    z = model.posterior(x).sample((60,)).detach()
    reverse, se = ais(model, x, 60, 50, 4, z=z, return_se=True)
    assert far_from(reverse, truth, se) < 5 and se.max() < 0.7


def test_simulated_data_sandwich_the_evidence_with_one_posterior_sample_each():
    model = lg(4, 8, sigma=0.3)
    x, z = model.sample(100)
    truth = t64(exact_log_evidence(model, x))
    below, above = (ais(model, x, 4, 15, 4, z=start) - truth for start in (None, z))
    assert (
        below.mean() + 4 * below.std() / math.sqrt(100)
        < 0
        < above.mean() - 4 * above.std() / math.sqrt(100)
    )
    more = ais(model, x, 4, 60, 4) - truth
    assert more.mean() > 0.5 * below.mean()  # more temperatures, a tighter bound


def test_the_standard_error_of_ais_is_calibrated():
    model = lg(1, 1, sigma=1.0)
    x = (model.bias + 0.5).detach().expand(1000, 1)
    truth = t64(exact_log_evidence(model, x))
    log_p, se = ais(model, x, 100, 20, 4, return_se=True)
    assert_mean(((log_p - truth) / se) ** 2, 1)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_a_transition_leaves_the_tempered_density_as_it_is(beta):
    model, n = lg(2, 3, sigma=1.0), 40_000
    weight, bias, sigma = dense(model)
    x = t64([[0.4, -1.0, 2.0]])
    covariance = np.linalg.inv(np.eye(2) + beta * weight.T @ weight / sigma**2)
    mean = covariance @ weight.T @ (x[0].numpy() - bias) * beta / sigma**2
    z = MultivariateNormal(t64(mean), t64(covariance)).sample((n, 1))
    # so long that many a proposal is refused
    step = t64([1.6 * math.sqrt(np.linalg.eigvalsh(covariance)[0])])
    after, acceptance = _transition(_Path(model, x), z, t64(beta), step, 3)
    assert 0.3 < acceptance.mean() < 0.97 and ((acceptance >= 0) & (acceptance <= 1)).all()
    moved = (after != z).any(-1)
    assert_mean(moved.double() - acceptance, 0)
    centred = (after - t64(mean))[:, 0].numpy()
    assert_mean(centred, 0)
    assert_mean(np.einsum("ni,nj->nij", centred, centred), covariance)
    assert_mean(centred**4, 3 * np.diag(covariance) ** 2)


@pytest.mark.parametrize("n_z", [1, 2])
def test_ais_agrees_with_quadrature_where_the_decoder_is_curved(n_z):
    model = curved(n_z)
    x, z = model.sample(5)
    truth = quadrature(model, x, n_z)
    forward, se = ais(model, x, 100, 25, 4, return_se=True)
    assert far_from(forward, truth, se) < 5 and se.max() < 0.5
    assert (ais(model, x, 100, 25, 4, z=z) - t64(truth)).mean().abs() < 0.5


def test_ais_takes_a_prior_that_is_no_gaussian():
    class Two(nn.Module):
        def forward(self):
            parts = Independent(Normal(t64([[-2.0], [1.0]]), t64([[0.5], [1.0]])), 1)
            return MixtureSameFamily(Categorical(logits=t64(0.0, 0.0)), parts)

    model = curved(1, Two())
    x = t64([[0.3, -0.2, 0.9]])
    z = np.linspace(-9, 9, 2001)[:, None]
    prior = (stats.norm(-2, 0.5).pdf(z) + stats.norm(1, 1).pdf(z))[:, 0] / 2
    terms = curved_joint(model, x[0], z) - stats.norm.logpdf(z[:, 0]) + np.log(prior)
    log_p, se = ais(model, x, 200, 20, 4, return_se=True)
    assert far_from(log_p, [np.logaddexp.reduce(terms) + math.log(0.009)], se) < 5
    assert se.max() < 0.2


def test_ais_in_float32_agrees_and_stays_float32():
    model = lg(2, 4)
    x = model.sample(3)[0]
    truth = exact_log_evidence(model, x)
    log_p, se = ais(model.float(), x.float(), 60, 20, 4, return_se=True)
    assert log_p.dtype == se.dtype == torch.float32
    assert far_from(log_p, truth, se) < 5 and se.max() < 0.7


def test_ais_survives_a_likelihood_that_is_very_narrow_in_float32():
    model = LinearGaussian(t64([[1.0], [2.0]]), t64(0.0, 0.0), 3e-3)
    x = t64([[0.5, 1.001], [3.0, 6.0]])
    log_p = ais(model.float(), x.float(), 30, 120, 4)  # at the prior log p(x | z) is about -10^6
    assert (log_p - t64(exact_log_evidence(model.double(), x))).abs().max() < 3


def test_ais_is_exact_where_the_decoder_ignores_z():
    model = LinearGaussian(t64([[0.0], [0.0]]), t64(0.0, 1.0), 1.0)
    x = t64([[0.5, 1.0]])
    log_p, se = ais(model, x, 3, 10, 2, return_se=True)
    np.testing.assert_allclose(log_p, exact_log_evidence(model, x), rtol=1e-12)
    assert se.max() < 1e-6


def test_chains_that_leave_the_numbers_are_refused():
    model, x = lg(1, 2), t64([[0.1, 0.2]])
    z = torch.randn(50, 1, 1, dtype=torch.float64)
    for step in (1e30, 1e200, 1e308):
        after, acceptance = _transition(_Path(model, x), z, t64(1.0), t64([step]), 5)
        assert torch.equal(after, z) and (acceptance == 0).all()


def test_ais_and_the_ledger_leave_the_model_as_it_was_and_work_without_gradients():
    model = curved(2).eval()
    model.decoder.net[0].weight.requires_grad_(False)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    wanted = [p.requires_grad for p in model.parameters()]
    x = model.sample(2)[0]
    with torch.no_grad():
        ais(model, x, 2, **QUICK)
        q = lambda x: Independent(Normal(x[:, :2], 1.0), 1)  # noqa: E731
        gap_ledger(model, q, x, 2, steps=2, log_evidence="importance")
    assert all(p.grad is None for p in model.parameters()) and not model.training
    assert [p.requires_grad for p in model.parameters()] == wanted
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())


def test_ais_holds_one_temperature_at_a_time():
    model, sizes = lg(1, 2), []
    model.decoder.register_forward_hook(lambda module, args, out: sizes.append(args[0].shape[0]))
    ais(model, torch.zeros(3, 2, dtype=torch.float64), 11, **QUICK)
    assert max(sizes) == 11


def test_ais_and_the_ledger_are_reproducible():
    model = lg(2, 3)
    x = model.sample(2)[0]

    def both(seed):
        torch.manual_seed(seed)
        ledger = gap_ledger(model, gaussian_of(model), x, 20, steps=3)
        return ais(model, x, 2, **QUICK), ledger.elbo_best

    one, again, other = both(1), both(1), both(2)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_ais_refuses_a_model_that_it_cannot_anneal():
    mixture = GaussianMixture(t64(0.3, -1), t64([[0.0], [1.0]]), 1.0)
    with pytest.raises(
        TypeError, match=r"ais needs a model whose prior has a density on all of R\^Z; got OneHot"
    ):
        ais(mixture, t64([[0.0]]), **QUICK)
    positive = curved(1)
    positive.prior.forward = lambda: Independent(HalfNormal(t64([1.0])), 1)
    with pytest.raises(TypeError, match=r"density on all of R\^Z"):
        ais(positive, t64([[0.0, 0.0, 0.0]]), **QUICK)
    summed = curved(1)
    summed.log_joint = lambda x, z: (z**2).sum()
    with pytest.raises(
        ValueError, match=r"log_joint must return shape \(K, B\), \(8, 1\); got \(\)"
    ):
        ais(summed, t64([[0.0, 0.0, 0.0]]), **QUICK)


def test_ais_takes_a_prior_that_does_not_name_its_support():
    class Silent(Normal):
        @property
        def support(self):
            raise NotImplementedError

    model = lg(1, 1)
    model.prior.forward = lambda: Independent(Silent(t64([0.0]), t64([1.0]), False), 1, False)
    assert ais(model, t64([[0.5]]), 2, **QUICK).isfinite().all()


class Flat:
    """A path whose density is the same everywhere, so that every proposal is accepted."""

    def log_density(self, z, beta):
        return torch.zeros_like(z[..., 0]), torch.zeros_like(z)

    def over_event(self, values):
        return values[..., None]


@pytest.mark.parametrize("leapfrog", [1, 4])
def test_on_flat_ground_a_chain_goes_straight_on_by_steps_of_a_random_length(leapfrog):
    z, step = torch.randn(4000, 2, 3, dtype=torch.float64), t64(0.5, 0.1)
    torch.manual_seed(1)
    momentum = torch.randn_like(z)
    torch.manual_seed(1)
    after, acceptance = _transition(Flat(), z, t64(1.0), step, leapfrog)
    assert (acceptance == 1).all()
    part = (after - z) / (leapfrog * momentum) / step[:, None]
    # one length for all of a chain
    torch.testing.assert_close(part, part[..., :1].expand_as(part), rtol=1e-6, atol=0)
    assert 0.8 <= part.min() < 0.801 and 0.999 < part.max() <= 1
    assert_mean(part[..., 0], 0.9)


def test_acceptance_is_the_metropolis_ratio_of_a_leapfrog_trajectory():
    class Slope(Flat):
        def log_density(self, z, beta):  # of a standard normal
            return -0.5 * z.square().sum(-1), -z

    z = torch.randn(50, 1, 2, dtype=torch.float64)
    torch.manual_seed(1)
    start = p = torch.randn_like(z)
    step = 0.9 * (1 - 0.2 * torch.rand(50, 1, dtype=torch.float64))[..., None]
    at = z
    for _ in range(3):
        half = p - step / 2 * at
        at = at + step * half
        p = half - step / 2 * at
    truth = np.exp(np.minimum(0, ((z**2 + start**2 - at**2 - p**2) / 2).sum(-1).numpy()))
    uniform = torch.rand(50, 1, dtype=torch.float64)
    torch.manual_seed(1)
    after, acceptance = _transition(Slope(), z, t64(1.0), t64([0.9]), 3)
    np.testing.assert_allclose(acceptance, truth, rtol=1e-12)
    taken = (uniform.numpy() < truth)[..., None]
    np.testing.assert_allclose(after, np.where(taken, at, z), rtol=1e-12)
    assert 0 < taken.sum() < 50


def test_a_proposal_without_density_is_refused_whatever_the_random_number(monkeypatch):
    class Cliff(Flat):
        def log_density(self, z, beta):
            return torch.where(z[..., 0] == 0, 0.0, -math.inf), torch.zeros_like(z)

    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    z = torch.zeros(5, 1, 2, dtype=torch.float64)
    after, acceptance = _transition(Cliff(), z, t64(1.0), t64([0.5]), 2)
    assert torch.equal(after, z) and (acceptance == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_chain_is_inside_while_its_density_could_be_squared_and_its_gradient_is_finite(dtype):
    border = math.sqrt(torch.finfo(dtype).max)
    log_density = torch.tensor(
        [0.0, 1e9, -0.99 * border, -1.01 * border, -math.inf, math.nan, 0.0, 0.0], dtype=dtype
    )
    gradient = torch.zeros(8, 2, dtype=dtype)
    gradient[6, 1], gradient[7, 0] = math.inf, math.nan
    inside = _inside(log_density[:, None], gradient[:, None])  # eight chains, one datum
    assert inside[:, 0].tolist() == [True] * 3 + [False] * 5
    assert not _inside(log_density.new_tensor([[-border]]), gradient[:1, None])  # at the border


def test_the_step_grows_by_how_much_acceptance_exceeds_four_fifths(monkeypatch):
    steps, acceptance = [], t64([[1.0, 0.2], [0.8, 0.4]])

    def transition(path, z, beta, step, leapfrog):
        steps.append(step)
        return z + beta, acceptance

    monkeypatch.setattr("vaelib.annealing._transition", transition)
    z, log_step = _adapted(None, t64(1.0), t64(0.5), t64(-1.0, 2.0), 7)
    np.testing.assert_allclose(log_step, [-1 + 0.9 - 0.8, 2 + 0.3 - 0.8], rtol=1e-13)
    np.testing.assert_allclose(steps[0], np.exp([-1, 2]), rtol=1e-13)
    assert z == 1.5


def test_annealing_weighs_at_each_temperature_and_moves_between_them(monkeypatch):
    moves = []

    def transition(path, z, beta, step, leapfrog):
        moves.append((beta.item(), step.item(), leapfrog))
        return z + 1, None

    class Path:
        def log_p_x_given_z(self, z):
            return z**2

    monkeypatch.setattr("vaelib.annealing._transition", transition)
    log_w = _anneal(Path(), t64([[2.0]]), t64(0.0, 0.1, 0.4, 1.0), t64(5.0, 6.0), 3)
    assert moves == [(0.1, 5.0, 3), (0.4, 6.0, 3)]
    np.testing.assert_allclose(log_w, [[0.1 * 4 + 0.3 * 9 + 0.6 * 16]], rtol=1e-13)


def test_the_preliminary_run_warms_up_and_follows_a_power_of_four(monkeypatch):
    seen, given = [], []

    def adapted(path, z, beta, log_step, leapfrog):
        seen.append((beta.item(), log_step[0].item(), leapfrog))
        return z * (1 + beta), log_step + 1

    class Path:
        def start(self, K):
            return torch.arange(3.0 * K, dtype=torch.float64).reshape(K, 3, 1)

        def log_p_x_given_z(self, z):
            return z[..., 0]

    monkeypatch.setattr("vaelib.annealing._adapted", adapted)
    monkeypatch.setattr("vaelib.annealing._equal_lengths", lambda *args: given.extend(args))
    _preliminary_run(Path(), 4, 9)
    betas = np.array([0, 1, 16, 81, 256]) / 256
    order = [betas[1]] * 20 + list(betas[1:])
    np.testing.assert_allclose([beta for beta, *_ in seen], order, rtol=1e-14)
    assert [(step, leapfrog) for _, step, leapfrog in seen] == [(i, 9) for i in range(24)]
    np.testing.assert_allclose(given[0], betas, rtol=1e-14)
    chains = 3 * np.arange(8.0)
    growth = np.cumprod(1 + np.array(order))[19:]
    np.testing.assert_allclose(
        given[1], np.tile(chains.std(ddof=1) * growth[:, None], 3), rtol=1e-12
    )
    np.testing.assert_array_equal(given[2], np.tile(np.arange(20.0, 25)[:, None], 3))


def test_temperatures_are_equally_far_apart_in_what_the_log_likelihood_varies():
    rng = np.random.default_rng(0)
    betas, spreads = np.linspace(0, 1, 8) ** 4, rng.gamma(2.0, size=(8, 5))
    log_steps = rng.normal(size=(8, 5))
    spreads[2, :3], spreads[3, :2] = np.inf, np.nan  # what underflows counts as no spread
    clean = np.maximum(np.sort(np.where(np.isfinite(spreads), spreads, 0), 1)[:, 2], 1e-6)
    length = np.concatenate([[0], np.cumsum((clean[1:] + clean[:-1]) / 2 * np.diff(betas))])
    wanted = np.linspace(0, length[-1], 8)[1:-1]
    inner, steps = _equal_lengths(t64(betas), t64(spreads), t64(log_steps))
    np.testing.assert_allclose(inner, [0, *np.interp(wanted, length, betas), 1], rtol=1e-6)
    truth = np.exp([np.interp(wanted, length, column) for column in log_steps.T]).T
    np.testing.assert_allclose(steps, truth, rtol=1e-5)


def test_temperatures_stay_as_they_were_where_nothing_varies_and_there_may_be_one():
    betas = t64(0.0, 0.1, 0.5, 1.0)
    inner, _ = _equal_lengths(betas, torch.zeros(4, 2).double(), torch.zeros(4, 2).double())
    # a floor that is the same everywhere
    np.testing.assert_allclose(inner, np.linspace(0, 1, 4), rtol=1e-6)
    uneven = torch.zeros(4, 1).double()
    uneven[:2] = 2e-6
    length = np.cumsum([0, 2e-6 * 0.1, 1.5e-6 * 0.4, 1e-6 * 0.5])
    truth = np.interp(np.linspace(0, length[-1], 4), length, betas.numpy())
    np.testing.assert_allclose(_equal_lengths(betas, uneven, uneven)[0], truth, rtol=1e-6)
    # the first new one before the first old
    betas = t64(0.0, 0.5, 0.75, 1.0)
    spreads = t64([[4.0], [1.0], [1.0], [1.0]])
    truth = np.interp(np.linspace(0, 1.75, 4), [0, 1.25, 1.5, 1.75], betas.numpy())
    np.testing.assert_allclose(_equal_lengths(betas, spreads, spreads)[0], truth, rtol=1e-6)
    inner, steps = _equal_lengths(
        t64(0.0, 1.0), torch.ones(2, 3).double(), torch.zeros(2, 3).double()
    )
    assert inner.tolist() == [0, 1] and steps.shape == (0, 3)


def test_the_defaults_that_numbers_in_print_depend_on():
    wanted = {"K": 16, "temperatures": 1000, "leapfrog": 10, "z": None, "return_se": False}
    parameters = inspect.signature(ais).parameters
    assert {name: parameters[name].default for name in wanted} == wanted
