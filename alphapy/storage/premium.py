"""Queries of ``premium_subs``: which guilds have premium (spec/moderation.md, "Words used here")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction


async def is_premium(tx: Transaction, guild_id: GuildId, *, now: datetime) -> bool:
    """Whether somebody's active subscription is for this guild."""
    found = await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM premium_subs
            WHERE guild_id = %s AND status = 'active' AND (expires_at IS NULL OR expires_at > %s)
        )
        """,
        (guild_id, now),
    )
    return bool(found)
