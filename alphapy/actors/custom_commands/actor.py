"""A guild's custom commands: answers messages, and is the only writer of the guild's rows.

The commands lie compiled in memory and are read again once they are a minute old, so that rows written by
other programs take effect. An answer is an effect: recorded together with the progress of the batch it came
from, posted by a child task, so that a slow Discord delays no other message, and counted in the transaction
that closes it. Whatever the process dies of, a message is answered once and a use is counted once.

When it fails: a database that is gone postpones the messages, in order. Discord's failures are the outbox's
business (:mod:`alphapy.actors.effects.outbox`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio
from typing_extensions import override

from alphapy.actors.automod.messages import FEATURE as MODERATION
from alphapy.actors.automod.messages import Clears
from alphapy.actors.custom_commands.desk import FEATURE, change_audit
from alphapy.actors.custom_commands.flood import FLOOD_WINDOW, Flood
from alphapy.actors.custom_commands.messages import (
    AddCommand,
    AmendCommand,
    DeleteCommand,
    EditCommand,
    ListCommands,
    RemoveCommand,
    ToggleCommand,
)
from alphapy.actors.custom_commands.triggers import Armed, Triggers
from alphapy.actors.effects import verbs
from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.outgoing import AllowedMentions, OutgoingMessage
from alphapy.pure.custom_commands import CustomCommand, Flaw, amend_command
from alphapy.pure.ids import ChannelId, GuildId, MessageId, snowflake_time
from alphapy.pure.text import code
from alphapy.storage import custom_commands as storage
from alphapy.storage import effects as effect_storage
from alphapy.storage.effects import Outcome

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.message import Message
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

READ_AGAIN_AFTER = 60.0
"""Seconds after which the rows are read again (spec/moderation.md 5.10)."""

ANSWER_LIVES = timedelta(seconds=60)
"""How long after its message an answer still makes sense."""

DELETION_LIVES = timedelta(minutes=10)
"""How long after the answer its trigger may still be deleted."""

CLEARED_WITHIN = 2.0
"""Seconds that auto-moderation may take to say whether a message may be answered."""

MAX_CONTENT = 2000


@attrs.frozen
class _State:
    """What the actor reads when it starts."""

    commands: list[CustomCommand]
    issued: Mapping[int, int]
    answers: list[Mapping[str, Any]]


class CustomCommandsActor(Actor):
    """The actor ``guild/<id>/custom_commands``."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        kit: JournalKit,
        settings: SettingsReader,
        guilds: GuildCache,
        rng: random.Random,
    ) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._pool = pool
        self._clock = kit.clock
        self._journal = Journal(context, kit, on_done=self._on_done)
        self._settings = settings
        self._guilds = guilds
        self._rng = rng
        self._commands: dict[int, CustomCommand] = {}
        self._triggers = Triggers(())
        self._read_at = 0.0
        self._uses_are_old = False
        self._issued: dict[int, int] = {}
        self._flood = Flood()

    @override
    async def load(self) -> None:
        state = await self._journal.load(self._read_state)
        self._issued = dict(state.issued)
        self._flood = Flood(
            (ChannelId(answer["channel_id"]), snowflake_time(answer["about"]["message_id"]))
            for answer in state.answers
        )
        self._take(state.commands)

    async def _read_state(self, tx: Transaction) -> _State:
        since = self._clock.now() - ANSWER_LIVES - FLOOD_WINDOW
        return _State(
            await storage.load(tx, self._guild_id),
            await storage.issued(tx, self._guild_id, FEATURE),
            await effect_storage.recorded_since(tx, self._guild_id, FEATURE, verbs.SEND, since=since),
        )

    @override
    async def handle(self, message: object) -> object:
        match message:
            case ListCommands(stored):
                if stored or self._uses_are_old:
                    await self._read()
                return tuple(sorted(self._commands.values(), key=lambda command: command.name))
            case AddCommand():
                return await self._add(message)
            case AmendCommand():
                return await self._amend(message)
            case RemoveCommand():
                return await self._remove(message)
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
            case EffectClosed() | EffectLeft():
                self._settle(message)
            case PickUp():
                await self._journal.pick_up()
            case _:
                return await super().handle(message)
        return None

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        events = [message for message in messages if isinstance(message, GatewayEvent)]
        for message in messages:
            if not isinstance(message, GatewayEvent):
                await self.handle(message)
        if events:
            await self._on_events(events)

    async def _change(self, write: Callable[[Transaction], Awaitable[T]]) -> T:
        """Write and read everything again, at once, before the caller hears of it, so that they agree."""

        async def work(tx: Transaction) -> tuple[T, list[CustomCommand]]:
            return await write(tx), await storage.load(tx, self._guild_id)

        outcome, commands = await self._pool.run(FEATURE, work)
        self._uses_are_old = False
        self._take(commands)
        return outcome

    async def _add(self, asked: AddCommand) -> CustomCommand | storage.NotAdded:
        added = await self._change(
            lambda tx: storage.add(tx, self._guild_id, asked.draft, created_by=asked.actor_id)
        )
        if asked.is_remote and isinstance(added, CustomCommand):
            self._audit(asked.actor_id, f"added {code(added.name)}")
        return added

    async def _amend(self, asked: AmendCommand) -> CustomCommand | Flaw | None:
        async def amend(tx: Transaction) -> CustomCommand | Flaw | None:
            stored = await storage.find(tx, self._guild_id, asked.name)
            if stored is None:
                return None
            amended = amend_command(stored, asked.amendment)
            return amended if isinstance(amended, Flaw) else await storage.store(tx, self._guild_id, amended)

        amended = await self._change(amend)
        if isinstance(amended, CustomCommand):
            self._audit(asked.actor_id, f"edited {code(amended.name)}")
        return amended

    async def _remove(self, asked: RemoveCommand) -> bool:
        async def remove(tx: Transaction) -> str | None:
            stored = await storage.find(tx, self._guild_id, asked.name)
            return None if stored is None else await storage.delete(tx, self._guild_id, stored.id)

        name = await self._change(remove)
        if name is not None:
            self._audit(asked.actor_id, f"deleted {code(name)}")
        return name is not None

    def _audit(self, actor_id: int, what: str) -> None:
        self.context.bus.tell(Address.guild(self._guild_id, "guild_log"), change_audit(actor_id, what))

    async def _read(self) -> None:
        self._uses_are_old = False
        self._take(
            await self._pool.run(FEATURE, lambda tx: storage.load(tx, self._guild_id), idempotent=True)
        )

    def _take(self, commands: Sequence[CustomCommand]) -> None:
        self._commands = {command.id: command for command in commands}
        self._triggers = Triggers(commands)
        self._read_at = trio.current_time()
        for command in commands:
            self._issued[command.id] = max(self._issued.get(command.id, 0), command.uses)

    # -- answering

    async def _on_events(self, events: Sequence[GatewayEvent]) -> None:
        fresh = self._journal.fresh(events)
        if not fresh:
            return
        if trio.current_time() - self._read_at > READ_AGAIN_AFTER:
            await self._read()
        found = [
            (event.event, armed)
            for event in fresh
            if isinstance(event.event, MessageCreate)
            and (armed := self._triggers.first(event.event.content)) is not None
        ]
        if not found or not await self._is_enabled():
            self._journal.passed(fresh)
            return
        found = [(posted, armed) for posted, armed in found if await self._is_clear(posted)]
        issued, flood = dict(self._issued), self._flood.copy()
        drafts = [draft for posted, armed in found if (draft := self._answer(posted, armed, issued, flood))]
        if not drafts:
            self._journal.passed(fresh)
            return
        await self._journal.commit(fresh, drafts)
        self._issued, self._flood = issued, flood

    async def _is_enabled(self) -> bool:
        """Whether the module is on; raises Unavailable while nobody knows, since no message may be lost."""
        try:
            return (await self._settings.fresh(self._guild_id)).enabled(FEATURE)
        except SettingsUnavailable as error:
            raise Unavailable(str(error)) from error

    async def _is_clear(self, posted: MessageCreate) -> bool:
        """Whether auto-moderation lets the message stand; what it deletes is not answered.

        Where it does not answer, the message is: a broken feature takes no other with it.
        """
        if not self._settings.snapshot(self._guild_id).enabled(MODERATION):
            return True
        asked = await self.context.bus.ask(
            Address.guild(self._guild_id, MODERATION), Clears(posted), timeout=CLEARED_WITHIN
        )
        return asked.value if isinstance(asked, Answered) else True

    def _answer(self, posted: Message, armed: Armed, issued: dict[int, int], flood: Flood) -> Draft | None:
        """The answer to record, with its number taken; None where there is to be none."""
        command, written_at = armed.command, snowflake_time(posted.id)
        deadline = written_at + ANSWER_LIVES
        if self._clock.now() >= deadline:
            return None
        use = issued.get(command.id, 0) + 1
        text = self._render(armed, posted, use).strip()
        if not text or not flood.admit(posted.channel_id, written_at):
            return None
        issued[command.id] = use
        message = OutgoingMessage(
            content=text if len(text) <= MAX_CONTENT else text[: MAX_CONTENT - 3] + "...",
            allowed_mentions=AllowedMentions.users([posted.author.id]),
            reply_to=posted.id if command.reply_to_user else None,
        )
        about = {
            "command_id": command.id,
            "use": use,
            "message_id": posted.id,
            "delete_trigger": command.delete_trigger,
        }
        return verbs.send(
            f"answer:{posted.id}", posted.channel_id, message, deadline_at=deadline, about=about
        )

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

    async def _on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """An answer is posted: count it, and delete its trigger where that is wanted."""
        if effect.kind != verbs.SEND:
            return ()
        about = effect.payload["about"]
        await storage.count_uses(tx, self._guild_id, {about["command_id"]: 1})
        if not about["delete_trigger"]:
            return ()
        message_id = MessageId(about["message_id"])
        return [
            verbs.delete(
                f"delete:{message_id}",
                ChannelId(effect.payload["channel_id"]),
                message_id,
                deadline_at=self._clock.now() + DELETION_LIVES,
            )
        ]

    def _settle(self, message: EffectClosed | EffectLeft) -> None:
        """An effect is closed: the number of an answer that was not given is free again if it is the last."""
        effect = message.effect
        self._uses_are_old = True
        if effect.kind == verbs.SEND and isinstance(message, EffectClosed):
            about = effect.payload["about"]
            if message.outcome is not Outcome.DONE and self._issued.get(about["command_id"]) == about["use"]:
                self._issued[about["command_id"]] = about["use"] - 1
        self._journal.closed(message)
