"""Files come whole or not at all, from servers that misbehave and into folders with bad files.

Every test runs with made-up files, and with MNIST's own where ``../shared/data`` has them.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from vaelib.data import download, downloaded

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
MADE_UP = {"images.gz": os.urandom(70_000), "labels.gz": b"labels" * 100}


@pytest.fixture(params=["made up", "real"])
def files(request: pytest.FixtureRequest) -> dict[str, bytes]:
    if request.param == "made up":
        return MADE_UP
    if not SHARED.is_dir():
        pytest.skip("../shared/data, with the real files, is not here")
    names = [name for name in downloaded.IMAGE_FILES if "t10k" in name]
    return {name: (SHARED / "mnist" / name).read_bytes() for name in names}


def identity(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()


class Mirrors(ThreadingHTTPServer):
    """Serves files below /good/, and misbehaves below every other folder as its name says."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = files, Counter[str]()
        self.root = f"http://127.0.0.1:{self.server_port}/"
        self.over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what is tested here."""

    def table(self, *mirrors: str) -> dict[str, dict[str, tuple[int, str]]]:
        return {
            name: {f"{self.root}{mirror}/{name}": identity(content) for mirror in mirrors}
            for name, content in self.files.items()
        }


class Handler(BaseHTTPRequestHandler):
    server: Mirrors

    def log_message(self, *_: object) -> None:
        """Standard error is looked at by a test."""

    def do_GET(self) -> None:
        _, mirror, name = self.path.split("/")
        self.server.asked[self.path] += 1
        content = self.server.files[name]
        getattr(self, mirror)(content)

    def send(self, content: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def good(self, content: bytes) -> None:
        self.send(content)

    def unavailable(self, content: bytes) -> None:
        self.send_error(503)

    def silent(self, content: bytes) -> None:
        self.server.over.wait(30)

    def stalls(self, content: bytes) -> None:
        self.send(content[: len(content) // 2], len(content))
        self.wfile.flush()
        self.server.over.wait(30)

    def drips(self, content: bytes) -> None:
        self.send(b"", len(content))
        for i in range(len(content)):
            self.wfile.write(content[i : i + 1])
            if self.server.over.wait(0.001):
                return

    def drips_seldom(self, content: bytes) -> None:
        """A read never times out, and a chunk takes a minute."""
        self.send(b"", len(content))
        self.drip(content)

    def drips_headers(self, content: bytes) -> None:
        self.send_response(200)
        self.wfile.write(b"X-Padding: ")
        self.drip(b"x" * 1000)

    def drip(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.06):
                return

    def hesitates(self, content: bytes) -> None:
        """Slow, but no more than may be."""
        middle = len(content) // 2
        self.send(content[:middle], len(content))
        self.server.over.wait(0.2)
        self.wfile.write(content[middle:])

    def truncated(self, content: bytes) -> None:
        self.send(content[:-7], len(content))

    def truncated_unawares(self, content: bytes) -> None:
        self.send(content[:-7])

    def truncated_once(self, content: bytes) -> None:
        (self.truncated if self.server.asked[self.path] == 1 else self.good)(content)

    def wrong(self, content: bytes) -> None:
        self.send(content[:-1] + bytes([content[-1] ^ 1]))

    def page(self, content: bytes) -> None:
        self.send(b"<html>Log in to this wireless network</html>")

    def endless(self, content: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(bytes(100_000))

    def encoded(self, content: bytes) -> None:
        """Compressed on the way, though the client asked for the bytes as they are."""
        self.send(gzip.compress(content + bytes(10_000_000)), Content_Encoding="gzip")

    def no_length(self, content: bytes) -> None:
        self.send(content, length=-1)

    def bad_length(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "many")
        self.end_headers()
        self.wfile.write(content)

    def moved(self, content: bytes) -> None:
        self.redirect(self.path.replace("moved", "good"))

    def loop(self, content: bytes) -> None:
        self.redirect(self.path)

    def elsewhere(self, content: bytes) -> None:
        path = self.path.replace("elsewhere", "good")
        self.redirect(f"http://localhost:{self.server.server_port}{path}")

    def local_file(self, content: bytes) -> None:
        self.redirect("file:///etc/hostname")

    def redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def mirrors(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mirrors]:
    server = Mirrors(files)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(download, "SECURE", server.root)
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def impatient(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    monkeypatch.setattr(download, "WINDOW", 0.4)
    monkeypatch.setattr(download, "SLOWEST", 1e4 if mirror.startswith("drips") else 0.0)


def kept(folder: Path) -> dict[str, bytes]:
    """All that lies in the folder of the data set but the lock."""
    paths = [path for path in (folder / "set").iterdir() if path.name != ".lock"]
    return {path.name: path.read_bytes() for path in paths}


def keep(folder: Path, files: dict[str, bytes]) -> Path:
    """Files as somebody else left them in the folder of the data set."""
    (folder / "set").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "set" / name).write_bytes(content)
    return folder / "set"


def test_files_are_fetched_once(mirrors, files, tmp_path) -> None:
    for _ in range(2):
        assert download.contents("set", mirrors.table("good")) == files
    assert kept(tmp_path) == files
    assert mirrors.asked == {f"/good/{name}": 1 for name in files}


SAID = {
    "unavailable": "503 Server Error",
    "silent": "Read timed out",
    "stalls": "Read timed out",
    "drips": r"only \d+ bytes came in 0\.4 s",
    "drips_seldom": r"only 0 bytes came in 0\.4 s",
    "drips_headers": r"only 0 bytes came in 0\.4 s",
    "wrong": r"\d+ bytes with SHA-256 [0-9a-f]{64} came, not the \d+ of [0-9a-f]{64}",
    "page": r"44 bytes with SHA-256",
    "endless": r"more than the \d+ bytes of the file came",
    "loop": "Exceeded 30 redirects",
    "elsewhere": r"an address must begin with http://127\.\S+ got http://localhost:",
    "local_file": r"an address must begin with http://127\.\S+ got file:///etc/hostname",
}
MISBEHAVE = [*SAID, "truncated", "truncated_unawares", "encoded", "bad_length"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mirror", MISBEHAVE)
def test_a_mirror_that_misbehaves_is_passed_over(mirror, mirrors, files, tmp_path) -> None:
    assert download.contents("set", mirrors.table(mirror, "good")) == files
    assert kept(tmp_path) == files
    assert set(mirrors.asked) >= {f"/{m}/{name}" for name in files for m in (mirror, "good")}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mirror", SAID)
def test_why_no_mirror_served_is_said(mirror, mirrors, tmp_path) -> None:
    says = rf"(?s){re.escape(mirrors.root)}{mirror}/\S+: .*{SAID[mirror]}"
    with pytest.raises(OSError, match=says):
        download.contents("set", mirrors.table(mirror))
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("mirror", ["truncated_once", "moved", "hesitates", "no_length"])
def test_a_mirror_with_a_hitch_serves(mirror, mirrors, files, tmp_path) -> None:
    assert download.contents("set", mirrors.table(mirror)) == files
    assert kept(tmp_path) == files


def test_all_mirrors_are_tried_in_turn_and_all_once_more(mirrors, files) -> None:
    with pytest.raises(OSError, match="503"):
        download.contents("set", mirrors.table("unavailable", "wrong"))
    first = next(iter(files))
    assert mirrors.asked == {f"/unavailable/{first}": 2, f"/wrong/{first}": 2}


def test_without_a_network_the_message_says_what_to_fetch_where_from_and_where_to(
    mirrors, files, tmp_path, monkeypatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise socket.gaierror("Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    table = mirrors.table("good", "moved")
    with pytest.raises(OSError, match="name resolution") as caught:
        download.contents("set", table)
    said = str(caught.value)
    # The traceback tells each reason once.
    assert "".join(traceback.format_exception(caught.value)).count("name resolution") == 2
    assert str(tmp_path / "set") in said and "VAELIB_DATA" in said and "the folder set of" in said
    for name, content in files.items():
        assert f"\n  {name}\n" in said
        size, sha256 = identity(content)
        assert all(f"{url}, {size} bytes, SHA-256 {sha256}" in said for url in table[name])
    # And what it says is all there is to do.
    keep(tmp_path, files)
    assert download.contents("set", table) == files and not mirrors.asked


BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "one bit flipped": lambda content: bytes([content[0] ^ 128]) + content[1:],
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_in_the_folder_is_refused_and_replaced(what, mirrors, files, tmp_path) -> None:
    first = next(iter(files))
    bad = files | {first: BAD[what](files[first])}
    keep(tmp_path, bad)
    with pytest.raises(OSError, match=rf"{re.escape(first)} \(what lies there is not that file\)"):
        download.contents("set", mirrors.table("wrong"))
    assert kept(tmp_path) == bad
    assert download.contents("set", mirrors.table("good")) == files == kept(tmp_path)
    assert set(mirrors.asked) == {f"/wrong/{first}", f"/good/{first}"}


def test_what_is_no_file_is_not_read(mirrors, files, tmp_path) -> None:
    path = keep(tmp_path, {}) / next(iter(files))
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)  # to open it would wait for a writer
        assert download.contents("set", mirrors.table("good")) == files
        path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="what lies there is not that file"):
        download.contents("set", mirrors.table("good"))


def test_good_files_are_read_where_nothing_may_be_written_or_asked(
    files, mirrors, tmp_path, monkeypatch
) -> None:
    where = keep(tmp_path, files)
    for module in ("pooch", "platformdirs"):
        monkeypatch.setitem(sys.modules, module, None)
    where.chmod(0o555)
    assert download.contents("set", mirrors.table("unavailable")) == files
    assert kept(tmp_path) == files and not mirrors.asked and not (where / ".lock").exists()
    where.chmod(0o755)


def test_a_folder_that_cannot_be_made_is_said(mirrors, tmp_path, monkeypatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("VAELIB_DATA", str(tmp_path / "taken"))
    with pytest.raises(OSError, match=r"taken.*could not be downloaded:\n.*taken"):
        download.contents("set", mirrors.table("good"))


def test_a_file_changed_under_our_hands_is_not_used(mirrors, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(download, "_fetch", lambda path, _: path.write_bytes(b"something else"))
    with pytest.raises(OSError, match="was changed by somebody else"):
        download.contents("set", mirrors.table("good"))


def test_what_to_install_is_said(mirrors, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    says = r"(?s)pooch: pip install 'vaelib\[book\]'.*fetch these files elsewhere"
    with pytest.raises(ImportError, match=says):
        download.contents("set", mirrors.table("good"))


def test_the_folder_is_the_platforms_or_the_one_named(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("VAELIB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if sys.platform.startswith("linux"):
        assert download.folder("set") == tmp_path / "cache" / "vaelib" / "set"
    assert download.folder("set").parts[-1] == "set" and "vaelib" in download.folder("set").parts
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    says = r"platformdirs: pip install 'vaelib\[book\]', or let VAELIB_DATA"
    with pytest.raises(ImportError, match=says):
        download.folder("set")
    monkeypatch.setenv("VAELIB_DATA", "~/sets")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert download.folder("set") == tmp_path / "sets" / "set"


def test_nothing_is_said_where_there_is_no_terminal(mirrors, capfd) -> None:
    download.contents("set", mirrors.table("good"))
    assert capfd.readouterr() == ("", "")


def test_a_terminal_sees_each_file_come(mirrors, files, tmp_path) -> None:
    pty = pytest.importorskip("pty", reason="terminals are of another kind here")
    leader, follower = pty.openpty()
    import termios

    termios.tcsetwinsize(follower, (24, 80))
    process = start(mirrors, "good", tmp_path, stderr=follower)
    os.close(follower)
    said = b""
    with os.fdopen(leader, "rb", 0) as terminal:
        try:
            while part := terminal.read(1000):
                said += part
        except OSError:  # Linux raises this at the end
            pass
    assert process.wait() == 0
    assert all(f"{name}: 100%".encode() in said for name in files), said


def test_nobody_waits_for_ever_for_another_process(mirrors, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(download, "WAIT", 0.05)
    says = r"could not be downloaded:\n.*\.lock.*could not be acquired"
    with FileLock(keep(tmp_path, {}) / ".lock"), pytest.raises(OSError, match=says):
        download.contents("set", mirrors.table("good"))
    assert not mirrors.asked


def test_threads_that_start_together_download_once(mirrors, files) -> None:
    table = mirrors.table("hesitates")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(download.contents, ["set"] * 3, [table] * 3)) == [files] * 3
    assert mirrors.asked == {f"/hesitates/{name}": 1 for name in files}


CHILD = """
import sys
from vaelib.data import download
download.SECURE, table = sys.argv[1], eval(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
download.contents("set", table)
"""


def start(mirrors: Mirrors, mirror: str, folder: Path, **more: object) -> subprocess.Popen[bytes]:
    """A process of its own that downloads at once."""
    process = waiting(mirrors, mirror, folder, **more)
    go(process)
    return process


def waiting(mirrors: Mirrors, mirror: str, folder: Path, **more: object) -> subprocess.Popen[bytes]:
    """A process of its own that is ready to download when it is told to."""
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment["VAELIB_DATA"] = str(folder)
    arguments = [mirrors.root, repr(mirrors.table(mirror))]
    command = [sys.executable, "-W", "error", "-c", CHILD, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, **more)  # type: ignore[call-overload]


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout and process.stdin
    assert process.stdout.readline() == b"ready\n"
    process.stdin.write(b"\n")
    process.stdin.close()
    process.stdout.close()


@pytest.mark.slow
def test_processes_that_start_together_download_once(mirrors, files, tmp_path) -> None:
    processes = [waiting(mirrors, "hesitates", tmp_path) for _ in range(3)]
    for process in processes:
        go(process)
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert kept(tmp_path) == files
    assert mirrors.asked == {f"/hesitates/{name}": 1 for name in files}


@pytest.mark.slow
def test_a_process_that_was_killed_leaves_nothing_that_is_used_or_in_the_way(
    mirrors, files, tmp_path
) -> None:
    process = start(mirrors, "stalls", tmp_path)
    while not mirrors.asked or not (list((tmp_path / "set").glob("*.part"))):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    first = next(iter(files))
    assert set(kept(tmp_path)) == {f"{first}.part"}
    assert download.contents("set", mirrors.table("good")) == files == kept(tmp_path)
