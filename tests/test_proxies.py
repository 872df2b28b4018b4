"""Chapter 2: encoders and decoders as densities, and what a diagonal proxy costs."""

import math

import numpy as np
import pytest
import torch
from oracles import assert_mean, chi2_gaussians, kl_gaussians, lg_conditioned, t64
from scipy import stats
from scipy.special import expit, log_softmax
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from vaelib.elbo import elbo_score, elbo_stl
from vaelib.latent import LatentVariableModel, LinearGaussian, StandardNormal
from vaelib.ledger import gap_ledger
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)
from vaelib.train import fit

DECODERS = [
    lambda **more: GaussianDecoder(2, 6, **more),
    lambda **more: BernoulliDecoder(2, 6, **more),
    lambda **more: CategoricalDecoder(2, 3, 2, **more),
]


def mlp_numpy(net, given, activation=np.tanh):
    """The forward pass of a stack of linear layers, by hand."""
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    for i, layer in enumerate(linear):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        given = given @ weight.T + bias
        given = activation(given) if i < len(linear) - 1 else given
    return given


# Densities


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_gaussian_encoder_is_the_normal_that_its_network_predicts(hidden):
    q = GaussianEncoder(4, 3, hidden).double()
    x, z = torch.randn(6, 4, dtype=torch.float64), torch.randn(5, 6, 3, dtype=torch.float64)
    out = mlp_numpy(q.net, x.numpy())
    truth = stats.norm.logpdf(z, out[:, :3], np.exp(out[:, 3:])).sum(-1)
    assert q(x).batch_shape == (6,) and q(x).event_shape == (3,)
    np.testing.assert_allclose(q(x).log_prob(z).detach(), truth, rtol=1e-12)


