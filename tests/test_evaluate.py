"""log p(x) estimated honestly, and what the latents do."""

import dataclasses
import inspect
import math

import numpy as np
import pytest
import torch
from oracles import assert_mean, bound_1d, kl_gaussians, lg_conditioned, t64
from scipy import optimize, stats
from torch import nn
from torch.distributions import (
    Categorical,
    HalfNormal,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vaelib import evaluate
from vaelib.evaluate import (
    _adapted,
    _anneal,
    _best_of_family,
    _equal_lengths,
    _gaussian,
    _inside,
    _log_evidence,
    _log_weights_both,
    _parameters,
    _Path,
    _preliminary_run,
    _standard_error,
    _transition,
    active_units,
    ais,
    gap_ledger,
    interpolate,
    log_likelihood,
    reconstruct,
)
from vaelib.latent import GaussianMixture, LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.proxies import GaussianDecoder, GaussianEncoder

X = 1.1


def model_1d():
    """x | z ~ N(z, 1): posterior N(x / 2, 1 / 2)."""
    return LinearGaussian(t64([[1.0]]), t64([0.0]), 1.0)


def proxy(x):
    return Independent(Normal(x / 2 + 0.2, 0.8), 1)


def copies(n):
    return t64([[X]]).expand(n, 1)


def exact_bound(K):
    return stats.norm(0, math.sqrt(2)).logpdf(X) + bound_1d(
        X / 2, math.sqrt(0.5), X / 2 + 0.2, 0.8, K
    )


@pytest.mark.parametrize("chunk", [1, 3, 4, 12, 100])
def test_log_likelihood_has_the_mean_of_the_exact_bound_whatever_the_chunk(chunk):
    log_p = log_likelihood(model_1d(), proxy, copies(20_000), K=12, chunk=chunk)
    assert not log_p.requires_grad and log_p.dtype == torch.float64
    assert_mean(log_p, exact_bound(12))


def test_log_likelihood_is_the_log_of_the_mean_weight():
    model, x = model_1d(), torch.randn(4, 1, dtype=torch.float64)
    torch.manual_seed(1)
    z = proxy(x).sample((5,))
    w = (model.log_joint(x, z) - proxy(x).log_prob(z)).exp().detach().numpy()
    torch.manual_seed(1)
    log_p, se = log_likelihood(model, proxy, x, K=5, return_se=True)
    np.testing.assert_allclose(log_p, np.log(w.mean(0)), rtol=1e-13)
    np.testing.assert_allclose(se, w.std(0, ddof=1) / math.sqrt(5) / w.mean(0), rtol=1e-11)


@pytest.mark.parametrize(
    "make", [model_1d, lambda: GaussianMixture(t64(0.3, -1), t64([[0.0], [1.0]]), 1.0)]
)
def test_log_likelihood_with_the_exact_posterior_is_the_log_evidence(make):
    model, x = make(), torch.randn(4, 1, dtype=torch.float64)
    log_p, se = log_likelihood(model, model.posterior, x, K=7, chunk=3, return_se=True)
    torch.testing.assert_close(log_p, model.log_evidence(x).detach(), rtol=0, atol=1e-13)
    assert se.max() < 1e-7


@pytest.mark.parametrize("K, chunk, sizes", [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 100, [3])])
def test_log_likelihood_uses_exactly_K_samples_no_more_than_a_chunk_at_a_time(K, chunk, sizes):
    model, seen = model_1d(), []
    model.decoder.register_forward_hook(lambda module, args, out: seen.append(args[0].shape[0]))
    log_likelihood(model, proxy, copies(2), K, chunk)
    assert seen == sizes


def test_log_likelihood_asks_the_encoder_once():
    calls = []
    log_likelihood(model_1d(), lambda x: calls.append(1) or proxy(x), copies(2), K=10, chunk=2)
    assert len(calls) == 1


@pytest.mark.parametrize("chunk", [100, 2000])
def test_the_standard_error_is_calibrated(chunk):
    log_p, se = log_likelihood(model_1d(), proxy, copies(2000), K=1000, chunk=chunk, return_se=True)
    z = ((log_p - stats.norm(0, math.sqrt(2)).logpdf(X)) / se).numpy()
    assert_mean(z, 0)
    assert_mean(z**2, 1)


