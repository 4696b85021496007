"""How the settings of engagement are shown: pure texts (spec/engagement.md 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.actors.embeds import Colour
from alphapy.actors.engagement.desk import TOGGLES
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.engagement.roles import giving
from alphapy.gateway.models.outgoing import Embed, EmbedField
from alphapy.pure.engagement.awards import read_awards
from alphapy.pure.engagement.badges import WELL_KNOWN
from alphapy.pure.engagement.food import read_channels
from alphapy.pure.text import code, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.engagement.desk import Desk
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.pure.engagement.awards import Award
    from alphapy.pure.ids import GuildId

NOT_SET = "❌ not set"
_FIELD = 1000
_PREFIX = "badge_role_"


def settings_embed(snapshot: SettingsSnapshot, guild: CachedGuild | None) -> Embed:
    """All of them, as they are stored."""
    food = read_channels(snapshot.value(FEATURE, "weekly_food_channel_ids"))
    awards, own = read_awards(snapshot.value(FEATURE, "weekly_award_configs"), has_food=bool(food))
    channel = snapshot.snowflake(FEATURE, "weekly_award_channel_id")
    fields = (
        EmbedField("Features", "\n".join(_features(snapshot))),
        EmbedField(
            "Roles",
            f"Challenge winner: {_role(snapshot.snowflake(FEATURE, 'challenge_winner_role_id'), guild)}\n"
            f"OG: {_role(snapshot.snowflake(FEATURE, 'badge_role_og'), guild)}",
        ),
        EmbedField(
            "Channels",
            f"Weekly awards: {NOT_SET if channel is None else f'<#{channel}>'}\n"
            f"Food: {_fitting((f'<#{channel_id}>' for channel_id in sorted(food)), ' ') or NOT_SET}",
        ),
        EmbedField(
            "Streaks and OG",
            f"Streaks in nicknames: {_yes(snapshot.value(FEATURE, 'streaks_nicknames'))}\n"
            f"OG places: {snapshot.number(FEATURE, 'og_cap')}",
        ),
        EmbedField("Awards", f"{len(awards)} ({'your own' if own else 'built-in'})"),
        _badges(snapshot, guild),
    )
    return Embed(title="⚡ Engagement", color=Colour.INFO, fields=fields)


def _features(snapshot: SettingsSnapshot) -> list[str]:
    lines = [f"Engagement as a whole: {_yes(snapshot.enabled(FEATURE))}"]
    for name, shown_as in TOGGLES.items():
        lines.append(f"{code(shown_as)}: {_yes(snapshot.value(FEATURE, f'{name}_enabled'))}")
    return lines


def _badges(snapshot: SettingsSnapshot, guild: CachedGuild | None) -> EmbedField:
    chosen = (d.key.removeprefix(_PREFIX) for d in snapshot.registry.chosen(FEATURE, snapshot.overrides))
    roles = {key: snapshot.snowflake(FEATURE, f"{_PREFIX}{key}") for key in (*WELL_KNOWN, *chosen)}
    linked = sum(role_id is not None for role_id in roles.values())
    lines = _fitting((f"{code(key)}: {_role(role_id, guild)}" for key, role_id in roles.items()), "\n")
    return EmbedField(f"Badges ({linked} with a role)", lines)


def _role(role_id: int | None, guild: CachedGuild | None) -> str:
    if role_id is None:
        return NOT_SET
    gone = guild is not None and role_id not in {int(known) for known in guild.roles}
    return f"<@&{role_id}>" + (" ⚠️ deleted" if gone else "")


def _yes(value: object) -> str:
    return "✅ on" if value else "⛔ off"


def _fitting(parts: Iterable[str], between: str) -> str:
    kept: list[str] = []
    room = _FIELD
    for part in parts:
        room -= len(part) + len(between)
        if room < 0:
            kept.append("…")
            break
        kept.append(part)
    return between.join(kept)


def award_line(award: Award) -> str:
    """One award of a list, as it was saved."""
    role = "" if award.role_id is None else f", <@&{award.role_id}>"
    return f"**{safe_text(award.label, 120)}**: {code(award.key)}, {code(award.filter.value)}{role}"


def shown(key: str, value: Any) -> str:
    """A new value, for the record of a change."""
    if key.startswith(_PREFIX) or key.endswith("_role_id"):
        return f"<@&{value}>"
    if key.endswith("_channel_id"):
        return f"<#{value}>"
    if isinstance(value, bool):
        return "✅ yes" if value else "❌ no"
    return code(str(value))


def role_trouble(desk: Desk, guild_id: GuildId, role_id: int) -> str | None:
    """Why the bot cannot give a role, as a sentence."""
    return giving(desk.guilds, guild_id, role_id, now=desk.clock.now())
