"""How changes of settings are recorded: pure texts (spec/settings.md 4.1 and 5.3).

For the guild's log channel, and as operational events.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from alphapy.actors.operational_events.messages import EventType, RecordEvent
from alphapy.actors.settings.messages import ConfigAudit, Source
from alphapy.actors.settings.rendering import DEFAULT_EMOJI, EMOJI, shown
from alphapy.pure.ids import ChannelId
from alphapy.pure.text import code, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.settings.messages import SettingWritten
    from alphapy.pure.ids import GuildId
    from alphapy.pure.settings import SettingsRegistry

LISTED: Final = 25
"""Keys that one embed names; of more, it gives the number."""

ALONE: Final = 200
TOGETHER: Final = 80
"""Characters of a value, where it stands alone and where it has company, so that all fit the embed."""

EVENT_VALUE: Final = 100
"""Characters of a value in an operational event (spec/settings.md 8)."""

_OFFSET: Final = ("embedwatcher", "reminder_offset_minutes")


def audit(
    written: Sequence[SettingWritten], registry: SettingsRegistry, actor_id: int, *, is_rollback: bool = False
) -> ConfigAudit:
    """The embed that tells of these changes, at least one, which one request has made."""
    first = written[0]
    limit = ALONE if len(written) == 1 else TOGETHER
    lines = [_line(change, registry, limit) for change in written[:LISTED]]
    if len(written) > LISTED:
        lines.append(f"and {len(written) - LISTED} more")
    lines.append(f"By <@{actor_id}>")
    log_channel = next((c for c in written if (c.scope, c.key) == ("system", "log_channel_id")), None)
    told = () if log_channel is None else (log_channel.old, log_channel.new)
    return ConfigAudit(
        title=_title(written, first, is_rollback=is_rollback),
        description="\n".join(lines),
        channels=tuple(dict.fromkeys(ChannelId(channel) for channel in told if channel)),
    )


def _title(written: Sequence[SettingWritten], first: SettingWritten, *, is_rollback: bool) -> str:
    alone = len(written) == 1
    emoji = "🔁" if alone and (first.scope, first.key) == _OFFSET else EMOJI.get(first.scope, DEFAULT_EMOJI)
    if is_rollback:
        what = "rolled back"
    else:
        what = "reset" if all(change.is_reset for change in written) else "updated"
    return f"{emoji} {first.scope.capitalize()} setting{'' if alone else 's'} {what}"


def _line(change: SettingWritten, registry: SettingsRegistry, limit: int) -> str:
    definition = registry.definition(change.scope, change.key)
    if change.is_reset:
        value = "reset to default"
    elif isinstance(change.new, str) and change.new:
        value = code(change.new, limit)
    else:
        value = shown(definition, change.new, None, limit)
    return f"{code(definition.name)}: {value}"


def event_of_one(
    guild_id: GuildId,
    change: SettingWritten,
    *,
    actor_id: int,
    source: Source,
    is_rollback: bool = False,
) -> RecordEvent:
    """The operational event of one changed key."""
    action = "rollback" if is_rollback else "clear" if change.is_reset else "set"
    value = cut(json.dumps(change.new, ensure_ascii=False, default=list), EVENT_VALUE)
    return _event(
        guild_id,
        f"The setting {change.scope}.{change.key} was changed.",
        actor_id,
        source,
        {"scope": change.scope, "key": change.key, "value": value, "action": action},
    )


def event_of_many(guild_id: GuildId, scope: str, count: int, *, actor_id: int, source: Source) -> RecordEvent:
    """The operational event of a request that changed so many keys of a scope."""
    told = (
        f"1 setting of {scope} was changed." if count == 1 else f"{count} settings of {scope} were changed."
    )
    return _event(
        guild_id,
        told,
        actor_id,
        source,
        {"scope": scope, "count": count, "action": "bulk_update"},
    )


def _event(
    guild_id: GuildId, message: str, actor_id: int, source: Source, details: dict[str, Any]
) -> RecordEvent:
    origin = "api" if source is Source.API else "command"
    return RecordEvent(
        event_type=EventType.SETTINGS_CHANGED.value,
        message=message,
        guild_id=guild_id,
        details={**details, "updated_by": actor_id, "source": origin},
    )
