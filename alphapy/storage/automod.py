"""Queries of the books of auto-moderation: log, points, statistics and mutes (spec/moderation.md 2.1, 5.6).

Whoever writes them holds :func:`lock` of the guild, so that two writers never see the same points.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from psycopg.types.json import Jsonb

from alphapy.pure.automod.points import Record
from alphapy.storage.automod_rules import json_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

LARGEST = 2**31 - 1


@attrs.frozen(kw_only=True)
class LogRow:
    """A row of ``automod_logs`` as it is written."""

    event_key: str
    user_id: int
    message_id: int
    channel_id: int
    rule_id: int
    action_taken: str
    content: str
    ai_analysis: Mapping[str, Any] | None
    context: Mapping[str, Any]
    at: datetime


@attrs.frozen(kw_only=True)
class Logged:
    """A row of ``automod_logs`` as it is read; ``rule_id`` is None where the rule was deleted."""

    id: int
    event_key: str | None
    user_id: int
    message_id: int | None
    channel_id: int | None
    rule_id: int | None
    action_taken: str
    content: str | None
    ai_analysis: Mapping[str, Any] | None
    context: Mapping[str, Any]
    moderator_id: int | None
    at: datetime
    appeal_status: str

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the bot itself has noted."""
        return json_object(self.context.get("_meta"))

    @property
    def rule_name(self) -> str:
        """The rule's name as it was then; empty in old rows."""
        return str(self.meta.get("rule_name") or "")

    @property
    def steps(self) -> Mapping[str, str]:
        """How each step of the action went."""
        return json_object(json_object(self.meta.get("delivery")).get("steps"))


LOGGED_COLUMNS = """
    id, event_key, user_id, message_id, channel_id, rule_id, action_taken, message_content, ai_analysis,
    context, moderator_id, coalesce(timestamp, 'epoch'), coalesce(appeal_status, 'none')
"""


async def lock(tx: Transaction, guild_id: GuildId) -> None:
    """Let nobody else write the guild's books before this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"automod:{guild_id}",))


async def known_keys(tx: Transaction, guild_id: GuildId, keys: Sequence[str]) -> frozenset[str]:
    """Which of these message revisions are in the log already."""
    rows = await tx.fetch_all(
        "SELECT event_key FROM automod_logs WHERE guild_id = %s AND event_key = ANY(%s)",
        (guild_id, list(keys)),
    )
    return frozenset(row[0] for row in rows)


async def add_logs(tx: Transaction, guild_id: GuildId, rows: Sequence[LogRow]) -> dict[str, int]:
    """Add rows to the log; returns their ids by key. A rule that is gone by now becomes NULL."""
    found = await tx.fetch_all(
        """
        INSERT INTO automod_logs (guild_id, event_key, user_id, message_id, channel_id, rule_id, action_taken,
                                  message_content, ai_analysis, context, timestamp)
        SELECT %(guild)s, l.key, l.user_id, l.message_id, l.channel_id, r.id, l.action, l.content, l.ai,
               l.context, l.at
        FROM unnest(%(keys)s::text[], %(users)s::bigint[], %(messages)s::bigint[], %(channels)s::bigint[],
                    %(rules)s::int[], %(actions)s::text[], %(contents)s::text[], %(ai)s::jsonb[],
                    %(contexts)s::jsonb[], %(at)s::timestamptz[]) WITH ORDINALITY
             AS l(key, user_id, message_id, channel_id, rule_id, action, content, ai, context, at, place)
        LEFT JOIN automod_rules AS r ON r.id = l.rule_id AND r.guild_id = %(guild)s
        ORDER BY l.place
        ON CONFLICT (guild_id, event_key) WHERE event_key IS NOT NULL DO NOTHING RETURNING event_key, id
        """,
        {
            "guild": guild_id,
            "keys": [row.event_key for row in rows],
            "users": [row.user_id for row in rows],
            "messages": [row.message_id for row in rows],
            "channels": [row.channel_id for row in rows],
            "rules": [row.rule_id for row in rows],
            "actions": [row.action_taken for row in rows],
            "contents": [row.content for row in rows],
            "ai": [None if row.ai_analysis is None else Jsonb(dict(row.ai_analysis)) for row in rows],
            "contexts": [Jsonb(dict(row.context)) for row in rows],
            "at": [row.at for row in rows],
        },
    )
    return dict(found)


async def histories(tx: Transaction, guild_id: GuildId, user_ids: Iterable[int]) -> dict[int, list[Record]]:
    """The histories of these members."""
    rows = await tx.fetch_all(
        """
        SELECT user_id, rule_type, coalesce(violation_count, 0), coalesce(total_points, 0),
               coalesce(last_violation, 'epoch')
        FROM automod_user_history WHERE guild_id = %s AND user_id = ANY(%s) ORDER BY user_id, rule_type
        """,
        (guild_id, sorted(set(user_ids))),
    )
    found: dict[int, list[Record]] = {}
    for user_id, rule_type, violations, points, last_at in rows:
        record = Record(rule_type=rule_type, violations=violations, points=points, last_at=last_at)
        found.setdefault(user_id, []).append(record)
    return found


async def write_histories(
    tx: Transaction, guild_id: GuildId, records: Mapping[tuple[int, str], Record]
) -> None:
    """Store what members' histories are now, by member and type of rule."""
    await tx.execute(
        """
        INSERT INTO automod_user_history (guild_id, user_id, rule_type, violation_count, total_points,
                                          last_violation, updated_at)
        SELECT %(guild)s, h.user_id, h.rule_type, h.violations, h.points, h.at, h.at
        FROM unnest(%(users)s::bigint[], %(types)s::text[], %(violations)s::int[], %(points)s::int[],
                    %(at)s::timestamptz[]) AS h(user_id, rule_type, violations, points, at)
        ON CONFLICT (guild_id, user_id, rule_type) DO UPDATE SET violation_count = excluded.violation_count,
            total_points = excluded.total_points, last_violation = excluded.last_violation,
            updated_at = excluded.updated_at
        """,
        {
            "guild": guild_id,
            "users": [user_id for user_id, _ in records],
            "types": [rule_type for _, rule_type in records],
            "violations": [min(record.violations, LARGEST) for record in records.values()],
            "points": [min(record.points, LARGEST) for record in records.values()],
            "at": [record.last_at for record in records.values()],
        },
    )


