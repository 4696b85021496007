"""The weekly awards of a guild: its actor, a real database, and a Discord that notes what it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.actors.engagement.messages import Forget
from alphapy.actors.engagement.weekly_messages import Place, WeekOutcome, WhereAnnounced
from alphapy.actors.kernel.address import Lane
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId, UserId
from tests.actors.engagement.weekly_house import (
    ALL,
    AWARDS,
    BADGES,
    FOOD,
    IMAGE,
    PERIOD,
    RESULTS,
    SYSTEM,
    WeeklyHouse,
    has,
    refusal,
)
from tests.support.actors import ask
from tests.support.engagement import ADDRESS
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

STAR = {"key": "star", "label": "Star", "filter": "reactions", "role_id": "50"}


# -- the index


async def test_posts_are_indexed_with_what_they_show(pool: Pool) -> None:
    house = WeeklyHouse(pool, weekly_food_channel_ids="77, nope")
    async with house.open() as door:
        plain = door.post(1, 30)
        image = door.post(2, 31, **IMAGE)
        text_file = door.post(3, 31, attachments=[{"id": "1", "content_type": "text/image/"}, {"id": "2"}])
        listed = door.post(4, 32, channel_id="77")
        named = door.post(5, 32, channel_id=str(FOOD))
        thread = door.post(6, 32, channel_id=str(FOOD + 100))
        door.post(7, 33, bot=True)
        await door.settled()
    assert await house.rows(ALL) == [
        (plain.id, 30, False, False, 0),
        (image.id, 31, True, False, 0),
        (text_file.id, 31, False, False, 0),
        (listed.id, 32, False, True, 0),
        (named.id, 32, False, True, 0),
        (thread.id, 32, False, True, 0),
    ]


async def test_nothing_is_indexed_and_no_reaction_counts_while_it_is_off(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        kept = door.post(1, 30, **IMAGE)
        await door.settled()
        house.settings.values["weekly_enabled"] = False
        door.post(2, 30)
        door.react(kept.id, 99)
        await door.settled()
        assert await house.rows(ALL) == [(kept.id, 30, True, False, 0)]
        door.event("MESSAGE_DELETE", id=str(kept.id))
        await door.settled()
    assert await house.rows(ALL) == [], "what is deleted goes, whether it is on or not"


async def test_reactions_count_once_and_not_those_of_bots_and_authors(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        bot: dict[str, Any] = {"member": {"user": {"id": "98", "username": "b", "bot": True}}}
        door.react(image.id, 99)
        door.react(image.id, 99, emoji="❤")
        door.react(image.id, 97, member={"user": {"id": "97", "username": "c"}})
        door.react(image.id, 30)
        door.react(image.id, 30, message_author_id="30")
        door.react(image.id, 2)
        door.react(image.id, 98, **bot)
        door.react(image.id, 98, name="REMOVE")
        door.react(image.id, 30, name="REMOVE")
        door.react(4711, 99)
        await door.settled()
        assert await house.rows(ALL) == [(image.id, 30, True, False, 3)]
        door.react(image.id, 99, name="REMOVE")
        await door.settled()
        assert await house.rows(ALL) == [(image.id, 30, True, False, 2)]
        for _ in range(3):
            door.react(image.id, 99, name="REMOVE")
        await door.settled()
        assert await house.rows(ALL) == [(image.id, 30, True, False, 0)]


async def test_a_reaction_that_is_replayed_after_a_resume_counts_once(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        door.react(image.id, 99)
        await door.settled()
        house.seq = 0
        door.post(1, 30, **IMAGE)
        door.react(image.id, 99)
        door.react(image.id, 96)
        await door.settled()
        await wait_until(has(house, [(image.id, 30, True, False, 2)]))
    again = WeeklyHouse(pool)
    async with again.open() as door:
        again.seq = 1
        door.react(image.id, 99)
        door.react(image.id, 96)
        door.react(image.id, 95)
        await wait_until(has(again, [(image.id, 30, True, False, 3)]))


async def test_scenario_17_the_star_goes_to_the_next_when_its_photo_is_deleted(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        best, next_best, last = (door.post(number, 30 + number, **IMAGE) for number in (1, 2, 3))
        for image, users in ((best, 3), (next_best, 2), (last, 1)):
            for user_id in range(90, 90 + users):
                door.react(image.id, user_id)
        await door.settled()
        assert (await door.compute()).wins["star"].message_id == best.id
        door.event("MESSAGE_DELETE", id=str(best.id))
        await door.settled()
        assert (await door.compute()).wins["star"].message_id == next_best.id
        door.event("MESSAGE_DELETE_BULK", ids=[str(next_best.id), "5"])
        await door.settled()
        report = await door.compute()
        assert (report.wins["star"].user_id, report.wins["star"].message_id) == (33, last.id)
        await door.settled()


# -- the week


async def test_scenario_14_the_week_is_announced_once_when_it_is_over(pool: Pool) -> None:
    house = WeeklyHouse(pool, is_caught_up=True)
    house.clock.jump_to(PERIOD.end - timedelta(minutes=1))
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        door.post(2, 31)
        door.post(3, 31)
        door.react(image.id, 99)
        await door.settled()
        door.wake()
        await ask(door.registry, ADDRESS, Forget(UserId(1)), lane=Lane.NORMAL)
        assert house.discord.posts == []
        house.clock.advance(timedelta(minutes=4))
        door.wake()
        await wait_until(lambda: len(house.discord.posts) == 1)
        await door.settled()
        door.wake()
        ((week_id,),) = await house.rows("SELECT id FROM engagement_weekly_awards")
        where = await ask(door.registry, ADDRESS, WhereAnnounced(week_id))
    ((channel_id, body),) = house.discord.posts
    embed = body["embeds"][0]
    assert channel_id == AWARDS
    assert (embed["color"], embed["title"]) == (0xF1C40F, "🏆 The \\*Guild\\* — Weekly awards")
    assert embed["description"].splitlines()[:4] == [
        "📅 13 Jul 14:00 – 20 Jul 13:59 UTC",
        "",
        "**📣 Motivator**",
        "<@31> — 2 messages",
    ]
    assert f"Message `{image.id}`" in embed["description"]
    assert "Congratulations" in embed["footer"]["text"]
    assert embed["image"]["url"] == "attachment://weekly-awards-2026-07-20.png"
    assert "📣 Motivator: 2 messages" in body["attachments"][0]["description"]
    assert body["allowed_mentions"]["parse"] == []
    ((start, end, computed, place),) = await house.rows(
        "SELECT week_start::text, week_end::text, computed_at, announce_message_id "
        "FROM engagement_weekly_awards"
    )
    assert (start, end, computed) == ("2026-07-13", "2026-07-20", house.clock.now())
    assert house.discord.nonces == {f"wk-{week_id}": place}
    assert where == Place(ChannelId(AWARDS), place)
    assert await house.rows(RESULTS) == [
        ("motivator", 31, 2, None),
        ("sharpshooter", 30, 1, None),
        ("star", 30, 1, image.id),
    ]
    assert await house.rows(BADGES) == [("motivator", 31), ("sharpshooter", 30), ("star", 30)]


async def test_scenario_15_the_last_millisecond_counts_and_two_oclock_does_not(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        door.post(1, 30, PERIOD.end - timedelta(milliseconds=1))
        door.post(2, 31, PERIOD.end)
        door.post(3, 31, PERIOD.end + timedelta(milliseconds=1))
        door.post(4, 32, PERIOD.start)
        door.post(5, 33, PERIOD.start - timedelta(milliseconds=1))
        door.post(6, 33, PERIOD.start - timedelta(milliseconds=2))
        report = await door.compute()
        assert report.period == PERIOD
        assert (report.wins["motivator"].user_id, report.wins["motivator"].metric) == (30, 1)
        house.clock.advance(timedelta(days=7))
        report = await door.compute()
        assert (report.wins["motivator"].user_id, report.wins["motivator"].metric) == (31, 2)
        await door.settled()


async def test_scenario_16_a_second_computation_changes_nothing(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        door.post(1, 30, **IMAGE)
        first = await door.compute()
        assert (first.outcome, first.place) == (WeekOutcome.POSTED, None)
        await door.settled()
        badges = await house.rows(BADGES)
        second = await door.compute()
        assert second.outcome is WeekOutcome.UNCHANGED
        assert second.place == Place(ChannelId(AWARDS), MessageId(9_000))
        await door.settled()
    assert len(house.discord.posts) == 1
    assert house.discord.edits == []
    assert await house.rows(BADGES) == badges == [("motivator", 30), ("sharpshooter", 30)]


@pytest.mark.parametrize("food", ["", "77"])
async def test_scenario_18_food_is_awarded_where_there_are_food_channels(pool: Pool, food: str) -> None:
    house = WeeklyHouse(pool, weekly_food_channel_ids=food)
    async with house.open() as door:
        door.post(1, 30, channel_id=str(FOOD))
        door.post(2, 31, **IMAGE)
        report = await door.compute()
        await door.settled()
    keys = ["motivator", "foodfluencer", "sharpshooter", "star"]
    assert [award.key for award in report.awards] == [key for key in keys if food or key != "foodfluencer"]
    assert ("foodfluencer" in report.wins) is bool(food)


async def test_without_a_channel_or_without_posts_nothing_is_announced(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        assert (await door.compute()).outcome is WeekOutcome.NO_CANDIDATES
        door.post(1, 30)
        house.settings.values["weekly_award_channel_id"] = 0
        report = await door.compute()
        assert (report.outcome, len(report.wins)) == (WeekOutcome.NO_CHANNEL, 1)
        house.settings.values["weekly_award_channel_id"] = AWARDS
        assert (await door.compute()).outcome is WeekOutcome.POSTED
        await door.settled()
    assert len(house.discord.posts) == 1


async def test_other_results_edit_the_announcement_and_repost_it_where_it_is_gone(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        first = door.post(1, 30)
        await door.compute()
        await door.settled()
        door.post(2, 31)
        door.post(3, 31)
        report = await door.compute()
        assert (report.outcome, report.place) == (
            WeekOutcome.UPDATED,
            Place(ChannelId(AWARDS), MessageId(9_000)),
        )
        await door.settled()
        assert "<@31> — 2 messages" in house.discord.edits[0]["embeds"][0]["description"]
        assert await house.rows(BADGES) == [("motivator", 31)]

        del house.discord.messages[9_000]
        for number in range(4, 8):
            door.post(number, 30)
        assert (await door.compute()).outcome is WeekOutcome.UPDATED
        await door.settled()
        assert len(house.discord.posts) == 2
        assert "<@30> — 5 messages" in house.discord.posts[1][1]["embeds"][0]["description"]
        assert await house.rows("SELECT announce_message_id FROM engagement_weekly_awards") == [(9_001,)]

        everything = [str(row[0]) for row in await house.rows(ALL)]
        assert str(first.id) in everything
        door.event("MESSAGE_DELETE_BULK", ids=everything)
        assert (await door.compute()).outcome is WeekOutcome.UPDATED
        await door.settled()
        assert "No award was won" in house.discord.messages[9_001][1]["embeds"][0]["description"]
        assert (await door.compute()).outcome is WeekOutcome.UNCHANGED
        assert await house.rows(BADGES) == []


async def test_results_that_change_while_the_post_is_under_way_are_told_afterwards(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.held = ["post", "edit"]
    async with house.open() as door:
        door.post(1, 30)
        assert (await door.compute()).outcome is WeekOutcome.POSTED
        door.post(2, 31)
        door.post(3, 31)
        assert (await door.compute()).outcome is WeekOutcome.POSTED, "it is not there yet"
        house.discord.held.remove("post")
        await wait_until(lambda: len(house.discord.posts) == 1)
        await wait_until(has(house, [(9_000,)], "SELECT announce_message_id FROM engagement_weekly_awards"))
        for number in range(4, 8):
            door.post(number, 30)
        assert (await door.compute()).outcome is WeekOutcome.UPDATED
        house.discord.held.clear()
        await wait_until(lambda: len(house.discord.edits) == 2)
        await door.settled()
    assert "<@30> — 5 messages" in house.discord.messages[9_000][1]["embeds"][0]["description"]
    assert len(house.discord.posts) == 1


async def test_where_the_channel_is_refused_the_system_channel_is_told(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.refuses = {AWARDS: refusal(DiscordErrorKind.FORBIDDEN)}
    async with house.open() as door:
        door.post(1, 30)
        await door.compute()
        await door.settled()
        assert [channel_id for channel_id, _ in house.discord.posts] == [SYSTEM]
        assert await house.rows("SELECT announce_channel_id FROM engagement_weekly_awards") == [(SYSTEM,)]


async def test_where_every_channel_is_refused_a_later_computation_tries_again(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.refuses = {channel: refusal(DiscordErrorKind.FORBIDDEN) for channel in (AWARDS, SYSTEM)}
    async with house.open() as door:
        door.post(1, 30)
        await door.compute()
        await door.settled()
        assert house.discord.posts == []
        house.discord.refuses.clear()
        assert (await door.compute()).outcome is WeekOutcome.POSTED
        await door.settled()
        assert [channel_id for channel_id, _ in house.discord.posts] == [AWARDS]


async def test_an_edit_that_is_refused_is_left_until_the_next_computation(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        door.post(1, 30)
        await door.compute()
        await door.settled()
        house.discord.refuses = {9_000: refusal(DiscordErrorKind.FORBIDDEN)}
        door.post(2, 31)
        door.post(3, 31)
        await door.compute()
        await door.settled()
        assert house.discord.edits == []
        house.discord.refuses.clear()
        assert (await door.compute()).outcome is WeekOutcome.UPDATED
        await door.settled()
        assert len(house.discord.edits) == 1


async def test_a_process_that_dies_before_the_post_posts_once_in_its_next_life(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.held = ["post"]
    async with house.open() as door:
        door.post(1, 30)
        await door.compute()
    assert house.discord.posts == []
    again = WeeklyHouse(pool)
    async with again.open("another") as door:
        door.wake()
        await wait_until(lambda: len(again.discord.posts) == 1)
        await door.settled()
        assert (await door.compute()).outcome is WeekOutcome.UNCHANGED
    assert len(again.discord.posts) == 1


# -- roles


async def test_scenario_20_the_role_of_an_award_passes_to_the_next_winner(pool: Pool) -> None:
    house = WeeklyHouse(pool, weekly_award_configs=[STAR], badge_role_star=60)
    house.discord.roles = {1: {50}, 2: set(), 3: set()}
    async with house.open() as door:
        image = door.post(1, 2, **IMAGE)
        door.react(image.id, 99)
        await door.compute()
        await door.settled()
        assert house.discord.role_calls == [("DELETE", 1, 50), ("PUT", 2, 50), ("PUT", 2, 60)]
        house.discord.role_calls.clear()
        house.clock.advance(timedelta(days=7))
        later = door.post(2, 2, PERIOD.end, **IMAGE)
        door.react(later.id, 99)
        await door.compute()
        await door.settled()
        assert house.discord.role_calls == [], "the same winner: nothing is called"
        third = door.post(3, 3, PERIOD.end, **IMAGE)
        door.react(third.id, 98)
        door.react(third.id, 99)
        await door.compute()
        await door.settled()
        assert house.discord.role_calls == [("DELETE", 2, 50), ("PUT", 3, 50), ("PUT", 3, 60)]


async def test_a_winner_that_changes_while_roles_are_moved_has_them_in_the_end(pool: Pool) -> None:
    house = WeeklyHouse(pool, weekly_award_configs=[STAR])
    house.discord.roles = {2: set(), 3: set()}
    house.discord.held = ["roles"]
    async with house.open() as door:
        first = door.post(1, 2, **IMAGE)
        second = door.post(2, 3, **IMAGE)
        door.react(first.id, 99)
        await door.compute()
        for user_id in (97, 98):
            door.react(second.id, user_id)
        await door.compute()
        house.discord.held.clear()
        await wait_until(lambda: house.discord.roles == {2: set(), 3: {50}})
        await door.settled()


async def test_a_role_that_is_refused_is_not_tried_again_by_itself(pool: Pool) -> None:
    house = WeeklyHouse(pool, weekly_award_configs=[STAR])
    house.discord.roles = {2: set()}
    house.discord.refuses = {50: refusal(DiscordErrorKind.FORBIDDEN)}
    async with house.open() as door:
        image = door.post(1, 2, **IMAGE)
        door.react(image.id, 99)
        await door.compute()
        await door.settled()
        assert house.discord.role_calls == [("PUT", 2, 50)]
        house.discord.refuses.clear()
        await door.compute()
        await door.settled()
        assert house.discord.roles == {2: {50}}
    assert len(house.discord.posts) == 1


# -- when


async def test_a_week_is_computed_by_itself_once_even_when_asked_for_before(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        door.post(1, 30)
        await door.compute()
        await door.settled()
    again = WeeklyHouse(pool, is_caught_up=True)
    async with again.open("another") as door:
        door.post(2, 31)
        door.post(3, 31)
        await door.settled()
        door.wake()
        door.wake()
        await ask(door.registry, ADDRESS, Forget(UserId(1)), lane=Lane.NORMAL)
    assert (again.discord.posts, again.discord.edits) == ([], [])
    assert await again.rows(RESULTS) == [("motivator", 30, 1, None)]


@pytest.mark.parametrize(("hours", "expected"), [(47.9, 1), (48.1, 0)])
async def test_a_week_that_ended_while_nobody_listened_is_caught_up_within_48_hours(
    pool: Pool, hours: float, expected: int
) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        door.post(1, 30)
        await door.settled()
    again = WeeklyHouse(pool, is_caught_up=True)
    again.clock.jump_to(PERIOD.end + timedelta(hours=hours))
    async with again.open("another") as door:
        door.wake()
        await wait_until(lambda: len(again.discord.posts) == expected)
        await ask(door.registry, ADDRESS, Forget(UserId(1)), lane=Lane.NORMAL)
        await door.settled()
    assert len(again.discord.posts) == expected
    assert len(await again.rows("SELECT FROM engagement_weekly_awards")) == expected


async def test_nothing_happens_while_it_is_off_or_the_guild_is_not_known(pool: Pool) -> None:
    house = WeeklyHouse(pool, is_caught_up=True)
    house.settings.values["weekly_enabled"] = False
    async with house.open() as door:
        door.wake()
        await ask(door.registry, ADDRESS, Forget(UserId(1)), lane=Lane.NORMAL)
    house.settings.values["weekly_enabled"] = True
    house.guilds = type(house.guilds)(house.guilds.me)
    async with house.open("another") as door:
        door.wake()
        await ask(door.registry, ADDRESS, Forget(UserId(1)), lane=Lane.NORMAL)
    assert await house.rows("SELECT FROM engagement_weekly_awards") == []


async def test_where_a_week_that_is_not_there_was_announced(pool: Pool) -> None:
    async with WeeklyHouse(pool).open() as door:
        assert await ask(door.registry, ADDRESS, WhereAnnounced(99)) is None
