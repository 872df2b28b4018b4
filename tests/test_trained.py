"""Claims of chapters 2, 4 and 5 about trained models: what any seed must show on the digits."""

from functools import cache

import numpy as np
import torch
from sklearn.decomposition import PCA

from vaelib.data import digits
from vaelib.elbo import elbo
from vaelib.evaluate import active_units, log_likelihood
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.ledger import gap_ledger
from vaelib.proxies import BernoulliDecoder, GaussianDecoder, GaussianEncoder
from vaelib.train import fit


def paired(a, b):
    """Mean of a - b over the data, and its standard error."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return difference.mean(), difference.std(ddof=1) / len(difference) ** 0.5


@cache
def digits_vae():
    """A Gaussian VAE of the digits with a learnt sigma, and its encoder."""
    torch.manual_seed(0)
    decoder = GaussianDecoder(2, 64, hidden=(64,), sigma_dec=0.3, learn_sigma=True)
    model, q = LatentVariableModel(StandardNormal(2), decoder), GaussianEncoder(64, 2, hidden=(64,))
    fit(elbo, model, q, digits()[0], steps=1000, lr=5e-3, schedule="cosine")
    return model, q


def test_claim_2_3_the_encoder_of_a_trained_model_never_beats_the_best_free_proxy():
    (model, q), (_, x_test) = digits_vae(), digits()
    known = torch.zeros(30)  # log p(x) is not needed for the difference of two ELBOs
    ledger = gap_ledger(model, q, x_test[:30], K=500, steps=150, log_evidence=known)
    assert (ledger.amortisation > -4.5 * ledger.amortisation_se).all()
    gain, error = paired(ledger.elbo_best, ledger.elbo)
    assert gain > 0.3 and gain > 3 * error


def test_claim_2_4_the_learnt_variance_is_the_mean_squared_error_over_data_and_proxy():
    (model, q), (x, _) = digits_vae(), digits()
    with torch.no_grad():
        mean = model.decoder(q(x).sample((50,))).mean.double().numpy()
        variance = model.decoder.sigma_dec.item() ** 2
    assert abs(variance / ((x.double().numpy() - mean) ** 2).mean() - 1) < 0.02


def test_claim_4_7_a_vae_beats_ppca_of_the_same_size_on_held_out_digits():
    x_train, x_test = digits()
    # The evidence of scikit-learn's PPCA.
    ppca = PCA(2).fit(x_train.double().numpy()).score_samples(x_test.double().numpy())
    model, q = digits_vae()
    gain, error = paired(log_likelihood(model, q, x_test, K=500), ppca)
    assert gain > 5 and gain > 5 * error


def test_claim_5_10_more_samples_train_a_better_model_with_a_worse_elbo():
    x_train, x_test = digits()
    binary = torch.bernoulli(x_test)
    log_p, bound, units = {}, {}, {}
    for K in (1, 20):
        torch.manual_seed(0)
        model = LatentVariableModel(StandardNormal(10), BernoulliDecoder(10, 64, hidden=(64,)))
        q = GaussianEncoder(64, 10, hidden=(64,))
        settings = {"steps": 1000, "batch_size": 100, "lr": 4e-3, "schedule": "cosine"}
        fit(iwae, model, q, lambda epoch: torch.bernoulli(x_train), K=K, **settings)
        log_p[K] = log_likelihood(model, q, binary, K=500)
        bound[K] = elbo(model, q, binary, 100).detach()
        units[K] = active_units(q, x_test)
    gain, error = paired(log_p[20], log_p[1])
    assert gain > 4 * error
    loss, error = paired(bound[20], bound[1])
    assert loss < -4 * error
    assert units[20] > units[1]
