"""Pyro: SVI with RenyiELBO(alpha=0), its particles vectorised."""

from __future__ import annotations

from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
import work
from pyro.infer import SVI, RenyiELBO
from pyro.optim import Adam
from torch import Tensor

from contenders import _torch


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    nets = _torch.nets()
    encoder, decoder = nets
    batches = _torch.batches(_torch.images()[0], batch_size)
    zero, one = torch.zeros(work.Z), torch.ones(work.Z)

    def model(x: Tensor) -> None:
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(zero, one).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            mean, log_sigma = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_sigma.exp()).to_event(1))

    objective = RenyiELBO(alpha=0, num_particles=K, vectorize_particles=True, max_plate_nesting=1)

    def run(start: str, steps: int) -> None:
        pyro.clear_param_store()
        _torch.load(nets, start)
        svi = SVI(model, guide, Adam({"lr": work.LR}), objective)
        for _ in range(steps):
            svi.step(next(batches))

    return run
