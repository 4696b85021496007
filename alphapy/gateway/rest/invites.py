"""What invite tracking asks of Discord: how often a guild's invites were used.

Every call raises :class:`DiscordError`, and takes the permission Manage Server.
Rules: https://docs.discord.com/developers/resources/guild#get-guild-invites and
https://docs.discord.com/developers/resources/guild#get-guild-vanity-url
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from alphapy.gateway.models.invite import Invite, VanityInvite
from alphapy.gateway.rest.client import Call
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.routes import Route
from alphapy.gateway.rest.tickets import Priority

if TYPE_CHECKING:
    from alphapy.gateway.rest.client import RestClient
    from alphapy.pure.ids import GuildId

T = TypeVar("T")

GUILD_INVITES = Route("GET", "/guilds/{guild_id}/invites")
VANITY_URL = Route("GET", "/guilds/{guild_id}/vanity-url")


class InviteCalls:
    """See the module. ``within``: seconds that the whole call may take."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def of_guild(
        self, guild_id: GuildId, *, within: float, priority: Priority = Priority.OTHER
    ) -> tuple[Invite, ...]:
        """The guild's invites, with how often each was used."""
        call = Call(GUILD_INVITES.to(guild_id=guild_id), priority=priority, deadline=within)
        return tuple(await self._read(call, list[Invite]))

    async def vanity(
        self, guild_id: GuildId, *, within: float, priority: Priority = Priority.OTHER
    ) -> VanityInvite:
        """The guild's own address; only for a guild that may have one."""
        call = Call(VANITY_URL.to(guild_id=guild_id), priority=priority, deadline=within)
        return await self._read(call, VanityInvite)

    async def _read(self, call: Call, shape: type[T]) -> T:
        body = await self._client.request(call)
        try:
            return msgspec.json.decode(body, type=shape, strict=False)
        except (msgspec.DecodeError, RecursionError) as error:
            raise DiscordError(
                kind=DiscordErrorKind.MALFORMED, route=call.target.route.key, message=str(error), status=200
            ) from error
