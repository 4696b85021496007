"""Queries of ``engagement_streaks``; :class:`alphapy.storage.engagement_rows.StreakRow` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.pure.ids import GuildId, UserId
from alphapy.storage.engagement_rows import StreakRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from alphapy.storage.transaction import Transaction


_COLUMNS = "guild_id, user_id, last_day, current_days, base_nickname"


async def latest(tx: Transaction, guild_id: GuildId, *, limit: int) -> list[StreakRow]:
    """The streaks of those who wrote last, the last one first, at most ``limit`` of them."""
    rows = await tx.fetch_all(
        f"""
        SELECT {_COLUMNS} FROM engagement_streaks
        WHERE guild_id = %s ORDER BY last_day DESC NULLS LAST, user_id LIMIT %s
        """,  # noqa: S608 - a constant
        (guild_id, limit),
    )
    return [_streak(row) for row in rows]


async def of_members(tx: Transaction, guild_id: GuildId, user_ids: Collection[UserId]) -> list[StreakRow]:
    """The streaks of those of these members who have one."""
    rows = await tx.fetch_all(
        f"SELECT {_COLUMNS} FROM engagement_streaks WHERE guild_id = %s AND user_id = ANY(%s)",  # noqa: S608 - a constant
        (guild_id, list(user_ids)),
    )
    return [_streak(row) for row in rows]


def _streak(row: tuple[Any, ...]) -> StreakRow:
    guild_id, user_id, last_day, days, base = row
    return StreakRow(
        guild_id=GuildId(guild_id),
        user_id=UserId(user_id),
        last_day=last_day,
        current_days=days,
        base_nickname=base,
    )
