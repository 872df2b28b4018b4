"""Chapter 2: the densities have torch's own values and gradients, and refuse data by name."""

import math

import numpy as np
import pytest
import torch
from oracles import t64
from scipy import stats
from scipy.special import expit, log_expit
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal, kl_divergence

from vaelib._validate import data_are_checked
from vaelib.densities import BinaryPixels, DiagonalGaussian, IsotropicGaussian, Symbols
from vaelib.latent import StandardNormal
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)


def randn64(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def in_torchs_words(p):
    """The same distribution made of torch's own classes, with all its checks."""
    base = Bernoulli(logits=p.logits) if hasattr(p, "logits") else Normal(p.mu, p.log_sigma.exp())
    return Independent(base, 1)


MADE = {
    "encoder": lambda: GaussianEncoder(6, 3, (4,)).double()(randn64(5, 6)),
    "free": lambda: FreeGaussian(5, 3).double()(torch.zeros(5, 1)),
    "gaussian": lambda: GaussianDecoder(2, 3, (4,), learn_sigma=True).double()(randn64(5, 2)),
    "bernoulli": lambda: BernoulliDecoder(2, 3, (4,)).double()(40 * randn64(5, 2)),
}


def datum(p, *shape):
    value = randn64(*shape, 5, 3)
    return (value > 0).double() if hasattr(p, "logits") else value


def every_gradient(output, *inputs):
    weight = torch.linspace(-1, 2, output.numel(), dtype=torch.float64).reshape(output.shape)
    return torch.autograd.grad((weight * output).sum(), inputs, retain_graph=True)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("shape", [(), (1,), (4,)])
def test_densities_have_torchs_value_and_gradients(name, shape):
    p = MADE[name]()
    value = datum(p, *shape).requires_grad_()
    inputs = [p.logits] if name == "bernoulli" else [value, p.mu, p.log_sigma]
    ours, theirs = p.log_prob(value), in_torchs_words(p).log_prob(value)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    for mine, truth in zip(
        every_gradient(ours, *inputs), every_gradient(theirs, *inputs), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MADE)
def test_densities_broadcast_expand_and_sample_like_torchs(name):
    p = MADE[name]()
    theirs = in_torchs_words(p)
    one = datum(p)[:1]
    torch.testing.assert_close(p.log_prob(one), theirs.log_prob(one))
    torch.testing.assert_close(p.expand((2, 5)).log_prob(one), theirs.expand((2, 5)).log_prob(one))
    torch.testing.assert_close(p.mean, theirs.mean)
    if p.has_rsample:
        torch.manual_seed(1)
        mine = p.rsample((7,))
        torch.manual_seed(1)
        truth = theirs.rsample((7,))
        torch.testing.assert_close(mine, truth)
        ours, theirs = (every_gradient(draws, p.mu, p.log_sigma) for draws in (mine, truth))
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("logit", [-1e4, -100.0, -30.0, 0.0, 30.0, 100.0, 1e4])
@pytest.mark.parametrize("pixel", [0.0, 1.0])
def test_a_pixel_keeps_every_digit_however_sure_the_decoder_is(logit, pixel):
    net = nn.Linear(1, 1).double()
    nn.init.zeros_(net.weight), nn.init.constant_(net.bias, logit)
    p = BernoulliDecoder(1, 1, net=net)(torch.zeros(1, 1, dtype=torch.float64))
    truth = -np.logaddexp(0, -logit if pixel else logit)
    log_p = p.log_prob(t64([[pixel]]))
    np.testing.assert_allclose(log_p.item(), truth, rtol=1e-14)
    log_p.sum().backward()
    np.testing.assert_allclose(
        net.bias.grad.item(), expit(-logit) if pixel else -expit(logit), rtol=1e-14
    )


@pytest.mark.parametrize("of_pixels", [torch.float32, torch.float64, torch.bool, torch.int64])
@pytest.mark.parametrize("of_decoder", [torch.float32, torch.float64])
def test_the_density_has_the_decoders_precision_whatever_that_of_the_pixels(of_decoder, of_pixels):
    p = BernoulliDecoder(2, 3).to(of_decoder)(torch.zeros(1, 2, dtype=of_decoder))
    assert p.log_prob(torch.tensor([[1, 0, 1]], dtype=of_pixels)).dtype == of_decoder


def test_distributions_can_be_traced_without_numbers():
    modules = [GaussianEncoder(4, 2), GaussianDecoder(4, 2), BernoulliDecoder(4, 2)]
    for module in modules:
        p = module.to("meta")(torch.zeros(5, 4, device="meta"))
        assert p.batch_shape == (5,) and p.mean.device.type == "meta"
    noise = modules[0](torch.zeros(5, 4, device="meta")).rsample((3,))
    assert noise.shape == (3, 5, 2) and noise.device.type == "meta"


def test_an_expanded_gaussian_has_a_log_deviation_for_every_copy():
    wide = MADE["encoder"]().expand((2, 5))
    assert wide.mu.shape == wide.log_sigma.shape == (2, 5, 3)


@pytest.mark.parametrize("of_symbols", [False, True])
def test_a_batch_may_have_any_number_of_axes_and_can_be_expanded(of_symbols):
    logits = randn64(4, 1, 2, 3, 5) if of_symbols else randn64(4, 1, 2, 3)
    p = Symbols(logits) if of_symbols else BinaryPixels(logits)
    assert (p.batch_shape, p.event_shape) == ((4, 1, 2), (3,))
    wide = p.expand((6, 4, 7, 2))
    assert (wide.batch_shape, wide.event_shape) == ((6, 4, 7, 2), (3,))
    x = torch.randint(5 if of_symbols else 2, (6, 4, 7, 2, 3))
    kind = Categorical if of_symbols else Bernoulli
    truth = Independent(kind(logits=logits), 1).expand((6, 4, 7, 2))
    torch.testing.assert_close(wide.log_prob(x), truth.log_prob(x.double()))


def test_a_gaussians_batch_may_have_any_number_of_axes():
    p = DiagonalGaussian(randn64(4, 1, 2, 3), randn64(4, 1, 2, 3))
    assert (p.batch_shape, p.event_shape) == ((4, 1, 2), (3,))


def test_a_gaussian_likelihood_takes_zeros_and_refuses_one_infinity_among_numbers():
    p = GaussianDecoder(2, 3).double()(torch.zeros(1, 2).double())
    truth = stats.norm.logpdf(np.array([0.0, 0.0, 1.0]), p.mean.detach().numpy()).sum(-1)
    np.testing.assert_allclose(p.log_prob(t64([[0.0, 0.0, 1.0]])).detach(), truth, rtol=1e-13)
    for bad in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="x must be finite"):
            p.log_prob(t64([[0.0, bad, 1.0]]))


