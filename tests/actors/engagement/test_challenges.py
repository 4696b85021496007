"""Challenges at the guild's actor: counting, ending, restarts (spec/engagement.md 5.1, 5.2 and scenarios)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.actors.engagement.challenge_messages import (
    AddParticipant,
    CancelChallenge,
    EditChallenge,
    Edited,
    EndChallenge,
    NotActive,
    NotEdited,
    ReadChallenges,
    RemoveParticipant,
    SetCount,
    SetMode,
    SetRemaining,
    SetTitle,
    StartChallenge,
)
from alphapy.actors.engagement.challenges import GRACE, due
from alphapy.actors.engagement.messages import Forget
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.pure.engagement.challenges import Challenge, Mode, Outcome
from alphapy.pure.ids import ChannelId, UserId
from alphapy.storage.errors import DatabaseUnavailable
from tests.actors.engagement.challenge_house import (
    ADDRESS,
    CHANNEL,
    GUILD,
    HIGH,
    LOW,
    SYSTEM,
    House,
    guild,
    refusal,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

HOUR = 3600


def an_instant(house: House) -> datetime:
    """Now, a microsecond after the last one."""
    return house.clock.advance(timedelta(microseconds=1))


async def started(
    house: House, *, mode: Mode = Mode.LEADERBOARD, title: str | None = None, seconds: int = HOUR
) -> Challenge:
    challenge = await house.ask(
        StartChallenge(channel_id=CHANNEL, mode=mode, title=title, seconds=seconds, at=an_instant(house))
    )
    assert isinstance(challenge, Challenge)
    return challenge


async def pass_the_end(house: House, seconds: float = HOUR) -> None:
    house.clock.advance(timedelta(seconds=seconds) + GRACE)
    await house.wake()


CHALLENGES = """
    SELECT id, active, outcome, winner_id, messages_count, ended_at, announced_at, announce_message_id
    FROM engagement_challenges ORDER BY id
