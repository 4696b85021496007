"""What is done at Discord as an effect, and how its doing is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import msgspec
import pytest

from alphapy.actors.effects.verbs import (
    DELETE,
    GUILDS_WITHIN,
    MOST_PAGES,
    PAGE,
    SEND,
    Unprovable,
    delete,
    send,
    verbs,
)
from alphapy.gateway.models.message import Message
from alphapy.gateway.models.outgoing import Embed, File, OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId, snowflake_at
from alphapy.storage.effects import Draft, Effect
from tests.support.clock import FakeClock

ME = UserId(9)
CHANNEL = ChannelId(5)
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(seconds: float) -> MessageId:
    return MessageId(snowflake_at(NOW + timedelta(seconds=seconds)))


def message(seconds: float = 1, **fields: Any) -> Message:
    raw = {
        "id": str(at(seconds)),
        "channel_id": str(CHANNEL),
        "author": {"id": str(ME), "username": "bot", "bot": True},
        "content": "hello",
        **fields,
    }
    return msgspec.json.decode(msgspec.json.encode(raw), type=Message, strict=False)


@attrs.define
class Channel:
    """A channel that can be read and written."""

    messages: list[Message] = attrs.field(factory=list)
    reads: int = 0
    sent: list[tuple[int, Mapping[str, Any], str, float]] = attrs.field(factory=list)
    deleted: list[tuple[int, int]] = attrs.field(factory=list)
    me: UserId | None = ME
    readable: bool | None = True

    async def create_recorded(
        self, channel_id: ChannelId, body: Mapping[str, Any], *, nonce: str, within: float
    ) -> MessageId:
        self.sent.append((channel_id, body, nonce, within))
        return MessageId(77)

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str | None = None
    ) -> None:
        self.deleted.append((channel_id, message_id))

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> tuple[Message, ...]:
        self.reads += 1
        return tuple(found for found in self.messages if found.id > message_id)[:limit]


def effect(draft: Draft) -> Effect:
    return Effect(
        id=1,
        guild_id=GuildId(100),
        feature="faq",
        kind=draft.kind,
        event_key=draft.event_key,
        payload=draft.payload,
        nonce="the nonce",
        attempts=0,
        first_tried_at=NOW,
        deadline_at=draft.deadline_at,
    )


def sending(**fields: Any) -> Effect:
    outgoing = OutgoingMessage(**({"content": "hello"} | fields))
    deadline = NOW + timedelta(seconds=60)
    return effect(send("key", CHANNEL, outgoing, deadline_at=deadline, about={"x": 1}))


def verb(channel: Channel, kind: str = SEND, clock: FakeClock | None = None) -> Any:
    known = verbs(
        channel, lambda: channel.me, lambda _guild, _channel: channel.readable, clock or FakeClock(NOW)
    )
    return known[kind]


async def test_a_message_is_sent_as_recorded_with_the_effects_nonce() -> None:
    channel = Channel()
    owed = sending(reply_to=3, embeds=(Embed(title="t"),))
    assert await verb(channel).perform(owed, within=12.0) == 77
    ((where, body, nonce, within),) = channel.sent
    assert (where, nonce, within) == (CHANNEL, "the nonce", 12.0)
    assert body == OutgoingMessage(content="hello", reply_to=3, embeds=(Embed(title="t"),)).to_json()
    assert "nonce" not in body
    assert owed.payload["about"] == {"x": 1}


async def test_a_message_is_deleted() -> None:
    channel = Channel()
    owed = effect(delete("key", CHANNEL, MessageId(3), deadline_at=NOW))
    assert await verb(channel, DELETE).perform(owed, within=1) is None
    assert channel.deleted == [(CHANNEL, 3)]
    assert await verb(channel, DELETE).find(owed) == ()
    assert verb(channel, DELETE).idempotent
    assert not verb(channel).idempotent


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({}, True),
        ({"content": " hello\n"}, True),
        ({"content": "hello!"}, False),
        ({"author": {"id": "8", "username": "other"}}, False),
        ({"nonce": "the nonce", "content": "edited since"}, True),
        ({"nonce": "another"}, False),
        ({"message_reference": {"message_id": "3"}}, True),
        ({"message_reference": {"message_id": "4"}}, False),
        ({"embeds": [{"title": "not ours", "type": "rich"}]}, False),
        ({"embeds": [{"title": "a preview of a link", "type": "link"}]}, True),
    ],
)
async def test_our_own_message_is_recognised(fields: dict[str, Any], ours: bool) -> None:
    channel = Channel([message(**fields)])
    found = await verb(channel).find(sending(reply_to=3))
    assert found == ((at(1),) if ours else ())


async def test_a_plain_message_is_no_reply_and_embeds_are_compared() -> None:
    channel = Channel([message(1, message_reference={"message_id": "3"}), message(2), message(3, content="")])
    assert await verb(channel).find(sending()) == (at(2),)
    channel.messages = [message(1, embeds=[{"title": "t", "type": "rich"}]), message(2)]
    assert await verb(channel).find(sending(embeds=(Embed(title="t"),))) == (at(1),)


async def test_the_channel_is_read_from_the_first_attempt_to_the_deadline() -> None:
    early, late = message(-3600), message(3600)
    talk = [message(n / 100, content="talk") for n in range(250)]
    channel = Channel([early, *talk, message(40), late])
    assert await verb(channel).find(sending()) == (at(40),)
    assert channel.reads == 3
    channel.messages = [message(100 + n, content="talk") for n in range(150)]
    channel.reads = 0
    assert await verb(channel).find(sending()) == ()
    assert channel.reads == 1, "whatever comes after the deadline does not matter"


async def test_a_very_busy_channel_proves_nothing_unless_it_is_found() -> None:
    talk = [message(n / 1000, content="talk") for n in range(MOST_PAGES * PAGE + 1)]
    with pytest.raises(Unprovable, match="1000 messages"):
        await verb(Channel(talk)).find(sending())
    assert await verb(Channel([message(0), *talk])).find(sending()) == (at(0),)


async def test_what_cannot_be_known_is_no_proof() -> None:
    with pytest.raises(Unprovable, match="cannot be read"):
        await verb(Channel(readable=False)).find(sending())
    clock = FakeClock(NOW)
    for channel in (Channel(readable=None), Channel(me=None)):
        with pytest.raises(DiscordError) as raised:
            await verb(channel, clock=clock).find(sending())
        assert raised.value.transient
        assert not raised.value.in_doubt
    clock.advance(timedelta(seconds=61) + GUILDS_WITHIN)
    with pytest.raises(Unprovable, match="not known"):
        await verb(Channel(readable=None), clock=clock).find(sending())


@pytest.mark.parametrize("kind", [SEND, DELETE])
@pytest.mark.parametrize("error", list(DiscordErrorKind))
def test_a_refusal_names_the_channel_and_what_to_do(kind: str, error: DiscordErrorKind) -> None:
    owed = sending() if kind == SEND else effect(delete("key", CHANNEL, MessageId(3), deadline_at=NOW))
    text = verb(Channel(), kind).explain(owed, DiscordError(kind=error, route="x", message="no"))
    assert "<#5>" in text
    assert ("permissions" in text) == (error is DiscordErrorKind.FORBIDDEN)


def test_files_and_nonces_cannot_be_recorded() -> None:
    for outgoing in (
        OutgoingMessage(content="x", nonce="mine"),
        OutgoingMessage(files=(File(name="a", content=b"b"),)),
    ):
        with pytest.raises(ValueError, match="no files"):
            send("key", CHANNEL, outgoing, deadline_at=NOW, about={})
