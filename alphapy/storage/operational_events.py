"""Queries of ``operational_events``: what happened to the service and its guilds (spec/operations.md 5.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction


@attrs.frozen
class EventRow:
    """One event; ``guild_id`` None for one of the whole service, ``details`` plain JSON."""

    event_type: str
    guild_id: int | None
    message: str
    details: Mapping[str, Any]
    created_at: datetime


async def insert_many(tx: Transaction, rows: Sequence[EventRow]) -> None:
    """Store events in one statement, in their order and with their own times."""
    await tx.execute(
        """
        INSERT INTO operational_events (event_type, guild_id, message, details, created_at)
        SELECT event_type, guild_id, message, details::jsonb, created_at
        FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY
            AS event (event_type, guild_id, message, details, created_at, position)
        ORDER BY position
        """,
        (
            [row.event_type for row in rows],
            [row.guild_id for row in rows],
            [row.message for row in rows],
            [json.dumps(row.details, ensure_ascii=False) for row in rows],
            [row.created_at for row in rows],
        ),
    )


async def contains(tx: Transaction, row: EventRow) -> bool:
    """Whether this very event is stored; tells what became of a commit in doubt."""
    return bool(
        await tx.fetch_value(
            """
            SELECT EXISTS (
                SELECT FROM operational_events
                WHERE guild_id IS NOT DISTINCT FROM %s AND created_at = %s
                    AND event_type = %s AND message = %s
            )
            """,
            (row.guild_id, row.created_at, row.event_type, row.message),
        )
    )


async def recent(tx: Transaction, guild_id: GuildId | None, *, limit: int) -> list[EventRow]:
    """The newest events of a guild, or of no guild for None; newest first."""
    if guild_id is None:
        rows = await tx.fetch_all(
            """
            SELECT event_type, guild_id, message, details, created_at FROM operational_events
            WHERE guild_id IS NULL ORDER BY created_at DESC, id DESC LIMIT %s
            """,
            (limit,),
        )
    else:
        rows = await tx.fetch_all(
            """
            SELECT event_type, guild_id, message, details, created_at FROM operational_events
            WHERE guild_id = %s ORDER BY created_at DESC, id DESC LIMIT %s
            """,
            (guild_id, limit),
        )
    return [EventRow(*row) for row in rows]
