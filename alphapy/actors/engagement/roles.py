"""Whether the bot can give a role, in words for those who can change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.gateway.models.guild import Permissions
from alphapy.pure.ids import RoleId

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.ids import GuildId


def giving(guilds: GuildCache, guild_id: GuildId, role_id: int, *, now: datetime) -> str | None:
    """Why the bot cannot give this role, as a sentence; None where it can, or Discord has to say."""
    guild = guilds.get(guild_id)
    if guild is None:
        return None
    role = guild.roles.get(RoleId(role_id))
    if role is None:
        return "it does not exist any more."
    if role.managed or role_id == guild_id:
        return "it cannot be given, since it is @everyone or belongs to an integration."
    mine = guilds.my_permissions(guild_id, now=now)
    if mine is not None and Permissions.MANAGE_ROLES not in mine:
        return "I lack the permission *Manage Roles*."
    if guild.owner_id != guilds.me and role.position >= guild.top_position(guild.my_roles):
        return "it stands above my own highest role, or level with it."
    return None
