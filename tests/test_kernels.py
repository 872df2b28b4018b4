"""What is computed by hand equals what torch computes: value, gradient, second derivative; and zeros cost nothing."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import log_expit
from torch import nn
from torch.autograd import forward_ad

from vaelib import kernels
from vaelib.iwae import iwae, iwae_dreg
from vaelib.kernels import Mlp, bernoulli_log_prob
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import BernoulliDecoder, GaussianEncoder

MANY = 600  # rows, more than two blocks of them


def t64(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that there are several, and nothing so small that torch's own way is taken."""
    monkeypatch.setattr(kernels, "_BLOCK", 100)
    monkeypatch.setattr(kernels, "_FEW", 0)


def pixels(*shape):
    return 2 * torch.bernoulli(torch.full(shape, 0.5, dtype=torch.float64)) - 1


@pytest.mark.parametrize("width", [1, 3, 64, 66, 98, 784])
@pytest.mark.parametrize("leading", [(5,), (4, 5)])
def test_the_bernoulli_sum_is_that_of_scipy_with_its_gradient(small_blocks, width, leading):
    logits, sign = 20 * t64(*leading, width).requires_grad_(), pixels(5, width)
    log_p = bernoulli_log_prob(logits, sign)
    product = (logits * sign).detach().numpy()
    np.testing.assert_allclose(log_p.detach(), log_expit(product).sum(-1), rtol=1e-13)
    weight = torch.linspace(-1, 2, log_p.numel(), dtype=torch.float64).reshape(log_p.shape)
    (gradient,) = torch.autograd.grad((weight * log_p).sum(), logits)
    truth = weight.numpy()[..., None] * sign.numpy() * np.exp(log_expit(-product))
    np.testing.assert_allclose(gradient, truth, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("logit", [-1e4, -200.0, -30.0, -1e-3, 30.0, 200.0, 1e4])
def test_no_digit_is_lost_where_the_decoder_is_sure(small_blocks, logit):
    log_p = bernoulli_log_prob(
        torch.full((2, 128), logit, dtype=torch.float64), torch.ones(2, 128).double()
    )
    np.testing.assert_allclose(log_p, 128 * log_expit(logit), rtol=1e-14)


def test_the_bernoulli_sum_can_be_differentiated_twice(small_blocks):
    sign = pixels(2, 70)
    assert torch.autograd.gradgradcheck(
        lambda logits: bernoulli_log_prob(logits, sign), t64(2, 70).requires_grad_()
    )


def test_the_gradient_that_is_differentiated_again_is_the_gradient(small_blocks):
    logits, sign, weight = t64(3, 70).requires_grad_(), pixels(3, 70), t64(3)
    (gradient,) = torch.autograd.grad(
        (weight * bernoulli_log_prob(logits, sign)).sum(), logits, create_graph=True
    )
    truth = (
        weight.numpy()[:, None]
        * sign.numpy()
        * np.exp(log_expit(-(logits.detach() * sign).numpy()))
    )
    np.testing.assert_allclose(gradient.detach(), truth, rtol=1e-12)


def test_single_precision_is_as_good_as_torchs(small_blocks):
    logits, sign = 5 * t64(50, 784), pixels(50, 784)
    truth = torch.nn.functional.logsigmoid(logits * sign).sum(-1)
    ours = bernoulli_log_prob(logits.float(), sign.float())
    torch.testing.assert_close(ours.double(), truth, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", [((1, 70), (3, 70)), ((3, 70), (2, 3, 70)), ((3, 1), (3, 70))])
def test_pixels_of_more_axes_than_the_logits_are_broadcast(small_blocks, shape):
    logits, sign = t64(*shape[0]), pixels(*shape[1])
    torch.testing.assert_close(
        bernoulli_log_prob(logits, sign), torch.nn.functional.logsigmoid(logits * sign).sum(-1)
    )


@pytest.mark.parametrize("width", [1, 3, 64, 66, 98, 99, 784])
@pytest.mark.parametrize("scale", [1e-3, 20.0, 1e4])
def test_the_sum_with_one_logarithm_for_many_terms_loses_no_digit(width, scale):
    m = scale * t64(4, 5, width)
    truth = log_expit(m.numpy()).sum(-1)
    single, room = m.float(), torch.full((2 * m.numel(),), torch.nan, dtype=torch.float64)
    np.testing.assert_allclose(kernels._log_sigmoid_sum(m, room), truth, rtol=1e-14)
    np.testing.assert_allclose(kernels._log_sigmoid_sum(single, room.float()), truth, rtol=1e-6)


def test_where_the_decoder_is_sure_the_logarithm_for_many_terms_is_as_exact():
    for logit in (-1e4, -30.0, 1e-3, 30.0, 200.0):
        m = torch.full((2, 128), logit, dtype=torch.float64)
        np.testing.assert_allclose(
            kernels._log_sigmoid_sum(m, torch.empty(512).double()),
            128 * log_expit(logit),
            rtol=1e-14,
        )


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated"
)  # by torch's own forward mode
def test_the_bernoulli_sum_can_be_mapped_and_differentiated_forwards(small_blocks):
    logits, sign = t64(4, 3, 70), pixels(3, 70)
    truth = torch.nn.functional.logsigmoid(logits * sign).sum(-1)
    torch.testing.assert_close(torch.vmap(lambda one: bernoulli_log_prob(one, sign))(logits), truth)
    _, along = torch.func.jvp(
        lambda all_: bernoulli_log_prob(all_, sign), (logits,), (torch.ones_like(logits),)
    )
    torch.testing.assert_close(along, ((-logits * sign).sigmoid() * sign).sum(-1))


def mlp(*widths, activation=nn.Tanh):
    torch.manual_seed(0)
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), activation()]
    return Mlp(*layers[:-1]).double()


