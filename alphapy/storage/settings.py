"""Queries of ``bot_settings`` and ``settings_history`` (spec/settings.md 2 and 5.3).

A write locks the row first, so that the history's old value is exact, and writes nothing when nothing
changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
from psycopg.types.json import Jsonb

from alphapy.pure.settings import UNDECODABLE

if TYPE_CHECKING:
    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

_HISTORY = """
    id, scope, key, old_value::text, new_value::text, value_type, changed_by,
    CASE WHEN changed_at BETWEEN '0001-01-02' AND '9999-12-30' THEN changed_at END, change_type
"""


@attrs.frozen
class SettingWrite:
    """What one key shall hold; ``value`` None clears the override.

    ``is_rollback`` says so in the history, whatever was there before; such a write never clears.
    """

    scope: str
    key: str
    value_type: str
    value: Any
    is_rollback: bool = False


@attrs.frozen(kw_only=True)
class HistoryEntry:
    """One row of ``settings_history``; None where it holds no value, or JSON null."""

    id: int
    scope: str
    key: str
    old_value: object
    new_value: object
    value_type: str | None
    changed_by: int | None
    changed_at: datetime | None
    change_type: str


async def load_all(tx: Transaction) -> list[tuple[int, str, str, object]]:
    """Every stored setting as ``(guild_id, scope, key, value)``, for the start."""
    rows = await tx.fetch_all("SELECT guild_id, scope, key, value::text FROM bot_settings ORDER BY guild_id")
    return [(guild_id, scope, key, _decoded(text)) for guild_id, scope, key, text in rows]


async def load_guild(tx: Transaction, guild_id: GuildId) -> list[tuple[str, str, object]]:
    """One guild's stored settings as ``(scope, key, value)``."""
    rows = await tx.fetch_all(
        "SELECT scope, key, value::text FROM bot_settings WHERE guild_id = %s", (guild_id,)
    )
    return [(scope, key, _decoded(text)) for scope, key, text in rows]


def _decoded(text: str) -> object:
    """A stored value; UNDECODABLE where it is JSON beyond all bounds, so that it harms no other row."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return UNDECODABLE


async def history(
    tx: Transaction, guild_id: GuildId, *, scope: str | None = None, key: str | None = None, limit: int
) -> list[HistoryEntry]:
    """The newest ``limit`` changes of a guild's settings, newest first; only of a scope, only of a key."""
    rows = await tx.fetch_all(
        f"""
        SELECT {_HISTORY} FROM settings_history
        WHERE guild_id = %(guild_id)s
          AND (%(scope)s::text IS NULL OR scope = %(scope)s) AND (%(key)s::text IS NULL OR key = %(key)s)
        ORDER BY changed_at DESC NULLS LAST, id DESC LIMIT %(limit)s
        """,  # noqa: S608 - constants
        {"guild_id": guild_id, "scope": scope, "key": key, "limit": limit},
    )
    return [_entry(row) for row in rows]


async def history_entry(tx: Transaction, guild_id: GuildId, entry_id: int) -> HistoryEntry | None:
    """One change of a guild's settings; None where this guild has none of this number."""
    row = await tx.fetch_one(
        f"SELECT {_HISTORY} FROM settings_history WHERE guild_id = %s AND id = %s",  # noqa: S608 - constants
        (guild_id, entry_id),
    )
    return None if row is None else _entry(row)


def _entry(row: tuple[Any, ...]) -> HistoryEntry:
    entry_id, scope, key, old, new, value_type, changed_by, changed_at, change_type = row
    return HistoryEntry(
        id=entry_id,
        scope=scope,
        key=key,
        old_value=None if old is None else _decoded(old),
        new_value=_decoded(new),
        value_type=value_type,
        changed_by=changed_by,
        changed_at=changed_at,
        change_type=change_type,
    )


async def write(tx: Transaction, guild_id: GuildId, change: SettingWrite, *, changed_by: int | None) -> bool:
    """Make one key hold a value, with its history row; False when it held that already."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"setting:{guild_id}:{change.scope}:{change.key}",),
    )
    new = None if change.value is None else Jsonb(change.value)
    row = await tx.fetch_one(
        """
        SELECT value::text, value = %s FROM bot_settings
        WHERE guild_id = %s AND scope = %s AND key = %s FOR UPDATE
        """,
        (new, guild_id, change.scope, change.key),
    )
    if (row is None and new is None) or (row is not None and row[1]):
        return False
    if new is None:
        change_type = "deleted"
        await tx.execute(
            "DELETE FROM bot_settings WHERE guild_id = %s AND scope = %s AND key = %s",
            (guild_id, change.scope, change.key),
        )
    else:
        change_type = "rollback" if change.is_rollback else "created" if row is None else "updated"
        await tx.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value, value_type, updated_by, updated_at)
            VALUES (%s, %s, %s, %s, %s, %s, now())
            ON CONFLICT (guild_id, scope, key) DO UPDATE
            SET value = EXCLUDED.value, value_type = EXCLUDED.value_type,
                updated_by = EXCLUDED.updated_by, updated_at = now()
            """,
            (guild_id, change.scope, change.key, new, change.value_type, changed_by),
        )
    await tx.execute(
        """
        INSERT INTO settings_history
            (guild_id, scope, key, old_value, new_value, value_type, changed_by, change_type)
        VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s)
        """,
        (
            guild_id,
            change.scope,
            change.key,
            None if row is None else row[0],
            Jsonb(None) if new is None else new,
            change.value_type,
            changed_by,
            change_type,
        ),
    )
    return True