"""
COUNTS = "SELECT user_id, message_count FROM engagement_participants ORDER BY user_id"
BADGES = "SELECT user_id, badge_key, source FROM engagement_badges"


async def test_scenario_4_of_equals_the_lowest_id_wins_once_with_a_badge_and_an_embed(pool: Pool) -> None:
    async with House(pool).open() as house:
        challenge = await started(house, title="Most *active* @everyone https://x.test")
        for user_id in (20, 10) * 5:
            house.post(user_id)
        house.post(30, SYSTEM)
        await house.told()
        assert await house.rows(CHALLENGES) == [(challenge.id, True, *[None] * 6)]
        await pass_the_end(house)
        await house.settled()
        now = house.clock.now()
        assert await house.rows(CHALLENGES) == [(challenge.id, False, "winner", 10, 5, now, now, 9_001)]
        assert await house.rows(COUNTS) == [(10, 5), (20, 5)]
        assert await house.rows(BADGES) == [(10, "winner", f"challenge:{challenge.id}")]
        ((channel_id, body),) = house.discord.posts
        assert channel_id == CHANNEL
        assert list(house.discord.nonces) == [f"chal-{challenge.id}"]
        (embed,) = body["embeds"]
        assert embed["color"] == 0x2ECC71
        assert embed["title"] == "🏆 Most \\*active\\*"
        assert "<@10>" in embed["description"]
        assert "5 messages" in embed["description"]
        assert body["allowed_mentions"]["parse"] == body["allowed_mentions"]["users"] == []
        await house.wake()
        assert len(house.discord.posts) == 1
        assert await house.ask(ReadChallenges()) == ()


async def test_messages_count_by_their_instant_from_the_start_on_and_before_the_end(pool: Pool) -> None:
    async with House(pool).open() as house:
        challenge = await started(house)
        ends_at = challenge.started_at + timedelta(hours=1)
        for at in (challenge.started_at, ends_at - timedelta(milliseconds=1)):
            house.post(10, at=at)
        for at in (challenge.started_at - timedelta(milliseconds=1), ends_at):
            house.post(20, at=at)
        (standing,) = await house.ask(ReadChallenges())
        assert [(place.user_id, place.messages, place.name) for place in standing.top] == [(10, 2, "user10")]
        assert standing.participants == 1


async def test_what_comes_just_after_the_end_but_was_posted_before_still_counts(pool: Pool) -> None:
    async with House(pool).open() as house:
        challenge = await started(house)
        house.clock.advance(timedelta(hours=1))
        await house.wake()
        house.post(10, at=challenge.started_at + timedelta(minutes=59))
        await house.told()
        house.clock.advance(GRACE)
        await house.wake()
        assert [row[3:5] for row in await house.rows(CHALLENGES)] == [(10, 1)]


async def test_the_timer_ends_it_by_itself_within_five_seconds(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house, seconds=1)
        house.post(10)
        await house.told()
        house.clock.advance(timedelta(seconds=1) + GRACE)

        async def is_over() -> bool:
            return [row[3] for row in await house.rows(CHALLENGES)] == [10]

        await wait_until(is_over, what="the end, told by nobody")


async def test_scenario_5_a_restart_loses_no_count_and_the_end_is_announced_once(pool: Pool) -> None:
    first = House(pool)
    async with first.open() as house:
        challenge = await started(house, seconds=2 * HOUR)
        for _ in range(7):
            house.post(10)
        await house.told()
        await house.progress.flush(ADDRESS)
    first.clock.advance(timedelta(hours=1))
    async with House(pool, first).open() as house:
        (standing,) = await house.ask(ReadChallenges())
        assert standing.challenge == challenge
        assert [(place.user_id, place.messages, place.name) for place in standing.top] == [(10, 7, "")]
        await pass_the_end(house)
        await house.settled()
        assert [row[3:5] for row in await house.rows(CHALLENGES)] == [(10, 7)]
    async with House(pool, first).open() as house:
        await house.wake()
        await house.settled()
    assert len(first.discord.posts) == 1


async def test_scenario_6_what_ended_while_nobody_was_there_is_decided_at_the_start(pool: Pool) -> None:
    first = House(pool)
    async with first.open() as house:
        await started(house)
        house.post(10)
        await house.told()
        await house.progress.flush(ADDRESS)
    first.clock.advance(timedelta(hours=5))
    async with pool.transaction("test") as tx:
        assert await due(tx, first.clock.now()) == ([GUILD], None)
    async with House(pool, first, is_caught_up=False).open() as house:
        for _ in range(3):
            await house.wake()
            assert [row[1] for row in await house.rows(CHALLENGES)] == [True], "what comes again is awaited"
        house.post(20, at=house.clock.now() - timedelta(hours=5))
        house.post(20, at=house.clock.now() - timedelta(hours=5))
        house.is_caught_up = True

        async def is_over() -> bool:
            return [row[3] for row in await house.rows(CHALLENGES)] == [20]

        await wait_until(is_over, what="the end, with what came again")
        await house.settled()
        assert len(house.discord.posts) == 1
    async with pool.transaction("test") as tx:
        assert await due(tx, first.clock.now()) == ([], None)


async def test_scenario_7_closed_but_not_posted_is_announced_once_after_the_restart(pool: Pool) -> None:
    first = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO engagement_challenges (guild_id, channel_id, mode, title, active, started_at, ends_at,
                ended_at, winner_id, messages_count, outcome)
            VALUES (100, 200, 'random', NULL, false, %(now)s, %(now)s, %(now)s, 10, 0, 'winner'),
                   (100, 200, 'leaderboard', 'Nobody', false, %(now)s, %(now)s, %(now)s, NULL, NULL, 'empty'),
                   (100, 200, 'leaderboard', 'Old', false, %(now)s, %(now)s, %(old)s, NULL, NULL, 'empty'),
                   (100, 200, 'leaderboard', 'Legacy', false, %(now)s, %(now)s, %(now)s, 10, 3, NULL),
                   (100, 200, 'leaderboard', 'X', false, %(now)s, %(now)s, %(now)s, NULL, NULL, 'cancelled')
            """,
            {"now": first.clock.now(), "old": first.clock.now() - timedelta(days=8)},
        )
        await tx.execute(
            "INSERT INTO engagement_participants (challenge_id, user_id) "
            "SELECT min(id), u FROM engagement_challenges, unnest(ARRAY[10, 20, 30]) u GROUP BY u"
        )
        assert await due(tx, first.clock.now()) == ([GUILD], None)
    for _ in range(2):
        async with House(pool, first).open() as house:
            await house.wake()
            await house.settled()
    random_one, empty_one = (body for _, body in first.discord.posts)
    assert "3 participants" in random_one["embeds"][0]["description"]
    assert "message" not in random_one["embeds"][0]["description"]
    assert "**Nobody** has ended" in empty_one["content"]
    async with pool.transaction("test") as tx:
        assert await due(tx, first.clock.now()) == ([], None)


