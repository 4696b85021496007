"""Queries of ``gateway_sessions``, ``gateway_guilds`` and ``event_progress`` (design.md 4, "Progress").

Marks and progress only ever go forward within a session; a row of another session is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen(kw_only=True)
class SessionRow:
    """A gateway session; everything at or below ``mark`` is durable."""

    shard_id: int
    shard_count: int
    application_id: int
    user_id: int
    session_id: str
    resume_url: str
    mark: int


@attrs.frozen
class GuildRow:
    """A known guild as the guild cache dumps it, after event ``seq``; None while it is awaited."""

    guild_id: GuildId
    seq: int
    data: str | None


@attrs.frozen
class ProgressRow:
    """The last event that a feature of a guild has made durable."""

    guild_id: GuildId
    feature: str
    session_id: str
    seq: int


async def load_sessions(tx: Transaction, application_id: int) -> list[SessionRow]:
    """The sessions of an application, by shard."""
    rows = await tx.fetch_all(
        """
        SELECT shard_id, shard_count, application_id, user_id, session_id, resume_url, mark
        FROM gateway_sessions WHERE application_id = %s ORDER BY shard_id
        """,
        (application_id,),
    )
    names = [field.name for field in attrs.fields(SessionRow)]
    return [SessionRow(**dict(zip(names, row, strict=True))) for row in rows]


async def save_sessions(tx: Transaction, rows: Iterable[SessionRow]) -> None:
    """Store sessions and their marks."""
    for row in rows:
        await tx.execute(
            """
            INSERT INTO gateway_sessions AS s
                (shard_id, shard_count, application_id, user_id, session_id, resume_url, mark)
            VALUES (%(shard_id)s, %(shard_count)s, %(application_id)s, %(user_id)s, %(session_id)s,
                    %(resume_url)s, %(mark)s)
            ON CONFLICT (shard_id) DO UPDATE SET
                shard_count = EXCLUDED.shard_count, application_id = EXCLUDED.application_id,
                user_id = EXCLUDED.user_id, session_id = EXCLUDED.session_id,
                resume_url = EXCLUDED.resume_url, updated_at = now(),
                mark = CASE WHEN s.session_id = EXCLUDED.session_id
                            THEN greatest(s.mark, EXCLUDED.mark) ELSE EXCLUDED.mark END
            """,
            attrs.asdict(row),
        )


async def forget_sessions(tx: Transaction, shard_ids: Sequence[int]) -> None:
    """Forget the sessions of these shards, so that the next start begins new ones."""
    await tx.execute("DELETE FROM gateway_sessions WHERE shard_id = ANY(%s)", (list(shard_ids),))


async def load_guilds(tx: Transaction, *, shard_id: int, after: int, limit: int) -> list[GuildRow]:
    """The known guilds of a shard with an id above ``after``, by id."""
    rows = await tx.fetch_all(
        """
        SELECT guild_id, seq, data FROM gateway_guilds
        WHERE shard_id = %s AND guild_id > %s ORDER BY guild_id LIMIT %s
        """,
        (shard_id, after, limit),
    )
    return [GuildRow(*row) for row in rows]


async def save_guilds(tx: Transaction, shard_id: int, rows: Sequence[GuildRow]) -> None:
    """Store what is known of these guilds."""
    await tx.execute(
        """
        INSERT INTO gateway_guilds (guild_id, shard_id, seq, data)
        SELECT g.id, %s, g.seq, g.data FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS g(id, seq, data)
        ON CONFLICT (guild_id) DO UPDATE SET
            shard_id = EXCLUDED.shard_id, seq = EXCLUDED.seq, data = EXCLUDED.data
        """,
        (shard_id, [row.guild_id for row in rows], [row.seq for row in rows], [row.data for row in rows]),
    )


async def forget_guilds(tx: Transaction, guild_ids: Iterable[int]) -> None:
    """The bot is not in these guilds any more."""
    await tx.execute("DELETE FROM gateway_guilds WHERE guild_id = ANY(%s)", (list(guild_ids),))


async def replace_guilds(tx: Transaction, shard_id: int, guild_ids: Sequence[int]) -> None:
    """A new session lists the guilds of its shard: these, and nothing is known of them yet."""
    await tx.execute("DELETE FROM gateway_guilds WHERE shard_id = %s", (shard_id,))
    await tx.execute(
        """
        INSERT INTO gateway_guilds (guild_id, shard_id, seq, data)
        SELECT g, %s, 0, NULL FROM unnest(%s::bigint[]) AS g
        ON CONFLICT (guild_id) DO UPDATE SET shard_id = EXCLUDED.shard_id, seq = 0, data = NULL
        """,
        (shard_id, list(guild_ids)),
    )


async def progress(tx: Transaction, guild_id: GuildId, feature: str) -> tuple[str, int] | None:
    """Session and number of the last event that a feature of a guild has made durable."""
    row = await tx.fetch_one(
        "SELECT session_id, seq FROM event_progress WHERE guild_id = %s AND feature = %s",
        (guild_id, feature),
    )
    return None if row is None else (row[0], row[1])


async def advance(tx: Transaction, row: ProgressRow) -> bool:
    """Move a feature's progress on, in the transaction that does what the event asks for.

    False where it stands there already: then all of that has been done, by an earlier try of the same
    transaction.
    """
    return await advance_many(tx, [row]) == 1


async def advance_many(tx: Transaction, rows: Sequence[ProgressRow]) -> int:
    """Move the progress of several on, at most one row for each; how many have moved."""
    return await tx.execute(
        """
        INSERT INTO event_progress AS p (guild_id, feature, session_id, seq)
        SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[])
        ON CONFLICT (guild_id, feature) DO UPDATE SET
            session_id = EXCLUDED.session_id, seq = EXCLUDED.seq, updated_at = now()
        WHERE p.session_id <> EXCLUDED.session_id OR p.seq < EXCLUDED.seq
        """,
        (
            [row.guild_id for row in rows],
            [row.feature for row in rows],
            [row.session_id for row in rows],
            [row.seq for row in rows],
        ),
    )
