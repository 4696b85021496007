"""Restore a backup into an empty database: all of it, or nothing (spec/schema.md 5.5).

Everything happens in one transaction under the migration lock: the schema, the rows, the sequences, the
upgrade to the newest revision, and the erasures of those who left after the backup was taken. Killed at any
point, the database is as empty as before.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import psycopg

from alphapy.storage import erasure, migrate
from alphapy.storage.adoption.adopt import LAST_OF_THE_PREDECESSOR, settle_stamp
from alphapy.storage.backup import erasures as lists
from alphapy.storage.backup import shape as shapes
from alphapy.storage.backup.manifest import (
    BackupError,
    Manifest,
    RestoreRefused,
    read_manifest,
    read_shape,
    verify,
)
from alphapy.storage.backup.shape import Shape
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import compare
from alphapy.storage.catalog.declared import declared
from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.environment import migrator
from alphapy.storage.evolution.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import sqlalchemy

    from alphapy.storage.adoption.adopt import Choices
    from alphapy.storage.backup.erasures import Erasure

PRIORITY: Final = ("bot_settings", "reminders", "support_tickets", "onboarding")
"""What to look at first after a restore."""

_CHUNK: Final = 1 << 20

_SESSION: Final = b"""
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off;
    SET DateStyle = 'ISO, YMD'; SET application_name = 'alphapy:restore';
"""

_PRESENT: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.classid = 'pg_class'::regclass
                      AND e.deptype = 'e')
    ORDER BY c.relname LIMIT 20
"""


@attrs.frozen(kw_only=True)
class Restored:
    """What is in the database now. ``erased`` counts jobs by how they ended."""

    manifest: Manifest
    reached: str
    erased: Mapping[str, int]


def restore(dsn: str, folder: Path, choices: Choices, *, erasures: Path | None = None) -> Restored:
    """Restore the backup in ``folder`` and bring it to the newest revision.

    ``choices`` are for a backup of the earlier implementation, as for an adoption. Raises
    :class:`RestoreRefused` for a database that is not empty, :class:`BackupError` for a backup that is not
    whole, and MigrationError; nothing has changed then.
    """
    manifest = read_manifest(folder)
    verify(folder, manifest)
    shape = read_shape(folder, Shape)
    gone = [] if erasures is None else lists.read(erasures)
    if manifest.revision is not None and manifest.revision not in migrate.revisions():
        raise BackupError(migrate.newer(manifest.revision))
    with migrator(dsn) as connection, migrate.translated(), connection.begin():
        raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        raw.execute(_SESSION)
        _refuse_unless_empty(raw)
        _build(connection, raw, manifest, shape)
        present = shapes.read(raw)
        for name in shapes.in_order(shape):
            _load(raw, folder, manifest, name)
        for statement in shapes.after_rows(shape, present):
            raw.execute(statement.encode())
        _continue_sequences(raw, shape)
        _count(raw, manifest)
        settle_stamp(raw, manifest.revision)
        migrate.upgrade_inside(connection, **attrs.asdict(choices))
        _enqueue(raw, gone, manifest)
        erased = erasure.run_pending(raw)
        _check(raw)
    return Restored(manifest=manifest, reached=migrate.head(), erased=erased)


def _refuse_unless_empty(connection: psycopg.Connection[Any]) -> None:
    found = [row[0] for row in connection.execute(_PRESENT).fetchall()]
    if found:
        raise RestoreRefused(
            f"Refused: the database is not empty; it holds {shown(found)}. Restore into a new, empty"
            " database, and point DATABASE_URL at it afterwards."
        )


