"""Stored settings as the dashboard reads them (spec/api.md 7.7.4, spec/settings.md 7): tolerant, typed.

A registered key is read by its type; one that nobody registered by the convention of its name. The id of a
channel, role or message is text, because JavaScript cannot hold it as a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alphapy.pure.setting_types import READERS, SettingType, Unreadable, unwrap
from alphapy.pure.settings import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.pure.settings import SettingsRegistry

DASHBOARD_SCOPES: Final = (
    "system",
    "reminders",
    "embedwatcher",
    "gpt",
    "invites",
    "gdpr",
    "automod",
    "onboarding",
    "ticketbot",
    "verification",
    "growth",
    "agents",
    "engagement",
    "fyi",
    "custom_commands",
    "faq",
    "rules",
)
"""The scopes that the dashboard shows, in the order of the specification."""

WRITABLE_SCOPES: Final = frozenset(DASHBOARD_SCOPES) - {"fyi"}
"""Those that it may change."""

_FLAGS: Final = frozenset(
    {
        "allow_everyone_mentions",
        "enabled",
        "log_actions",
        "log_to_database",
        "gpt_fallback_enabled",
        "non_embed_enabled",
        "process_bot_messages",
    }
)
_NUMBERS: Final = {
    "embed_watcher_offset_hours": SettingType.INT,
    "max_tokens": SettingType.INT,
    "temperature": SettingType.FLOAT,
}
_ID_SUFFIXES: Final = ("_channel_id", "_role_id", "_message_id")
_ID_KEYS: Final = frozenset({"channel_id", "category_id"})
_ID_PREFIX: Final = "badge_role_"


def names_one_id(key: str) -> bool:
    """Whether a key holds the id of one channel, role or message."""
    return key.endswith(_ID_SUFFIXES) or key in _ID_KEYS or key.startswith(_ID_PREFIX)


def shown(registry: SettingsRegistry, scope: str, key: str, stored: object) -> Any:
    """A stored value, for the dashboard; what cannot be understood comes out as it is stored."""
    if names_one_id(key):
        return _id_text(stored)
    definition = registry.find(scope, key)
    if key in _FLAGS or key.endswith("_enabled"):
        kind: SettingType | None = SettingType.BOOL
    else:
        kind = definition.type if definition is not None else _NUMBERS.get(key)
    if kind not in (SettingType.BOOL, SettingType.INT, SettingType.FLOAT):
        return stored
    try:
        return READERS[kind](stored)
    except Unreadable:
        return stored


def overrides(
    registry: SettingsRegistry, rows: Iterable[tuple[str, str, object]]
) -> dict[str, dict[str, Any]]:
    """What a guild has stored, as rows ``(scope, key, value)``, by scope and key.

    Every scope of the dashboard is there. A stored JSON null is no override, except that the key of an id
    shows as an empty text; what is beyond all reading is left out.
    """
    found: dict[str, dict[str, Any]] = {scope: {} for scope in DASHBOARD_SCOPES}
    for scope, key, stored in sorted(rows, key=lambda row: row[:2]):
        if scope not in found or stored is UNDECODABLE or (stored is None and not names_one_id(key)):
            continue
        found[scope][key] = shown(registry, scope, key, stored)
    return found


def was(registry: SettingsRegistry, scope: str, key: str, stored: object) -> Any:
    """A value of the history, which may be none at all."""
    return None if stored is None or stored is UNDECODABLE else shown(registry, scope, key, stored)


def _id_text(stored: object) -> Any:
    """One id as text, without redundant quotes."""
    value = unwrap(stored)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else stored
