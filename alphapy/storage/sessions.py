"""Queries of ``gateway_sessions``, ``gateway_guilds`` and ``event_progress`` (design.md 4, "Progress").

Marks and progress only ever go forward within a session; a row of another session is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId
from alphapy.pure.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen(kw_only=True)
class SessionRow:
    """A gateway session; everything at or below ``mark`` is durable, messages up to ``seen`` among it."""

    shard_id: int
    shard_count: int
    application_id: int
    user_id: int
    session_id: str
    resume_url: str
    mark: int
    seen: int = 0


@attrs.frozen
class GuildRow:
    """A known guild as the guild cache dumps it, after event ``seq``; None while it is awaited."""

    guild_id: GuildId
    seq: int
    data: str | None


@attrs.frozen
class GapRow:
    """A guild in which what came after message ``since`` is to be read back."""

    guild_id: GuildId
    since: int


@attrs.frozen
class ProgressRow:
    """The last event that a feature of a guild has made durable, and the messages that are dealt with.

    ``seq`` 0: nothing in the log, only messages that were read back.
    """

    guild_id: GuildId
    feature: str
    session_id: str
    seq: int
    seen: Seen = attrs.field(factory=Seen)


async def load_sessions(tx: Transaction, application_id: int) -> list[SessionRow]:
    """The sessions of an application, by shard."""
    rows = await tx.fetch_all(
        """
        SELECT shard_id, shard_count, application_id, user_id, session_id, resume_url, mark, seen
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
                (shard_id, shard_count, application_id, user_id, session_id, resume_url, mark, seen)
            VALUES (%(shard_id)s, %(shard_count)s, %(application_id)s, %(user_id)s, %(session_id)s,
                    %(resume_url)s, %(mark)s, %(seen)s)
            ON CONFLICT (shard_id) DO UPDATE SET
                shard_count = EXCLUDED.shard_count, application_id = EXCLUDED.application_id,
                user_id = EXCLUDED.user_id, session_id = EXCLUDED.session_id,
                resume_url = EXCLUDED.resume_url, updated_at = now(),
                mark = CASE WHEN s.session_id = EXCLUDED.session_id
                            THEN greatest(s.mark, EXCLUDED.mark) ELSE EXCLUDED.mark END,
                seen = CASE WHEN s.session_id = EXCLUDED.session_id
                            THEN greatest(s.seen, EXCLUDED.seen) ELSE EXCLUDED.seen END
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


async def replace_guilds(
    tx: Transaction, shard_id: int, guild_ids: Sequence[int], *, gap_since: int | None
) -> None:
    """A new session lists the guilds of its shard: these, and nothing is known of them yet.

    Each has a gap since ``gap_since``, if any, or since the older one that is not closed yet.
    """
    await tx.execute(
        "DELETE FROM gateway_guilds WHERE shard_id = %s AND guild_id <> ALL(%s)", (shard_id, list(guild_ids))
    )
    await tx.execute(
        """
        INSERT INTO gateway_guilds AS g (guild_id, shard_id, seq, data, gap_since)
        SELECT n, %s, 0, NULL, %s::bigint FROM unnest(%s::bigint[]) AS n
        ON CONFLICT (guild_id) DO UPDATE SET
            shard_id = EXCLUDED.shard_id, seq = 0, data = NULL,
            gap_since = least(g.gap_since, EXCLUDED.gap_since)
        """,
        (shard_id, gap_since, list(guild_ids)),
    )


async def load_gaps(tx: Transaction) -> list[GapRow]:
    """The gaps that are not closed, of all shards."""
    rows = await tx.fetch_all(
        "SELECT guild_id, gap_since FROM gateway_guilds WHERE gap_since IS NOT NULL ORDER BY guild_id"
    )
    return [GapRow(GuildId(guild_id), since) for guild_id, since in rows]


async def close_gaps(tx: Transaction, guild_ids: Iterable[int]) -> None:
    """What these guilds missed is read back, or given up."""
    await tx.execute(
        "UPDATE gateway_guilds SET gap_since = NULL WHERE guild_id = ANY(%s) AND gap_since IS NOT NULL",
        (list(guild_ids),),
    )


