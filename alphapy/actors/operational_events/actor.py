"""The operational events: the newest at hand, all of them stored (spec/operations.md 5.5).

The newest hundred of each guild, and of no guild, are in memory; of at most a thousand guilds, the one that
nobody asked or told about for longest makes room. New events are stored every five seconds. A guild's ring is
read from the database when it is first asked for after the start.

When it fails: a database that is away keeps what is new in memory, up to 5,000 events; who asks meanwhile
gets what is at hand, marked as incomplete.
"""

from __future__ import annotations

import heapq
import logging
from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs
import psycopg
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.operational_events import rules
from alphapy.actors.operational_events.messages import (
    RING,
    OperationalEvent,
    PersistTick,
    Recent,
    RecentEvents,
    RecordEvent,
)
from alphapy.actors.write_behind import Rows, WriteBehind
from alphapy.pure.ids import GuildId
from alphapy.storage import operational_events as storage
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.operational_events")

COMPONENT: Final = "operational_events"
PERSIST_AFTER: Final = 5.0
"""Seconds that an event waits to be stored."""

GUILD_RINGS: Final = 1000
"""Guilds whose events are at hand."""

ROWS: Final = Rows(
    component=COMPONENT, insert=storage.insert_many, contains=storage.contains, batch=500, most=5000
)


@attrs.define(eq=False)
class _Ring:
    """The newest events, newest first; ``is_whole`` once those of before the start are among them."""

    events: deque[OperationalEvent] = attrs.field(factory=lambda: deque(maxlen=RING))
    is_whole: bool = False


class OperationalEvents(Actor):
    """The actor ``process/operational_events``."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        clock: Clock,
        mask: Callable[[str], str],
        persist_after: float = PERSIST_AFTER,
    ) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock
        self._mask = mask
        self._persist_after = persist_after
        self._global = _Ring()
        self._rings: OrderedDict[GuildId, _Ring] = OrderedDict()
        self._unstored: WriteBehind[storage.EventRow] = WriteBehind(pool, ROWS)
        self._tick_is_due = False

    @override
    async def handle(self, message: object) -> object:
        match message:
            case RecordEvent():
                self._record(message)
            case Recent():
                return await self._recent(message)
            case PersistTick():
                self._tick_is_due = False
                await self._unstored.store()
            case _:
                return await super().handle(message)
        self._schedule()
        return None

    @override
    async def flush(self) -> None:
        if not await self._unstored.store():
            raise Unavailable("the operational events cannot be stored at the moment")

    def _schedule(self) -> None:
        if len(self._unstored) and not self._tick_is_due:
            self._tick_is_due = True
            self.context.tell_after(self._persist_after, PersistTick())

    def _record(self, told: RecordEvent) -> None:
        event_type, details = rules.known_type(told.event_type, told.details)
        event = OperationalEvent(
            timestamp=self._clock.now(),
            event_type=event_type,
            guild_id=told.guild_id,
            message=rules.short_message(told.message, self._mask),
            details=rules.short_details(details, self._mask),
        )
        self._ring(told.guild_id).events.appendleft(event)
        self._unstored.add(
            storage.EventRow(event.event_type, event.guild_id, event.message, event.details, event.timestamp)
        )
        log.info(
            "an operational event",
            extra={
                "event": "operational_event",
                "event_type": event.event_type,
                "guild_id": event.guild_id,
                "text": event.message,
            },
        )

    def _ring(self, guild_id: GuildId | None) -> _Ring:
        if guild_id is None:
            return self._global
        ring = self._rings.get(guild_id)
        if ring is None:
            ring = self._rings[guild_id] = _Ring()
            if len(self._rings) > GUILD_RINGS:
                self._rings.popitem(last=False)
        else:
            self._rings.move_to_end(guild_id)
        return ring

    async def _recent(self, request: Recent) -> RecentEvents:
        owners = (None,) if request.guild_id is None else (request.guild_id, None)
        rings = [await self._whole(owner) for owner in owners]
        merged = heapq.merge(
            *(ring.events for ring in rings), key=lambda event: event.timestamp, reverse=True
        )
        wanted = (event for event in merged if request.types is None or event.event_type in request.types)
        return RecentEvents(
            events=tuple(islice(wanted, max(request.limit, 0))),
            complete=all(ring.is_whole for ring in rings),
        )

    async def _whole(self, guild_id: GuildId | None) -> _Ring:
        """The ring, with the events of before the start where they can be read."""
        ring = self._ring(guild_id)
        if ring.is_whole or not await self._unstored.store():
            return ring
        try:
            rows = await self._pool.run(
                COMPONENT, lambda tx: storage.recent(tx, guild_id, limit=RING), idempotent=True
            )
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "older operational events cannot be read at the moment",
                extra={"event": "events_unread", "guild_id": guild_id, "error": str(error)},
            )
            return ring
        ring.events = deque((_event(row) for row in rows), maxlen=RING)
        ring.is_whole = True
        return ring


def _event(row: storage.EventRow) -> OperationalEvent:
    return OperationalEvent(
        timestamp=row.created_at,
        event_type=row.event_type,
        guild_id=None if row.guild_id is None else GuildId(row.guild_id),
        message=row.message,
        details=row.details,
    )
