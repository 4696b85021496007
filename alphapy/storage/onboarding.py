"""Queries of ``onboarding`` (spec/onboarding.md 2): what members answered when they came.

``timestamp`` has no zone and holds UTC.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.pure.ids import GuildId, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.pure.onboarding_log import Record
    from alphapy.storage.transaction import Transaction


@attrs.frozen
class Row:
    """One member's answers in one guild; ``responses`` as they are stored, ``at`` None where unknown."""

    guild_id: GuildId
    user_id: UserId
    responses: Any
    at: datetime | None


async def page(tx: Transaction, after: tuple[int, int], *, limit: int) -> list[Row]:
    """The rows of all guilds behind this (guild, user), by guild and user; at most ``limit``."""
    rows = await tx.fetch_all(
        """
        SELECT guild_id, user_id, responses,
               CASE WHEN "timestamp" BETWEEN '0001-01-02' AND '9999-12-30' THEN "timestamp" END
        FROM onboarding WHERE (guild_id, user_id) > (%s, %s) ORDER BY guild_id, user_id LIMIT %s
        """,
        (*after, limit),
    )
    return [
        Row(GuildId(guild), UserId(user), responses, None if at is None else at.replace(tzinfo=UTC))
        for guild, user, responses, at in rows
    ]


async def take_over(tx: Transaction, guild_id: GuildId, records: Sequence[Record]) -> int:
    """Store answers that were told of, unless newer ones are stored; how many were. One for each user.

    The questions beside older answers go, since these answers name theirs themselves.
    """
    if not records:
        return 0
    return await tx.execute(
        """
        INSERT INTO onboarding AS stored (guild_id, user_id, responses, "timestamp")
        SELECT %s, told.user_id, told.responses::jsonb, told.at
        FROM unnest(%s::bigint[], %s::text[], %s::timestamp[]) AS told (user_id, responses, at)
        ON CONFLICT (guild_id, user_id) DO UPDATE
        SET responses = excluded.responses, "timestamp" = excluded."timestamp", questions = NULL
        WHERE stored."timestamp" IS NULL OR stored."timestamp" <= excluded."timestamp"
        """,
        (
            guild_id,
            [record.user_id for record in records],
            [json.dumps(dict(record.responses), ensure_ascii=False) for record in records],
            [record.at.astimezone(UTC).replace(tzinfo=None) for record in records],
        ),
    )
