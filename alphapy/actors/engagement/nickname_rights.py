"""Whether a nickname can be changed at all, and saying so where none can (spec/engagement.md 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import LogEntry, LogLevel
from alphapy.gateway.models.guild import Permissions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.engagement.nickname_book import NicknameBook
    from alphapy.actors.engagement.part import Host
    from alphapy.pure.ids import RoleId, UserId

_COMPLAINT = LogEntry(
    title="⚠️ Nicknames cannot show streaks",
    description=(
        "I lack the permission *Manage Nicknames*, so nicknames stay as they are. Streaks are counted "
        "all the same. Give me the permission, or switch this off with `/engagement set_streaks_nicknames`."
    ),
    level=LogLevel.WARNING,
    source=FEATURE,
)


class NicknameRights:
    """What the bot may do about the nicknames of one guild."""

    def __init__(self, host: Host, book: NicknameBook) -> None:
        self._host = host
        self._guild_id = host.guild_id
        self._book = book

    @property
    def is_known(self) -> bool:
        """Whether the guild is known, so that the rest can be."""
        return self._host.guilds.get(self._guild_id) is not None

    def may_rename(self, user_id: UserId, roles: Iterable[RoleId]) -> bool:
        """Whether to try: the permission, the owner, the ranks, and what Discord said today."""
        guild = self._host.guilds.get(self._guild_id)
        if guild is None or user_id == guild.owner_id:
            return False
        if self._book.is_hopeless(self._guild_id, user_id, self._host.clock.now().date()):
            return False
        return guild.top_position(roles) < guild.top_position(guild.my_roles) and self.has_permission()

    def has_permission(self) -> bool:
        """Whether the bot may change nicknames at all; where not, the guild's log says so once a day."""
        now = self._host.clock.now()
        mine = self._host.guilds.my_permissions(self._guild_id, now=now)
        if mine is None or Permissions.MANAGE_NICKNAMES in mine:
            return mine is not None
        if self._book.may_complain(self._guild_id, now.date()):
            self._host.context.bus.tell(Address.guild(self._guild_id, "guild_log"), _COMPLAINT)
        return False
