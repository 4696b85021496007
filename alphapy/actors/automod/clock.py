"""``process/automod_clock``: wakes guilds whose actor nobody else would start, when something of them is due.

Mutes that are over, notices that are to be removed, violations that the log channel has not been told of
because the process died; and once a day old texts are forgotten. When it fails: the next look does it.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.automod.channel_log import FORGOTTEN_AFTER
from alphapy.actors.automod.ledger import NOTICE_STAYS
from alphapy.actors.automod.messages import FEATURE, CountRules, Tick, Wake
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.storage import automod_mutes as mutes
from alphapy.storage import automod_reports as reports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alphapy.actors.automod.rulebook import RuleMemory
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.automod")

LOOK_EVERY = 60.0
SOONEST = 0.5
"""Seconds between two looks, at the most and at the least."""

AT_ONCE = 1000
"""Guilds that are woken by one look."""


class AutomodClock(Actor):
    """See the module; the first :class:`Tick` starts it. ``forgets``: whether old texts are forgotten."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        settings: SettingsReader,
        clock: Clock,
        memory: RuleMemory,
        forgets: bool,
    ) -> None:
        super().__init__(context)
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self._memory = memory
        self._forgets = forgets
        self._forgotten_on: date | None = None

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Tick():
                await self._look()
            case CountRules():
                return self._memory.figures()
            case _:
                return await super().handle(message)
        return None

    async def _look(self) -> None:
        now = self._clock.now()
        due, following = await self._pool.run("automod", lambda tx: self._due(tx, now), idempotent=True)
        for guild_id in due:
            self.context.bus.tell(Address.guild(guild_id, FEATURE), Wake())
        if self._forgets and self._forgotten_on != now.date() and await self._forget_texts(now):
            self._forgotten_on = now.date()
        left = LOOK_EVERY if following is None else (following - self._clock.now()).total_seconds()
        self.context.tell_after(min(max(left, SOONEST), LOOK_EVERY), Tick())

    async def _due(self, tx: Transaction, now: datetime) -> tuple[set[GuildId], datetime | None]:
        found = set(await mutes.due(tx, now=now, limit=AT_ONCE))
        found |= set(await reports.guilds_with_notices(tx, before=now - NOTICE_STAYS, limit=AT_ONCE))
        found |= set(
            await reports.guilds_to_report(
                tx, since=now - FORGOTTEN_AFTER, before=now - timedelta(seconds=30), limit=AT_ONCE
            )
        )
        ends = [await mutes.next_end(tx)]
        oldest = await reports.oldest_notice(tx)
        ends += [] if oldest is None else [oldest + NOTICE_STAYS]
        return found, min((end for end in ends if end is not None), default=None)

    async def _forget_texts(self, now: datetime) -> bool:
        """Forget what old messages said, in each guild as it wants; whether that is known of all of them."""
        guilds = await self._pool.run(
            "automod",
            lambda tx: reports.guilds_with_texts(tx, before=now - timedelta(days=1), limit=100_000),
            idempotent=True,
        )
        for guild_id in guilds:
            try:
                settings = await self._settings.fresh(guild_id)
            except SettingsUnavailable:
                return False
            days = settings.number("automod", "content_retention_days")
            if days:
                before = now - timedelta(days=days)
                await self._pool.run("automod", _forgetting(guild_id, before), idempotent=True)
        return True


def _forgetting(guild_id: GuildId, before: datetime) -> Callable[[Transaction], Awaitable[int]]:
    return lambda tx: reports.forget_texts(tx, guild_id, before=before)