async def test_scenario_10_a_draw_counts_nothing_and_mentions_how_many_took_part(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house, mode=Mode.RANDOM)
        for user_id in (10, 20, 30, 10, 20):
            house.post(user_id)
        await pass_the_end(house)
        await house.settled()
        assert await house.rows(COUNTS) == [(10, 0), (20, 0), (30, 0)]
        ((_, _, _, winner_id, messages, *_),) = await house.rows(CHALLENGES)
        assert winner_id in {10, 20, 30}
        assert messages == 0
        ((_, body),) = house.discord.posts
        assert "3 participants" in body["embeds"][0]["description"]
        assert "message" not in body["embeds"][0]["description"]


async def test_scenario_12_with_nobody_posting_it_is_empty_and_there_is_no_badge(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house, title="Quiet")
        random_one = await started(house, mode=Mode.RANDOM)
        house.post(10)
        await house.ask(EditChallenge(random_one.id, RemoveParticipant(UserId(10))))
        await house.ask(EditChallenge(random_one.id, AddParticipant(UserId(10))))
        await house.ask(EditChallenge(random_one.id, SetMode(Mode.LEADERBOARD)))
        await house.ask(EditChallenge(random_one.id - 1, SetCount(UserId(10), 0)))
        await pass_the_end(house)
        await house.settled()
        assert [row[2:5] for row in await house.rows(CHALLENGES)] == [("empty", None, None)] * 2
        assert await house.rows(BADGES) == []
        assert all(
            not body.get("embeds") and "Nobody took part" in body["content"]
            for _, body in house.discord.posts
        )
        assert len(house.discord.posts) == 2


async def test_scenario_13_the_winner_gets_the_roles_that_the_bot_can_give(pool: Pool) -> None:
    both = House(pool, challenge_winner_role_id=int(LOW), badge_role_winner=int(LOW))
    async with both.open() as house:
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        assert house.discord.roles == [(10, LOW)], "the same role once"
        house.settings.values |= {"challenge_winner_role_id": int(HIGH), "badge_role_winner": 999}
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        assert house.discord.roles == [(10, LOW)]
        await wait_until(lambda: len(house.logged) == 2, what="the guild's log")
        assert "stands above my own" in house.logged[0].description
        assert "does not exist any more" in house.logged[1].description
    assert len(house.discord.posts) == 2


async def test_a_role_that_discord_refuses_is_told_once_and_undoes_nothing(pool: Pool) -> None:
    async with House(pool, challenge_winner_role_id=int(LOW)).open() as house:
        house.discord.refuses = {int(LOW): refusal(DiscordErrorKind.FORBIDDEN)}
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        await wait_until(lambda: len(house.logged) == 1, what="the guild's log")
        assert "did not let me give <@10>" in house.logged[0].description
        # Somebody who has left is no trouble: still the winner, and announced.
        house.discord.refuses = {int(LOW): refusal(DiscordErrorKind.NOT_FOUND, 10007)}
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        assert len(house.discord.posts) == 2
        assert [row[3] for row in await house.rows(CHALLENGES)] == [10, 10]
    assert len(house.logged) == 1


async def test_a_bot_that_may_not_manage_roles_says_so(pool: Pool) -> None:
    life = House(pool, challenge_winner_role_id=int(LOW))
    life.guilds.apply(guild(permissions=Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES))
    async with life.open() as house:
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        await wait_until(lambda: len(house.logged) == 2, what="the guild's log")
        assert "*Manage Roles*" in house.logged[0].description
        # Without Embed Links it cannot be announced anywhere, and nobody tries later.
        assert "neither in its channel nor" in house.logged[1].description
        ((*_, ended_at, announced_at, message_id),) = await house.rows(CHALLENGES)
        assert announced_at == ended_at
        assert message_id is None
    assert house.discord.posts == []


async def test_a_channel_that_is_refused_sends_the_announcement_to_the_system_channel(pool: Pool) -> None:
    async with House(pool).open() as house:
        house.discord.refuses = {int(CHANNEL): refusal(DiscordErrorKind.FORBIDDEN)}
        first = await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        assert [channel_id for channel_id, _ in house.discord.posts] == [SYSTEM]
        assert house.discord.attempts == [f"chal-{first.id}"] * 2
        house.discord.refuses[int(SYSTEM)] = refusal(DiscordErrorKind.FORBIDDEN)
        await started(house)
        house.post(10)
        await pass_the_end(house)
        await house.settled()
        rows = await house.rows(CHALLENGES)
        assert [row[7] for row in rows] == [9_001, None]
        assert all(row[6] is not None for row in rows)
        await wait_until(
            lambda: any("neither in its channel" in entry.description for entry in house.logged),
            what="the guild's log",
        )


