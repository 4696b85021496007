"""The command tracker: one row of ``audit_logs`` for each command that was run (spec/operations.md 5.4).

Entries queue in memory and are stored every 30 seconds, or as soon as a thousand wait. They leave the queue
only after the commit. When it fails: a database that is away, full or read-only keeps the queue as it is, up
to 10,000 entries, of which the oldest are dropped and counted; an entry that the database refuses is found by
halving its batch and dropped alone; where a commit is in doubt, the table is asked before the batch is stored
again. A kill loses half a minute of entries and doubles none.
"""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import psycopg
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.status.messages import CountQueued, FlushTick, FlushTracker
from alphapy.gateway.invocation import Outcome
from alphapy.pure.text import well_formed
from alphapy.storage import audit
from alphapy.storage.errors import DatabaseUnavailable, StorageError

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.status")

COMPONENT = "command_tracker"
FLUSH_AFTER = 30.0
"""Seconds between flushes."""
RETRY_AFTER = 5.0
"""Seconds until a flush that met an outage is tried again."""
BATCH = 1000
CAPACITY = 10_000
WARN_AFTER = 60.0
"""Seconds between warnings about dropped entries."""
MAX_ERROR = 500


class CommandTracker(Actor):
    """The actor ``process/command_tracker``."""

    def __init__(self, context: Context, *, pool: Pool) -> None:
        super().__init__(context)
        self._pool = pool
        self._queue: deque[audit.AuditEntry] = deque()
        self._in_doubt = 0
        self._tick_is_due = False
        self._dropped = 0
        self._warned_at = -WARN_AFTER

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Outcome():
                self._enqueue(message)
                if len(self._queue) == BATCH:
                    await self._store()
                self._schedule(FLUSH_AFTER)
            case FlushTick():
                self._tick_is_due = False
                if not await self._store():
                    self._schedule(RETRY_AFTER)
            case FlushTracker():
                return await self._store()
            case CountQueued():
                return len(self._queue)
            case _:
                return await super().handle(message)
        return None

    @override
    async def flush(self) -> None:
        if not await self._store():
            raise Unavailable("the entries of the command tracker cannot be stored at the moment")

    def _enqueue(self, outcome: Outcome) -> None:
        if len(self._queue) >= CAPACITY:
            self._queue.popleft()
            self._in_doubt = max(self._in_doubt - 1, 0)
            self._dropped += 1
            self._warn()
        error = None if outcome.error is None else well_formed(outcome.error)[:MAX_ERROR]
        self._queue.append(
            audit.AuditEntry(
                guild_id=outcome.guild_id,
                user_id=outcome.user_id,
                command_name=well_formed(outcome.path) or "unknown",
                command_type=outcome.kind,
                success=outcome.success,
                error_message=error,
                created_at=outcome.ended_at,
            )
        )

    def _warn(self) -> None:
        now = trio.current_time()
        if now - self._warned_at >= WARN_AFTER:
            self._warned_at = now
            log.warning(
                "the command tracker is full; the oldest entries are dropped",
                extra={"event": "tracker_overflow", "dropped": self._dropped},
            )

    def _schedule(self, seconds: float) -> None:
        if self._queue and not self._tick_is_due:
            self._tick_is_due = True
            self.context.tell_after(seconds, FlushTick())

    async def _store(self) -> bool:
        """Store everything that is queued, in order; False when the database cannot take it now."""
        try:
            while self._queue:
                await self._store_batch()
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "the command tracker waits for the database",
                extra={"event": "tracker_waits", "queued": len(self._queue), "error": str(error)},
            )
            return False
        return True

    async def _store_batch(self) -> None:
        if self._in_doubt:
            await self._settle_doubt()
        elif self._queue:
            await self._insert(tuple(islice(self._queue, BATCH)))

    async def _settle_doubt(self) -> None:
        """Find out whether the batch whose commit was in doubt is stored; if so, take it off the queue."""
        first = self._queue[0]
        if await self._pool.run(COMPONENT, lambda tx: audit.contains(tx, first), idempotent=True):
            self._dequeue(self._in_doubt)
        self._in_doubt = 0

    async def _insert(self, batch: tuple[audit.AuditEntry, ...]) -> None:
        """Store a batch and take it off the queue; halve it where the database refuses its data."""
        try:
            await self._pool.run(COMPONENT, lambda tx: audit.insert_many(tx, batch))
        except DatabaseUnavailable as error:
            self._in_doubt = len(batch) if error.in_doubt else 0
            raise
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(batch) == 1:
                log.warning(
                    "an entry of the command tracker cannot be stored and is dropped",
                    extra={"event": "tracker_poison", "command": batch[0].command_name, "error": str(error)},
                )
                self._dequeue(1)
                return
            half = len(batch) // 2
            await self._insert(batch[:half])
            await self._insert(batch[half:])
            return
        self._dequeue(len(batch))

    def _dequeue(self, count: int) -> None:
        for _ in range(count):
            self._queue.popleft()
