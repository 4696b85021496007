"""What the nicknames of streaks need to know besides the streaks (spec/engagement.md 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.ids import GuildId, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.storage.transaction import Transaction

MOST_GUILDS = 100_000

_TOUCHED = """
    (EXISTS (SELECT FROM bot_settings s
             WHERE s.guild_id = g.guild_id AND s.scope = 'engagement' AND s.key = 'streaks_nicknames')
     OR EXISTS (SELECT FROM settings_history h
                WHERE h.guild_id = g.guild_id AND h.scope = 'engagement' AND h.key = 'streaks_nicknames'))
"""
"""Whether somebody has ever set that nicknames show streaks in the guild ``g``."""


async def pending(
    tx: Transaction, guild_id: GuildId, feature: str, kind: str
) -> dict[UserId, tuple[str | None, datetime]]:
    """Whose nickname is being changed, to what, and until when that is tried."""
    rows = await tx.fetch_all(
        """
        SELECT (payload ->> 'user_id')::bigint, payload ->> 'nick', deadline_at FROM effects
        WHERE guild_id = %s AND feature = %s AND kind = %s AND state = 'pending' ORDER BY id
        """,
        (guild_id, feature, kind),
    )
    return {UserId(user_id): (nick, deadline_at) for user_id, nick, deadline_at in rows}


async def bases(tx: Transaction, guild_id: GuildId, user_ids: Sequence[UserId]) -> dict[UserId, str | None]:
    """The stored names under the suffixes, of those of these members who have a streak."""
    rows = await tx.fetch_all(
        "SELECT user_id, base_nickname FROM engagement_streaks WHERE guild_id = %s AND user_id = ANY(%s)",
        (guild_id, list(user_ids)),
    )
    return {UserId(user_id): base for user_id, base in rows}


async def may_show(tx: Transaction, guild_id: GuildId) -> bool:
    """Whether some nickname of the guild may show a streak."""
    return bool(
        await tx.fetch_value(
            f"""
            SELECT EXISTS (SELECT FROM engagement_streaks WHERE guild_id = g.guild_id) AND {_TOUCHED}
            FROM (SELECT %s::bigint AS guild_id) g
            """,  # noqa: S608 - a constant
            (guild_id,),
        )
    )


async def guilds_that_may_show(tx: Transaction) -> list[GuildId]:
    """The guilds, of all, in which some nickname may show a streak."""
    rows = await tx.fetch_all(
        f"""
        SELECT g.guild_id FROM (SELECT DISTINCT guild_id FROM engagement_streaks) g
        WHERE {_TOUCHED} LIMIT %s
        """,  # noqa: S608 - a constant
        (MOST_GUILDS,),
    )
    return [GuildId(row[0]) for row in rows]
