"""``process/engagement_clock``: wakes guilds whose actor nobody else would start, when something is due.

It asks every part that has something to do at calendar time (:attr:`PartDef.due`), at least once a minute, so
that a clock that jumps is noticed. When it fails: the next look does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.engagement.messages import FEATURE, Tick, Wake
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.actors.engagement.part import Due
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

LOOK_EVERY = 60.0
SOONEST = 0.5
"""Seconds between two looks, at the most and at the least."""


def where_known(guilds: GuildCache, due: Due) -> Due:
    """Leave out guilds that Discord has not named: nothing can be done there yet, or any more."""

    async def known(tx: Transaction, now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
        found, following = await due(tx, now)
        return [guild_id for guild_id in found if guilds.get(guild_id) is not None], following

    return known


class EngagementClock(Actor):
    """See the module; the first :class:`Tick` starts it."""

    def __init__(self, context: Context, *, pool: Pool, clock: Clock, due: Sequence[Due]) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock
        self._due = due

    @override
    async def handle(self, message: object) -> object:
        if not isinstance(message, Tick):
            return await super().handle(message)
        now = self._clock.now()
        guilds, following = await self._pool.run(FEATURE, lambda tx: self._ask(tx, now), idempotent=True)
        for guild_id in sorted(guilds):
            self.context.bus.tell(Address.guild(guild_id, FEATURE), Wake())
        left = LOOK_EVERY if following is None else (following - self._clock.now()).total_seconds()
        self.context.tell_after(min(max(left, SOONEST), LOOK_EVERY), Tick())
        return None

    async def _ask(self, tx: Transaction, now: datetime) -> tuple[set[GuildId], datetime | None]:
        guilds: set[GuildId] = set()
        instants: list[datetime] = []
        for due in self._due:
            found, following = await due(tx, now)
            guilds |= set(found)
            instants += () if following is None else (following,)
        return guilds, min(instants, default=None)
