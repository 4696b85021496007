"""A database that nobody can connect to for a while, on the server that all tests share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import Databases


@asynccontextmanager
async def outage(databases: Databases, database_url: str) -> AsyncIterator[None]:
    """Nobody can connect while the block runs, and whoever was connected is thrown out before it."""
    name = str(conninfo_to_dict(database_url)["dbname"])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with databases.admin() as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))

        def alone() -> bool:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            row = admin.execute("SELECT FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone()
            return row is None

        try:
            await wait_until(alone)
            yield
        finally:
            admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