def results(net, rows, grad):
    out = net(rows)
    inputs = [t for t in (rows, *net.parameters()) if t.requires_grad]
    return [out, *torch.autograd.grad(out, inputs, grad)]


@pytest.mark.parametrize("widths", [(5, 9), (5, 7, 9), (5, 7, 6, 9)])
@pytest.mark.parametrize("zero_rows", [0, 30, 400, MANY])
@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize("few", [0, 10**6])
def test_the_gradient_by_hand_is_that_of_autograd(monkeypatch, widths, zero_rows, needed, few):
    monkeypatch.setattr(kernels, "_FEW", few)
    net, rows, grad = mlp(*widths), t64(MANY, 5).requires_grad_(needed), t64(MANY, 9)
    grad[torch.randperm(MANY)[:zero_rows]] = 0
    ours, theirs = results(net, rows, grad), results(nn.Sequential(*net), rows, grad)
    assert len(ours) == 1 + needed + 2 * (len(widths) - 1)
    for mine, truth in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("frozen", [[0], [2], [0, 2]])
def test_of_a_frozen_layer_no_gradient_is_computed(monkeypatch, frozen):
    net, rows, grad = mlp(5, 7, 9), t64(MANY, 5).requires_grad_(), t64(MANY, 9)
    for layer in frozen:
        net[layer].requires_grad_(False)
    calls, made = [], kernels.weight_gradient
    monkeypatch.setattr(kernels, "weight_gradient", lambda *args: calls.append(args) or made(*args))
    for mine, truth in zip(
        results(net, rows, grad), results(nn.Sequential(*net), rows, grad), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)
    assert len(calls) == 2 - len(frozen)


def test_where_only_inputs_count_no_parameter_has_a_gradient():
    net, rows, grad = mlp(5, 7, 9), t64(MANY, 5).requires_grad_(), t64(MANY, 9)
    (truth,) = torch.autograd.grad(net(rows), rows, grad)
    with pytest.raises(KeyError), kernels.only_inputs():
        out = net(rows)
        torch.testing.assert_close(
            torch.autograd.grad(out, rows, grad, retain_graph=True)[0], truth
        )
        assert (
            torch.autograd.grad(out, list(net.parameters()), grad, allow_unused=True) == (None,) * 4
        )
        raise KeyError
    assert torch.autograd.grad(net(rows), list(net.parameters()), grad)


