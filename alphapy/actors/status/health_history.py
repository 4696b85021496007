"""The health history: one row for each answer of ``GET /api/health``, kept for 30 days.

Answers queue in memory and are stored at once, in one statement for as many as wait. When it fails: a
database that is away keeps the queue as it is, up to 100 answers, of which the newest are dropped and
counted; where a commit is in doubt, the table is asked before the batch is stored again. A clean-up that
fails is logged and tried again an hour later.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.status.messages import KeepHistory, PruneTick, RecordHealth, StoreTick
from alphapy.pure.schedule import FixedRate
from alphapy.storage import health
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.status")

COMPONENT: Final = "health_history"
CAPACITY: Final = 100
"""Answers that wait to be stored; more are dropped (spec/api.md 7.7.1)."""

KEPT: Final = timedelta(days=30)
BATCH: Final = 5_000
"""Rows that one statement of the clean-up deletes (spec/schema.md 5.6)."""

STATEMENT_SECONDS: Final = 60.0


@attrs.frozen(kw_only=True)
class Schedule:
    """When the clean-up runs and how soon a failed insert is tried again; seconds."""

    first: float = 60.0
    every: float = 3600.0
    again: float = 1.0


class HealthHistory(Actor):
    """The actor ``process/health_history``."""

    def __init__(
        self, context: Context, *, pool: Pool, clock: Clock, schedule: Schedule | None = None
    ) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock
        self._schedule = schedule or Schedule()
        self._prunes = FixedRate(trio.current_time() + self._schedule.first, self._schedule.every)
        self._queue: deque[health.HealthRow] = deque()
        self._in_doubt = 0
        """So many rows at the head of the queue were sent, and nobody knows whether they are stored."""
        self._retry_is_due = False
        self._is_pruning = False
        self._dropped = 0

    @override
    async def load(self) -> None:
        self._await_prune()

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        held = len(self._queue)
        for message in messages:
            match message:
                case RecordHealth():
                    self._enqueue(message.row)
                case StoreTick():
                    self._retry_is_due = False
                case PruneTick():
                    self._begin_pruning()
                case KeepHistory():
                    pass  # being told anything has started this actor, and load() has set the clean-up going
                case _:
                    await self.handle(message)
        try:
            is_stored = await self._store()
        except psycopg.Error:
            while len(self._queue) > held:  # the kernel gives us these messages again
                self._queue.pop()
            raise
        if not (is_stored or self._retry_is_due):
            self._retry_is_due = True
            self.context.tell_after(self._schedule.again, StoreTick())

    @override
    async def flush(self) -> None:
        if not await self._store():
            raise Unavailable("the health history cannot be stored at the moment")

    def _enqueue(self, row: health.HealthRow) -> None:
        if len(self._queue) >= CAPACITY:
            self._dropped += 1
            if self._dropped == 1:
                log.warning(
                    "the health history is full; newer answers are not kept",
                    extra={"event": "health_history_full"},
                )
            return
        self._queue.append(row)

    async def _store(self) -> bool:
        """Store what is queued; False when the database cannot take it now, and it stays queued."""
        try:
            await self._settle_doubt()
            while self._queue:
                await self._insert(tuple(self._queue))
        except (DatabaseUnavailable, DatabaseBusy) as error:
            log.warning(
                "the health history waits for the database",
                extra={"event": "health_history_waits", "queued": len(self._queue), "error": str(error)},
            )
            return False
        return True

    async def _insert(self, batch: Sequence[health.HealthRow]) -> None:
        try:
            await self._pool.run(COMPONENT, lambda tx: health.insert_many(tx, batch))
        except DatabaseUnavailable as error:
            self._in_doubt = len(batch) if error.in_doubt else 0
            raise
        self._dequeue(len(batch))

    async def _settle_doubt(self) -> None:
        if self._in_doubt:
            first = self._queue[0]
            if await self._pool.run(COMPONENT, lambda tx: health.contains(tx, first), idempotent=True):
                self._dequeue(self._in_doubt)
            self._in_doubt = 0

    def _dequeue(self, count: int) -> None:
        for _ in range(count):
            self._queue.popleft()
        self._dropped = 0

    def _await_prune(self) -> None:
        self.context.tell_after(self._prunes.wait(trio.current_time()), PruneTick())

    def _begin_pruning(self) -> None:
        self._await_prune()
        if not self._is_pruning:
            self._is_pruning = self.context.start(self._prune)

    async def _prune(self) -> None:
        instant = self._clock.now() - KEPT
        deleted = 0
        try:
            found = BATCH
            while found == BATCH:
                found = await self._pool.run(
                    COMPONENT,
                    lambda tx: health.delete_before(tx, instant, limit=BATCH),
                    idempotent=True,
                    statement_timeout=STATEMENT_SECONDS,
                )
                deleted += found
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "the health history could not be cleaned up; it is tried again at the next turn",
                extra={"event": "health_history_prune_failed", "error": str(error)},
            )
        finally:
            self._is_pruning = False
        if deleted:
            log.info(
                "old rows of the health history are deleted",
                extra={"event": "health_history_pruned", "rows": deleted},
            )
