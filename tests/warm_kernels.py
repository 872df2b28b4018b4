"""The kernels of nbval are forked from a server that has imported torch.

Most of the time that a kernel needs to start goes into this import. A forked kernel is as fresh as
any other: the server imports modules and does nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import IO, Any

import nbval.kernel
from jupyter_client import BlockingKernelClient, write_connection_file

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["ipykernel.kernelapp", "torch"])


def run_kernel(connection: str, folder: str) -> None:
    """What the new process does: it runs a kernel in a folder."""
    from ipykernel import kernelapp

    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # Where the server is killed, its kernels end too.
    kernelapp.launch_new_instance(["-f", connection, f"--IPKernelApp.parent_handle={os.getppid()}"])


class ForkedKernel:
    """What nbval asks of a kernel's manager."""

    def __init__(self, connection: str, folder: str) -> None:
        self.process = SERVER.Process(target=run_kernel, args=(connection, folder), daemon=True)
        self.process.start()

    def is_alive(self) -> bool:
        return self.process.is_alive()

    def interrupt_kernel(self) -> None:
        os.kill(self.process.pid, signal.SIGINT)

    def shutdown_kernel(self, **_: Any) -> None:
        self.process.kill()
        self.process.join()


def start_new_kernel(startup_timeout: float, cwd: str, stderr: IO[str], **_: Any) -> tuple:
    """A kernel in the folder of its notebook, and a client that is connected to it."""
    stderr.close()
    with tempfile.TemporaryDirectory() as folder:
        path, _ports = write_connection_file(str(Path(folder, "connection.json")))
        kernel, client = ForkedKernel(path, cwd), BlockingKernelClient(connection_file=path)
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=startup_timeout)
    return kernel, client


def install() -> None:
    """Has nbval start its kernels so."""
    nbval.kernel.start_new_kernel = start_new_kernel
