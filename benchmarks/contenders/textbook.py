"""The textbook loop: torch.distributions as their documentation shows them, Adam as it comes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import work
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from contenders import _torch

CHUNK = 100
PRIOR = Normal(torch.zeros(work.Z), torch.ones(work.Z))


def prepare(batch_size: int, K: int) -> Callable[[str, int], None]:
    nets = _torch.nets()
    encoder, decoder = nets
    batches = _torch.batches(_torch.images()[0], batch_size)

    def run(start: str, steps: int) -> None:
        _torch.load(nets, start)
        optimiser = torch.optim.Adam(nets.parameters(), lr=work.LR)
        for _ in range(steps):
            x = next(batches)
            mean, log_sigma = encoder(x).chunk(2, -1)
            q = Normal(mean, log_sigma.exp())
            z = q.rsample((K,))
            log_p = PRIOR.log_prob(z).sum(-1) + Bernoulli(logits=decoder(z)).log_prob(x).sum(-1)
            log_w = log_p - q.log_prob(z).sum(-1)
            loss = -(torch.logsumexp(log_w, 0) - math.log(K)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    encoder, decoder = _torch.nets()
    x = _torch.images()[1]

    @torch.no_grad()
    def run() -> float:
        mean, log_sigma = encoder(x).chunk(2, -1)
        q = Normal(mean, log_sigma.exp())
        log_w: list[Tensor] = []
        for start in range(0, K, CHUNK):
            z = q.sample((min(CHUNK, K - start),))
            log_p = PRIOR.log_prob(z).sum(-1) + Bernoulli(logits=decoder(z)).log_prob(x).sum(-1)
            log_w.append(log_p - q.log_prob(z).sum(-1))
        return (torch.logsumexp(torch.cat(log_w), 0) - math.log(K)).mean().item()

    return run
