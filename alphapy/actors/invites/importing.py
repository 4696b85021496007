"""``!import_invites``: counts out of the announcements of an earlier bot (spec/engagement.md 4.9).

When it fails: nothing is written, and the owner is told why. To run it twice changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio
from typing_extensions import override

from alphapy.actors.invites.messages import FEATURE, RaiseCounts
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.actors.text_commands import TextCommand, Verdict, is_command
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import ChannelId
from alphapy.pure.invites import highest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.feature import Owners
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.text_commands import Channels
    from alphapy.gateway.events import Event, MessageCreate
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.message import Message
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId

COMMAND: Final = "!import_invites"

SCANNED: Final = 1000
"""Messages that are looked at (spec/engagement.md 8)."""

SCAN_WITHIN: Final = 120.0
WRITE_WITHIN: Final = 10.0
"""Seconds."""

_NO_CHANNEL = Verdict(
    "Joins are not announced in any channel of this server, so there is nothing to import. "
    "Choose the channel with the old announcements by `/invites set_channel`.",
    "no channel",
)
_NOT_READ = Verdict(
    "The old announcements could not be read. I need the permissions *View Channel* and *Read Message "
    "History* in the channel that `/invites show` names.",
    "not read",
)
_NOT_STORED = Verdict("That did not work: nothing was imported. Please try again later.", "not stored")


class History(Protocol):
    """Who can read a channel back."""

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        """Its newest messages; raises DiscordError."""
        ...


def may_be_import(event: Event) -> bool:
    """Whether a message is this command, whoever wrote it."""
    return is_command(event, COMMAND)


class ImportInvites(TextCommand):
    """The actor ``process/invite_import``."""

    name = "import_invites"

    def __init__(
        self,
        context: Context,
        *,
        discord: Channels,
        history: History,
        owners: Owners,
        clock: Clock,
        settings: SettingsReader,
        guilds: GuildCache,
    ) -> None:
        super().__init__(context, discord=discord, owners=owners, clock=clock)
        self._history = history
        self._settings = settings
        self._guilds = guilds

    @override
    def announcement(self, said: MessageCreate) -> str:
        return "Reading old announcements …"

    @override
    async def obey(self, said: MessageCreate) -> Verdict:
        guild_id = said.guild_id
        if guild_id is None:
            return Verdict("That works in a server only.", "guild only")
        try:
            channel_id = await self._channel(guild_id)
        except SettingsUnavailable:
            return _NOT_STORED
        if channel_id is None:
            return _NO_CHANNEL
        messages: Sequence[Message] | None = None
        with trio.move_on_after(SCAN_WITHIN):
            try:
                messages = await self._history.recent_messages(channel_id, count=SCANNED)
            except DiscordError:
                return _NOT_READ
        if messages is None:
            return _NOT_READ
        counts, matched = highest(message.content for message in messages)
        answer = await self.context.bus.ask(
            Address.guild(guild_id, FEATURE), RaiseCounts(counts), timeout=WRITE_WITHIN
        )
        if not isinstance(answer, Answered):
            return _NOT_STORED
        return Verdict(
            f"Done: {_counted(answer.value, 'inviter')} updated, out of {_counted(matched, 'announcement')} "
            f"in the newest {_counted(len(messages), 'message')} of <#{channel_id}>."
        )

    async def _channel(self, guild_id: GuildId) -> ChannelId | None:
        """Where joins are announced, if that is a channel of this guild."""
        settings = await self._settings.fresh(guild_id)
        found = settings.snowflake(FEATURE, "announcement_channel_id")
        guild = self._guilds.get(guild_id)
        if found is None or guild is None or guild.channel(ChannelId(found)) is None:
            return None
        return ChannelId(found)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
