"""The distributions that encoders and decoders return: torch's own value and gradient, and plain words."""

import math

import numpy as np
import pytest
import torch
from oracles import t64
from scipy import stats
from scipy.special import expit
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from vaelib import kernels
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)


def in_torchs_words(p):
    """The same distribution made of torch's own classes, with all its checks."""
    base = p.base_dist
    if isinstance(base, Bernoulli):
        return Independent(Bernoulli(logits=base.logits), 1)
    return Independent(Normal(base.loc, base.scale), 1)


MADE = {
    "encoder": lambda: GaussianEncoder(6, 3, (4,)).double()(torch.randn(5, 6).double()),
    "free": lambda: FreeGaussian(5, 3).double()(torch.zeros(5, 1)),
    "gaussian": lambda: GaussianDecoder(2, 3, (4,), learn_sigma=True).double()(
        torch.randn(5, 2).double()
    ),
    "bernoulli": lambda: BernoulliDecoder(2, 3, (4,)).double()(40 * torch.randn(5, 2).double()),
}


def datum(p, *shape):
    value = torch.randn(*shape, 5, 3, dtype=torch.float64)
    return (value > 0).double() if isinstance(p.base_dist, Bernoulli) else value


def every_gradient(output, *inputs):
    weight = torch.linspace(-1, 2, output.numel(), dtype=torch.float64).reshape(output.shape)
    return torch.autograd.grad((weight * output).sum(), inputs, retain_graph=True)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("shape", [(), (1,), (4,)])
def test_fast_densities_have_torchs_value_and_gradients(name, shape):
    p = MADE[name]()
    value = datum(p, *shape).requires_grad_()
    inputs = [p.base_dist.logits] if name == "bernoulli" else [value, p.base_dist.loc, p.log_sigma]
    ours, theirs = p.log_prob(value), in_torchs_words(p).log_prob(value)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    for mine, truth in zip(
        every_gradient(ours, *inputs), every_gradient(theirs, *inputs), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MADE)
def test_fast_densities_broadcast_expand_and_sample_like_torchs(name):
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
        parameters = (
            (p.base_dist.loc, p.base_dist.scale)
            if p.log_sigma.requires_grad
            else (p.base_dist.loc,)
        )
        torch.testing.assert_close(
            every_gradient(mine, *parameters), every_gradient(truth, *parameters)
        )


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool, torch.int64])
def test_the_density_has_the_decoders_precision_whatever_the_type_of_the_pixels(dtype):
    p = BernoulliDecoder(2, 3).double()(torch.zeros(1, 2).double())
    assert p.log_prob(torch.tensor([[1, 0, 1]], dtype=dtype)).dtype == torch.float64


def test_distributions_can_be_traced_without_numbers():
    modules = [GaussianEncoder(4, 2), GaussianDecoder(4, 2), BernoulliDecoder(4, 2)]
    for module in modules:
        p = module.to("meta")(torch.zeros(5, 4, device="meta"))
        assert p.batch_shape == (5,) and p.mean.device.type == "meta"
    noise = modules[0](torch.zeros(5, 4, device="meta")).rsample((3,))
    assert noise.shape == (3, 5, 2) and noise.device.type == "meta"


def test_an_expanded_gaussian_has_a_log_deviation_for_every_copy():
    assert MADE["encoder"]().expand((2, 5)).log_sigma.shape == (2, 5, 3)


