"""What holds for every shape, precision and extreme value; hypothesis searches counterexamples."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from torch import nn

from vaelib.data import two_moons
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl, log_weights
from vaelib.evaluate import log_likelihood
from vaelib.iwae import effective_sample_size, iwae, iwae_dreg, normalized_weights
from vaelib.jensen import jensen_gap, log_mean_exp
from vaelib.latent import (
    GaussianMixture,
    LatentVariableModel,
    LinearGaussian,
    StandardNormal,
    simple_monte_carlo,
)
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)

# The examples are the same in each run; each one seeds the generator of torch.
SETTINGS = {"derandomize": True, "deadline": None, "database": None}
SETTINGS["suppress_health_check"] = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
few, some = settings(max_examples=12, **SETTINGS), settings(max_examples=30, **SETTINGS)

BOUNDS = [elbo, elbo_kl, elbo_score, elbo_stl, iwae, iwae_dreg]
DTYPES = [torch.float64, torch.float32, torch.bfloat16]
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
CUDA = pytest.param("cuda", marks=no_gpu)

small, seeds = st.integers(1, 5), st.integers(0, 2**31)
sigmas = st.floats(-3, 3).map(lambda exponent: 10**exponent)  # 0.001 to 1,000
kinds = st.sampled_from(["gaussian", "binary", "symbols"])


def vae(kind, X, Z, hidden=(3,), sigma=1.0):
    """A float32 model with any of the three decoders, and an encoder for it."""
    if kind == "gaussian":
        decoder = GaussianDecoder(Z, X, hidden, sigma_dec=sigma, learn_sigma=True)
    elif kind == "binary":
        decoder = BernoulliDecoder(Z, X, hidden)
    else:
        decoder = CategoricalDecoder(Z, X, 4, hidden)
    return LatentVariableModel(StandardNormal(Z), decoder), GaussianEncoder(X, Z, hidden)


def wide(dtype):
    """What log-densities are computed in: single precision at least."""
    return torch.promote_types(dtype, torch.float32)


def cast(dtype, *modules, device="cpu"):
    """Copies in another precision, or elsewhere."""
    return [copy.deepcopy(module).to(device, dtype) for module in modules]


def linear_gaussian(X, Z, sigma):
    return LinearGaussian(torch.randn(X, Z).double(), torch.randn(X).double(), sigma)


def near(x):
    return x.abs().amax().item() + 1


def assert_near(value, truth, atol=0.0, rtol=0.0):
    """Like torch's assert_close, but exact by default; a number stands for a tensor of it."""
    truth = torch.as_tensor(truth, dtype=value.dtype).expand_as(value)
    torch.testing.assert_close(value, truth, rtol=rtol, atol=atol)


def seeded(seed, function, *args, **more):
    torch.manual_seed(seed)
    return function(*args, **more)


def gradients(value, *modules):
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    got = torch.autograd.grad(value.sum(), parameters, allow_unused=True)
    return torch.cat([g.flatten() for g in got if g is not None])


log_w_values = st.one_of(st.floats(-1e5, 1e5), st.floats(-3, 3))
log_ws = st.tuples(st.integers(1, 40), small).flatmap(
    lambda shape: st.lists(log_w_values, min_size=math.prod(shape), max_size=math.prod(shape)).map(
        lambda values: torch.tensor(values, dtype=torch.float64).reshape(shape)
    )
)


def rounding(log_w, dtype=torch.float64, more=0.0):
    """What rounding does to a log-mean-exp: half an eps of each log-weight, K eps of the sum."""
    return 2 * torch.finfo(dtype).eps * (near(log_w) + abs(more) + log_w.shape[0])


