"""A real PostgreSQL of our own, for when ``DATABASE_URL`` is not set.

``data_dir`` holds the database (``cluster``), the server's log, a lock and a named pipe. The server listens
on a Unix socket in a private folder and on no network port. Any number of processes of one user may use one
data folder at once: the first starts the server, the last one stops it. See ``embedded_guard.py`` for how
"the last one" is known even after ``kill -9``.

Failure modes: the owner is killed: the guard stops the server within a second, and the next start waits for
that. The server is killed: the guard starts it again, the pool reconnects. The guard is killed: the server
stays until the next start, which replaces it on the same socket. Power loss: PostgreSQL recovers by itself at
the next start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
import psycopg
import trio

from alphapy.storage import embedded_guard
from alphapy.storage.embedded_install import (
    SUPERUSER,
    Installation,
    check_version,
    find_installation,
    make_cluster,
)
from alphapy.storage.embedded_leftovers import end_leftovers
from alphapy.storage.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

DATABASE = "alphapy"
START_SECONDS = 60.0
"""How long the server may take to start; recovery after a crash is part of it."""

STOP_SECONDS = 20.0
"""How long to wait for the server to stop, or for another process to be done starting or stopping it."""

MAX_LOG_BYTES = 4_000_000
"""A longer log is begun anew at the next start."""


@attrs.frozen
class _Folder:
    """The files of one data folder."""

    path: Path

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def owners(self) -> Path:
        return self.path / "owners"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def socket_note(self) -> Path:
        """Where the server's socket is, or was."""
        return self.path / "socket"

    def log_tail(self) -> str:
        try:
            return self.log.read_text("utf-8", errors="replace").strip()[-1500:]
        except OSError:
            return "(no log)"


