"""``!sync``: the one text command, for the bot's owners (spec/operations.md 4 and 5.3).

It works where slash commands do not appear yet. In a guild it registers the guild's commands, in a direct
message the global ones. Others are ignored, but for a row in the audit log.

When it fails: what cannot be said in the channel is logged. A message that comes again after a RESUME is
known by its id, or is too old to be obeyed.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from typing_extensions import override

from alphapy.actors.command_sync.messages import COMMAND_SYNC, SyncByHand, SyncOutcome, SyncResult
from alphapy.actors.command_sync.rules import duration
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.bus import Answered
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

log = logging.getLogger("alphapy.actors.maintenance")

COMMAND: Final = "!sync"
FORCE: Final = frozenset({"--force", "-f"})
OBEYED_FOR: Final = timedelta(minutes=1)
"""A message that is older when it arrives is not obeyed any more."""

REMEMBERED: Final = 200
"""Messages that are recognised when they come again."""

ANSWER_WITHIN: Final = 120.0
"""Seconds that the registration may take, what is before it included."""


class Channels(Protocol):
    """What the command needs of Discord; every call raises DiscordError."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Post a message."""
        ...

    async def edit_message(
        self, channel_id: ChannelId, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Change one of the bot's messages."""
        ...


def may_be_command(event: Event) -> bool:
    """Whether a message is a text command, whoever wrote it."""
    return isinstance(event, MessageCreate) and event.is_human and event.content.split()[:1] == [COMMAND]


class TextCommands(Actor):
    """The actor ``process/text_commands``."""

    def __init__(self, context: Context, *, discord: Channels, owners: Owners, clock: Clock) -> None:
        super().__init__(context)
        self._discord = discord
        self._owners = owners
        self._clock = clock
        self._seen: OrderedDict[MessageId, None] = OrderedDict()

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
        elif not self.context.start(self._sync, said):
            self._record(said, "too much is going on")
        return None

    async def _sync(self, said: MessageCreate) -> None:
        force = not FORCE.isdisjoint(said.content.split()[1:])
        where = "this server" if said.guild_id is not None else "all servers"
        notice = await self._say(said, f"Registering the commands for {where} …")
        answer = await self.context.bus.ask(
            COMMAND_SYNC,
            SyncByHand(guild_id=said.guild_id, force=force),
            timeout=ANSWER_WITHIN,
        )
        result = (
            answer.value
            if isinstance(answer, Answered)
            else SyncResult(outcome=SyncOutcome.FAILED, error=str(answer))
        )
        self._record(said, None if result.outcome is SyncOutcome.SYNCED else _error(result))
        if notice is not None:
            await self._revise(said, notice, _verdict(result, where))

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
                path="sync",
                kind="text",
                success=error is None,
                error=error,
                ended_at=self._clock.now(),
            ),
        )


def _error(result: SyncResult) -> str:
    return "cooldown" if result.outcome is SyncOutcome.SKIPPED else result.error


def _verdict(result: SyncResult, where: str) -> str:
    """What the owner reads; nothing of our insides."""
    if result.outcome is SyncOutcome.SYNCED:
        count = result.command_count
        own = " of its own; the others are global" if where == "this server" else ""
        return f"Done: {count} command{'' if count == 1 else 's'}{own}, for {where}."
    if result.outcome is SyncOutcome.SKIPPED:
        left = duration(result.remaining)
        if result.limited_by_discord:
            return f"Discord asks for patience: please try again in {left}."
        return f"That was done a short while ago. Try again in {left}, or use `{COMMAND} --force`."
    return "That did not work; the log says why. The commands stay as they were."