@some
@given(log_w=log_ws, dtype=st.sampled_from(DTYPES))
def test_log_mean_exp_is_that_of_scipy_between_mean_and_maximum_in_every_precision(log_w, dtype):
    log_w = log_w.to(dtype)
    value, tolerance = log_mean_exp(log_w), rounding(log_w, dtype)
    assert value.dtype == wide(dtype) and value.shape == log_w.shape[1:]
    exact, log_K = log_w.double(), math.log(log_w.shape[0])
    truth = logsumexp(exact.numpy(), axis=0) - log_K
    np.testing.assert_allclose(value.double(), truth, rtol=0, atol=tolerance)
    assert (value <= exact.amax(0) + tolerance).all()
    assert (value >= exact.amax(0).sub(log_K).maximum(exact.mean(0)) - tolerance).all()
    assert (jensen_gap(log_w) >= -2 * tolerance).all()


@some
@given(log_w=log_ws, shift=st.floats(-1e5, 1e5), seed=seeds)
def test_log_mean_exp_moves_with_a_shift_and_not_with_an_order(log_w, shift, seed):
    value, tolerance = log_mean_exp(log_w), rounding(log_w, more=shift)
    assert_near(log_mean_exp(log_w + shift), value + shift, tolerance)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(log_w.shape[0]))
    assert_near(log_mean_exp(log_w[order]), value, tolerance)
    assert_near(log_mean_exp(log_w.mT, dim=-1), value, tolerance)


@some
@given(log_w=log_ws, dtype=st.sampled_from([torch.float64, torch.float32]))
def test_its_gradient_is_shares_that_sum_to_one(log_w, dtype):
    leaf = log_w.to(dtype).requires_grad_()
    (shares,) = torch.autograd.grad(log_mean_exp(leaf).sum(), leaf)
    # A share is the exponential of a difference: what the log of a sum is off by, relatively.
    tolerance = rounding(log_w, dtype)
    assert (shares >= 0).all() and (shares <= 1 + tolerance).all()
    assert_near(shares.sum(0), 1.0, tolerance)
    assert_near(shares, normalized_weights(leaf.detach()), tolerance)


@some
@given(log_w=log_ws, dtype=st.sampled_from(DTYPES), impossible=st.booleans())
def test_the_effective_sample_size_is_between_one_and_K_whatever_the_shift(
    log_w, dtype, impossible
):
    if impossible and log_w.shape[0] > 1:
        log_w[0] = -math.inf  # a weight of zero is worth nothing, and harms nothing
    log_w, K = log_w.to(dtype), log_w.shape[0]
    ess, tolerance = effective_sample_size(log_w), 2 * (K + 2) * torch.finfo(dtype).eps
    assert ess.shape == log_w.shape[1:] and ess.dtype == wide(dtype)
    assert (ess >= 1 - tolerance).all() and (ess <= K * (1 + tolerance)).all()
    assert_near(effective_sample_size(torch.zeros_like(log_w)), K, rtol=tolerance)
    shifted, exact = log_w.double() + 2**20, log_w.double()  # this sum is exact in float64
    assert_near(effective_sample_size(shifted), effective_sample_size(exact), rtol=1e-8)


@some
@given(B=small, X=small, Z=small, K=small, sigma=sigmas, seed=seeds)
def test_at_the_exact_posterior_every_weight_is_the_evidence(B, X, Z, K, sigma, seed):
    torch.manual_seed(seed)
    model = linear_gaussian(X, Z, sigma)
    x = model.sample(B)[0]
    truth, log_w = model.log_evidence(x), log_weights(model, model.posterior, x, K)
    # The posterior's precision has a condition of about 1 + |W|² / sigma²; so many nats are lost.
    condition = 1 + (model.weight.square().sum() / model.sigma**2).item()
    tolerance = 1e-14 * condition * (X + Z) + 1e-13 * near(truth)
    assert log_w.shape == (K, B)
    assert_near(log_w, truth, tolerance)
    for bound in (elbo, elbo_score, elbo_stl, iwae, iwae_dreg):
        assert_near(bound(model, model.posterior, x, K), truth, tolerance)
    # To first order, an error in log w counts twice in w², once in each of the K.
    assert (effective_sample_size(log_w) >= K * (1 - 4 * tolerance)).all()


