"""``/clean``: deleting the newest messages of a channel (spec/engagement.md 4.8).

One run in a channel at a time: :class:`Clean` holds the channels that are being cleaned. What Discord deletes
at once it deletes at once; older messages go one by one, as long as the command's token lives.

When it fails: a message that is gone already is not counted; one that Discord does not let anybody delete is
passed over. Without the permission, or where Discord does not answer any more, the run ends and says how far
it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio

from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Command, Option, OptionKind
from alphapy.gateway.models.guild import ChannelType, Permissions
from alphapy.gateway.refusals import Refused
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.moderation import BULK_LEAST
from alphapy.pure.clean import MOST, deleted_at_once, wanted
from alphapy.pure.text import single_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.message import Message
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import ChannelId, MessageId

DEFAULT_LIMIT: Final = 10

RUN_WITHIN: Final = 13 * 60.0
"""Seconds for deleting: less than a token lives, so that the member can be told."""

CANNOT_BE_DELETED: Final = 50021
"""Discord's code for a message of its own that nobody may delete."""

TOO_OLD_TO_BULK_DELETE: Final = 50034
"""Discord's code for a message that is older than its clock allows; then all go one by one."""

_CLEANED_IN: Final = frozenset({ChannelType.TEXT, ChannelType.ANNOUNCEMENT})

_NEEDED: Final = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.READ_MESSAGE_HISTORY: "Read Message History",
    Permissions.MANAGE_MESSAGES: "Manage Messages",
}


class History(Protocol):
    """Who reads channels; raises DiscordError."""

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        """The newest messages of a channel, newest first."""
        ...


class Deletions(Protocol):
    """Who deletes messages; every call raises DiscordError."""

    async def delete_messages(
        self, channel_id: ChannelId, message_ids: Sequence[MessageId], *, reason: str
    ) -> None:
        """Delete 2 to 100 messages younger than two weeks."""
        ...

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str, within: float
    ) -> bool:
        """Delete one message; False where it is gone already."""
        ...


class Clean:
    """The handler, and the channels in which it is at work."""

    def __init__(self, history: History, deletions: Deletions, guilds: GuildCache, clock: Clock) -> None:
        self._history = history
        self._deletions = deletions
        self._guilds = guilds
        self._clock = clock
        self._under_way: set[ChannelId] = set()

    def command(self) -> Command:
        """The declaration."""
        return Command(
            name="clean",
            description="Delete the newest messages of this channel",
            handler=self._clean,
            options=(
                Option(
                    kind=OptionKind.INTEGER,
                    name="limit",
                    description=f"How many messages, 1 to {MOST} (default: {DEFAULT_LIMIT})",
                ),
            ),
            guild_only=True,
            admin_listed=True,
        )

    async def _clean(self, invocation: Invocation) -> None:
        self._check(invocation)
        limit = wanted(invocation.options.integer("limit", DEFAULT_LIMIT))
        if limit is None:
            raise Refused(f"The limit is a number from 1 to {MOST}.", "bad limit")
        channel_id = invocation.channel_id
        if channel_id in self._under_way:
            raise Refused("This channel is being cleaned already. Please wait until that is done.", "busy")
        self._under_way.add(channel_id)
        try:
            await invocation.defer(ephemeral=True)
            await invocation.reply(await self._run(invocation, channel_id, limit), ephemeral=True)
        finally:
            self._under_way.discard(channel_id)

    def _check(self, invocation: Invocation) -> None:
        """Raises Refused where the member, or the bot, may not do this here."""
        may = Permissions.MANAGE_MESSAGES | Permissions.ADMINISTRATOR
        if not invocation.permissions & may:
            raise Refused("Only members who may manage messages can use this.", "needs manage messages")
        guild = self._guilds.get(invocation.guild_id)
        channel = None if guild is None else guild.channel(invocation.channel_id)
        if channel is None or channel.type not in _CLEANED_IN:
            raise Refused("This works in text and announcement channels only.", "wrong kind of channel")
        mine = self._guilds.my_permissions(invocation.guild_id, channel.id, now=self._clock.now())
        missing = [] if mine is None else [name for bit, name in _NEEDED.items() if bit not in mine]
        if missing:
            raise Refused(f"I cannot do that here: I lack {', '.join(missing)}.", "bot lacks permissions")

    async def _run(self, invocation: Invocation, channel_id: ChannelId, limit: int) -> str:
        """Delete, and say what came of it."""
        run = _Run(self._deletions, channel_id, reason=f"/clean by {single_line(invocation.user.username)}")
        why = ""
        with trio.move_on_after(RUN_WITHIN) as time:
            try:
                found = await self._history.recent_messages(channel_id, count=limit)
                await run.delete([message.id for message in found], self._clock)
            except DiscordError as error:
                why = _excuse(error)
                if not run.deleted:
                    raise Refused(notice(Colour.ERROR, "Nothing was deleted", why), str(error)) from error
        if time.cancelled_caught:
            why = "There was no time for the rest; use the command again."
        return f"{_counted(run.deleted)} {why}".rstrip()


class _Run:
    """One run; ``deleted`` is how far it has come."""

    def __init__(self, deletions: Deletions, channel_id: ChannelId, *, reason: str) -> None:
        self.deleted = 0
        self._deletions = deletions
        self._channel_id = channel_id
        self._reason = reason
        self._ends_at = trio.current_time() + RUN_WITHIN

    async def delete(self, newest_first: Sequence[MessageId], clock: Clock) -> None:
        """Delete these; raises DiscordError where that cannot go on."""
        young, old = deleted_at_once(newest_first, clock.now())
        if len(young) >= BULK_LEAST and await self._delete_together(young):
            young = []
        for message_id in (*young, *old):
            await self._delete_one(message_id)

    async def _delete_together(self, message_ids: Sequence[MessageId]) -> bool:
        try:
            await self._deletions.delete_messages(self._channel_id, message_ids, reason=self._reason)
        except DiscordError as error:
            if error.code != TOO_OLD_TO_BULK_DELETE:
                raise
            return False
        self.deleted += len(message_ids)
        return True

    async def _delete_one(self, message_id: MessageId) -> None:
        left = max(self._ends_at - trio.current_time(), 1.0)
        try:
            self.deleted += await self._deletions.delete_message(
                self._channel_id, message_id, reason=self._reason, within=left
            )
        except DiscordError as error:
            if error.code != CANNOT_BE_DELETED:
                raise


def _counted(deleted: int) -> str:
    return f"🧹 Deleted {deleted} message{'' if deleted == 1 else 's'}."


def _excuse(error: DiscordError) -> str:
    if error.kind is DiscordErrorKind.FORBIDDEN:
        return (
            "Discord does not let me delete messages here: I need Manage Messages and Read Message History."
        )
    return "Discord did not do it. Please try again in a moment."
