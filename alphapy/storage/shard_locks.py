"""One process for each shard: a session-level advisory lock per shard, on a connection of its own.

Failure modes. Another process holds a lock: it is waited for, time enough for a rolling restart, then
:class:`ShardsTaken`. The connection is lost, and the locks with it: they are taken again as soon as the
database can be reached; if another process has been quicker, :class:`ShardsTaken` ends this one, so that
there are never two for long. What the server still keeps of the lost connection is ended, since it would
hold the locks against ourselves.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import psycopg
import trio

from alphapy.pure.backoff import Backoff
from alphapy.storage.connection import TrioConnection, connect
from alphapy.storage.dsn import normalise
from alphapy.storage.errors import DatabaseUnavailable, StorageError

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Sequence

LOG = logging.getLogger(__name__)

COMPONENT = "shards"

TAKE_WITHIN = 30.0
"""Seconds that another process has to let go (spec/operations.md 9.2)."""

TAKE_AGAIN_WITHIN = 5.0
"""Seconds that locks we have lost may stay with somebody else."""

ASK_EVERY = 0.25
"""Seconds between attempts."""

LOOK_EVERY = 5.0
"""Seconds between looks at the connection that holds the locks."""

ANSWER_WITHIN = 5.0
"""Seconds that the database has for an answer on that connection."""

PATIENCE = Backoff(initial=0.25, ceiling=5.0)


class ShardsTaken(StorageError):
    """Another process runs these shards; the text says which and what to do."""


@attrs.frozen
class _Backend:
    """The server's side of a connection."""

    pid: int
    started: str


class ShardLocks:
    """The locks of this process's shards; made by :func:`hold_shards`."""

    def __init__(
        self, dsn: str, application_id: int, shard_ids: Sequence[int], rng: random.Random, look_every: float
    ) -> None:
        self._dsn = normalise(dsn)
        self._shard_ids = tuple(shard_ids)
        self._names = [f"alphapy:shard:{application_id}:{shard_id}" for shard_id in shard_ids]
        self._rng = rng
        self._look_every = look_every
        self._connection: TrioConnection | None = None
        self._backend: _Backend | None = None

    async def take(self, *, within: float) -> None:
        """Take all locks; a database that is away is waited for. Raises ShardsTaken."""
        failures = 0
        deadline = trio.current_time() + within
        while True:
            try:
                if await self._try():
                    return
            except (psycopg.Error, DatabaseUnavailable, trio.TooSlowError) as error:
                self.close()
                failures += 1
                LOG.warning(
                    "the locks of the shards cannot be taken while the database is away",
                    extra={"event": "shard_locks_wait", "error": str(error)},
                )
                await trio.sleep(PATIENCE.delay(failures, self._rng))
                deadline = trio.current_time() + within
                continue
            if trio.current_time() >= deadline:
                raise ShardsTaken(self._explain(within))
            await trio.sleep(ASK_EVERY)

    async def watch(self) -> None:
        """See that the locks are kept, until cancelled; raises ShardsTaken when they have gone to another."""
        while True:
            await trio.sleep(self._look_every)
            if not await self._is_held():
                LOG.warning("the locks of the shards were lost", extra={"event": "shard_locks_lost"})
                self.close()
                await self.take(within=TAKE_AGAIN_WITHIN)
                LOG.warning("the locks of the shards are held again", extra={"event": "shard_locks_held"})

    def close(self) -> None:
        """Let go."""
        if self._connection is not None:
            self._connection.finish()
            self._connection = None

    async def _try(self) -> bool:
        """Whether all locks are held now; those that were free are kept while waiting for the rest.

        A lock that is held is taken once more, which is harmless: they all end with the connection.
        """
        connection = self._connection
        if connection is None:
            connection = self._connection = await connect(self._dsn, component=COMPONENT)
            await self._end_predecessor(connection)
        with trio.fail_after(ANSWER_WITHIN):
            cursor = await connection.execute(
                "SELECT bool_and(pg_try_advisory_lock(hashtextextended(name, 0)))"
                " FROM unnest(%s::text[]) AS name",
                (self._names,),
            )
            row = await cursor.fetchone()
        return row is not None and bool(row[0])

    async def _end_predecessor(self, connection: TrioConnection) -> None:
        """End what the server keeps of a connection that we have lost; remember this one."""
        if self._backend is not None:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid = %s AND backend_start::text = %s",
                (self._backend.pid, self._backend.started),
            )
        cursor = await connection.execute(
            "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        row = await cursor.fetchone()
        self._backend = None if row is None else _Backend(row[0], row[1])

    async def _is_held(self) -> bool:
        connection = self._connection
        if connection is None or connection.closed:
            return False
        with trio.move_on_after(ANSWER_WITHIN):
            try:
                await connection.execute("SELECT 1")
            except psycopg.Error:
                return False
            return True
        return False

    def _explain(self, within: float) -> str:
        first, last = self._shard_ids[0], self._shard_ids[-1]
        which = f"shard {first}" if first == last else f"shards {first} to {last}"
        return (
            f"Another process of this bot already runs {which} on this database, and did not end within "
            f"{within:g} s. Stop it first, or give each process its own shards."
        )


@asynccontextmanager
async def hold_shards(
    dsn: str,
    application_id: int,
    shard_ids: Sequence[int],
    rng: random.Random,
    *,
    within: float = TAKE_WITHIN,
    look_every: float = LOOK_EVERY,
) -> AsyncIterator[ShardLocks]:
    """Hold the locks of these shards while the block runs, which must run :meth:`ShardLocks.watch`.

    Raises ShardsTaken when another process does not let go within ``within`` seconds.
    """
    locks = ShardLocks(dsn, application_id, shard_ids, rng, look_every)
    try:
        await locks.take(within=within)
        yield locks
    finally:
        locks.close()
