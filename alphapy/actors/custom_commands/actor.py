"""A guild's custom commands: answers messages, and is the only writer of the guild's rows.

The commands lie compiled in memory and are read again once they are a minute old, so that rows written by
other programs take effect. Answers are posted by child tasks, so that a slow Discord delays no other message.
Uses are counted when Discord has accepted the answer, and written once a second.

When it fails: a database that is gone postpones the message; a counter that was not yet written when the
process is killed is lost (a second's worth at the most).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs
import trio
from typing_extensions import override

from alphapy.actors.custom_commands.messages import (
    AddCommand,
    AnswerFailed,
    AnswerSent,
    DeleteCommand,
    EditCommand,
    FlushUses,
    ListCommands,
    ToggleCommand,
)
from alphapy.actors.custom_commands.triggers import Armed, Triggers
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.outgoing import AllowedMentions, OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import ChannelId, GuildId, MessageId, deterministic_nonce
from alphapy.storage import custom_commands as storage

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.message import Message
    from alphapy.pure.custom_commands import CustomCommand
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

log = logging.getLogger("alphapy.actors.custom_commands")

COMPONENT = "custom_commands"
"""Name at the connection pool."""

READ_AGAIN_AFTER = 60.0
"""Seconds after which the rows are read again (spec/moderation.md 5.10)."""

FLUSH_AFTER = 1.0
"""Seconds within which uses are written (spec/moderation.md 5.9)."""

FLOOD_LIMIT = 5
FLOOD_WINDOW = 10.0
"""Answers per seconds and channel; more are not given (spec/moderation.md 5.9)."""

MAX_CONTENT = 2000


class Messenger(Protocol):
    """What the answers need of Discord."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Post a message; raises DiscordError."""
        ...

    async def delete_message(self, channel_id: ChannelId, message_id: MessageId) -> None:
        """Delete a message, which may be gone already; raises DiscordError."""
        ...


