"""Whether a checkpoint is of the call that would go on from it, asked before anything changes."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import zlib
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn

from vaelib.train.checkpoint import as_loaded, set_rng_states, view_bytes

__all__ = [
    "KINDS",
    "compare_calls",
    "compare_modules",
    "compare_states",
    "compare_tensors",
    "describe_constants",
    "describe_function",
    "describe_module",
    "fingerprint",
    "try_rng_states",
]

# What fit keeps, for compare_states.
KINDS = {
    "call": dict,
    "numbers": dict,
    "objective": dict,
    "optimiser": {"state": dict},
    "step": int,
    "finished": bool,
    "since_record": [float],
    "best": {"held_out": float, "records": int, "parameters": dict},
    "history": {"steps": [int], "train": [float], "held_out": [float], "seconds": [float]},
    "batches": {"epoch": int, "taken": int, "data": str, "order": Tensor, "generators": [Tensor]},
    "generators": dict,
}


def fingerprint(x: Any) -> str:
    """Shape, type and checksum of a tensor, or its one number, by which another one is noticed.

    Args:
        x: a tensor, a callable or None.
    """
    if not isinstance(x, Tensor):
        return "none" if x is None else "callable"
    x = x.detach().cpu().contiguous()
    if x.numel() == 1:
        return f"{x.item()} {x.dtype}"
    return f"{tuple(x.shape)} {x.dtype} {zlib.crc32(view_bytes(x)):08x}"


def describe_constants(module: nn.Module) -> dict[str, str]:
    """The fingerprints of what training is not to change: buffers, and parameters that are frozen.

    Training does change some buffers, such as the running statistics of batch normalisation; who
    compares knows them by a later fingerprint that differs.

    Args:
        module: whose buffers and parameters.
    """
    frozen = [(name, p) for name, p in module.named_parameters() if not p.requires_grad]
    return {name: fingerprint(tensor) for name, tensor in [*module.named_buffers(), *frozen]}


def describe_module(module: Any) -> list[str]:
    """A module as it is printed, line by line; of what is no module, the name of its class.

    Args:
        module: a model, an encoder or a bound.
    """
    if not isinstance(module, nn.Module):
        return [type(module).__qualname__]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(module)).splitlines()


def describe_function(function: Callable[..., Any]) -> list[str]:
    """A function's name and source, line by line; of an object that is called, its class's.

    What ``vaelib`` defines is known by its name. A source that cannot be found is left out.

    Args:
        function: a bound, or a schedule of step sizes.
    """
    if isinstance(function, functools.partial):
        given = [*function.args, *(part for item in function.keywords.items() for part in item)]
        return [*describe_function(function.func), *map(_describe_value, given)]
    thing: Any = function if inspect.isroutine(function) else type(function)
    name = getattr(function, "__name__", thing.__qualname__)
    if str(thing.__module__).split(".")[0] == "vaelib":
        return [name]
    try:
        source = _find_lambdas(thing) if name == "<lambda>" else inspect.getsource(thing)
    except (OSError, TypeError, SyntaxError):  # built in, or typed in where nothing keeps it
        return [name]
    return [name, *source.splitlines()]


def _describe_value(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else type(value).__qualname__


def _find_lambdas(function: Any) -> str:
    """The lambdas that begin on this one's line, without what stands around them."""
    lines, _ = inspect.findsource(function)
    line = function.__code__.co_firstlineno
    nodes = ast.walk(ast.parse("".join(lines)))
    return "\n".join(
        ast.unparse(node) for node in nodes if isinstance(node, ast.Lambda) and node.lineno == line
    )


def compare_calls(theirs: Any, mine: dict[str, Any], objective: Any, path: Any) -> None:
    """Refuse a checkpoint that another call wrote.

    Args:
        theirs: the arguments in the checkpoint.
        mine: the arguments of this call.
        objective: the tensors in the checkpoint, by name, each of any shape.
        path: where the checkpoint lies.

    Raises:
        ValueError: they differ; the message says in what.
    """
    if not isinstance(theirs, dict) or theirs.keys() != mine.keys():
        raise ValueError(
            f"checkpoint {path} was not written by fit with this kind of schedule; "
            "name another file"
        )
    compare_states(theirs["constants"], dict, path, "call.constants")
    mine = as_loaded(mine)
    # What training has changed since, such as running statistics, comes from the checkpoint.
    mine["constants"] = {
        name: before if _has_changed(objective.get(name), before) else mine["constants"].get(name)
        for name, before in theirs["constants"].items()
    }
    differences = [
        _find_difference(name, theirs[name], mine[name])
        for name in mine
        if theirs[name] != mine[name]
    ]
    if differences:
        raise ValueError(
            f"checkpoint {path} is of another call of fit: {'; '.join(differences)}; "
            "name another file"
        )


