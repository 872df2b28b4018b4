"""The weights of a checkpoint, for use elsewhere than in the run that wrote it."""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from vaelib.train.checkpoint import load
from vaelib.train.compare import KINDS, compare_modules, compare_states, compare_tensors

__all__ = ["load_weights"]


def load_weights(path: str | os.PathLike[str], model: Any, q: Any) -> None:
    """Put the weights that a checkpoint holds into a model and an encoder, made like those trained.

    They are the weights that :func:`fit` leaves at this record: with ``patience`` those of the best
    record so far, else the last. Buffers, such as a fixed sigma, come along. Whether the modules
    train or evaluate stays as it is, and each tensor on its device.

    Args:
        path: a file that :func:`fit` wrote, by ``checkpoint=``.
        model: the joint, p(x, z).
        q: the encoder.

    Raises:
        ValueError: the file is damaged, no checkpoint, or of a model or an encoder whose tensors or
            layers are others; neither has changed then.
        TypeError: ``path`` is no path.
        OSError: the file is not there, or cannot be read.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path, str or os.PathLike; got {type(path).__name__}")
    state = load(path)
    compare_states(state, KINDS, path)
    weights = state["best"]["parameters"] or state["objective"]

    parts = {"model": model, "q": q}
    modules = {name: part for name, part in parts.items() if isinstance(part, nn.Module)}
    mine = {
        f"{name}.{key}": tensor
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    theirs = {key: weights[key] for key in weights if str(key).startswith(("model.", "q."))}
    compare_tensors(theirs, mine, path)
    compare_modules(state["call"], parts, path)
    for name, module in modules.items():
        module.load_state_dict({key: theirs[f"{name}.{key}"] for key in module.state_dict()})
