"""Queries of ``engagement_challenges`` and ``engagement_participants`` (spec/engagement.md 2 and 5.2).

The counts of the message path are written elsewhere (:mod:`alphapy.storage.engagement_rows`); what is here is
written in transactions of the guild's actor, which are begun only once those are stored.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.pure.engagement.challenges import MOST_ACTIVE, Challenge, Ended, Mode, Outcome
from alphapy.pure.ids import ChannelId, GuildId, UserId

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.storage.transaction import Transaction

RESUMED_FOR = timedelta(days=7)
"""How long after its end a challenge is still announced (spec/engagement.md 5.2 and 9)."""

AT_ONCE = 1000
"""Guilds that one look finds."""

# Rows of other programs may hold instants that Python has none for.
_COLUMNS = """
    c.id, c.channel_id, c.mode, c.title,
    CASE WHEN c.started_at BETWEEN '0001-01-02' AND '9999-12-30' THEN c.started_at ELSE 'epoch' END,
    CASE WHEN c.ends_at BETWEEN '0001-01-02' AND '9999-12-30' THEN c.ends_at END
"""
_UNANNOUNCED = """
    NOT c.active AND c.outcome IN ('winner', 'empty') AND c.announced_at IS NULL
    AND c.ended_at BETWEEN %(since)s AND '9999-12-30'
"""


@attrs.frozen
class Active:
    """An active challenge, and how many messages each participant has."""

    challenge: Challenge
    counts: dict[UserId, int]


async def load(tx: Transaction, guild_id: GuildId) -> list[Active]:
    """Every active challenge of a guild, by id."""
    rows = await tx.fetch_all(
        f"SELECT {_COLUMNS} FROM engagement_challenges c WHERE c.guild_id = %s AND c.active ORDER BY c.id",  # noqa: S608 - constants
        (guild_id,),
    )
    found = {row[0]: Active(_challenge(row), {}) for row in rows}
    for challenge_id, user_id, count in await tx.fetch_all(
        """
        SELECT p.challenge_id, p.user_id, p.message_count
        FROM engagement_participants p JOIN engagement_challenges c ON c.id = p.challenge_id
        WHERE c.guild_id = %s AND c.active
        """,
        (guild_id,),
    ):
        if challenge_id in found:
            found[challenge_id].counts[UserId(user_id)] = count
    return list(found.values())


async def unannounced(tx: Transaction, guild_id: GuildId, *, now: datetime) -> list[Ended]:
    """What has ended in the last seven days and was not announced, by id."""
    rows = await tx.fetch_all(
        f"""
        SELECT {_COLUMNS}, c.outcome, c.ended_at, c.winner_id, c.messages_count,
               (SELECT count(*) FROM engagement_participants p WHERE p.challenge_id = c.id)
        FROM engagement_challenges c WHERE c.guild_id = %(guild_id)s AND {_UNANNOUNCED} ORDER BY c.id
        """,  # noqa: S608 - constants
        {"guild_id": guild_id, "since": now - RESUMED_FOR},
    )
    return [
        Ended(
            challenge=_challenge(row),
            outcome=Outcome(row[6]),
            ended_at=row[7],
            winner_id=None if row[8] is None else UserId(row[8]),
            messages=row[9],
            participants=row[10],
        )
        for row in rows
    ]


async def start(
    tx: Transaction,
    guild_id: GuildId,
    *,
    channel_id: ChannelId,
    mode: Mode,
    title: str | None,
    started_at: datetime,
    ends_at: datetime,
) -> Challenge | None:
    """Begin a challenge, or find that it was begun; None where the guild has as many as it may have."""
    begun = await tx.fetch_one(
        f"""
        SELECT {_COLUMNS} FROM engagement_challenges c
        WHERE c.guild_id = %s AND c.active AND c.channel_id = %s AND c.started_at = %s
          AND c.title IS NOT DISTINCT FROM %s AND c.mode = %s
        """,  # noqa: S608 - constants
        (guild_id, channel_id, started_at, title, mode.value),
    )
    if begun is not None:
        return _challenge(begun)
    active = await tx.fetch_value(
        "SELECT count(*) FROM engagement_challenges WHERE guild_id = %s AND active", (guild_id,)
    )
    if active >= MOST_ACTIVE:
        return None
    row = await tx.fetch_one(
        f"""
        INSERT INTO engagement_challenges AS c (guild_id, channel_id, mode, title, started_at, ends_at)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        (guild_id, channel_id, mode.value, title, started_at, ends_at),
    )
    return None if row is None else _challenge(row)


