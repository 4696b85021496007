"""What can be done at Discord as an effect: by name, out of a recorded payload.

Adding one: a class here and a line in :func:`verbs`. Names are stored, and so are forever.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId, snowflake_at, snowflake_time
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from alphapy.gateway.models.message import Message
    from alphapy.gateway.models.outgoing import OutgoingMessage
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.effects import Effect

SEND = "send_message"
DELETE = "delete_message"

CLOCKS_DIFFER = timedelta(seconds=30)
"""How much Discord's clock and ours may differ when a message of ours is looked for."""

GUILDS_WITHIN = timedelta(minutes=10)
"""How long after its deadline an effect waits for its guild to become known."""

PAGE = 100
MOST_PAGES = 10
"""Messages of one look at a channel, and looks for one effect."""


class Unprovable(Exception):
    """Nobody can tell whether the effect took place; the text says why."""


class Reading(Protocol):
    """Whether the bot can read what was written in a channel."""

    def __call__(self, guild_id: GuildId, channel_id: ChannelId) -> bool | None:
        """None where that is not known, because the guild is not."""
        ...


class Discord(Protocol):
    """What the verbs need of Discord; every call raises DiscordError."""

    async def create_recorded(
        self, channel_id: ChannelId, body: Mapping[str, Any], *, nonce: str, within: float
    ) -> MessageId:
        """Send a message whose nonce is enforced."""
        ...

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str | None = None
    ) -> None:
        """Delete a message, which may be gone already."""
        ...

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> Sequence[Message]:
        """The messages next to this id, oldest first."""
        ...


class Verb(Protocol):
    """One thing that can be done."""

    idempotent: bool
    """Whether doing it twice is the same as doing it once."""

    async def perform(self, effect: Effect, *, within: float) -> MessageId | None:
        """Do it, beginning no attempt later than ``within`` seconds from now; the message it made, if any."""
        ...

    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        """The messages that may be its doing, oldest first. Raises DiscordError and Unprovable."""
        ...

    def explain(self, effect: Effect, error: DiscordError) -> str:
        """To the guild's admins: what Discord has refused, and what to do about it; empty: nothing."""
        ...


class Repeatable(Verb):
    """A verb that is the same done twice as done once, so that nothing of it has to be found."""

    idempotent = True

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        return ()


class SendMessage(Verb):
    """Post a message: ``channel_id`` and ``message``, its body without nonce."""

    idempotent = False

    def __init__(
        self, discord: Discord, me: Callable[[], UserId | None], can_read: Reading, clock: Clock
    ) -> None:
        self._discord = discord
        self._me = me
        self._can_read = can_read
        self._clock = clock

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId:
        payload = effect.payload
        return await self._discord.create_recorded(
            ChannelId(payload["channel_id"]), payload["message"], nonce=effect.nonce, within=within
        )

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        me, channel_id = self._me(), ChannelId(effect.payload["channel_id"])
        can_read = self._can_read(effect.guild_id, channel_id)
        if me is None or can_read is None:
            if self._clock.now() > effect.deadline_at + GUILDS_WITHIN:
                raise Unprovable("the guild is not known")
            raise DiscordError(
                kind=DiscordErrorKind.REFUSED, route=SEND, message="the guild is not known yet", sent=False
            )
        if not can_read:
            raise Unprovable("the channel's history cannot be read")
        begin, end = lifetime(effect)
        found: list[MessageId] = []
        after = MessageId(snowflake_at(begin))
        for _ in range(MOST_PAGES):
            page = await self._discord.messages_after(channel_id, after, limit=PAGE)
            found += [
                message.id
                for message in page
                if snowflake_time(message.id) <= end and is_ours(message, effect, me)
            ]
            if len(page) < PAGE or snowflake_time(page[-1].id) > end:
                return tuple(found)
            after = page[-1].id
        if found:
            return tuple(found)
        raise Unprovable(f"none of {MOST_PAGES * PAGE} messages was it, and there are more")

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        channel = f"<#{effect.payload['channel_id']}>"
        if error.kind is DiscordErrorKind.NOT_FOUND:
            return f"A message could not be posted in {channel}: the channel does not exist any more."
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"A message could not be posted in {channel}: I am not allowed to. Please give me the "
                "permissions *View Channel* and *Send Messages* there."
            )
        return f"A message could not be posted in {channel}: Discord does not accept it."


class DeleteMessage(Repeatable):
    """Delete a message: ``channel_id`` and ``message_id``."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        payload = effect.payload
        await self._discord.delete_message(
            ChannelId(payload["channel_id"]), MessageId(payload["message_id"]), reason=payload.get("reason")
        )

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        channel = f"<#{effect.payload['channel_id']}>"
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"A message could not be deleted in {channel}: I am not allowed to. Please give me the "
                "permissions *View Channel* and *Manage Messages* there."
            )
        return f"A message could not be deleted in {channel}: Discord does not accept it."


def lifetime(effect: Effect) -> tuple[datetime, datetime]:
    """Between which instants, by Discord's clock, a message of this effect was made if it was made at all."""
    begin = effect.first_tried_at if effect.first_tried_at is not None else effect.deadline_at
    return begin - CLOCKS_DIFFER, effect.deadline_at + CLOCKS_DIFFER


def is_ours(message: Message, effect: Effect, me: UserId) -> bool:
    """Whether a message looks like the doing of this effect.

    Discord tells the nonce of a message only to whoever sent it, so that the author, what it replies to and
    what it says have to do.
    """
    if message.author_id != me:
        return False
    if message.nonce is not None:
        return str(message.nonce) == effect.nonce
    body = effect.payload["message"]
    wanted = body.get("message_reference")
    reference = message.message_reference
    # A reply whose target was gone by then is a plain message.
    if reference is not None and (wanted is None or reference.message_id != int(wanted["message_id"])):
        return False
    titles = [embed.get("title") for embed in body.get("embeds", ())]
    return message.content.strip() == str(body.get("content", "")).strip() and titles == [
        embed.title for embed in message.embeds if embed.type in {None, "rich"}
    ]


def verbs(
    discord: Discord, me: Callable[[], UserId | None], can_read: Reading, clock: Clock
) -> Mapping[str, Verb]:
    """Every verb by its stored name."""
    return {SEND: SendMessage(discord, me, can_read, clock), DELETE: DeleteMessage(discord)}


def send(
    event_key: str,
    channel_id: ChannelId,
    message: OutgoingMessage,
    *,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Post a message, which has no files; ``about`` is the feature's own, for when it is done."""
    if message.files or message.nonce is not None:
        raise ValueError("an effect's message has no files, and no nonce of its own")
    return Draft(
        kind=SEND,
        event_key=event_key,
        payload={"channel_id": channel_id, "message": message.to_json(), "about": dict(about)},
        deadline_at=deadline_at,
    )


def delete(
    event_key: str,
    channel_id: ChannelId,
    message_id: MessageId,
    *,
    deadline_at: datetime,
    reason: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> Draft:
    """Delete a message; ``reason`` is for the audit log, ``about`` the feature's own."""
    payload: dict[str, Any] = {"channel_id": channel_id, "message_id": message_id}
    payload |= {} if reason is None else {"reason": reason}
    payload |= {} if about is None else {"about": dict(about)}
    return Draft(kind=DELETE, event_key=event_key, payload=payload, deadline_at=deadline_at)
