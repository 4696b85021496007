"""Queries of the weekly index, its results and their announcement (spec/engagement.md 2, 5.1, 5.3 and 5.4).

Rows of the index are written in groups (:mod:`alphapy.storage.engagement_rows`); what is here is written in
transactions of the guild's actor, which are begun only once those are stored.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.pure.engagement.awards import Filter
from alphapy.pure.engagement.weekly import Win
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.pure.engagement.periods import Period
    from alphapy.storage.transaction import Transaction

AT_ONCE = 1000
"""Guilds that one look finds."""

_COUNTED = {
    Filter.NON_FOOD: "NOT is_food",
    Filter.FOOD: "is_food",
    Filter.IMAGE: "has_image",
}


@attrs.frozen(kw_only=True)
class Week:
    """A week of a guild, and where it was announced; ``announced_at`` is None where it was not."""

    id: int
    computed_at: datetime | None
    announced_at: datetime | None
    channel_id: ChannelId | None
    message_id: MessageId | None


_WEEK = "id, computed_at, announced_at, announce_channel_id, announce_message_id"


@attrs.frozen
class Announced:
    """An effect that announces a week, or announces it anew, and what results it tells."""

    is_pending: bool
    digest: str


# -- the index


async def has_rows(tx: Transaction, guild_id: GuildId) -> bool:
    """Whether anything of the guild is in the index."""
    found = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM engagement_weekly_messages WHERE guild_id = %s)", (guild_id,)
    )
    return bool(found)


async def remove(tx: Transaction, guild_id: GuildId, message_ids: Sequence[int]) -> int:
    """Forget messages; how many were there."""
    return await tx.execute(
        "DELETE FROM engagement_weekly_messages WHERE guild_id = %s AND message_id = ANY(%s)",
        (guild_id, list(message_ids)),
    )


async def react(tx: Transaction, guild_id: GuildId, message_id: int, user_id: int, change: int) -> None:
    """Add to a message's reactions, or take off, never below 0; nothing where its author has reacted."""
    await tx.execute(
        """
        UPDATE engagement_weekly_messages SET reactions_count = greatest(reactions_count + %s, 0)
        WHERE guild_id = %s AND message_id = %s AND user_id <> %s
        """,
        (change, guild_id, message_id, user_id),
    )


async def set_reactions(tx: Transaction, guild_id: GuildId, message_id: int, count: int) -> None:
    """Let a message have so many reactions."""
    await tx.execute(
        "UPDATE engagement_weekly_messages SET reactions_count = %s WHERE guild_id = %s AND message_id = %s",
        (count, guild_id, message_id),
    )


async def author(tx: Transaction, guild_id: GuildId, message_id: int) -> UserId | None:
    """Who has posted a message of the index; None where it is not there."""
    found = await tx.fetch_value(
        "SELECT user_id FROM engagement_weekly_messages WHERE guild_id = %s AND message_id = %s",
        (guild_id, message_id),
    )
    return None if found is None else UserId(found)


async def winner(tx: Transaction, guild_id: GuildId, period: Period, key: str, kind: Filter) -> Win | None:
    """Who has won the award ``key`` of a week, by the index; None where nobody has."""
    if kind is Filter.REACTIONS:
        row = await tx.fetch_one(
            """
            SELECT user_id, reactions_count, message_id FROM engagement_weekly_messages
            WHERE guild_id = %s AND created_at >= %s AND created_at < %s
              AND has_image AND reactions_count >= 1
            ORDER BY reactions_count DESC, created_at, message_id LIMIT 1
            """,
            (guild_id, period.start, period.end),
        )
        return None if row is None else Win(key, UserId(row[0]), row[1], MessageId(row[2]))
    row = await tx.fetch_one(
        f"""
        SELECT user_id, count(*) FROM engagement_weekly_messages
        WHERE guild_id = %s AND created_at >= %s AND created_at < %s AND {_COUNTED[kind]}
        GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1
        """,  # noqa: S608 - constants
        (guild_id, period.start, period.end),
    )
    return None if row is None else Win(key, UserId(row[0]), row[1])


# -- weeks and their results


