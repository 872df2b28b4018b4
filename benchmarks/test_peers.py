"""vaelib against its peers: with one model, one set of weights and one noise they must agree.

Pyro, NumPyro and pythae sum or average over data and minimise; vaelib's bounds are per datum, to
be maximised. The latents that a peer drew are recorded and given to vaelib, so that values and
gradients must agree up to rounding.

Runs in .venv-peers: `make test-peers`.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
import pyro
import pyro.distributions as pd
import pytest
import torch
from numpyro.infer import RenyiELBO as NumPyroRenyi
from numpyro.infer import Trace_ELBO as NumPyroTrace
from numpyro.infer import TraceMeanField_ELBO as NumPyroMeanField
from pyro.infer import RenyiELBO as PyroRenyi
from pyro.infer import Trace_ELBO as PyroTrace
from pyro.infer import TraceMeanField_ELBO as PyroMeanField
from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from sklearn.decomposition import PCA
from torch import nn
from torch.distributions import Independent, Normal

from vaelib.elbo import elbo, elbo_kl
from vaelib.evaluate import log_likelihood
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, LinearGaussian, StandardNormal, fit_ppca
from vaelib.proxies import BernoulliDecoder, GaussianEncoder

# Warnings of the peers are theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

HERE = Path(__file__).parent
B, X, Z, HIDDEN = 4, 12, 3, 8
EXACT = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    pyro.clear_param_store()
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def vae():
    """A Bernoulli VAE whose weights are so large that log-weights differ by nats; and data."""
    model = LatentVariableModel(StandardNormal(Z), BernoulliDecoder(Z, X, hidden=(HIDDEN,)))
    q = GaussianEncoder(X, Z, hidden=(HIDDEN,))
    with torch.no_grad():
        for weight in [*model.parameters(), *q.parameters()]:
            weight.normal_(0, 0.7)
    return model, q, torch.bernoulli(torch.full((B, X), 0.4))


class Replay(Independent):
    """A Gaussian that draws again what a peer has drawn from it."""

    def __init__(self, mean, sigma, z):
        super().__init__(Normal(mean, sigma), 1)
        self.eps = ((z - mean) / sigma).detach()

    def rsample(self, sample_shape=()):
        assert tuple(sample_shape) == self.eps.shape[:1]
        return self.base_dist.loc + self.base_dist.scale * self.eps


def replayed(q, z):
    """The encoder q, its noise replaced by the one that gives these latents, shape (K, B, Z)."""

    def encoder(x):
        gaussian = q(x)
        return Replay(gaussian.base_dist.loc, gaussian.base_dist.scale, z)

    return encoder


def ours(bound, model, q, x, z):
    """vaelib's bound at these latents, shape (B,), and its gradients, as NumPy arrays."""
    model.zero_grad(set_to_none=True)
    q.zero_grad(set_to_none=True)
    value = bound(model, replayed(q, z), x, K=z.shape[0])
    value.sum().backward()
    return value.detach().numpy(), gradients(model, q)


def gradients(model, q):
    return [p.grad.numpy().copy() for p in [*model.parameters(), *q.parameters()]]


def assert_same(peer, vaelib, scale=1.0):
    """A peer's loss and each of its gradients are -scale times vaelib's."""
    loss, peer_gradients = peer
    value, our_gradients = vaelib
    np.testing.assert_allclose(-loss, scale * value.sum(), **EXACT)
    assert len(peer_gradients) == len(our_gradients)
    for theirs, own in zip(peer_gradients, our_gradients, strict=True):
        np.testing.assert_allclose(-theirs, scale * own, **EXACT)


# scikit-learn


@pytest.mark.parametrize("latent_dim", [1, 3, 7])
def test_evidence_of_ppca_is_scikit_learns_score(latent_dim):
    """scikit-learn divides the covariance by N - 1; data stretched by sqrt(N / (N - 1)) undo it."""
    x = torch.randn(50, 9) @ torch.randn(9, 9) + torch.randn(9)
    n, mean = len(x), x.mean(0)
    stretched = mean + math.sqrt(n / (n - 1)) * (x - mean)
    score = PCA(latent_dim).fit(x.numpy()).score_samples(x.numpy())
    log_evidence = fit_ppca(stretched, latent_dim).log_evidence(x).detach().numpy()
    np.testing.assert_allclose(score, log_evidence, **EXACT)