@some
@given(B=small, X=small, C=small, K=small, sigma=sigmas, seed=seeds)
def test_so_it_is_for_a_mixture(B, X, C, K, sigma, seed):
    torch.manual_seed(seed)
    model = GaussianMixture(torch.randn(C).double(), torch.randn(C, X).double(), sigma)
    x, z = model.sample(B)
    assert x.shape == (B, X) and z.shape == (B, C)
    truth = model.log_evidence(x)
    # The log of a probability p is off by eps / p; a component that was drawn has no small p.
    tolerance = 1e-9 * near(truth)
    for bound in (elbo, elbo_score, iwae):
        assert_near(bound(model, model.posterior, x, K), truth, tolerance)
    assert_near(model.posterior(x).probs.sum(-1), 1.0, 1e-12)


@few
@given(kind=kinds, sizes=st.tuples(*[small] * 5), seed=seeds, dtype=st.sampled_from(DTYPES))
def test_a_bound_has_one_finite_value_per_datum_in_single_precision_at_least(
    kind, sizes, seed, dtype
):
    B, X, Z, K, chunk = sizes
    torch.manual_seed(seed)
    model, q = cast(dtype, *vae(kind, X, Z))
    x, z = model.sample(B)
    x = x.to(dtype)
    assert x.shape == (B, X) and z.shape == (B, Z) and z.dtype == dtype
    values = [bound(model, q, x, K) for bound in BOUNDS]
    values += [bound(model, q, x, K, chunk) for bound in (iwae, iwae_dreg)]
    values += [simple_monte_carlo(model, x, K, chunk), log_likelihood(model, q, x, K, chunk)]
    values += [model.log_joint(x, z), *model.log_joint(x, q(x).sample((2, 3))).flatten(0, 1)]
    for value in values:
        assert value.shape == (B,) and value.dtype == wide(dtype) and value.isfinite().all()
    for bound in BOUNDS:
        assert gradients(bound(model, q, x, K), model, q).isfinite().all()


@few
@given(kind=kinds, B=small, X=small, Z=small, K=small, seed=seeds)
def test_bounds_on_one_seed(kind, B, X, Z, K, seed):
    torch.manual_seed(seed)
    model, q = cast(torch.float64, *vae(kind, X, Z))
    x = model.sample(B)[0].double()
    log_w = seeded(seed, log_weights, model, q, x, K)
    assert_near(seeded(seed, elbo, model, q, x, K), log_w.mean(0))
    assert_near(seeded(seed, iwae, model, q, x, 1), seeded(seed, elbo, model, q, x))
    bound = seeded(seed, iwae, model, q, x, K)
    assert (bound >= log_w.mean(0) - rounding(log_w)).all()
    for other, same in [(iwae_dreg, bound), (elbo_stl, log_w.mean(0)), (elbo_score, log_w.mean(0))]:
        assert_near(seeded(seed, other, model, q, x, K), same, 1e-12, 1e-12)


@few
@given(kinds, st.tuples(small, small, small), st.integers(1, 9), st.integers(1, 12), seeds)
def test_chunks_change_neither_value_nor_gradient(kind, sizes, K, chunk, seed):
    B, X, Z = sizes
    torch.manual_seed(seed)
    model, q = cast(torch.float64, *vae(kind, X, Z))
    x = model.sample(B)[0].double()
    sizes = [min(chunk, K - start) for start in range(0, K, chunk)]
    torch.manual_seed(seed)
    whole = log_mean_exp(torch.cat([log_weights(model, q, x, size) for size in sizes]))
    in_chunks = seeded(seed, iwae, model, q, x, K, chunk)
    assert_near(in_chunks, whole, 1e-13, 1e-13)
    truth = gradients(whole, model, q)
    assert_near(gradients(in_chunks, model, q), truth, 1e-12 * near(truth), 1e-10)
    if chunk >= K:  # one chunk: the very samples of the unchunked bound
        for bound in (iwae, iwae_dreg):
            mine, theirs = (seeded(seed, bound, model, q, x, K, size) for size in (chunk, None))
            assert_near(mine, theirs)
            one, other = gradients(mine, model, q), gradients(theirs, model, q)
            assert_near(one, other, 1e-13 * near(other), 1e-12)
    exact = seeded(seed, log_likelihood, model, q, x, K, chunk)
    assert_near(exact, whole.detach(), 1e-12, 1e-12)


