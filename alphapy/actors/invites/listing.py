"""A guild's invites as Discord lists them, its own address among them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.invites import GUILD_INVITES
from alphapy.gateway.rest.tickets import Priority
from alphapy.pure.clock import Clock
from alphapy.pure.invites import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.models.invite import Invite, VanityInvite
    from alphapy.pure.ids import GuildId


class Invites(Protocol):
    """Who knows a guild's invites; every call raises DiscordError."""

    async def of_guild(self, guild_id: GuildId, *, within: float, priority: Priority) -> Sequence[Invite]:
        """All of them."""
        ...

    async def vanity(self, guild_id: GuildId, *, within: float, priority: Priority) -> VanityInvite:
        """The guild's own address."""
        ...


@attrs.frozen(kw_only=True)
class Listing:
    """What Discord said. ``asked_at`` is Trio's time before it was asked, ``ends`` when each code expires.

    ``names``: what the inviters are called.
    """

    asked_at: float
    codes: Mapping[str, Code]
    ends: Mapping[str, datetime | None]
    names: Mapping[int, str]


@attrs.frozen(kw_only=True)
class Lister:
    """Asks for the lists."""

    invites: Invites
    guilds: GuildCache
    clock: Clock

    def may_ask(self, guild_id: GuildId) -> bool:
        """Whether the bot manages the guild, without which Discord refuses; True where that is not known."""
        mine = self.guilds.my_permissions(guild_id, now=self.clock.now())
        return mine is None or Permissions.MANAGE_GUILD in mine

    async def read(self, guild_id: GuildId, *, within: float, priority: Priority = Priority.OTHER) -> Listing:
        """The list as it is now; raises DiscordError."""
        asked_at = trio.current_time()
        found = await self.invites.of_guild(guild_id, within=within, priority=priority)
        if any(one.uses is None for one in found):
            raise DiscordError(
                kind=DiscordErrorKind.FORBIDDEN,
                route=GUILD_INVITES.key,
                message="the invites came without how often they were used",
            )
        codes = {
            one.code: Code(
                code=one.code,
                inviter_id=one.inviter.id if one.inviter is not None else None,
                uses=max(0, one.uses or 0),
                max_uses=max(0, one.max_uses),
            )
            for one in found
        }
        own = await self._own_address(guild_id, within=within, priority=priority)
        if own is not None:
            codes[own.code] = own
        return Listing(
            asked_at=asked_at,
            codes=codes,
            ends={one.code: one.expires_at for one in found},
            names={one.inviter.id: one.inviter.display_name for one in found if one.inviter is not None},
        )

    async def _own_address(self, guild_id: GuildId, *, within: float, priority: Priority) -> Code | None:
        guild = self.guilds.get(guild_id)
        if guild is None or not guild.has_vanity:
            return None
        try:
            own = await self.invites.vanity(guild_id, within=within, priority=priority)
        except DiscordError as error:
            if error.transient:
                raise
            return None  # it has none after all
        return None if own.code is None else Code(code=own.code, uses=max(0, own.uses))
