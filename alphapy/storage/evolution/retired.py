"""Retired settings keep their meaning: the value moves to the key that took over (spec/schema.md 5.3)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import attrs
from psycopg.types.json import Jsonb

from alphapy.storage.evolution.converge import catch_up_sequences
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.notes import Note

if TYPE_CHECKING:
    import psycopg

    from alphapy.storage.evolution.steps import Steps

_MAX_OFFSET_MINUTES = 4320
_MODULES = frozenset(
    {
        "custom_commands",
        "embedwatcher",
        "faq",
        "gdpr",
        "gpt",
        "growth",
        "invites",
        "onboarding",
        "reminders",
        "rules",
        "verification",
    }
)
_OFF = frozenset({"false", "0", "disabled"})


@attrs.frozen
class _Successor:
    scope: str
    key: str
    value_type: str
    value: object


def retire_stale_keys(steps: Steps) -> None:
    """Revision 013: four keys that no code reads any more."""
    for scope, key in (
        ("embedwatcher", "embed_watcher_offset_hours"),
        ("guild", "module_status"),
        ("module_status", "gdpr"),
        ("system", "onboarding_channel_id"),
    ):
        _retire(steps, "scope = %s AND key = %s", (scope, key))


def retire_module_status(steps: Steps) -> None:
    """Revision 021: the whole scope ``module_status``."""
    _retire(steps, "scope = %s", ("module_status",))


def _retire(steps: Steps, condition: str, parameters: tuple[str, ...]) -> None:
    if not steps.has("bot_settings"):
        return
    steps.create("settings_history")
    for table in ("bot_settings", "settings_history"):
        steps.add_columns(TABLES[table], *TABLES[table].columns)
    catch_up_sequences(steps, TABLES["settings_history"])
    rows = steps.connection.execute(
        f"DELETE FROM bot_settings WHERE {condition}"  # noqa: S608 - a text of this module
        " RETURNING guild_id, scope, key, value::text, value_type".encode(),
        parameters,
    ).fetchall()
    carried = 0
    for guild_id, scope, key, value, value_type in rows:
        _record(steps.connection, guild_id, (scope, key, value_type), value, "null", "deleted")
        successor = successor_of(scope, key, _decoded(value))
        carried += successor is not None and _carry_over(steps.connection, guild_id, successor)
    if rows:
        _tell(steps, len(rows), carried)


def _decoded(text: str) -> object:
    """A stored value; None for JSON beyond all bounds, which never meant anything to anybody."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _tell(steps: Steps, retired: int, carried: int) -> None:
    text = f"{retired:,} retired settings are removed, {carried:,} of them carried over to their new keys"
    steps.note(Note(table="bot_settings", text=text, deleted=retired, inserted=carried))
    text = f"{retired + carried:,} rows record the settings that were retired and carried over"
    steps.note(Note(table="settings_history", text=text, inserted=retired + carried))


def successor_of(scope: str, key: str, value: object) -> _Successor | None:
    """What a retired row becomes; None when it had no meaning that lives on, or cannot be read."""
    plain = unwrapped(value)
    if (scope, key) == ("embedwatcher", "embed_watcher_offset_hours"):
        minutes = _minutes(plain)
        return None if minutes is None else _Successor(scope, "reminder_offset_minutes", "int", minutes)
    if scope == "module_status" and key in _MODULES and str(plain).strip().lower() in _OFF:
        return _Successor(key, "enabled", "bool", value=False)
    return None


def unwrapped(value: object) -> object:
    """A value without the layers of quoting that older writers put around it (spec/schema.md 2.0)."""
    while isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = _without_layer(value)
    return value


def _without_layer(text: str) -> str:
    try:
        inner = json.loads(text)
    except ValueError:
        return text[1:-1]
    return inner if isinstance(inner, str) else text[1:-1]


def _minutes(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        hours = float(value)
    except ValueError:
        return None
    if not math.isfinite(hours) or hours < 0:
        return None
    return min(round(hours * 60), _MAX_OFFSET_MINUTES)


def _carry_over(connection: psycopg.Connection[Any], guild_id: int, successor: _Successor) -> bool:
    setting = (guild_id, successor.scope, successor.key)
    written = connection.execute(
        """
        INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
        SELECT %s, %s, %s, %s, %s
        WHERE NOT EXISTS (SELECT FROM bot_settings WHERE guild_id = %s AND scope = %s AND key = %s)
        """,
        (*setting, Jsonb(successor.value), successor.value_type, *setting),
    ).rowcount
    if written:
        names = (successor.scope, successor.key, successor.value_type)
        _record(connection, guild_id, names, None, json.dumps(successor.value), "created")
    return bool(written)


def _record(
    connection: psycopg.Connection[Any],
    guild_id: int,
    names: tuple[str, str, str | None],
    old: str | None,
    new: str,
    change_type: str,
) -> None:
    scope, key, value_type = names
    connection.execute(
        """
        INSERT INTO settings_history (guild_id, scope, key, old_value, new_value, value_type, change_type)
        VALUES (%s, %s, %s, %s::jsonb, %s::jsonb, %s, %s)
        """,
        (guild_id, scope, key, old, new, value_type, change_type),
    )