def test_log_likelihood_survives_weights_that_underflow():
    far = t64([[200.0]])  # every weight is below e^-9000
    model, q = model_1d(), lambda x: Independent(Normal(x / 2, 1.0), 1)
    log_p, se = log_likelihood(model, q, far, K=4000, return_se=True)
    assert abs(log_p.item() - stats.norm(0, math.sqrt(2)).logpdf(200.0)) < 5 * se.item() < 0.1


@pytest.mark.parametrize(
    "more, message",
    [
        ({"K": 0}, "K must be a positive integer"),
        ({"chunk": 0}, "chunk must be a positive integer"),
        ({"K": 1, "return_se": True}, "K must be at least 2 for a standard error; got 1"),
    ],
)
def test_log_likelihood_refuses_what_it_cannot_do(more, message):
    with pytest.raises(ValueError, match=message):
        log_likelihood(model_1d(), proxy, copies(2), **more)
    with pytest.raises(ValueError, match=r"x must be a tensor of shape \(B, X\)"):
        log_likelihood(model_1d(), proxy, t64([1.0]))


def test_active_units_counts_the_means_that_vary_with_x():
    scale = t64(0.05, 0.099, 0.101, 3.0)  # deviations of the means; 0.1 is the default threshold
    x = t64([[-1.0], [0.0], [1.0]])  # of variance 1 (divided by B - 1)

    def q(x):
        return Independent(Normal(7 + x * scale, 1.0), 1)

    assert active_units(q, x) == 2
    assert active_units(q, x, threshold=1e-3) == 4
    assert active_units(q, x, threshold=0) == 4
    assert active_units(q, x, threshold=9.1) == 0
    with pytest.raises(ValueError, match="at least two data"):
        active_units(q, x[:1])


def vae():
    model = LatentVariableModel(StandardNormal(2).double(), GaussianDecoder(2, 5, (4,)).double())
    return model, GaussianEncoder(5, 2, (4,)).double(), torch.randn(3, 5, dtype=torch.float64)


