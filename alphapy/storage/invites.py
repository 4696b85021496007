"""Queries of ``invite_tracker`` and ``invite_snapshots`` (spec/engagement.md 2, 4.7 and 5.6).

Who invited how many, and how often each code had been used when that was last looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.invites import Code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

MOST_CODES = 5_000
"""Codes of one guild that are read; Discord allows a guild a thousand invites."""

MOST_USES = 2**31 - 1
"""What the columns hold."""


async def codes(tx: Transaction, guild_id: GuildId) -> dict[str, Code]:
    """What was known of the guild's codes when they were last reckoned, locked until the transaction ends."""
    rows = await tx.fetch_all(
        """
        SELECT code, inviter_id, coalesce(uses, 0), coalesce(max_uses, 0) FROM invite_snapshots
        WHERE guild_id = %s ORDER BY code LIMIT %s FOR UPDATE
        """,
        (guild_id, MOST_CODES),
    )
    return {
        code: Code(code=code, inviter_id=inviter_id, uses=uses, max_uses=max_uses)
        for code, inviter_id, uses, max_uses in rows
    }


async def replace_codes(
    tx: Transaction,
    guild_id: GuildId,
    before: Mapping[str, Code],
    after: Mapping[str, Code],
    *,
    now: datetime,
) -> None:
    """Store what has changed in what is known of the codes."""
    gone = sorted(before.keys() - after.keys())
    if gone:
        await tx.execute(
            "DELETE FROM invite_snapshots WHERE guild_id = %s AND code = ANY(%s)", (guild_id, gone)
        )
    changed = [after[name] for name in sorted(after) if before.get(name) != after[name]]
    if changed:
        await tx.execute(
            """
            INSERT INTO invite_snapshots (guild_id, code, inviter_id, uses, max_uses, updated_at)
            SELECT %(guild_id)s, c.code, c.inviter, c.uses, c.max_uses, %(now)s
            FROM unnest(%(codes)s::text[], %(inviters)s::bigint[], %(uses)s::int[], %(max_uses)s::int[])
                 AS c(code, inviter, uses, max_uses)
            ON CONFLICT (guild_id, code) DO UPDATE
            SET inviter_id = excluded.inviter_id, uses = excluded.uses, max_uses = excluded.max_uses,
                updated_at = excluded.updated_at
            """,
            {
                "guild_id": guild_id,
                "now": now,
                "codes": [code.code for code in changed],
                "inviters": [code.inviter_id for code in changed],
                "uses": [min(code.uses, MOST_USES) for code in changed],
                "max_uses": [min(code.max_uses, MOST_USES) for code in changed],
            },
        )


async def credit(tx: Transaction, guild_id: GuildId, joined: Mapping[int, int]) -> dict[int, int]:
    """Add so many joins to each inviter's count; returns the counts."""
    if not joined:
        return {}
    inviters = sorted(joined)
    rows = await tx.fetch_all(
        """
        INSERT INTO invite_tracker (guild_id, user_id, invite_count)
        SELECT %s, j.inviter, j.joins FROM unnest(%s::bigint[], %s::int[]) AS j(inviter, joins)
        ON CONFLICT (guild_id, user_id)
        DO UPDATE SET invite_count = coalesce(invite_tracker.invite_count, 0) + excluded.invite_count
        RETURNING user_id, invite_count
        """,
        (guild_id, inviters, [joined[inviter] for inviter in inviters]),
    )
    return {row[0]: row[1] for row in rows}


async def set_count(tx: Transaction, guild_id: GuildId, user_id: int, count: int) -> None:
    """Give a member this count."""
    await tx.execute(
        """
        INSERT INTO invite_tracker (guild_id, user_id, invite_count) VALUES (%s, %s, %s)
        ON CONFLICT (guild_id, user_id) DO UPDATE SET invite_count = excluded.invite_count
        """,
        (guild_id, user_id, count),
    )


async def raise_counts(tx: Transaction, guild_id: GuildId, counts: Mapping[int, int]) -> int:
    """Give each of these at least this count; returns how many had less."""
    if not counts:
        return 0
    members = sorted(counts)
    return await tx.execute(
        """
        INSERT INTO invite_tracker (guild_id, user_id, invite_count)
        SELECT %s, c.member, c.joins FROM unnest(%s::bigint[], %s::int[]) AS c(member, joins)
        ON CONFLICT (guild_id, user_id) DO UPDATE SET invite_count = excluded.invite_count
        WHERE coalesce(invite_tracker.invite_count, 0) < excluded.invite_count
        """,
        (guild_id, members, [counts[member] for member in members]),
    )


async def leaders(tx: Transaction, guild_id: GuildId, *, limit: int) -> list[tuple[int, int]]:
    """Those with the highest counts, as member and count; equal counts by id."""
    rows = await tx.fetch_all(
        """
        SELECT user_id, coalesce(invite_count, 0) AS joins FROM invite_tracker
        WHERE guild_id = %s ORDER BY joins DESC, user_id LIMIT %s
        """,
        (guild_id, limit),
    )
    return [(row[0], row[1]) for row in rows]
