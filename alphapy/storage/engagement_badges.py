"""Queries of ``engagement_badges`` (spec/engagement.md 2, 4.2 and 5.2 to 5.4).

A badge that the bot grants has a source and exists once for it; one that a person grants has none, and may be
granted again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.engagement.badges import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.transaction import Transaction

MOST_LISTED = 200
"""Keys of one member that are read for a list, which has room for fewer."""


async def grant(
    tx: Transaction, guild_id: GuildId, user_id: UserId, key: str, *, source: str | None, at: datetime
) -> bool:
    """Grant a badge; False where it was granted for this source before."""
    changed = await tx.execute(
        """
        INSERT INTO engagement_badges (guild_id, user_id, badge_key, source, assigned_at)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (guild_id, user_id, badge_key, source) WHERE source IS NOT NULL DO NOTHING
        """,
        (guild_id, user_id, key, source, at),
    )
    return changed == 1


async def grants(tx: Transaction, guild_id: GuildId, user_id: UserId) -> list[Grant]:
    """A member's badges by key, the latest grant first."""
    rows = await tx.fetch_all(
        """
        SELECT badge_key, count(*), max(assigned_at) FROM engagement_badges
        WHERE guild_id = %s AND user_id = %s GROUP BY badge_key
        ORDER BY max(assigned_at) DESC, badge_key LIMIT %s
        """,
        (guild_id, user_id, MOST_LISTED),
    )
    return [Grant(key, count, latest_at) for key, count, latest_at in rows]