def test_a_gaussian_likelihood_takes_zeros_and_refuses_one_infinity_among_numbers():
    p = GaussianDecoder(2, 3).double()(torch.zeros(1, 2).double())
    truth = stats.norm.logpdf(np.array([0.0, 0.0, 1.0]), p.mean.detach().numpy()).sum(-1)
    np.testing.assert_allclose(p.log_prob(t64([[0.0, 0.0, 1.0]])).detach(), truth, rtol=1e-13)
    for bad in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match="x must be finite"):
            p.log_prob(t64([[0.0, bad, 1.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool, torch.int64])
def test_a_decoder_of_single_precision_keeps_it_whatever_the_type_of_the_pixels(dtype):
    p = BernoulliDecoder(2, 3)(torch.zeros(1, 2))
    assert p.log_prob(torch.tensor([[1, 0, 1]], dtype=dtype)).dtype == torch.float32


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
    with pytest.raises(ValueError, match=r"value must have shape \(\*, 3\); got \(1, 4\)"):
        p.log_prob(torch.zeros(1, 4))
    with pytest.raises(TypeError, match="x must be a tensor of real numbers; got list"):
        p.log_prob([[0, 1, 2]])


def test_every_symbol_of_the_alphabet_has_its_log_probability():
    p = CategoricalDecoder(2, 3, 4).double()(torch.zeros(5, 2).double())
    x = torch.tensor([[0, 1, 2], [3, 3, 3], [1, 0, 3], [2, 2, 0], [0, 0, 0]])
    truth = torch.distributions.Independent(
        torch.distributions.Categorical(logits=p.base_dist.logits), 1
    )
    torch.testing.assert_close(p.log_prob(x), truth.log_prob(x))
    torch.testing.assert_close(p.log_prob(x.double()), truth.log_prob(x))
    twice = torch.stack([x, x.flip(0)])
    torch.testing.assert_close(p.log_prob(twice), truth.log_prob(twice))


def randn64(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture
def small_blocks(monkeypatch):
    """So small that there are several."""
    monkeypatch.setattr(kernels, "_BLOCK", 100)


# Streamed pixels


def decoder(widths=(7, 6)):
    torch.manual_seed(3)
    return BernoulliDecoder(3, 12, widths).double()


def bits(*shape):
    return torch.bernoulli(torch.full(shape, 0.5, dtype=torch.float64))


def test_streamed_pixels_are_a_distribution_like_any_other(small_blocks):
    p, z = decoder(), randn64(4, 5, 3)
    ours, mean = p(z), torch.sigmoid(nn.Sequential(*p.net)(z))
    torch.testing.assert_close(ours.mean, mean)
    assert (ours.batch_shape, ours.event_shape) == ((4, 5), (12,))
    assert ours.sample((2,)).shape == (2, 4, 5, 12)
    torch.testing.assert_close(ours.entropy(), Bernoulli(mean).entropy().sum(-1))
    assert ours.expand((2, 4, 5)).log_prob(bits(5, 12)).shape == (2, 4, 5)
    x = bits(4, 5, 12)
    torch.testing.assert_close(ours.log_prob(x), Bernoulli(mean).log_prob(x).sum(-1))
    with pytest.raises(ValueError, match=r"x must hold binary pixels.*grey value 0\.5"):
        ours.log_prob(torch.full((5, 12), 0.5))
    with pytest.raises(ValueError, match=r"value must have shape \(\*, 12\)"):
        ours.log_prob(bits(5, 11))


def test_streamed_pixels_notice_that_the_parameters_have_changed(small_blocks):
    p, z = decoder(), randn64(4, 5, 3)
    before = p(z)
    torch.optim.SGD(p.parameters(), lr=0.1).zero_grad()
    before.log_prob(bits(5, 12))
    with torch.no_grad():
        p.net[0].bias.add_(1.0)
    for use in (lambda: before.log_prob(bits(5, 12)), lambda: before.mean):
        with pytest.raises(
            RuntimeError, match="parameters have changed since it was called; call it again"
        ):
            use()


def test_streamed_pixels_whose_network_is_listened_to_meanwhile_have_the_same_density(small_blocks):
    p, x, z = decoder(), bits(5, 12), torch.randn(4, 5, 3, dtype=torch.float64)
    before, truth, heard = p(z), p(z).log_prob(x), []
    p.net[0].register_forward_hook(lambda *_: heard.append(1))
    torch.testing.assert_close(before.log_prob(x), truth)
    assert heard


def test_streamed_pixels_of_parameters_made_for_inference(small_blocks):
    with torch.inference_mode():
        p, x, z = decoder(), bits(5, 12), torch.randn(4, 5, 3, dtype=torch.float64)
        truth = Bernoulli(logits=nn.Sequential(*p.net)(z)).log_prob(x.expand(4, 5, 12)).sum(-1)
        torch.testing.assert_close(p(z).log_prob(x), truth)
