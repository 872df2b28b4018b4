"""Networks with tanh, and the log-probability of binary pixels, differentiated by hand: training spends its time there.

A gradient in log-space is full of exact zeros: of fifty importance weights most are negligible. What lies behind them
is not computed here. torch's own way, which ``torch.func`` can map, is taken wherever anything is unusual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.functional import linear, logsigmoid

from vaelib.products import product, weight_gradient

__all__ = ["Mlp", "bernoulli_log_prob", "only_inputs", "values_once"]

_BLOCK = 2**19  # numbers that a processor's cache holds
_ROOM = (
    2**22
)  # numbers: so much that glibc, which goes by the largest piece, keeps what a step frees for the next one
_ROUND = 64  # rows: oneDNN writes code for each number of them that it meets, once
_FEW = 2**17  # numbers, among which it does not pay to look for zeros
_FEW_ROWS = 64  # for which torch's own way is as fast


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
    usual = logits.dtype in (torch.float32, torch.float64) and not _transformed()
    if (
        logits.numel() < _FEW
        or not usual
        or torch.broadcast_shapes(logits.shape, sign.shape) != logits.shape
    ):
        return logsigmoid(logits * sign).sum(-1)
    log_p: Tensor = _BernoulliLogProb.apply(logits, sign.expand_as(logits))  # type: ignore[no-untyped-call]
    return log_p


class _BernoulliLogProb(torch.autograd.Function):
    """The backward pass needs the slope, which is made while the logits are at hand."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, sign: Tensor) -> Tensor:
        m = logits * sign
        log_p = logsigmoid(m).sum(-1)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(logits, sign, m.neg_().sigmoid_().mul_(sign))
        return log_p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        logits, sign, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody differentiates twice
            return (-logits * sign).sigmoid() * sign * grad.unsqueeze(-1), None
        return slope * grad.unsqueeze(-1), None


def _log_sigmoid_sum(m: Tensor, room: Tensor) -> Tensor:
    """The sum of log sigmoid(m) = min(m, 0) - log(1 + e^-|m|) over the last axis.

    m is used up, and so is the room for twice as many numbers: memory that is there already need not be asked for.
    """
    y, room = torch.abs(m, out=room[: m.numel()].view(m.shape)).neg_().exp_(), room[m.numel() :]
    # (1 + a)(1 + b) = 1 + (a + b + ab): one logarithm for two terms, then for four ..., with no digit lost.
    while y.shape[-1] % 2 == 0 and y.shape[-1] > 64:
        a, b = y.chunk(2, -1)
        y, room = (
            torch.add(a, b, out=room[: a.numel()].view(a.shape)).addcmul_(a, b),
            room[a.numel() :],
        )
    return m.clamp_(max=0).sum(-1) - y.log1p_().sum(-1)


def _slope(m: Tensor, sign: Tensor, grad: Tensor) -> Tensor:
    """The derivative in l of the sum of log sigmoid(-m), m = -s l, times grad; m is used up."""
    return m.sigmoid_().mul_(sign).mul_(grad.unsqueeze(-1))


class Mlp(nn.Sequential):
    """Linear layers with a non-linearity between them, none after the last; with tanh, differentiated by hand."""

    def forward(self, rows: Tensor) -> Tensor:
        if len(rows) < _FEW_ROWS or not (parameters := self._known(rows)):
            plain: Tensor = super().forward(rows)  # type: ignore[no-untyped-call]
            return plain
        out: Tensor = _TanhMlp.apply(rows, *parameters)  # type: ignore[no-untyped-call]
        return out

    def streams(self, z: Tensor) -> bool:
        """Whether the outputs are so many that they are better not kept.

        Args:
            z: shape ``(*, B, Z)``.
        """
        n_out = getattr(self[-1], "out_features", 0)
        return z.ndim > 2 and z[..., 0].numel() * n_out > _BLOCK and bool(self._known(z))

    def bernoulli_log_prob(self, z: Tensor, sign: Tensor) -> Tensor:
        """:func:`bernoulli_log_prob` of the outputs, which are made block by block and nowhere kept.

        Args:
            z: shape ``(*, B, Z)``, one that :meth:`streams`.
            sign: shape ``(B, X)``.

        Returns:
            shape ``(*, B)``, in nats.
        """
        rows, parameters = z.reshape(-1, *z.shape[-2:]), self._known(z)
        if torch.is_grad_enabled():
            log_p: Tensor = _StreamedBernoulli.apply(rows, sign, *parameters)  # type: ignore[no-untyped-call]
        else:
            log_p = _stream(rows, sign, parameters)
        return log_p.reshape(z.shape[:-1])

    def _known(self, given: Tensor) -> list[Tensor]:
        """Weights and biases, if the layers are still Linear and tanh, nobody listens, and all is of one type."""
        if (
            given.is_meta
            or torch.is_autocast_enabled(given.device.type)
            or _transformed()
            or len(self) % 2 == 0
        ):
            return []
        found: list[Tensor] = []
        for layer, kind in zip(self, cycle((nn.Linear, nn.Tanh)), strict=False):
            listened = layer._forward_hooks or layer._forward_pre_hooks
            if (
                listened
                or layer._backward_hooks
                or layer._backward_pre_hooks
                or type(layer) is not kind
            ):
                return []
            if isinstance(layer, nn.Linear):
                found += [layer.weight, layer.bias]
        if any(p is None or p.dtype != given.dtype or p.device != given.device for p in found):
            return []
        return [p.detach() for p in found] if _only_inputs.get() else found