def test_grey_pixels_are_refused_by_name():
    p = BernoulliDecoder(2, 3)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"binary pixels.*grey value 0\.25.*torch\.bernoulli"):
        p.log_prob(torch.tensor([[0.0, 0.25, 1.0]]))
    with pytest.raises(ValueError, match="binary pixels"):
        p.log_prob(torch.tensor([[0.0, math.nan, 1.0]]))
    with pytest.raises(ValueError, match=r"value must have shape \(\*, 3\)"):
        p.log_prob(torch.zeros(1, 4))


def test_grey_pixels_cannot_make_up_for_one_another():
    """x - x² is 1/4 at 1/2 and -2 at 2: eight and one, and their sum is zero."""
    p = BernoulliDecoder(2, 9)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"grey value 0\.5"):
        p.log_prob(torch.tensor([[0.5] * 8 + [2.0]]))


@pytest.mark.parametrize("symbol", [-1, 4, 0.5])
def test_symbols_outside_the_alphabet_are_refused_by_name(symbol):
    p = CategoricalDecoder(2, 3, 4)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=rf"integers from 0 to 3.*got {symbol}"):
        p.log_prob(torch.tensor([[0, symbol, 3]]))
    with pytest.raises(ValueError, match=r"value must have shape \(\*, 3\), .*; got \(1, 4\)"):
        p.log_prob(torch.zeros(1, 4))
    with pytest.raises(TypeError, match="x must be a tensor of real numbers; got list"):
        p.log_prob([[0, 1, 2]])


def test_every_symbol_of_the_alphabet_has_its_log_probability():
    p = CategoricalDecoder(2, 3, 4).double()(torch.zeros(5, 2).double())
    x = torch.tensor([[0, 1, 2], [3, 3, 3], [1, 0, 3], [2, 2, 0], [0, 0, 0]])
    truth = Independent(Categorical(logits=p.logits), 1)
    torch.testing.assert_close(p.log_prob(x), truth.log_prob(x))
    torch.testing.assert_close(p.log_prob(x.double()), truth.log_prob(x))
    twice = torch.stack([x, x.flip(0)])
    torch.testing.assert_close(p.log_prob(twice), truth.log_prob(twice))