def test_a_hundred_thousand_samples_in_chunks():
    K, x = 100_000, torch.tensor([[1.1]]).double()
    model = LinearGaussian(torch.tensor([[0.9]]).double(), torch.tensor([0.2]).double(), 0.8)
    q, truth = FreeGaussian(1, 1).double(), model.log_evidence(x).item()
    value = iwae(model, q, x, K, chunk=20_000)
    estimate, se = log_likelihood(model, q, x, K, chunk=30_000, return_se=True)
    assert 0 < se < 0.01
    assert abs(value.item() - truth) < 4.5 * se and abs(estimate.item() - truth) < 4.5 * se
    assert gradients(value, model, q).isfinite().all()


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("kind", ["gaussian", "binary", "symbols"])
def test_a_bound_stays_where_its_parameters_are(kind, device):
    model, q = cast(torch.float32, *vae(kind, 4, 2), device=device)
    x = model.sample(3)[0].float()
    assert x.device.type == device
    values = [bound(model, q, x, 3) for bound in BOUNDS]
    values += [bound(model, q, x, 3, 2) for bound in (iwae, log_likelihood)]
    for value in [*values, simple_monte_carlo(model, x, 3, 2)]:
        assert value.device.type == device and value.isfinite().all()


@pytest.mark.parametrize("binary", [True, False])
@some
@given(st.integers(1, 4), st.integers(1, 4), small, small, st.floats(0, 30), seeds)
def test_the_mass_of_all_images_and_of_all_sequences_is_one(binary, X, alphabet, Z, B, scale, seed):
    torch.manual_seed(seed)
    decoder = BernoulliDecoder(Z, X) if binary else CategoricalDecoder(Z, X, alphabet)
    p = decoder.double()(scale * torch.randn(B, Z).double())
    every = torch.tensor(list(itertools.product(range(2 if binary else alphabet), repeat=X)))
    assert_near(p.log_prob(every[:, None].double()).exp().sum(0), 1.0, 1e-13)


@some
@given(n=small, B=small, sigma=sigmas, seed=seeds)
def test_the_density_of_a_gaussian_integrates_to_one(n, B, sigma, seed):
    torch.manual_seed(seed)
    for network in (GaussianDecoder(n, 1, sigma_dec=sigma), GaussianEncoder(n, 1)):
        p = network.double()(torch.randn(B, n).double())
        # The trapezoid rule is exact to rounding here; 1e-30 lies beyond 12 deviations.
        line = torch.linspace(-12, 12, 241, dtype=torch.float64)[:, None, None]
        density = p.log_prob(p.mean + line * p.stddev).exp()
        assert_near(0.1 * (density * p.stddev[:, 0]).sum(0), 1.0, rtol=1e-12)


@some
@given(kind=kinds, B=small, X=small, Z=small, seed=seeds)
def test_modules_come_back_from_their_state_dict(kind, B, X, Z, seed):
    torch.manual_seed(seed)
    (model, q), (other, other_q) = vae(kind, X, Z, sigma=0.5), vae(kind, X, Z)
    x, z = model.sample(B)
    for given_, taking in [(model, other), (q, other_q)]:
        taking.load_state_dict(given_.state_dict())
    assert torch.equal(model.log_joint(x, z), other.log_joint(x, z))
    assert torch.equal(q(x.float()).log_prob(z), other_q(x.float()).log_prob(z))


