"""Reads back what was written in one guild during a gap, channel by channel, within bounds.

When it fails: a channel that the bot may not read, or that is gone, is noted and left; anything else is tried
again a few times, then noted and left. What was read until somebody cancelled is in :class:`Found`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio

from alphapy.actors.kernel.waypoints import Waypoint
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import ChannelId

if TYPE_CHECKING:
    import random

    from alphapy.actors.kernel.waypoints import Waypoints
    from alphapy.gateway.rest.calls import HistoryPage
    from alphapy.pure.backfill import Plan
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.backfill")

PAGE: Final = 100
"""Messages of a page: Discord's maximum.

https://docs.discord.com/developers/resources/message#get-channel-messages
"""

PAGES_PER_CHANNEL: Final = 20
"""Pages read of one channel: 2,000 messages."""

MESSAGES_PER_GUILD: Final = 5_000
"""Messages read of one guild."""

CHANNELS_PER_GUILD: Final = 100
"""Channels read of one guild."""

CHANNELS_AT_ONCE: Final = 4
"""Channels of one guild read at the same time."""

ATTEMPTS: Final = 3
"""Tries of one page, each of which repeats the request a few times by itself."""

PATIENCE: Final = Backoff(initial=1.0, ceiling=10.0)
"""The wait before a page is tried again."""

CALL_WITHIN: Final = 20.0
"""Seconds for one try of a page."""

_FORBIDDEN = frozenset({DiscordErrorKind.FORBIDDEN})
_GONE = frozenset({DiscordErrorKind.NOT_FOUND})


class History(Protocol):
    """Who reads channels."""

    async def missed_messages(
        self, guild_id: GuildId, channel_id: ChannelId, after: int, *, limit: int, within: float
    ) -> HistoryPage:
        """See :meth:`alphapy.gateway.rest.calls.DiscordCalls.missed_messages`."""
        ...


@attrs.define
class Found:
    """What was read, and what could not be."""

    messages: list[MessageCreate] = attrs.field(factory=list)
    pages: int = 0
    malformed: int = 0
    forbidden: list[ChannelId] = attrs.field(factory=list)
    """Channels that the bot is not allowed to read."""
    gone: int = 0
    """Channels that do not exist any more."""
    failed: int = 0
    """Channels that could not be read to their end because Discord did not answer."""
    cut: int = 0
    """Channels of which there was more than the bounds allow."""


class Reader:
    """See the module."""

    def __init__(self, history: History, rng: random.Random, waypoints: Waypoints) -> None:
        self._history = history
        self._rng = rng
        self._waypoints = waypoints

    async def read(self, guild_id: GuildId, plan: Plan, after: int, found: Found) -> None:
        """Read the planned channels behind ``after`` into ``found``."""
        found.forbidden += plan.forbidden
        found.cut += plan.left_out
        channels = iter(plan.channels)

        async def take_turns() -> None:
            for channel_id in channels:
                await self._read_channel(guild_id, channel_id, after, found)

        async with trio.open_nursery() as nursery:
            for number in range(min(CHANNELS_AT_ONCE, len(plan.channels))):
                nursery.start_soon(take_turns, name=f"reading guild {guild_id} ({number})")

    async def _read_channel(self, guild_id: GuildId, channel_id: ChannelId, after: int, found: Found) -> None:
        for _ in range(PAGES_PER_CHANNEL):
            if len(found.messages) >= MESSAGES_PER_GUILD:
                break
            try:
                page = await self._page(guild_id, channel_id, after)
            except DiscordError as error:
                self._note(guild_id, channel_id, error, found)
                return
            found.pages += 1
            found.messages += page.messages
            found.malformed += page.malformed
            if not page.is_full:
                return
            after = page.last
        found.cut += 1

    async def _page(self, guild_id: GuildId, channel_id: ChannelId, after: int) -> HistoryPage:
        for attempt in range(1, ATTEMPTS + 1):
            await self._waypoints.reach(Waypoint.BEFORE_READ)
            try:
                return await self._history.missed_messages(
                    guild_id, channel_id, after, limit=PAGE, within=CALL_WITHIN
                )
            except DiscordError as error:
                if attempt == ATTEMPTS or not error.transient:
                    raise
                pause = max(PATIENCE.delay(attempt, self._rng), error.retry_after or 0.0)
            await trio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _note(self, guild_id: GuildId, channel_id: ChannelId, error: DiscordError, found: Found) -> None:
        if error.kind in _FORBIDDEN:
            found.forbidden.append(channel_id)
        elif error.kind in _GONE:
            found.gone += 1
        else:
            found.failed += 1
        log.warning(
            "what was missed in a channel cannot be read",
            extra={
                "event": "backfill_channel_failed",
                "guild_id": guild_id,
                "channel_id": channel_id,
                "error": str(error),
            },
        )
