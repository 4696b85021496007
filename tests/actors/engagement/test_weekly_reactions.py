"""Reactions of the weekly index that are removed: all of them, or those with one emoji (spec 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.engagement.weekly import MOST_RECOUNTS
from alphapy.gateway.rest.errors import UNKNOWN_MESSAGE, DiscordErrorKind
from tests.actors.engagement.weekly_house import ALL, IMAGE, WeeklyHouse, has, refusal
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool


async def test_all_reactions_or_those_of_one_emoji_are_removed(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        for user_id in (95, 96, 97):
            door.react(image.id, user_id)
        house.discord.reactions = 5
        door.event("MESSAGE_REACTION_REMOVE_EMOJI", message_id=str(image.id), emoji={"name": "🔥"})
        await wait_until(has(house, [(image.id, 30, True, False, 5)]))
        door.event("MESSAGE_REACTION_REMOVE_ALL", message_id=str(image.id))
        await door.settled()
    assert await house.rows(ALL) == [(image.id, 30, True, False, 0)]


async def test_a_process_that_dies_before_discord_has_said_how_many_are_left_asks_again(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.held = ["reactions"]
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        for user_id in (95, 96, 97):
            door.react(image.id, user_id)
        door.event("MESSAGE_REACTION_REMOVE_EMOJI", message_id=str(image.id), emoji={"name": "🔥"})
        await wait_until(lambda: house.mark == 5, what="the event to be done with")
    assert await house.rows(ALL) == [(image.id, 30, True, False, 3)]
    again = WeeklyHouse(pool)
    again.discord.reactions = 1
    async with again.open("another") as door:
        door.wake()
        await wait_until(has(again, [(image.id, 30, True, False, 1)]))


async def test_a_number_that_may_be_outdated_is_asked_for_again_but_not_for_ever(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.reactions = 7
    house.discord.held = ["reactions"]
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        door.event("MESSAGE_REACTION_REMOVE_EMOJI", message_id=str(image.id), emoji={"name": "🔥"})
        await wait_until(lambda: house.mark == 2)
        door.react(image.id, 95)  # it may be among the seven, or not
        await wait_until(lambda: house.mark == 3)
        house.discord.held = []
        await door.settled()
        assert await house.rows(ALL) == [(image.id, 30, True, False, 7)]
        assert await house.rows("SELECT count(*) FROM effects WHERE kind = 'count_reactions'") == [(2,)]

        async def react() -> None:
            door.react(image.id, 96)
            await wait_until(lambda: house.mark == house.seq)

        house.discord.on_reactions = react
        door.event("MESSAGE_REACTION_REMOVE_EMOJI", message_id=str(image.id), emoji={"name": "🔥"})
        await door.settled()
    asked = "SELECT count(*) FROM effects WHERE kind = 'count_reactions' AND state = 'done'"
    assert await house.rows(asked) == [(2 + MOST_RECOUNTS,)]


async def test_the_reactions_of_a_message_that_is_gone_are_nobodys(pool: Pool) -> None:
    house = WeeklyHouse(pool)
    house.discord.reaction_errors = [
        refusal(DiscordErrorKind.SERVER),
        refusal(DiscordErrorKind.NOT_FOUND, UNKNOWN_MESSAGE),
    ]
    async with house.open() as door:
        image = door.post(1, 30, **IMAGE)
        door.react(image.id, 95)
        door.event("MESSAGE_REACTION_REMOVE_EMOJI", message_id=str(image.id), emoji={"name": "🔥"})
        await door.settled()
    assert await house.rows(ALL) == [(image.id, 30, True, False, 1)]
    assert await house.rows("SELECT state FROM effects") == [("done",)]
