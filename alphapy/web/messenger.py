"""Messages that a webhook asks for: sent once, and every refusal of Discord in the envelope.

When it fails: what Discord refuses is final; what it does not answer may be there all the same, and the next
attempt reads the channel before it sends again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId, deterministic_nonce, snowflake_at
from alphapy.web.errors import ApiError
from alphapy.web.receipts import InDoubt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.gateway.guilds import CachedGuild
    from alphapy.gateway.models.message import Message
    from alphapy.gateway.models.outgoing import OutgoingMessage

CLOCKS_DIFFER: Final = timedelta(seconds=30)
"""How much Discord's clock and ours may differ when a message of ours is looked for."""

LOOKED_AT: Final = 100
"""Messages that are looked at."""

DOWN: Final = "Discord does not answer at the moment. Please try again."
_REFUSED: Final = frozenset(
    {DiscordErrorKind.FORBIDDEN, DiscordErrorKind.NOT_FOUND, DiscordErrorKind.INVALID}
)


class Discord(Protocol):
    """What is needed of Discord; every call raises DiscordError."""

    async def open_direct(self, user_id: UserId) -> ChannelId:
        """The direct message channel with somebody."""
        ...

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Send a message."""
        ...

    async def messages_after(
        self, channel_id: ChannelId, message_id: MessageId, *, limit: int
    ) -> Sequence[Message]:
        """The messages next to this id, oldest first."""
        ...


class Guilds(Protocol):
    """The guild cache, as far as it is needed."""

    def get(self, guild_id: GuildId) -> CachedGuild | None:
        """What is known of a guild."""
        ...


@attrs.frozen(kw_only=True)
class Outbox:
    """Where webhooks send to. Ids are None where they are not set; ``me`` is the bot, once that is known."""

    discord: Discord
    me: Callable[[], UserId | None]
    guilds: Guilds
    main_guild_id: GuildId | None
    legal_channel_id: ChannelId | None
    log_channel: Callable[[GuildId], ChannelId | None]
    """The channel that a guild's admins have set for logs."""


class Messenger:
    """Sends what webhooks ask for."""

    def __init__(self, outbox: Outbox) -> None:
        self._discord = outbox.discord
        self._me = outbox.me

    async def to_user(
        self, user_id: UserId, message: OutgoingMessage, key: bytes, since: datetime | None
    ) -> None:
        """Send somebody a direct message. Raises ApiError, or InDoubt.

        ``key`` tells this message from others. ``since``: an earlier attempt may have sent it from then on.
        """
        try:
            channel_id = await self._discord.open_direct(user_id)
        except DiscordError as error:
            raise _told(error, in_doubt=False) from error
        await self.to_channel(channel_id, message, key, since)

    async def to_channel(
        self, channel_id: ChannelId, message: OutgoingMessage, key: bytes, since: datetime | None
    ) -> None:
        """Post a message in a channel; otherwise as :meth:`to_user`."""
        message = attrs.evolve(message, nonce=deterministic_nonce("webhook", channel_id, key.hex()))
        try:
            if since is not None and await self._is_there(channel_id, message, since):
                return
            await self._discord.create_message(channel_id, message)
        except DiscordError as error:
            raise _told(error, in_doubt=error.in_doubt or since is not None) from error

    async def _is_there(self, channel_id: ChannelId, message: OutgoingMessage, since: datetime) -> bool:
        after = MessageId(snowflake_at(since - CLOCKS_DIFFER))
        found = await self._discord.messages_after(channel_id, after, limit=LOOKED_AT)
        titles = [embed.title for embed in message.embeds]
        return any(
            one.author.id == self._me()
            and one.content == message.content
            and [embed.title for embed in one.embeds] == titles
            for one in found
        )


def _told(error: DiscordError, *, in_doubt: bool) -> ApiError:
    """What the sender of the webhook is told."""
    if error.kind in _REFUSED:
        return ApiError(502, "dm_failed", "Discord refuses to deliver the message.")
    kind = InDoubt if in_doubt else ApiError
    if error.kind is DiscordErrorKind.TIMED_OUT:
        return kind(504, "timeout", "Discord took too long.")
    return kind(503, "bot_unavailable", DOWN)
