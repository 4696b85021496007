"""The schema gate: the service starts only on a database that it fits (spec/schema.md 5.1).

It runs once, before anything else of the service, and changes nothing unless AUTO_MIGRATE says so.
"""

from __future__ import annotations

import enum
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import trio

from alphapy.storage import migrate
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import Report, compare
from alphapy.storage.dsn import redacted
from alphapy.storage.errors import DatabaseUnavailable, StorageError
from alphapy.storage.evolution.session import open_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

ATTEMPTS = 5
PAUSE = 1.5
"""Seconds; the n-th pause is n times as long."""

ID_WARNING = 2_000_000_000
"""A four-byte id ends at 2,147,483,647; from here on the gate warns (spec/schema.md 9)."""

_NEARLY_USED_UP = """
    SELECT sequencename, last_value FROM pg_sequences
    WHERE schemaname = 'public' AND data_type = 'integer'::regtype AND last_value >= %s
"""


class SchemaMismatch(StorageError):
    """The service must not start on this database; the text says why and what to run."""


class Verdict(enum.Enum):
    """What the revision found says about starting."""

    CURRENT = enum.auto()
    BEHIND = enum.auto()
    UNKNOWN = enum.auto()


@attrs.frozen
class Standing:
    """A database that the service may start on."""

    revision: str
    upgraded: bool
    warnings: tuple[str, ...]


@attrs.frozen
class _Look:
    revision: str | None
    drift: Report
    warnings: tuple[str, ...]


def judge(current: str | None, known: tuple[str, ...]) -> Verdict:
    """The row of the decision table: ``known`` are this version's revisions, oldest first."""
    if current == known[-1]:
        return Verdict.CURRENT
    return Verdict.BEHIND if current is None or current in known else Verdict.UNKNOWN


async def inspect(
    dsn: str,
    *,
    auto_migrate: bool = False,
    allow_schema_drift: bool = False,
    legacy_guild: int | None = None,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Awaitable[None]] = trio.sleep,
) -> Standing:
    """Return when the service may start on this database, having upgraded it if it was told to.

    ``legacy_guild`` is whose the rows are that name no guild, as in :func:`alphapy.storage.migrate.upgrade`.
    Raises :class:`SchemaMismatch`, :class:`DatabaseUnavailable` after the last attempt to connect, or
    :class:`~alphapy.storage.errors.DsnError`. Warnings are logged as well.
    """
    look = await _look(dsn, attempts, sleep)
    known = migrate.revisions()
    verdict = judge(look.revision, known)
    if verdict is Verdict.UNKNOWN:
        raise SchemaMismatch(migrate.newer(look.revision))
    upgraded = verdict is Verdict.BEHIND
    if upgraded:
        if not auto_migrate:
            raise SchemaMismatch(_behind(look.revision, known[-1]))
        look = await _upgrade(dsn, look, sleep, legacy_guild)
    warnings = (*_drift(look, allow_schema_drift), *look.warnings)
    for warning in warnings:
        _log.warning(warning)
    return Standing(known[-1], upgraded, warnings)


async def _look(dsn: str, attempts: int, sleep: Callable[[float], Awaitable[None]]) -> _Look:
    attempt = 1
    while True:
        try:
            return await trio.to_thread.run_sync(_look_sync, dsn, abandon_on_cancel=True)
        except migrate.MigrationError as error:
            raise SchemaMismatch(str(error)) from error
        except DatabaseUnavailable as error:
            if attempt >= attempts:
                raise
            pause = PAUSE * attempt
            _log.warning("%s; attempt %d of %d, the next in %.1f s", error, attempt, attempts, pause)
            await sleep(pause)
            attempt += 1


def _look_sync(dsn: str) -> _Look:
    with open_connection(dsn) as connection:
        try:
            return _look_at(connection)
        except psycopg.OperationalError as error:
            if not connection.closed:
                raise
            detail = " ".join(str(error).split())
            raise DatabaseUnavailable(redacted(dsn), detail, lost=True) from error


def _look_at(connection: psycopg.Connection[Any]) -> _Look:
    revision = migrate.position(connection)
    if revision != migrate.head():
        return _Look(revision, Report(), ())
    from alphapy.storage.catalog.declared import declared  # noqa: PLC0415 - SQLAlchemy, only for this

    drift = compare(declared(), live.read(connection))
    rows = connection.execute(_NEARLY_USED_UP, (ID_WARNING,)).fetchall()
    return _Look(
        revision,
        drift,
        tuple(f"{name} is at {value:,} of 2,147,483,647: ids will run out" for name, value in rows),
    )


async def _upgrade(
    dsn: str, look: _Look, sleep: Callable[[float], Awaitable[None]], legacy_guild: int | None
) -> _Look:
    _log.info("upgrading the database from %s to %s", look.revision or "nothing", migrate.head())
    try:
        await trio.to_thread.run_sync(partial(migrate.upgrade, dsn, legacy_guild=legacy_guild))
    except migrate.MigrationError as error:
        raise SchemaMismatch(f"AUTO_MIGRATE could not upgrade the database: {error}") from error
    return await _look(dsn, 1, sleep)


def _behind(current: str | None, head: str) -> str:
    stands = "has no schema yet (or was never stamped)" if current is None else f"is at revision {current}"
    return (
        f"The database {stands}; this version of Alphapy needs {head}. Run `alphapy db upgrade`,"
        " or set AUTO_MIGRATE=1 to have it done at start. On a database of the earlier implementation, run"
        " `alphapy db adopt --dry-run` first."
    )


def _drift(look: _Look, allowed: bool) -> tuple[str, ...]:
    if look.drift.breaking and not allowed:
        raise SchemaMismatch(
            f"The database is stamped {look.revision}, the newest revision, but lacks:"
            f" {', '.join(look.drift.breaking)}. Queries would fail. Run `alphapy db verify` for the whole"
            " difference and `alphapy db adopt` to have it put right, or set ALLOW_SCHEMA_DRIFT=1 to start"
            " all the same."
        )
    differences = (*look.drift.missing, *look.drift.different)
    return (f"the schema differs: {'; '.join(differences)}",) if differences else ()
