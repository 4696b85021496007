"""The guard with a stand-in for the server: when it starts it again, and when and how it stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from alphapy.storage import embedded_guard
from alphapy.storage.embedded_guard import Guard, owners_gone, server_ready, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READY = r'printf "%s\n\n\n\n\n\n\nready\n" $$ > postmaster.pid; exec sleep 60'
STUBBORN = (
    r'trap "" INT QUIT; printf "%s\n\n\n\n\n\n\nready\n" $$ > postmaster.pid; while :; do sleep 1; done'
)


@attrs.frozen
class Stage:
    """A guard, the pipe of its owners, and the folder of its socket."""

    guard: Guard
    cluster: Path
    socket_dir: Path
    pipe: Path
    reader: int


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """What is started here can be interrupted, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stage(tmp_path: Path, program: str, *, start_seconds: float = 10.0) -> Stage:
    cluster, socket_dir, pipe = tmp_path / "cluster", tmp_path / "socket", tmp_path / "owners"
    cluster.mkdir()
    socket_dir.mkdir()
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    spec = {
        "command": ["/bin/sh", "-c", program],
        "cluster": str(cluster),
        "account": {},
        "lock": str(tmp_path / "lock"),
        "socket_dir": str(socket_dir),
        "start_seconds": start_seconds,
    }
    return Stage(Guard(spec, reader), cluster, socket_dir, pipe, reader)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def pid_of(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return 0


def test_owners_are_counted_by_the_pipe(tmp_path: Path) -> None:
    made = stage(tmp_path, READY)
    assert owners_gone(made.reader)
    first, second = (os.open(made.pipe, os.O_WRONLY) for _ in range(2))
    assert not owners_gone(made.reader)
    os.close(first)
    assert not owners_gone(made.reader)
    os.close(second)
    assert owners_gone(made.reader)
    os.close(made.reader)


def test_a_server_is_ready_when_its_own_file_says_so(tmp_path: Path) -> None:
    assert not server_ready(tmp_path, 7)
    for text, ready in [
        ("7\n", False),
        ("7\n\n\n\n\n\n\nstarting\n", False),
        ("8\n\n\n\n\n\n\nready   \n", False),
        ("7\n\n\n\n\n\n\nready   \n", True),
    ]:
        (tmp_path / "postmaster.pid").write_text(text)
        assert server_ready(tmp_path, 7) is ready


def test_it_starts_the_server_again_until_the_last_owner_has_gone(tmp_path: Path) -> None:
    made = stage(tmp_path, READY)
    owner = os.open(made.pipe, os.O_WRONLY)
    server = made.guard.start_server()
    assert made.guard.wait_ready(server) is None
    watcher = threading.Thread(target=made.guard.watch, args=(server,))
    watcher.start()

    server.kill()
    server.wait()
    eventually(lambda: pid_of(made.cluster) not in {0, server.pid})
    second = pid_of(made.cluster)
    other = os.open(made.pipe, os.O_WRONLY)
    os.close(owner)
    assert watcher.is_alive()
    assert made.socket_dir.exists()

    os.close(other)
    watcher.join(10)
    assert not watcher.is_alive()
    assert not made.socket_dir.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(made.reader)  # whoever comes next finds no reader


def test_a_server_that_ends_at_once_is_not_ready(tmp_path: Path) -> None:
    made = stage(tmp_path, "exit 3")
    assert made.guard.wait_ready(made.guard.start_server()) == "the server ended with status 3"
    os.close(made.reader)


def test_a_server_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    made = stage(tmp_path, "exec sleep 60", start_seconds=0.05)
    server = made.guard.start_server()
    assert made.guard.wait_ready(server) == "the server was not ready within 0 s"
    assert server.returncode == -signal.SIGINT
    os.close(made.reader)


def test_a_stubborn_server_is_stopped_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_guard, "FAST_SHUTDOWN_SECONDS", 0.1)
    made = stage(tmp_path, STUBBORN)
    server = made.guard.start_server()
    assert made.guard.wait_ready(server) is None
    stop(server)
    assert server.returncode == -signal.SIGKILL
    os.close(made.reader)


def test_it_runs_on_the_standard_library_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({embedded_guard.__file__!r})"],
        check=False,
    )
    assert done.returncode == 0