def test_reconstruct_decodes_the_mean_of_the_code():
    weight = t64([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
    model, x = (
        LinearGaussian(weight, t64(0.5, -1.0, 0.3), 0.7),
        torch.randn(4, 3, dtype=torch.float64),
    )
    gain = np.linalg.solve(weight.mT.numpy() @ weight.numpy() + 0.49 * np.eye(2), weight.mT.numpy())
    truth = (x.numpy() - [0.5, -1.0, 0.3]) @ (weight.numpy() @ gain).T + [0.5, -1.0, 0.3]
    got = reconstruct(model, model.posterior, x)
    assert not got.requires_grad
    np.testing.assert_allclose(got, truth, rtol=1e-12)


def test_interpolate_decodes_the_line_between_two_codes():
    model, q, x = vae()
    n, there = 4, x.flip(0)
    path = interpolate(model, q, x, there, n)
    assert path.shape == (4, 3, 5) and not path.requires_grad
    start, end = q(x).mean.detach().numpy(), q(there).mean.detach().numpy()
    for i in range(n):
        code = start + i / (n - 1) * (end - start)
        torch.testing.assert_close(
            path[i], model.decoder(t64(code)).mean.detach(), rtol=1e-12, atol=1e-13
        )
    torch.testing.assert_close(interpolate(model, q, x, there, 1)[0], reconstruct(model, q, x))


def test_interpolate_refuses_what_does_not_fit():
    model, q, x = vae()
    with pytest.raises(ValueError, match=r"one shape; got \(3, 5\), \(2, 5\)"):
        interpolate(model, q, x, x[:2], 3)
    with pytest.raises(ValueError, match="n must be a positive integer"):
        interpolate(model, q, x, x, 0)


def test_evaluation_needs_a_batch_axis_and_a_distribution():
    model, q, x = vae()
    for function in (lambda q, x: active_units(q, x), lambda q, x: reconstruct(model, q, x)):
        with pytest.raises(ValueError, match=r"x must be a tensor of shape \(B, X\)"):
            function(q, x[0])
        with pytest.raises(TypeError, match="q must return a torch Distribution; got Tensor"):
            function(nn.Identity(), x)


QUICK = {"temperatures": 5, "leapfrog": 2}


def lg(n_z, n_x, sigma=0.5, seed=3):
    rng = np.random.default_rng(seed)
    return LinearGaussian(t64(rng.normal(size=(n_x, n_z))), t64(rng.normal(size=n_x)), sigma)


def dense(model):
    return model.weight.detach().numpy(), model.bias.detach().numpy(), model.sigma.item()


def exact_log_evidence(model, x):
    weight, bias, sigma = dense(model)
    return stats.multivariate_normal(bias, weight @ weight.T + sigma**2 * np.eye(len(bias))).logpdf(
        x.numpy()
    )


def curved(n_z, prior=None):
    """A small non-linear decoder of three-dimensional data."""
    torch.manual_seed(5)
    decoder = GaussianDecoder(n_z, 3, (4,), sigma_dec=0.5)
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    return LatentVariableModel(prior or StandardNormal(n_z), decoder).double()


def curved_joint(model, x, z):
    """log p(x, z) of one x at points (N, Z), in NumPy."""
    w1, b1, w2, b2 = (p.detach().double().numpy() for p in model.decoder.net.parameters())
    mean = np.tanh(z @ w1.T + b1) @ w2.T + b2
    sigma = model.decoder.sigma_dec.item()
    return stats.norm(mean, sigma).logpdf(x.numpy()).sum(-1) + stats.norm.logpdf(z).sum(-1)


def quadrature(model, x, n_z):
    line = np.linspace(-7, 7, 701)
    z = np.stack(np.meshgrid(*[line] * n_z, indexing="ij"), -1).reshape(-1, n_z)
    cell = n_z * math.log(line[1] - line[0])
    return np.array([np.logaddexp.reduce(curved_joint(model, row, z)) + cell for row in x])


def far_from(estimate, truth, se):
    """The largest distance in standard errors, beside rounding."""
    return ((estimate - t64(truth)).abs() / (se + 1e-9)).max()


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
    step = t64(
        [1.6 * math.sqrt(np.linalg.eigvalsh(covariance)[0])]
    )  # so long that many a proposal is refused
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
    assert (
        far_from(log_p, [np.logaddexp.reduce(terms) + math.log(0.009)], se) < 5 and se.max() < 0.2
    )


def test_ais_in_float32_agrees_and_stays_float32():
    model = lg(2, 4)
    x = model.sample(3)[0]
    truth = exact_log_evidence(model, x)
    log_p, se = ais(model.float(), x.float(), 60, 20, 4, return_se=True)
    assert log_p.dtype == se.dtype == torch.float32
    assert far_from(log_p, truth, se) < 5 and se.max() < 0.7


def test_ais_survives_a_likelihood_that_is_very_narrow_in_float32():
    model, x = (
        LinearGaussian(t64([[1.0], [2.0]]), t64(0.0, 0.0), 3e-3),
        t64([[0.5, 1.001], [3.0, 6.0]]),
    )
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


def test_ais_leaves_the_model_as_it_was_and_works_without_gradients():
    model = curved(2).eval()
    model.decoder.net[0].weight.requires_grad_(False)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    wanted = [p.requires_grad for p in model.parameters()]
    x = model.sample(2)[0]
    with torch.no_grad():
        ais(model, x, 2, **QUICK)
        gap_ledger(
            model,
            lambda x: Independent(Normal(x[:, :2], 1.0), 1),
            x,
            2,
            steps=2,
            log_evidence="importance",
        )
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


@pytest.mark.parametrize(
    "more, message",
    [
        ({"K": 0}, "K must be a positive integer; got 0"),
        ({"temperatures": 2.5}, "temperatures must be a positive integer; got 2.5"),
        ({"leapfrog": -1}, "leapfrog must be a positive integer; got -1"),
        ({"K": 1, "return_se": True}, "K must be at least 2 for a standard error; got 1"),
        ({"x": t64(0.0, 0.0)}, r"x must be a tensor of shape \(B, X\), B at least 1; got \(2,\)"),
        ({"x": [[0.0, 0.0]]}, "got list"),
        ({"x": torch.zeros(0, 2)}, r"got \(0, 2\)"),
        ({"z": t64([[0.0, 0.0]])}, r"z must have shape \(3, 1\) or \(2, 3, 1\); got \(1, 2\)"),
        ({"z": 0}, "got int"),
    ],
)
def test_ais_refuses_what_it_cannot_do(more, message):
    with pytest.raises(ValueError, match=message):
        ais(**{"model": lg(1, 2), "x": torch.zeros(3, 2).double(), "K": 2, **QUICK, **more})


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


def gaussian_of(model, shift=0.0, widen=1.0, full=False):
    """The best diagonal q of a linear-Gaussian model (or its posterior), moved and widened."""
    weight, _, sigma = dense(model)
    precision = np.eye(weight.shape[1]) + weight.T @ weight / sigma**2

    def q(x):
        mean = t64(np.array([lg_conditioned(*dense(model), row)[0] for row in x.numpy()])) + shift
        if full:
            return MultivariateNormal(mean, t64(widen**2 * np.linalg.inv(precision)))
        return Independent(
            Normal(mean, (widen * t64(np.diag(precision) ** -0.5)).expand_as(mean)), 1
        )

    return q


def lg_gaps(model, q, x, full=False):
    """Gap and approximation gap in closed form: KL(q || posterior), and that of the best diagonal q."""
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
    assert (
        ledger.amortisation > 5 * ledger.amortisation_se
    ).all() and ledger.amortisation_se.max() < 0.05
    if n_z == 1 or full:
        assert (
            ledger.approximation.abs().max() < 1e-3
        )  # the family holds the posterior: the landing sticks
    for field in dataclasses.fields(ledger):
        assert (
            getattr(ledger, field.name).shape == (4,)
            and not getattr(ledger, field.name).requires_grad
        )


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
    monkeypatch.setattr(
        ais.__wrapped__, "__defaults__", (16, 20, 4, None, False)
    )  # the true ones ask for patience
    ledger = gap_ledger(
        model, lambda x: Independent(Normal(x[:, :1], 0.7), 1), x, 500, steps=100, log_evidence=how
    )
    evidence_se = (ledger.gap_se**2 - ledger.amortisation_se**2).abs().sqrt() + ledger.gap_se
    assert far_from(ledger.log_evidence, quadrature(model, x, 1), evidence_se) < 5
    assert (ledger.approximation_se > 0).all()


@pytest.mark.parametrize(
    "more, error, message",
    [
        ({"K": 1}, ValueError, "K must be at least 2 for standard errors; got 1"),
        ({"K": 0}, ValueError, "K must be a positive integer"),
        ({"chunk": 0}, ValueError, "chunk must be a positive integer"),
        ({"steps": 0}, ValueError, "steps must be a positive integer"),
        ({"lr": 0.0}, ValueError, "lr must be a positive number; got 0.0"),
        ({"lr": math.inf}, ValueError, "lr must be a positive number; got inf"),
        ({"x": t64(0.0, 0.0)}, ValueError, r"x must be a tensor of shape \(B, X\)"),
        ({"log_evidence": "guess"}, ValueError, r"a tensor of shape \(3,\); got 'guess'"),
        ({"log_evidence": t64([0.0])}, ValueError, r"got a tensor of shape \(1,\)"),
        ({"log_evidence": "exact", "model": curved(1)}, ValueError, "the model must have it"),
        ({"q": nn.Identity()}, TypeError, "q must return a torch Distribution; got Tensor"),
        (
            {"q": lambda x: Independent(HalfNormal(x[:, :1].abs() + 1), 1)},
            TypeError,
            r"gap_ledger needs a q of Independent\(Normal, 1\) or MultivariateNormal; got Independent\(HalfNormal",
        ),
        ({"q": lambda x: Normal(x[:, 0], 1.0)}, TypeError, "got Normal"),
    ],
)
def test_the_ledger_refuses_what_it_cannot_do(more, error, message):
    given = {
        "model": lg(1, 3),
        "q": lambda x: Independent(Normal(x[:, :1], 1.0), 1),
        "x": torch.zeros(3, 3).double(),
    }
    with pytest.raises(error, match=message):
        gap_ledger(**{**given, "K": 2, "steps": 1, **more})


# What a wrong default or a wrong border would change


@pytest.mark.parametrize(
    "function, defaults",
    [
        (log_likelihood, {"K": 5000, "return_se": False}),
        (ais, {"K": 16, "temperatures": 1000, "leapfrog": 10, "z": None, "return_se": False}),
        (gap_ledger, {"K": 1000, "steps": 1000, "lr": 0.05, "log_evidence": None}),
        (active_units, {"threshold": 0.01}),
    ],
)
def test_the_defaults_that_numbers_in_print_depend_on(function, defaults):
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in defaults} == defaults


def test_two_data_are_enough_for_active_units_and_a_unit_at_the_threshold_does_not_count():
    x = t64([[-1.0], [0.0], [1.0]])  # of variance 1, exactly

    def q(x):
        return Independent(Normal(x, 1.0), 1)

    assert active_units(q, x, threshold=1.0) == 0 and active_units(q, x, threshold=0.999) == 1
    assert active_units(q, x[:2], threshold=0.499) == 1  # of variance 1/2


def test_interpolation_can_be_traced_without_numbers():
    model, x = lg(2, 3).to("meta"), torch.zeros(4, 2, device="meta")
    model.decoder.forward = lambda z: Independent(Normal(z, 1.0, validate_args=False), 1)
    q = model.decoder.forward
    path = interpolate(model, q, x, x, 5)
    assert path.shape == (5, 4, 2) and path.device.type == "meta"


# The parts of annealed importance sampling and of the ledger, each by hand


class Flat:
    """A path whose density is the same everywhere, so that every proposal is accepted."""

    def log_density(self, z, beta):
        return torch.zeros_like(z[..., 0]), torch.zeros_like(z)


@pytest.mark.parametrize("leapfrog", [1, 4])
def test_on_flat_ground_a_chain_goes_straight_on_by_steps_of_a_random_length(leapfrog):
    z, step = torch.randn(4000, 2, 3, dtype=torch.float64), t64(0.5, 0.1)
    torch.manual_seed(1)
    momentum = torch.randn_like(z)
    torch.manual_seed(1)
    after, acceptance = _transition(Flat(), z, t64(1.0), step, leapfrog)
    assert (acceptance == 1).all()
    part = (after - z) / (leapfrog * momentum) / step[:, None]
    torch.testing.assert_close(
        part, part[..., :1].expand_as(part), rtol=1e-6, atol=0
    )  # one length for all of a chain
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_chain_is_inside_while_its_density_could_be_squared_and_its_gradient_is_finite(dtype):
    border = math.sqrt(torch.finfo(dtype).max)
    log_density = torch.tensor(
        [0.0, 1e9, -0.99 * border, -1.01 * border, -math.inf, math.nan, 0.0, 0.0], dtype=dtype
    )
    gradient = torch.zeros(8, 2, dtype=dtype)
    gradient[6, 1], gradient[7, 0] = math.inf, math.nan
    assert _inside(log_density, gradient).tolist() == [True] * 3 + [False] * 5
    assert not _inside(
        t64([-math.sqrt(torch.finfo(torch.float64).max)]), t64([[0.0]])
    )  # at the border: outside


def test_the_step_grows_by_how_much_acceptance_exceeds_four_fifths(monkeypatch):
    steps, acceptance = [], t64([[1.0, 0.2], [0.8, 0.4]])

    def transition(path, z, beta, step, leapfrog):
        steps.append(step)
        return z + beta, acceptance

    monkeypatch.setattr(evaluate, "_transition", transition)
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

    monkeypatch.setattr(evaluate, "_transition", transition)
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

    monkeypatch.setattr(evaluate, "_adapted", adapted)
    monkeypatch.setattr(evaluate, "_equal_lengths", lambda *args: given.extend(args))
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
    np.testing.assert_allclose(
        inner, np.linspace(0, 1, 4), rtol=1e-6
    )  # a floor that is the same everywhere
    uneven = torch.zeros(4, 1).double()
    uneven[:2] = 2e-6
    length = np.cumsum([0, 2e-6 * 0.1, 1.5e-6 * 0.4, 1e-6 * 0.5])
    truth = np.interp(np.linspace(0, length[-1], 4), length, betas.numpy())
    np.testing.assert_allclose(_equal_lengths(betas, uneven, uneven)[0], truth, rtol=1e-6)
    betas, spreads = (
        t64(0.0, 0.5, 0.75, 1.0),
        t64([[4.0], [1.0], [1.0], [1.0]]),
    )  # the first new one before the first old
    truth = np.interp(np.linspace(0, 1.75, 4), [0, 1.25, 1.5, 1.75], betas.numpy())
    np.testing.assert_allclose(_equal_lengths(betas, spreads, spreads)[0], truth, rtol=1e-6)
    inner, steps = _equal_lengths(
        t64(0.0, 1.0), torch.ones(2, 3).double(), torch.zeros(2, 3).double()
    )
    assert inner.tolist() == [0, 1] and steps.shape == (0, 3)


def test_the_standard_error_is_that_of_the_relative_weight():
    w = np.random.default_rng(0).gamma(2.0, size=(9, 4))
    se = _standard_error(t64(np.log(w.sum(0))), t64(np.log((w**2).sum(0))), 9)
    np.testing.assert_allclose(se, w.std(0, ddof=1) / math.sqrt(9) / w.mean(0), rtol=1e-12)
    same = _standard_error(
        t64(math.log(3.0)), t64(math.log(3.0) - 1e-15), 3
    )  # three equal weights, and rounding
    assert same < 1e-7


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

    def bound(model, q, x, K):
        asked.append(K)
        return -(q(x).mean - 3.0).square().sum(-1)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    monkeypatch.setattr(
        evaluate, "elbo_stl", lambda *args: bound(*args) + 0 * args[1](args[2]).stddev.sum(-1)
    )
    q_z = Independent(Normal(torch.zeros(2, 1).double(), 0.5), 1)
    best = _best_of_family(None, q_z, torch.zeros(2, 1), 5, 0.2)
    assert asked[0] == {"lr": 0.2, "betas": (0.9, 0.95)} and asked[1:] == [10] * 5
    np.testing.assert_allclose(
        rates, [0.1 * (1 + math.cos(math.pi * k / 5)) for k in range(5)], rtol=1e-14
    )
    assert slopes[0].tolist() == [[-6.0], [-6.0]]  # each datum's own, whatever their number
    assert (best.mean > 0).all() and not best.mean.requires_grad
    torch.testing.assert_close(best.stddev, torch.full((2, 1), 0.5).double())


@pytest.mark.parametrize("full", [False, True])
def test_both_gaussians_are_evaluated_with_the_same_noise(full):
    model, x, (mean, factor) = (
        lg(2, 3),
        torch.randn(4, 3).double(),
        (t64(0.3, -0.2), t64([[0.7, 0.0], [0.4, 0.9]])),
    )
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


def test_a_proposal_without_density_is_refused_whatever_the_random_number(monkeypatch):
    class Cliff(Flat):
        def log_density(self, z, beta):
            return torch.where(z[..., 0] == 0, 0.0, -math.inf), torch.zeros_like(z)

    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    z = torch.zeros(5, 1, 2, dtype=torch.float64)
    after, acceptance = _transition(Cliff(), z, t64(1.0), t64([0.5]), 2)
    assert torch.equal(after, z) and (acceptance == 0).all()


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
    monkeypatch.setattr(
        evaluate, "ais", lambda *a, **more: asked.append((*a, more)) or answers["ais"]
    )
    monkeypatch.setattr(
        evaluate, "log_likelihood", lambda *a: asked.append(a) or answers["importance"]
    )
    log_p, se = _log_evidence(model, best, x, 50, 20, given)
    if way in answers:
        assert (log_p, se) == answers[way] and asked[0][0] is model
        if way == "ais":
            assert asked == [(model, x, {"return_se": True})]
        else:
            assert asked[0][1](x) is best and asked[0][2:] == (x, 50, 20, True)
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
