"""Counting reactions anew: what Discord has said waits for the transaction that stores it, in bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alphapy.actors.effects import reactions
from alphapy.actors.effects.reactions import Count, ReactionCounts, count_reactions, reaction_verbs
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId
from alphapy.storage.effects import Effect

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
DRAFT = count_reactions("key", ChannelId(2), MessageId(3), deadline_at=NOW, about={"part": "x"})


def effect(number: int = 1) -> Effect:
    return Effect(
        id=number,
        guild_id=GuildId(9),
        feature="x",
        kind=DRAFT.kind,
        nonce="n",
        event_key=DRAFT.event_key,
        payload=DRAFT.payload,
        attempts=1,
        first_tried_at=NOW,
        deadline_at=DRAFT.deadline_at,
    )


class Counter:
    def __init__(self, fails: DiscordErrorKind | None = None) -> None:
        self.fails = fails

    async def reaction_count(self, channel_id: ChannelId, message_id: MessageId) -> int:
        if self.fails is not None:
            raise DiscordError(kind=self.fails, route="x", message="no")
        return channel_id * 10 + message_id


async def test_what_discord_says_is_kept_until_it_is_stored() -> None:
    counts = ReactionCounts()
    verb = reaction_verbs(Counter(), counts)[DRAFT.kind]
    assert counts.of(effect()) is None
    await verb.perform(effect(), within=1)
    found = counts.of(effect())
    assert found is not None
    assert found.number == 23
    assert counts.of(effect()) == found, "a transaction that is repeated finds it again"
    assert (verb.idempotent, await verb.find(effect())) == (True, ())


async def test_a_message_that_is_gone_is_done_and_other_errors_are_not() -> None:
    counts = ReactionCounts()
    await reaction_verbs(Counter(DiscordErrorKind.NOT_FOUND), counts)[DRAFT.kind].perform(effect(), within=1)
    assert counts.of(effect()) is None
    with pytest.raises(DiscordError):
        await reaction_verbs(Counter(DiscordErrorKind.SERVER), counts)[DRAFT.kind].perform(effect(), within=1)


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactions, "REMEMBERED", 2)
    counts = ReactionCounts()
    for number in (1, 2, 3):
        counts.note(number, Count(0.0, number))
    assert [counts.of(effect(number)) for number in (1, 2, 3)] == [None, Count(0.0, 2), Count(0.0, 3)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (DiscordErrorKind.FORBIDDEN, "*Read Message History*"),
        (DiscordErrorKind.INVALID, "does not accept"),
    ],
)
def test_admins_are_told_what_to_do(kind: DiscordErrorKind, said: str) -> None:
    verb = reaction_verbs(Counter(), ReactionCounts())[DRAFT.kind]
    assert said in verb.explain(effect(), DiscordError(kind=kind, route="x", message="no"))