async def change(tx: Transaction, guild_id: GuildId, challenge: Challenge) -> bool:
    """Make an active challenge have this mode, title and end; False where it is not active any more."""
    changed = await tx.execute(
        """
        UPDATE engagement_challenges SET mode = %s, title = %s, ends_at = %s
        WHERE guild_id = %s AND id = %s AND active
        """,
        (challenge.mode.value, challenge.title, challenge.ends_at, guild_id, challenge.id),
    )
    return changed == 1


async def finish(tx: Transaction, guild_id: GuildId, ended: Ended, *, announce: bool) -> bool:
    """End an active challenge; False where it is not active any more.

    Without ``announce`` it counts as announced when it ended, so that nobody announces it later.
    """
    changed = await tx.execute(
        """
        UPDATE engagement_challenges SET active = false, ended_at = %s, outcome = %s, winner_id = %s,
               messages_count = %s, announced_at = %s
        WHERE guild_id = %s AND id = %s AND active
        """,
        (
            ended.ended_at,
            ended.outcome.value,
            ended.winner_id,
            ended.messages,
            None if announce else ended.ended_at,
            guild_id,
            ended.challenge.id,
        ),
    )
    return changed == 1


async def announced(
    tx: Transaction, guild_id: GuildId, challenge_id: int, *, at: datetime, effect_id: int | None = None
) -> None:
    """Note that nobody has to announce it any more; ``effect_id`` is the effect whose message says it."""
    await tx.execute(
        """
        UPDATE engagement_challenges SET announced_at = %(at)s,
            announce_message_id = (SELECT message_id FROM effects WHERE id = %(effect_id)s::bigint)
        WHERE guild_id = %(guild_id)s AND id = %(id)s AND announced_at IS NULL
        """,
        {"at": at, "effect_id": effect_id, "guild_id": guild_id, "id": challenge_id},
    )


async def set_participant(
    tx: Transaction, guild_id: GuildId, challenge_id: int, user_id: UserId, count: int
) -> None:
    """Let a participant of an active challenge have so many messages."""
    await tx.execute(
        """
        INSERT INTO engagement_participants (challenge_id, user_id, message_count)
        SELECT id, %s, %s FROM engagement_challenges WHERE guild_id = %s AND id = %s AND active
        ON CONFLICT (challenge_id, user_id) DO UPDATE SET message_count = EXCLUDED.message_count
        """,
        (user_id, count, guild_id, challenge_id),
    )


async def remove_participant(tx: Transaction, guild_id: GuildId, challenge_id: int, user_id: UserId) -> None:
    """Let somebody take part no more."""
    await tx.execute(
        """
        DELETE FROM engagement_participants p USING engagement_challenges c
        WHERE c.id = p.challenge_id AND c.guild_id = %s AND c.id = %s AND c.active AND p.user_id = %s
        """,
        (guild_id, challenge_id, user_id),
    )


async def exists(tx: Transaction, guild_id: GuildId, challenge_id: int) -> bool:
    """Whether the guild has, or had, a challenge of this id."""
    found = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM engagement_challenges WHERE guild_id = %s AND id = %s)",
        (guild_id, challenge_id),
    )
    return bool(found)


async def due(tx: Transaction, now: datetime, *, grace: timedelta) -> tuple[list[GuildId], datetime | None]:
    """Guilds, of all, with a challenge that is over or to be announced; and when the next one is over.

    ``grace`` is how long after its end a challenge is ended.
    """
    rows = await tx.fetch_all(
        f"""
        SELECT DISTINCT c.guild_id FROM engagement_challenges c
        WHERE (c.active AND (c.ends_at IS NULL OR c.ends_at <= %(ended)s))
           OR ({_UNANNOUNCED} AND NOT EXISTS (
                  SELECT FROM effects e WHERE e.guild_id = c.guild_id AND e.feature = 'engagement'
                  AND e.event_key = 'challenge:' || c.id))
        LIMIT %(limit)s
        """,  # noqa: S608 - constants
        {"ended": now - grace, "since": now - RESUMED_FOR, "limit": AT_ONCE},
    )
    following = await tx.fetch_value(
        """
        SELECT min(ends_at) FROM engagement_challenges
        WHERE active AND ends_at > %s AND ends_at < '9999-01-01'
        """,
        (now - grace,),
    )
    return [GuildId(row[0]) for row in rows], None if following is None else following + grace


def _challenge(row: tuple[Any, ...]) -> Challenge:
    challenge_id, channel_id, mode, title, started_at, ends_at = row[:6]
    return Challenge(
        id=challenge_id,
        channel_id=None if channel_id is None else ChannelId(channel_id),
        mode=Mode.read(mode),
        title=title,
        started_at=started_at,
        ends_at=ends_at,
    )
