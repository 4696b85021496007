"""Queries of ``custom_commands`` (spec/moderation.md 2.1).

The limit per guild is kept by a lock of the guild that every insert takes, so that two requests for the last
place cannot both succeed.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.custom_commands import MAX_COMMANDS, CustomCommand, Draft, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

_COLUMNS = """
    id, name, trigger_type, trigger_value, response, coalesce(enabled, true), coalesce(case_sensitive, false),
    coalesce(delete_trigger, false), coalesce(reply_to_user, true), coalesce(uses, 0), created_by,
    CASE WHEN isfinite(updated_at) AND updated_at > 'epoch'
         THEN (extract(epoch FROM updated_at) * 1000)::bigint ELSE 0 END,
    CASE WHEN created_at BETWEEN '0001-01-02' AND '9999-12-30' THEN created_at END,
    CASE WHEN updated_at BETWEEN '0001-01-02' AND '9999-12-30' THEN updated_at END
"""


class NotAdded(enum.Enum):
    """Why a command was not added."""

    FULL = "full"
    NAME_TAKEN = "name_taken"


class NotEdited(enum.Enum):
    """Why a command was not changed."""

    GONE = "gone"
    CONFLICT = "conflict"


async def load(tx: Transaction, guild_id: GuildId) -> list[CustomCommand]:
    """Every command of a guild, by id."""
    rows = await tx.fetch_all(
        f"SELECT {_COLUMNS} FROM custom_commands WHERE guild_id = %s ORDER BY id",  # noqa: S608 - constants
        (guild_id,),
    )
    return [_command(row) for row in rows]


async def add(
    tx: Transaction, guild_id: GuildId, draft: Draft, *, created_by: int
) -> CustomCommand | NotAdded:
    """Store a new command, unless the guild is full or has one of that name."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"custom_commands:{guild_id}",)
    )
    commands = await load(tx, guild_id)
    if len(commands) >= MAX_COMMANDS:
        return NotAdded.FULL
    if named(commands, draft.name) is not None:
        return NotAdded.NAME_TAKEN
    row = await tx.fetch_one(
        f"""
        INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response, case_sensitive,
                                     delete_trigger, reply_to_user, created_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (guild_id, name) DO NOTHING RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        (
            guild_id,
            draft.name,
            draft.trigger_type.value,
            draft.trigger,
            draft.response,
            draft.case_sensitive,
            draft.delete_trigger,
            draft.reply_to_user,
            created_by,
        ),
    )
    return NotAdded.NAME_TAKEN if row is None else _command(row)


async def edit(
    tx: Transaction, guild_id: GuildId, command_id: int, revision: int, *, trigger: str, response: str
) -> CustomCommand | NotEdited:
    """Change trigger and response, unless somebody changed the command since ``revision``."""
    current = await tx.fetch_one(
        f"SELECT {_COLUMNS} FROM custom_commands WHERE guild_id = %s AND id = %s FOR UPDATE",  # noqa: S608
        (guild_id, command_id),
    )
    if current is None:
        return NotEdited.GONE
    if _command(current).revision != revision:
        return NotEdited.CONFLICT
    row = await tx.fetch_one(
        f"""
        UPDATE custom_commands SET trigger_value = %s, response = %s, updated_at = clock_timestamp()
        WHERE guild_id = %s AND id = %s RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        (trigger, response, guild_id, command_id),
    )
    return NotEdited.GONE if row is None else _command(row)


async def find(tx: Transaction, guild_id: GuildId, name: str) -> CustomCommand | None:
    """The command that somebody means by a name, in whatever case it is stored; its row is locked."""
    found = named(await load(tx, guild_id), name)
    if found is None:
        return None
    row = await tx.fetch_one(
        f"SELECT {_COLUMNS} FROM custom_commands WHERE guild_id = %s AND id = %s FOR UPDATE",  # noqa: S608
        (guild_id, found.id),
    )
    return None if row is None else _command(row)


async def toggle(tx: Transaction, guild_id: GuildId, name: str) -> CustomCommand | None:
    """Flip ``enabled`` in one step; None where there is no such command."""
    found = await find(tx, guild_id, name)
    return (
        None if found is None else await store(tx, guild_id, attrs.evolve(found, enabled=not found.enabled))
    )


async def store(tx: Transaction, guild_id: GuildId, command: CustomCommand) -> CustomCommand | None:
    """Make a stored command be this one, all but its name and its uses; None where it is gone."""
    row = await tx.fetch_one(
        f"""
        UPDATE custom_commands SET trigger_type = %s, trigger_value = %s, response = %s, enabled = %s,
               case_sensitive = %s, delete_trigger = %s, reply_to_user = %s, updated_at = clock_timestamp()
        WHERE guild_id = %s AND id = %s RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        (
            command.trigger_type,
            command.trigger,
            command.response,
            command.enabled,
            command.case_sensitive,
            command.delete_trigger,
            command.reply_to_user,
            guild_id,
            command.id,
        ),
    )
    return None if row is None else _command(row)


async def delete(tx: Transaction, guild_id: GuildId, command_id: int) -> str | None:
    """Delete a command by its id; returns its name, or None where there is no such command."""
    row = await tx.fetch_one(
        "DELETE FROM custom_commands WHERE guild_id = %s AND id = %s RETURNING name", (guild_id, command_id)
    )
    return None if row is None else str(row[0])


async def count_uses(tx: Transaction, guild_id: GuildId, uses: Mapping[int, int]) -> None:
    """Add to the use counters, by command id; a counter stops at the end of its column's range."""
    await tx.execute(
        """
        UPDATE custom_commands AS c SET uses = least(coalesce(c.uses, 0)::bigint + d.delta, 2147483647)::int
        FROM unnest(%s::int[], %s::int[]) AS d(id, delta)
        WHERE c.guild_id = %s AND c.id = d.id
        """,
        (list(uses), list(uses.values()), guild_id),
    )


async def issued(tx: Transaction, guild_id: GuildId, feature: str) -> dict[int, int]:
    """The highest use that an answer was recorded with and not refused, by command id."""
    rows = await tx.fetch_all(
        """
        SELECT (payload -> 'about' ->> 'command_id')::int, max((payload -> 'about' ->> 'use')::int)
        FROM effects WHERE guild_id = %s AND feature = %s AND state IN ('pending', 'done')
          AND payload ? 'about' GROUP BY 1
        """,
        (guild_id, feature),
    )
    return dict(rows)


def _command(row: tuple[object, ...]) -> CustomCommand:
    names = (
        "id",
        "name",
        "trigger_type",
        "trigger",
        "response",
        "enabled",
        "case_sensitive",
        "delete_trigger",
        "reply_to_user",
        "uses",
        "created_by",
        "revision",
        "created_at",
        "updated_at",
    )
    return CustomCommand(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
