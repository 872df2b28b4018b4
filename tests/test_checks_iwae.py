"""The solutions behind chapter 5's checks, held against vaelib and against NumPy and SciPy."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import logsumexp

import vaelib.evaluate
import vaelib.iwae
from vaelib import checks
from vaelib.checks.scripted import bound_and_gradients, bound_case
from vaelib.latent import LinearGaussian

BOUNDS = {
    "iwae": (checks.check_iwae, vaelib.iwae.iwae),
    "iwae_dreg": (checks.check_iwae_dreg, vaelib.iwae.iwae_dreg),
}


@pytest.fixture
def case():
    """A model, an encoder, data and K, seeded; and the log-weights in NumPy with what their gradients need."""
    torch.manual_seed(5)
    model, q, x, K = bound_case(K=6, B=4).args
    W, b, sigma = (t.detach().numpy() for t in (model.weight, model.bias, model.sigma))
    mean, s = x.numpy() @ q.weight.detach().numpy().T, q.log_sigma.exp().detach().numpy()
    eps = q.noise[:K].numpy()
    z, residual = mean + s * eps, x.numpy() - (mean + s * eps) @ W.T - b
    log_w = stats.norm.logpdf(z).sum(-1) + stats.norm.logpdf(residual, scale=sigma).sum(-1)
    log_w = log_w - stats.norm.logpdf(z, mean, s).sum(-1)
    d_z = residual @ W / sigma**2 - z + eps / s  # the derivative of log w in z
    return (
        (model, q, x, K),
        log_w,
        {"d_z": d_z, "residual": residual, "z": z, "path": s * eps, "sigma": sigma},
    )


@pytest.mark.parametrize("exercise, library", BOUNDS.values(), ids=BOUNDS)
def test_the_bounds_are_the_librarys(case, exercise, library):
    args, log_w, _ = case
    ours, theirs = (
        bound_and_gradients(f, *copy.deepcopy(args)) for f in (exercise.solution, library)
    )
    for key, value in theirs.items():
        assert torch.allclose(ours[key], value, rtol=1e-12, atol=1e-12), key
    np.testing.assert_allclose(ours["value"], logsumexp(log_w, 0) - np.log(6), rtol=1e-12)


@pytest.mark.parametrize(
    "exercise", [checks.check_iwae, checks.check_iwae_dreg], ids=["iwae", "iwae_dreg"]
)
def test_the_gradients_are_those_of_the_formulas(case, exercise):
    args, log_w, at = case
    seen = bound_and_gradients(exercise.solution, *copy.deepcopy(args))
    shares = np.exp(log_w - logsumexp(log_w, 0))
    in_model = np.einsum("kb,kbx,kbz->xz", shares, at["residual"], at["z"]) / at["sigma"] ** 2
    np.testing.assert_allclose(seen["gradient in the model's weight"], in_model, rtol=1e-10)
    weight, d_z, score = shares**2, at["d_z"], 0.0
    if (
        exercise is checks.check_iwae
    ):  # the score term: -log q is -log N(eps) + log s, and eps does not move
        s = args[1].log_sigma.exp().detach().numpy()
        weight, d_z, score = shares, at["d_z"] - at["path"] / s**2, shares.sum()
    in_mean = np.einsum("kb,kbz,bx->zx", weight, d_z, args[2].numpy())
    in_log_s = np.einsum("kb,kbz,kbz->z", weight, d_z, at["path"]) + score
    np.testing.assert_allclose(seen["gradient in the encoder's mean"], in_mean, rtol=1e-9)
    np.testing.assert_allclose(seen["gradient in the encoder's log σ"], in_log_s, rtol=1e-9)


def test_the_evidence_is_the_librarys_and_scipys(case):
    (model, q, x, K), log_w, _ = case
    library = vaelib.evaluate.log_likelihood(model, copy.deepcopy(q), x, K, chunk=4, return_se=True)
    ours = checks.check_log_likelihood.solution(model, copy.deepcopy(q), x, K, 4)
    w = np.exp(log_w)
    for mine, theirs, by_hand in zip(
        ours, library, (np.log(w.mean(0)), stats.sem(w) / w.mean(0)), strict=True
    ):
        assert torch.allclose(mine, theirs, rtol=1e-10)
        np.testing.assert_allclose(mine, by_hand, rtol=1e-10)


def test_weights_and_counts():
    log_w = torch.randn(7, 3, dtype=torch.float64)
    w = np.exp(log_w.numpy())
    shares, count = (
        checks.check_normalized_weights.solution(log_w),
        checks.check_effective_sample_size.solution(log_w),
    )
    np.testing.assert_allclose(shares, w / w.sum(0))
    np.testing.assert_allclose(count, w.sum(0) ** 2 / (w**2).sum(0))
    assert torch.allclose(shares, vaelib.iwae.normalized_weights(log_w))
    assert torch.allclose(count, vaelib.iwae.effective_sample_size(log_w))


@pytest.mark.parametrize("d", [0.05, 0.6, 0.95])
def test_two_weights_by_enumeration(d):
    L_1, L_2, fraction = checks.check_two_weights.solution(d)
    for K, bound in ((1, L_1), (2, L_2)):
        outcomes = itertools.product((1 - d, 1 + d), repeat=K)
        assert bound == pytest.approx(np.mean([np.log(np.mean(w)) for w in outcomes]))
    assert fraction == pytest.approx(1 / np.mean([(1 - d) ** 2, (1 + d) ** 2]))


@pytest.mark.parametrize(
    "mean_p, s_p, mean_q, s_q", [(1, 1, 0, 1), (1, 0.5**0.5, -0.5, 1.4), (0.3, 2.0, 0.1, 1.7)]
)
def test_the_surrogates_limit_by_quadrature(mean_p, s_p, mean_q, s_q):
    p, q = stats.norm(mean_p, s_p), stats.norm(mean_q, s_q)
    span = (mean_p - 12 * s_p, mean_p + 12 * s_p)
    kl, _ = integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), *span, epsabs=1e-12)
    assert checks.check_surrogate_limit.solution(-2.0, mean_p, s_p, mean_q, s_q) == pytest.approx(
        -2.0 + kl
    )


def test_the_log_outside_is_the_log_of_the_mean():
    """The slip that takes the log of a mean: log E_p[w], by quadrature."""
    slip = next(
        slip for slip in checks.check_surrogate_limit.slips if slip.mistake == "log-outside"
    )
    p, q = stats.norm(1.0, 0.8), stats.norm(0.2, 1.1)
    mean, _ = integrate.quad(lambda z: p.pdf(z) ** 2 / q.pdf(z), -12, 12, epsabs=1e-12)
    assert checks.check_surrogate_limit.mutant(slip)(-2.0, 1.0, 0.8, 0.2, 1.1) == pytest.approx(
        -2.0 + np.log(mean)
    )


def test_what_is_wanted_is_told_without_what_else_is_looked_at():
    pair = checks.check_iwae(lambda model, q, x, K: (x[:, 0], x[:, 0]))
    assert "must return one tensor; yours returns a list or tuple of 2." in pair.message
    lone = checks.check_log_likelihood(lambda model, q, x, K, chunk: x[:, 0])
    assert "in this order: estimate, standard error. Yours returns 1 of them." in lone.message


def test_the_standard_error_is_zero_and_a_number_where_q_is_the_posterior() -> None:
    torch.manual_seed(0)
    model = LinearGaussian(torch.randn(8, 4).double(), torch.zeros(8).double(), 1.0).requires_grad_(
        False
    )
    x, _ = model.sample(20)
    estimate, error = checks.check_log_likelihood.solution(model, model.posterior, x, 50, 20)
    np.testing.assert_allclose(estimate, model.log_evidence(x), rtol=1e-12)
    assert (error < 1e-7).all()
