"""What the dashboard reads of a guild's engagement (spec/engagement.md 7)."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

HISTORY = 10
"""Challenges that are over, the newest."""

MOST_ACTIVE_SHOWN = 100
"""Active challenges: ten times as many as a guild may start."""

MOST_RESULTS = 100
"""Results of a week: ten times as many as there are awards."""

# Rows of other programs may hold instants that Python has none for.
_FINITE = "CASE WHEN {0} BETWEEN '0001-01-02' AND '9999-12-30' THEN {0} END"
_STARTED, _ENDS, _ENDED = (_FINITE.format(f"c.{name}") for name in ("started_at", "ends_at", "ended_at"))
_PARTICIPANTS = "(SELECT count(*) FROM engagement_participants p WHERE p.challenge_id = c.id)"


@attrs.frozen
class ChallengeFacts:
    """A challenge with how many take, or took, part."""

    id: int
    title: str | None
    mode: str
    channel_id: int | None
    started_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    winner_id: int | None
    outcome: str | None
    participants: int


@attrs.frozen
class Result:
    """An award of a week."""

    award_key: str
    user_id: int
    metric: int


@attrs.frozen
class Week:
    """A week of awards."""

    id: int
    week_start: date
    week_end: date
    results: tuple[Result, ...]


@attrs.frozen(kw_only=True)
class Overview:
    """All of it, as of one moment."""

    active: tuple[ChallengeFacts, ...]
    history: tuple[ChallengeFacts, ...]
    og_claims: int
    og_setup: tuple[int | None, int | None] | None
    """Message and channel."""
    badges: int
    streaks: int
    max_streak: int
    latest_week: Week | None


async def overview(tx: Transaction, guild_id: GuildId) -> Overview:
    """Everything that the dashboard shows of a guild."""
    counts = await tx.fetch_one(
        """
        SELECT (SELECT count(*) FROM engagement_og_claims WHERE guild_id = %(guild_id)s),
               (SELECT count(*) FROM engagement_badges WHERE guild_id = %(guild_id)s),
               (SELECT count(*) FROM engagement_streaks WHERE guild_id = %(guild_id)s),
               (SELECT coalesce(max(current_days), 0) FROM engagement_streaks WHERE guild_id = %(guild_id)s)
        """,
        {"guild_id": guild_id},
    )
    claims, badges, streaks, longest = counts or (0, 0, 0, 0)
    setup = await tx.fetch_one(
        "SELECT message_id, channel_id FROM engagement_og_setup WHERE guild_id = %s", (guild_id,)
    )
    return Overview(
        active=await _challenges(tx, guild_id, active=True),
        history=await _challenges(tx, guild_id, active=False),
        og_claims=claims,
        og_setup=None if setup is None else (setup[0], setup[1]),
        badges=badges,
        streaks=streaks,
        max_streak=longest,
        latest_week=await _latest_week(tx, guild_id),
    )


async def _challenges(tx: Transaction, guild_id: GuildId, *, active: bool) -> tuple[ChallengeFacts, ...]:
    order = "c.started_at DESC, c.id DESC" if active else "c.ended_at DESC NULLS LAST, c.id DESC"
    rows = await tx.fetch_all(
        _SELECT_CHALLENGES + f"WHERE c.guild_id = %s AND c.active = %s ORDER BY {order} LIMIT %s",
        (guild_id, active, MOST_ACTIVE_SHOWN if active else HISTORY),
    )
    return tuple(ChallengeFacts(*row) for row in rows)


_SELECT_CHALLENGES = f"""
    SELECT c.id, c.title, c.mode, c.channel_id, {_STARTED}, {_ENDS}, {_ENDED}, c.winner_id, c.outcome,
           {_PARTICIPANTS}
    FROM engagement_challenges c
"""  # noqa: S608 - constants


async def _latest_week(tx: Transaction, guild_id: GuildId) -> Week | None:
    week = await tx.fetch_one(
        """
        SELECT id, week_start, week_end FROM engagement_weekly_awards
        WHERE guild_id = %s AND week_start < 'infinity' AND week_end < 'infinity'
        ORDER BY week_start DESC, week_end DESC LIMIT 1
        """,
        (guild_id,),
    )
    if week is None:
        return None
    rows = await tx.fetch_all(
        """
        SELECT award_key, user_id, coalesce(metric, 0) FROM engagement_weekly_results
        WHERE week_id = %s ORDER BY award_key LIMIT %s
        """,
        (week[0], MOST_RESULTS),
    )
    week_id, week_start, week_end = week
    return Week(week_id, week_start, week_end, tuple(Result(*row) for row in rows))


async def challenge(tx: Transaction, guild_id: GuildId, challenge_id: int) -> ChallengeFacts | None:
    """One challenge of the guild."""
    row = await tx.fetch_one(
        _SELECT_CHALLENGES + "WHERE c.guild_id = %s AND c.id = %s", (guild_id, challenge_id)
    )
    return None if row is None else ChallengeFacts(*row)


async def participants(
    tx: Transaction, guild_id: GuildId, challenge_id: int, *, limit: int
) -> list[tuple[int, int]]:
    """The first participants of a challenge with their counts: the highest first, then the lowest id."""
    rows: list[tuple[Any, ...]] = await tx.fetch_all(
        """
        SELECT p.user_id, p.message_count
        FROM engagement_participants p JOIN engagement_challenges c ON c.id = p.challenge_id
        WHERE c.guild_id = %s AND c.id = %s ORDER BY p.message_count DESC, p.user_id LIMIT %s
        """,
        (guild_id, challenge_id, limit),
    )
    return [(user_id, count) for user_id, count in rows]