async def progress(tx: Transaction, guild_id: GuildId, feature: str) -> ProgressRow | None:
    """What a feature of a guild has made durable; None for one that has done nothing so far."""
    row = await tx.fetch_one(
        """
        SELECT session_id, seq, seen_floor, seen_recent, seen_filled FROM event_progress
        WHERE guild_id = %s AND feature = %s
        """,
        (guild_id, feature),
    )
    if row is None:
        return None
    session_id, seq, floor, recent, filled = row
    return ProgressRow(guild_id, feature, session_id, seq, Seen(floor, frozenset(recent), filled))


_MERGED = """
            seen_floor = greatest(p.seen_floor, EXCLUDED.seen_floor),
            seen_recent = ARRAY(
                SELECT DISTINCT m FROM unnest(p.seen_recent || EXCLUDED.seen_recent) AS m
                WHERE m > greatest(p.seen_floor, EXCLUDED.seen_floor) ORDER BY m
            ),
            seen_filled = greatest(p.seen_filled, EXCLUDED.seen_filled), updated_at = now()
"""
"""What is dealt with stays dealt with, in whatever order it is written."""


async def advance(tx: Transaction, row: ProgressRow, *, newest: int = 0) -> bool:
    """Move a feature's progress on, in the transaction that does what the events ask for.

    ``newest`` is the newest message among them; it tells repetitions apart where ``seq`` is 0. False where
    the progress stands there already: then all of that has been done, by an earlier try of the same
    transaction.
    """
    moved = await tx.execute(
        f"""
        INSERT INTO event_progress AS p
            (guild_id, feature, session_id, seq, seen_floor, seen_recent, seen_filled)
        VALUES (%(guild_id)s, %(feature)s, %(session_id)s, %(seq)s, %(floor)s, %(recent)s, %(filled)s)
        ON CONFLICT (guild_id, feature) DO UPDATE SET
            session_id = CASE WHEN EXCLUDED.seq > 0 THEN EXCLUDED.session_id ELSE p.session_id END,
            seq = CASE WHEN EXCLUDED.seq > 0 THEN EXCLUDED.seq ELSE p.seq END,
            {_MERGED}
        WHERE CASE WHEN EXCLUDED.seq > 0 THEN p.session_id <> EXCLUDED.session_id OR p.seq < EXCLUDED.seq
                   ELSE NOT (%(newest)s <= p.seen_floor OR %(newest)s = ANY(p.seen_recent)) END
        """,  # noqa: S608 - constants
        {
            "guild_id": row.guild_id,
            "feature": row.feature,
            "session_id": row.session_id,
            "seq": row.seq,
            "floor": row.seen.floor,
            "recent": sorted(row.seen.recent),
            "filled": row.seen.filled,
            "newest": newest,
        },
    )
    return moved == 1


async def advance_many(tx: Transaction, rows: Sequence[ProgressRow]) -> None:
    """Move the progress of several on, at most one row for each; none goes back."""
    if not rows:
        return
    await tx.execute(
        f"""
        INSERT INTO event_progress AS p
            (guild_id, feature, session_id, seq, seen_floor, seen_recent, seen_filled)
        SELECT n.guild_id, n.feature, n.session_id, n.seq, n.floor, n.recent::bigint[], n.filled
        FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[],
                    %s::bigint[])
             AS n(guild_id, feature, session_id, seq, floor, recent, filled)
        ON CONFLICT (guild_id, feature) DO UPDATE SET
            session_id = CASE WHEN EXCLUDED.seq > 0 THEN EXCLUDED.session_id ELSE p.session_id END,
            seq = CASE WHEN EXCLUDED.seq = 0 THEN p.seq
                       WHEN p.session_id = EXCLUDED.session_id THEN greatest(p.seq, EXCLUDED.seq)
                       ELSE EXCLUDED.seq END,
            {_MERGED}
        """,  # noqa: S608 - constants
        (
            [row.guild_id for row in rows],
            [row.feature for row in rows],
            [row.session_id for row in rows],
            [row.seq for row in rows],
            [row.seen.floor for row in rows],
            ["{" + ",".join(map(str, sorted(row.seen.recent))) + "}" for row in rows],
            [row.seen.filled for row in rows],
        ),
    )