def test_unstretched_ppca_is_likelier_than_scikit_learns():
    """The covariance divided by N is that of maximum likelihood: ours must have a higher score."""
    x = torch.randn(50, 9) @ torch.randn(9, 9)
    score = PCA(3).fit(x.numpy()).score(x.numpy())
    ahead = fit_ppca(x, 3).log_evidence(x).mean().item() - score
    assert 0 < ahead < 9 / 50


# Pyro


def pyro_loss(objective, model, q, x, K):
    """Pyro's loss, its gradients in the same weights, and the latents it drew, (K, B, Z)."""
    drawn = []

    def pyro_model(x):
        pyro.module("decoder", model.decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pd.Normal(torch.zeros(Z), torch.ones(Z)).to_event(1))
            pyro.sample("x", pd.Bernoulli(logits=model.decoder.net(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", q)
        with pyro.plate("data", len(x)):
            mean, log_sigma = q.net(x).chunk(2, -1)
            drawn.append(pyro.sample("z", pd.Normal(mean, log_sigma.exp()).to_event(1)))

    model.zero_grad(set_to_none=True)
    q.zero_grad(set_to_none=True)
    loss = objective(num_particles=K, vectorize_particles=True, max_plate_nesting=1).loss_and_grads(
        pyro_model, guide, x
    )
    return (float(loss), gradients(model, q)), drawn[-1].detach().reshape(K, B, Z)


@pytest.mark.parametrize("K", [1, 5, 20])
@pytest.mark.parametrize(
    ("objective", "bound"),
    [
        pytest.param(lambda **options: PyroRenyi(alpha=0, **options), iwae, id="RenyiELBO-iwae"),
        pytest.param(PyroTrace, elbo, id="Trace_ELBO-elbo"),
        pytest.param(PyroMeanField, elbo_kl, id="TraceMeanField_ELBO-elbo_kl"),
    ],
)
def test_pyro(vae, objective, bound, K):
    model, q, x = vae
    peer, z = pyro_loss(objective, model, q, x, K)
    # Pyro averages the particles of an ELBO and sums over data. With a plate of data, RenyiELBO
    # takes its logarithm for each datum too.
    assert_same(peer, ours(bound, model, q, x, z))


# NumPyro


def jax_net(weights, given):
    hidden = jnp.tanh(given @ weights[0].T + weights[1])
    return hidden @ weights[2].T + weights[3]


def numpyro_loss(objective, model, q, x, K):
    """NumPyro's loss, its gradients in the same weights, and the latents it drew, (K, B, Z)."""
    drawn = []
    start = {
        f"{i}": jnp.asarray(p.detach().numpy())
        for i, p in enumerate([*model.parameters(), *q.parameters()])
    }
    x_jax = jnp.asarray(x.numpy())

    def weights(first):
        return [numpyro.param(f"{i}", start[f"{i}"]) for i in range(first, first + 4)]

    def numpyro_model(x):
        with numpyro.plate("data", B):
            z = numpyro.sample("z", nd.Normal(jnp.zeros(Z), jnp.ones(Z)).to_event(1))
            numpyro.sample("x", nd.Bernoulli(logits=jax_net(weights(0), z)).to_event(1), obs=x)

    def guide(x):
        with numpyro.plate("data", B):
            mean, log_sigma = jnp.split(jax_net(weights(4), x), 2, axis=-1)
            z = numpyro.sample("z", nd.Normal(mean, jnp.exp(log_sigma)).to_event(1))
            # Called once for each particle, in no set order; the bounds do not ask for one.
            jax.debug.callback(lambda value: drawn.append(np.array(value)), z)

    def loss(params):
        return objective(num_particles=K).loss(
            jax.random.key(0), params, numpyro_model, guide, x_jax
        )

    value, grads = jax.jit(jax.value_and_grad(loss))(start)
    jax.effects_barrier()
    assert len(drawn) == K
    return (float(value), [np.asarray(grads[f"{i}"]) for i in range(8)]), torch.tensor(
        np.stack(drawn)
    )


@pytest.mark.parametrize("K", [1, 5, 20])
@pytest.mark.parametrize(
    ("objective", "bound"),
    [
        pytest.param(lambda **options: NumPyroRenyi(alpha=0, **options), iwae, id="RenyiELBO-iwae"),
        pytest.param(NumPyroTrace, elbo, id="Trace_ELBO-elbo"),
        pytest.param(NumPyroMeanField, elbo_kl, id="TraceMeanField_ELBO-elbo_kl"),
    ],
)
def test_numpyro(vae, objective, bound, K):
    model, q, x = vae
    peer, z = numpyro_loss(objective, model, q, x, K)
    assert_same(peer, ours(bound, model, q, x, z))


# Pyro and NumPyro on a model whose evidence is known


@pytest.mark.parametrize("K", [1, 10])
def test_renyi_elbo_at_the_exact_posterior_is_our_evidence(K):
    """With the exact posterior as guide, the peers' bound is log p(x), without noise."""
    model = LinearGaussian(torch.randn(5, 2), torch.randn(5), 0.6)
    x = model.sample(7)[0]
    posterior = model.posterior(x)
    mean, tril, sigma = posterior.mean.detach(), posterior.scale_tril.detach(), model.sigma.item()
    weight, bias = model.weight.detach(), model.bias.detach()

    def pyro_model():
        with pyro.plate("data", 7):
            z = pyro.sample("z", pd.Normal(torch.zeros(2), torch.ones(2)).to_event(1))
            pyro.sample("x", pd.Normal(z @ weight.T + bias, sigma).to_event(1), obs=x)

    def pyro_guide():
        with pyro.plate("data", 7):
            pyro.sample("z", pd.MultivariateNormal(mean, scale_tril=tril))

    def numpyro_model():
        with numpyro.plate("data", 7):
            z = numpyro.sample("z", nd.Normal(jnp.zeros(2), jnp.ones(2)).to_event(1))
            numpyro.sample(
                "x",
                nd.Normal(z @ weight.numpy().T + bias.numpy(), sigma).to_event(1),
                obs=x.numpy(),
            )

    def numpyro_guide():
        with numpyro.plate("data", 7):
            numpyro.sample("z", nd.MultivariateNormal(mean.numpy(), scale_tril=tril.numpy()))

    log_evidence = model.log_evidence(x).sum().item()
    pyro_objective = PyroRenyi(
        alpha=0, num_particles=K, vectorize_particles=True, max_plate_nesting=1
    )
    numpyro_objective = NumPyroRenyi(alpha=0, num_particles=K)
    assert -pyro_objective.loss(pyro_model, pyro_guide) == pytest.approx(log_evidence, rel=1e-10)
    loss = jax.jit(lambda key: numpyro_objective.loss(key, {}, numpyro_model, numpyro_guide))
    assert -float(loss(jax.random.key(1))) == pytest.approx(log_evidence, rel=1e-10)


# pythae


class PythaeEncoder(BaseEncoder):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        mean, log_sigma = self.net(x).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=2 * log_sigma)


class PythaeDecoder(BaseDecoder):
    def __init__(self, net, output=torch.sigmoid):
        super().__init__()
        self.net, self.output = net, output

    def forward(self, z):
        return ModelOutput(reconstruction=self.output(self.net(z)))


def pythae_loss(peer, model, q, x):
    model.zero_grad(set_to_none=True)
    q.zero_grad(set_to_none=True)
    loss = peer({"data": x}).loss
    loss.backward()
    return loss.item(), gradients(model, q)


@pytest.mark.parametrize("K", [1, 5, 20])
def test_pythae_iwae_has_our_gradient_and_another_value(vae, K):
    """Its loss weighs log-weights by the normalised weights: iwae's gradient, but not its value."""
    model, q, x = vae
    config = IWAEConfig(input_dim=(X,), latent_dim=Z, reconstruction_loss="bce", number_samples=K)
    peer = IWAE(config, encoder=PythaeEncoder(q.net), decoder=PythaeDecoder(model.decoder.net))
    torch.manual_seed(1)
    loss, peer_gradients = pythae_loss(peer, model, q, x)
    torch.manual_seed(1)
    z = noise_to_latents(q, x, torch.randn(B, K, Z).transpose(0, 1))
    value, our_gradients = ours(iwae, model, q, x, z)
    for theirs, own in zip(peer_gradients, our_gradients, strict=True):
        np.testing.assert_allclose(-B * theirs, own, **EXACT)
    if K == 1:
        assert -loss == pytest.approx(value.mean(), rel=1e-10)
    else:
        assert -loss > value.mean() + 1e-3


def test_pythae_vae_is_elbo_kl(vae):
    model, q, x = vae
    config = VAEConfig(input_dim=(X,), latent_dim=Z, reconstruction_loss="bce")
    peer = VAE(config, encoder=PythaeEncoder(q.net), decoder=PythaeDecoder(model.decoder.net))
    torch.manual_seed(1)
    result = pythae_loss(peer, model, q, x)
    torch.manual_seed(1)
    z = noise_to_latents(q, x, torch.randn(B, Z)[None])
    # pythae averages over data.
    assert_same(result, ours(elbo_kl, model, q, x, z), scale=1 / B)


def noise_to_latents(q, x, eps):
    gaussian = q(x).base_dist
    return (gaussian.loc + gaussian.scale * eps).detach()


def test_pythae_get_nll_is_log_likelihood(vae):
    """It returns the mean log-likelihood, despite its name. Each draws its own noise."""
    model, q, x = vae
    config = VAEConfig(input_dim=(X,), latent_dim=Z, reconstruction_loss="bce")
    peer = VAE(config, encoder=PythaeEncoder(q.net), decoder=PythaeDecoder(model.decoder.net))
    with torch.no_grad():
        # Near the prior, q is wider than the posterior: the weights are bounded, and the standard
        # errors can be trusted.
        for weight in q.parameters():
            weight.mul_(0.1)
        theirs = peer.get_nll(x, n_samples=5_000, batch_size=1_000)
    log_p, se = log_likelihood(model, q, x, K=5_000, return_se=True)
    se_of_difference = math.sqrt(2) * se.square().sum().sqrt().item() / B
    assert 0 < se_of_difference < 0.05
    assert abs(theirs - log_p.mean().item()) < 5 * se_of_difference


def test_only_pythaes_value_exceeds_the_evidence():
    """z ~ N(0, 1), x | z ~ N(z, 1), x = 2, q = N(-0.5, 1.4²): log p(x) = log N(2; 0, 2)."""
    n, K = 100_000, 10
    x = torch.full((n, 1), 2.0)
    mean, log_sigma = torch.full((n, 1), -0.5), torch.full((n, 1), math.log(1.4))
    config = IWAEConfig(input_dim=(1,), latent_dim=1, reconstruction_loss="mse", number_samples=K)
    encoder = PythaeEncoder(lambda x: torch.cat([mean, log_sigma], -1))
    peer = IWAE(config, encoder=encoder, decoder=PythaeDecoder(nn.Identity(), nn.Identity()))
    with torch.no_grad():
        # Its squared error leaves out the Gaussian's constant.
        theirs = -peer({"data": x}).loss.item() - 0.5 * math.log(2 * math.pi)
        model = LinearGaussian(torch.ones(1, 1), torch.zeros(1), 1.0)
        bound = iwae(model, lambda x: Independent(Normal(mean, log_sigma.exp()), 1), x, K)
    log_evidence = model.log_evidence(x[:1]).item()
    se = bound.std().item() / math.sqrt(n)
    assert log_evidence == pytest.approx(-2.266, abs=5e-4)
    assert bound.mean().item() == pytest.approx(-2.384, abs=5e-4 + 4 * se)
    assert theirs == pytest.approx(-1.513, abs=0.01)
    assert bound.mean() + 10 * se < log_evidence < theirs


# The benchmark


def test_ten_lines_are_iwae(vae, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_FOLDER", str(tmp_path))
    monkeypatch.syspath_prepend(HERE)
    from contenders import ten_lines

    model, q, x = vae
    torch.manual_seed(1)
    loss = ten_lines.loss(q.net, model.decoder.net, x, K=5)
    loss.backward()
    result = loss.item(), gradients(model, q)
    torch.manual_seed(1)
    z = noise_to_latents(q, x, torch.randn(5, B, Z))
    # It averages over data, and it leaves out constants that cancel.
    assert_same(result, ours(iwae, model, q, x, z), scale=1 / B)


def test_quick_benchmark_measures_everyone(monkeypatch):
    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)  # the contenders compute in float32
    monkeypatch.syspath_prepend(HERE)
    import report

    subprocess.run([sys.executable, HERE / "bench.py", "--quick"], check=True)
    written = (HERE.parent / "_build/bench/RESULTS.md").read_text("utf8")
    for label in [*report.LABELS.values(), *report.EVALUATORS.values()]:
        assert f"| {label} " in written
