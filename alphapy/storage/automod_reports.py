"""Queries that read the books of auto-moderation: for commands, the dashboard, and what is due."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId
from alphapy.storage.automod import LOGGED_COLUMNS, Logged, read_logged

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction


DEGRADED_RULE = "degraded_rule_id"
"""What names, in an operational event, the rule that cannot work."""


@attrs.frozen(kw_only=True)
class LogFilter:
    """Which rows of the log are wanted."""

    since: datetime
    limit: int
    user_id: int | None = None
    rule_id: int | None = None
    action: str | None = None
    appeal_status: str | None = None


@attrs.frozen(kw_only=True)
class Top:
    """A rule and how often it was broken; ``rule_id`` None where it was deleted."""

    rule_id: int | None
    name: str
    rule_type: str
    count: int


@attrs.frozen(kw_only=True)
class Statistics:
    """The figures of ``/automod stats``. ``reaction_ms`` is the mean, None where nothing was measured."""

    total: int
    users: int
    top: tuple[Top, ...]
    by_day: tuple[tuple[date, int], ...]
    triggers: int
    false_positives: int
    reaction_ms: float | None


@attrs.frozen(kw_only=True)
class Totals:
    """The figures of the dashboard (spec/moderation.md 7, "Stats")."""

    total: int
    today: int
    week: int
    top: tuple[Top, ...]


@attrs.frozen(kw_only=True)
class Notice:
    """A notice in a channel that is still to be removed."""

    effect_id: int
    channel_id: int
    message_id: int
    posted_at: datetime


async def read_logs(tx: Transaction, guild_id: GuildId, wanted: LogFilter) -> list[Logged]:
    """The rows that fit, newest first."""
    rows = await tx.fetch_all(
        f"""
        SELECT {LOGGED_COLUMNS} FROM automod_logs
        WHERE guild_id = %(guild)s AND timestamp >= %(since)s
          AND (%(user)s::bigint IS NULL OR user_id = %(user)s)
          AND (%(rule)s::int IS NULL OR rule_id = %(rule)s)
          AND (%(action)s::text IS NULL OR action_taken = %(action)s)
          AND (%(appeal)s::text IS NULL OR coalesce(appeal_status, 'none') = %(appeal)s)
        ORDER BY timestamp DESC, id DESC LIMIT %(limit)s
        """,  # noqa: S608 - constants
        {
            "guild": guild_id,
            "since": wanted.since,
            "user": wanted.user_id,
            "rule": wanted.rule_id,
            "action": wanted.action,
            "appeal": wanted.appeal_status,
            "limit": wanted.limit,
        },
    )
    return [read_logged(row) for row in rows]


async def statistics(tx: Transaction, guild_id: GuildId, *, days: int, now: datetime) -> Statistics:
    """What happened in the last days."""
    since = now - timedelta(days=days)
    first_day = now.date() - timedelta(days=days - 1)
    counted = await tx.fetch_one(
        """
        SELECT coalesce(sum(triggers_count), 0), coalesce(sum(false_positives), 0),
               sum(avg_response_time * triggers_count) / nullif(sum(triggers_count)
                   FILTER (WHERE avg_response_time IS NOT NULL), 0)
        FROM automod_stats WHERE guild_id = %s AND date >= %s
        """,
        (guild_id, first_day),
    )
    by_day = await tx.fetch_all(
        """
        SELECT date, sum(triggers_count) FROM automod_stats WHERE guild_id = %s AND date >= %s
        GROUP BY date ORDER BY date
        """,
        (guild_id, first_day),
    )
    seen = await tx.fetch_one(
        "SELECT count(*), count(DISTINCT user_id) FROM automod_logs WHERE guild_id = %s AND timestamp >= %s",
        (guild_id, since),
    )
    triggers, false_positives, reaction = counted or (0, 0, None)
    total, users = seen or (0, 0)
    return Statistics(
        total=total,
        users=users,
        top=await _top(tx, guild_id, since),
        by_day=tuple((day, int(count or 0)) for day, count in by_day),
        triggers=int(triggers),
        false_positives=int(false_positives),
        reaction_ms=None if reaction is None else float(reaction),
    )


async def totals(tx: Transaction, guild_id: GuildId, *, now: datetime) -> Totals:
    """The figures of the dashboard."""
    row = await tx.fetch_one(
        """
        SELECT count(*), count(*) FILTER (WHERE timestamp >= %s), count(*) FILTER (WHERE timestamp >= %s)
        FROM automod_logs WHERE guild_id = %s
        """,
        (now - timedelta(days=1), now - timedelta(days=7), guild_id),
    )
    total, today, week = row or (0, 0, 0)
    return Totals(total=total, today=today, week=week, top=await _top(tx, guild_id, now - timedelta(days=7)))


async def _top(tx: Transaction, guild_id: GuildId, since: datetime) -> tuple[Top, ...]:
    rows = await tx.fetch_all(
        """
        SELECT l.rule_id, coalesce(r.name, l.context -> '_meta' ->> 'rule_name', 'deleted rule'),
               coalesce(r.rule_type, l.context -> '_meta' ->> 'rule_type', 'unknown'), count(*)
        FROM automod_logs AS l LEFT JOIN automod_rules AS r ON r.id = l.rule_id
        WHERE l.guild_id = %s AND l.timestamp >= %s
        GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1 LIMIT 5
        """,
        (guild_id, since),
    )
    return tuple(
        Top(rule_id=rule_id, name=name, rule_type=rule_type, count=count)
        for rule_id, name, rule_type, count in rows
    )


async def warned_since(
    tx: Transaction, guild_id: GuildId, user_ids: list[int], *, since: datetime
) -> frozenset[int]:
    """Which of these members were warned since then."""
    rows = await tx.fetch_all(
        """
        SELECT DISTINCT (payload ->> 'user_id')::bigint FROM effects
        WHERE guild_id = %s AND feature = 'automod' AND kind = 'send_direct' AND created_at >= %s
          AND payload -> 'about' ->> 'step' = 'warn' AND (payload ->> 'user_id')::bigint = ANY(%s)
        """,
        (guild_id, since, user_ids),
    )
    return frozenset(row[0] for row in rows)


_NOTICES = """
    FROM effects AS e
    WHERE e.feature = 'automod' AND e.kind = 'send_message' AND e.state = 'done' AND e.message_id IS NOT NULL
      AND e.payload -> 'about' -> 'notice' = 'true'
      AND NOT EXISTS (
          SELECT FROM effects AS r WHERE r.guild_id = e.guild_id AND r.feature = e.feature
            AND r.event_key = 'unnotice:' || e.id
      )
