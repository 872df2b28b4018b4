"""vaelib: its own fit, as a user calls it. For K = 1 the bound is the ELBO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import work

from contenders import _torch
from vaelib.elbo import elbo
from vaelib.evaluate import log_likelihood
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import BernoulliDecoder, GaussianEncoder
from vaelib.train import fit


def model_and_q(device: str = "cpu") -> tuple[LatentVariableModel, GaussianEncoder]:
    q = GaussianEncoder(work.X, work.Z, (work.HIDDEN, work.HIDDEN))
    decoder = BernoulliDecoder(work.Z, work.X, (work.HIDDEN, work.HIDDEN))
    for ours, trained in zip((q.net, decoder.net), _torch.nets(), strict=True):
        ours.load_state_dict(trained.state_dict())
    return LatentVariableModel(StandardNormal(work.Z), decoder).to(device), q.to(device)


def prepare_bound(
    bound: Callable[..., Any], batch_size: int, K: int, device: str = "cpu"
) -> Callable[[int], None]:
    (model, q), (x, _) = model_and_q(device), _torch.images(device)

    def run(steps: int) -> None:
        fit(bound, model, q, x, K=K, steps=steps, batch_size=batch_size, lr=work.LR, seed=0)

    return run


def prepare(batch_size: int, K: int) -> Callable[[int], None]:
    return prepare_bound(elbo if K == 1 else iwae, batch_size, K)


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    (model, q), (_, x) = model_and_q(), _torch.images()
    return lambda: log_likelihood(model, q, x, K=K).mean().item()
