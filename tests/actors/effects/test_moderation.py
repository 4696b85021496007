"""What moderation does at Discord: out of recorded payloads, and the same however often it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.effects import moderation
from alphapy.actors.effects.moderation import Directs, Moderation, moderation_verbs
from alphapy.actors.effects.verbs import Unprovable
from alphapy.gateway.models.message import Message
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.models.user import User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId, snowflake_at
from alphapy.storage.effects import Draft, Effect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ME = UserId(9)
GONE = DiscordError(kind=DiscordErrorKind.NOT_FOUND, route="x", message="gone", status=404)


@attrs.define
class Fake(Moderation, Directs):
    """A Discord that notes what it is asked."""

    did: list[tuple[Any, ...]] = attrs.field(factory=list)
    fails: DiscordError | None = None
    history: list[Message] = attrs.field(factory=list)

    def _note(self, *what: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.did.append(what)

    @override
    async def time_out(
        self, guild_id: GuildId, user_id: UserId, until: datetime | None, *, reason: str
    ) -> None:
        self._note("time_out", user_id, until, reason)

    @override
    async def ban(self, guild_id: GuildId, user_id: UserId, *, delete_seconds: int, reason: str) -> None:
        self._note("ban", user_id, delete_seconds, reason)

    @override
    async def unban(self, guild_id: GuildId, user_id: UserId, *, reason: str) -> None:
        self._note("unban", user_id, reason)

    @override
    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: Any, *, reason: str) -> None:
        self._note("give", user_id, role_id, reason)

    @override
    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: Any, *, reason: str) -> None:
        self._note("take", user_id, role_id, reason)

    @override
    async def delete_messages(
        self, channel_id: ChannelId, message_ids: Sequence[MessageId], *, reason: str
    ) -> None:
        self._note("delete", channel_id, list(message_ids), reason)

    @override
    async def open_direct(self, user_id: UserId) -> ChannelId:
        self._note("open", user_id)
        return ChannelId(77)

    @override
    async def create_recorded(
        self, channel_id: ChannelId, body: Mapping[str, Any], *, nonce: str, within: float
    ) -> MessageId:
        self._note("create", channel_id, body["content"], nonce)
        return MessageId(5)

    @override
    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str | None = None
    ) -> None:
        raise NotImplementedError

    @override
    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> Sequence[Message]:
        return [message for message in self.history if message.id > message_id][:limit]


def effect(draft: Draft) -> Effect:
    return Effect(
        id=1,
        guild_id=GuildId(3),
        feature="automod",
        kind=draft.kind,
        event_key=draft.event_key,
        payload=draft.payload,
        nonce="n",
        attempts=0,
        first_tried_at=NOW,
        deadline_at=draft.deadline_at,
    )


def on_member(kind: str, **more: Any) -> Effect:
    return effect(
        moderation.on_member(kind, "k", 4, reason="why", deadline_at=NOW, about={"keys": []}, **more)
    )


@pytest.mark.parametrize(
    ("kind", "more", "did"),
    [
        (moderation.TIME_OUT, {"until": NOW.isoformat()}, ("time_out", 4, NOW, "why")),
        (moderation.TIME_OUT, {"until": None}, ("time_out", 4, None, "why")),
        (moderation.BAN, {"delete_seconds": 60}, ("ban", 4, 60, "why")),
        (moderation.UNBAN, {}, ("unban", 4, "why")),
        (moderation.GIVE_ROLE, {"role_id": 8}, ("give", 4, 8, "why")),
        (moderation.TAKE_ROLE, {"role_id": 8}, ("take", 4, 8, "why")),
    ],
)
async def test_a_member_is_dealt_with(kind: str, more: dict[str, Any], did: tuple[Any, ...]) -> None:
    fake = Fake()
    verb = moderation_verbs(fake, fake, lambda: ME)[kind]
    recorded = on_member(kind, **more)
    assert verb.idempotent
    assert await verb.perform(recorded, within=1) is None
    assert fake.did == [did]
    assert await verb.find(recorded) == ()
    assert verb.explain(recorded, GONE) == ""


async def test_messages_are_deleted_together_and_a_channel_that_is_gone_is_no_failure() -> None:
    fake = Fake()
    verbs = moderation_verbs(fake, fake, lambda: ME)
    recorded = effect(moderation.delete_many("k", 6, [1, 2], reason="why", deadline_at=NOW, about={}))
    await verbs[moderation.DELETE_MANY].perform(recorded, within=1)
    assert fake.did == [("delete", 6, [1, 2], "why")]
    fake.fails = GONE
    await verbs[moderation.DELETE_MANY].perform(recorded, within=1)
    await verbs[moderation.TIME_OUT].perform(on_member(moderation.TIME_OUT, until=None), within=1)
    with pytest.raises(DiscordError):
        await verbs[moderation.TIME_OUT].perform(
            on_member(moderation.TIME_OUT, until=NOW.isoformat()), within=1
        )
    fake.fails = attrs.evolve(GONE, kind=DiscordErrorKind.FORBIDDEN)
    with pytest.raises(DiscordError):
        await verbs[moderation.DELETE_MANY].perform(recorded, within=1)


def note() -> Effect:
    message = OutgoingMessage(content="mind the rules")
    return effect(moderation.send_direct("k", 4, message, deadline_at=NOW + timedelta(minutes=10), about={}))


async def test_a_note_is_sent_with_its_nonce_and_found_again() -> None:
    fake = Fake()
    verb = moderation_verbs(fake, fake, lambda: ME)[moderation.SEND_DIRECT]
    assert await verb.perform(note(), within=1) == 5
    assert fake.did == [("open", 4), ("create", 77, "mind the rules", "n")]
    mine = MessageId(snowflake_at(NOW + timedelta(seconds=1)))
    fake.history = [
        Message(id=mine, channel_id=ChannelId(77), author=User(id=ME), content="mind the rules"),
        Message(id=MessageId(mine + 1), channel_id=ChannelId(77), author=User(id=UserId(4)), content="ok"),
    ]
    assert await verb.find(note()) == (mine,)
    assert verb.explain(note(), GONE) == ""
    unknown = moderation_verbs(fake, fake, lambda: None)[moderation.SEND_DIRECT]
    with pytest.raises(Unprovable):
        await unknown.find(note())
