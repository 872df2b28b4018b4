"""Checkpoints: written whole or not at all, and read without running anything that they hold."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "compare_calls",
    "compare_tensors",
    "find",
    "fingerprint",
    "get_rng_states",
    "load",
    "previous",
    "save",
    "set_rng_states",
]

_FORMAT = "vaelib checkpoint 1"


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state; at every moment a whole checkpoint lies at ``path``.

    The new file is written beside the old one, forced to the disk, and then renamed. If the process
    is killed or the disk is full, the old checkpoint stays as it was.

    Args:
        path: where; the checkpoint before it is kept at :func:`previous`.
        state: dictionaries, lists, numbers, strings and tensors.

    Raises:
        OSError: it cannot be written; the checkpoint that was there is untouched.
    """
    path = Path(path)
    part = _beside(path, "part")
    try:
        with part.open("wb") as file:
            torch.save({"format": _FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _keep(path)
        part.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        for leftover in (part, _beside(path, "keep")):
            with contextlib.suppress(OSError):
                leftover.unlink()
        raise OSError(
            f"checkpoint {path} cannot be written ({error}); what was there before is untouched"
        ) from error


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save` wrote: numbers, text and tensors only; no code is run.

    Args:
        path: where.

    Returns:
        the state.

    Raises:
        ValueError: the file is cut short, damaged, or not a checkpoint of vaelib.
        OSError: it cannot be read.
    """
    path = Path(path)
    try:
        # torch does not compare the checksums that it writes; one flipped bit would pass.
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None
        state = torch.load(path, map_location="cpu", weights_only=True) if whole else None
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        LookupError,
        TypeError,
    ) as error:
        raise ValueError(_unreadable(path)) from error
    if not isinstance(state, dict) or state.pop("format", None) != _FORMAT:
        raise ValueError(_unreadable(path))
    return state


def previous(path: str | os.PathLike[str]) -> Path:
    """Where the checkpoint before the one at ``path`` is kept.

    Args:
        path: where the newest one lies.
    """
    return _beside(Path(path), "previous")


def find(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The state at ``path``, if there is one, once it is certain that one can be written there.

    Args:
        path: where a run keeps its checkpoints.

    Returns:
        the state, or None where the run begins.

    Raises:
        ValueError: what lies there is cut short, damaged, or not a checkpoint of vaelib.
        OSError: the folder is missing, no folder, or read-only; or ``path`` is itself a folder.
    """
    path = Path(path)
    part = _beside(path, "part")
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        part.touch()
        part.unlink()
    except OSError as error:
        raise OSError(
            f"checkpoint {path} cannot be written ({error}); nothing was trained"
        ) from error
    return load(path) if path.exists() else None


def get_rng_states() -> list[Tensor]:
    """The states of torch's global generators, from which samples come.

    Returns:
        one tensor of bytes for the CPU and one for each GPU, in the shape that torch gives it.
    """
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def set_rng_states(states: list[Tensor]) -> None:
    """Put the global generators back.

    Args:
        states: what :func:`get_rng_states` gave.
    """
    torch.set_rng_state(states[0])
    if states[1:]:
        torch.cuda.set_rng_state_all(states[1:])


def fingerprint(x: Any) -> str:
    """Shape, type and checksum of a tensor; a run that goes on with other data is noticed by it.

    Args:
        x: a tensor, a callable or None.
    """
    if not isinstance(x, Tensor):
        return "none" if x is None else "callable"
    x = x.detach().cpu().contiguous()
    # Without a copy and without NumPy, which torch does not need.
    content = (ctypes.c_char * x.nbytes).from_address(x.data_ptr())
    return f"{tuple(x.shape)} {x.dtype} {zlib.crc32(content):08x}"


def compare_calls(theirs: Any, mine: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Refuse a checkpoint that another call wrote, before anything is overwritten.

    Args:
        theirs: the arguments in the checkpoint.
        mine: the arguments of this call.
        path: where the checkpoint lies.

    Raises:
        ValueError: they differ; the message says in what.
    """
    if not isinstance(theirs, dict) or theirs.keys() != mine.keys():
        raise ValueError(
            f"checkpoint {path} was not written by fit with this kind of schedule; "
            "name another file"
        )
    differences = [
        f"{name} was {theirs[name]} there and is {mine[name]} here"
        for name in mine
        if theirs[name] != mine[name]
    ]
    if differences:
        raise ValueError(
            f"checkpoint {path} is of another call of fit: {'; '.join(differences)}; "
            "name another file"
        )


def compare_tensors(theirs: Any, mine: dict[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Refuse a checkpoint of another model or encoder, before anything is overwritten.

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
    return {(name, tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}


def _keep(path: Path) -> None:
    """Give the file a second name; it stays at path until the new one replaces it."""
    second = _beside(path, "keep")
    with contextlib.suppress(FileNotFoundError):
        second.unlink()
    try:
        os.link(path, second)
    except OSError:  # a file system without hard links
        shutil.copy2(path, second)
    second.replace(previous(path))


def _sync_folder(folder: Path) -> None:
    """Force the new names to the disk too, if the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}")


def _unreadable(path: Path) -> str:
    kept = previous(path)
    hint = f"; the one before it is {kept}" if kept.exists() else ""
    return (
        f"checkpoint {path} is cut short, damaged or not of vaelib; "
        f"move it away to start anew{hint}"
    )
