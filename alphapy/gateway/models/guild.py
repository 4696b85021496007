"""Guilds, roles, channels, and the arithmetic of permissions.

Rules: https://docs.discord.com/developers/topics/permissions and
https://docs.discord.com/developers/resources/guild
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from alphapy.gateway.models.fields import (
    ChannelRef,
    GuildRef,
    Model,
    PermissionBits,
    RoleRef,
    Snowflake,
    UserRef,
)
from alphapy.pure.ids import RoleId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alphapy.pure.ids import GuildId, UserId


class Permissions(enum.IntFlag, boundary=enum.KEEP):
    """Discord's permission bits; bits that are not named here are kept as they are."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    PRIORITY_SPEAKER = 1 << 8
    STREAM = 1 << 9
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    VIEW_GUILD_INSIGHTS = 1 << 19
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    DEAFEN_MEMBERS = 1 << 23
    MOVE_MEMBERS = 1 << 24
    USE_VAD = 1 << 25
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    REQUEST_TO_SPEAK = 1 << 32
    MANAGE_EVENTS = 1 << 33
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EMBEDDED_ACTIVITIES = 1 << 39
    MODERATE_MEMBERS = 1 << 40
    VIEW_CREATOR_MONETIZATION_ANALYTICS = 1 << 41
    USE_SOUNDBOARD = 1 << 42
    CREATE_GUILD_EXPRESSIONS = 1 << 43
    CREATE_EVENTS = 1 << 44
    USE_EXTERNAL_SOUNDS = 1 << 45
    SEND_VOICE_MESSAGES = 1 << 46
    SEND_POLLS = 1 << 49
    USE_EXTERNAL_APPS = 1 << 50
    PIN_MESSAGES = 1 << 51
    BYPASS_SLOWMODE = 1 << 52


NO_PERMISSIONS = Permissions(0)
ALL_PERMISSIONS = Permissions(sum(Permissions))
TIMED_OUT = Permissions.VIEW_CHANNEL | Permissions.READ_MESSAGE_HISTORY
"""What a member in a timeout keeps, unless owner or administrator."""


class ChannelType(enum.IntEnum):
    """The channel types that the bot tells apart; channels of other types keep their plain number."""

    TEXT = 0
    DM = 1
    VOICE = 2
    GROUP_DM = 3
    CATEGORY = 4
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    DIRECTORY = 14
    FORUM = 15
    MEDIA = 16


THREAD_TYPES = frozenset(
    {ChannelType.ANNOUNCEMENT_THREAD, ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}
)

WRITTEN_IN = frozenset(
    {ChannelType.TEXT, ChannelType.ANNOUNCEMENT, ChannelType.VOICE, ChannelType.STAGE} | THREAD_TYPES
)
"""Where members write messages."""

ROLE_OVERWRITE = 0
MEMBER_OVERWRITE = 1


class Role(Model, frozen=True, kw_only=True):
    """A role. ``position`` orders the hierarchy: higher ranks above lower, @everyone is 0."""

    id: RoleRef
    name: str = ""
    permission_bits: PermissionBits = msgspec.field(name="permissions", default=0)
    position: int = 0
    managed: bool = False
    mentionable: bool = False
    hoist: bool = False
    color: int = 0

    @property
    def permissions(self) -> Permissions:
        """What the role grants in the whole guild."""
        return Permissions(self.permission_bits)


class Overwrite(Model, frozen=True, kw_only=True):
    """What a channel allows or denies to one role or one member (``type``: 0 role, 1 member)."""

    id: Snowflake
    type: int = ROLE_OVERWRITE
    allow: PermissionBits = 0
    deny: PermissionBits = 0


class ThreadMetadata(Model, frozen=True, kw_only=True):
    """Whether a thread is archived or locked."""

    archived: bool = False
    locked: bool = False


class Channel(Model, frozen=True, kw_only=True):
    """A channel or thread, without what the bot has no use for (topics can be a kilobyte each)."""

    id: ChannelRef
    type: int = ChannelType.TEXT
    guild_id: GuildRef | None = None
    name: str | None = None
    parent_id: ChannelRef | None = None
    """The category of a channel, or the channel of a thread."""
    position: int = 0
    permission_overwrites: tuple[Overwrite, ...] = ()
    nsfw: bool = False
    owner_id: UserRef | None = None
    thread_metadata: ThreadMetadata | None = None
    last_message_id: Snowflake | None = None
    """The newest message when this was told, deleted or not; not kept up to date."""

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread of any kind."""
        return self.type in THREAD_TYPES


class Guild(Model, frozen=True, kw_only=True):
    """A guild's own fields. An unavailable guild has its id only, so all else has a default."""

    id: GuildRef
    name: str = ""
    owner_id: UserRef | None = None
    icon: str | None = None
    roles: tuple[Role, ...] = ()
    unavailable: bool = False
    member_count: int | None = None
    system_channel_id: ChannelRef | None = None
    rules_channel_id: ChannelRef | None = None
    preferred_locale: str = "en-US"
    features: tuple[str, ...] = ()

    @property
    def has_vanity(self) -> bool:
        """Whether the guild may have an address of its own."""
        return "VANITY_URL" in self.features


def guild_permissions(
    *,
    guild_id: GuildId,
    owner_id: UserId | None,
    user_id: UserId,
    member_roles: Iterable[RoleId],
    roles: Mapping[RoleId, Role],
    timed_out: bool = False,
) -> Permissions:
    """What a member may do in the guild as a whole: @everyone and the member's roles together.

    Owner and administrators may do everything. A timeout leaves the rest with
    :data:`TIMED_OUT` of what they had.
    """
    if user_id == owner_id:
        return ALL_PERMISSIONS
    everyone = roles.get(_everyone(guild_id))
    bits = everyone.permission_bits if everyone is not None else 0
    for role_id in member_roles:
        role = roles.get(role_id)
        if role is not None:
            bits |= role.permission_bits
    if bits & Permissions.ADMINISTRATOR:
        return ALL_PERMISSIONS
    return Permissions(bits & TIMED_OUT if timed_out else bits)


def channel_permissions(
    base: Permissions,
    *,
    guild_id: GuildId,
    user_id: UserId,
    member_roles: Iterable[RoleId],
    overwrites: Iterable[Overwrite],
    timed_out: bool = False,
) -> Permissions:
    """What a member may do in a channel, given ``base``, what it may do in the guild.

    Overwrites apply in Discord's order: @everyone, then all roles together (allow wins), then the member.
    Without VIEW_CHANNEL nothing is left. For a thread, pass the overwrites of its parent.
    """
    if base & Permissions.ADMINISTRATOR:
        return ALL_PERMISSIONS
    bits = int(base)
    everyone = _everyone(guild_id)
    held = frozenset(member_roles)
    allow = deny = 0
    own: Overwrite | None = None
    for overwrite in overwrites:
        if overwrite.type == MEMBER_OVERWRITE:
            own = overwrite if overwrite.id == user_id else own
        elif overwrite.id == everyone:
            bits = (bits & ~overwrite.deny) | overwrite.allow
        elif overwrite.id in held:
            allow |= overwrite.allow
            deny |= overwrite.deny
    bits = (bits & ~deny) | allow
    if own is not None:
        bits = (bits & ~own.deny) | own.allow
    if not bits & Permissions.VIEW_CHANNEL:
        return NO_PERMISSIONS
    return Permissions(bits & TIMED_OUT if timed_out else bits)


def _everyone(guild_id: GuildId) -> RoleId:
    """The role that every member has carries the guild's own id."""
    return RoleId(int(guild_id))
