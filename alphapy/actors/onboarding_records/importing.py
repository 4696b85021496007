"""``!import_onboarding``: reading answers back out of a guild's log channel (spec/engagement.md 4.9).

Only embeds that a bot has posted count: what members write can hold no such embed, but a link's preview can.

When it fails: nothing is stored, and the owner reads why. Run again, it does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from typing_extensions import override

from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.actors.text_commands import Channels, TextCommand, Verdict, is_command
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.pure.onboarding_log import Record, newest, read_record
from alphapy.storage import onboarding as storage
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.feature import Owners
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.events import Event, MessageCreate
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.message import Message
    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool

COMMAND: Final = "!import_onboarding"

SCANNED: Final = 1000
"""Messages that are looked through, the newest."""

COMPONENT: Final = "onboarding_records"

_RICH: Final = frozenset({None, "rich"})
"""Types of embeds that somebody made, and not Discord out of a link."""

_TO_READ: Final = Permissions.VIEW_CHANNEL | Permissions.READ_MESSAGE_HISTORY

_NO_CHANNEL: Final = Verdict(
    "This server has no log channel to read from. Set one with `/system set_log_channel`.", "no log channel"
)
_UNREADABLE: Final = Verdict(
    "I cannot read the log channel: I need View Channel and Read Message History there.", "no permission"
)
_AWAY: Final = Verdict(
    "My database does not answer at the moment, so nothing was imported. Please try again in a minute.",
    "database away",
)


class History(Channels, Protocol):
    """Who reads and posts messages; every call raises DiscordError."""

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        """The newest messages of a channel."""
        ...


def may_be_command(event: Event) -> bool:
    """Whether a message is this command, whoever wrote it."""
    return is_command(event, COMMAND)


class ImportOnboarding(TextCommand):
    """The actor ``process/import_onboarding``."""

    name = "import_onboarding"

    def __init__(
        self,
        context: Context,
        *,
        discord: History,
        owners: Owners,
        clock: Clock,
        settings: SettingsReader,
        guilds: GuildCache,
        pool: Pool,
    ) -> None:
        super().__init__(context, discord=discord, owners=owners, clock=clock)
        self._history = discord
        self._settings = settings
        self._guilds = guilds
        self._pool = pool

    @override
    def announcement(self, said: MessageCreate) -> str:
        return f"Looking through the newest {SCANNED:,} messages of the log channel …"

    @override
    async def obey(self, said: MessageCreate) -> Verdict:
        if said.guild_id is None:
            return Verdict("This works in a server only.", "guild only")
        try:
            return await self._import(said.guild_id)
        except (SettingsUnavailable, StorageError):
            return _AWAY

    async def _import(self, guild_id: GuildId) -> Verdict:
        channel_id = (await self._settings.fresh(guild_id)).snowflake("system", "log_channel_id")
        guild = self._guilds.get(guild_id)
        if channel_id is None or guild is None or guild.channel(ChannelId(channel_id)) is None:
            return _NO_CHANNEL
        mine = self._guilds.my_permissions(guild_id, ChannelId(channel_id), now=self._clock.now())
        if mine is not None and mine & _TO_READ != _TO_READ:
            return _UNREADABLE
        try:
            messages = await self._history.recent_messages(ChannelId(channel_id), count=SCANNED)
        except DiscordError as error:
            return Verdict("Discord did not let me read the log channel. Nothing was imported.", str(error))
        records = newest(record for message in messages if (record := _record(message)) is not None)
        stored = await self._pool.run(
            COMPONENT, lambda tx: storage.take_over(tx, guild_id, records), idempotent=True
        )
        return Verdict(_words(stored, len(records)))


def _record(message: Message) -> Record | None:
    if not message.author.bot or message.webhook_id is not None:
        return None
    return read_record((embed for embed in message.embeds if embed.type in _RICH), message.sent_at)


def _words(stored: int, found: int) -> str:
    text = f"Done: the answers of {stored} member{'' if stored == 1 else 's'} were imported."
    kept = found - stored
    if kept:
        text += f" {kept} {'has' if kept == 1 else 'have'} newer ones, which stay."
    return text
