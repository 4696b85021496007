"""Queries of ``automod_mutes``: who carries a mute role until when (spec/moderation.md 2.1 and 5.10)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction


@attrs.frozen(kw_only=True)
class Mute:
    """A member's timed mute."""

    user_id: int
    role_id: int
    expires_at: datetime
    created_at: datetime


async def of_guild(tx: Transaction, guild_id: GuildId) -> list[Mute]:
    """The guild's mutes, the next to end first."""
    rows = await tx.fetch_all(
        """
        SELECT user_id, role_id, expires_at, coalesce(created_at, 'epoch') FROM automod_mutes
        WHERE guild_id = %s ORDER BY expires_at LIMIT 10000
        """,
        (guild_id,),
    )
    return [
        Mute(user_id=user_id, role_id=role_id, expires_at=expires_at, created_at=created_at)
        for user_id, role_id, expires_at, created_at in rows
    ]


async def extend(
    tx: Transaction, guild_id: GuildId, user_id: int, role_id: int, until: datetime, *, log_id: int | None
) -> None:
    """Let a mute begin, or last at least until then."""
    await tx.execute(
        """
        INSERT INTO automod_mutes (guild_id, user_id, role_id, expires_at, log_id) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (guild_id, user_id, role_id)
        DO UPDATE SET expires_at = greatest(automod_mutes.expires_at, excluded.expires_at),
            log_id = excluded.log_id
        """,
        (guild_id, user_id, role_id, until, log_id),
    )


async def end(tx: Transaction, guild_id: GuildId, user_id: int, role_id: int | None = None) -> list[int]:
    """Forget a member's mutes, or the one with this role; returns the roles."""
    rows = await tx.fetch_all(
        """
        DELETE FROM automod_mutes
        WHERE guild_id = %(guild)s AND user_id = %(user)s AND (%(role)s::bigint IS NULL OR role_id = %(role)s)
        RETURNING role_id
        """,
        {"guild": guild_id, "user": user_id, "role": role_id},
    )
    return [row[0] for row in rows]


async def end_due(tx: Transaction, guild_id: GuildId, *, now: datetime) -> list[tuple[int, int]]:
    """Forget the guild's mutes that are over; returns member and role of each."""
    rows = await tx.fetch_all(
        "DELETE FROM automod_mutes WHERE guild_id = %s AND expires_at <= %s RETURNING user_id, role_id",
        (guild_id, now),
    )
    return [(row[0], row[1]) for row in rows]


async def due(tx: Transaction, *, now: datetime, limit: int) -> list[GuildId]:
    """The guilds, of all, with mutes that are over."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT guild_id FROM automod_mutes WHERE expires_at <= %s LIMIT %s", (now, limit)
    )
    return [GuildId(row[0]) for row in rows]


async def next_end(tx: Transaction) -> datetime | None:
    """When the next mute of any guild ends."""
    found: datetime | None = await tx.fetch_value("SELECT min(expires_at) FROM automod_mutes")
    return found
