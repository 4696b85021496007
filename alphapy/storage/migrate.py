"""Bring a database to a revision of the schema, and say where it stands. Synchronous: run it in a thread.

What the start path needs (the newest revision, where the database is) is found without importing Alembic,
which takes longer than the whole check; a test holds the two to the same answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

import alphapy
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import Report, compare
from alphapy.storage.evolution.errors import MigrationError, Refused
from alphapy.storage.evolution.session import connect

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "upgrade",
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
    try:
        rows = connection.execute("SELECT version_num FROM public.alembic_version").fetchall()
    except psycopg.errors.UndefinedTable:
        return None
    if len(rows) > 1:
        raise MigrationError("The table alembic_version holds several rows; it must hold one.")
    return str(rows[0][0]) if rows else None


def check(dsn: str) -> Report:
    """Compare the database with the newest schema; reads only."""
    from alphapy.storage.catalog.declared import declared  # noqa: PLC0415 - keeps SQLAlchemy off the start path

    with connect(dsn) as connection:
        return compare(declared(), live.read(connection))


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database up to a revision; does nothing, quickly, when it is there.

    Waits up to a minute for another migrator. Raises :class:`MigrationError`; the revisions that were
    completed before it stay.
    """
    found = current(dsn)
    known = revisions()
    if found is not None and found not in known:
        raise MigrationError(newer(found))
    if found == (known[-1] if revision == "head" else revision):
        return
    _alembic(dsn, lambda command, config: command.upgrade(config, revision))


def downgrade(dsn: str, revision: str = "-1", *, allow_data_loss: bool = False) -> None:
    """Take the database down to a revision, all steps in one transaction.

    Raises :class:`Refused` when a step would drop a table that holds rows or a column that holds a value,
    unless ``allow_data_loss``; nothing has changed then.
    """
    _alembic(
        dsn,
        lambda command, config: command.downgrade(config, revision),
        one_transaction=True,
        allow_data_loss=allow_data_loss,
    )


def _alembic(dsn: str, action: Callable[[Any, Any], None], **attributes: object) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that a database which is up to date need not pay
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

    config = Config(attributes={"dsn": dsn, **attributes})
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        action(command, config)
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(_LOCKED) from error
    except (CommandError, DBAPIError, psycopg.Error) as error:
        raise MigrationError(str(error).strip()) from error
