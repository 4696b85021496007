"""Counting a message's reactions anew, as an effect: asked of Discord whatever the process dies of.

What Discord says is of use only to the transaction that closes the effect, and lies in memory until then
(:class:`ReactionCounts`); a process that dies before asks once more.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.actors.effects.verbs import Repeatable
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from alphapy.actors.effects.verbs import Verb
    from alphapy.storage.effects import Effect

COUNT_REACTIONS = "count_reactions"

REMEMBERED: Final = 10_000
"""Answers of Discord that wait to be stored, of all guilds; an effect whose answer is not there any more is
done without one."""


class Reactions(Protocol):
    """Who knows how many reactions there are."""

    async def reaction_count(self, channel_id: ChannelId, message_id: MessageId) -> int:
        """How many a message has, without the bot's own; raises DiscordError."""
        ...


@attrs.frozen
class Count:
    """How many reactions there were, and when Discord was asked, on Trio's clock."""

    asked_at: float
    number: int


class ReactionCounts:
    """What Discord has said, by effect."""

    def __init__(self) -> None:
        self._counts: OrderedDict[int, Count] = OrderedDict()

    def note(self, effect_id: int, count: Count) -> None:
        """Keep an answer."""
        self._counts[effect_id] = count
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def of(self, effect: Effect) -> Count | None:
        """What was said; None where the message is gone. Asked again when a transaction is repeated."""
        return self._counts.get(effect.id)


class CountReactions(Repeatable):
    """Ask how many reactions ``message_id`` in ``channel_id`` has."""

    def __init__(self, reactions: Reactions, counts: ReactionCounts) -> None:
        self._reactions = reactions
        self._counts = counts

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        payload, asked_at = effect.payload, trio.current_time()
        try:
            number = await self._reactions.reaction_count(
                ChannelId(payload["channel_id"]), MessageId(payload["message_id"])
            )
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise
        else:
            self._counts.note(effect.id, Count(asked_at, number))

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        channel = f"<#{effect.payload['channel_id']}>"
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"Reactions could not be counted anew in {channel}: I am not allowed to. Please give me the "
                "permissions *View Channel* and *Read Message History* there."
            )
        return f"Reactions could not be counted anew in {channel}: Discord does not accept it."


def reaction_verbs(reactions: Reactions, counts: ReactionCounts) -> Mapping[str, Verb]:
    """The verb by its stored name."""
    return {COUNT_REACTIONS: CountReactions(reactions, counts)}


def count_reactions(
    key: str,
    channel_id: ChannelId,
    message_id: MessageId,
    *,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """The effect; ``key`` names it within its feature."""
    return Draft(
        kind=COUNT_REACTIONS,
        event_key=key,
        payload={"channel_id": channel_id, "message_id": message_id, "about": dict(about)},
        deadline_at=deadline_at,
    )