"""


async def notices(tx: Transaction, guild_id: GuildId) -> list[Notice]:
    """The guild's notices that stand in channels."""
    rows = await tx.fetch_all(
        f"""
        SELECT e.id, (e.payload ->> 'channel_id')::bigint, e.message_id, e.done_at {_NOTICES}
          AND e.guild_id = %s ORDER BY e.id LIMIT 1000
        """,
        (guild_id,),
    )
    return [
        Notice(effect_id=effect_id, channel_id=channel_id, message_id=message_id, posted_at=posted_at)
        for effect_id, channel_id, message_id, posted_at in rows
    ]


async def guilds_with_notices(tx: Transaction, *, before: datetime, limit: int) -> list[GuildId]:
    """The guilds, of all, with notices that were posted before then."""
    rows = await tx.fetch_all(
        f"SELECT DISTINCT e.guild_id {_NOTICES} AND e.done_at < %s LIMIT %s",
        (before, limit),
    )
    return [GuildId(row[0]) for row in rows]


async def oldest_notice(tx: Transaction) -> datetime | None:
    """When the oldest notice that still stands, of any guild, was posted."""
    found: datetime | None = await tx.fetch_value(f"SELECT min(e.done_at) {_NOTICES}")
    return found


async def guilds_to_report(
    tx: Transaction, *, since: datetime, before: datetime, limit: int
) -> list[GuildId]:
    """The guilds, of all, whose log channel has not been told of a violation between these instants."""
    rows = await tx.fetch_all(
        """
        SELECT DISTINCT guild_id FROM automod_logs
        WHERE timestamp >= %s AND timestamp < %s AND context -> '_meta' -> 'logged' = 'false' LIMIT %s
        """,
        (since, before, limit),
    )
    return [GuildId(row[0]) for row in rows]


async def guilds_with_texts(tx: Transaction, *, before: datetime, limit: int) -> list[GuildId]:
    """The guilds, of all, that keep the text of messages from before then."""
    rows = await tx.fetch_all(
        """
        SELECT DISTINCT guild_id FROM automod_logs
        WHERE timestamp < %s AND message_content IS NOT NULL LIMIT %s
        """,
        (before, limit),
    )
    return [GuildId(row[0]) for row in rows]


async def forget_texts(tx: Transaction, guild_id: GuildId, *, before: datetime) -> int:
    """Forget what messages from before then said; the rows stay."""
    return await tx.execute(
        """
        UPDATE automod_logs
        SET message_content = NULL, context = context - '{matches,last_message,url}'::text[]
        WHERE guild_id = %s AND timestamp < %s AND message_content IS NOT NULL
          AND (context IS NULL OR jsonb_typeof(context) = 'object')
        """,
        (guild_id, before),
    )


async def degraded_since(tx: Transaction, guild_id: GuildId, *, since: datetime) -> frozenset[int]:
    """The rules of which it has been recorded since then that they cannot work."""
    rows = await tx.fetch_all(
        """
        SELECT DISTINCT details ->> %(key)s::text FROM operational_events
        WHERE guild_id = %(guild_id)s AND created_at > %(since)s
          AND jsonb_typeof(details -> %(key)s::text) = 'number'
        """,
        {"key": DEGRADED_RULE, "guild_id": guild_id, "since": since},
    )
    return frozenset(int(row[0]) for row in rows)