@pytest.mark.parametrize("learn_sigma", [True, False])
def test_gaussian_decoder_is_the_normal_around_its_network(learn_sigma):
    decoder = GaussianDecoder(2, 4, (5,), sigma_dec=0.3, learn_sigma=learn_sigma).double()
    z, x = torch.randn(5, 6, 2, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    truth = stats.norm.logpdf(x, mlp_numpy(decoder.net, z.numpy()), 0.3).sum(-1)
    # sigma was a float32
    np.testing.assert_allclose(decoder(z).log_prob(x).detach(), truth, rtol=1e-6)
    assert abs(decoder.sigma_dec.item() - 0.3) < 1e-7
    assert ("log_sigma" in dict(decoder.named_parameters())) == learn_sigma
    assert "log_sigma" in decoder.state_dict()


def test_bernoulli_decoder_is_the_mass_of_scipy():
    decoder = BernoulliDecoder(2, 4, (5,)).double()
    z, x = torch.randn(5, 6, 2, dtype=torch.float64), torch.randint(2, (6, 4)).double()
    truth = stats.bernoulli.logpmf(x, expit(mlp_numpy(decoder.net, z.numpy()))).sum(-1)
    np.testing.assert_allclose(decoder(z).log_prob(x).detach(), truth, rtol=1e-11)


def test_bernoulli_decoder_is_the_same_mass_for_so_many_latents_that_no_logits_are_kept():
    decoder = BernoulliDecoder(2, 600, (5,)).double()
    z, x = torch.randn(200, 6, 2, dtype=torch.float64), torch.randint(2, (6, 600)).double()
    truth = stats.bernoulli.logpmf(x, expit(mlp_numpy(decoder.net, z.numpy()))).sum(-1)
    np.testing.assert_allclose(decoder(z).log_prob(x).detach(), truth, rtol=1e-11)
    assert decoder(z).batch_shape == (200, 6) and decoder(z).event_shape == (600,)


def test_categorical_decoder_is_the_sum_of_log_softmax_at_the_symbols():
    decoder = CategoricalDecoder(2, 4, 3, (5,)).double()
    z, x = torch.randn(5, 6, 2, dtype=torch.float64), torch.randint(3, (6, 4))
    log_rho = log_softmax(mlp_numpy(decoder.net, z.numpy()).reshape(5, 6, 4, 3), axis=-1)
    truth = np.take_along_axis(log_rho, np.tile(x.numpy()[None, ..., None], (5, 1, 1, 1)), -1).sum(
        (-1, -2)
    )
    np.testing.assert_allclose(decoder(z).log_prob(x).detach(), truth, rtol=1e-12)


def test_free_gaussian_has_a_mean_and_a_deviation_for_every_datum():
    q, z = FreeGaussian(3, 2).double(), np.random.default_rng(0).normal(size=(5, 3, 2))
    with torch.no_grad():
        q.mean.copy_(torch.randn(3, 2))
        q.log_sigma.copy_(torch.randn(3, 2))
    truth = stats.norm.logpdf(z, q.mean.detach(), q.log_sigma.detach().exp()).sum(-1)
    np.testing.assert_allclose(q(torch.zeros(3, 9)).log_prob(t64(z)).detach(), truth, rtol=1e-13)


def test_the_activation_and_the_default_widths_are_those_asked_for():
    q = GaussianEncoder(4, 3, (5, 6), nn.ReLU).double()
    x = torch.randn(7, 4, dtype=torch.float64)
    truth = mlp_numpy(q.net, x.numpy(), lambda a: np.maximum(a, 0))[:, :3]
    np.testing.assert_allclose(q(x).mean.detach(), truth, rtol=1e-12)
    for module in (GaussianEncoder(4, 3), GaussianDecoder(3, 4), BernoulliDecoder(3, 4)):
        assert [layer.out_features for layer in module.net if isinstance(layer, nn.Linear)][:2] == [
            128,
            128,
        ]


# Modules


@pytest.mark.parametrize("make", DECODERS)
@pytest.mark.parametrize("leading", [(), (5,), (4, 5)])
def test_decoders_take_any_leading_axes_of_z(make, leading):
    p = make()(torch.randn(*leading, 2))
    assert p.batch_shape == leading
    assert p.sample().shape[: len(leading)] == leading


@pytest.mark.parametrize(
    "make", [*DECODERS, lambda: GaussianEncoder(2, 3), lambda: FreeGaussian(5, 3)]
)
def test_modules_follow_state_dict_and_double(make):
    one, other, given = make(), make(), torch.randn(5, 2)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.1)
    assert not torch.equal(one(given).mean, other(given).mean) or torch.isnan(one(given).mean).all()
    one.load_state_dict(other.state_dict())
    sample = other(given).sample()
    assert torch.equal(one(given).log_prob(sample), other(given).log_prob(sample))
    p = one.double()(given.double())
    assert p.log_prob(p.sample()).dtype == torch.float64


def test_every_decoder_samples_what_it_gives_a_density():
    for make in DECODERS:
        decoder = make()
        x, _ = LatentVariableModel(StandardNormal(2), decoder).sample(7)
        assert x.shape[0] == 7 and decoder(torch.zeros(7, 2)).log_prob(x).isfinite().all()


def test_a_convolutional_encoder_unflattens_inside():
    layers = nn.Unflatten(-1, (1, 4, 4)), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 6)
    net = nn.Sequential(*layers).double()
    q, x = GaussianEncoder(16, 3, net=net), torch.randn(5, 16, dtype=torch.float64)
    truth = net(x)
    torch.testing.assert_close(q(x).mean, truth[:, :3], rtol=1e-13, atol=0)
    torch.testing.assert_close(q(x).stddev, truth[:, 3:].exp(), rtol=1e-13, atol=0)


@pytest.mark.parametrize("leading", [(), (5,), (3, 5), (2, 3, 5)])
def test_a_convolutional_decoder_sees_one_batch_axis_whatever_the_samples(leading):
    net = nn.Sequential(
        nn.Linear(2, 8), nn.Unflatten(-1, (2, 2, 2)), nn.ConvTranspose2d(2, 1, 2, 2), nn.Flatten(-3)
    ).double()
    z = torch.randn(*leading, 2, dtype=torch.float64)
    truth = net(z.reshape(-1, 2)).reshape(*leading, 16)
    for decoder in (GaussianDecoder(2, 16, net=net).double(), BernoulliDecoder(2, 16, net=net)):
        mean = decoder(z).mean
        torch.testing.assert_close(
            mean, truth if mean.min() < 0 else truth.sigmoid(), rtol=1e-13, atol=1e-15
        )


