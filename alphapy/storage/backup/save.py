"""Back a database up into a folder, out of one snapshot (spec/schema.md 5.5).

It reads while the service runs and changes nothing. Rows go from the server through the compressor to the
disk in pieces; no table is ever whole in memory. Failure modes: whatever goes wrong, the folder keeps its
name ``….partial`` or is removed; it gets its real name only when every file, and the folder, are on the disk.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import attrs
import psycopg

from alphapy.storage import migrate
from alphapy.storage.backup import shape as shapes
from alphapy.storage.backup.manifest import (
    FORMAT,
    MANIFEST,
    PARTIAL,
    SCHEMA,
    SCHEMA_SQL,
    BackupError,
    Manifest,
    TableEntry,
    dump_manifest,
    dump_shape,
    folder_name,
    taken_at,
)
from alphapy.storage.backup.shape import Shape
from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.session import LOCK_KEY, connect
from alphapy.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.storage.backup.shape import TableShape

ANALYTICS: Final = frozenset({"audit_logs", "health_check_history"})
"""What ``--exclude-analytics`` leaves out: their rows, not their tables."""

KEPT_FOR: Final = timedelta(days=30)
"""How old a backup may become; ``--prune`` removes older ones."""

PARTIAL_KEPT_FOR: Final = timedelta(days=1)

_CHUNK: Final = 1 << 20
_PLAIN: Final = re.compile(r"[a-z0-9_]{1,60}")

# One spelling of every value, whatever the server's settings; a table that would hide rows is an error.
_SESSION: Final = b"""
    SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1;
    SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; SET row_security = off; SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0; SET application_name = 'alphapy:backup';