def _build(
    connection: sqlalchemy.Connection, raw: psycopg.Connection[Any], manifest: Manifest, shape: Shape
) -> None:
    """Make the schema that the backup was taken of, without the keys that the migrations do not know.

    The migrations make it where it is what they make, whatever else was beside it. A database of the earlier
    implementation, or one that somebody had changed, is built as it was.
    """
    revision = manifest.revision
    if revision is not None and revision > LAST_OF_THE_PREDECESSOR:
        with raw.transaction() as attempt:
            migrate.upgrade_inside(connection, revision)
            made = shapes.read(raw)
            for statement in shapes.before_rows(shape, made):
                raw.execute(statement.encode())
            if _is_made(shapes.read(raw), shape, made):
                return
            raise psycopg.Rollback(attempt)
    empty = Shape(tables={}, sequences={})
    for statement in shapes.before_rows(shape, empty):
        raw.execute(statement.encode())
    if revision is not None:
        raw.execute(
            b"CREATE TABLE alembic_version"
            b" (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"
        )
        raw.execute("INSERT INTO alembic_version VALUES (%s)", (revision,))


def _is_made(now: Shape, wanted: Shape, made: Shape) -> bool:
    """Whether what the migrations made is what the backup was taken of; further keys come after the rows."""
    known = {name: table for name, table in wanted.tables.items() if name in made.tables}
    unequal = now.lacks_of(attrs.evolve(wanted, tables=known))
    later = {
        f"{name}.{part}"
        for name, table in known.items()
        for field in ("constraints", "references", "indexes")
        for part in getattr(table, field)
        if part not in getattr(made.tables[name], field)
    }
    surplus = [
        name
        for name, table in known.items()
        if made.tables[name].constraints.keys() - table.constraints.keys()
        or made.tables[name].references.keys() - table.references.keys()
        or made.tables[name].columns.keys() - table.columns.keys()
    ]
    return not set(unequal) - later and not surplus and made.tables.keys() <= wanted.tables.keys()


def _load(connection: psycopg.Connection[Any], folder: Path, manifest: Manifest, name: str) -> None:
    entry = manifest.tables.get(name)
    if entry is None or entry.excluded or entry.file is None:
        return
    try:
        with (
            gzip.open(folder / entry.file, "rb") as packed,
            connection.cursor() as cursor,
            cursor.copy(shapes.copy_in(name, entry.columns).encode()) as copy,
        ):
            while chunk := packed.read(_CHUNK):
                copy.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise BackupError(f"{folder / entry.file} cannot be read to its end: {error}.") from error


def _continue_sequences(connection: psycopg.Connection[Any], shape: Shape) -> None:
    """Let every sequence continue where it was, and in any case above the highest number in use."""
    for name, sequence in shape.sequences.items():
        target, highest = quoted(name), None
        if sequence.owner is not None:
            table, column = sequence.owner
            row = connection.execute(
                f"SELECT pg_get_serial_sequence(%s, %s), max({quoted(column)}) FROM {quoted(table)}".encode(),  # noqa: S608 - quoted
                (quoted(table), column),
            ).fetchone()
            target, highest = row if row is not None and row[0] is not None else (target, None)
        numbers = [number for number in (sequence.last, highest) if number is not None]
        if numbers:
            connection.execute("SELECT setval(%s::regclass, %s)", (target, max(numbers)))


def _count(connection: psycopg.Connection[Any], manifest: Manifest) -> None:
    wrong = []
    for name, entry in manifest.tables.items():
        row = connection.execute(f"SELECT count(*) FROM {quoted(name)}".encode()).fetchone()  # noqa: S608 - quoted
        if row is None or row[0] != entry.rows:
            wrong.append(f"{name} ({row[0] if row else 0} instead of {entry.rows})")
    if wrong:
        raise BackupError(f"Tables have other numbers of rows than the backup says: {shown(wrong)}.")


def _enqueue(connection: psycopg.Connection[Any], gone: Iterable[Erasure], manifest: Manifest) -> None:
    later = [found for found in gone if found.completed_at >= manifest.created_at]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO gdpr_erasure_jobs (discord_user_id, innersync_user_id, source)"
            " VALUES (%s, %s, 'restore')",
            [(found.discord_user_id, found.innersync_user_id) for found in later],
        )


def _check(connection: psycopg.Connection[Any]) -> None:
    report = compare(declared(), live.read(connection))
    if not report.clean:
        raise BackupError(f"The restored schema is not what this version needs; nothing was kept. {report}")
