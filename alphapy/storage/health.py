"""Queries of ``health_check_history``: what ``GET /api/health`` answered (spec/schema.md 2.6 and 5.6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen(kw_only=True)
class HealthRow:
    """One answer; None where it was not known. The fields are the columns, in the order of the reply."""

    service: str
    version: str
    uptime_seconds: int
    db_status: str
    guild_count: int | None
    active_commands_24h: int | None
    gpt_status: str | None
    database_pool_size: int | None
    checked_at: datetime


async def insert_many(tx: Transaction, rows: Sequence[HealthRow]) -> None:
    """Store rows in one statement, in their order and with their own times."""
    await tx.execute(
        """
        INSERT INTO health_check_history
            (service, version, uptime_seconds, db_status, guild_count, active_commands_24h, gpt_status,
             database_pool_size, checked_at)
        SELECT service, version, uptime_seconds, db_status, guild_count, active_commands_24h, gpt_status,
               database_pool_size, checked_at
        FROM unnest(
            %s::text[], %s::text[], %s::integer[], %s::text[], %s::integer[], %s::integer[], %s::text[],
            %s::integer[], %s::timestamptz[]
        ) WITH ORDINALITY AS entry
            (service, version, uptime_seconds, db_status, guild_count, active_commands_24h, gpt_status,
             database_pool_size, checked_at, position)
        ORDER BY position
        """,
        (
            [row.service for row in rows],
            [row.version for row in rows],
            [row.uptime_seconds for row in rows],
            [row.db_status for row in rows],
            [row.guild_count for row in rows],
            [row.active_commands_24h for row in rows],
            [row.gpt_status for row in rows],
            [row.database_pool_size for row in rows],
            [row.checked_at for row in rows],
        ),
    )


async def contains(tx: Transaction, row: HealthRow) -> bool:
    """Whether a row of this service and instant is stored; tells what became of a commit in doubt."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM health_check_history WHERE service = %s AND checked_at = %s)",
            (row.service, row.checked_at),
        )
    )


async def since(tx: Transaction, instant: datetime, *, limit: int) -> list[HealthRow]:
    """The newest ``limit`` rows that are not older than ``instant``, newest first."""
    rows = await tx.fetch_all(
        """
        SELECT service, version, uptime_seconds, db_status, guild_count, active_commands_24h, gpt_status,
               database_pool_size, checked_at
        FROM health_check_history WHERE checked_at >= %s ORDER BY checked_at DESC, id DESC LIMIT %s
        """,
        (instant, limit),
    )
    names = [field.name for field in attrs.fields(HealthRow)]
    return [HealthRow(**dict(zip(names, row, strict=True))) for row in rows]


async def delete_before(tx: Transaction, instant: datetime, *, limit: int) -> int:
    """Delete at most ``limit`` rows older than ``instant``, the oldest first; how many were deleted."""
    return await tx.execute(
        """
        DELETE FROM health_check_history WHERE id IN (
            SELECT id FROM health_check_history WHERE checked_at < %s ORDER BY checked_at LIMIT %s
        )
        """,
        (instant, limit),
    )
