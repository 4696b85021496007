"""How settings are shown: pure texts (spec/settings.md 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.actors.embeds import Colour
from alphapy.actors.settings.fit import is_reference
from alphapy.gateway.models.outgoing import Embed, EmbedField
from alphapy.pure.setting_types import SettingType
from alphapy.pure.text import code, cut, escape_markdown, neutralise_mentions

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.pure.settings import SettingDef

NOT_SET = "not set"
SHOWN_CHARACTERS = 1000

DEFAULT_EMOJI = "⚙️"
EMOJI = {
    "embedwatcher": "🔔",
    "gpt": "🤖",
    "agents": "🤖",
    "invites": "🎉",
    "engagement": "🎉",
    "reminders": "⏰",
    "gdpr": "🔒",
    "onboarding": "📝",
    "verification": "✅",
    "ticketbot": "🎟️",
}
"""By scope; the title's first character (spec/settings.md 4.1)."""


def label(key: str) -> str:
    """``log_channel_id`` as people read it: ``Log Channel``."""
    return " ".join(word.capitalize() for word in key.split("_") if word not in {"id", "ids"})


def shown(
    definition: SettingDef, value: Any, guild: CachedGuild | None, limit: int = SHOWN_CHARACTERS
) -> str:
    """A value in a reply or an embed; a channel or role that is gone carries a warning sign."""
    if value is None or value == "" or (value == 0 and is_reference(definition)):
        return NOT_SET
    if definition.type is SettingType.CHANNEL:
        known = guild is None or value in guild.channels
        return f"<#{value}>" + ("" if known else " ⚠️ deleted")
    if definition.type is SettingType.ROLE:
        known = guild is None or value in guild.roles
        return f"<@&{value}>" + ("" if known else " ⚠️ deleted")
    if definition.type is SettingType.BOOL:
        return "✅ yes" if value else "❌ no"
    if "message" in definition.key:
        return cut(escape_markdown(neutralise_mentions(str(value))), limit)
    return code(str(value), limit)


def scope_embed(scope: str, snapshot: SettingsSnapshot, guild: CachedGuild | None) -> Embed:
    """Every setting of a scope that people may see; a scope has at most ten of them here."""
    definitions = [d for d in snapshot.registry.scope(scope) if not d.managed]
    fields = tuple(
        EmbedField(label(d.key), shown(d, snapshot.value(d.scope, d.key), guild)) for d in definitions
    )
    count = len(definitions)
    return Embed(
        title=f"{EMOJI.get(scope, DEFAULT_EMOJI)} {scope.capitalize()} settings",
        color=Colour.SETTINGS,
        fields=fields,
        footer=f"{count} setting" + ("" if count == 1 else "s"),
    )
