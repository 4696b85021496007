"""A guild's log channel: changes of its configuration, and what features tell (spec/settings.md 5.6).

Whoever logs only tells; nobody waits for Discord. At most 200 entries wait, of which the oldest are dropped
and counted. While more than five wait, several embeds share a message.

When it fails: a channel that Discord refuses is left alone for five minutes; a passing trouble is tried again
a few times; either way the change itself is long made.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.actors.embeds import Colour
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.settings.messages import ConfigAudit, LogEntry, LogLevel, LogSent
from alphapy.actors.settings.snapshot import SettingsUnavailable
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId, deterministic_nonce

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.clock import Clock

log = logging.getLogger("alphapy.actors.guild_log")

MAX_WAITING = 200
"""Entries that wait for Discord at the most (spec/settings.md 8)."""

ONE_BY_ONE = 5
"""Entries up to which each gets a message of its own."""

MAX_EMBEDS = 10
"""Embeds of one message."""

MAX_CHARACTERS = 6000
"""Characters of all embeds of a message."""

UNUSABLE_FOR = 300.0
"""Seconds for which a channel that Discord refused is left alone."""

COLOURS = {
    LogLevel.DEBUG: Colour.QUIET,
    LogLevel.INFO: Colour.INFO,
    LogLevel.SUCCESS: Colour.SUCCESS,
    LogLevel.WARNING: Colour.WARNING,
    LogLevel.ERROR: Colour.ERROR,
    LogLevel.CRITICAL: Colour.ERROR,
}
LEFT_OUT = {
    "normal": {LogLevel.DEBUG},
    "critical": {LogLevel.DEBUG, LogLevel.INFO, LogLevel.SUCCESS, LogLevel.WARNING},
}
"""What the setting ``system.log_level`` keeps out; any other value keeps nothing out."""

ATTEMPTS = 3
RETRY_AFTER = 1.0
LONGEST_WAIT = 60.0
"""Tries of one message, seconds between them, and the longest that Discord may ask for."""

SETTINGS_REST = 30.0
"""Seconds for which the last known settings do, after they could not be read."""


class Poster(Protocol):
    """What the log needs of Discord."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Post a message; raises DiscordError."""
        ...


@attrs.frozen
class _Entry:
    channel_id: ChannelId
    embed: Embed


