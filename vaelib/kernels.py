"""Two functions that training spends its time in, computed and differentiated by hand where they are large.

Small inputs take torch's own way, which is as fast there, and which ``torch.func`` can map.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, cycle
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

__all__ = ["Mlp", "bernoulli_log_prob"]

_BLOCK = 2**19  # numbers that a processor's cache holds


def bernoulli_log_prob(logits: Tensor, sign: Tensor) -> Tensor:
    r"""The log-probability of binary pixels, summed over them.

    .. math:: \sum_i \log \sigma(s_i l_i) = \sum_i x_i l_i - \log(1 + e^{l_i}), \qquad s = 2x - 1

    The left form has no difference, and so keeps every digit of a decoder that is sure and right.

    Args:
        logits: l, shape ``(*, B, X)``.
        sign: s, 1 or -1, of a shape that fits.

    Returns:
        shape ``(*, B)``, in nats.
    """
    fast = logits.numel() > _BLOCK and logits.dtype in (torch.float32, torch.float64)
    if not fast or logits.ndim < sign.ndim or logits.shape[-1] != sign.shape[-1]:
        return logsigmoid(logits * sign).sum(-1)
    log_p: Tensor = _BernoulliLogProb.apply(logits, sign.expand_as(logits))  # type: ignore[no-untyped-call]
    return log_p


class _BernoulliLogProb(torch.autograd.Function):
    """In blocks that stay in the processor's cache."""

    @staticmethod
    def forward(logits: Tensor, sign: Tensor) -> Tensor:
        return torch.cat([_log_sigmoid_sum(a * s) for a, s in _blocks(logits, sign)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        logits, sign = ctx.saved_tensors
        grad = grad.unsqueeze(-1)
        if torch.is_grad_enabled():  # somebody differentiates twice
            return (-logits * sign).sigmoid() * sign * grad, None
        slope = torch.empty_like(logits)
        for out, a, s, g in _blocks(slope, logits, sign, grad):
            torch.mul(a, s, out=out).neg_().sigmoid_().mul_(s).mul_(g)
        return slope, None


def _blocks(first: Tensor, *others: Tensor) -> Any:
    size = max(1, _BLOCK // first[0].numel())
    return zip(first.split(size), *(other.split(size) for other in others), strict=True)


def _log_sigmoid_sum(m: Tensor) -> Tensor:
    """The sum of log sigmoid(m) = min(m, 0) - log(1 + e^-|m|) over the last axis; m is used up."""
    y = m.abs().neg_().exp_()
    # (1 + a)(1 + b) = 1 + (a + b + ab): one logarithm for two terms, then for four ..., with no digit lost.
    while y.shape[-1] % 2 == 0 and y.shape[-1] > 64:
        a, b = y.chunk(2, -1)
        y = torch.addcmul(a + b, a, b)
    return m.clamp_(max=0).sum(-1) - y.log1p_().sum(-1)


class Mlp(nn.Sequential):
    """Linear layers with a non-linearity between them, none after the last.

    With tanh and many rows its gradient is computed by hand, so that samples of no weight cost nothing.
    """

    def forward(self, rows: Tensor) -> Tensor:
        if (
            len(rows) < 512
            or not torch.is_grad_enabled()
            or torch.is_autocast_enabled(rows.device.type)
            or not self._is_tanh()
        ):
            plain: Tensor = super().forward(rows)  # type: ignore[no-untyped-call]
            return plain
        parameters = [p for layer in list(self)[::2] for p in (layer.weight, layer.bias)]
        out: Tensor = _TanhMlp.apply(rows, *parameters)[0]  # type: ignore[no-untyped-call]
        return out

    def _is_tanh(self) -> bool:
        """Whether the layers are still those that _TanhMlp knows, and nobody listens to one of them."""
        for layer, kind in zip(self, cycle((nn.Linear, nn.Tanh)), strict=False):
            if type(layer) is not kind or layer._forward_hooks or layer._forward_pre_hooks:
                return False
        return len(self) % 2 == 1


class _TanhMlp(torch.autograd.Function):
    """Linear layers with tanh between them.

    With many samples most importance weights are negligible, and their rows of the gradient are exact zeros. The
    backward pass, two thirds of the work, then takes the other rows only.
    """

    @staticmethod
    def forward(rows: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        given = [rows]
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            given.append(torch.addmm(bias, given[-1], weight.mT).tanh_())
        return torch.addmm(parameters[-1], given[-1], parameters[-2].mT), *given[1:]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*inputs, *output[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        n = len(ctx.needs_input_grad)
        saved = ctx.saved_tensors  # asked for once: torch's checkpoint computes them anew
        rows, weights, biases = saved[0], saved[1:n:2], saved[2:n:2]
        if torch.is_grad_enabled():  # somebody differentiates twice; autograd would not see what is done by hand here
            return _differentiably(rows, weights, biases, grad, ctx.needs_input_grad)
        given = [rows, *saved[n:]]
        # amax propagates not-a-number, so that such a row is kept, and found by whoever looks for it.
        kept = ((grad.amax(1) != 0) | (grad.amin(1) != 0)).nonzero().flatten()
        if some := len(kept) < 0.9 * len(rows):
            grad, given = grad.index_select(0, kept), [h.index_select(0, kept) for h in given]
        found: list[Tensor | None] = []
        for h, weight in zip(reversed(given), reversed(weights), strict=True):
            found = [grad.mT @ h, grad.sum(0), *found]
            if h is not given[0] or ctx.needs_input_grad[0]:
                grad = grad @ weight
            if h is not given[0]:
                grad = torch.ops.aten.tanh_backward(grad, h)
        if not ctx.needs_input_grad[0]:
            return None, *found
        return torch.zeros_like(rows).index_copy_(0, kept, grad) if some else grad, *found


def _differentiably(
    rows: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], grad: Tensor, needed: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The gradient of _TanhMlp by autograd, which can be differentiated again."""
    inputs = [rows, *chain.from_iterable(zip(weights, biases, strict=True))]
    out = rows
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        out = linear(out.tanh() if i else out, weight, bias)
    wanted = [tensor for tensor, need in zip(inputs, needed, strict=True) if need]
    found = iter(torch.autograd.grad(out, wanted, grad, create_graph=True))
    return tuple(next(found) if need else None for need in needed)
