"""vaelib: its own fit, as a user calls it. For K = 1 the bound is the ELBO.

fit looks at its whole data set once, which a long training does not feel. So the clock here starts
at fit's first record, after ten steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import work
from torch import nn

from contenders import _torch
from vaelib.elbo import elbo
from vaelib.evaluate import log_likelihood
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import BernoulliDecoder, GaussianEncoder
from vaelib.train import fit


def model_and_q() -> tuple[LatentVariableModel, GaussianEncoder]:
    """The model and the encoder, untrained."""
    hidden = (work.HIDDEN, work.HIDDEN)
    torch.manual_seed(0)
    q = GaussianEncoder(work.X, work.Z, hidden)
    return LatentVariableModel(StandardNormal(work.Z), BernoulliDecoder(work.Z, work.X, hidden)), q


def prepare_bound(
    bound: Callable[..., Any], batch_size: int, K: int, **options: Any
) -> Callable[[str, int], float]:
    """What trains with this bound; the options are fit's."""
    model, q = model_and_q()
    x, _ = _torch.images()
    settings = {"K": K, "batch_size": batch_size, "lr": work.LR, **options}

    def run(start: str, steps: int) -> float:
        _torch.load(nn.ModuleList([q, model]), start)
        first = min(10, steps)
        history = fit(bound, model, q, x, steps=first + steps, record_every=first, **settings)
        return history.seconds[-1] - history.seconds[0]

    return run


def prepare(batch_size: int, K: int, **options: Any) -> Callable[[str, int], float]:
    return prepare_bound(elbo if K == 1 else iwae, batch_size, K, **options)


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    (model, q), (_, x) = model_and_q(), _torch.images()
    _torch.load(nn.ModuleList([q, model]), "trained")
    return lambda: log_likelihood(model, q, x, K=K).mean().item()
