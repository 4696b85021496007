"""What was registered when, for each scope: the newest at hand, all of it in the database.

When it fails: what cannot be stored stays at hand until it can, so that nothing is registered twice.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import psycopg

from alphapy.actors.command_sync.rules import Now, Record, is_stale
from alphapy.storage import command_sync as storage
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.command_sync")

COMPONENT: Final = "command_sync"

REMEMBERED: Final = 500
"""Records at hand; the database has them all."""


class Records:
    """The records; used by one actor."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._unsaved: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def get(self, scope: str) -> Record | None:
        """What is known of a scope that was looked up."""
        return self._records.get(scope)

    def remember(self, scope: str, record: Record) -> None:
        """Note what has just happened; :meth:`save` stores it."""
        self._records[scope] = self._unsaved[scope] = record
        self._records.move_to_end(scope)

    async def look_up(self, scopes: Sequence[str]) -> None:
        """Have the records of these scopes at hand; raises what the pool raises, and nothing has changed."""
        missing = [scope for scope in scopes if scope not in self._records]
        if missing:
            found = await self._pool.run(COMPONENT, lambda tx: storage.load(tx, missing), idempotent=True)
            for scope, row in found.items():
                self._records[scope] = _record(row)
        self._make_room(keep=frozenset(scopes))

    async def save(self) -> bool:
        """Store what is not stored yet; False when the database cannot take it now."""
        if not self._unsaved:
            return True
        rows = [_row(scope, record) for scope, record in sorted(self._unsaved.items())]
        try:
            await self._pool.run(COMPONENT, lambda tx: storage.save(tx, rows), idempotent=True)
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "what was registered cannot be stored at the moment",
                extra={"event": "commands_unsaved", "scopes": len(rows), "error": str(error)},
            )
            return False
        self._unsaved.clear()
        return True

    def sweep(self, now: Now) -> None:
        """Forget what is of no use any more; the database keeps it."""
        for scope, record in list(self._records.items()):
            if scope not in self._unsaved and is_stale(record, now, scope):
                del self._records[scope]

    def _make_room(self, *, keep: Container[str]) -> None:
        for scope in list(self._records):
            if len(self._records) <= REMEMBERED:
                break
            if scope not in keep and scope not in self._unsaved:
                del self._records[scope]


def _record(row: storage.SyncRow) -> Record:
    return Record(
        fingerprint=row.fingerprint,
        command_count=row.command_count,
        synced_at=row.synced_at,
        retry_after=row.retry_after,
    )


def _row(scope: str, record: Record) -> storage.SyncRow:
    return storage.SyncRow(
        scope, record.fingerprint, record.command_count, record.synced_at, record.retry_after
    )