@contextmanager
def only_inputs() -> Iterator[None]:
    """Meanwhile no gradient goes into the layers' parameters.

    What nobody asks for autograd leaves out; a function differentiated by hand cannot know, and would compute it.
    """
    token = _only_inputs.set(True)
    try:
        yield
    finally:
        _only_inputs.reset(token)


_only_inputs = ContextVar("_only_inputs", default=False)


def _transformed() -> bool:
    """Whether torch.func or forward mode is at work. Only torch's own Function can ask; if unsure, say yes."""
    forwards = getattr(forward_ad, "_current_level", 0) >= 0
    return forwards or bool(getattr(torch._C, "_are_functorch_transforms_active", lambda: True)())


class _TanhMlp(torch.autograd.Function):
    """Linear layers with tanh between them. Rows of zero gradient cost nothing in the backward pass."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, *parameters: Tensor) -> Tensor:
        given = _activations(rows, parameters)
        ctx.save_for_backward(*parameters, *given)
        return product(given[-1], parameters[-2].mT, parameters[-1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        n = len(ctx.needs_input_grad) - 1
        saved = ctx.saved_tensors  # asked for once: torch's checkpoint computes them anew
        parameters, given = saved[:n], saved[n:]
        if (
            torch.is_grad_enabled()
        ):  # somebody differentiates twice; autograd would not see what is done by hand here
            return _differentiably(_plain, (given[0], *parameters), grad, ctx.needs_input_grad)
        matter = None
        # Where few rows begin with a zero, few are zero. amax propagates not-a-number: such a row is kept, and found.
        if grad.numel() >= _FEW and 4 * int((grad[:, 0] == 0).count_nonzero()) >= len(grad):
            matter = (grad.amax(1) != 0) | (grad.amin(1) != 0)
        return tuple(_gradients(grad, matter, given, parameters, ctx.needs_input_grad))


class _StreamedBernoulli(torch.autograd.Function):
    """The log-probability of binary pixels whose logits such layers give: none is kept, few are made again."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, sign: Tensor, *parameters: Tensor) -> Tensor:
        given = _activations(z.flatten(0, 1), parameters)
        ctx.save_for_backward(
            z, sign, *parameters, *given[1:]
        )  # z itself, for those who differentiate twice
        last = given[-1].unflatten(0, z.shape[:2])
        values = _remembered.get()
        if values is None:
            return _stream(last, sign, parameters[-2:])
        return values.get(lambda: _stream(last, sign, parameters[-2:]))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[:1] + ctx.needs_input_grad[2:]
        z, sign, *saved = ctx.saved_tensors
        parameters, hidden = saved[: len(needed) - 1], saved[len(needed) - 1 :]
        if torch.is_grad_enabled():
            grad_z, *found = _differentiably(
                lambda z, *p: logsigmoid(_plain(z, *p) * sign).sum(-1),
                (z, *parameters),
                grad,
                needed,
            )
            return grad_z, None, *found
        given = [z.flatten(0, 1), *hidden]
        grad_z, *found = _streamed_gradients(grad.flatten(), sign, given, parameters, needed)
        return None if grad_z is None else grad_z.view_as(z), None, *found