async def forget_history(tx: Transaction, guild_id: GuildId, user_id: int) -> int:
    """Delete a member's history; how many rows it had."""
    return await tx.execute(
        "DELETE FROM automod_user_history WHERE guild_id = %s AND user_id = %s", (guild_id, user_id)
    )


async def count_triggers(
    tx: Transaction, guild_id: GuildId, triggers: Mapping[int, int], *, now: datetime
) -> None:
    """Add to the day's statistics, by rule; rules that are gone are left out."""
    await tx.execute(
        """
        INSERT INTO automod_stats (guild_id, rule_id, date, triggers_count)
        SELECT %s, r.id, %s, t.count FROM unnest(%s::int[], %s::int[]) AS t(rule_id, count)
        JOIN automod_rules AS r ON r.id = t.rule_id AND r.guild_id = %s
        ON CONFLICT (guild_id, rule_id, date)
        DO UPDATE SET triggers_count = coalesce(automod_stats.triggers_count, 0) + excluded.triggers_count
        """,
        (guild_id, now.astimezone(UTC).date(), list(triggers), list(triggers.values()), guild_id),
    )


async def measure(
    tx: Transaction, guild_id: GuildId, rule_id: int, at: datetime, milliseconds: float
) -> None:
    """Let a reaction time into the mean of its rule and day."""
    await tx.execute(
        """
        UPDATE automod_stats SET avg_response_time = coalesce(
            avg_response_time + (%(x)s - avg_response_time) / greatest(triggers_count, 1), %(x)s)
        WHERE guild_id = %(guild)s AND rule_id = %(rule)s AND date = %(date)s
        """,
        {"x": milliseconds, "guild": guild_id, "rule": rule_id, "date": at.astimezone(UTC).date()},
    )


