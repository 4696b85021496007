"""Bring a database to a revision of the schema, and say where it stands. Synchronous: run it in a thread.

What the start path needs (the newest revision, where the database is) is found without importing Alembic,
which takes longer than the whole check; a test holds the two to the same answer.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

import alphapy
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import Report, compare
from alphapy.storage.evolution.errors import MigrationError, Refused
from alphapy.storage.evolution.session import LOCK_KEY, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy

    from alphapy.storage.evolution.notes import Note

__all__ = [
    "MigrationError",
    "Refused",
    "Report",
    "check",
    "current",
    "downgrade",
    "head",
    "newer",
    "position",
    "revisions",
    "status",
    "translated",
    "upgrade",
    "upgrade_inside",
]

_NEWER = (
    "The database is at revision {current}, which this version of Alphapy does not know (its newest revision"
    " is {head}): a newer version has run on it. Install that version, or restore a backup from before."
)


_LOCKED = (
    "A table that must be changed is in use by another session, perhaps the running service. Stop it, or try"
    " again at a quieter moment; the revision was rolled back."
)


def scripts() -> Path:
    """The folder of migrations: beside the package in a clone, inside it when installed from a wheel."""
    package = Path(str(alphapy.__file__)).parent
    beside = package.parent / "migrations"
    return beside if (beside / "env.py").exists() else package / "migrations"


def revisions() -> tuple[str, ...]:
    """Every known revision, oldest first; a revision's file bears its name."""
    return tuple(sorted(path.stem for path in (scripts() / "versions").glob("[0-9]*.py")))


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


def newer(found: str | None) -> str:
    """What to tell the operator of a database with a revision that this version does not know."""
    return _NEWER.format(current=found, head=head())


def current(dsn: str) -> str | None:
    """The revision that the database is at; None when it was never stamped."""
    with connect(dsn) as connection:
        return position(connection)


def position(connection: psycopg.Connection[Any]) -> str | None:
    """As :func:`current`, on an open connection."""
    stamped = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
    if stamped is None or not stamped[0]:
        return None
    rows = connection.execute("SELECT version_num FROM public.alembic_version").fetchall()
    if len(rows) > 1:
        raise MigrationError("The table alembic_version holds several rows; it must hold one.")
    return str(rows[0][0]) if rows else None


@attrs.frozen(kw_only=True)
class Status:
    """Where a database stands. ``drift`` is told only of one that claims to be at the newest revision."""

    current: str | None
    head: str
    pending: tuple[str, ...]
    drift: Report
    locked: bool


def status(dsn: str) -> Status:
    """Where the database stands, and whether somebody is migrating it at this moment; reads only."""
    with connect(dsn) as connection:
        found = position(connection)
        row = connection.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' AND objsubid = 1
                  AND classid = (%(key)s >> 32)::oid AND objid = (%(key)s & 4294967295)::oid
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            )
            """,
            {"key": LOCK_KEY},
        ).fetchone()
    known = revisions()
    pending = known[known.index(found) + 1 :] if found in known else known if found is None else ()
    return Status(
        current=found,
        head=known[-1],
        pending=pending,
        drift=check(dsn) if found == known[-1] else Report(),
        locked=bool(row and row[0]),
    )


def check(dsn: str) -> Report:
    """Compare the database with the newest schema; reads only."""
    from alphapy.storage.catalog.declared import declared  # noqa: PLC0415 - keeps SQLAlchemy off the start path

    with connect(dsn) as connection:
        return compare(declared(), live.read(connection))


def upgrade(dsn: str, revision: str = "head", *, legacy_guild: int | None = None) -> None:
    """Bring the database up to a revision; does nothing, quickly, when it is there.

    Waits up to a minute for another migrator. Rows without a guild get ``legacy_guild``, by default what
    LEGACY_GUILD_ID says. Raises :class:`MigrationError`; the revisions that were completed before it stay.
    """
    found = current(dsn)
    known = revisions()
    if found is not None and found not in known:
        raise MigrationError(newer(found))
    if found == (known[-1] if revision == "head" else revision):
        return
    _alembic(lambda command, config: command.upgrade(config, revision), dsn=dsn, legacy_guild=legacy_guild)


def upgrade_inside(
    connection: sqlalchemy.Connection,
    revision: str = "head",
    *,
    legacy_guild: int | None = None,
    renumber_duplicates: bool = False,
    notes: list[Note] | None = None,
) -> None:
    """As :func:`upgrade`, as a part of the caller's transaction on a connection of the migrator's.

    ``notes`` is told what happened to rows. Raises :class:`MigrationError`; the transaction is spoilt then.
    """
    _alembic(
        lambda command, config: command.upgrade(config, revision),
        connection=connection,
        legacy_guild=legacy_guild,
        renumber_duplicates=renumber_duplicates,
        notes=notes,
    )


def downgrade(dsn: str, revision: str = "-1", *, allow_data_loss: bool = False) -> None:
    """Take the database down to a revision, all steps in one transaction.

    Raises :class:`Refused` when a step would drop a table that holds rows or a column that holds a value,
    unless ``allow_data_loss``; nothing has changed then.
    """
    _alembic(
        lambda command, config: command.downgrade(config, revision),
        dsn=dsn,
        one_transaction=True,
        allow_data_loss=allow_data_loss,
    )


def _alembic(action: Callable[[Any, Any], None], **attributes: object) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that a database which is up to date need not pay
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with translated():
        action(command, config)


@contextmanager
def translated() -> Iterator[None]:
    """What goes wrong with the database in the block becomes a :class:`MigrationError` for the operator."""
    from alembic.util import CommandError  # noqa: PLC0415 - only commands that change the schema come here
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(_LOCKED) from error
    except (CommandError, DBAPIError, psycopg.Error) as error:
        raise MigrationError(str(error).strip()) from error
