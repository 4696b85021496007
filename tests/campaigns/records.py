"""What the database says: the rules before a round, and the books after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from tests.campaigns.counting import Counted, read_counted, switch_on
from tests.campaigns.model import FORBIDDEN, SEVERITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from tests.campaigns.ground import Ground
    from tests.campaigns.plan import Rule


@attrs.frozen(kw_only=True)
class Books:
    """The state of the tables that a campaign looks at. Rules are found by guild number and stored name."""

    uses: Mapping[tuple[int, str], int]
    enabled: Mapping[tuple[int, str], bool]
    effects: Mapping[str, int]
    """How many effects there are, by state."""
    dead_letters: int
    progress: Sequence[tuple[int, str, str, int]]
    """Guild number, feature, session and sequence number."""
    sessions: Sequence[tuple[str, int]]
    """Session and low-water mark of each shard."""
    logged: Sequence[str] = ()
    """The message revisions in the log of auto-moderation."""
    points: Mapping[tuple[int, int], int] = attrs.field(factory=dict)
    """By guild number and member."""
    triggers: int = 0
    """Of all of auto-moderation's statistics."""
    counted: Counted | None = None
    """What engagement has counted; None where nothing was to be counted."""


def store_rules(ground: Ground, guilds: Sequence[int], rules: Iterable[Rule]) -> None:
    """Add the rules to every guild, in their order, and one of auto-moderation."""
    rows = [
        (guild, rule.name.lower(), rule.kind, rule.trigger, rule.response, *_flags(rule))
        for guild in guilds
        for rule in rules
    ]
    with ground.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response,"
            " case_sensitive, delete_trigger, reply_to_user) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
        for guild in guilds:
            cursor.execute(_MODERATION, {"guild": guild, "words": FORBIDDEN, "severity": SEVERITY})


def store_contests(ground: Ground, guilds: Sequence[int], channels: Sequence[int]) -> None:
    """Let every guild count its messages, with a challenge in its channel."""
    with ground.connect() as connection, connection.cursor() as cursor:
        for guild, channel in zip(guilds, channels, strict=True):
            switch_on(cursor, guild, channel)


_MODERATION = """
    WITH settings AS (
        INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
        VALUES (%(guild)s, 'automod', 'enabled', 'true', 'bool')
    ), action AS (
        INSERT INTO automod_actions (guild_id, action_type, severity, config)
        VALUES (%(guild)s, 'delete', %(severity)s, '{}') RETURNING id
    )
    INSERT INTO automod_rules (guild_id, rule_type, name, config, action_id)
    SELECT %(guild)s, 'content', 'sea monsters', jsonb_build_object('words', ARRAY[%(words)s::text]), id
    FROM action
"""


def _flags(rule: Rule) -> tuple[bool, bool, bool]:
    return rule.case_sensitive, rule.delete_trigger, rule.reply


def read_books(connection: psycopg.Connection[Any], guilds: Sequence[int]) -> Books:
    """Read everything at one moment."""
    number = {guild: index for index, guild in enumerate(guilds)}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        rows = connection.execute(
            "SELECT guild_id, name, coalesce(uses, 0), coalesce(enabled, true) FROM custom_commands"
        ).fetchall()
        letters = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
        return Books(
            uses={(number[guild], name): uses for guild, name, uses, _ in rows},
            enabled={(number[guild], name): enabled for guild, name, _, enabled in rows},
            effects=dict(_rows(connection, "effects", "SELECT state, count(*)", "GROUP BY state")),
            dead_letters=0 if letters is None else int(letters[0]),
            progress=[
                (number[guild], feature, session, seq)
                for guild, feature, session, seq in _rows(
                    connection, "event_progress", "SELECT guild_id, feature, session_id, seq"
                )
                if guild in number
            ],
            sessions=[
                (session, mark)
                for session, mark in _rows(connection, "gateway_sessions", "SELECT session_id, mark")
            ],
            logged=[key for (key,) in _rows(connection, "automod_logs", "SELECT event_key")],
            points={
                (number[guild], user): points
                for guild, user, points in _rows(
                    connection,
                    "automod_user_history",
                    "SELECT guild_id, user_id, sum(total_points)::int",
                    "GROUP BY 1, 2",
                )
            },
            triggers=sum(
                count for (count,) in _rows(connection, "automod_stats", "SELECT coalesce(triggers_count, 0)")
            ),
            counted=read_counted(connection, guilds),
        )


def _rows(
    connection: psycopg.Connection[Any], table: str, select: str, rest: str = ""
) -> list[tuple[Any, ...]]:
    """The rows of a table; none where the schema has no such table."""
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    if there is None or not there[0]:
        return []
    return connection.execute(f"{select} FROM {table} {rest}".encode()).fetchall()
