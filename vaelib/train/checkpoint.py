"""Checkpoints: written whole or not at all, and read without running anything that they hold.

A checkpoint is a file in the format of safetensors, which many programs read: a header in JSON that
says where each tensor lies, then the tensors' bytes. Nothing in it is pickled or compressed. What
is no tensor stands in the header as text, and so does a hash of all that follows it.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

__all__ = [
    "as_loaded",
    "get_rng_states",
    "hold",
    "load",
    "previous",
    "save",
    "set_rng_states",
    "view_bytes",
]

# The file: the header's length, these bytes, the hash, the rest of the header, the tensors.
_LENGTH = 8
_BEGINNING = b'{"__metadata__":{"format":"vaelib checkpoint 2","sha256":"'
_HASH = 64
_OLDER = b"vaelib checkpoint 1"  # stood near the beginning of an archive of torch's

# As safetensors calls them; it has no name for complex numbers of double precision.
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
    "C128": torch.complex128,
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
# What Python and torch say of a header that is not ours.
_FORGERIES = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state; at every moment a whole checkpoint lies at ``path``.

    The new file is written beside the old one, forced to the disk, and then renamed. If the process
    is killed or the disk is full, the old checkpoint stays as it was.

    Args:
        path: where; the checkpoint before it is kept at :func:`previous`.
        state: dictionaries, lists, numbers, strings, None and tensors; a tuple becomes a list.

    Raises:
        TypeError: the state holds something else.
        OSError: it cannot be written; the checkpoint that was there is untouched.
    """
    path = Path(path)
    part = _beside(path, "part")
    tensors: dict[str, Tensor] = {}
    outline = _take_tensors(state, "", tensors)
    header = _describe(outline, tensors)
    try:
        with part.open("wb") as file:
            _write(file, header, tensors)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _keep(path)
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        for leftover in (part, _beside(path, "keep")):
            with contextlib.suppress(OSError):
                leftover.unlink()
        raise OSError(
            f"checkpoint {path} cannot be written ({error}); what was there before is untouched"
        ) from error


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save` wrote: numbers, text and tensors only; no code is run.

    The hash is compared before anything is read. The tensors take as much memory as the file.

    Args:
        path: where.

    Returns:
        the state.

    Raises:
        ValueError: the file is cut short, damaged, not a checkpoint of vaelib, or no file at all.
        OSError: it is not there, or cannot be read.
    """
    path = Path(path)
    _check_is_file(path)
    with path.open("rb") as file:
        length = file.read(_LENGTH)
        beginning = file.read(len(_BEGINNING))
        written = file.read(_HASH)
        if _OLDER in beginning + written + file.read(1000):
            raise ValueError(
                f"checkpoint {path} was written by an older version of vaelib, which reads it; "
                "move it away to start anew"
            )
        file.seek(_LENGTH + len(_BEGINNING) + _HASH)
        found = hashlib.file_digest(file, lambda: hashlib.sha256(length))
        if beginning != _BEGINNING or written != found.hexdigest().encode():
            raise ValueError(_unreadable(path))
        # Whoever forges a file can write a right hash too, so what follows trusts nothing.
        try:
            state = _read(file, int.from_bytes(length, "little"))
        except _FORGERIES as error:
            raise ValueError(_unreadable(path)) from error
    return state


def previous(path: str | os.PathLike[str]) -> Path:
    """Where the checkpoint before the one at ``path`` is kept.

    Args:
        path: where the newest one lies.
    """
    return _beside(Path(path), "previous")


@contextlib.contextmanager
def hold(path: str | os.PathLike[str]) -> Iterator[dict[str, Any] | None]:
    """Keep other runs away from a checkpoint, as long as this one lasts.

    The lock is a file beside it, which stays; if the process is killed, the system opens the lock.

    Args:
        path: where a run keeps its checkpoints.

    Yields:
        the state that lies there, or None where the run begins.

    Raises:
        ValueError: what lies there is cut short, damaged, not a checkpoint of vaelib, or no file.
        OSError: another run holds it; or its folder is missing, no folder, or read-only.
    """
    path = Path(path)
    part = _beside(path, "part")
    _check_is_file(path)
    with contextlib.ExitStack() as held:
        try:
            if not path.parent.is_dir():  # the lock would make one
                raise NotADirectoryError(f"{path.parent} is no folder")
            held.enter_context(FileLock(_beside(path, "lock"), timeout=0))
            part.touch()
            part.unlink()
        except Timeout:
            raise OSError(
                f"checkpoint {path} is in use by another run; let it end, or name another file"
            ) from None
        except OSError as error:
            raise OSError(
                f"checkpoint {path} cannot be written ({error}); nothing was trained"
            ) from error
        yield load(path) if path.exists() else None


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


def as_loaded(state: Any) -> Any:
    """A state without tensors as it comes back from a file: a tuple is a list there.

    Args:
        state: dictionaries, lists, numbers, strings and None.
    """
    return _put_tensors(_take_tensors(state, "", {}), {})


def view_bytes(x: Tensor) -> memoryview:
    """The numbers of a tensor as they lie in memory, without a copy.

    Args:
        x: on the CPU and contiguous, of any shape; it must live as long as its bytes are used.
    """
    # Without NumPy, which torch does not need.
    return memoryview((ctypes.c_char * x.nbytes).from_address(x.data_ptr())).cast("B")


def _take_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The state as JSON can hold it; its tensors are put into the dictionary, by name."""
    if isinstance(value, Tensor):
        if name in tensors:
            raise ValueError(f"two tensors of the state are called {name}")
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):  # as pairs, because a key of JSON's is always text
        items = ((key, f"{name}.{key}" if name else str(key)) for key in value)
        return {"items": [[key, _take_tensors(value[key], inner, tensors)] for key, inner in items]}
    if isinstance(value, list | tuple):
        return [_take_tensors(part, f"{name}.{i}", tensors) for i, part in enumerate(value)]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"a checkpoint cannot hold {name}, which is of type {type(value).__name__}")


def _put_tensors(outline: Any, tensors: dict[str, Tensor]) -> Any:
    """The state that an outline stands for."""
    if isinstance(outline, list):
        return [_put_tensors(part, tensors) for part in outline]
    if not isinstance(outline, dict):
        return outline
    if "tensor" in outline:
        return tensors[outline["tensor"]]
    return {key: _put_tensors(value, tensors) for key, value in outline["items"]}


def _describe(outline: Any, tensors: dict[str, Tensor]) -> bytes:
    """The header: the outline, the hash's place, and for each tensor type, shape and place."""
    metadata = {
        "format": "vaelib checkpoint 2",
        "sha256": "0" * _HASH,
        "state": json.dumps(outline, separators=(",", ":")),
    }
    header: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES or tensor.layout != torch.strided:
            raise TypeError(f"a checkpoint cannot hold {name}, {tensor.dtype}, {tensor.layout}")
        end = start + tensor.nbytes
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)  # the format wants the tensors to begin at such a place


def _write(file: BufferedWriter, header: bytes, tensors: dict[str, Tensor]) -> None:
    length = len(header).to_bytes(_LENGTH, "little")
    rest = header[len(_BEGINNING) + _HASH :]
    hashed = hashlib.sha256(length)
    hashed.update(rest)
    file.write(length + header)
    for tensor in tensors.values():
        there = tensor.detach().cpu().contiguous()
        content = view_bytes(there)
        hashed.update(content)
        file.write(content)
    file.seek(_LENGTH + len(_BEGINNING))
    file.write(hashed.hexdigest().encode())


def _read(file: BufferedReader, length: int) -> dict[str, Any]:
    """The state in a file whose header has this length; no more is read than the file holds."""
    size = os.fstat(file.fileno()).st_size - _LENGTH - length
    if size < 0:
        raise ValueError("the header is longer than the file")
    file.seek(_LENGTH)
    header = json.loads(file.read(length))
    outline = json.loads(header.pop("__metadata__")["state"])
    tensors: dict[str, Tensor] = {}
    end = 0
    for name, place in header.items():
        tensors[name], end = _read_tensor(file, place, end, size)
    if end != size:
        raise ValueError("bytes are left that are no tensor's")
    state = _put_tensors(outline, tensors)
    if not isinstance(state, dict):
        raise ValueError("the state is no dictionary")
    return state


def _read_tensor(file: BufferedReader, place: Any, start: int, size: int) -> tuple[Tensor, int]:
    """The tensor that begins at this place, where the one before it ends, and where it ends."""
    dtype, shape = _TYPES[place["dtype"]], place["shape"]
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("a shape is not made of counts")
    end = start + math.prod(shape) * dtype.itemsize
    if place["data_offsets"] != [start, end] or end > size:
        raise ValueError("a tensor does not lie where it must")
    if start == end:
        return torch.empty(shape, dtype=dtype), end
    content = bytearray(end - start)
    file.readinto(content)
    return torch.frombuffer(content, dtype=dtype).reshape(shape), end


def _check_is_file(path: Path) -> None:
    """See that it is a file, or nothing yet: a pipe would wait, and a device might never end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"checkpoint {path} is a folder, a pipe or a device, not a file")


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