def _has_changed(tensor: Tensor | None, before: str) -> bool:
    return tensor is not None and fingerprint(tensor) != before


def _find_difference(name: str, there: Any, here: Any) -> str:
    """The first part that differs, in words."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [*there, *here]
        key = next(key for key in keys if there.get(key) != here.get(key))
        return _find_difference(key, there.get(key, "missing"), here.get(key, "missing"))
    if isinstance(there, list) and isinstance(here, list):
        pairs = zip_longest(there, here, fillvalue="nothing")
        there, here = next((a, b) for a, b in pairs if a != b)
    return f"{name} was {str(there).strip()} there and is {str(here).strip()} here"


def compare_tensors(theirs: Any, mine: dict[str, Tensor], path: Any) -> None:
    """Refuse a checkpoint of another model or encoder.

    Args:
        theirs: the tensors in the checkpoint, by name.
        mine: the tensors of this call, by name, each of any shape.
        path: where the checkpoint lies.

    Raises:
        ValueError: names, shapes or types differ.
    """
    if differing := sorted(_describe_tensors(theirs) ^ _describe_tensors(mine), key=str):
        raise ValueError(
            f"checkpoint {path} is of another model or encoder; they differ in {differing[0][0]}"
        )


def _describe_tensors(state: Any) -> set[tuple[str, tuple[int, ...], torch.dtype]]:
    if not isinstance(state, dict):
        return set()
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    return {(name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def compare_modules(call: dict[str, Any], modules: dict[str, Any], path: Any) -> None:
    """Refuse a checkpoint of a model or an encoder that is printed otherwise.

    Args:
        call: the arguments in the checkpoint.
        modules: those of this call, by name.
        path: where the checkpoint lies.

    Raises:
        ValueError: they differ, for instance in an activation.
    """
    for name, module in modules.items():
        there, here = call.get(name), describe_module(module)
        if there != here:
            raise ValueError(
                f"checkpoint {path} is of another model or encoder: "
                + _find_difference(name, there, here)
            )


def compare_states(theirs: Any, like: Any, path: Any, name: str = "state") -> None:
    """Refuse a checkpoint whose parts are not of the kinds, shapes and types that fit writes.

    Args:
        theirs: what the checkpoint holds.
        like: what it must be like. A class stands for its instances; a tensor, of any shape, for
            those of its shape and type; a dictionary for those with its keys; a list of one element
            for lists of any length with such elements.
        path: where the checkpoint lies.
        name: what is compared, for the message.

    Raises:
        ValueError: it is not like that.
    """
    if isinstance(like, type):
        fits = type(theirs) is like
    elif isinstance(like, Tensor):
        fits = isinstance(theirs, Tensor)
        fits = fits and (theirs.shape, theirs.dtype) == (like.shape, like.dtype)
    elif isinstance(like, dict):
        fits = isinstance(theirs, dict) and theirs.keys() == like.keys()
    else:
        fits = isinstance(theirs, list)
    if not fits:
        raise ValueError(f"checkpoint {path} is damaged or forged: {name} is not what fit writes")
    if isinstance(like, dict):
        for key in like:
            compare_states(theirs[key], like[key], path, f"{name}.{key}")
    elif isinstance(like, list):
        for part in theirs:
            compare_states(part, like[0], path, name)


def try_rng_states(order: Tensor, states: list[list[Tensor]], path: Any) -> None:
    """See that generators take these states; the global ones are left with the last of them.

    Args:
        order: of a generator on the CPU, in the shape that torch gives it.
        states: each of the global generators, as
            :func:`vaelib.train.checkpoint.get_rng_states` gives them.
        path: where the checkpoint lies.

    Raises:
        ValueError: they do not.
    """
    try:
        torch.Generator().set_state(order)
        for state in states:
            set_rng_states(state)
    except (RuntimeError, LookupError, TypeError) as error:
        raise ValueError(
            f"checkpoint {path} holds random generators that are damaged or of another machine"
        ) from error
