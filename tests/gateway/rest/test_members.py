"""Nicknames and reactions: what the calls send, and what they make of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.members import MemberCalls
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from tests.gateway.rest.test_client import in_turn
from tests.support.http_server import Reply

if TYPE_CHECKING:
    from tests.gateway.rest.conftest import Connect

CHANNEL, MESSAGE, USER, GUILD = ChannelId(2), MessageId(3), UserId(4), GuildId(5)
REACTIONS = "/api/v10/channels/2/messages/3/reactions/%E2%9A%9C"
GONE = Reply(404, {"code": 10008, "message": "Unknown Message"})


async def test_a_nickname_is_set_and_taken_away(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, {}), Reply(200, {}))) as line:
        calls = MemberCalls(line.client)
        await calls.set_nickname(GUILD, USER, "Pixel", reason="a streak")
        await calls.set_nickname(GUILD, USER, None, reason="a streak")
        first, second = line.received
    assert (first.method, first.path, first.json) == (
        "PATCH",
        "/api/v10/guilds/5/members/4",
        {"nick": "Pixel"},
    )
    assert first.headers["x-audit-log-reason"] == "a%20streak"
    assert second.json == {"nick": None}


async def test_a_role_is_given(connect: Connect) -> None:
    async with connect(in_turn(Reply(204))) as line:
        await MemberCalls(line.client).give_role(GUILD, USER, RoleId(6), reason="a badge")
        (asked,) = line.received
    assert (asked.method, asked.path) == ("PUT", "/api/v10/guilds/5/members/4/roles/6")
    assert asked.headers["x-audit-log-reason"] == "a%20badge"


async def test_reactions_are_added_and_removed(connect: Connect) -> None:
    async with connect(in_turn(Reply(204), Reply(204), GONE)) as line:
        calls = MemberCalls(line.client)
        await calls.add_reaction(CHANNEL, MESSAGE, "⚜")
        await calls.remove_reaction(CHANNEL, MESSAGE, "⚜", USER)
        await calls.remove_reaction(CHANNEL, MESSAGE, "⚜", USER)  # gone already
        asked = [(received.method, received.target) for received in line.received]
    assert asked == [
        ("PUT", f"{REACTIONS}/@me"),
        ("DELETE", f"{REACTIONS}/4"),
        ("DELETE", f"{REACTIONS}/4"),
    ]


async def test_a_reaction_that_may_not_be_removed_is_an_error(connect: Connect) -> None:
    async with connect(in_turn(Reply(403, {"code": 50013, "message": "Missing Permissions"}))) as line:
        with pytest.raises(DiscordError) as caught:
            await MemberCalls(line.client).remove_reaction(CHANNEL, MESSAGE, "⚜", USER)
    assert caught.value.kind is DiscordErrorKind.FORBIDDEN


async def test_reactors_come_in_the_order_of_their_ids(connect: Connect) -> None:
    page = [{"id": "9", "username": "nine"}, {"id": "7", "username": "seven", "bot": True}]
    async with connect(in_turn(Reply(200, page))) as line:
        found = await MemberCalls(line.client).reactors(CHANNEL, MESSAGE, "⚜", after=5)
        (asked,) = line.received
    assert [(user.id, user.bot) for user in found] == [(7, True), (9, False)]
    assert asked.target == f"{REACTIONS}?after=5&limit=100"


async def test_members_come_in_the_order_of_their_ids(connect: Connect) -> None:
    page = [
        {"user": {"id": "9", "username": "nine"}, "nick": "Nine", "roles": ["1"]},
        {"user": {"id": "7", "username": "seven"}, "roles": []},
        {"nick": "nobody", "roles": []},
    ]
    async with connect(in_turn(Reply(200, page))) as line:
        found = await MemberCalls(line.client).members(GUILD, after=5)
        (asked,) = line.received
    assert [(member.display_name, member.nick) for member in found] == [("seven", None), ("Nine", "Nine")]
    assert asked.target == "/api/v10/guilds/5/members?after=5&limit=1000"


async def test_one_member_is_read(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, {"user": {"id": "4", "username": "x"}, "nick": "N"}))) as line:
        found = await MemberCalls(line.client).member(GUILD, USER, within=5)
    assert found.display_name == "N"


async def test_a_malformed_page_is_an_error(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, {"not": "a list"}))) as line:
        with pytest.raises(DiscordError) as caught:
            await MemberCalls(line.client).reactors(CHANNEL, MESSAGE, "⚜", after=0)
    assert caught.value.kind is DiscordErrorKind.MALFORMED


async def test_reactions_are_counted_without_the_bots_own(connect: Connect) -> None:
    reactions = [{"count": 3, "me": True, "emoji": {"name": "⚜"}}, {"count": 2, "emoji": {"name": "x"}}]
    answers = in_turn(
        Reply(200, {"id": "3", "reactions": reactions}), Reply(200, {"id": "3"}), Reply(200, [])
    )
    async with connect(answers) as line:
        calls = MemberCalls(line.client)
        assert await calls.reaction_count(CHANNEL, MESSAGE) == 4
        assert await calls.reaction_count(CHANNEL, MESSAGE) == 0
        with pytest.raises(DiscordError) as caught:
            await calls.reaction_count(CHANNEL, MESSAGE)
        assert line.received[0].target == "/api/v10/channels/2/messages/3"
    assert caught.value.kind is DiscordErrorKind.MALFORMED
