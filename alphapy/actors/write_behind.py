"""A bounded queue of rows that an actor stores by and by, in order, each of them once.

Rows leave the queue only after the commit. When it fails: a database that is away, full or read-only keeps
the queue as it is, and the oldest rows make room for the newest and are counted; a row that the database
refuses is found by halving its batch and dropped alone; where a commit is in doubt, the table is asked before
the batch is stored again. A kill loses what is queued and doubles nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs
import psycopg
import trio

from alphapy.storage.errors import DatabaseUnavailable, StorageError
from alphapy.storage.transaction import Transaction

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.write_behind")

T = TypeVar("T")

WARN_AFTER = 60.0
"""Seconds between warnings about rows that made room."""


@attrs.frozen(kw_only=True)
class Rows(Generic[T]):
    """What is queued: how it is stored, and how to find out whether a row is.

    ``component`` is the name at the pool. ``batch`` rows are stored by one transaction, ``most`` wait.
    """

    component: str
    insert: Callable[[Transaction, Sequence[T]], Awaitable[None]]
    contains: Callable[[Transaction, T], Awaitable[bool]]
    batch: int
    most: int


class WriteBehind(Generic[T]):
    """The queue; used by one actor, one call at a time."""

    def __init__(self, pool: Pool, rows: Rows[T]) -> None:
        self._pool = pool
        self._rows = rows
        self._queue: deque[T] = deque()
        self._in_doubt = 0
        """So many rows at the head of the queue were sent, and nobody knows whether they are stored."""
        self._dropped = 0
        self._warned_at = -WARN_AFTER

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, row: T) -> None:
        """Queue a row."""
        if len(self._queue) >= self._rows.most:
            self._queue.popleft()
            self._in_doubt = max(self._in_doubt - 1, 0)
            self._dropped += 1
            self._warn()
        self._queue.append(row)

    async def store(self) -> bool:
        """Store everything that is queued; False when the database cannot take it now."""
        try:
            while self._queue:
                await self._store_batch()
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "rows wait for the database",
                extra={
                    "event": "rows_wait",
                    "component": self._rows.component,
                    "queued": len(self._queue),
                    "error": str(error),
                },
            )
            return False
        return True

    async def _store_batch(self) -> None:
        if self._in_doubt:
            first = self._queue[0]
            stored = await self._pool.run(
                self._rows.component, lambda tx: self._rows.contains(tx, first), idempotent=True
            )
            if stored:
                self._dequeue(self._in_doubt)
            self._in_doubt = 0
        else:
            await self._insert(tuple(islice(self._queue, self._rows.batch)))

    async def _insert(self, batch: tuple[T, ...]) -> None:
        try:
            await self._pool.run(self._rows.component, lambda tx: self._rows.insert(tx, batch))
        except DatabaseUnavailable as error:
            self._in_doubt = len(batch) if error.in_doubt else 0
            raise
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(batch) == 1:
                log.warning(
                    "a row cannot be stored and is dropped",
                    extra={"event": "row_poison", "component": self._rows.component, "error": str(error)},
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

    def _warn(self) -> None:
        now = trio.current_time()
        if now - self._warned_at >= WARN_AFTER:
            self._warned_at = now
            log.warning(
                "too many rows wait for the database; the oldest are dropped",
                extra={
                    "event": "rows_dropped",
                    "component": self._rows.component,
                    "dropped": self._dropped,
                },
            )
