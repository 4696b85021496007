"""The typed calls: what they send, and what they make of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from alphapy.gateway.models.outgoing import Embed, File, OutgoingMessage
from alphapy.gateway.rest.calls import Application, GatewayInfo
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.moderation import ModerationCalls
from alphapy.pure.ids import ApplicationId, ChannelId, GuildId, InteractionId, MessageId, UserId
from tests.gateway.rest.test_client import in_turn
from tests.support.http_server import Fault, Reply

if TYPE_CHECKING:
    from tests.gateway.rest.conftest import Connect

APP, CHANNEL, MESSAGE, INTERACTION = ApplicationId(1), ChannelId(2), MessageId(3), InteractionId(4)
HELLO = OutgoingMessage(content="hello", embeds=[Embed(title="T")])
GATEWAY = {
    "url": "wss://gateway.test",
    "shards": 2,
    "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 14400000, "max_concurrency": 1},
}


async def test_gateway(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, GATEWAY))) as line:
        info = await line.calls.gateway()
    assert info == GatewayInfo(
        url="wss://gateway.test", shards=2, total=1000, remaining=999, reset_after=14400.0, max_concurrency=1
    )


@pytest.mark.parametrize(
    ("body", "owners"),
    [
        ({"id": "1", "name": "A", "owner": {"id": "7"}}, {7}),
        (
            {
                "id": "1",
                "name": "A",
                "owner": {"id": "7"},
                "team": {
                    "members": [
                        {"membership_state": 2, "user": {"id": "8"}},
                        {"membership_state": 1, "user": {"id": "9"}},
                    ]
                },
            },
            {7, 8},
        ),
        ({"id": "1", "name": "A", "team": None}, set()),
    ],
)
async def test_application(connect: Connect, body: dict[str, Any], owners: set[int]) -> None:
    async with connect(in_turn(Reply(200, body))) as line:
        assert await line.calls.application() == Application(id=APP, name="A", owner_ids=frozenset(owners))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"id": 5}', b'{"id": "x"}', b'{"id": "1", "owner": {"id": "-2"}}', b"\xff"],
)
async def test_a_malformed_answer_is_an_error(connect: Connect, body: bytes) -> None:
    async with connect(in_turn(Reply(200, body))) as line:
        with pytest.raises(DiscordError) as caught:
            await line.calls.application()
    assert caught.value.kind is DiscordErrorKind.MALFORMED


async def test_messages_are_created_edited_and_deleted(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, {"id": "99"}), Reply(200, {}), Reply(204))) as line:
        assert await line.calls.create_message(CHANNEL, HELLO) == 99
        await line.calls.edit_message(CHANNEL, MESSAGE, HELLO)
        await line.calls.delete_message(CHANNEL, MESSAGE, reason="spam")
    create, edit, delete = line.received
    assert (create.method, create.path) == ("POST", "/api/v10/channels/2/messages")
    assert create.json == HELLO.to_json()
    assert (edit.method, edit.path) == ("PATCH", "/api/v10/channels/2/messages/3")
    assert edit.json == HELLO.to_edit_json()
    assert (delete.method, delete.headers["x-audit-log-reason"]) == ("DELETE", "spam")


async def test_a_message_with_a_nonce_is_repeated_when_in_doubt(connect: Connect) -> None:
    message = OutgoingMessage(content="once", nonce="abc")
    async with connect(in_turn(Fault.DROP, Reply(200, {"id": "99"}))) as line:
        assert await line.calls.create_message(CHANNEL, message) == 99
    assert [received.json["nonce"] for received in line.received] == ["abc", "abc"]
    assert line.received[0].json["enforce_nonce"] is True


async def test_one_without_is_not(connect: Connect) -> None:
    async with connect(in_turn(Fault.DROP)) as line:
        with pytest.raises(DiscordError) as caught:
            await line.calls.create_message(CHANNEL, HELLO)
    assert caught.value.in_doubt
    assert len(line.received) == 1


async def test_files_come_with_a_message(connect: Connect) -> None:
    message = OutgoingMessage(content="x", files=[File(name="a.txt", content=b"inside")])
    async with connect(in_turn(Reply(200, {"id": "99"}))) as line:
        await line.calls.create_message(CHANNEL, message)
    assert b"inside" in line.received[0].body
    assert b'"attachments":[{"id":"0","filename":"a.txt"}]' in line.received[0].body


async def test_deleting_what_is_gone_succeeds(connect: Connect) -> None:
    gone = Reply(404, {"code": 10008, "message": "Unknown Message"})
    async with connect(in_turn(gone)) as line:
        await line.calls.delete_message(CHANNEL, MESSAGE)
        await line.calls.delete_original(APP, "tok")
    assert line.received[1].path == "/api/v10/webhooks/1/tok/messages/@original"


async def test_deleting_without_permission_does_not(connect: Connect) -> None:
    async with connect(in_turn(Reply(403, {"code": 50013, "message": "Missing Permissions"}))) as line:
        with pytest.raises(DiscordError) as caught:
            await line.calls.delete_message(CHANNEL, MESSAGE)
    assert (caught.value.kind, caught.value.code) == (DiscordErrorKind.FORBIDDEN, 50013)


async def test_an_interaction_from_first_answer_to_follow_up(connect: Connect) -> None:
    replies = (Reply(204), Reply(200, {"id": "5"}), Reply(200, {"id": "6"}))
    async with connect(in_turn(*replies)) as line:
        await line.calls.respond(INTERACTION, "tok", {"type": 5, "data": {"flags": 64}})
        await line.calls.edit_original(APP, "tok", HELLO)
        assert await line.calls.follow_up(APP, "tok", OutgoingMessage(content="more", ephemeral=True)) == 6
    assert [(r.method, r.path.removeprefix("/api/v10")) for r in line.received] == [
        ("POST", "/interactions/4/tok/callback"),
        ("PATCH", "/webhooks/1/tok/messages/@original"),
        ("POST", "/webhooks/1/tok"),
    ]
    assert line.received[2].json["flags"] == 64
    assert all("authorization" not in received.headers for received in line.received)


@pytest.mark.parametrize(("flags", "thinking"), [(64, None), (128 | 64, 192), (128, 128)])
async def test_a_promised_answer_is_told_from_one_that_is_given(
    connect: Connect, flags: int, thinking: int | None
) -> None:
    author = {"id": "1", "username": "alphapy", "bot": True}
    message = {"id": "5", "channel_id": "2", "author": author, "content": "", "flags": flags}
    async with connect(in_turn(Reply(200, message))) as line:
        assert await line.calls.promise(APP, "tok") == thinking
    assert line.received[0].path.endswith("/webhooks/1/tok/messages/@original")


ACKNOWLEDGED = Reply(400, {"code": 40060, "message": "Interaction has already been acknowledged."})


async def test_an_answer_whose_first_attempt_arrived_is_a_success(connect: Connect) -> None:
    async with connect(in_turn(Fault.DROP, ACKNOWLEDGED)) as line:
        await line.calls.respond(INTERACTION, "tok", {"type": 5})
    assert len(line.received) == 2


async def test_answering_twice_is_an_error(connect: Connect) -> None:
    async with connect(in_turn(ACKNOWLEDGED)) as line:
        with pytest.raises(DiscordError) as caught:
            await line.calls.respond(INTERACTION, "tok", {"type": 5})
    assert caught.value.code == 40060


async def test_a_first_answer_is_not_repeated_once_it_is_too_late(connect: Connect) -> None:
    async with connect(in_turn(Reply(500))) as line:
        with pytest.raises(DiscordError) as caught:
            await line.calls.respond(INTERACTION, "tok", {"type": 5}, within=0.005)
    assert caught.value.kind is DiscordErrorKind.SERVER
    assert len(line.received) == 1


async def test_commands_are_replaced(connect: Connect) -> None:
    manifest = [{"name": "version", "description": "What runs here.", "type": 1}]
    async with connect(in_turn(Reply(200, [{"id": "1"}]))) as line:
        assert await line.calls.put_global_commands(APP, manifest) == 1
        assert await line.calls.put_guild_commands(APP, GuildId(9), manifest) == 1
    assert [(r.method, r.path.removeprefix("/api/v10")) for r in line.received] == [
        ("PUT", "/applications/1/commands"),
        ("PUT", "/applications/1/guilds/9/commands"),
    ]
    assert line.received[0].json == manifest


async def test_a_member(connect: Connect) -> None:
    answer = {"user": {"id": "9", "username": "ada"}, "roles": ["5", "6"]}
    async with connect(in_turn(Reply(200, answer))) as line:
        member = await line.calls.member(GuildId(7), UserId(9), within=5.0)
    assert member.roles == (5, 6)
    assert line.server.received[0].path.endswith("/guilds/7/members/9")


async def test_a_direct_channel_is_opened_again_when_in_doubt(connect: Connect) -> None:
    async with connect(in_turn(Reply(502), Reply(200, {"id": "11"}))) as line:
        assert await line.calls.open_direct(UserId(9)) == ChannelId(11)
    assert [request.json for request in line.server.received] == [{"recipient_id": "9"}] * 2


async def test_what_was_missed_is_read_in_the_order_of_the_ids(connect: Connect) -> None:
    author = {"id": "5", "username": "ada"}
    page = [
        {"id": "30", "channel_id": "2", "author": author, "content": "third"},
        {"id": "20", "channel_id": "2", "author": author, "content": 7},
        {"id": "10", "channel_id": "2", "author": author, "content": "first"},
    ]
    async with connect(in_turn(Reply(200, page), Reply(200, []), Reply(200, [{"id": "x"}]))) as line:
        found = await line.calls.missed_messages(GuildId(7), CHANNEL, 5, limit=3, within=10)
        assert [(m.id, m.content, m.guild_id) for m in found.messages] == [(10, "first", 7), (30, "third", 7)]
        assert (found.last, found.is_full, found.malformed) == (30, True, 1)
        empty = await line.calls.missed_messages(GuildId(7), CHANNEL, 30, limit=3, within=10)
        assert (empty.messages, empty.last, empty.is_full) == ((), 30, False)
        with pytest.raises(DiscordError) as caught:
            await line.calls.missed_messages(GuildId(7), CHANNEL, 30, limit=3, within=10)
        assert caught.value.kind is DiscordErrorKind.MALFORMED
    assert line.received[0].path == "/api/v10/channels/2/messages"


async def test_recent_messages_come_newest_first_and_a_hundred_at_a_time(connect: Connect) -> None:
    def page(newest: int, count: int) -> list[dict[str, Any]]:
        author = {"id": "5", "username": "ada"}
        return [
            {"id": str(newest - n), "channel_id": "2", "author": author, "content": 7 if n == 3 else "x"}
            for n in range(count)
        ]

    async with connect(in_turn(Reply(200, page(500, 100)), Reply(200, page(400, 20)))) as line:
        found = await line.calls.recent_messages(CHANNEL, count=130)
    assert [m.id for m in found] == [*(n for n in range(500, 380, -1) if n not in (497, 397))]
    assert [request.target.partition("?")[2] for request in line.server.received] == [
        "limit=100",
        "before=401&limit=30",
    ]
    async with connect(in_turn(Reply(200, []))) as line:
        assert await line.calls.recent_messages(CHANNEL, count=130) == ()


async def test_a_deletion_tells_whether_there_was_something_to_delete(connect: Connect) -> None:
    answers = in_turn(Reply(204), Reply(404, {"code": 10008}), Reply(403, {"code": 50013}))
    async with connect(answers) as line:
        calls = ModerationCalls(line.client)
        assert await calls.delete_message(CHANNEL, MESSAGE, reason="tidy", within=5)
        assert not await calls.delete_message(CHANNEL, MESSAGE, reason="tidy", within=5)
        with pytest.raises(DiscordError) as caught:
            await calls.delete_message(CHANNEL, MESSAGE, reason="tidy", within=5)
        assert caught.value.kind is DiscordErrorKind.FORBIDDEN
    assert {request.headers["x-audit-log-reason"] for request in line.server.received} == {"tidy"}


async def test_recorded_messages_bring_the_files_that_their_bodies_name(connect: Connect) -> None:
    body = {"content": "x", "attachments": [{"id": "0", "filename": "a.png"}]}
    files = [File(name="a.png", content=b"inside")]
    async with connect(in_turn(Reply(200, {"id": "99"}), Fault.DROP, Reply(200, {"id": "99"}))) as line:
        assert await line.calls.create_recorded(CHANNEL, body, nonce="n", within=5, files=files) == 99
        await line.calls.edit_recorded(CHANNEL, MessageId(99), body, within=5, files=files)
    create, _, edit = line.received
    assert all(b"inside" in received.body for received in (create, edit))
    assert b'"enforce_nonce":true' in create.body
    assert (edit.method, edit.path) == ("PATCH", "/api/v10/channels/2/messages/99")
