"""What the owners' text commands have in common: whom they obey, once, and how they answer.

A text command is a plain message that begins with a word such as ``!sync``. Only the bot's owners are obeyed;
others get no reaction but a row in the audit log (spec/engagement.md 4.9). A subclass says what is done.

When it fails: what cannot be said in the channel is logged. A message that comes again after a RESUME is
known by its id, or is too old to be obeyed.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.status.messages import TRACKER
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.invocation import Outcome
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import ChannelId, GuildId, MessageId, deterministic_nonce, snowflake_time

if TYPE_CHECKING:
    from alphapy.actors.feature import Owners
    from alphapy.gateway.events import Event
    from alphapy.pure.clock import Clock

log = logging.getLogger("alphapy.actors.text_commands")

OBEYED_FOR: Final = timedelta(minutes=1)
"""A message that is older when it arrives is not obeyed any more."""

REMEMBERED: Final = 200
"""Messages that are recognised when they come again."""


class Channels(Protocol):
    """What a text command needs of Discord; every call raises DiscordError."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Post a message."""
        ...

    async def edit_message(
        self, channel_id: ChannelId, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Change one of the bot's messages."""
        ...


@attrs.frozen
class Verdict:
    """What came of a command: what the owner reads, and for the audit row what went wrong, if anything."""

    text: str
    error: str | None = None


def is_command(event: Event, word: str) -> bool:
    """Whether a message is the text command of this word, whoever wrote it; asked of every message."""
    return (
        isinstance(event, MessageCreate)
        and word in event.content
        and event.content.split(maxsplit=1)[0] == word
        and event.is_human
    )


class TextCommand(Actor, ABC):
    """An actor of the process that obeys one text command; ``name`` is the word without its mark."""

    name: str

    def __init__(self, context: Context, *, discord: Channels, owners: Owners, clock: Clock) -> None:
        super().__init__(context)
        self._discord = discord
        self._owners = owners
        self._clock = clock
        self._seen: OrderedDict[MessageId, None] = OrderedDict()

    @abstractmethod
    def announcement(self, said: MessageCreate) -> str:
        """What the owner reads while the command runs."""

    @abstractmethod
    async def obey(self, said: MessageCreate) -> Verdict:
        """Do what the message says, within a time of its own."""

    @override
    async def handle(self, message: object) -> object:
        if not (isinstance(message, GatewayEvent) and isinstance(message.event, MessageCreate)):
            return await super().handle(message)
        said = message.event
        if said.id in self._seen or self._clock.now() - snowflake_time(said.id) > OBEYED_FOR:
            return None
        self._seen[said.id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if not self._owners.is_owner(said.author_id):
            self._record(said, "needs owner")
        elif not self.context.start(self._carry_out, said):
            self._record(said, "too much is going on")
        return None

    async def _carry_out(self, said: MessageCreate) -> None:
        notice = await self._say(said, self.announcement(said))
        verdict = await self.obey(said)
        self._record(said, verdict.error)
        if notice is not None:
            await self._revise(said, notice, verdict.text)

    async def _say(self, said: MessageCreate, text: str) -> MessageId | None:
        nonce = deterministic_nonce("text_command", said.id)
        try:
            return await self._discord.create_message(
                said.channel_id, OutgoingMessage(content=text, nonce=nonce)
            )
        except DiscordError as error:
            self._not_told(said, error)
            return None

    async def _revise(self, said: MessageCreate, notice: MessageId, text: str) -> None:
        try:
            await self._discord.edit_message(said.channel_id, notice, OutgoingMessage(content=text))
        except DiscordError as error:
            self._not_told(said, error)

    def _not_told(self, said: MessageCreate, error: DiscordError) -> None:
        log.warning(
            "a text command could not be answered",
            extra={"event": "text_command_unanswered", "guild_id": said.guild_id, "error": str(error)},
        )

    def _record(self, said: MessageCreate, error: str | None) -> None:
        """A row of the audit log, as for every command."""
        self.context.bus.tell(
            TRACKER,
            Outcome(
                guild_id=said.guild_id or GuildId(0),
                user_id=said.author_id,
                path=self.name,
                kind="text",
                success=error is None,
                error=error,
                ended_at=self._clock.now(),
            ),
        )
