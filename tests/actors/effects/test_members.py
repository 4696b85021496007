"""Nicknames and reactions as effects: out of recorded payloads, and the same however often it is done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.effects.members import Members, member_verbs, remove_reaction, set_nickname
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage.effects import Draft, Effect

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NICK = set_nickname("k", UserId(4), "Pixel", reason="why", deadline_at=NOW, about={"part": "streaks"})
REACTION = remove_reaction(
    "k", ChannelId(2), MessageId(3), emoji="⚜️", user_id=UserId(4), deadline_at=NOW, about={"part": "og"}
)


def error(kind: DiscordErrorKind) -> DiscordError:
    return DiscordError(kind=kind, route="x", message="no", status=400)


@attrs.define
class Fake(Members):
    """A Discord that notes what it is asked."""

    did: list[tuple[Any, ...]] = attrs.field(factory=list)
    fails: DiscordError | None = None

    @override
    async def set_nickname(
        self, guild_id: GuildId, user_id: UserId, nick: str | None, *, reason: str
    ) -> None:
        if self.fails is not None:
            raise self.fails
        self.did.append((guild_id, user_id, nick, reason))

    @override
    async def remove_reaction(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, user_id: UserId
    ) -> None:
        self.did.append((channel_id, message_id, emoji, user_id))


def effect(draft: Draft) -> Effect:
    return Effect(
        id=1,
        guild_id=GuildId(9),
        feature="engagement",
        kind=draft.kind,
        event_key=draft.event_key,
        payload=draft.payload,
        nonce="n",
        attempts=0,
        first_tried_at=NOW,
        deadline_at=draft.deadline_at,
    )


async def test_they_do_what_the_payload_says() -> None:
    fake = Fake()
    verbs = member_verbs(fake)
    for draft in (NICK, REACTION):
        verb = verbs[draft.kind]
        assert verb.idempotent
        await verb.perform(effect(draft), within=1)
        assert await verb.find(effect(draft)) == ()
    assert fake.did == [(9, 4, "Pixel", "why"), (2, 3, "⚜️", 4)]


async def test_the_nickname_of_somebody_who_has_left_is_done() -> None:
    fake = Fake(fails=error(DiscordErrorKind.NOT_FOUND))
    await member_verbs(fake)[NICK.kind].perform(effect(NICK), within=1)
    fake.fails = error(DiscordErrorKind.FORBIDDEN)
    with pytest.raises(DiscordError):
        await member_verbs(fake)[NICK.kind].perform(effect(NICK), within=1)


@pytest.mark.parametrize(
    ("draft", "kind", "said"),
    [
        (NICK, DiscordErrorKind.FORBIDDEN, "*Manage Nicknames*"),
        (NICK, DiscordErrorKind.INVALID, "does not accept"),
        (REACTION, DiscordErrorKind.FORBIDDEN, "*Manage Messages*"),
        (REACTION, DiscordErrorKind.INVALID, ""),
    ],
)
def test_admins_are_told_what_to_do(draft: Draft, kind: DiscordErrorKind, said: str) -> None:
    told = member_verbs(Fake())[draft.kind].explain(effect(draft), error(kind))
    assert said in told
    assert bool(said) == bool(told)
