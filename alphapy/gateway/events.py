"""Gateway events by name: typed, and decoded only when somebody asks.

The shard hands on ``(name, raw payload)``; :func:`decode` turns it into an event of this module. Where
Discord's payload *is* an object (a message, a channel, an interaction), the event is a subclass of that
model, so that it can be handed on as one. Every event has ``guild_id``, None outside guilds.

Adding an event: a class here and a line in ``_TYPES``.
Rules: https://docs.discord.com/developers/events/gateway-events
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs
import msgspec
from typing_extensions import override

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
from alphapy.gateway.models.guild import Channel, Guild, Role
from alphapy.gateway.models.interaction import Interaction
from alphapy.gateway.models.message import Attachment, Message, ReceivedEmbed
from alphapy.gateway.models.user import Member, User

if TYPE_CHECKING:
    from alphapy.pure.ids import GuildId


@attrs.frozen
class MalformedEvent(Exception):
    """A payload that is not what Discord documents for this event.

    ``path`` says where (``$.author.id``), ``detail`` what is wrong there; neither holds any of the payload.
    """

    name: str
    path: str
    detail: str

    @override
    def __str__(self) -> str:
        return f"malformed {self.name} at {self.path}: {self.detail}"


class GuildStub(Model, frozen=True, kw_only=True):
    """A guild in READY's list: its id, and that its GUILD_CREATE is still to come."""

    id: GuildRef
    unavailable: bool = True


class ApplicationStub(Model, frozen=True, kw_only=True):
    """The application as READY names it."""

    id: ApplicationRef


class Ready(Model, frozen=True, kw_only=True):
    """A new gateway session. ``shard`` is (id, count); each guild listed sends its GUILD_CREATE next."""

    user: User
    session_id: str
    resume_gateway_url: str
    guilds: tuple[GuildStub, ...] = ()
    application: ApplicationStub | None = None
    shard: tuple[int, int] = (0, 1)

    @property
    def guild_id(self) -> None:
        """A session belongs to no guild."""


class Resumed(Model, frozen=True, kw_only=True):
    """The session was resumed, and everything missed has been replayed."""

    @property
    def guild_id(self) -> None:
        """A session belongs to no guild."""


class RateLimitMeta(Model, frozen=True, kw_only=True):
    """Which request was refused."""

    guild_id: GuildRef | None = None
    nonce: str | None = None


class RateLimited(Model, frozen=True, kw_only=True):
    """The gateway refused one of our sends (``opcode``); it may be repeated after ``retry_after`` seconds."""

    opcode: int
    retry_after: float
    meta: RateLimitMeta = RateLimitMeta()

    @property
    def guild_id(self) -> GuildId | None:
        """The guild that the refused request was about."""
        return self.meta.guild_id


class GuildCreate(Guild, frozen=True, kw_only=True):
    """A guild has become available: after READY, on joining it, or on return from an outage.

    ``members`` are all of a small guild's, else those online; the bot's own member is always among them.
    """

    joined_at: datetime | None = None
    large: bool = False
    members: tuple[Member, ...] = ()
    channels: tuple[Channel, ...] = ()
    threads: tuple[Channel, ...] = ()

    @property
    def guild_id(self) -> GuildId:
        """The guild itself."""
        return self.id


class GuildUpdate(Guild, frozen=True, kw_only=True):
    """A guild's own fields have changed; roles come whole."""

    @property
    def guild_id(self) -> GuildId:
        """The guild itself."""
        return self.id


class GuildDelete(Model, frozen=True, kw_only=True):
    """An outage (``unavailable`` true) or, without it, the bot is no longer in the guild."""

    id: GuildRef
    unavailable: bool = False

    @property
    def guild_id(self) -> GuildId:
        """The guild itself."""
        return self.id


class GuildRoleCreate(Model, frozen=True, kw_only=True):
    """A new role."""

    guild_id: GuildRef
    role: Role


class GuildRoleUpdate(Model, frozen=True, kw_only=True):
    """A role has changed."""

    guild_id: GuildRef
    role: Role


class GuildRoleDelete(Model, frozen=True, kw_only=True):
    """A role is gone."""

    guild_id: GuildRef
    role_id: RoleRef


class GuildBanAdd(Model, frozen=True, kw_only=True):
    """A user was banned."""

    guild_id: GuildRef
    user: User


class GuildBanRemove(Model, frozen=True, kw_only=True):
    """A ban was lifted."""

    guild_id: GuildRef
    user: User


class ChannelCreate(Channel, frozen=True, kw_only=True):
    """A new channel."""


class ChannelUpdate(Channel, frozen=True, kw_only=True):
    """A channel has changed."""