"""


@attrs.frozen(kw_only=True)
class Backup:
    """A complete backup. ``uncovered`` lists what of the database it does not hold."""

    folder: Path
    manifest: Manifest
    uncovered: tuple[str, ...]
    pruned: tuple[Path, ...]


def back_up(dsn: str, out: Path, *, exclude_analytics: bool = False, prune: bool = False) -> Backup:
    """Write a backup into a new folder of ``out``.

    Raises :class:`BackupError`, and MigrationError for a database that cannot be reached.
    """
    try:
        with connect(dsn) as connection:
            connection.execute(_SESSION)
            found = _snapshot(connection)
            folder = out / folder_name(found.created_at)
            partial = folder.with_name(folder.name + PARTIAL)
            if folder.exists() or partial.exists():
                raise BackupError(f"A backup of this very second is in {out} already. Try again.")
            partial.mkdir(parents=True, mode=0o700)
            try:
                manifest = _write(connection, found, partial, ANALYTICS if exclude_analytics else frozenset())
                partial.rename(folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            _sync_folder(out)
    except OSError as error:
        raise BackupError(f"The backup could not be written to {out}: {error.strerror}.") from error
    except psycopg.errors.LockNotAvailable as error:
        raise BackupError("A migration is running. Take the backup when it is done.") from error
    except psycopg.Error as error:
        raise BackupError(f"The database could not be read: {str(error).strip()}") from error
    pruned = tuple(_prune(out, found.created_at)) if prune else ()
    return Backup(folder=folder, manifest=manifest, uncovered=found.uncovered, pruned=pruned)


@attrs.frozen(kw_only=True)
class _Snapshot:
    created_at: datetime
    server_version: str
    revision: str | None
    shape: Shape
    uncovered: tuple[str, ...]


def _snapshot(connection: psycopg.Connection[Any]) -> _Snapshot:
    """Open the transaction that sees one moment, and keep all tables as they are in it until its end."""
    # No migration may stand between the snapshot and the locks; afterwards the locks are enough.
    connection.execute("SELECT pg_advisory_lock_shared(%s)", (LOCK_KEY,))
    connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = connection.execute("SELECT now(), current_setting('server_version')").fetchone()
    if row is None:
        raise BackupError("The database does not say what time it is.")
    found = shapes.read(connection)
    for name in found.tables:
        connection.execute(f"LOCK TABLE {quoted(name)} IN ACCESS SHARE MODE".encode())
    snapshot = _Snapshot(
        created_at=row[0].astimezone(UTC),
        server_version=row[1],
        revision=migrate.position(connection),
        shape=found,
        uncovered=shapes.uncovered(connection),
    )
    connection.execute("SELECT pg_advisory_unlock_shared(%s)", (LOCK_KEY,))
    return snapshot


def _write(
    connection: psycopg.Connection[Any], found: _Snapshot, folder: Path, excluded: frozenset[str]
) -> Manifest:
    tables = {
        name: _excluded(table)
        if name in excluded
        else _table(connection, folder, name, table, file=_file_name(name, number))
        for number, (name, table) in enumerate(found.shape.tables.items())
    }
    files = {
        SCHEMA: _file(folder / SCHEMA, dump_shape(found.shape)),
        SCHEMA_SQL: _file(folder / SCHEMA_SQL, _as_sql(found.shape).encode()),
    }
    manifest = Manifest(
        format=FORMAT,
        created_at=found.created_at,
        product_version=VERSION,
        revision=found.revision,
        server_version=found.server_version,
        tables=tables,
        files=files,
    )
    _file(folder / MANIFEST, dump_manifest(manifest))
    _sync_folder(folder)
    return manifest


def _excluded(table: TableShape) -> TableEntry:
    return TableEntry(rows=0, sha256=None, excluded=True, file=None, columns=tuple(table.columns))


def _file_name(table: str, number: int) -> str:
    return f"{table if _PLAIN.fullmatch(table) else f'table_{number}'}.copy.gz"


def _table(
    connection: psycopg.Connection[Any], folder: Path, name: str, table: TableShape, *, file: str
) -> TableEntry:
    rows = 0
    with _private(folder / file) as raw:
        hashed = _Hashed(raw)
        with gzip.GzipFile(filename="", mode="wb", fileobj=hashed, compresslevel=6, mtime=0) as packed:
            for chunk in _rows(connection, shapes.copy_out(name, table.columns)):
                rows += chunk.count(b"\n")  # in COPY's text form, a line is a row
                packed.write(chunk)
        _sync(raw)
    return TableEntry(
        rows=rows, sha256=hashed.hexdigest(), excluded=False, file=file, columns=tuple(table.columns)
    )


def _rows(connection: psycopg.Connection[Any], statement: str) -> Iterator[bytes]:
    """What COPY gives, in pieces of whole lines, about a megabyte each."""
    gathered = bytearray()
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for block in copy:
            gathered += block
            if len(gathered) >= _CHUNK:
                yield bytes(gathered)
                gathered.clear()
    yield bytes(gathered)


class _Hashed:
    """A file to write to that knows the SHA-256 of all that was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _private(path: Path) -> IO[bytes]:
    """A new file for this user alone: a backup is full of what people wrote."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _file(path: Path, content: bytes) -> str:
    with _private(path) as file:
        file.write(content)
        _sync(file)
    return hashlib.sha256(content).hexdigest()


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_sql(shape: Shape) -> str:
    empty = shapes.Shape(tables={}, sequences={})
    statements = [*shapes.before_rows(shape, empty), *shapes.after_rows(shape, empty)]
    return "".join(f"{statement};\n" for statement in statements)


def _prune(out: Path, now: datetime) -> Iterator[Path]:
    """Remove backups beside the new one that are too old, and what killed backups left; yields them."""
    for sibling in sorted(out.glob("backup_*")):
        taken = taken_at(sibling)
        if taken is None or not sibling.is_dir() or sibling.is_symlink():
            continue
        is_partial = sibling.name.endswith(PARTIAL)
        if taken < now - (PARTIAL_KEPT_FOR if is_partial else KEPT_FOR):
            shutil.rmtree(sibling)
            yield sibling
