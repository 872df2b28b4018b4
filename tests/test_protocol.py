"""What a bound asks of model and q: in which words, how often, in one graph, for z of any rank."""

import numpy as np
import pytest
import torch
from models import far_from
from oracles import assert_mean, t64
from scipy import stats
from torch.distributions import (
    Independent,
    Normal,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    RelaxedOneHotCategorical,
)
from torch.utils._python_dispatch import TorchDispatchMode

from vaelib.annealing import ais
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl, log_weights
from vaelib.evaluate import active_units, interpolate, log_likelihood, reconstruct
from vaelib.iwae import iwae, iwae_dreg
from vaelib.latent import (
    GaussianMixture,
    LatentVariableModel,
    LinearGaussian,
    StandardNormal,
    simple_monte_carlo,
)
from vaelib.ledger import gap_ledger
from vaelib.protocol import (
    draw,
    encode,
    evaluate_log_joint,
    get_likelihood,
    get_prior,
    split_samples,
)
from vaelib.proxies import BernoulliDecoder, GaussianDecoder, GaussianEncoder

TRAINED = {
    "elbo": elbo,
    "elbo_kl": elbo_kl,
    "elbo_score": elbo_score,
    "elbo_stl": elbo_stl,
    "iwae": lambda model, q, x: iwae(model, q, x, 5),
    "iwae_dreg": lambda model, q, x: iwae_dreg(model, q, x, 5),
}
CHUNKED = {
    "iwae in chunks": lambda model, q, x: iwae(model, q, x, 5, 2),
    "iwae_dreg in chunks": lambda model, q, x: iwae_dreg(model, q, x, 5, 2),
}
ESTIMATED = {
    "log_weights": lambda model, q, x: log_weights(model, q, x, 5),
    "log_likelihood": lambda model, q, x: log_likelihood(model, q, x, 5, 2),
    "simple_monte_carlo": lambda model, q, x: simple_monte_carlo(model, x, 5, 2),
    "ais": lambda model, q, x: ais(model, x, 2, 3, 2),
}
EVERY = TRAINED | CHUNKED | ESTIMATED


def vae(decoder=BernoulliDecoder):
    torch.manual_seed(0)
    q = GaussianEncoder(6, 2, (4,))
    return LatentVariableModel(StandardNormal(2), decoder(2, 6, (4,))), q


def bits(n=3):
    return torch.bernoulli(torch.full((n, 6), 0.5))


# Looks at the data


def ledger(model, q, x):
    """With an encoder of the kind that it takes, and by way of importance sampling."""
    return gap_ledger(model, q, x, 4, 2, steps=2, log_evidence="importance").elbo


@pytest.mark.parametrize("bound", [*EVERY.values(), ledger], ids=[*EVERY, "gap_ledger"])
def test_a_bound_asks_for_the_values_of_its_data_once_and_never_within(bound, monkeypatch):
    model, q = vae()
    asked, check_data = [], model.decoder.check_data
    monkeypatch.setattr(model.decoder, "check_data", lambda x: asked.append(x) or check_data(x))
    x = bits()
    value = bound(model, q, x)
    if value.requires_grad:
        value.sum().backward()  # which computes chunks again
    assert len(asked) == 1 and asked[0] is x
    with pytest.raises(ValueError, match="x must hold binary pixels"):
        bound(model, q, 0.5 * x)


class Scans(TorchDispatchMode):
    """Lists what looks at numbers: transfers to Python, choices by a mask, and comparisons of x."""

    def __init__(self, x):
        super().__init__()
        self.x, self.seen = x, []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.overloadpacket.__name__
        of_x = any(a is self.x for a in args)
        if name in ("_local_scalar_dense", "index", "nonzero", "is_nonzero"):
            self.seen.append(name)
        elif of_x and name in ("sum", "ne", "eq", "lt", "ge", "isfinite", "isnan", "remainder"):
            self.seen.append(f"{name} of x")
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("K", [1, 5])
def test_iwae_scans_its_data_for_finiteness_once_and_for_grey_pixels_once(K):
    model, q = vae()
    with Scans(x := bits()) as scans:
        iwae(model, q, x, K).sum().backward()
    finite, binary = ["sum of x", "_local_scalar_dense"], ["ne of x", "ne of x", "index"]
    assert scans.seen == [*finite, *binary]


# Half precision


@pytest.mark.parametrize("decoder", [BernoulliDecoder, GaussianDecoder])
@pytest.mark.parametrize("bound", EVERY.values(), ids=EVERY)
def test_under_autocast_only_the_networks_round(bound, decoder):
    """The noise is that of single precision, and no value is rounded to three digits."""
    (model, q), x = vae(decoder), bits(30)
    torch.manual_seed(1)
    full = bound(model, q, x)
    for dtype in (torch.bfloat16, torch.float16):
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=dtype):
            value = bound(model, q, x)
        assert value.dtype == torch.float32
        # All would be whole multiples of a coarse step, were they sums in half precision.
        assert (value != value.to(dtype).float()).float().mean() > 0.8
        if bound is not ESTIMATED["ais"]:  # whose chains part at a rounded acceptance
            torch.testing.assert_close(value, full, rtol=0.02, atol=0.05)


