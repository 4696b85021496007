"""Where migrations run: one connection, under the migration lock, with its own limits.

The lock is a session advisory lock on one fixed key, so that it ends with the process, however that ends. A
second migrator waits for it, for a minute at most. Each revision is a transaction of its own: killed in the
middle, the database is at the revision before.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy
from sqlalchemy.pool import NullPool

from alphapy.storage.evolution.errors import MigrationError
from alphapy.storage.evolution.session import LOCK_KEY, LOCK_TIMEOUT, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_WAIT = 60.0
"""Seconds that a second migrator waits (spec/schema.md 8)."""


@contextmanager
def migrator(dsn: str, *, wait: float = LOCK_WAIT) -> Iterator[sqlalchemy.Connection]:
    """A connection that holds the migration lock; raises MigrationError when another keeps it too long."""
    raw = connect(dsn)
    with raw:
        _lock(raw, wait)
        raw.autocommit = False
        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


def _lock(connection: psycopg.Connection[Any], wait: float) -> None:
    connection.execute(f"SET lock_timeout = {round(wait * 1000)}".encode())
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"Another migration has been running for more than {wait:.0f} s. Try again when it is done."
        ) from error
    connection.execute(LOCK_TIMEOUT)
