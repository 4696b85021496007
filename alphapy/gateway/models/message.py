"""Messages as they come in. What the bot sends is in :mod:`alphapy.gateway.models.outgoing`.

Rules: https://docs.discord.com/developers/resources/message
"""

from __future__ import annotations

from datetime import datetime

from alphapy.gateway.models.fields import (
    ApplicationRef,
    ChannelRef,
    GuildRef,
    MessageRef,
    Model,
    RoleRef,
    Snowflake,
    UserRef,
)
from alphapy.gateway.models.user import Member, User, display_name
from alphapy.pure.ids import snowflake_time

DEFAULT = 0
REPLY = 19
CHAT_INPUT_COMMAND = 20

EPHEMERAL = 1 << 6
"""Message flag: seen by one member only."""

LOADING = 1 << 7
"""Message flag: an answer that is promised and not there yet."""


class Attachment(Model, frozen=True, kw_only=True):
    """A file on a message. ``size`` is in bytes; ``content_type`` as Discord detected it, if it did."""

    id: Snowflake
    filename: str = ""
    content_type: str | None = None
    size: int = 0
    url: str = ""
    proxy_url: str = ""


class EmbedText(Model, frozen=True, kw_only=True):
    """The footer (``text``) or author (``name``) of an embed."""

    text: str | None = None
    name: str | None = None


class ReceivedField(Model, frozen=True, kw_only=True):
    """One field of an embed."""

    name: str = ""
    value: str = ""
    inline: bool = False


class ReceivedEmbed(Model, frozen=True, kw_only=True):
    """The texts of an embed; pictures and colours are left out."""

    type: str | None = None
    title: str | None = None
    description: str | None = None
    url: str | None = None
    timestamp: str | None = None
    fields: tuple[ReceivedField, ...] = ()
    footer: EmbedText | None = None
    author: EmbedText | None = None


class MessageReference(Model, frozen=True, kw_only=True):
    """The message that this one replies to (``type`` 0) or forwards (``type`` 1)."""

    type: int = 0
    message_id: MessageRef | None = None
    channel_id: ChannelRef | None = None
    guild_id: GuildRef | None = None


class StickerItem(Model, frozen=True, kw_only=True):
    """A sticker on a message."""

    id: Snowflake
    name: str = ""


class SnapshotMessage(Model, frozen=True, kw_only=True):
    """What a forwarded message says."""

    content: str = ""


class Snapshot(Model, frozen=True, kw_only=True):
    """A message as it was when it was forwarded."""

    message: SnapshotMessage = SnapshotMessage()


class Message(Model, frozen=True, kw_only=True):
    """A message. ``author`` of a webhook's message is the webhook, and ``webhook_id`` is set then.

    ``content``, ``embeds`` and ``attachments`` are empty without the message content intent, except in
    direct messages, the bot's own messages and messages that mention it.
    """

    id: MessageRef
    channel_id: ChannelRef
    author: User
    guild_id: GuildRef | None = None
    member: Member | None = None
    content: str = ""
    type: int = DEFAULT
    timestamp: datetime | None = None
    edited_timestamp: datetime | None = None
    webhook_id: Snowflake | None = None
    application_id: ApplicationRef | None = None
    mention_everyone: bool = False
    mentions: tuple[User, ...] = ()
    mention_roles: tuple[RoleRef, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    embeds: tuple[ReceivedEmbed, ...] = ()
    sticker_items: tuple[StickerItem, ...] = ()
    message_reference: MessageReference | None = None
    message_snapshots: tuple[Snapshot, ...] = ()
    """The messages that this one forwards."""
    flags: int = 0
    nonce: str | int | None = None

    @property
    def author_name(self) -> str:
        """The author's name as the guild shows it: nickname, else global name, else username."""
        return display_name(self.author, self.member)

    @property
    def sent_at(self) -> datetime:
        """When it was sent, aware: Discord's timestamp, else the instant in its id."""
        return self.timestamp or snowflake_time(self.id)

    @property
    def author_id(self) -> UserRef:
        """The author's id."""
        return self.author.id

    @property
    def is_human(self) -> bool:
        """Whether a person wrote it: not a bot, not a webhook, not Discord itself."""
        return not self.author.bot and not self.author.system and self.webhook_id is None
