"""Short words for tests of the schema: run SQL, look at the catalog, expect the newest schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from alphapy.storage import migrate
from alphapy.storage.catalog import live

if TYPE_CHECKING:
    from alphapy.storage.catalog.model import Table


def run(dsn: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement, or several without parameters; returns the rows of the last."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def value(dsn: str, statement: str, *parameters: object) -> Any:
    """The one value of a query."""
    [(found,)] = run(dsn, statement, *parameters)
    return found


def catalog(dsn: str) -> dict[str, Table]:
    """Every table of the database."""
    with psycopg.connect(dsn) as connection:
        return live.read(connection)


def stamp(dsn: str, revision: str | None) -> None:
    """Claim that the database is at a revision, whatever is true."""
    run(
        dsn,
        """
        CREATE TABLE IF NOT EXISTS alembic_version
            (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY);
        TRUNCATE alembic_version
        """,
    )
    if revision is not None:
        run(dsn, "INSERT INTO alembic_version VALUES (%s)", revision)


def assert_newest(dsn: str) -> None:
    """The database is at the newest revision and is what it must be."""
    assert migrate.current(dsn) == migrate.head()
    report = migrate.check(dsn)
    assert report.clean, str(report)