@pytest.mark.parametrize(
    "decoder, datum",
    [
        (GaussianDecoder(2, 3), [0.0, math.nan, 1.0]),
        (BernoulliDecoder(2, 3), [0.0, 0.5, 1.0]),
        (CategoricalDecoder(2, 3, 4), [0.0, 0.5, 3.0]),
    ],
)
def test_inside_a_bound_no_density_looks_at_values_that_were_looked_at_before(decoder, datum):
    p, x = decoder(torch.zeros(1, 2)), torch.tensor([datum])
    with pytest.raises(ValueError, match=r"^x must"):
        p.log_prob(x)
    with data_are_checked():
        assert p.log_prob(x).shape == (1,)


HALF = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", [*MADE, "symbols"])
def test_half_precision_of_the_parameters_is_none_of_the_log_density(name, dtype):
    """The truth is float64's density of the same, rounded parameters at the same, rounded value."""
    if name == "symbols":
        p, value = Symbols(randn64(5, 3, 4).to(dtype)), torch.randint(4, (7, 5, 3))
        truth = Independent(Categorical(logits=p.logits.double()), 1).log_prob(value)
    else:
        module, given = {
            "encoder": (GaussianEncoder(6, 3, (4,)), randn64(5, 6)),
            "free": (FreeGaussian(5, 3), torch.zeros(5, 1)),
            "gaussian": (GaussianDecoder(2, 3, (4,), sigma_dec=0.3), randn64(5, 2)),
            "bernoulli": (BernoulliDecoder(2, 3, (4,)), randn64(5, 2)),
        }[name]
        p = module.to(dtype)(given.to(dtype))
        value = datum(p, 7).to(dtype)
        exact = "logits" if hasattr(p, "logits") else "mu"
        assert getattr(p, exact).dtype == dtype and p.mean.dtype == dtype
        if name == "bernoulli":
            truth = Independent(Bernoulli(logits=p.logits.double()), 1).log_prob(value.double())
        else:
            normal = Normal(p.mu.double(), p.log_sigma.double().exp())
            truth = Independent(normal, 1).log_prob(value.double())
    log_p = p.log_prob(value)
    assert log_p.dtype == torch.float32
    torch.testing.assert_close(log_p.double(), truth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", HALF)
def test_a_divergence_is_in_single_precision_too(dtype):
    q, prior = GaussianEncoder(6, 3, (4,)).to(dtype)(randn64(5, 6).to(dtype)), StandardNormal(3)
    theirs = [Normal(p.base_dist.loc.double(), p.base_dist.scale.double()) for p in (q, prior())]
    kl = kl_divergence(q, prior.to(dtype)())
    assert kl.dtype == torch.float32
    torch.testing.assert_close(kl.double(), kl_divergence(*theirs).sum(-1), rtol=1e-5, atol=1e-6)


def test_single_precision_keeps_its_digits_over_many_pixels():
    logits, x = 5 * randn64(50, 784), (randn64(50, 784) > 0).double()
    truth = log_expit((logits * (2 * x - 1)).numpy()).sum(-1)
    log_p = BinaryPixels(logits.float()).log_prob(x.float())
    np.testing.assert_allclose(log_p, truth, rtol=1e-6)


def test_the_mass_of_pixels_can_be_differentiated_twice_and_in_batches():
    logits, x = randn64(4, 7).requires_grad_(), (randn64(7) > 0).double()

    def log_mass(logits):
        return BinaryPixels(logits).log_prob(x)

    assert torch.autograd.gradgradcheck(log_mass, logits)
    torch.testing.assert_close(torch.vmap(log_mass)(logits), log_mass(logits))


def test_the_standard_gaussian_expands_and_is_torchs():
    p = StandardNormal(3).double()()
    theirs = Independent(Normal(torch.zeros(3).double(), torch.ones(3).double()), 1)
    z = randn64(4, 5, 3)
    wide = p.expand((5,))
    assert (wide.batch_shape, wide.event_shape) == ((5,), (3,))
    for ours in (p, wide):
        torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(ours.entropy(), theirs.entropy().expand(ours.batch_shape))
    assert wide.rsample((7,)).shape == (7, 5, 3)


def test_parameters_of_shapes_that_would_broadcast_silently_are_refused():
    with pytest.raises(ValueError, match=r"one shape \(\*, Z\); got \(2,\), \(4, 2\)"):
        DiagonalGaussian(torch.zeros(2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"log_sigma must have shape \(\); got \(2,\)"):
        IsotropicGaussian(torch.zeros(4, 2), torch.zeros(2))
