"""What ``python -m vaelib`` prints: versions, devices, and where the data and the book are."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, metadata

import torch

import vaelib
from vaelib.data import download

__all__ = ["main", "report"]


def report() -> str:
    """Versions, devices and threads, the folder of the data, the address of the book.

    Returns:
        one line for each.
    """
    lines = {
        "vaelib": vaelib.__version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "devices": ", ".join(_devices()),
        "threads": str(torch.get_num_threads()),
        "data": _data(),
        "book": _book(),
    }
    return "\n".join(f"{name:<8} {value}" for name, value in lines.items())


def _devices() -> list[str]:
    gpus = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


def _data() -> str:
    try:
        return str(download.folder())
    except ImportError as error:
        return str(error)


def _book() -> str:
    try:
        addresses = metadata("vaelib").get_all("Project-URL", [])
    except PackageNotFoundError:
        addresses = []
    named = dict(address.split(", ", 1) for address in addresses)
    return str(named.get("Documentation", "unknown: vaelib is on the path, but not installed"))


def main() -> None:
    """Print the report; whoever reads it may stop at any line."""
    try:
        print(report(), flush=True)
    except BrokenPipeError:
        # Python writes what is left when it ends, and would fail there once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
