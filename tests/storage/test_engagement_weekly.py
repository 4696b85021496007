"""The weekly index and what is computed of it, in a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from alphapy.pure.engagement.awards import Filter
from alphapy.pure.engagement.periods import completed
from alphapy.pure.engagement.weekly import Win
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage import effects
from alphapy.storage import engagement_weekly as storage
from alphapy.storage.effects import Draft, Outcome
from alphapy.storage.engagement_rows import WeeklyRow

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

GUILD, OTHER = GuildId(7), GuildId(8)
NOW = datetime(2026, 7, 20, 14, tzinfo=UTC)
PERIOD = completed(NOW)
MONDAY = PERIOD.start


def row(
    message_id: int,
    user_id: int,
    at: datetime = MONDAY,
    *,
    guild_id: GuildId = GUILD,
    image: bool = False,
    food: bool = False,
) -> WeeklyRow:
    return WeeklyRow(
        guild_id=guild_id,
        message_id=MessageId(message_id),
        channel_id=ChannelId(20),
        user_id=UserId(user_id),
        created_at=at,
        has_image=image,
        is_food=food,
    )


async def store(pool: Pool, *rows: WeeklyRow) -> None:
    async with pool.transaction("test") as tx:
        await WeeklyRow.write(tx, rows)


async def winner(pool: Pool, kind: Filter) -> tuple[int, int, int | None] | None:
    async with pool.transaction("test") as tx:
        win = await storage.winner(tx, GUILD, PERIOD, "key", kind)
    return None if win is None else (win.user_id, win.metric, win.message_id)


async def react(pool: Pool, message_id: int, user_id: int, change: int = 1) -> None:
    async with pool.transaction("test") as tx:
        await storage.react(tx, GUILD, MessageId(message_id), UserId(user_id), change)


async def reactions(pool: Pool, message_id: int) -> int:
    async with pool.transaction("test") as tx:
        return int(
            await tx.fetch_value(
                "SELECT reactions_count FROM engagement_weekly_messages WHERE message_id = %s", (message_id,)
            )
        )


async def test_the_highest_count_wins_and_of_equals_the_lowest_id(pool: Pool) -> None:
    assert [await winner(pool, kind) for kind in Filter] == [None] * 4
    await store(
        pool,
        row(1, 30),
        row(2, 30, food=True),
        row(3, 20),
        row(4, 10, food=True, image=True),
        row(5, 10, food=True),
        row(6, 40, image=True),
        row(7, 50, guild_id=OTHER),
    )
    assert await winner(pool, Filter.NON_FOOD) == (20, 1, None)
    assert await winner(pool, Filter.FOOD) == (10, 2, None)
    assert await winner(pool, Filter.IMAGE) == (10, 1, None)


async def test_scenario_15_a_week_has_its_begin_and_not_its_end(pool: Pool) -> None:
    await store(
        pool,
        row(1, 10, PERIOD.start),
        row(2, 20, PERIOD.end - timedelta(milliseconds=1)),
        row(3, 30, PERIOD.end),
        row(4, 30, PERIOD.end),
        row(5, 40, PERIOD.start - timedelta(milliseconds=1)),
        row(6, 40, PERIOD.start - timedelta(milliseconds=1)),
    )
    assert await winner(pool, Filter.NON_FOOD) == (10, 1, None)
    async with pool.transaction("test") as tx:
        following = await storage.winner(tx, GUILD, PERIOD.following, "key", Filter.NON_FOOD)
    assert following == Win("key", UserId(30), 2)


async def test_the_picture_with_most_reactions_wins_then_the_earliest_then_the_lowest_id(pool: Pool) -> None:
    later = MONDAY + timedelta(hours=1)
    await store(
        pool, row(1, 10, later, image=True), row(2, 20, later, image=True), row(3, 30), row(4, 40, image=True)
    )
    assert await winner(pool, Filter.REACTIONS) is None, "a picture needs a reaction"
    for message_id in (1, 2, 3, 3):
        await react(pool, message_id, 99)
    assert await winner(pool, Filter.REACTIONS) == (10, 1, 1)
    await react(pool, 4, 99)
    assert await winner(pool, Filter.REACTIONS) == (40, 1, 4)
    await react(pool, 2, 98)
    assert await winner(pool, Filter.REACTIONS) == (20, 2, 2)


async def test_scenario_17_a_deleted_picture_leaves_the_star_to_the_next(pool: Pool) -> None:
    await store(pool, row(1, 10, image=True), row(2, 20, image=True))
    for message_id, user_id in ((1, 98), (1, 99), (2, 99)):
        await react(pool, message_id, user_id)
    assert await winner(pool, Filter.REACTIONS) == (10, 2, 1)
    async with pool.transaction("test") as tx:
        assert await storage.remove(tx, GUILD, [MessageId(1), MessageId(55)]) == 1
        assert await storage.remove(tx, OTHER, [MessageId(2)]) == 0
    assert await winner(pool, Filter.REACTIONS) == (20, 1, 2)


async def test_reactions_never_fall_below_zero_and_an_authors_own_do_not_count(pool: Pool) -> None:
    await store(pool, row(1, 10))
    await react(pool, 1, 99, -1)
    assert await reactions(pool, 1) == 0
    await react(pool, 1, 10)
    await react(pool, 1, 99)
    await react(pool, 77, 99)
    assert await reactions(pool, 1) == 1
    async with pool.transaction("test") as tx:
        await storage.set_reactions(tx, OTHER, MessageId(1), 9)
        await storage.set_reactions(tx, GUILD, MessageId(1), 5)
        assert await storage.author(tx, GUILD, MessageId(1)) == 10
        assert await storage.author(tx, GUILD, MessageId(2)) is None
        assert await storage.has_rows(tx, GUILD)
        assert not await storage.has_rows(tx, OTHER)
    assert await reactions(pool, 1) == 5


async def test_a_row_that_is_written_again_keeps_its_reactions(pool: Pool) -> None:
    await store(pool, row(1, 10, image=True))
    await react(pool, 1, 99)
    await store(pool, row(1, 10, image=True), row(2, 10))
    assert await reactions(pool, 1) == 1


async def badges(pool: Pool) -> list[tuple[int, str, str]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT user_id, badge_key, source FROM engagement_badges ORDER BY user_id, badge_key"
        )


async def test_scenario_16_results_and_badges_are_exact_however_often_they_are_stored(pool: Pool) -> None:
    star = Win("star", UserId(3), 9, MessageId(77))
    async with pool.transaction("test") as tx:
        week = await storage.week(tx, GUILD, PERIOD)
        other = await storage.week(tx, OTHER, PERIOD)
        assert (week.computed_at, week.announced_at) == (None, None)
        await storage.replace(
            tx, GUILD, week.id, {"star": star, "motivator": Win("motivator", UserId(2), 5)}, now=NOW
        )
        await storage.replace(tx, OTHER, other.id, {"star": star}, now=NOW)
    async with pool.transaction("test") as tx:
        assert await storage.is_computed(tx, GUILD, PERIOD)
        assert not await storage.is_computed(tx, GUILD, PERIOD.following)
    for _ in range(2):
        async with pool.transaction("test") as tx:
            again = await storage.week(tx, GUILD, PERIOD)
            wins = {"star": star, "motivator": Win("motivator", UserId(4), 6)}
            await storage.replace(tx, GUILD, again.id, wins, now=NOW)
            assert (again.id, again.computed_at) == (week.id, NOW)
            assert await storage.results(tx, GUILD, week.id) == wins
            assert await storage.results(tx, OTHER, week.id) == {}
    ours, theirs = f"weekly:{week.id}", f"weekly:{other.id}"
    assert await badges(pool) == [(3, "star", ours), (3, "star", theirs), (4, "motivator", ours)]
    async with pool.transaction("test") as tx:
        await storage.replace(tx, GUILD, week.id, {}, now=NOW)
        assert await storage.results(tx, GUILD, week.id) == {}
    assert await badges(pool) == [(3, "star", theirs)]


async def test_results_are_stored_in_a_week_of_the_guild_only(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        week = await storage.week(tx, GUILD, PERIOD)
        await storage.replace(tx, OTHER, week.id, {"star": Win("star", UserId(3), 9)}, now=NOW)
        assert await storage.results(tx, GUILD, week.id) == {}
        assert await storage.week_of(tx, OTHER, week.id) is None
        assert await storage.week_of(tx, GUILD, week.id) == week


@pytest.mark.parametrize(
    ("value", "master", "expected"),
    [
        (True, None, True),
        (True, True, True),
        ("true", None, True),
        ('"true"', None, True),
        (True, False, False),
        (False, None, False),
        (None, None, False),
    ],
)
async def test_guilds_are_due_until_their_week_is_computed(
    pool: Pool, value: object, master: bool | None, expected: bool
) -> None:
    async with pool.transaction("test") as tx:
        for key, stored in (("weekly_enabled", value), ("enabled", master)):
            if stored is not None:
                await tx.execute(
                    """
                    INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
                    VALUES (%s, 'engagement', %s, %s, 'bool')
                    """,
                    (GUILD, key, Jsonb(stored)),
                )
        week = await storage.week(tx, GUILD, PERIOD)
        assert (await storage.due(tx, PERIOD) == [GUILD]) is expected
        await storage.replace(tx, GUILD, week.id, {}, now=NOW)
        assert await storage.due(tx, PERIOD) == []
        assert (await storage.due(tx, PERIOD.following) == [GUILD]) is expected


async def test_what_tells_of_a_week_and_what_moves_its_roles(pool: Pool) -> None:
    def draft(key: str, **about: object) -> Draft:
        payload = {"channel_id": 20, "about": {"part": "weekly", **about}}
        return Draft(kind="send_message", event_key=key, payload=payload, deadline_at=NOW)

    async with pool.transaction("test") as tx:
        first, second, moves = await effects.record(
            tx,
            GUILD,
            "engagement",
            [
                draft("wk-1", tells="1", digest="a"),
                draft("wk-1-2", tells="1", digest="b"),
                draft("r", moves="1"),
            ],
            now=NOW,
        )
        assert await storage.latest_effect(tx, GUILD, "engagement") == moves.id
        assert await storage.latest_effect(tx, OTHER, "engagement") == 0
        assert await storage.is_moving(tx, GUILD, "engagement", 1)
        assert not await storage.is_moving(tx, GUILD, "engagement", 2)
        await effects.close(tx, GUILD, first.id, Outcome.DONE, now=NOW, message_id=5)
        told = await storage.announcements(tx, GUILD, "engagement", 1)
        assert told == [storage.Announced(True, "b"), storage.Announced(False, "a")]
        await effects.close(tx, GUILD, second.id, Outcome.REFUSED, now=NOW)
        await effects.close(tx, GUILD, moves.id, Outcome.DONE, now=NOW)
        assert await storage.announcements(tx, GUILD, "engagement", 1) == [storage.Announced(False, "a")]
        assert await storage.announcements(tx, OTHER, "engagement", 1) == []
        assert not await storage.is_moving(tx, GUILD, "engagement", 1)
        assert await storage.is_recorded(tx, GUILD, "engagement", "wk-1-2")
        assert not await storage.is_recorded(tx, GUILD, "engagement", "wk-9")
        assert await storage.message_of(tx, GUILD, first.id) == 5
        assert await storage.message_of(tx, GUILD, second.id) is None
        week = await storage.week(tx, GUILD, PERIOD)
        await storage.set_announced(
            tx, GUILD, week.id, now=NOW, channel_id=ChannelId(20), message_id=MessageId(5)
        )
        found = await storage.week_of(tx, GUILD, week.id)
        assert found is not None
        assert (found.announced_at, found.channel_id, found.message_id) == (NOW, 20, 5)