class ChannelDelete(Channel, frozen=True, kw_only=True):
    """A channel is gone, and the threads in it."""


class ThreadCreate(Channel, frozen=True, kw_only=True):
    """A new thread, or the bot was added to a private one (``newly_created`` false)."""

    newly_created: bool = False


class ThreadUpdate(Channel, frozen=True, kw_only=True):
    """A thread has changed."""


class ThreadDelete(Model, frozen=True, kw_only=True):
    """A thread is gone."""

    id: ChannelRef
    guild_id: GuildRef
    parent_id: ChannelRef | None = None
    type: int = 0


class ThreadListSync(Model, frozen=True, kw_only=True):
    """The active threads of channels that the bot can now see; of the whole guild without ``channel_ids``."""

    guild_id: GuildRef
    threads: tuple[Channel, ...] = ()
    channel_ids: tuple[ChannelRef, ...] | None = None


class GuildMemberAdd(Member, frozen=True, kw_only=True):
    """A user has joined a guild."""

    guild_id: GuildRef
    user: User


class GuildMemberUpdate(Member, frozen=True, kw_only=True):
    """A member has changed; the fields given are the new ones, roles always whole."""

    guild_id: GuildRef
    user: User


class GuildMemberRemove(Model, frozen=True, kw_only=True):
    """A user has left, was kicked or banned."""

    guild_id: GuildRef
    user: User


class GuildMembersChunk(Model, frozen=True, kw_only=True):
    """A part of the answer to a request for members; the last has ``chunk_index`` = ``chunk_count`` - 1."""

    guild_id: GuildRef
    members: tuple[Member, ...] = ()
    chunk_index: int = 0
    chunk_count: int = 1
    not_found: tuple[Snowflake, ...] = ()
    nonce: str | None = None


class MessageCreate(Message, frozen=True, kw_only=True):
    """A message was posted."""