async def test_without_a_channel_of_its_own_the_system_channel_is_taken_at_once(pool: Pool) -> None:
    life = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO engagement_challenges (guild_id, channel_id, mode, started_at, ends_at) VALUES"
            " (100, NULL, 'what is this', '-infinity', NULL), (100, 999, 'random', now(), 'infinity')"
        )
    async with life.open() as house:
        await house.wake()
        await house.settled()
        assert [channel_id for channel_id, _ in house.discord.posts] == [SYSTEM, SYSTEM]
        assert [row[2] for row in await house.rows(CHALLENGES)] == ["empty", "empty"]


@pytest.mark.parametrize("off", ["enabled", "challenges_enabled"])
async def test_what_ends_while_it_is_off_ends_silently(pool: Pool, off: str) -> None:
    async with House(pool, challenge_winner_role_id=int(LOW)).open() as house:
        await started(house)
        house.post(10)
        await house.told()
        house.settings.values[off] = False
        house.post(20)
        house.post(20)
        await pass_the_end(house)
        house.settings.values[off] = True
        await house.wake()
        await house.settled()
        ((_, active, outcome, winner_id, messages, ended_at, announced_at, message_id),) = await house.rows(
            CHALLENGES
        )
        assert (active, outcome, winner_id, messages) == (False, "winner", 10, 1)
        assert ended_at == announced_at
        assert message_id is None
        assert await house.rows(BADGES) == []
    assert house.discord.posts == []
    assert house.discord.roles == []


async def test_counting_goes_on_when_it_is_switched_on_again(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house)
        for is_on in (True, False, True):
            house.settings.values["challenges_enabled"] = is_on
            house.post(10)
            await house.told()
        (standing,) = await house.ask(ReadChallenges())
        assert standing.top[0].messages == 2


async def test_a_guild_that_is_not_known_yet_is_waited_for(pool: Pool) -> None:
    first = House(pool)
    async with first.open() as house:
        await started(house)
        house.post(10)
        await house.told()
        await house.progress.flush(ADDRESS)
    first.clock.advance(timedelta(hours=2))
    second = House(pool, first)
    known, second.guilds = second.guilds, GuildCache()
    async with second.open() as house:
        await house.wake()
        assert [row[1] for row in await house.rows(CHALLENGES)] == [True]
        house.guilds.apply(guild())
        await house.wake()
        await house.settled()
        assert [row[3] for row in await house.rows(CHALLENGES)] == [10]
    assert known is not house.guilds
    assert len(house.discord.posts) == 1


async def test_ended_and_cancelled_by_hand(pool: Pool) -> None:
    async with House(pool).open() as house:
        assert await house.ask(EndChallenge(None)) is NotActive.NONE
        first, second, third = [await started(house) for _ in range(3)]
        house.post(10)
        ended = await house.ask(EndChallenge(None))
        assert (ended.challenge, ended.outcome, ended.winner_id, ended.messages) == (
            third,
            Outcome.WINNER,
            10,
            1,
        )
        assert await house.ask(CancelChallenge(first.id)) == first
        assert await house.ask(EndChallenge(first.id)) is NotActive.OVER
        assert await house.ask(CancelChallenge(999)) is NotActive.UNKNOWN
        async with pool.transaction("test") as tx:
            # The deadline has won the race, in another process.
            await tx.execute("UPDATE engagement_challenges SET active = false WHERE id = %s", (second.id,))
        assert await house.ask(EndChallenge(second.id)) is NotActive.OVER
        await house.settled()
        rows = {row[0]: row[2] for row in await house.rows(CHALLENGES)}
        assert rows == {first.id: "cancelled", second.id: None, third.id: "winner"}
    assert len(house.discord.posts) == 1


async def test_no_more_than_ten_run_at_once(pool: Pool) -> None:
    async with House(pool).open() as house:
        for _ in range(10):
            await started(house)
        asked = StartChallenge(
            channel_id=CHANNEL, mode=Mode.RANDOM, title=None, seconds=5, at=house.clock.now()
        )
        assert await house.ask(asked) is None
        await house.ask(CancelChallenge(None))
        assert isinstance(await house.ask(asked), Challenge)