async def by_keys(tx: Transaction, guild_id: GuildId, keys: Sequence[str]) -> list[Logged]:
    """The rows of these message revisions, locked."""
    rows = await tx.fetch_all(
        f"""
        SELECT {LOGGED_COLUMNS} FROM automod_logs
        WHERE guild_id = %s AND event_key = ANY(%s) ORDER BY id FOR UPDATE
        """,  # noqa: S608 - constants
        (guild_id, list(keys)),
    )
    return [read_logged(row) for row in rows]


async def find(tx: Transaction, guild_id: GuildId, log_id: int) -> Logged | None:
    """A row of the log, locked; None where the guild has none of that id."""
    row = await tx.fetch_one(
        f"SELECT {LOGGED_COLUMNS} FROM automod_logs WHERE guild_id = %s AND id = %s FOR UPDATE",  # noqa: S608
        (guild_id, log_id),
    )
    return None if row is None else read_logged(row)


async def unlogged(tx: Transaction, guild_id: GuildId, *, since: datetime, limit: int) -> list[Logged]:
    """The rows that the log channel has not been told of, oldest first, locked."""
    rows = await tx.fetch_all(
        f"""
        SELECT {LOGGED_COLUMNS} FROM automod_logs
        WHERE guild_id = %s AND timestamp >= %s AND context -> '_meta' -> 'logged' = 'false'
        ORDER BY id LIMIT %s FOR UPDATE
        """,  # noqa: S608 - constants
        (guild_id, since, limit),
    )
    return [read_logged(row) for row in rows]


async def write_contexts(
    tx: Transaction, guild_id: GuildId, contexts: Mapping[int, Mapping[str, Any]]
) -> None:
    """Replace the contexts of rows, by id."""
    await tx.execute(
        """
        UPDATE automod_logs AS l SET context = c.context
        FROM unnest(%s::int[], %s::jsonb[]) AS c(id, context) WHERE l.guild_id = %s AND l.id = c.id
        """,
        (list(contexts), [Jsonb(dict(context)) for context in contexts.values()], guild_id),
    )


async def mark_logged(tx: Transaction, guild_id: GuildId, log_ids: Sequence[int]) -> None:
    """The log channel is told of these rows."""
    await tx.execute(
        """
        UPDATE automod_logs SET context = jsonb_set(context, '{_meta,logged}', 'true')
        WHERE guild_id = %s AND id = ANY(%s)
        """,
        (guild_id, list(log_ids)),
    )


async def move_appeal(
    tx: Transaction,
    guild_id: GuildId,
    log_id: int,
    *,
    allowed: Sequence[str],
    status: str,
    moderator_id: int | None = None,
) -> bool:
    """Let an appeal pass from one of these states to another; False where it is in none of them."""
    changed = await tx.execute(
        """
        UPDATE automod_logs SET appeal_status = %s, moderator_id = coalesce(%s, moderator_id)
        WHERE guild_id = %s AND id = %s AND coalesce(appeal_status, 'none') = ANY(%s)
        """,
        (status, moderator_id, guild_id, log_id, list(allowed)),
    )
    return changed == 1


async def give_back(tx: Transaction, guild_id: GuildId, row: Logged, *, rule_type: str, points: int) -> None:
    """A violation was none: take it out of the member's history and count it as a false positive."""
    await tx.execute(
        """
        UPDATE automod_user_history SET violation_count = greatest(violation_count - 1, 0),
            total_points = greatest(total_points - %s, 0), updated_at = clock_timestamp()
        WHERE guild_id = %s AND user_id = %s AND rule_type = %s
        """,
        (points, guild_id, row.user_id, rule_type),
    )
    await tx.execute(
        """
        UPDATE automod_stats SET false_positives = coalesce(false_positives, 0) + 1
        WHERE guild_id = %s AND rule_id = %s AND date = %s
        """,
        (guild_id, row.rule_id, row.at.astimezone(UTC).date()),
    )


def read_logged(row: tuple[Any, ...]) -> Logged:
    """A row of :data:`LOGGED_COLUMNS`."""
    names = [field.name for field in attrs.fields(Logged)]
    values = dict(zip(names, row, strict=True))
    analysis = values["ai_analysis"]
    return Logged(
        **{
            **values,
            "context": json_object(values["context"]),
            "ai_analysis": None if analysis is None else json_object(analysis),
        }
    )
