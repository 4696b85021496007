"""What engagement must have counted of the messages of a round: the weekly index, a challenge, streaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from tests.campaigns.town import Town

FLAGS = ("weekly_enabled", "challenges_enabled", "streaks_enabled")
DAYS = {1, 2}
"""Days in a row that a round can take; two where midnight passes."""


@attrs.frozen(kw_only=True)
class Counted:
    """What the tables say. Members are found by guild number and id."""

    weekly: Counter[int]
    """Rows by message."""
    challenge: Mapping[tuple[int, int], int]
    streaks: Mapping[tuple[int, int], int]


def switch_on(cursor: psycopg.Cursor[Any], guild: int, channel: int) -> None:
    """Let a guild count: its weekly index, its streaks, and a challenge in this channel."""
    cursor.executemany(
        "INSERT INTO bot_settings (guild_id, scope, key, value, value_type)"
        " VALUES (%s, 'engagement', %s, 'true', 'bool')",
        [(guild, flag) for flag in FLAGS],
    )
    cursor.execute(
        "INSERT INTO engagement_challenges (guild_id, channel_id, started_at, ends_at)"
        " VALUES (%s, %s, now() - interval '1 hour', now() + interval '1 day')",
        (guild, channel),
    )


def read_counted(connection: psycopg.Connection[Any], guilds: Sequence[int]) -> Counted:
    """Read the tables."""
    number = {guild: index for index, guild in enumerate(guilds)}
    weekly = connection.execute("SELECT message_id FROM engagement_weekly_messages").fetchall()
    challenge = connection.execute(
        "SELECT c.guild_id, p.user_id, p.message_count FROM engagement_participants p"
        " JOIN engagement_challenges c ON c.id = p.challenge_id"
    ).fetchall()
    streaks = connection.execute("SELECT guild_id, user_id, current_days FROM engagement_streaks").fetchall()
    return Counted(
        weekly=Counter(message_id for (message_id,) in weekly),
        challenge={(number[guild], user): count for guild, user, count in challenge},
        streaks={(number[guild], user): days for guild, user, days in streaks},
    )


def is_complete(town: Town, counted: Counted) -> bool:
    """Whether nothing is missing or superfluous yet, as far as can be told."""
    return not list(problems(town, counted))


def problems(town: Town, counted: Counted) -> Iterator[str]:
    """What is counted too little or too often.

    A message that was deleted while a refused session was away is told to nobody, nor is its deletion: only
    then may such a message count or not.
    """
    said = {one.message_id: one for one in town.said}
    left = {message_id for message_id in said if message_id not in town.deleted}
    may_be_indexed = set(said) if town.refuses else left
    indexed = set(counted.weekly)
    if left - indexed:
        yield f"{len(left - indexed)} messages are missing in the weekly index"
    if indexed - may_be_indexed:
        yield f"{len(indexed - may_be_indexed)} messages too many are in the weekly index"
    most, least = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for message_id, one in said.items():
        who = (one.act.guild, town.author(one.act))
        if town.place(one.act) == town.channels[one.act.guild][1]:
            most[who] += 1
            least[who] += message_id in left or not town.refuses
    for who in most.keys() | counted.challenge.keys():
        count = counted.challenge.get(who, 0)
        if not least[who] <= count <= most[who]:
            yield f"{who} has {count} messages in the challenge instead of {least[who]} to {most[who]}"
    writers = {(one.act.guild, town.author(one.act)) for one in said.values() if one.message_id in left}
    if writers - counted.streaks.keys():
        yield f"{len(writers - counted.streaks.keys())} streaks are missing"
    wrong = {who: days for who, days in counted.streaks.items() if days not in DAYS}
    if wrong:
        yield f"{len(wrong)} streaks are wrong: {wrong}"