@contextlib.contextmanager
def embedded_postgres(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Own the PostgreSQL of this folder while the block runs; yields the DSN of its database ``alphapy``.

    Makes the folder when it is new (about a second), shares a server that another process of the same user
    has started, stops it when the last owner leaves. ``settings`` are server settings for a server that is
    started here. Blocks; call it outside Trio or in a worker thread.

    Raises :class:`EmbeddedError`, whose text says what to do.
    """
    folder = _Folder(data_dir.absolute())
    owner = _enter(folder, dict(settings or {}))
    try:
        yield _dsn(folder, DATABASE)
    finally:
        _leave(folder, owner)


@contextlib.asynccontextmanager
async def embedded_postgres_on_trio(data_dir: Path) -> AsyncIterator[str]:
    """As :func:`embedded_postgres`, for a block inside Trio: starting and stopping block a worker thread."""
    server = embedded_postgres(data_dir)
    dsn = await trio.to_thread.run_sync(server.__enter__)
    try:
        yield dsn
    finally:
        with trio.CancelScope(shield=True):  # bounded by STOP_SECONDS
            await trio.to_thread.run_sync(server.__exit__, None, None, None)


def _enter(folder: _Folder, settings: dict[str, str]) -> int:
    """Become an owner of a server that accepts connections; returns the open end of the owners' pipe."""
    _prepare(folder)
    with _locked(folder.lock):
        owner = _join(folder)
        if owner is not None:
            if _make_database_when_ready(folder, owner):
                return owner
            os.close(owner)  # its guard has just died
        owner = _start(folder, settings)
        if not _make_database_when_ready(folder, owner):
            os.close(owner)
            raise _not_ready(folder)
        return owner


def _prepare(folder: _Folder) -> None:
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        if not folder.owners.exists():
            with contextlib.suppress(FileExistsError):
                os.mkfifo(folder.owners, 0o600)
        os.close(os.open(folder.lock, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        msg = (
            f"The database folder {folder.path} cannot be used: {error.strerror}. "
            "Make it writable for this user, choose another data folder, or set DATABASE_URL."
        )
        raise EmbeddedError(msg) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder's lock: starting and stopping happen one at a time."""
    deadline = time.monotonic() + START_SECONDS + STOP_SECONDS
    with path.open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    msg = (
                        f"Another process has been starting or stopping the database of {path.parent} for "
                        f"over {START_SECONDS + STOP_SECONDS:.0f} s. End it, then try again."
                    )
                    raise EmbeddedError(msg) from None
                time.sleep(0.02)
        yield


def _join(folder: _Folder) -> int | None:
    """Become an owner of a server that has a guard; None when there is no guard."""
    try:
        return os.open(folder.owners, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads the pipe
            return None
        raise


def _start(folder: _Folder, settings: dict[str, str]) -> int:
    """Start a guard with a server; returns our end of the owners' pipe."""
    installation = find_installation(folder.cluster)
    end_leftovers(folder.cluster)
    if folder.cluster.exists():
        check_version(installation, folder.cluster)
    else:
        make_cluster(installation, folder.cluster, durable=settings.get("fsync") != "off")
    socket_dir = _socket_dir(folder, installation)
    spec = {
        "command": _command(folder, installation, socket_dir, settings),
        "cluster": str(folder.cluster),
        "account": installation.popen_arguments(),
        "lock": str(folder.lock),
        "socket_dir": str(socket_dir),
        "start_seconds": START_SECONDS,
    }
    reader = os.open(folder.owners, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        owner = os.open(folder.owners, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            answer = _run_guard(folder, spec, reader)
            if answer != "ready":
                msg = (
                    f"The embedded PostgreSQL in {folder.path} did not start: {answer or 'no answer'}. "
                    f"The end of its log ({folder.log}):\n{folder.log_tail()}"
                )
                raise EmbeddedError(msg)
        except BaseException:
            os.close(owner)
            raise
    finally:
        os.close(reader)
    return owner


def _run_guard(folder: _Folder, spec: dict[str, object], reader: int) -> str:
    """Start the guard, which answers once the server is ready or has failed, and then lives on its own."""
    mode = "wb" if folder.log.exists() and folder.log.stat().st_size > MAX_LOG_BYTES else "ab"
    with folder.log.open(mode) as log:
        done = subprocess.run(  # noqa: S603 - our own file, run by our own interpreter
            [sys.executable, "-I", "-S", str(Path(embedded_guard.__file__)), json.dumps(spec)],
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for us; the server stops after us
            check=False,
        )
    return done.stdout.decode()


def _command(
    folder: _Folder, installation: Installation, socket_dir: Path, settings: dict[str, str]
) -> list[str]:
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        **settings,
    }
    command = [installation.program("postgres"), "-D", installation.data_argument(folder.cluster)]
    return command + [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


def _socket_dir(folder: _Folder, installation: Installation) -> Path:
    """A private folder with a short path: a socket's path may have some 100 bytes only.

    One that was left over is used again, so that owners whose guard was killed find the new server.
    """
    with contextlib.suppress(FileNotFoundError):
        former = Path(folder.socket_note.read_text("utf-8"))
        if former.is_dir() and not former.is_symlink() and installation.owns(former):
            for (
                stale
            ) in former.iterdir():  # a killed server's lock, whose number may be another program's now
                stale.unlink()
            return former
    # Short, and open to the server's account; mkdtemp makes a folder that is closed to others.
    path = Path(tempfile.mkdtemp(prefix="alphapy-pg-", dir="/tmp"))
    installation.own(path)
    folder.socket_note.write_text(str(path), "utf-8")
    return path


def _make_database_when_ready(folder: _Folder, owner: int) -> bool:
    """Wait until the server accepts connections; False when its guard dies meanwhile."""
    deadline = time.monotonic() + START_SECONDS
    try:
        while not _make_database(folder):
            if _guard_gone(owner):
                return False
            if time.monotonic() > deadline:
                raise _not_ready(folder)
            time.sleep(0.02)
    except BaseException:
        os.close(owner)  # nobody owns the server: the guard stops it
        raise
    return True


def _guard_gone(owner: int) -> bool:
    """Whether nobody reads the pipe whose writing end this is."""
    poll = select.poll()
    poll.register(owner, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _not_ready(folder: _Folder) -> EmbeddedError:
    return EmbeddedError(
        f"The embedded PostgreSQL in {folder.path} was not ready within {START_SECONDS:.0f} s. "
        f"The end of its log ({folder.log}):\n{folder.log_tail()}"
    )


def _dsn(folder: _Folder, database: str) -> str:
    socket_dir = folder.socket_note.read_text("utf-8")
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(socket_dir, safe='')}"


def _make_database(folder: _Folder) -> bool:
    """Make our database where there is none; False while the server does not accept connections."""
    try:
        with psycopg.connect(_dsn(folder, "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except (FileNotFoundError, psycopg.OperationalError):
        return False
    return True


def _leave(folder: _Folder, owner: int) -> None:
    """Stop being an owner; the last one waits until the guard has stopped the server and tidied up."""
    os.close(owner)
    deadline = time.monotonic() + STOP_SECONDS
    # Without the folder, which may have been deleted meanwhile, there is nothing to wait for.
    with contextlib.suppress(EmbeddedError, FileNotFoundError):
        while time.monotonic() < deadline and _is_left_to_guard(folder):
            time.sleep(0.01)


def _is_left_to_guard(folder: _Folder) -> bool:
    """Whether there is a guard that has not yet noticed that nobody owns its server."""
    # Under the lock, so that nobody who joins takes our end of the pipe for a guard's.
    with _locked(folder.lock):
        writer = _join(folder)
        if writer is None:
            return False
        os.close(writer)
        reader = os.open(folder.owners, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return embedded_guard.owners_gone(reader)
        finally:
            os.close(reader)
