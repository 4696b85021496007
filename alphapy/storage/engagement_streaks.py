"""Queries of ``engagement_streaks``; :class:`alphapy.storage.engagement_rows.StreakRow` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.ids import GuildId, UserId
from alphapy.storage.engagement_rows import StreakRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from alphapy.storage.transaction import Transaction


async def of_members(tx: Transaction, guild_id: GuildId, user_ids: Collection[UserId]) -> list[StreakRow]:
    """The streaks of those of these members who have one."""
    rows = await tx.fetch_all(
        """
        SELECT guild_id, user_id, last_day, current_days, base_nickname FROM engagement_streaks
        WHERE guild_id = %s AND user_id = ANY(%s)
        """,
        (guild_id, list(user_ids)),
    )
    return [
        StreakRow(
            guild_id=GuildId(guild),
            user_id=UserId(user_id),
            last_day=last_day,
            current_days=days,
            base_nickname=base,
        )
        for guild, user_id, last_day, days, base in rows
    ]