def test_free_gaussian_wants_all_data_at_once():
    with pytest.raises(
        ValueError, match=r"all 3 data of this FreeGaussian.*batch_size=None.*got \(2, 9\)"
    ):
        FreeGaussian(3, 2)(torch.zeros(2, 9))


def test_one_datum_is_enough_and_none_is_not():
    q = GaussianEncoder(4, 2)
    assert q(torch.zeros(1, 4)).batch_shape == (1,)
    for nothing, got in ((torch.zeros(0, 4), r"\(0, 4\)"), ([[0.0] * 4], "list")):
        with pytest.raises(ValueError, match=rf"x must have shape \(B, 4\); got {got}"):
            q(nothing)


def test_the_deviation_may_be_a_tensor_of_one_number_and_no_other():
    assert GaussianDecoder(2, 4, sigma_dec=torch.tensor(0.25)).sigma_dec.item() == 0.25
    for other in (torch.ones(1), True, "0.3"):
        with pytest.raises((TypeError, ValueError), match="sigma_dec must be one positive, finite"):
            GaussianDecoder(2, 4, sigma_dec=other)


@pytest.mark.parametrize(
    "kind, message",
    [
        (
            {"dtype": torch.float64},
            "z must be torch.float64 on cpu, as the parameters are; got torch.float32 on cpu",
        ),
        (
            {"device": "meta"},
            "z must be torch.float32 on meta, as the parameters are; got torch.float32 on cpu",
        ),
    ],
)
@pytest.mark.parametrize("make", DECODERS)
def test_what_is_given_must_be_of_the_parameters_kind(make, kind, message):
    with pytest.raises(TypeError, match=message):
        make().to(**kind)(torch.zeros(3, 2))


class Failing(nn.Linear):
    def forward(self, rows):
        raise RuntimeError("out of luck")


@pytest.mark.parametrize("net", [Failing(2, 6), lambda z: Failing(2, 6)(z)])
def test_what_fails_within_a_network_of_the_right_kind_is_said_as_it_is(net):
    with pytest.raises(RuntimeError, match=r"^out of luck$"):
        GaussianDecoder(2, 6, net=net)(torch.zeros(3, 2))


# Claims


def test_claim_2_1_a_linear_encoder_is_exact_where_the_columns_of_W_are_orthogonal():
    weight = np.array([[1.0, 0.5], [1.0, -0.5], [0.0, 0.3], [0.0, 0.0]])
    bias = np.ones(4)
    sigma = 0.6
    assert (weight[:, 0] @ weight[:, 1]) == 0
    model = LinearGaussian(t64(weight), t64(bias), sigma).requires_grad_(False)
    x, q = model.sample(100)[0], GaussianEncoder(4, 2, hidden=()).double()
    fit(
        elbo_stl,
        model,
        q,
        x,
        steps=800,
        batch_size=None,
        lr=0.1,
        schedule="cosine",
        record_every=800,
    )
    out = q(x)
    mean = np.array([lg_conditioned(weight, bias, sigma, datum)[0] for datum in x.numpy()])
    cov = lg_conditioned(weight, bias, sigma, bias)[1]
    np.testing.assert_allclose(out.mean.detach(), mean, atol=1e-6)
    np.testing.assert_allclose(out.variance.detach(), np.tile(np.diag(cov), (100, 1)), atol=1e-6)
    slope = q.net[0].weight[2:]  # of the log-deviations
    assert slope.abs().max() < 1e-6


