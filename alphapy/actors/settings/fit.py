"""Whether a channel or a role of this guild may be the value of a setting (spec/settings.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.ids import ChannelId, RoleId
from alphapy.pure.setting_types import SettingType
from alphapy.pure.settings import ChannelFit, SettingDef

if TYPE_CHECKING:
    from alphapy.gateway.guilds import CachedGuild

_EXPECTED = {
    ChannelFit.TEXT: "a text or announcement channel of this server",
    ChannelFit.TEXT_OR_THREAD: "a text channel or thread of this server",
    ChannelFit.CATEGORY: "a category of this server",
}


def is_reference(definition: SettingDef) -> bool:
    """Whether the setting names a channel or a role."""
    return definition.type in (SettingType.CHANNEL, SettingType.ROLE)


def misfit(definition: SettingDef, value: int, guild: CachedGuild | None) -> str | None:
    """What a channel or role setting must be, where the value is not that; None where it fits.

    A guild that Discord has not sent yet cannot be checked: its settings cannot be changed meanwhile.
    """
    if not is_reference(definition):
        return None
    if guild is None:
        return "changed once Discord has sent this server's channels and roles; try again in a moment"
    if definition.type is SettingType.CHANNEL:
        channel = guild.channels.get(ChannelId(value))
        fits = channel is not None and channel.type in definition.fit.value
        return None if fits else _EXPECTED[definition.fit]
    role = guild.roles.get(RoleId(value))
    if role is None or value == guild.id or role.managed:
        return "a role of this server that is neither @everyone nor managed by an integration"
    return None
