"""What a guild's admins are told of a back-fill: the channels that the bot was not allowed to read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import LogEntry, LogLevel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.actors.kernel.bus import Bus
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import ChannelId, GuildId

AGAIN_AFTER: Final = timedelta(days=1)
"""A guild is told once in this time."""

LISTED: Final = 10
"""Channels that are named."""

REMEMBERED: Final = 10_000
"""Guilds of which it is remembered when they were told."""


class Complaints:
    """See the module."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._told: dict[GuildId, datetime] = {}

    def tell(self, guild_id: GuildId, forbidden: Sequence[ChannelId]) -> None:
        """Tell the guild's log of these channels, unless it was told lately."""
        now = self._clock.now()
        if not forbidden or now - self._told.get(guild_id, now - AGAIN_AFTER) < AGAIN_AFTER:
            return
        self._told.pop(guild_id, None)
        self._told[guild_id] = now
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        entry = LogEntry(
            title="⚠️ I could not read what I missed",
            description=text(forbidden),
            level=LogLevel.WARNING,
            source="connection",
        )
        self._bus.tell(Address.guild(guild_id, "guild_log"), entry)


def text(forbidden: Sequence[ChannelId]) -> str:
    """The entry about these channels, at least one."""
    names = [f"<#{channel_id}>" for channel_id in forbidden[:LISTED]]
    more = len(forbidden) - len(names)
    if more:
        names.append("1 more channel" if more == 1 else f"{more} more channels")
    where = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"I was cut off from Discord for a moment, and I am not allowed to read the history of {where}. "
        "What members wrote there meanwhile stays unanswered. Allow me **Read Message History** there, and "
        "I can catch up the next time."
    )
