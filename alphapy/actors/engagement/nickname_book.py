"""What is known of nicknames for longer than a guild's actor lives: for as long as the process does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.engagement.messages import FEATURE
from alphapy.storage import engagement_nicknames as storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.transaction import Transaction

MOST_HOPELESS = 50_000
"""Members of all guilds who are remembered as hopeless; beyond, they are all tried once more."""


class NicknameBook:
    """Who is not to be tried again today, who has been told why, and which guilds were looked through."""

    def __init__(self, settings: SettingsReader) -> None:
        self._settings = settings
        self._hopeless: dict[tuple[GuildId, UserId], date] = {}
        self._complained: dict[GuildId, date] = {}
        self._looked: set[GuildId] = set()
        self._left: set[GuildId] | None = None

    def give_up(self, guild_id: GuildId, user_id: UserId, today: date) -> None:
        """Discord refuses to change this nickname; it is not tried again on this UTC day."""
        if len(self._hopeless) >= MOST_HOPELESS:
            self._hopeless = {key: day for key, day in self._hopeless.items() if day == today}
        if len(self._hopeless) >= MOST_HOPELESS:
            self._hopeless.clear()
        self._hopeless[guild_id, user_id] = today

    def is_hopeless(self, guild_id: GuildId, user_id: UserId, today: date) -> bool:
        """Whether this nickname was given up today."""
        return self._hopeless.get((guild_id, user_id)) == today

    def may_complain(self, guild_id: GuildId, today: date) -> bool:
        """Whether the guild's admins may be told of a missing permission; once a day."""
        if self._complained.get(guild_id) == today:
            return False
        self._complained[guild_id] = today
        return True

    def is_to_look(self, guild_id: GuildId) -> bool:
        """Whether the guild's members have not been looked at since nicknames showed streaks last."""
        return guild_id not in self._looked

    def looked(self, guild_id: GuildId) -> None:
        """Nobody in the guild shows a streak any more, or has been wished not to."""
        self._looked.add(guild_id)

    def shows(self, guild_id: GuildId) -> None:
        """Nicknames show streaks in the guild."""
        self._looked.discard(guild_id)
        if self._left is not None:
            self._left.add(guild_id)

    async def due(self, tx: Transaction, _now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
        """Guilds whose members are still to be looked at since the start, because streaks are not shown.

        The database is asked once; what changes later is told to the guild's actor.
        """
        if self._left is None:
            self._left = set(await storage.guilds_that_may_show(tx))
        self._left -= self._looked
        return [guild_id for guild_id in self._left if not self._shown(guild_id)], None

    def _shown(self, guild_id: GuildId) -> bool:
        snapshot = self._settings.snapshot(guild_id)
        return all(
            snapshot.value(FEATURE, key) for key in ("enabled", "streaks_enabled", "streaks_nicknames")
        )
