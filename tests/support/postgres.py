"""One real PostgreSQL for the whole test run, and databases cloned from a migrated template."""

from __future__ import annotations

import fcntl
import itertools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage import migrate
from alphapy.storage.embedded import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = "alphapy_template"

QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "max_wal_size": "256MB",
}
"""Server settings for data that nobody needs after the run."""


class Databases:
    """Makes and drops databases on one server, under names that no other process of the run uses."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """The address of one database of this server."""
        host = conninfo_to_dict(self._dsn)["host"]
        return f"postgresql://postgres@/{database}?host={str(host).replace('/', '%2F')}"

    def admin(self) -> psycopg.Connection[Any]:
        """A superuser's connection to none of the tests' databases; close it."""
        return psycopg.connect(self._dsn, autocommit=True)

    @contextmanager
    def fresh(self, template: str = "template0") -> Iterator[str]:
        """The address of a new copy of the template, dropped afterwards whoever is still connected."""
        name = sql.Identifier(f"test_{os.getpid()}_{next(self._numbers)}")
        with self.admin() as admin:
            # Copying files is quicker than logging pages where fsync is off.
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    name, sql.Identifier(template)
                )
            )
        try:
            yield self.url(name.as_string(None).strip('"'))
        finally:
            with self.admin() as admin:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def ensure_template(self, lock: Path) -> None:
        """Migrate the template once per run, whichever process comes first."""
        with lock.open("ab") as handle, self.admin() as admin:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if (
                admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
                is not None
            ):
                return
            name = sql.Identifier(f"{TEMPLATE}_new")
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
            migrate.upgrade(self.url(f"{TEMPLATE}_new"))
            admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(name, sql.Identifier(TEMPLATE)))


@contextmanager
def shared_databases(folder: Path) -> Iterator[Databases]:
    """The run's server: the first process to come starts it, the last one to leave stops it."""
    with embedded_postgres(folder / "postgres", settings=QUICK) as dsn:
        yield Databases(dsn)
