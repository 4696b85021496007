"""Rows and progress of many actors in one transaction: both or neither, and a bad one holds up no other."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import attrs
import pytest

from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.noted import Standing
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.sessions import StoredProgress
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage.engagement_rows import ParticipantRow, StreakRow, WeeklyRow

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

DAY = date(2026, 7, 20)
AT = datetime(2026, 7, 20, 12, tzinfo=UTC)


def address(guild: int) -> Address:
    return Address.guild(GuildId(guild), "engagement")


def streak(guild: int, user: int, days: int = 1, name: str | None = "Pixel") -> StreakRow:
    return StreakRow(
        guild_id=GuildId(guild), user_id=UserId(user), last_day=DAY, current_days=days, base_nickname=name
    )


def indexed(guild: int, message: int) -> WeeklyRow:
    return WeeklyRow(
        guild_id=GuildId(guild),
        message_id=MessageId(message),
        channel_id=ChannelId(5),
        user_id=UserId(6),
        created_at=AT,
        has_image=True,
        is_food=False,
    )


async def stored(pool: Pool) -> tuple[dict[int, int], dict[tuple[int, int], int], list[int]]:
    """The progress by guild, the streaks, and the messages of the weekly index."""
    async with pool.transaction("test") as tx:
        progress = await tx.fetch_all("SELECT guild_id, seq FROM event_progress")
        streaks = await tx.fetch_all("SELECT guild_id, user_id, current_days FROM engagement_streaks")
        weekly = await tx.fetch_all("SELECT message_id FROM engagement_weekly_messages ORDER BY message_id")
    return dict(progress), {(row[0], row[1]): row[2] for row in streaks}, [row[0] for row in weekly]


async def test_all_kinds_of_all_guilds_in_one_transaction(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        challenge = await tx.fetch_value(
            "INSERT INTO engagement_challenges (guild_id) VALUES (1) RETURNING id"
        )
    gone = challenge + 1
    committed = pool.statistics().committed
    standings = [
        Standing(
            address(1),
            "session",
            9,
            rows=(
                streak(1, 7, 3),
                ParticipantRow(challenge, UserId(7), 4),
                ParticipantRow(gone, UserId(7), 4),
                indexed(1, 11),
            ),
        ),
        Standing(address(2), "", 0, rows=(streak(2, 7), indexed(2, 10))),
    ]
    assert await StoredProgress(pool).advance(standings) == []
    assert pool.statistics().committed == committed + 1
    expected = ({1: 9}, {(1, 7): 3, (2, 7): 1}, [10, 11])
    assert await stored(pool) == expected
    assert await StoredProgress(pool).advance(standings) == [], "a second time changes nothing"
    assert await stored(pool) == expected
    newer = Standing(address(1), "session", 10, rows=(ParticipantRow(challenge, UserId(7), 5),))
    assert await StoredProgress(pool).advance([newer]) == []
    async with pool.transaction("test") as tx:
        assert await tx.fetch_all("SELECT challenge_id, message_count FROM engagement_participants") == [
            (challenge, 5)
        ]


async def test_a_row_that_the_database_refuses_keeps_its_progress_back_and_no_other(pool: Pool) -> None:
    poison = streak(2, 7, days=2**40)
    standings = [
        Standing(address(guild), "session", guild, rows=(poison if guild == 2 else streak(guild, 7),))
        for guild in (1, 2, 3)
    ]
    assert await StoredProgress(pool).advance(standings) == [standings[1]]
    assert await stored(pool) == ({1: 1, 3: 3}, {(1, 7): 1, (3, 7): 1}, [])


@attrs.frozen
class Dies:
    """A row whose writer finds the connection gone: what came before it must not stay."""

    key: int

    @classmethod
    async def write(cls, _tx: object, _rows: object) -> None:
        raise ConnectionError


async def test_between_the_progress_and_the_rows_there_is_nothing(pool: Pool) -> None:
    standing = Standing(address(1), "session", 4, rows=(streak(1, 7), Dies(1)))
    with pytest.raises(ConnectionError):
        await StoredProgress(pool).advance([standing])
    assert await stored(pool) == ({}, {}, [])


async def test_an_outage_in_the_middle_loses_and_doubles_nothing(pool: Pool) -> None:
    progress = Progress(StoredProgress(pool), random.Random(1))
    mine = ActorProgress(progress, address(1))
    mine.passed((), [streak(1, 7, 1)])
    async with pool.transaction("test") as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    mine.passed((), [streak(1, 7, 2), streak(1, 8, 1)])
    while not await progress.write():
        pass
    assert (await stored(pool))[1] == {(1, 7): 2, (1, 8): 1}
