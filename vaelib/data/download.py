"""Files of data sets: fetched once, kept in one folder, and used only if their checksum is right.

Needs pooch and platformdirs, which the extra ``vaelib[book]`` installs; files that are
there already need platformdirs only, and not even that where ``VAELIB_DATA`` names the folder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO
from urllib.parse import urljoin

from filelock import FileLock
from tqdm import tqdm

__all__ = ["contents", "folder"]

# The beginning of every address, and of every address that a server redirects to.
SECURE = "https://"
# Seconds to wait: for a connection, and for the next bytes.
PATIENCE = 20.0
# Seconds to wait for another process that downloads the same files.
WAIT = 3600.0
# A server that sends fewer bytes per second than SLOWEST, over WINDOW seconds, is given up.
SLOWEST, WINDOW = 1000.0, 30.0

Sources = Mapping[str, tuple[int, str]]


def folder(dataset: str = "") -> Path:
    """Where the files of a data set are kept: a folder of its name in the platform's cache folder.

    The environment variable ``VAELIB_DATA`` names another folder in place of the cache's.

    Args:
        dataset: its name, such as ``"mnist"``; without one, the folder that holds those of all.

    Raises:
        ImportError: platformdirs is not installed, and ``VAELIB_DATA`` not set.
    """
    if given := os.environ.get("VAELIB_DATA"):
        return Path(given).expanduser() / dataset
    try:
        from platformdirs import user_cache_path
    except ImportError as error:
        wanted = "pip install 'vaelib[book]', or let VAELIB_DATA name the folder of the data"
        raise ImportError(f"vaelib.data.download needs platformdirs: {wanted}") from error
    return user_cache_path("vaelib", appauthor=False) / dataset


def contents(dataset: str, files: Mapping[str, Sources]) -> dict[str, bytes]:
    """The bytes of all files of a data set; what its :func:`folder` lacks is downloaded first.

    A file is used only if its size and SHA-256 are those of one of its sources. A file that is cut
    short, damaged or forged is refused, and never takes the place of a right one. The sources are
    tried in turn, twice; a source that sends too little in half a minute is given up. Two
    processes do not download the same file.

    Args:
        dataset: its name, which the folder has too.
        files: for each file its sources: an address, with the size in bytes and the SHA-256 of
            what is found there.

    Returns:
        the bytes of each file, by its name.

    Raises:
        OSError: a file is not there and cannot be downloaded; the message says what to fetch, from
            where, and where to put it.
        ImportError: a file is not there, and pooch, filelock or platformdirs is not installed.
    """
    where = folder(dataset)
    found = {name: _read(where / name, sources) for name, sources in files.items()}
    missing = {name: files[name] for name, content in found.items() if content is None}
    if missing:
        try:
            _fetch_all(where, missing)
            for name, sources in missing.items():
                found[name] = _read(where / name, sources)
                if found[name] is None:
                    raise OSError(f"{where / name} was changed by somebody else")
        except (OSError, ImportError) as error:
            kind = ImportError if isinstance(error, ImportError) else OSError
            # The message has all that the errors of the hosts say; a traceback would say it again.
            raise kind(_what_to_do(dataset, where, missing, error)) from None
    return {name: content for name, content in found.items() if content is not None}


def _read(path: Path, sources: Sources) -> bytes | None:
    """The file at path, if one of the sources has the same."""
    content = b""
    if path.is_file():
        with path.open("rb") as file:
            content = file.read(max(size for size, _ in sources.values()) + 1)
    right = (len(content), hashlib.sha256(content).hexdigest()) in sources.values()
    return content if right else None


def _fetch_all(where: Path, missing: Mapping[str, Sources]) -> None:
    where.mkdir(parents=True, exist_ok=True)
    with FileLock(where / ".lock", timeout=WAIT):
        for name, sources in missing.items():
            # Another process may have fetched it while this one waited.
            if _read(where / name, sources) is None:
                _fetch(where / name, sources)


def _fetch(path: Path, sources: Sources) -> None:
    """Download from the first source that has the file; each is tried twice."""
    failures: dict[str, Exception] = {}
    for url in [*sources, *sources]:
        try:
            return _download(url, path, *sources[url])
        except (OSError, ValueError) as error:  # an exception of requests is an OSError too
            failures[url] = error
    raise OSError("\n".join(f"  {url}: {error}" for url, error in failures.items()))


def _download(url: str, path: Path, size: int, sha256: str) -> None:
    """Download into a file beside the path; it takes the path's name when it has proved right."""
    part = path.with_name(f"{path.name}.part")
    # None means that the bar is quiet where there is no terminal.
    quiet = True if os.environ.get("CI") else None
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=quiet)
    try:
        with bar, part.open("wb") as file:
            received = _Received(file, size, bar)
            _watch(lambda: _request(url, received), received)
            received.finish(sha256)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _request(url: str, received: _Received) -> None:
    """Ask for a file, and pass on what is sent."""
    try:
        from pooch import HTTPDownloader
    except ImportError as error:
        raise ImportError("this needs pooch: pip install 'vaelib[book]'") from error
    responses = list[Any]()

    def look(response: Any, **_: Any) -> None:
        responses.append(response)
        _check_address(urljoin(response.url, response.headers.get("location", "")))

    _check_address(url)
    download = HTTPDownloader(
        chunk_size=1024,
        timeout=PATIENCE,
        headers={"Accept-Encoding": "identity"},  # compression on the way would hide the size
        hooks={"response": look},
    )
    try:
        download(url, received, None)
    finally:
        for response in responses:
            response.close()


