"""What `/clean` deletes, and how (spec/engagement.md 4.8 and scenario 37)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from alphapy.actors.clean.commands import RUN_WITHIN, Clean
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.message import Message
from alphapy.gateway.models.user import User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.clean import deleted_at_once, wanted
from alphapy.pure.ids import ChannelId, MessageId, UserId, snowflake_at
from tests.gateway.interactions.house import house
from tests.support.clock import START, FakeClock
from tests.support.guilds import guild_cache
from tests.support.interactions import CHANNEL, FakeCalls, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock

MAY = Permissions.MANAGE_MESSAGES
FORBIDDEN = DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="DELETE", message="no", status=403)


def written(days: float, number: int = 0) -> MessageId:
    return MessageId(snowflake_at(START - timedelta(days=days)) + number)


@attrs.define
class Channel:
    """A channel with these messages, newest first, of which some are gone when they are to be deleted."""

    ids: list[MessageId]
    gone: set[MessageId] = attrs.field(factory=set)
    failures: dict[MessageId, DiscordError] = attrs.field(factory=dict)
    together_fails: DiscordError | None = None
    slow: float = 0.0
    done: list[tuple[str, int]] = attrs.field(factory=list)
    reasons: set[str] = attrs.field(factory=set)

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        await trio.sleep(self.slow)
        author = User(id=UserId(1), username="ada")
        return [Message(id=message_id, channel_id=channel_id, author=author) for message_id in self.ids][
            :count
        ]

    async def delete_messages(
        self, channel_id: ChannelId, message_ids: Sequence[MessageId], *, reason: str
    ) -> None:
        await trio.lowlevel.checkpoint()
        if self.together_fails is not None:
            raise self.together_fails
        assert 2 <= len(message_ids) <= 100
        self.done.append(("together", len(message_ids)))
        self.reasons.add(reason)

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str, within: float
    ) -> bool:
        assert 0 < within <= RUN_WITHIN
        await trio.sleep(self.slow)
        if message_id in self.failures:
            raise self.failures[message_id]
        self.done.append(("one", message_id))
        return message_id not in self.gone


def clean(channel: Channel, **guild: Any) -> Clean:
    return Clean(channel, channel, guild_cache(**{"mine": MAY, **guild}), FakeClock())


async def run(channel: Channel, options: dict[str, Any] | None = None, **more: Any) -> list[str]:
    """What the member reads."""
    guild = more.pop("guild", {})
    calls = FakeCalls()
    async with house(calls, commands=[clean(channel, **guild).command()]) as found:
        fields = {"permissions": MAY, **more}
        await found.submit(command("clean", options, **fields), step=0.5)
        assert not found.crashes
    assert all(said.ephemeral or said.type == 5 for said in calls.said if said.method == "respond")
    return [said.text for said in calls.said if said.method != "respond" or said.type == 4]


async def test_engagement_37_young_messages_go_together_and_old_ones_one_by_one(
    autojump_clock: MockClock,
) -> None:
    old = [written(15, 2), written(15, 1)]
    channel = Channel([written(0.1, 3), written(0.1, 2), written(0.1, 1), *old])
    assert await run(channel, {"limit": 5}) == ["🧹 Deleted 5 messages."]
    assert channel.done == [("together", 3), ("one", old[0]), ("one", old[1])]
    assert channel.reasons == {"/clean by someone"}


async def test_a_single_young_message_is_deleted_singly_and_ten_are_the_default(
    autojump_clock: MockClock,
) -> None:
    channel = Channel([written(0.1)])
    assert await run(channel) == ["🧹 Deleted 1 message."]
    assert channel.done == [("one", written(0.1))]
    many = Channel([written(0.1, n) for n in range(200, 0, -1)])
    assert await run(many) == ["🧹 Deleted 10 messages."]
    assert await run(many, {"limit": 5000}) == ["🧹 Deleted 100 messages."]
    assert await run(Channel([])) == ["🧹 Deleted 0 messages."]


async def test_what_is_gone_or_cannot_be_deleted_is_not_counted(autojump_clock: MockClock) -> None:
    ids = [written(20, 3), written(20, 2), written(20, 1)]
    system = attrs.evolve(FORBIDDEN, code=50021)
    channel = Channel(ids, gone={ids[0]}, failures={ids[1]: system})
    assert await run(channel) == ["🧹 Deleted 1 message."]


async def test_where_discord_finds_one_too_old_all_go_singly(autojump_clock: MockClock) -> None:
    too_old = DiscordError(kind=DiscordErrorKind.INVALID, route="POST", message="old", code=50034)
    channel = Channel([written(13, 2), written(13, 1)], together_fails=too_old)
    assert await run(channel) == ["🧹 Deleted 2 messages."]
    assert [how for how, _ in channel.done] == ["one", "one"]


async def test_a_missing_permission_is_told_and_so_is_how_far_it_came(autojump_clock: MockClock) -> None:
    async def read(channel: Channel) -> str:
        calls = FakeCalls()
        async with house(calls, commands=[clean(channel).command()]) as found:
            await found.submit(command("clean", permissions=MAY), step=0.5)
            last = calls.said[-1].body
        return str(last.content or f"{last.embeds[0].title}: {last.embeds[0].description}")

    ids = [written(20, 2), written(20, 1)]
    assert "Nothing was deleted: Discord does not let me" in await read(
        Channel(ids, together_fails=FORBIDDEN, failures={ids[0]: FORBIDDEN})
    )
    assert "Nothing was deleted: Discord does not let me" in await read(
        Channel([written(1, 2), written(1, 1)], together_fails=FORBIDDEN)
    )
    broken = DiscordError(kind=DiscordErrorKind.SERVER, route="DELETE", message="out of order")
    partly = await read(Channel(ids, failures={ids[1]: broken}))
    assert partly == "🧹 Deleted 1 message. Discord did not do it. Please try again in a moment."


async def test_a_run_ends_while_the_member_can_still_be_told(autojump_clock: MockClock) -> None:
    channel = Channel([written(20, n) for n in range(100, 0, -1)], slow=70.0)
    (text,) = await run(channel, {"limit": 100})
    assert text == "🧹 Deleted 10 messages. There was no time for the rest; use the command again."


async def test_one_run_in_a_channel_at_a_time(autojump_clock: MockClock) -> None:
    channel = Channel([written(1, 2), written(1, 1)], slow=1.0)
    command_of_both = clean(channel).command()
    calls = FakeCalls()
    async with house(calls, commands=[command_of_both]) as found:
        await found.submit(
            command("clean", permissions=MAY),
            command("clean", permissions=MAY),
            command("clean", permissions=MAY, channel_id="201"),
            step=0.5,
        )
        assert sorted(str(outcome.error) for outcome in found.outcomes) == [
            "None",
            "busy",
            "wrong kind of channel",
        ]
        await found.submit(command("clean", permissions=MAY), step=0.5)
        assert found.outcomes[-1].success
    assert channel.done == [("together", 2)] * 2


@pytest.mark.parametrize(
    ("options", "more", "words"),
    [
        ({}, {"permissions": 0}, "Only members who may manage messages"),
        ({"limit": 0}, {"permissions": 0}, "Only members who may manage messages"),
        ({"limit": 0}, {}, "The limit is a number from 1 to 100."),
        ({"limit": -5}, {}, "The limit is a number from 1 to 100."),
        ({}, {"guild": {"channels": {CHANNEL: {"type": 2}}}}, "text and announcement channels only"),
        ({}, {"guild": {"channels": {CHANNEL: {"type": 11}}}}, "text and announcement channels only"),
        ({}, {"guild": {"mine": Permissions(0)}}, "I lack Manage Messages."),
        ({}, {"guild_id": 0}, "server only"),
    ],
)
async def test_what_may_not_be_is_refused_at_once(
    autojump_clock: MockClock, options: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    channel = Channel([written(1)])
    (text,) = await run(channel, options, **more)
    assert words in text
    assert not channel.done


def test_two_weeks_less_a_minute() -> None:
    edge = START - timedelta(days=14) + timedelta(minutes=1)
    older, younger = MessageId(snowflake_at(edge)), MessageId(snowflake_at(edge + timedelta(seconds=1)))
    assert deleted_at_once([younger, older], START) == ([younger], [older])
    assert [wanted(limit) for limit in (-1, 0, 1, 100, 101)] == [None, None, 1, 100, 100]
