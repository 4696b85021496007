"""The run's files in memory, where the machine has room: copying a database is then ten times cheaper.

What a test run writes is thrown away anyway, and most of it is databases of a few hundred small files each,
which a disk's file system spends more processor time on than the test that they are for.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # noqa: S108 - whose folder is whose is pytest's care, as it is in /tmp

ROOM = 2 * 1024**3
"""Bytes that must be free, several times what a run needs at once; containers often have 64 MB."""


def folder_in_memory() -> Path | None:
    """Where files are kept in memory; None on a machine without it, or with too little of it."""
    try:
        status = os.statvfs(MEMORY)
    except OSError:
        return None
    # Some tests run programs that they have put into their folder.
    usable = os.access(MEMORY, os.W_OK) and not status.f_flag & os.ST_NOEXEC
    return (
        MEMORY
        if usable and min(status.f_bavail * status.f_frsize, psutil.virtual_memory().available) >= ROOM
        else None
    )


def let_go_of_dead_runs(folder: Path) -> None:
    """Let pytest remove what killed runs have left in memory; it would wait for three days."""
    for lock in folder.glob("pytest-of-*/pytest-*/.lock"):
        with suppress(OSError, ValueError):
            if not psutil.pid_exists(int(lock.read_text("ascii"))):
                lock.unlink()