@pytest.mark.parametrize("first", [0.0, 1.0, torch.nan])
def test_rows_that_only_begin_with_a_zero_count(small_blocks, first):
    net, rows, grad = mlp(5, 7, 9), t64(MANY, 5), t64(MANY, 9)
    grad[:, 0] = 0
    grad[100:, 1:] = 0
    grad[-1, 0] = first
    for mine, truth in zip(
        results(net, rows, grad), results(nn.Sequential(*net), rows, grad), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_rows_of_zero_gradient_are_not_computed(monkeypatch, small_blocks):
    seen, backward = [], torch.ops.aten.tanh_backward

    class Spy:
        def __getattr__(self, name):
            def tanh_backward(grad, h):
                seen.append(len(h))
                return backward(grad, h)

            return tanh_backward

    monkeypatch.setattr(kernels.torch.ops, "aten", Spy())
    net, grad = mlp(5, 7, 9), t64(MANY, 9)
    grad[100:] = 0
    results(net, t64(MANY, 5), grad)
    assert seen == [128]  # a hundred, and as many others as make the number round


@pytest.mark.parametrize("bound", [iwae, iwae_dreg])
def test_chunks_are_recomputed_to_the_same_gradient(small_blocks, bound):
    torch.manual_seed(1)
    q = GaussianEncoder(6, 2, (5,)).double()
    model = LatentVariableModel(StandardNormal(2), BernoulliDecoder(2, 6, (5,))).double()
    x, found = torch.bernoulli(torch.full((MANY // 10, 6), 0.5, dtype=torch.float64)), []
    for chunk in (20, 10):
        torch.manual_seed(2)
        bound(model, q, x, 20, chunk=chunk).mean().backward()
        found.append(
            torch.cat([p.grad.flatten() for module in (model, q) for p in module.parameters()])
        )
        model.zero_grad(), q.zero_grad()
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("slope", [2.0, -2.0])
def test_a_row_with_one_gradient_among_zeros_counts(small_blocks, slope):
    net, rows, grad = mlp(5, 7, 9), t64(MANY, 5), torch.zeros(MANY, 9, dtype=torch.float64)
    grad[3, 2] = slope
    for mine, truth in zip(
        results(net, rows, grad), results(nn.Sequential(*net), rows, grad), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)


def test_a_row_that_is_not_a_number_is_not_lost():
    net, grad = mlp(5, 7, 9), torch.zeros(MANY, 9, dtype=torch.float64)
    grad[3, 2] = torch.nan
    assert results(net, t64(MANY, 5), grad)[1].isnan().any()


def test_the_network_can_be_differentiated_twice():
    net, rows = mlp(5, 7, 9), t64(MANY, 5).requires_grad_()

    def curvature(module):
        (slope,) = torch.autograd.grad(module(rows).square().sum(), rows, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [rows, *net.parameters()])

    for mine, truth in zip(curvature(net), curvature(nn.Sequential(*net)), strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-11, atol=1e-11)


CHANGES = [
    "relu",
    "hook",
    "gradient hook",
    "exchanged",
    "one more",
    "no bias",
    "few rows",
    "autocast",
    "torch.func",
    "forward",
]


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated"
)  # by torch's own forward mode
@pytest.mark.parametrize("change", CHANGES)
def test_anything_unusual_goes_torchs_way(monkeypatch, small_blocks, change):
    monkeypatch.setattr(kernels._TanhMlp, "forward", lambda *_: pytest.fail("by hand"))
    net = mlp(5, 7, 9, activation=nn.ReLU if change == "relu" else nn.Tanh)
    if change == "hook":
        net[0].register_forward_hook(lambda *_: None)
    if change == "gradient hook":
        net[0].register_full_backward_hook(lambda *_: None)
    if change == "exchanged":
        net[1] = nn.Sigmoid()
    if change == "one more":
        net.append(nn.Tanh())
    if change == "no bias":
        net[2] = nn.Linear(7, 9, bias=False).double()
    rows = t64(10 if change == "few rows" else MANY, 5)
    if change == "autocast":
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert net.float()(rows.float()).dtype == torch.bfloat16
            assert not net.streams(rows.float()[None])
    elif change == "torch.func":
        slope = torch.func.grad(lambda rows: net(rows).sum())(rows)
        truth = rows.requires_grad_()
        (theirs,) = torch.autograd.grad(nn.Sequential(*net)(truth).sum(), truth)
        torch.testing.assert_close(slope, theirs)
    elif change == "forward":
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(rows, t64(MANY, 5))
            ours, theirs = (
                forward_ad.unpack_dual(module(dual)).tangent
                for module in (net, nn.Sequential(*net))
            )
            torch.testing.assert_close(ours, theirs)
            assert not net.streams(rows[None])
    else:
        torch.testing.assert_close(net(rows), nn.Sequential(*net)(rows))
        assert change == "few rows" or not net.streams(rows[None])


def test_without_a_gradient_the_network_is_the_same():
    net, rows = mlp(5, 7, 9), t64(MANY, 5)
    with torch.no_grad():
        torch.testing.assert_close(net(rows), nn.Sequential(*net)(rows))


def bits(*shape):
    return torch.bernoulli(torch.full(shape, 0.5, dtype=torch.float64))


# Streaming: the log-probability of the pixels from the latents, with no logits kept.


def decoder(widths=(7, 6)):
    torch.manual_seed(3)
    return BernoulliDecoder(3, 12, widths).double()


def unstreamed(decoder, z, x):
    """The same by torch's own modules and distribution."""
    logits = nn.Sequential(*decoder.net)(z)
    return torch.distributions.Bernoulli(logits=logits).log_prob(x.expand(logits.shape)).sum(-1)


@pytest.mark.parametrize("into", ["latents", "parameters"])
def test_streamed_pixels_compute_only_the_gradients_that_are_needed(small_blocks, into):
    p, x, z = decoder(), bits(30, 12), t64(4, 30, 3).requires_grad_(into == "latents")
    p.requires_grad_(into == "parameters")
    assert type(p(z)).__name__ == "_StreamedPixels"
    inputs = [z] if into == "latents" else list(p.parameters())
    ours, theirs = (
        torch.autograd.grad(made(p, z, x).sum(), inputs)
        for made in (lambda p, z, x: p(z).log_prob(x), unstreamed)
    )
    for mine, truth in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("widths", [(), (7,), (7, 6)])
@pytest.mark.parametrize("leading", [(4, 5), (2, 3, 5), (1, 30), (300, 1)])
@pytest.mark.parametrize("zeros", [0.0, 0.8, 1.0])
def test_streamed_pixels_have_the_value_and_gradient_of_torchs(
    small_blocks, widths, leading, zeros
):
    p, x, z = decoder(widths), bits(leading[-1], 12), t64(*leading, 3).requires_grad_()
    weight = t64(*leading) * (torch.rand(leading) >= zeros)
    assert type(p(z)).__name__ == (
        "_StreamedPixels" if z[..., 0].numel() * 12 > 100 else "_BinaryPixels"
    )
    inputs = [z, *p.parameters()]
    ours, theirs = p(z).log_prob(x), unstreamed(p, z, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = (torch.autograd.grad((weight * log_p).sum(), inputs) for log_p in (ours, theirs))
    for mine, truth in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-11, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(p(z).log_prob(x), theirs, rtol=1e-12, atol=1e-12)


def test_streamed_pixels_can_be_differentiated_twice(small_blocks):
    p, x, z = decoder(), bits(5, 12), t64(4, 5, 3).requires_grad_()

    def curvature(log_p):
        (slope,) = torch.autograd.grad(log_p.square().sum(), z, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [z, *p.parameters()])

    for mine, truth in zip(
        curvature(p(z).log_prob(x)), curvature(unstreamed(p, z, x)), strict=True
    ):
        torch.testing.assert_close(mine, truth, rtol=1e-10, atol=1e-11)


def test_where_z_is_data_only_the_parameters_have_a_gradient(small_blocks):
    p, x, z = decoder(), bits(5, 12), t64(4, 5, 3)
    ours, theirs = (
        torch.autograd.grad(f.sum(), [*p.parameters()])
        for f in (p(z).log_prob(x), unstreamed(p, z, x))
    )
    for mine, truth in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-11, atol=1e-12)


def test_a_weight_that_is_not_a_number_reaches_the_gradient(small_blocks):
    p, x, z = decoder(), bits(5, 12), t64(4, 5, 3)
    weight = torch.zeros(4, 5, dtype=torch.float64)
    weight[1, 2] = torch.nan
    (weight * p(z).log_prob(x)).sum().backward()
    assert all(parameter.grad.isnan().any() for parameter in p.parameters())


@pytest.mark.parametrize("bound", [iwae, iwae_dreg])
def test_what_a_chunk_computed_is_not_computed_again(monkeypatch, small_blocks, bound):
    q, model = (
        GaussianEncoder(12, 3, (5,)).double(),
        LatentVariableModel(StandardNormal(3), BernoulliDecoder(3, 12, (7, 6))).double(),
    )
    x, calls, stream = bits(6, 12), [], kernels._stream
    monkeypatch.setattr(kernels, "_stream", lambda *given: calls.append(1) or stream(*given))
    torch.manual_seed(2)
    value = bound(model, q, x, 20, chunk=5).mean()
    gradients = [
        torch.autograd.grad(value, [*model.parameters(), *q.parameters()], retain_graph=True)
        for _ in "12"
    ]
    assert len(calls) == 4
    torch.manual_seed(2)
    whole = bound(model, q, x, 20, chunk=20).mean()
    assert len(calls) == 5
    # Other chunks draw other samples, so hold the two backward passes against one another.
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert whole.isfinite()