def least_kl(q, posterior, x):
    """Brings the mean KL(q || posterior) to its minimum over q's parameters, and returns it."""
    optimiser = torch.optim.LBFGS(
        q.parameters(),
        max_iter=500,
        tolerance_grad=1e-11,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def loss():
        optimiser.zero_grad()
        kl = kl_divergence(q(x), posterior).mean()
        kl.backward(retain_graph=True)
        return kl

    optimiser.step(loss)
    return loss().item()


def correlated_posterior(correlation):
    """A linear-Gaussian posterior of two latents with variances 0.2 and the given correlation."""
    precision = np.linalg.inv(0.2 * np.array([[1, correlation], [correlation, 1]]))
    # W^T W / sigma^2 + I is the precision, at sigma = 1
    weight = np.linalg.cholesky(precision - np.eye(2)).T
    return LinearGaussian(t64(weight), t64([0.0, 0.0]), 1.0).posterior(t64([[0.5, -0.3]]))


@pytest.mark.parametrize("correlation", [0.3, -0.8])
def test_claim_2_2_the_best_diagonal_proxy_has_the_inverse_diagonal_of_the_precision(correlation):
    posterior, q = correlated_posterior(correlation), FreeGaussian(1, 2).double()
    kl = least_kl(q, posterior, torch.zeros(1, 1).double())
    cov = 0.2 * np.array([[1, correlation], [correlation, 1]])
    precision = np.diag(np.linalg.inv(cov))
    np.testing.assert_allclose((2 * q.log_sigma).exp().detach()[0], 1 / precision, rtol=1e-8)
    assert (1 / precision < np.diag(cov)).all()
    gap = 0.5 * (np.log(precision).sum() + np.linalg.slogdet(cov)[1])
    assert abs(kl - gap) < 1e-10


@pytest.mark.parametrize(
    "correlation, finite", [(0.49, True), (-0.49, True), (0.51, False), (-0.51, False)]
)
def test_claim_2_2_and_its_chi_squared_is_infinite_from_a_correlation_of_one_half(
    correlation, finite
):
    posterior = correlated_posterior(correlation)
    best = torch.diag_embed(1 / posterior.precision_matrix.diagonal(dim1=-2, dim2=-1))
    wide = 2 * best - posterior.covariance_matrix
    assert (np.linalg.eigvalsh(wide.detach().numpy()).min() > 0) == finite


@pytest.mark.parametrize("correlation", [0.0, 0.45, -0.45, 0.55, -0.55])
def test_claim_2_2_the_integral_of_p_squared_over_the_best_q_converges_below_one_half_only(
    correlation,
):
    cov = np.array([[1, correlation], [correlation, 1]])
    best = np.diag(1 / np.diag(np.linalg.inv(cov)))
    p, q = stats.multivariate_normal(cov=cov), stats.multivariate_normal(cov=best)

    def integral(half_width):
        side = np.linspace(-half_width, half_width, 601)
        z = np.stack(np.meshgrid(side, side), -1)
        return np.exp(2 * p.logpdf(z) - q.logpdf(z)).sum() * (side[1] - side[0]) ** 2

    one_plus_chi2 = 1 + chi2_gaussians(np.zeros(2), cov, np.zeros(2), best)
    if abs(correlation) < 0.5:
        truth = (1 - correlation**2) / np.sqrt(1 - 4 * correlation**2)
        np.testing.assert_allclose([integral(18), one_plus_chi2], truth, rtol=1e-9)
    else:
        assert one_plus_chi2 == np.inf and integral(12) > 20 * integral(8) > 400 * integral(4)


def kl_to_posterior(dense, q, x):
    """KL(q || posterior) of every datum, in NumPy."""
    with torch.no_grad():
        means, variances = q(x).mean.numpy(), q(x).variance.numpy()
    posteriors = [lg_conditioned(*dense, datum) for datum in x.numpy()]
    given = zip(means, variances, posteriors, strict=True)
    return np.array(
        [kl_gaussians(mean, np.diag(variance), *posterior) for mean, variance, posterior in given]
    )


def test_claim_2_3_no_encoder_beats_the_best_free_proxy_on_any_datum():
    weight = np.array([[1.0, 0.5], [0.3, -0.8], [0.0, 0.6]])
    bias = np.array([0.5, 0.0, -1.0])
    sigma = 0.5
    model = LinearGaussian(t64(weight), t64(bias), sigma).requires_grad_(False)
    x = model.sample(50)[0]
    precision = np.linalg.inv(lg_conditioned(weight, bias, sigma, bias)[1])
    least = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert least > 0.01  # the family does not hold the posterior
    names = "untrained", "narrow", "linear", "free"
    modules = (
        GaussianEncoder(3, 2, (1,)),
        GaussianEncoder(3, 2, (1,)),
        GaussianEncoder(3, 2, ()),
        FreeGaussian(50, 2),
    )
    proxies = dict(zip(names, [module.double() for module in modules], strict=True))
    for name in names[1:]:
        least_kl(proxies[name], model.posterior(x), x)
    kl = {name: kl_to_posterior((weight, bias, sigma), q, x) for name, q in proxies.items()}
    assert all((each > least - 1e-12).all() for each in kl.values())
    for exact in ("linear", "free"):
        np.testing.assert_allclose(kl[exact], least, atol=1e-6)
    assert kl["untrained"].mean() > kl["narrow"].mean() > least + 0.05
    ledger = gap_ledger(model, proxies["narrow"], x, K=2000, steps=200)
    se = ledger.amortisation_se.numpy()
    assert (np.abs(ledger.amortisation.numpy() - (kl["narrow"] - least)) < 4.5 * se + 1e-3).all()
    assert (
        np.abs(ledger.approximation.numpy() - least) < 4.5 * ledger.approximation_se.numpy() + 1e-3
    ).all()


def test_claim_2_4_likelihood_is_squared_error_with_a_price():
    decoder = GaussianDecoder(2, 5, (4,), sigma_dec=0.5).double()
    x, z = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    square = ((x.numpy() - mlp_numpy(decoder.net, z.numpy())) ** 2).sum(-1)
    variance = decoder.sigma_dec.item() ** 2
    truth = square / (2 * variance) + 2.5 * math.log(2 * math.pi * variance)
    np.testing.assert_allclose(-decoder(z).log_prob(x).detach(), truth, rtol=1e-12)


def test_claim_2_4_the_best_variance_is_the_mean_squared_error():
    decoder = GaussianDecoder(2, 5, (4,), learn_sigma=True).double()
    x, z = torch.randn(6, 5, dtype=torch.float64), torch.randn(30, 6, 2, dtype=torch.float64)
    mse = ((x.numpy() - mlp_numpy(decoder.net, z.numpy())) ** 2).mean()

    def log_likelihood_at(variance):
        with torch.no_grad():
            decoder.log_sigma.fill_(0.5 * math.log(variance))
        return decoder(z).log_prob(x).mean()

    assert log_likelihood_at(mse) > max(
        log_likelihood_at(1.01 * mse), log_likelihood_at(mse / 1.01)
    )
    decoder.zero_grad()
    log_likelihood_at(mse).backward()
    assert abs(decoder.log_sigma.grad.item()) < 1e-12


class Payoff:
    """A 'model' whose log-weight is f(z), so that two bounds estimate d/dmu E f(z)."""

    def __init__(self, f, mean, s):
        self.f, self.q = f, Independent(Normal(t64([mean]), t64([s])), 1)

    def prior(self):
        return self.q

    def log_joint(self, x, z):
        return self.f(z[..., 0]) + self.q.log_prob(z)


def slopes_in_the_mean(bound, f, mean, s, n=100_000):
    """n single-draw estimates of d/dmu E f(z) under N(mu, s^2)."""
    q = FreeGaussian(n, 1).double()
    with torch.no_grad():
        q.mean.fill_(mean)
        q.log_sigma.fill_(math.log(s))
    bound(Payoff(f, mean, s), q, torch.zeros(n, 1).double()).sum().backward()
    return q.mean.grad[:, 0].numpy()


@pytest.mark.parametrize(
    "f, mean, s, slope, pathwise, score",
    [
        (torch.square, 0.7, 0.5, 1.4, 4 * 0.5**2, 0.7**4 / 0.5**2 + 14 * 0.7**2 + 15 * 0.5**2),
        (lambda z: (20 * z).sin(), 0.0, 0.5, 20 * math.exp(-50), 200.0, 2.0),
    ],
)
def test_claim_2_5_reparameterisation_wins_for_smooth_and_loses_for_rough_f(
    f, mean, s, slope, pathwise, score
):
    for bound, variance in [(elbo_stl, pathwise), (elbo_score, score)]:
        gradient = slopes_in_the_mean(bound, f, mean, s)
        assert_mean(gradient, slope)
        assert_mean((gradient - gradient.mean()) ** 2, variance)


@pytest.mark.parametrize("frequency", [0.5, 2.0, 8.0])
def test_claim_2_5_the_variances_for_a_sine_are_those_of_quadrature(frequency):
    s, e = 0.5, np.linspace(-10, 10, 8001)
    mass = stats.norm.pdf(e) * (e[1] - e[0])
    draws = frequency * np.cos(frequency * s * e), np.sin(frequency * s * e) * e / s
    truth = [mass @ draw**2 - (mass @ draw) ** 2 for draw in draws]
    tau = (frequency * s) ** 2
    second_moment = (1 - (1 - 4 * tau) * math.exp(-2 * tau)) / (2 * s**2)
    formulas = [
        frequency**2 / 2 * (1 - math.exp(-tau)) ** 2,
        second_moment - frequency**2 * math.exp(-tau),
    ]
    np.testing.assert_allclose(formulas, truth, rtol=1e-9)
    for bound, variance in zip((elbo_stl, elbo_score), truth, strict=True):
        gradient = slopes_in_the_mean(bound, lambda z: (frequency * z).sin(), 0.0, s)
        assert_mean((gradient - gradient.mean()) ** 2, variance)


def test_claim_2_5_at_a_jump_the_score_function_is_right_and_the_path_is_blind():
    def jump(z):
        return (z > 0) + 0 * z

    assert_mean(slopes_in_the_mean(elbo_score, jump, 0.3, 0.5), stats.norm.pdf(0, 0.3, 0.5))
    assert (slopes_in_the_mean(elbo_stl, jump, 0.3, 0.5) == 0).all()


def test_kl_oracle_agrees_with_torch_on_diagonal_gaussians():
    one, two = Independent(Normal(t64([0.1]), t64([0.4])), 1), StandardNormal(1).double()()
    truth = kl_gaussians(np.array([0.1]), np.array([[0.16]]), np.zeros(1), np.eye(1))
    assert abs(kl_divergence(one, two).item() - truth) < 1e-14


# What a wrong default or a lost axis would change


def test_the_defaults_are_a_fixed_unit_variance_and_two_layers_of_128():
    decoder = GaussianDecoder(2, 3)
    assert decoder.sigma_dec == 1 and "log_sigma" not in dict(decoder.named_parameters())
    widths = [
        layer.out_features
        for layer in CategoricalDecoder(2, 3, 4).net
        if isinstance(layer, nn.Linear)
    ]
    assert widths == [128, 128, 12]


def test_the_encoder_takes_more_axes_than_one_of_data_and_x_is_the_last():
    q, x = GaussianEncoder(4, 2).double(), torch.randn(3, 5, 4, dtype=torch.float64)
    together, one_by_one = q(x), [q(row) for row in x]
    torch.testing.assert_close(together.mean, torch.stack([p.mean for p in one_by_one]))
    torch.testing.assert_close(together.stddev, torch.stack([p.stddev for p in one_by_one]))
    with pytest.raises(ValueError, match=r"x must have shape \(B, 4\); got \(5, 4, 3\)"):
        q(torch.zeros(5, 4, 3).double())
