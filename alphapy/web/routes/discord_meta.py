"""The channels and roles of a guild that settings can name (spec/api.md 7.7.7), from the guild cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

from alphapy.gateway.models.guild import ChannelType, Permissions
from alphapy.pure.ids import GuildId, RoleId
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError
from alphapy.web.routing.fields import Snow
from alphapy.web.routing.route import Call, Reply, Route
from alphapy.web.sources import Sources

if TYPE_CHECKING:
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.gateway.models.guild import Role

TAG: Final = "Server"

_TYPES: Final[dict[int, Literal["text", "announcement", "category"]]] = {
    ChannelType.TEXT: "text",
    ChannelType.ANNOUNCEMENT: "announcement",
    ChannelType.CATEGORY: "category",
}


@attrs.frozen(kw_only=True)
class ChannelItem:
    """A channel; ``parent_id`` is its category."""

    id: Snow
    name: str
    type: Literal["text", "announcement", "category"]
    parent_id: Snow | None


@attrs.frozen(kw_only=True)
class RoleItem:
    """A role that the bot may give and take; ``color`` is 0xRRGGBB, null for none."""

    id: Snow
    name: str
    color: int | None
    position: int


@attrs.frozen(kw_only=True)
class DiscordMeta:
    """Categories first, then channels by category and name; roles from the top.

    Without roles where the bot may not manage roles.
    """

    channels: list[ChannelItem]
    roles: list[RoleItem]


@attrs.frozen
class MetaRoutes:
    """The handlers."""

    _sources: Sources

    async def read(self, call: Call) -> Reply:
        """The channels and roles."""
        guild = self._sources.dashboard.guilds.get(call.guild)
        if guild is None and self._sources.gateway_ready():
            raise ApiError(400, "guild_not_found", "The bot is not in this server.")
        if guild is None or not guild.available or not self._sources.gateway_ready():
            raise ApiError(
                503, "bot_unavailable", "Discord cannot be reached at the moment. Please try again."
            )
        return Reply(body=DiscordMeta(channels=_channels(guild), roles=self._roles(guild)))

    def _roles(self, guild: CachedGuild) -> list[RoleItem]:
        mine = self._sources.dashboard.guilds.my_permissions(guild.id, now=self._sources.clock.now())
        if mine is None or Permissions.MANAGE_ROLES not in mine:
            return []
        top = guild.top_position(guild.my_roles)
        everyone = RoleId(guild.id)
        within = [
            role
            for role in guild.roles.values()
            if role.id != everyone and not role.managed and role.position < top
        ]
        return [_role(role) for role in sorted(within, key=lambda role: (-role.position, role.id))]


def _role(role: Role) -> RoleItem:
    return RoleItem(id=role.id, name=role.name, color=role.color or None, position=role.position)


def _channels(guild: CachedGuild) -> list[ChannelItem]:
    found = [
        ChannelItem(
            id=channel.id,
            name=channel.name or "",
            type=_TYPES[channel.type],
            parent_id=channel.parent_id,
        )
        for channel in guild.channels.values()
        if channel.type in _TYPES
    ]
    return sorted(found, key=_place)


def _place(channel: ChannelItem) -> tuple[bool, str, str, int]:
    parent = "" if channel.parent_id is None else str(channel.parent_id)
    return (channel.type != "category", parent, channel.name.lower(), channel.id)


def routes(sources: Sources) -> tuple[Route, ...]:
    """The route."""
    return (
        Route(
            method="GET",
            path="/api/dashboard/{guild_id}/discord-meta",
            params={"guild_id": GuildId},
            handler=MetaRoutes(sources).read,
            access=Access.DADMIN,
            summary="The channels and roles that settings can name",
            tag=TAG,
            answer=DiscordMeta,
            errors=("guild_not_found", "bot_unavailable"),
        ),
    )
