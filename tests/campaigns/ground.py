"""A PostgreSQL of the campaign's own, which may be restarted and slowed down, and whose commits can be hit.

Triggers make the named points: each writing statement on a watched table takes a shared advisory lock and
notifies, and each commit of one takes another. Whoever holds such a lock alone stops the bot's transaction
right there: before its commit, or during it. Both cost nothing while nobody does.
"""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import trio
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage.embedded import embedded_postgres
from tests.campaigns.making import TABLES
from tests.support.postgres import QUICK, Databases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.campaigns.plan import Stop

SETTINGS = {**QUICK, "synchronous_commit": "on", "deadlock_timeout": "100ms"}
"""No fsync, as nobody pulls the plug; but a commit is in the system's cache, so that a crash keeps it."""

WRITTEN, COMMITTING = 1, 2
"""The second part of an advisory lock's key; the first is the number of the table."""

POLL = 0.002
"""Seconds between two looks at who waits for a lock."""

_SETUP = """
CREATE SCHEMA campaign;
CREATE SEQUENCE campaign.writes;
CREATE TABLE campaign.slow (seconds double precision NOT NULL, until bigint NOT NULL);
INSERT INTO campaign.slow VALUES (0, 0);
CREATE FUNCTION campaign.written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE pause double precision;
BEGIN
    SELECT seconds INTO pause FROM campaign.slow WHERE nextval('campaign.writes') <= until;
    IF pause > 0 THEN PERFORM pg_sleep(pause); END IF;
    PERFORM pg_notify('campaign', TG_TABLE_NAME);
    PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int, 1);
    RETURN NULL;
END $$;
CREATE FUNCTION campaign.committing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int, 2);
    RETURN NULL;
END $$;
"""
_WATCH = """
CREATE TRIGGER campaign_written AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION campaign.written({number});
CREATE CONSTRAINT TRIGGER campaign_committing AFTER INSERT OR UPDATE OR DELETE ON {table}
    INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION campaign.committing({number})
"""
_WAITING = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted AND classid = %s AND objid = %s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@attrs.frozen
class Ground:
    """One database on the campaign's server."""

    url: str
    cluster: Path | None
    """The server's data; None where it is shared with others and must not be restarted."""

    def connect(self) -> psycopg.Connection[Any]:
        """A connection in autocommit mode; close it."""
        return psycopg.connect(self.url, autocommit=True)

    def prepare(self) -> None:
        """Put the triggers on the tables that exist."""
        with self.connect() as connection:
            connection.execute(_SETUP)
            for table in self.watched(connection):
                number = sql.Literal(str(TABLES.index(table) + 1))
                connection.execute(sql.SQL(_WATCH).format(table=sql.Identifier(table), number=number))

    def watched(self, connection: psycopg.Connection[Any]) -> list[str]:
        """The tables that exist and whose commits can be hit."""
        found = connection.execute(
            "SELECT t FROM unnest(%s::text[]) AS t WHERE to_regclass(t) IS NOT NULL", (list(TABLES),)
        ).fetchall()
        return [str(table) for (table,) in found]

    def slow_down(self, seconds: float, commits: int) -> None:
        """Let the next writing statements take longer."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE campaign.slow SET seconds = %s, until = nextval('campaign.writes') + %s",
                (seconds, commits),
            )

    async def up(self) -> psycopg.Connection[Any]:
        """A connection as soon as the server accepts one."""
        while True:
            try:
                return self.connect()
            except psycopg.OperationalError:
                await trio.sleep(0.05)

    async def restart(self, stop: Stop) -> None:
        """Let the server go down; its guard starts it again. Returns once it accepts connections."""
        assert self.cluster is not None, "this server is shared"
        server = int((self.cluster / "postmaster.pid").read_text("utf-8").splitlines()[0])
        os.kill(server, signal.Signals[stop.value])
        while _runs(server):  # noqa: ASYNC110 - nobody tells us
            await trio.sleep(0.01)
        (await self.up()).close()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody can connect while the block runs, and whoever is connected is thrown out before it."""
        name = sql.Identifier(str(conninfo_to_dict(self.url)["dbname"]))
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as admin:
            admin.execute(allow.format(name, sql.SQL("false")))
            try:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (conninfo_to_dict(self.url)["dbname"],),
                )
                yield
            finally:
                admin.execute(allow.format(name, sql.SQL("true")))

    @asynccontextmanager
    async def held(self, table: str, stage: int) -> AsyncIterator[None]:
        """Wait for the next transaction that gets there, and keep it there while the block runs."""
        key = (TABLES.index(table) + 1, stage)
        with await self.up() as connection:
            for query in ("SELECT pg_try_advisory_lock(%s, %s)", _WAITING):
                while not _value(connection, query, key):  # noqa: ASYNC110 - nor here
                    await trio.sleep(POLL)
            yield

    async def wait_committed(self, table: str, after: int) -> None:
        """Return at the moment at which one more than ``after`` commits on the table are visible."""
        with await self.up() as connection:
            connection.execute("LISTEN campaign")
            seen = 0
            while seen <= after:
                await trio.lowlevel.wait_readable(connection.fileno())
                seen += sum(note.payload == table for note in connection.notifies(timeout=0))


def _value(connection: psycopg.Connection[Any], query: str, parameters: tuple[object, ...]) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def own_server(folder: Path) -> Iterator[Databases]:
    """A server that nobody else uses."""
    with embedded_postgres(folder / "postgres", settings=SETTINGS) as dsn:
        yield Databases(dsn)


@contextmanager
def fresh_ground(databases: Databases, template: str, cluster: Path | None) -> Iterator[Ground]:
    """A migrated database with the triggers in it, for one round."""
    with databases.fresh(template) as url:
        ground = Ground(url, cluster)
        ground.prepare()
        yield ground