@few
@given(st.integers(1, 50), seeds)
def test_moons_are_as_many_as_asked_for(n, seed):
    x = two_moons(n, seed=seed)
    assert x.shape == (n, 2) and x.dtype == torch.float32 and x.isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("logit", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("pixel", [0.0, 1.0])
@pytest.mark.parametrize("B", [1, 3])
def test_images_all_of_one_colour_under_a_decoder_that_is_sure(dtype, logit, pixel, B):
    X = 6
    net = nn.Linear(2, X)
    nn.init.zeros_(net.weight)
    nn.init.constant_(net.bias, logit)
    model = LatentVariableModel(StandardNormal(2), BernoulliDecoder(2, X, net=net))
    model, q = cast(dtype, model, GaussianEncoder(X, 2))
    x = torch.full((B, X), pixel, dtype=dtype)
    truth = -X * np.logaddexp(0, -logit if pixel else logit)
    log_p = model.decoder(torch.zeros(B, 2, dtype=dtype)).log_prob(x)
    np.testing.assert_allclose(log_p.detach().double(), truth, rtol=X * torch.finfo(dtype).eps)
    for bound in BOUNDS:
        value = bound(model, q, x, 3)
        assert value.shape == (B,) and value.isfinite().all()
        assert gradients(value, model, q).isfinite().all()


@few
@given(small, small, sigmas, st.sampled_from([0.0, 1.0, 1e3]), st.sampled_from(DTYPES[:2]), seeds)
def test_one_datum_far_from_a_narrow_or_wide_likelihood(X, Z, sigma, far, dtype, seed):
    torch.manual_seed(seed)
    model, q = cast(dtype, *vae("gaussian", X, Z, sigma=sigma))
    x = torch.full((1, X), far, dtype=dtype)
    for bound in BOUNDS:
        value = bound(model, q, x, 4)
        assert value.shape == (1,) and value.isfinite().all()
        assert gradients(value, model, q).isfinite().all()


# Float32 and bfloat16 against float64
#
# To first order a sum of n terms, each right to a rounding error u, is off by about √n u Σ|terms|:
# the errors of the n roundings have either sign. So a layer Wh + b with an h that is off by u e is
# off by √n u (|W|(|h| + e) + |b|); tanh has a slope of at most 1, and its output is at most 1.
# `reach` follows these magnitudes through a network, with n the longest sum in it; each density
# says how it depends on what the network predicts. Torch's eps is 2 u, which leaves a factor of 2
# for second order.

# What it comes to for a usual model's log-weights, relative to 1 + |log p| + |log q|.
ACCURACY = {torch.float32: 1e-6, torch.bfloat16: 2e-2}


def reach(net, given_):
    """How far off the network's output may be, in units of n eps."""
    first, _, last = net
    hidden = given_.abs() @ first.weight.abs().mT + first.bias.abs()
    return (1 + hidden) @ last.weight.abs().mT + last.bias.abs()


def reach_of_likelihood(kind, decoder, x, z):
    far, p = reach(decoder.net, z), decoder(z)
    if kind == "gaussian":  # r² / 2 + log sigma, with r = (x - f) / sigma
        r, log_sigma = ((x - p.mean) / decoder.sigma_dec).abs(), decoder.log_sigma.abs()
        of_error = r**2 * (1 + log_sigma) + r * (x.abs() + far) / decoder.sigma_dec
        return (of_error + log_sigma + 2).sum(-1)
    if kind == "binary":  # log sigmoid has a slope of at most 1
        return far.sum(-1) - p.log_prob(x)
    # log softmax has one of at most 2
    far = far.unflatten(-1, (decoder.length, decoder.alphabet)).amax(-1)
    return (2 * far + math.log(decoder.alphabet) + 1).sum(-1) - p.log_prob(x)


def reach_of_proxy(q, x, z):
    far_mean, far_log_sigma = reach(q.net, x).chunk(2, -1)
    p = q(x)
    noise = ((z - p.mean) / p.stddev).abs()
    of_mean = noise * (z.abs() + far_mean) / p.stddev
    return ((noise**2 + 1) * (1 + far_log_sigma) + of_mean + 2).sum(-1)


@some
@given(
    kinds,
    st.tuples(small, st.integers(1, 40), small, st.integers(1, 12), st.integers(1, 20)),
    sigmas,
    st.sampled_from(DTYPES[1:]),
    seeds,
)
def test_lower_precision_agrees_with_float64_to_its_rounding_errors(
    kind, sizes, sigma, dtype, seed
):
    B, X, Z, H, K = sizes
    torch.manual_seed(seed)
    model, q = cast(dtype, *vae(kind, X, Z, (H,), sigma))
    x = model.sample(B)[0].to(dtype)
    z = q(x).sample((K,))
    log_w = model.log_joint(x, z) - q(x).log_prob(z)
    model, q = cast(torch.float64, model, q)
    x, z = x.double(), z.double()
    exact = model.log_joint(x, z) - q(x).log_prob(z)
    far = reach_of_likelihood(kind, model.decoder, x, z) + reach_of_proxy(q, x, z)
    far = far + (z**2 + 2).sum(-1)  # of the prior
    tolerance = math.sqrt(X + Z + H + 4) * torch.finfo(dtype).eps * far
    assert ((log_w.double() - exact).abs() <= tolerance).all()
    # Neither a mean nor a log-mean-exp moves further than the weight that moves most.
    for reduce in (log_mean_exp, lambda log_w: log_w.mean(0)):
        worst = tolerance.amax(0) + rounding(exact, dtype)
        assert ((reduce(log_w).double() - reduce(exact)).abs() <= worst).all()


@few
@given(kind=kinds, dtype=st.sampled_from(list(ACCURACY)), seed=seeds)
def test_lower_precision_has_the_accuracy_stated_for_a_usual_model(kind, dtype, seed):
    torch.manual_seed(seed)
    model, q = cast(dtype, *vae(kind, 64, 4, (32,)))
    x = model.sample(10)[0].to(dtype)
    z = q(x).sample((20,))
    log_w = model.log_joint(x, z) - q(x).log_prob(z)
    model, q = cast(torch.float64, model, q)
    log_p, log_q = model.log_joint(x.double(), z.double()), q(x.double()).log_prob(z.double())
    size = 1 + log_p.abs() + log_q.abs()
    assert ((log_w.double() - log_p + log_q).abs() <= ACCURACY[dtype] * size).all()


@some
@given(B=small, X=small, Z=small, sigma=st.floats(0.03, 1e3), seed=seeds)
def test_solved_models_in_float32_agree_with_float64(B, X, Z, sigma, seed):
    torch.manual_seed(seed)
    line = linear_gaussian(X, Z, sigma).float()
    clusters = GaussianMixture(torch.randn(Z), torch.randn(Z, X), sigma)
    for model in (line, clusters):
        x = model.sample(B)[0]
        (exact,) = cast(torch.float64, model)
        difference = model.log_evidence(x) - exact.log_evidence(x.double())
        centre = exact.bias if model is line else exact.means.mean(0)
        spread = (exact.weight if model is line else exact.means).square().sum() / exact.sigma**2
        # r² / 2 with r = (x - centre) / sigma; both are rounded, and solved with this condition.
        r_squared = (x.double() - centre).square().sum(-1) / exact.sigma**2 + spread
        condition = 1 + spread if model is line else 1
        far = condition * (r_squared + X) + abs(math.log(sigma)) * X
        assert (difference.abs() <= (X + Z + 4) * torch.finfo(torch.float32).eps * far).all()