class GuildLog(Actor):
    """The actor ``guild/<id>/guild_log``."""

    def __init__(
        self, context: Context, *, poster: Poster, settings: SettingsReader, guilds: GuildCache, clock: Clock
    ) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id = guild_id
        self._poster = poster
        self._settings = settings
        self._guilds = guilds
        self._clock = clock
        self._waiting: deque[_Entry] = deque()
        self._dropped = 0
        self._unusable: dict[ChannelId, float] = {}
        self._sending = False
        self._sent = 0
        self._settings_rest_until = 0.0

    @override
    async def handle(self, message: object) -> object:
        match message:
            case ConfigAudit():
                self._record(message, await self._settings_now())
            case LogEntry():
                self._log(message, await self._settings_now())
            case LogSent():
                self._sending = False
            case _:
                return await super().handle(message)
        self._send_next()
        return None

    async def _settings_now(self) -> SettingsSnapshot:
        """Fresh ones, so that a channel set by another program, or before the bot came back, counts.

        While they cannot be read the last known ones hold: a log is better lost to noise than lost.
        """
        if trio.current_time() >= self._settings_rest_until:
            try:
                return await self._settings.fresh(self._guild_id)
            except SettingsUnavailable:
                self._settings_rest_until = trio.current_time() + SETTINGS_REST
        return self._settings.snapshot(self._guild_id)

    def _record(self, audit: ConfigAudit, settings: SettingsSnapshot) -> None:
        log.info(
            "a configuration change",
            extra={
                "event": "config_audit",
                "guild_id": self._guild_id,
                "title": audit.title,
                "change": audit.description,
            },
        )
        for channel_id in audit.channels:
            self._unusable.pop(channel_id, None)
        embed = self._embed(audit.title, audit.description, Colour.WARNING, "config")
        for channel_id in audit.channels or _log_channel(settings):
            self._queue(channel_id, embed)

    def _log(self, entry: LogEntry, settings: SettingsSnapshot) -> None:
        log.info(
            "an entry of the guild log",
            extra={
                "event": "guild_log_entry",
                "guild_id": self._guild_id,
                "title": entry.title,
                "source": entry.source,
                "level": entry.level.value,
            },
        )
        wanted = settings.text("system", "log_level").lower()
        if entry.level in LEFT_OUT.get(wanted, ()):
            return
        embed = self._embed(entry.title, entry.description, COLOURS[entry.level], entry.source)
        for channel_id in _log_channel(settings):
            self._queue(channel_id, embed)

    def _queue(self, channel_id: ChannelId, embed: Embed) -> None:
        if not self._is_usable(channel_id):
            return
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(_Entry(channel_id, embed))

    def _is_usable(self, channel_id: ChannelId) -> bool:
        guild = self._guilds.get(self._guild_id)
        if guild is None or channel_id not in guild.channels:
            log.warning(
                "the log channel does not exist",
                extra={"event": "guild_log_missing", "guild_id": self._guild_id, "channel_id": channel_id},
            )
            return False
        return self._unusable.get(channel_id, -UNUSABLE_FOR) + UNUSABLE_FOR <= trio.current_time()

    def _embed(self, title: str, description: str, colour: Colour, source: str) -> Embed:
        return Embed(
            title=title,
            description=description,
            color=colour,
            footer=f"{source} | Guild: {self._guild_id}",
            timestamp=self._clock.now(),
        )

    def _send_next(self) -> None:
        """Start a child task for the oldest entries of one channel, unless one is under way."""
        if self._sending or not self._waiting:
            return
        channel_id = self._waiting[0].channel_id
        embeds = self._take(channel_id)
        self._sent += 1
        nonce = deterministic_nonce("guild_log", self._guild_id, str(self._clock.now()), self._sent)
        message = OutgoingMessage(embeds=tuple(embeds), nonce=nonce)
        self._sending = self.context.start(self._send, channel_id, message)

    def _take(self, channel_id: ChannelId) -> list[Embed]:
        most = MAX_EMBEDS if len(self._waiting) > ONE_BY_ONE else 1
        embeds: list[Embed] = []
        characters = 0
        while self._waiting and len(embeds) < most and self._waiting[0].channel_id == channel_id:
            embed = self._waiting[0].embed
            if self._dropped:
                embed = attrs.evolve(
                    embed, footer=f"{embed.footer} | {self._dropped} older entries were dropped"
                )
            characters += embed.size
            if embeds and characters > MAX_CHARACTERS:
                break
            self._waiting.popleft()
            self._dropped = 0
            embeds.append(embed)
        return embeds

    async def _send(self, channel_id: ChannelId, message: OutgoingMessage) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._poster.create_message(channel_id, message)
                break
            except DiscordError as error:
                if error.kind in (DiscordErrorKind.FORBIDDEN, DiscordErrorKind.NOT_FOUND):
                    self._unusable[channel_id] = trio.current_time()
                log.warning(
                    "the guild log could not be written",
                    extra={"event": "guild_log_failed", "guild_id": self._guild_id, "error": str(error)},
                )
                if not error.transient or attempt == ATTEMPTS:
                    break
                wait = min(error.retry_after or 0.0, LONGEST_WAIT)
            await trio.sleep(max(wait, RETRY_AFTER * attempt))
        self.context.tell_self(LogSent())


def _log_channel(settings: SettingsSnapshot) -> tuple[ChannelId, ...]:
    channel = settings.snowflake("system", "log_channel_id")
    return () if channel is None else (ChannelId(channel),)