async def week(tx: Transaction, guild_id: GuildId, period: Period) -> Week:
    """The row of a week, which is made where there is none, and locked."""
    row = await tx.fetch_one(
        f"""
        INSERT INTO engagement_weekly_awards (guild_id, week_start, week_end) VALUES (%s, %s, %s)
        ON CONFLICT (guild_id, week_start, week_end) DO UPDATE SET week_end = excluded.week_end
        RETURNING {_WEEK}
        """,  # noqa: S608 - constants
        (guild_id, period.week_start, period.week_end),
    )
    assert row is not None, "an upsert returns its row"  # noqa: S101
    return _week(row)


async def is_computed(tx: Transaction, guild_id: GuildId, period: Period) -> bool:
    """Whether a week was computed."""
    found = await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM engagement_weekly_awards
            WHERE guild_id = %s AND week_start = %s AND week_end = %s AND computed_at IS NOT NULL
        )
        """,
        (guild_id, period.week_start, period.week_end),
    )
    return bool(found)


async def week_of(tx: Transaction, guild_id: GuildId, week_id: int) -> Week | None:
    """A week by its id, locked; None where the guild has none of this id."""
    row = await tx.fetch_one(
        f"SELECT {_WEEK} FROM engagement_weekly_awards WHERE guild_id = %s AND id = %s FOR UPDATE",  # noqa: S608 - constants
        (guild_id, week_id),
    )
    return None if row is None else _week(row)


async def results(tx: Transaction, guild_id: GuildId, week_id: int) -> dict[str, Win]:
    """What is stored of a week, by award key."""
    rows = await tx.fetch_all(
        """
        SELECT r.award_key, r.user_id, coalesce(r.metric, 0), r.message_id
        FROM engagement_weekly_results r JOIN engagement_weekly_awards w ON w.id = r.week_id
        WHERE w.guild_id = %s AND w.id = %s ORDER BY r.award_key LIMIT 1000
        """,
        (guild_id, week_id),
    )
    return {row[0]: Win(row[0], UserId(row[1]), row[2], row[3] and MessageId(row[3])) for row in rows}


async def replace(
    tx: Transaction, guild_id: GuildId, week_id: int, wins: Mapping[str, Win], *, now: datetime
) -> None:
    """Let a locked week of the guild have these results and their badges, and no others."""
    await tx.execute(
        """
        DELETE FROM engagement_weekly_results r USING engagement_weekly_awards w
        WHERE w.id = r.week_id AND w.guild_id = %s AND w.id = %s
        """,
        (guild_id, week_id),
    )
    found = list(wins.values())
    await tx.execute(
        """
        INSERT INTO engagement_weekly_results (week_id, award_key, user_id, metric, message_id)
        SELECT w.id, n.award_key, n.user_id, n.metric, n.message_id
        FROM unnest(%s::text[], %s::bigint[], %s::integer[], %s::bigint[])
             AS n(award_key, user_id, metric, message_id)
        JOIN engagement_weekly_awards w ON w.guild_id = %s AND w.id = %s
        """,
        (
            [win.award_key for win in found],
            [win.user_id for win in found],
            [win.metric for win in found],
            [win.message_id for win in found],
            guild_id,
            week_id,
        ),
    )
    await _set_badges(tx, guild_id, f"weekly:{week_id}", found, now=now)
    await tx.execute(
        "UPDATE engagement_weekly_awards SET computed_at = %s WHERE guild_id = %s AND id = %s",
        (now, guild_id, week_id),
    )


async def _set_badges(
    tx: Transaction, guild_id: GuildId, source: str, wins: Sequence[Win], *, now: datetime
) -> None:
    parameters = {
        "guild_id": guild_id,
        "source": source,
        "keys": [win.award_key for win in wins],
        "users": [win.user_id for win in wins],
        "now": now,
    }
    await tx.execute(
        """
        DELETE FROM engagement_badges
        WHERE guild_id = %(guild_id)s AND source = %(source)s AND (badge_key, user_id) NOT IN (
            SELECT * FROM unnest(%(keys)s::text[], %(users)s::bigint[])
        )
        """,
        parameters,
    )
    await tx.execute(
        """
        INSERT INTO engagement_badges (guild_id, user_id, badge_key, source, assigned_at)
        SELECT %(guild_id)s, n.user_id, n.badge_key, %(source)s, %(now)s
        FROM unnest(%(keys)s::text[], %(users)s::bigint[]) AS n(badge_key, user_id)
        ON CONFLICT (guild_id, user_id, badge_key, source) WHERE source IS NOT NULL DO NOTHING
        """,
        parameters,
    )


async def due(tx: Transaction, period: Period) -> list[GuildId]:
    """Guilds, of all, that seem to have the awards on and this week not computed, in no order.

    In no order, so that guilds in which nothing can be done hold up no others.
    """
    rows = await tx.fetch_all(
        """
        SELECT s.guild_id FROM bot_settings s
        WHERE s.scope = 'engagement' AND s.key = 'weekly_enabled'
          AND lower(btrim(s.value::text, '" \\')) IN ('true', '1', 'yes', 'on')
          AND NOT EXISTS (
              SELECT FROM bot_settings m
              WHERE m.guild_id = s.guild_id AND m.scope = 'engagement' AND m.key = 'enabled'
                AND m.value = 'false'
          )
          AND NOT EXISTS (
              SELECT FROM engagement_weekly_awards w
              WHERE w.guild_id = s.guild_id AND w.week_start = %s AND w.week_end = %s
                AND w.computed_at IS NOT NULL
          )
        ORDER BY random() LIMIT %s
        """,
        (period.week_start, period.week_end, AT_ONCE),
    )
    return [GuildId(row[0]) for row in rows]


# -- announcements


async def announcements(tx: Transaction, guild_id: GuildId, feature: str, week_id: int) -> list[Announced]:
    """The effects that tell, or have told, of a week, the newest first; refused ones are left out."""
    rows = await tx.fetch_all(
        """
        SELECT state = 'pending', coalesce(payload -> 'about' ->> 'digest', '') FROM effects
        WHERE guild_id = %s AND feature = %s AND state IN ('pending', 'done')
          AND payload -> 'about' ->> 'part' = 'weekly' AND payload -> 'about' ->> 'tells' = %s
        ORDER BY id DESC LIMIT 50
        """,
        (guild_id, feature, str(week_id)),
    )
    return [Announced(is_pending, digest) for is_pending, digest in rows]


async def is_recorded(tx: Transaction, guild_id: GuildId, feature: str, event_key: str) -> bool:
    """Whether there is, or was lately, an effect of this key."""
    found = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM effects WHERE guild_id = %s AND feature = %s AND event_key = %s)",
        (guild_id, feature, event_key),
    )
    return bool(found)


async def latest_effect(tx: Transaction, guild_id: GuildId, feature: str) -> int:
    """The id of the newest effect there is; 0 without one. Each that is recorded makes it another."""
    found = await tx.fetch_value(
        "SELECT max(id) FROM effects WHERE guild_id = %s AND feature = %s", (guild_id, feature)
    )
    return found or 0


async def is_moving(tx: Transaction, guild_id: GuildId, feature: str, week_id: int) -> bool:
    """Whether an effect that moves a week's roles is pending."""
    found = await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM effects WHERE guild_id = %s AND feature = %s AND state = 'pending'
              AND payload -> 'about' ->> 'part' = 'weekly' AND payload -> 'about' ->> 'moves' = %s
        )
        """,
        (guild_id, feature, str(week_id)),
    )
    return bool(found)


async def message_of(tx: Transaction, guild_id: GuildId, effect_id: int) -> MessageId | None:
    """The message that a closed effect made or edited; None where there is none."""
    found = await tx.fetch_value(
        "SELECT message_id FROM effects WHERE guild_id = %s AND id = %s", (guild_id, effect_id)
    )
    return None if found is None else MessageId(found)


async def set_announced(
    tx: Transaction,
    guild_id: GuildId,
    week_id: int,
    *,
    now: datetime,
    channel_id: ChannelId,
    message_id: MessageId,
) -> None:
    """Note where a week is announced."""
    await tx.execute(
        """
        UPDATE engagement_weekly_awards
        SET announced_at = %s, announce_channel_id = %s, announce_message_id = %s
        WHERE guild_id = %s AND id = %s
        """,
        (now, channel_id, message_id, guild_id, week_id),
    )


def _week(row: tuple[Any, ...]) -> Week:
    week_id, computed_at, announced_at, channel_id, message_id = row
    return Week(
        id=week_id,
        computed_at=computed_at,
        announced_at=announced_at,
        channel_id=None if channel_id is None else ChannelId(channel_id),
        message_id=None if message_id is None else MessageId(message_id),
    )