def _watch(work: Callable[[], None], received: _Received) -> None:
    """Do the work in a thread, and give it up when too little was received in a window.

    A thread is needed because no timeout runs out where bytes come one by one. A thread that is
    given up ends with the process, or when it has a chunk for the file, which is closed by then.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    before, since = 0, time.monotonic()
    while thread.is_alive():
        thread.join(min(WINDOW, 0.5))  # not for long: on Windows Ctrl-C waits for it
        if thread.is_alive() and time.monotonic() - since >= WINDOW:
            came = received.count - before
            if came < SLOWEST * WINDOW:
                raise TimeoutError(f"only {came} bytes came in {WINDOW:g} s")
            before, since = received.count, time.monotonic()
    if failures:
        raise failures[0]


def _check_address(url: str) -> None:
    if not url.startswith(SECURE):
        raise ValueError(f"an address must begin with {SECURE}; got {url}")


class _Received:
    """A file that takes what a server sends, and refuses more bytes or others than expected."""

    def __init__(self, file: BinaryIO, size: int, bar: Any) -> None:
        self.file, self.size, self.bar = file, size, bar
        self.sha256, self.count = hashlib.sha256(), 0

    def write(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.sha256.update(chunk)
        self.bar.update(len(chunk))
        self.count += len(chunk)
        if self.count > self.size:
            raise ValueError(f"more than the {self.size} bytes of the file came")

    def flush(self) -> None:
        """Pooch asks for this after each chunk; once at the end is enough."""

    def finish(self, sha256: str) -> None:
        if (got := self.sha256.hexdigest()) != sha256:
            came = f"{self.count} bytes with SHA-256 {got} came"
            raise ValueError(f"{came}, not the {self.size} of {sha256}")
        self.file.flush()
        os.fsync(self.file.fileno())


def _what_to_do(dataset: str, where: Path, missing: Mapping[str, Sources], error: Exception) -> str:
    other = f"the folder {dataset} of another one"
    lines = [
        f"{dataset} is not whole in {where}, and what is missing could not be downloaded:",
        str(error),
        "Where there is no network, fetch these files elsewhere and put them there,",
        f"or into {other}, which the environment variable VAELIB_DATA then names:",
    ]
    for name, sources in missing.items():
        wrong = " (what lies there is not that file)" if (where / name).exists() else ""
        lines.append(f"  {name}{wrong}")
        for url, (size, sha256) in sources.items():
            lines.append(f"    {url}, {size} bytes, SHA-256 {sha256}")
    return "\n".join(lines)