def test_a_bound_of_half_precision_is_one_graph_with_and_without_autocast():
    (model, q), x = vae(), bits()
    traced = torch.compile(elbo, backend="eager", fullgraph=True)

    def on_the_same_noise(x):
        torch.manual_seed(1)
        ours = elbo(model, q, x)
        torch.manual_seed(1)
        torch.testing.assert_close(traced(model, q, x), ours)
        assert ours.dtype == torch.float32

    with torch.autocast("cpu", dtype=torch.bfloat16):
        on_the_same_noise(x)
    model.bfloat16(), q.bfloat16()
    on_the_same_noise(x.bfloat16())


def test_solved_models_stay_exact_under_autocast():
    models = [
        LinearGaussian(torch.randn(6, 2), torch.randn(6), 0.1),
        GaussianMixture(torch.randn(3), torch.randn(3, 6), 0.1),
    ]
    for model in models:
        x, _ = model.sample(4)
        truth = model.log_evidence(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(model.log_evidence(x), truth)
            tight = elbo(model, model.posterior, x)
        torch.testing.assert_close(tight, truth, rtol=1e-3, atol=0.01)


# Supports


def test_what_lies_outside_of_a_support_is_refused_whatever_torch_is_told_to_check():
    """torch.compile tells it to check nothing; the wrapper need only be made."""
    mixture, x = GaussianMixture(torch.zeros(3), torch.randn(3, 2), 0.6), torch.randn(4, 2)
    logits = mixture.posterior(x).logits.detach()
    relaxed = lambda x: RelaxedOneHotCategorical(torch.tensor(0.5), logits=logits)  # noqa: E731
    hard = lambda x: OneHotCategoricalStraightThrough(logits=logits)  # noqa: E731
    for checks in (True, False):
        torch.distributions.Distribution.set_default_validate_args(checks)
        with pytest.raises(
            ValueError, match=r"q must draw latents that fit .* support of the prior"
        ):
            elbo(mixture, relaxed, x)
        torch.testing.assert_close(elbo(mixture, hard, x), mixture.log_evidence(x))


# One graph


def value_and_gradients(bound, model, q, x):
    torch.manual_seed(1)
    value = bound(model, q, x)
    parameters = [*model.parameters(), *q.parameters()]
    return [value, *torch.autograd.grad(value.sum(), parameters, allow_unused=True)]


@pytest.mark.parametrize(
    "name, decoder", [*((name, BernoulliDecoder) for name in TRAINED), ("iwae", GaussianDecoder)]
)
def test_a_bound_is_one_graph_with_the_same_value_and_gradients(name, decoder):
    bound = TRAINED[name]
    (model, q), x = vae(decoder), bits()
    traced = torch.compile(bound, backend="eager", fullgraph=True)
    ours, theirs = (value_and_gradients(f, model, q, x) for f in (bound, traced))
    torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in the compiler of torch
@pytest.mark.parametrize("bound", [TRAINED["iwae"], TRAINED["iwae_dreg"]])
def test_a_compiled_bound_has_the_same_value_and_gradients_on_the_same_noise(bound):
    (model, q), x = vae(), bits()
    compiled = torch.compile(bound, fullgraph=True, options={"fallback_random": True})
    ours, theirs = (value_and_gradients(f, model, q, x) for f in (bound, compiled))
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


# Latents of rank two: x_t | z_t ~ N(z_t, 1), z_t ~ N(0, 1), with t from 1 to T and axes (T, Z)

T, Z = 3, 2


class Chain:
    """The linear-Gaussian model whose z and x are chains of T vectors."""

    def prior(self):
        return Independent(Normal(torch.zeros(T, Z).double(), 1.0), 2)

    def decoder(self, z):
        return Independent(Normal(z.flatten(-2), 1.0), 1)

    def log_joint(self, x, z):
        return self.prior().log_prob(z) + self.decoder(z).log_prob(x)


def q_chain(x, shift=0.0):
    """The posterior N(x / 2, 1 / 2), moved."""
    return Independent(Normal(x.unflatten(-1, (T, Z)) / 2 + shift, 0.5**0.5), 2)


def log_p(x):
    return stats.norm.logpdf(x, 0, np.sqrt(2)).sum(-1)


@pytest.mark.parametrize("bound", (TRAINED | CHUNKED).values(), ids=TRAINED | CHUNKED)
def test_a_chain_of_latents_has_every_bound_that_one_long_vector_has(bound):
    x, shift = torch.randn(4, T * Z, dtype=torch.float64), torch.zeros(T * Z).double()
    shift = (shift + 0.2).requires_grad_()
    long = LinearGaussian(torch.eye(T * Z).double(), torch.zeros(T * Z).double(), 1.0)

    def on_the_same_noise(model, q):
        torch.manual_seed(1)
        value = bound(model, q, x)
        return value, torch.autograd.grad(value.sum(), shift)[0]

    ours = on_the_same_noise(Chain(), lambda x: q_chain(x, shift.unflatten(0, (T, Z))))
    truth = on_the_same_noise(long, lambda x: Independent(Normal(x / 2 + shift, 0.5**0.5), 1))
    torch.testing.assert_close(ours, truth, rtol=1e-12, atol=1e-12)
    if bound is not elbo_kl:  # whose reconstruction keeps its noise
        np.testing.assert_allclose(bound(Chain(), q_chain, x), log_p(x), rtol=1e-12)


def test_every_judgement_takes_a_latent_of_rank_two():
    model, x = Chain(), torch.randn(5, T * Z, dtype=torch.float64)
    np.testing.assert_allclose(log_likelihood(model, q_chain, x, 7, 3), log_p(x), rtol=1e-12)
    estimate, se = ais(model, x, 60, 20, 4, return_se=True)
    assert far_from(estimate, log_p(x), se) < 5 and se.max() < 0.7
    assert active_units(q_chain, x * t64([0, 0, 0, 1, 1, 1])) == 3
    torch.testing.assert_close(reconstruct(model, q_chain, x), x / 2)
    path = interpolate(model, q_chain, x, x.flip(0), 3)
    torch.testing.assert_close(path, torch.stack([x, (x + x.flip(0)) / 2, x.flip(0)]) / 2)
    assert_mean(simple_monte_carlo(model, x[:1].expand(4000, -1), 50).exp(), np.exp(log_p(x[:1])))


# Words


class Wrong(Chain):
    """A model of which one answer is told."""

    def __init__(self, **answers):
        for name, answer in answers.items():
            setattr(self, name, lambda *given, answer=answer: answer)


NORMAL = Normal(torch.zeros(2, 3), 1.0)
DATA = torch.zeros(2, T * Z, dtype=torch.float64)
Z_DRAWN = torch.zeros(4, 2, T, Z, dtype=torch.float64)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: get_prior(object()), TypeError, r"log_joint\(x, z\) and prior\(\); got object"),
        (lambda: get_prior(Wrong(prior=1)), TypeError, "prior must return a torch .*; got int"),
        (lambda: get_prior(Wrong(prior=NORMAL)), ValueError, r"one distribution.*; got \(2, 3\)"),
        (lambda: get_likelihood(object(), Z_DRAWN, ()), TypeError, "have a decoder; got object"),
        (
            lambda: get_likelihood(Wrong(decoder=1), Z_DRAWN, (4, 2)),
            TypeError,
            "decoder must return a torch Distribution; got int",
        ),
        (
            lambda: get_likelihood(Wrong(decoder=NORMAL), Z_DRAWN, (4, 2)),
            ValueError,
            r"decoder must return one distribution per z, \(4, 2\); got \(2, 3\)",
        ),
        (
            lambda: get_likelihood(Chain(), Z_DRAWN, (4, 2), DATA[:, :5]),
            ValueError,
            r"x must have shape \(B, 6\); got \(2, 5\)",
        ),
        (lambda: encode(None, DATA), TypeError, "q must be called with x, .*; got NoneType"),
        (lambda: encode(lambda x: x, DATA), TypeError, "q must return a torch .*; got Tensor"),
        (lambda: encode(lambda x: NORMAL, DATA), ValueError, r"shape \(2,\); got \(2, 3\)"),
        (
            lambda: evaluate_log_joint(Wrong(log_joint=DATA), DATA, Z_DRAWN),
            ValueError,
            r"model.log_joint must return shape \(K, B\), \(4, 2\); got \(2, 6\)",
        ),
        (lambda: evaluate_log_joint(object(), DATA, Z_DRAWN), TypeError, "without log_joint"),
        (lambda: split_samples(0, 2), ValueError, "K must be a positive integer; got 0"),
        (lambda: split_samples(5, 0), ValueError, "chunk must be a positive integer; got 0"),
    ],
)
def test_what_breaks_the_protocol_is_said_in_its_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_samples_are_split_into_chunks_and_a_rest():
    assert [split_samples(K, 4) for K in (3, 4, 10)] == [[3], [4], [4, 4, 2]]


def test_draws_are_new_for_every_sample_and_keep_their_path_where_q_has_one():
    mean = t64([[1.0], [-2.0]]).requires_grad_()
    z = draw(Independent(Normal(mean, torch.ones_like(mean)), 1), 4)
    assert z.shape == (4, 2, 1) and z.unique().numel() == 8
    (gradient,) = torch.autograd.grad(z.sum(), mean)
    assert gradient.tolist() == [[4.0], [4.0]]
    discrete = OneHotCategorical(logits=torch.zeros(2, 3))
    assert encode(lambda x: discrete, torch.zeros(2, 1)) is discrete
    assert draw(discrete, 4).sum(-1).tolist() == [[1.0, 1.0]] * 4
