"""Discord's permission arithmetic (https://discord.com/developers/docs/topics/permissions), pure."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.world.guilds import Guild


class Right(enum.IntFlag):
    """The permission bits the sandbox knows by name."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
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
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    USE_VAD = 1 << 25
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    SEND_POLLS = 1 << 49
    PIN_MESSAGES = 1 << 51


ALL = (1 << 53) - 1
"""Every permission there is, known by name or not."""

EVERYONE = int(
    Right.CREATE_INSTANT_INVITE
    | Right.ADD_REACTIONS
    | Right.STREAM
    | Right.VIEW_CHANNEL
    | Right.SEND_MESSAGES
    | Right.EMBED_LINKS
    | Right.ATTACH_FILES
    | Right.READ_MESSAGE_HISTORY
    | Right.USE_EXTERNAL_EMOJIS
    | Right.CONNECT
    | Right.SPEAK
    | Right.USE_VAD
    | Right.CHANGE_NICKNAME
    | Right.USE_APPLICATION_COMMANDS
    | Right.CREATE_PUBLIC_THREADS
    | Right.CREATE_PRIVATE_THREADS
    | Right.USE_EXTERNAL_STICKERS
    | Right.SEND_MESSAGES_IN_THREADS
    | Right.SEND_POLLS
)
"""What a new guild grants to everyone."""

TIMED_OUT = int(Right.VIEW_CHANNEL | Right.READ_MESSAGE_HISTORY)
"""What a member in a timeout keeps."""

DIRECT_MESSAGE = int(
    Right.VIEW_CHANNEL
    | Right.SEND_MESSAGES
    | Right.READ_MESSAGE_HISTORY
    | Right.ADD_REACTIONS
    | Right.EMBED_LINKS
    | Right.ATTACH_FILES
    | Right.USE_EXTERNAL_EMOJIS
    | Right.USE_APPLICATION_COMMANDS
    | Right.PIN_MESSAGES
)
"""What the two people of a direct message channel may do in it."""

_NEEDS_SENDING = int(
    Right.MENTION_EVERYONE
    | Right.SEND_TTS_MESSAGES
    | Right.ATTACH_FILES
    | Right.EMBED_LINKS
    | Right.SEND_POLLS
)
THREAD_TYPES = frozenset({10, 11, 12})


def in_guild(guild: Guild, user_id: int, now: datetime) -> int:
    """A member's permissions in the guild at large; 0 for somebody who is no member."""
    member = guild.members.get(user_id)
    if member is None:
        return 0
    if guild.owner_id == user_id:
        return ALL
    rights = int(guild.roles[guild.id]["permissions"])
    for role_id in member["roles"]:
        role = guild.roles.get(int(role_id))
        if role is not None:
            rights |= int(role["permissions"])
    if rights & Right.ADMINISTRATOR:
        return ALL
    if in_timeout(member, now):
        rights &= TIMED_OUT
    return rights


def in_channel(guild: Guild, channel: JSON, user_id: int, now: datetime) -> int:
    """A member's permissions in a channel, after its overwrites; a thread takes its parent's."""
    rights = in_guild(guild, user_id, now)
    if rights in {0, ALL}:
        return rights
    member = guild.members[user_id]
    is_thread = channel["type"] in THREAD_TYPES
    source = channel
    if is_thread:
        source = guild.channels.get(int(channel["parent_id"]), channel)
    rights = _overwritten(rights, guild.id, member, user_id, source.get("permission_overwrites", []))
    if in_timeout(member, now):
        rights &= TIMED_OUT
    if not rights & Right.VIEW_CHANNEL:
        return 0
    sending = Right.SEND_MESSAGES_IN_THREADS if is_thread else Right.SEND_MESSAGES
    if not rights & sending:
        rights &= ~_NEEDS_SENDING
    return rights


def in_timeout(member: JSON, now: datetime) -> bool:
    """Whether the member is timed out at this instant."""
    until = member.get("communication_disabled_until")
    return until is not None and datetime.fromisoformat(until) > now


def top_position(guild: Guild, user_id: int) -> tuple[int, int]:
    """The rank of a member's highest role: compare with another's; the owner outranks everybody."""
    if guild.owner_id == user_id:
        return (1 << 30, 0)
    member = guild.members.get(user_id)
    roles = [guild.roles[int(r)] for r in (member or {}).get("roles", []) if int(r) in guild.roles]
    return max((rank(role) for role in roles), default=(0, 0))


def rank(role: JSON) -> tuple[int, int]:
    """Where a role stands: a higher position first, then the older one."""
    return (int(role["position"]), -int(role["id"]))


def _overwritten(rights: int, everyone_id: int, member: JSON, user_id: int, overwrites: list[JSON]) -> int:
    by_id = {int(entry["id"]): entry for entry in overwrites}
    everyone = by_id.get(everyone_id)
    if everyone is not None:
        rights = rights & ~int(everyone["deny"]) | int(everyone["allow"])
    allow = deny = 0
    for role_id in member["roles"]:
        entry = by_id.get(int(role_id))
        if entry is not None:
            allow |= int(entry["allow"])
            deny |= int(entry["deny"])
    rights = rights & ~deny | allow
    own = by_id.get(user_id)
    if own is not None:
        rights = rights & ~int(own["deny"]) | int(own["allow"])
    return rights
