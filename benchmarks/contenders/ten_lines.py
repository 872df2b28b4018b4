"""Ten lines of plain torch: every density written as its formula, no distributions, no checks."""

from __future__ import annotations

from collections.abc import Callable

import torch
import work
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from contenders import _torch
from vaelib.jensen import log_mean_exp


def loss(encoder: nn.Module, decoder: nn.Module, x: Tensor, K: int) -> Tensor:
    """Minus the bound, averaged over the batch; the constants of log p(z) and log q cancel."""
    mu, log_sigma = encoder(x).chunk(2, -1)
    eps = torch.randn(K, *mu.shape)
    z = torch.addcmul(mu, log_sigma.exp(), eps)
    logits = decoder(z)
    x_of_each = x.expand_as(logits)
    log_p_x = -binary_cross_entropy_with_logits(logits, x_of_each, reduction="none").sum(-1)
    log_p_z = -0.5 * z.square().sum(-1)
    log_q_z = -0.5 * eps.square().sum(-1) - log_sigma.sum(-1)
    return -log_mean_exp(log_p_x + log_p_z - log_q_z).mean()


def prepare(
    batch_size: int, K: int, loss: Callable[..., Tensor] = loss
) -> Callable[[str, int], None]:
    nets, (x, _) = _torch.nets(), _torch.images()
    if not x.isfinite().all():
        raise ValueError("x must be finite")
    batches = _torch.batches(x, batch_size)

    def run(start: str, steps: int) -> None:
        _torch.load(nets, start)
        optimiser = torch.optim.Adam(nets.parameters(), lr=work.LR, fused=True)
        for _ in range(steps):
            optimiser.zero_grad()
            loss(*nets, next(batches), K).backward()
            optimiser.step()

    return run
