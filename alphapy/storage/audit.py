"""Queries of ``audit_logs``: who ran which command, and how it ended (spec/operations.md 5.4)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen
class AuditEntry:
    """One invocation: ``guild_id`` 0 is a direct message, ``command_type`` is ``slash`` or ``text``."""

    guild_id: int
    user_id: int
    command_name: str
    command_type: str
    success: bool
    error_message: str | None
    created_at: datetime


@attrs.frozen
class CommandUse:
    """How often a command was used."""

    command_name: str
    uses: int


async def insert_many(tx: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Store entries in one statement, in their order and with their own times."""
    if not entries:
        return
    await tx.execute(
        """
        INSERT INTO audit_logs
            (guild_id, user_id, command_name, command_type, success, error_message, created_at)
        SELECT guild_id, user_id, command_name, command_type, success, error_message, created_at
        FROM unnest(
            %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::timestamptz[]
        ) WITH ORDINALITY AS entry
            (guild_id, user_id, command_name, command_type, success, error_message, created_at, position)
        ORDER BY position
        """,
        (
            [entry.guild_id for entry in entries],
            [entry.user_id for entry in entries],
            [entry.command_name for entry in entries],
            [entry.command_type for entry in entries],
            [entry.success for entry in entries],
            [entry.error_message for entry in entries],
            [entry.created_at for entry in entries],
        ),
    )


async def contains(tx: Transaction, entry: AuditEntry) -> bool:
    """Whether this very entry is stored; tells what became of a commit in doubt."""
    return bool(
        await tx.fetch_value(
            """
            SELECT EXISTS (
                SELECT FROM audit_logs
                WHERE guild_id = %s AND created_at = %s AND user_id = %s AND command_name = %s
            )
            """,
            (entry.guild_id, entry.created_at, entry.user_id, entry.command_name),
        )
    )


async def total(tx: Transaction, guild_id: int | None, *, days: int) -> int:
    """How many commands were run in the last ``days`` days; in every guild when ``guild_id`` is None."""
    return int(
        await tx.fetch_value(
            """
            SELECT count(*) FROM audit_logs
            WHERE created_at > now() - make_interval(days => %(days)s)
              AND (%(guild_id)s::bigint IS NULL OR guild_id = %(guild_id)s)
            """,
            {"guild_id": guild_id, "days": days},
        )
    )


async def top(tx: Transaction, guild_id: int | None, *, days: int, limit: int) -> list[CommandUse]:
    """The commands used most in the last ``days`` days, most used first, ties by name."""
    rows = await tx.fetch_all(
        """
        SELECT command_name, count(*) AS uses FROM audit_logs
        WHERE created_at > now() - make_interval(days => %(days)s)
          AND (%(guild_id)s::bigint IS NULL OR guild_id = %(guild_id)s)
        GROUP BY command_name ORDER BY uses DESC, command_name LIMIT %(limit)s
        """,
        {"guild_id": guild_id, "days": days, "limit": limit},
    )
    return [CommandUse(name, uses) for name, uses in rows]
