"""The command tracker: one row of ``audit_logs`` for each command that was run (spec/operations.md 5.4).

Entries queue in memory and are stored every 30 seconds, or as soon as a thousand wait. When it fails: the
queue (:mod:`alphapy.actors.write_behind`) keeps up to 10,000 entries, of which the oldest are dropped. A kill
loses half a minute of entries and doubles none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.status.messages import CountQueued, FlushTick, FlushTracker
from alphapy.actors.write_behind import Rows, WriteBehind
from alphapy.gateway.invocation import Outcome
from alphapy.pure.text import well_formed
from alphapy.storage import audit

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

COMPONENT = "command_tracker"
FLUSH_AFTER = 30.0
"""Seconds between flushes."""
RETRY_AFTER = 5.0
"""Seconds until a flush that met an outage is tried again."""
BATCH = 1000
CAPACITY = 10_000
MAX_ERROR = 500


class CommandTracker(Actor):
    """The actor ``process/command_tracker``."""

    def __init__(self, context: Context, *, pool: Pool) -> None:
        super().__init__(context)
        self._queue: WriteBehind[audit.AuditEntry] = WriteBehind(
            pool,
            Rows(
                component=COMPONENT,
                insert=audit.insert_many,
                contains=audit.contains,
                batch=BATCH,
                most=CAPACITY,
            ),
        )
        self._tick_is_due = False

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Outcome():
                self._enqueue(message)
                if len(self._queue) == BATCH:
                    await self._queue.store()
                self._schedule(FLUSH_AFTER)
            case FlushTick():
                self._tick_is_due = False
                if not await self._queue.store():
                    self._schedule(RETRY_AFTER)
            case FlushTracker():
                return await self._queue.store()
            case CountQueued():
                return len(self._queue)
            case _:
                return await super().handle(message)
        return None

    @override
    async def flush(self) -> None:
        if not await self._queue.store():
            raise Unavailable("the entries of the command tracker cannot be stored at the moment")

    def _enqueue(self, outcome: Outcome) -> None:
        error = None if outcome.error is None else well_formed(outcome.error)[:MAX_ERROR]
        self._queue.add(
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

    def _schedule(self, seconds: float) -> None:
        if len(self._queue) and not self._tick_is_due:
            self._tick_is_due = True
            self.context.tell_after(seconds, FlushTick())
