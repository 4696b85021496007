"""The process between an embedded PostgreSQL and its owners: it never lets the server outlive them.

Run as ``python -I -S embedded_guard.py SPEC`` by ``embedded.py``; it imports the standard library only. The
owners hold the write end of a named pipe, the guard its read end as standard input, so that the kernel counts
the owners: end of file means that the last one has gone, by leaving or by ``kill -9``, and the server is
stopped. A server that dies by itself is started again on the same socket for as long as it has owners.

Failure modes: if the guard is killed, the server stays; the next owner finds the pipe without a reader, stops
that server and starts a new pair. If the machine loses power, PostgreSQL recovers by its log as usual.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

OWNERS_FD = 0
"""Standard input: the read end of the pipe that every owner holds open for writing."""

FAST_SHUTDOWN_SECONDS = 10.0
"""How long a fast shutdown may take before the server is stopped the hard way."""

MAX_RESTART_DELAY_SECONDS = 10.0


def owners_gone(fd: int) -> bool:
    """Whether no process holds the pipe open for writing."""
    try:
        return os.read(fd, 1) == b""
    except BlockingIOError:
        return False


def server_ready(cluster: Path, pid: int) -> bool:
    """Whether ``postmaster.pid`` says that the server of this process id accepts connections."""
    try:
        lines = (cluster / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: fast, then immediately, then by force."""
    for number, seconds in (
        (signal.SIGINT, FAST_SHUTDOWN_SECONDS),
        (signal.SIGQUIT, FAST_SHUTDOWN_SECONDS / 2),
        (signal.SIGKILL, None),
    ):
        server.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
            return


class Guard:
    """One server, started from ``spec``: command, cluster, account, lock and socket folder."""

    def __init__(self, spec: dict[str, Any], owners_fd: int = OWNERS_FD) -> None:
        self._command: list[str] = spec["command"]
        self._cluster = Path(spec["cluster"])
        self._account: dict[str, Any] = spec["account"]
        self._lock = os.open(
            spec["lock"], os.O_WRONLY | os.O_CREAT, 0o600
        )  # kept open: the folder may be deleted
        self._socket_dir = Path(spec["socket_dir"])
        self._start_seconds: float = spec["start_seconds"]
        self._owners_fd = owners_fd

    def start_server(self) -> subprocess.Popen[bytes]:
        """Start the server inside its data folder, as its account, away from the terminal's signals."""
        return subprocess.Popen(  # noqa: S603 - the command is built by embedded.py
            self._command,
            cwd=self._cluster,
            env={"LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            **self._account,
        )

    def wait_ready(self, server: subprocess.Popen[bytes]) -> str | None:
        """None once the server accepts connections, else why it does not."""
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if server.poll() is not None:
                return f"the server ended with status {server.returncode}"
            if server_ready(self._cluster, server.pid):
                return None
            time.sleep(0.005)
        stop(server)
        return f"the server was not ready within {self._start_seconds:.0f} s"

    def watch(self, server: subprocess.Popen[bytes]) -> None:
        """Keep the server running until its last owner has gone, then stop it and return."""
        poll = select.poll()
        poll.register(self._owners_fd, select.POLLIN)
        delay = 0.25
        while True:
            if server.poll() is None:
                delay = 0.25 if server_ready(self._cluster, server.pid) else delay
            else:
                time.sleep(delay)
                delay = min(delay * 2, MAX_RESTART_DELAY_SECONDS)
                server = self.start_server()
            if poll.poll(500) and self._stop_if_unowned(server):
                return

    def _stop_if_unowned(self, server: subprocess.Popen[bytes]) -> bool:
        # Under the lock no owner can be arriving, so that "none" stays true until the server has stopped.
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            if not owners_gone(self._owners_fd):
                return False
            if server.poll() is None:
                stop(server)
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            os.close(self._owners_fd)  # before the lock: whoever comes next must not find a reader
            return True
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def main(spec: dict[str, Any]) -> None:
    """Start the server, say on standard output how it went, then watch in the background."""
    if os.fork():
        os._exit(0)  # the starter waits for this process only; the guard belongs to nobody
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The owners' end is what counts, whatever else is being stopped. A server would inherit SIG_IGN.
        signal.signal(number, lambda *_: None)
    guard = Guard(spec)
    server = guard.start_server()
    problem = guard.wait_ready(server)
    if problem is not None:
        shutil.rmtree(spec["socket_dir"], ignore_errors=True)
        os.close(OWNERS_FD)  # whoever comes next must not find a reader
    os.write(1, (problem or "ready").encode())
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the starter sees the end of the answer
    if problem is None:
        guard.watch(server)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