class MessageUpdate(Model, frozen=True, kw_only=True):
    """A message has changed: an edit by its author, or Discord adding embeds (no ``edited_timestamp`` then).

    Fields that are None were not sent and have not changed.
    """

    id: MessageRef
    channel_id: ChannelRef
    guild_id: GuildRef | None = None
    author: User | None = None
    member: Member | None = None
    content: str | None = None
    type: int = 0
    edited_timestamp: datetime | None = None
    webhook_id: Snowflake | None = None
    mention_everyone: bool = False
    mentions: tuple[User, ...] | None = None
    mention_roles: tuple[RoleRef, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    embeds: tuple[ReceivedEmbed, ...] | None = None
    flags: int = 0


class MessageDelete(Model, frozen=True, kw_only=True):
    """A message is gone."""

    id: MessageRef
    channel_id: ChannelRef
    guild_id: GuildRef | None = None


class MessageDeleteBulk(Model, frozen=True, kw_only=True):
    """Several messages are gone at once."""

    ids: tuple[MessageRef, ...]
    channel_id: ChannelRef
    guild_id: GuildRef | None = None


class Emoji(Model, frozen=True, kw_only=True):
    """The emoji of a reaction: a guild's own has an ``id``, any other is the character in ``name``."""

    id: Snowflake | None = None
    name: str | None = None
    animated: bool = False


class MessageReactionAdd(Model, frozen=True, kw_only=True):
    """A reaction was added."""

    user_id: UserRef
    channel_id: ChannelRef
    message_id: MessageRef
    emoji: Emoji
    guild_id: GuildRef | None = None
    member: Member | None = None
    message_author_id: UserRef | None = None
    burst: bool = False


class MessageReactionRemove(Model, frozen=True, kw_only=True):
    """A reaction was taken back."""

    user_id: UserRef
    channel_id: ChannelRef
    message_id: MessageRef
    emoji: Emoji
    guild_id: GuildRef | None = None
    burst: bool = False


class MessageReactionRemoveAll(Model, frozen=True, kw_only=True):
    """All reactions of a message were removed."""

    channel_id: ChannelRef
    message_id: MessageRef
    guild_id: GuildRef | None = None


class MessageReactionRemoveEmoji(Model, frozen=True, kw_only=True):
    """All reactions with one emoji were removed."""

    channel_id: ChannelRef
    message_id: MessageRef
    emoji: Emoji
    guild_id: GuildRef | None = None


class InviteCreate(Model, frozen=True, kw_only=True):
    """A new invite. ``max_age`` in seconds and ``max_uses``: 0 means without end."""

    code: str
    channel_id: ChannelRef
    guild_id: GuildRef | None = None
    inviter: User | None = None
    max_age: int = 0
    max_uses: int = 0
    uses: int = 0
    temporary: bool = False
    created_at: datetime | None = None


class InviteDelete(Model, frozen=True, kw_only=True):
    """An invite is gone."""

    code: str
    channel_id: ChannelRef
    guild_id: GuildRef | None = None


class InteractionCreate(Interaction, frozen=True, kw_only=True):
    """A member used a command, a component or a modal."""


Event: TypeAlias = (
    Ready
    | Resumed
    | RateLimited
    | GuildCreate
    | GuildUpdate
    | GuildDelete
    | GuildRoleCreate
    | GuildRoleUpdate
    | GuildRoleDelete
    | GuildBanAdd
    | GuildBanRemove
    | ChannelCreate
    | ChannelUpdate
    | ChannelDelete
    | ThreadCreate
    | ThreadUpdate
    | ThreadDelete
    | ThreadListSync
    | GuildMemberAdd
    | GuildMemberUpdate
    | GuildMemberRemove
    | GuildMembersChunk
    | MessageCreate
    | MessageUpdate
    | MessageDelete
    | MessageDeleteBulk
    | MessageReactionAdd
    | MessageReactionRemove
    | MessageReactionRemoveAll
    | MessageReactionRemoveEmoji
    | InviteCreate
    | InviteDelete
    | InteractionCreate
)

_TYPES: Final[dict[str, type[Event]]] = {
    "READY": Ready,
    "RESUMED": Resumed,
    "RATE_LIMITED": RateLimited,
    "GUILD_CREATE": GuildCreate,
    "GUILD_UPDATE": GuildUpdate,
    "GUILD_DELETE": GuildDelete,
    "GUILD_ROLE_CREATE": GuildRoleCreate,
    "GUILD_ROLE_UPDATE": GuildRoleUpdate,
    "GUILD_ROLE_DELETE": GuildRoleDelete,
    "GUILD_BAN_ADD": GuildBanAdd,
    "GUILD_BAN_REMOVE": GuildBanRemove,
    "CHANNEL_CREATE": ChannelCreate,
    "CHANNEL_UPDATE": ChannelUpdate,
    "CHANNEL_DELETE": ChannelDelete,
    "THREAD_CREATE": ThreadCreate,
    "THREAD_UPDATE": ThreadUpdate,
    "THREAD_DELETE": ThreadDelete,
    "THREAD_LIST_SYNC": ThreadListSync,
    "GUILD_MEMBER_ADD": GuildMemberAdd,
    "GUILD_MEMBER_UPDATE": GuildMemberUpdate,
    "GUILD_MEMBER_REMOVE": GuildMemberRemove,
    "GUILD_MEMBERS_CHUNK": GuildMembersChunk,
    "MESSAGE_CREATE": MessageCreate,
    "MESSAGE_UPDATE": MessageUpdate,
    "MESSAGE_DELETE": MessageDelete,
    "MESSAGE_DELETE_BULK": MessageDeleteBulk,
    "MESSAGE_REACTION_ADD": MessageReactionAdd,
    "MESSAGE_REACTION_REMOVE": MessageReactionRemove,
    "MESSAGE_REACTION_REMOVE_ALL": MessageReactionRemoveAll,
    "MESSAGE_REACTION_REMOVE_EMOJI": MessageReactionRemoveEmoji,
    "INVITE_CREATE": InviteCreate,
    "INVITE_DELETE": InviteDelete,
    "INTERACTION_CREATE": InteractionCreate,
}

SUBSCRIBABLE: Final[frozenset[str]] = frozenset(_TYPES)
"""The names of the events that can be decoded."""

_DECODERS: Final = {
    name: msgspec.json.Decoder[Event](kind, strict=False)  # lax: snowflakes are strings of digits
    for name, kind in _TYPES.items()
}

_PATH = re.compile(r"^(?P<detail>.*) - at `(?P<path>[^`]*)`$", re.DOTALL)


def decode(name: str, raw: bytes | msgspec.Raw) -> Event:
    """The event of this name out of its payload; raises :class:`MalformedEvent`.

    ``name`` is one of :data:`SUBSCRIBABLE`; any other is a KeyError.
    """
    try:
        return _DECODERS[name].decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(name, error) from None


def _malformed(name: str, error: Exception) -> MalformedEvent:
    if isinstance(error, UnicodeDecodeError):
        return MalformedEvent(name=name, path="$", detail="text that is not UTF-8")
    if isinstance(error, RecursionError):
        return MalformedEvent(name=name, path="$", detail="nested too deeply")
    found = _PATH.match(str(error))
    if found is None:
        return MalformedEvent(name=name, path="$", detail=str(error))
    return MalformedEvent(name=name, path=found["path"], detail=found["detail"])
