"""What a bound may ask of a model and of an encoder q, and how it asks.

A bound uses ``model.log_joint(x, z)``, ``model.prior()`` and ``q(x)``, and nothing else. z is an
event of any rank: a vector ``(Z,)``, or a chain of vectors ``(T, Z)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vaelib._validate import (
    check_data,
    check_integer,
    cut_numbers,
    data_are_checked,
    describe,
    describe_shape,
    looks_at_values,
    widen,
)

__all__ = [
    "Encoder",
    "Model",
    "call_network",
    "check_model_data",
    "check_support",
    "checked_data",
    "draw",
    "encode",
    "evaluate_log_joint",
    "get_likelihood",
    "get_prior",
    "note_draws_without_path",
    "sample_log_weights",
    "split_samples",
]

Encoder = Callable[[Tensor], Distribution]

_WITHOUT_PATH: ContextVar[set[str] | None] = ContextVar("vaelib_without_path", default=None)


class Model(Protocol):
    """All that a bound asks of a model. Whatever honours it works with every bound.

    A model that knows more of its data than that they are finite, for instance that pixels are 0
    or 1, says so in a method ``check_data(x)``, which raises a ``ValueError``. A bound calls it
    once, when it is entered.

    Bounds add log-densities in single precision at least. Where a network of yours computes in half
    precision (``torch.autocast``), make its distribution from ``out.float()``, as vaelib's do.
    """

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """The log joint density, log p(x, z).

        Args:
            x: data, shape ``(B, X)``.
            z: latents, shape ``(*, B, Z)``.

        Returns:
            shape ``(*, B)``, in nats.
        """
        ...

    def prior(self) -> Distribution:
        """The prior p(z): its event is one latent, its log-density is in nats."""
        ...


def get_prior(model: Any) -> Distribution:
    """What the model's prior returns, if that is one distribution.

    Args:
        model: the joint, p(x, z).

    Raises:
        TypeError: the model has no prior, or it returns no distribution.
        ValueError: it returns a batch of distributions.
    """
    try:
        prior = _method(model, "prior")()
    except ValueError as error:
        cut_numbers(error)
        raise
    except TypeError as error:
        if "required positional argument" not in str(error):
            raise
        raise TypeError(
            f"prior must be called with nothing: {error}. Are prior and decoder swapped?"
        ) from error
    if not isinstance(prior, Distribution):
        raise TypeError(f"prior must return a torch Distribution; got {type(prior).__name__}")
    if prior.batch_shape:
        batch = tuple(prior.batch_shape)
        raise ValueError(f"prior must return one distribution, batch shape (); got {batch}")
    return prior


def get_likelihood(
    model: Any, z: Tensor, batch: torch.Size, x: Tensor | None = None
) -> Distribution:
    """What the model's decoder returns, if that is one distribution over data for each z.

    Args:
        model: a model with a ``decoder``.
        z: latents, shape ``(*, B, Z)``.
        batch: the batch shape that the distribution must have, ``(*, B)``.
        x: data, shape ``(B, X)``, that its event must fit; None asks nothing.

    Raises:
        TypeError: the model has no decoder, or it returns no distribution.
        ValueError: another batch shape, or data of another shape.
    """
    decoder = getattr(model, "decoder", None)
    if decoder is None:
        raise TypeError(f"model must have a decoder; got {type(model).__name__}")
    try:
        p_x = decoder(z)
    except ValueError as error:
        cut_numbers(error)
        raise
    if not isinstance(p_x, Distribution):
        raise TypeError(f"decoder must return a torch Distribution; got {type(p_x).__name__}")
    if p_x.batch_shape != batch:
        raise ValueError(
            f"decoder must return one distribution per z, {tuple(batch)}; "
            f"got {tuple(p_x.batch_shape)}"
        )
    if x is not None and p_x.event_shape != x.shape[1:]:
        shape = describe_shape("B", *p_x.event_shape)
        raise ValueError(f"x must have shape {shape}; got {describe(x)}")
    return p_x


def check_model_data(model: Any, x: Tensor, name: str = "x", sizes: str = "(B, X)") -> Tensor:
    """Data that a bound can start with: finite, and what this model wants.

    Args:
        model: the joint, p(x, z); its ``check_data`` is asked if there is one.
        x: data, shape ``(B, X)``.
        name: the argument's name.
        sizes: how its shape is written, for the message.

    Returns:
        x itself, shape ``(B, X)``.

    Raises:
        ValueError: another shape, numbers that are not finite, or what the model says of them.
    """
    check_data(x, name, sizes)
    check_values = getattr(model, "check_data", None)
    if check_values is not None and looks_at_values():
        try:
            check_values(x)
        except (TypeError, ValueError) as error:
            # The model calls its data x; here they may be held_out.
            error.args = (re.sub(r"^x ", f"{name} ", str(error)),)
            raise
    return x


def checked_data(model: Any, x: Tensor) -> AbstractContextManager[None]:
    """Look at the data once; what computes within the context trusts them.

    Args:
        model: the joint, p(x, z).
        x: data, shape ``(B, X)``.

    Raises:
        ValueError: what :func:`check_model_data` raises.
        TypeError: the model has no ``log_joint``.
    """
    _method(model, "log_joint")
    check_model_data(model, x)
    return data_are_checked()


def check_support(p: Distribution, value: Tensor, name: str, of: str, made_by: Any = None) -> None:
    """Where p has no density on the whole space, its support must have the value.

    torch asks this too, but not where its validation is off, and ``torch.compile`` switches that
    off for the whole process. A compiled function cannot ask.

    Args:
        p: the distribution.
        value: at what its density is wanted.
        name: the argument's name.
        of: what the distribution is called.
        made_by: what returned it; one that has a ``check_data`` has looked at its data by that.

    Raises:
        ValueError: some of the values are outside.
    """
    try:
        support: Any = p.support
    except NotImplementedError:  # a distribution of the user's own need not say
        return
    innermost = support
    while hasattr(innermost, "base_constraint"):
        innermost = innermost.base_constraint
    if innermost is constraints.real or hasattr(made_by, "check_data"):
        return
    if torch.compiler.is_compiling() or value.is_meta:
        return
    if not support.check(value).all():
        raise ValueError(f"{name} must lie in the support of {of}, which is {p}")


def encode(q: Encoder, x: Tensor, needs_rsample: bool = False, model: Any = None) -> Distribution:
    """What q returns for data that were checked, if that is one distribution for each datum.

    Args:
        q: the encoder.
        x: data, shape ``(B, X)``.
        needs_rsample: whether the caller needs draws through which a gradient flows.
        model: the joint that the draws are for; None asks nothing.

    Raises:
        TypeError: q cannot be called, returns no distribution, cannot reparameterise, or is
            discrete where the model's prior is not.
        ValueError: its batch shape is not ``(B,)``.
    """
    if not callable(q):
        raise TypeError(f"q must be called with x, such as an encoder; got {type(q).__name__}")
    q_z = call_network(q, x, "x")
    if not isinstance(q_z, Distribution):
        raise TypeError(f"q must return a torch Distribution; got {type(q_z).__name__}")
    if q_z.batch_shape != x.shape[:1]:
        raise ValueError(
            f"q must return one distribution per datum, batch shape ({x.shape[0]},); "
            f"got {tuple(q_z.batch_shape)}"
        )
    if needs_rsample and not q_z.has_rsample:
        raise TypeError(
            f"this estimator needs a q that can reparameterise; got {type(q_z).__name__}. "
            "elbo_score takes any q"
        )
    # That a discrete prior is given what a continuous q drew, the prior itself must find out: to
    # ask for it here would make it a second time, and some priors are networks.
    if model is not None and _is_discrete(q_z) and _is_discrete(get_prior(model)) is False:
        raise TypeError(
            f"q must draw what the prior is a density of; got {type(q_z).__name__}, which is "
            f"discrete, for a prior that is not, {type(get_prior(model)).__name__}"
        )
    return q_z


def draw(q_z: Distribution, K: int) -> Tensor:
    """K latents for each datum, reparameterised where q can.

    Args:
        q_z: batch shape ``(B,)``.
        K: how many.

    Returns:
        shape ``(K, B, Z)``.
    """
    size = torch.Size([check_integer(K, "K")])
    return q_z.rsample(size) if q_z.has_rsample else q_z.sample(size)


def split_samples(K: int, chunk: int) -> list[int]:
    """K as a sum of chunks: 10 and 4 give 4, 4, 2.

    Args:
        K: how many samples.
        chunk: how many at a time.

    Raises:
        ValueError: one of them is not a positive integer.
    """
    whole, rest = divmod(check_integer(K, "K"), check_integer(chunk, "chunk"))
    return [chunk] * whole + [rest] * (rest > 0)


def evaluate_log_joint(model: Any, x: Tensor, z: Tensor) -> Tensor:
    """The log-joint log p(x, z), if the model honours the protocol.

    Args:
        model: the joint, p(x, z).
        x: data, shape ``(B, X)``.
        z: latents, shape ``(K, B, Z)``.

    Returns:
        shape ``(K, B)``, in nats.

    Raises:
        TypeError: the model has no ``log_joint``.
        ValueError: it returns another shape, or the latents do not fit.
    """
    try:
        log_joint = _method(model, "log_joint")(x, z)
    except (TypeError, ValueError) as error:
        if str(error).startswith("z "):  # z is q's doing, and not an argument of any bound
            raise type(error)(f"q must draw latents that fit the model: {error}") from error
        raise
    if not isinstance(log_joint, Tensor) or log_joint.shape != z.shape[:2]:
        raise ValueError(
            f"model.log_joint must return shape (K, B), {tuple(z.shape[:2])}; "
            f"got {describe(log_joint)}"
        )
    return widen(log_joint)


def sample_log_weights(model: Any, q_z: Distribution, x: Tensor, K: int) -> Tensor:
    """K log-weights for each datum, from a q(z | x) that is already made.

    Args:
        model: the joint, p(x, z).
        q_z: batch shape ``(B,)``.
        x: data, shape ``(B, X)``.
        K: how many.

    Returns:
        shape ``(K, B)``, in nats.
    """
    z = draw(q_z, K)
    log_q: Tensor = q_z.log_prob(z)
    if log_q.requires_grad and not q_z.has_rsample and not torch.compiler.is_compiling():
        kinds = _WITHOUT_PATH.get()
        if kinds is not None:
            kinds.add(type(q_z).__name__)
    return evaluate_log_joint(model, x, z) - log_q


@contextmanager
def note_draws_without_path() -> Iterator[set[str]]:
    """Collect the kinds of q that cannot reparameterise, where a gradient was to flow through z.

    What q gets then is the derivative of log q alone, which for the ELBO is noise around zero. What
    is compiled is not seen.
    """
    kinds: set[str] = set()
    token = _WITHOUT_PATH.set(kinds)
    try:
        yield kinds
    finally:
        _WITHOUT_PATH.reset(token)


def call_network(module: Callable[[Tensor], Any], given: Tensor, name: str) -> Any:
    """What a module returns; a failure from another device or another precision is explained.

    Args:
        module: a network, an encoder or a decoder.
        given: its argument, any shape.
        name: the argument's name.

    Raises:
        TypeError: the argument has another type, or is on another device, than the parameters; or
            the module is a model, which cannot be called.
    """
    try:
        return module(given)
    except ValueError as error:
        cut_numbers(error)
        raise
    except RuntimeError as error:
        if isinstance(error, NotImplementedError) and hasattr(module, "log_joint"):
            raise TypeError(
                f"q must be called with {name}, such as an encoder; got the model "
                f"{type(module).__name__}. A bound takes the model first, then q"
            ) from error
        parameters = module.parameters() if isinstance(module, nn.Module) else iter(())
        for like in parameters:
            if given.dtype != like.dtype or given.device != like.device:
                raise TypeError(
                    f"{name} must be {like.dtype} on {like.device}, as the parameters are; "
                    f"got {given.dtype} on {given.device}"
                ) from error
        raise


def _is_discrete(p: Distribution) -> bool | None:
    """Whether p has a mass function in place of a density; None if it does not say."""
    try:
        return bool(p.support.is_discrete)  # type: ignore[union-attr]
    except NotImplementedError:
        return None


def _method(model: Any, name: str) -> Any:
    method = getattr(model, name, None)
    if not callable(method):
        raise TypeError(
            f"model must have log_joint(x, z) and prior(); got {type(model).__name__}, "
            f"without {name}"
        )
    return method