def values_once() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Two contexts for torch's checkpoint, which runs a function twice: what the first made is known in the second.

    Only streamed log-probabilities are meant: one number for each sample, and most of the work.
    """
    values: list[Tensor] = []
    return _Values(values, known=False), _Values(values, known=True)


class _Values(AbstractContextManager[None]):
    def __init__(self, values: list[Tensor], known: bool) -> None:
        self.values, self.known = values, known

    def __enter__(self) -> None:
        self.token, self.left = _remembered.set(self), iter(self.values)

    def __exit__(self, *_: object) -> None:
        _remembered.reset(self.token)

    def get(self, make: Callable[[], Tensor]) -> Tensor:
        if self.known:
            return next(self.left).clone()
        self.values.append(make())
        return self.values[-1].clone()


_remembered: ContextVar[_Values | None] = ContextVar("_remembered", default=None)


def _activations(rows: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """What each layer is given."""
    given = [rows]
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        given.append(product(given[-1], weight.mT, bias, tanh=True))
    return given


def _stream(z: Tensor, sign: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The Bernoulli's log-probability, shape (K, B), in blocks of rows that stay in the processor's cache."""
    log_p, (weight, bias), n_out = z.new_empty(z.shape[:2]), parameters[-2:], sign.shape[1]
    few = min(len(sign), max(1, _BLOCK // n_out))
    many = min(len(z), max(1, _BLOCK // (few * n_out)))
    room = z.new_empty(max(_ROOM, 3 * many * few * n_out))
    for out, samples in zip(log_p.split(many), z.split(many), strict=True):
        for part, rows, s in zip(
            out.split(few, 1), samples.split(few, 1), sign.split(few), strict=True
        ):
            last = _activations(rows.flatten(0, 1), parameters)[-1]
            m = product(last, weight.mT, bias).view(*part.shape, n_out).mul_(s)
            part.copy_(_log_sigmoid_sum(m, room))
    return log_p


def _streamed_gradients(
    grad: Tensor,
    sign: Tensor,
    given: Sequence[Tensor],
    parameters: Sequence[Tensor],
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """:func:`_gradients`, from those of the log-probabilities: logits are made again, in blocks."""
    grad_z = torch.zeros_like(given[0]) if needed[0] else None
    total = [
        torch.zeros_like(p) if need else None
        for p, need in zip(parameters, needed[1:], strict=True)
    ]
    for kept in _those(grad != 0).split(_ROUND * max(1, 2 * _BLOCK // (_ROUND * sign.shape[1]))):
        some, s = _rows(given, kept), sign.index_select(0, kept % len(sign))
        m = product(some[-1], parameters[-2].mT, parameters[-1]).mul_(-s)
        grad_in, *found = _layer_gradients(
            _slope(m, s, grad.index_select(0, kept)), some, parameters, needed
        )
        if grad_z is not None and grad_in is not None:
            grad_z.index_copy_(0, kept, grad_in)
        for all_rows, part in zip(total, found, strict=True):
            if all_rows is not None and part is not None:
                all_rows.add_(part)
    return [grad_z, *total]


def _gradients(
    grad: Tensor,
    matter: Tensor | None,
    given: Sequence[Tensor],
    parameters: Sequence[Tensor],
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The gradients of what the first layer was given, and of each weight and bias, from that of the outputs.

    Rows that do not matter are zero; if they are many, they are left out.
    """
    kept = grad[:0] if matter is None else _those(matter)
    if matter is None or 4 * len(kept) > 3 * len(matter):
        return _layer_gradients(grad, given, parameters, needed)
    grad_in, *found = _layer_gradients(
        grad.index_select(0, kept), _rows(given, kept), parameters, needed
    )
    if grad_in is not None:
        grad_in = torch.zeros_like(given[0]).index_copy_(0, kept, grad_in)
    return [grad_in, *found]


def _layer_gradients(
    grad: Tensor, given: Sequence[Tensor], parameters: Sequence[Tensor], needed: Sequence[bool]
) -> list[Tensor | None]:
    found: list[Tensor | None] = []
    for i in reversed(range(len(given))):
        of_weight, of_bias = needed[2 * i + 1 : 2 * i + 3]
        found = [
            weight_gradient(grad, given[i]) if of_weight else None,
            grad.sum(0) if of_bias else None,
            *found,
        ]
        if i > 0:
            grad = torch.ops.aten.tanh_backward(product(grad, parameters[2 * i]), given[i])
    return [product(grad, parameters[0]) if needed[0] else None, *found]


def _those(matter: Tensor) -> Tensor:
    """The rows that matter, and of the others so many that their number is round."""
    kept, others = matter.nonzero().flatten(), matter.logical_not().nonzero().flatten()
    return torch.cat([kept, others[: -len(kept) % _ROUND]])


def _rows(tensors: Sequence[Tensor], kept: Tensor) -> list[Tensor]:
    return [tensor.index_select(0, kept) for tensor in tensors]


def _plain(rows: Tensor, *parameters: Tensor) -> Tensor:
    """What _TanhMlp computes, for autograd to see."""
    for i in range(0, len(parameters), 2):
        rows = linear(rows.tanh() if i else rows, parameters[i], parameters[i + 1])
    return rows


def _differentiably(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], grad: Tensor, needed: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The gradient of function(*inputs) by autograd, which can be differentiated again."""
    wanted = [tensor for tensor, need in zip(inputs, needed, strict=True) if need]
    found = iter(torch.autograd.grad(function(*inputs), wanted, grad, create_graph=True))
    return tuple(next(found) if need else None for need in needed)
