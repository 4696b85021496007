"""What a killed guard or a killed PostgreSQL leaves behind in a data folder, and how to end it.

A process id in a file says little: after a crash or in a restarted container it may belong to any program. So
a process counts as a server of this folder only when it is called ``postgres`` and works inside the folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

STOP_SECONDS = 10.0
"""How long a server without a guard has for its fast shutdown."""

STRAGGLE_SECONDS = 5.0
"""How long backends whose server was killed have to notice it."""


def server_pid(cluster: Path) -> int | None:
    """The process id that ``postmaster.pid`` names, None when there is no such file."""
    try:
        return int((cluster / "postmaster.pid").read_text("utf-8").split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def end_leftovers(cluster: Path) -> None:
    """Make sure that no server works in this folder, so that a new one can start."""
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return  # a server that was shut down removes it
    server = _server(cluster)
    if server is not None:
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        with contextlib.suppress(psutil.TimeoutExpired):
            server.wait(STOP_SECONDS)
    _end_stragglers(cluster)
    # The number in it may meanwhile belong to another program, which would stop the start.
    pid_file.unlink(missing_ok=True)


def _server(cluster: Path) -> psutil.Process | None:
    pid = server_pid(cluster)
    with contextlib.suppress(psutil.Error):
        if pid is not None and _works_in(process := psutil.Process(pid), cluster):
            return process
    return None


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    return (
        process.name() == "postgres"
        and process.status() != psutil.STATUS_ZOMBIE
        and Path(process.cwd()) == Path(os.path.realpath(cluster))
    )


def _end_stragglers(cluster: Path) -> None:
    remaining = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _works_in(process, cluster):
                remaining.append(process)
    _, stubborn = psutil.wait_procs(remaining, timeout=STRAGGLE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(STRAGGLE_SECONDS)
