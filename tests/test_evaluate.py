"""log p(x) estimated honestly, and what the latents do."""

import inspect
import math

import numpy as np
import pytest
import torch
from oracles import assert_mean, bound_1d, t64
from scipy import stats
from torch.distributions import Independent, Normal

from vaelib.elbo import log_weights
from vaelib.evaluate import (
    active_units,
    estimate_standard_error,
    interpolate,
    log_likelihood,
    reconstruct,
)
from vaelib.iwae import effective_sample_size
from vaelib.latent import GaussianMixture, LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.proxies import CategoricalDecoder, GaussianDecoder, GaussianEncoder

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


def test_the_standard_error_is_that_of_the_relative_weight():
    w = np.random.default_rng(0).gamma(2.0, size=(9, 4))
    se = estimate_standard_error(t64(np.log(w.sum(0))), t64(np.log((w**2).sum(0))), 9)
    np.testing.assert_allclose(se, w.std(0, ddof=1) / math.sqrt(9) / w.mean(0), rtol=1e-12)
    # three equal weights, and rounding
    same = estimate_standard_error(t64(math.log(3.0)), t64(math.log(3.0) - 1e-15), 3)
    assert same < 1e-7


@pytest.mark.parametrize("chunk", [None, 4])
def test_the_effective_sample_size_is_that_of_all_weights_whatever_the_chunk(chunk):
    model, x = model_1d(), torch.randn(5, 1, dtype=torch.float64)
    torch.manual_seed(1)
    sizes = [10] if chunk is None else [4, 4, 2]
    log_w = torch.cat([log_weights(model, proxy, x, size) for size in sizes]).detach()
    truth = effective_sample_size(log_w)
    torch.manual_seed(1)
    log_p, se, ess = log_likelihood(model, proxy, x, 10, chunk, return_se=True, return_ess=True)
    torch.testing.assert_close(ess, truth, rtol=1e-12, atol=0)
    torch.testing.assert_close(log_p, torch.logsumexp(log_w, 0) - math.log(10))
    torch.manual_seed(1)
    again, only = log_likelihood(model, proxy, x, 10, chunk, return_ess=True)
    assert torch.equal(only, ess) and torch.equal(again, log_p) and se.shape == (5,)


def test_the_exact_posterior_is_worth_all_its_samples_and_one_far_away_a_single_one():
    model, x = model_1d(), torch.randn(4, 1, dtype=torch.float64)
    for dtype in (torch.float32, torch.float64):
        exact = model.to(dtype)
        _, ess = log_likelihood(exact, exact.posterior, x.to(dtype), 7, 3, return_ess=True)
        assert (ess <= 7).all() and (ess > 6.99).all()
    model.double()
    far = lambda x: Independent(Normal(x + 30, 0.1), 1)  # noqa: E731
    _, ess = log_likelihood(model, far, x, 100, return_ess=True)
    assert (ess < 2).all() and (ess >= 1).all()


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


def test_two_data_are_enough_for_active_units_and_a_unit_at_the_threshold_does_not_count():
    x = t64([[-1.0], [0.0], [1.0]])  # of variance 1, exactly

    def q(x):
        return Independent(Normal(x, 1.0), 1)

    assert active_units(q, x, threshold=1.0) == 0 and active_units(q, x, threshold=0.999) == 1
    assert active_units(q, x[:2], threshold=0.499) == 1  # of variance 1/2


def vae():
    model = LatentVariableModel(StandardNormal(2).double(), GaussianDecoder(2, 5, (4,)).double())
    return model, GaussianEncoder(5, 2, (4,)).double(), torch.randn(3, 5, dtype=torch.float64)


def test_reconstruct_decodes_the_mean_of_the_code():
    weight = t64([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])
    model = LinearGaussian(weight, t64(0.5, -1.0, 0.3), 0.7)
    x = torch.randn(4, 3, dtype=torch.float64)
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


def test_interpolation_can_be_traced_without_numbers():
    model, x = model_1d().to("meta"), torch.zeros(4, 2, device="meta")
    model.decoder.forward = lambda z: Independent(Normal(z, 1.0, validate_args=False), 1)
    q = model.decoder.forward
    path = interpolate(model, q, x, x, 5)
    assert path.shape == (5, 4, 2) and path.device.type == "meta"


def test_what_has_no_mean_is_said_to_have_none():
    decoder = CategoricalDecoder(2, 3, 4)
    model, q = LatentVariableModel(StandardNormal(2), decoder), GaussianEncoder(3, 2)
    x = torch.tensor([[0.0, 1.0, 3.0]])
    with pytest.raises(TypeError, match="a distribution with a mean; got Symbols"):
        reconstruct(model, q, x)
    broken = GaussianEncoder(3, 2, hidden=())
    torch.nn.init.constant_(broken.net[0].weight, math.nan)
    with pytest.raises(ValueError, match="q must return finite means"):
        active_units(broken, x.expand(2, 3))


@pytest.mark.parametrize(
    "function, defaults",
    [(log_likelihood, {"K": 5000, "return_se": False}), (active_units, {"threshold": 0.01})],
)
def test_the_defaults_that_numbers_in_print_depend_on(function, defaults):
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in defaults} == defaults