class CustomCommandsActor(Actor):
    """The actor ``guild/<id>/custom_commands``."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        messenger: Messenger,
        settings: SettingsReader,
        guilds: GuildCache,
        rng: random.Random,
    ) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._pool = pool
        self._messenger = messenger
        self._settings = settings
        self._guilds = guilds
        self._rng = rng
        self._commands: dict[int, CustomCommand] = {}
        self._triggers = Triggers(())
        self._read_at = 0.0
        self._issued: dict[int, int] = {}
        self._unwritten: Counter[int] = Counter()
        self._flush_is_due = False
        self._recent: dict[ChannelId, deque[float]] = {}

    @override
    async def load(self) -> None:
        await self._read()

    @override
    async def handle(self, message: object) -> object:
        match message:
            case GatewayEvent(event=MessageCreate() as posted):
                await self._on_message(posted)
            case AnswerSent(command_id):
                self._count(command_id)
            case AnswerFailed(command_id, use):
                if self._issued.get(command_id) == use:
                    self._issued[command_id] = use - 1
            case FlushUses():
                self._flush_is_due = False
                await self._write_uses()
            case ListCommands(stored):
                if stored:
                    await self._read()
                return tuple(sorted(self._commands.values(), key=lambda command: command.name))
            case AddCommand(draft, actor_id):
                return await self._change(
                    lambda tx: storage.add(tx, self._guild_id, draft, created_by=actor_id)
                )
            case EditCommand():
                return await self._change(
                    lambda tx: storage.edit(
                        tx,
                        self._guild_id,
                        message.command_id,
                        message.revision,
                        trigger=message.trigger,
                        response=message.response,
                    )
                )
            case ToggleCommand(name):
                return await self._change(lambda tx: storage.toggle(tx, self._guild_id, name))
            case DeleteCommand(command_id):
                return await self._change(lambda tx: storage.delete(tx, self._guild_id, command_id))
        return None

    @override
    async def flush(self) -> None:
        await self._write_uses()

    async def _change(self, write: Callable[[Transaction], Awaitable[T]]) -> T:
        """Write, then read everything again before the caller hears of it, so that they agree."""
        outcome = await self._pool.run(COMPONENT, write)
        await self._read()
        return outcome

    async def _read(self) -> None:
        commands = await self._pool.run(
            COMPONENT, lambda tx: storage.load(tx, self._guild_id), idempotent=True
        )
        self._commands = {
            command.id: attrs.evolve(command, uses=command.uses + self._unwritten[command.id])
            for command in commands
        }
        self._triggers = Triggers(commands)
        self._read_at = trio.current_time()
        for command in self._commands.values():
            self._issued[command.id] = max(self._issued.get(command.id, 0), command.uses)

    async def _on_message(self, posted: Message) -> None:
        if trio.current_time() - self._read_at > READ_AGAIN_AFTER:
            await self._read()
        armed = self._triggers.first(posted.content)
        if armed is None or not self._has_room(posted.channel_id):
            return
        if not await self._settings.enabled(self._guild_id, "custom_commands"):
            return
        use = self._issued.get(armed.command.id, 0) + 1
        text = self._render(armed, posted, use).strip()
        if not text:
            return
        self._issued[armed.command.id] = use
        if self.context.start(self._answer, armed.command, posted, text, use):
            self._recent[posted.channel_id].append(trio.current_time())

    def _has_room(self, channel_id: ChannelId) -> bool:
        """Whether the channel may get another answer; forgets channels that have been quiet."""
        expired = trio.current_time() - FLOOD_WINDOW
        for channel, answers in list(self._recent.items()):
            while answers and answers[0] <= expired:
                answers.popleft()
            if not answers:
                del self._recent[channel]
        return len(self._recent.setdefault(channel_id, deque())) < FLOOD_LIMIT

    def _render(self, armed: Armed, posted: Message, use: int) -> str:
        guild = self._guilds.get(self._guild_id)
        values = {
            "user": f"<@{posted.author.id}>",
            "user.name": posted.author_name,
            "server": guild.name if guild is not None else "",
            "channel": f"<#{posted.channel_id}>",
            "uses": str(use),
        }
        return armed.template.render(values, self._rng.choice)

    async def _answer(self, command: CustomCommand, posted: Message, text: str, use: int) -> None:
        """Post the answer and delete the trigger where that is wanted; a child task."""
        answer = OutgoingMessage(
            content=text if len(text) <= MAX_CONTENT else text[: MAX_CONTENT - 3] + "...",
            allowed_mentions=AllowedMentions.users([posted.author.id]),
            reply_to=posted.id if command.reply_to_user else None,
            nonce=deterministic_nonce("custom_command", command.id, posted.id),
        )
        try:
            await self._messenger.create_message(posted.channel_id, answer)
        except DiscordError as error:
            self._failed("custom_command_not_answered", command, error)
            self.context.tell_self(AnswerFailed(command.id, use))
            return
        self.context.tell_self(AnswerSent(command.id))
        if command.delete_trigger:
            try:
                await self._messenger.delete_message(posted.channel_id, posted.id)
            except DiscordError as error:
                self._failed("custom_command_trigger_not_deleted", command, error)

    def _failed(self, event: str, command: CustomCommand, error: DiscordError) -> None:
        log.warning(
            "Discord refused a step of a custom command",
            extra={"event": event, "guild_id": self._guild_id, "command_id": command.id, "error": str(error)},
        )

    def _count(self, command_id: int) -> None:
        self._unwritten[command_id] += 1
        if (command := self._commands.get(command_id)) is not None:
            self._commands[command_id] = attrs.evolve(command, uses=command.uses + 1)
        if not self._flush_is_due:
            self._flush_is_due = True
            self.context.tell_after(FLUSH_AFTER, FlushUses())

    async def _write_uses(self) -> None:
        """Write the counters; what could not be written is kept for the next time."""
        uses = +self._unwritten
        if not uses:
            return
        await self._pool.run(COMPONENT, lambda tx: storage.count_uses(tx, self._guild_id, uses))
        self._unwritten -= uses