async def test_edits_are_stored_before_they_are_remembered(pool: Pool) -> None:
    async with House(pool).open() as house:
        challenge = await started(house)
        house.post(10)
        ten = UserId(10)
        assert await house.ask(EditChallenge(None, AddParticipant(ten))) == Edited(challenge, 2)
        assert await house.ask(EditChallenge(None, SetCount(ten, 12))) == Edited(challenge, 12)
        assert await house.ask(EditChallenge(None, AddParticipant(UserId(30)))) == Edited(challenge, 1)
        assert await house.rows(COUNTS) == [(10, 12), (30, 1)]
        house.post(10)
        (standing,) = await house.ask(ReadChallenges())
        assert [(place.user_id, place.messages) for place in standing.top] == [(10, 13), (30, 1)]
        assert await house.ask(EditChallenge(None, RemoveParticipant(ten))) == Edited(challenge)
        assert await house.ask(EditChallenge(None, RemoveParticipant(ten))) is NotEdited.ABSENT
        await house.progress.flush(ADDRESS)
        assert await house.rows(COUNTS) == [(30, 1)]
        house.post(10)
        house.clock.advance(60)
        moved = await house.ask(EditChallenge(None, SetRemaining(30)))
        assert moved.challenge.ends_at == house.clock.now() + timedelta(seconds=30)
        assert moved.challenge.started_at == challenge.started_at
        renamed = await house.ask(EditChallenge(None, SetTitle("New")))
        assert renamed.challenge.title == "New"
        drawn = await house.ask(EditChallenge(None, SetMode(Mode.RANDOM)))
        assert drawn.challenge.mode is Mode.RANDOM
        assert await house.ask(EditChallenge(None, SetCount(ten, 1))) is NotEdited.DRAWN
        assert await house.ask(EditChallenge(None, AddParticipant(ten))) == Edited(drawn.challenge, 1)
        assert await house.ask(EditChallenge(None, AddParticipant(UserId(40)))) == Edited(drawn.challenge, 0)
        stored = await house.rows("SELECT title, mode, ends_at - started_at FROM engagement_challenges")
        assert stored == [("New", "random", timedelta(seconds=90))]
        async with pool.transaction("test") as tx:
            await tx.execute("UPDATE engagement_challenges SET active = false")
        assert await house.ask(EditChallenge(None, SetTitle("x"))) is NotActive.OVER
        assert await house.ask(EditChallenge(None, SetTitle("x"))) is NotActive.NONE


async def test_an_erased_member_takes_part_no_more(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house)
        house.post(10)
        house.post(20)
        assert await house.ask(Forget(UserId(10)))
        (standing,) = await house.ask(ReadChallenges())
        assert [place.user_id for place in standing.top] == [20]


async def test_several_challenges_share_a_channel(pool: Pool) -> None:
    async with House(pool).open() as house:
        await started(house)
        await started(house, mode=Mode.RANDOM)
        house.post(10)
        house.post(10, ChannelId(999))
        await house.told()
        await house.progress.flush(ADDRESS)
        assert sorted(await house.rows(COUNTS)) == [(10, 0), (10, 1)]


async def test_what_cannot_be_announced_anywhere_any_more_is_told_once(pool: Pool) -> None:
    first = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO engagement_challenges (guild_id, active, ended_at, outcome)"
            " VALUES (100, false, %s, 'empty')",
            (first.clock.now(),),
        )
    first.guilds.apply(guild(system=None))
    async with first.open() as house:
        await house.wake()
        await wait_until(lambda: len(house.logged) == 1, what="the guild's log")
        assert "neither in its channel nor" in house.logged[0].description
        await house.wake()
        ((*_, announced_at, message_id),) = await house.rows(CHALLENGES)
        assert announced_at == house.clock.now()
        assert message_id is None
    assert len(first.logged) == 1
    assert first.discord.posts == []


async def test_the_same_request_begins_the_same_challenge(pool: Pool) -> None:
    async with House(pool).open() as house:
        asked = StartChallenge(
            channel_id=CHANNEL, mode=Mode.RANDOM, title="Once", seconds=60, at=house.clock.now()
        )
        challenge = await house.ask(asked)
        house.post(10)
        assert await house.ask(asked) == challenge
        (standing,) = await house.ask(ReadChallenges())
        assert standing.participants == 1
        assert len(await house.rows(CHALLENGES)) == 1


async def test_one_that_was_begun_although_nobody_heard_of_it_runs(pool: Pool) -> None:
    async with House(pool).open() as house:
        await house.told()
        part = house.part
        assert part is not None
        host: Any = part._host
        commit = host.commit

        async def lost(**work: Any) -> None:
            """As if the connection had been lost just after COMMIT."""
            await commit(**work)
            raise DatabaseUnavailable("db", "lost", lost=True, in_doubt=True)

        host.commit = lost
        asked = StartChallenge(
            channel_id=CHANNEL, mode=Mode.RANDOM, title=None, seconds=60, at=house.clock.now()
        )
        with pytest.raises(DatabaseUnavailable):
            await part.handle(asked)
        host.commit = commit

        async def is_known() -> bool:
            return [one.challenge.id for one in await house.ask(ReadChallenges())] == [1]

        await wait_until(is_known, what="the challenge")
