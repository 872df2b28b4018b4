"""The textbook loop: torch.distributions as their documentation shows them, Adam as it comes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import work
from torch.distributions import Bernoulli, Normal

from contenders import _torch

CHUNK = 100


def prepare(batch_size: int, K: int) -> Callable[[int], None]:
    encoder, decoder = _torch.nets()
    batches = _torch.batches(_torch.images()[0], batch_size)
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=work.LR)
    prior = Normal(torch.zeros(work.Z), torch.ones(work.Z))

    def run(steps: int) -> None:
        for _ in range(steps):
            x = next(batches)
            mean, log_sigma = encoder(x).chunk(2, -1)
            q = Normal(mean, log_sigma.exp())
            z = q.rsample((K,))
            log_p = prior.log_prob(z).sum(-1) + Bernoulli(logits=decoder(z)).log_prob(x).sum(-1)
            log_w = log_p - q.log_prob(z).sum(-1)
            loss = -(torch.logsumexp(log_w, 0) - math.log(K)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def prepare_log_likelihood(K: int) -> Callable[[], float]:
    encoder, decoder = _torch.nets()
    x = _torch.images()[1]
    prior = Normal(torch.zeros(work.Z), torch.ones(work.Z))

    @torch.no_grad()
    def run() -> float:
        mean, log_sigma = encoder(x).chunk(2, -1)
        q = Normal(mean, log_sigma.exp())
        log_w = []
        for start in range(0, K, CHUNK):
            z = q.sample((min(CHUNK, K - start),))
            log_p = prior.log_prob(z).sum(-1) + Bernoulli(logits=decoder(z)).log_prob(x).sum(-1)
            log_w.append(log_p - q.log_prob(z).sum(-1))
        return (torch.logsumexp(torch.cat(log_w), 0) - math.log(K)).mean().item()

    return run
