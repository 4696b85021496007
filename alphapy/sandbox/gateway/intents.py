"""Which events an intent stands for, and what is left out without the message content intent. Pure.

Source: https://discord.com/developers/docs/events/gateway#gateway-intents
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.world.feed import Happening

GUILDS = 1 << 0
MEMBERS = 1 << 1
MODERATION = 1 << 2
INVITES = 1 << 6
PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
GUILD_REACTIONS = 1 << 10
GUILD_TYPING = 1 << 11
DIRECT_MESSAGES = 1 << 12
DIRECT_REACTIONS = 1 << 13
DIRECT_TYPING = 1 << 14
MESSAGE_CONTENT = 1 << 15

PRIVILEGED = MEMBERS | PRESENCES | MESSAGE_CONTENT
KNOWN = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25

_GUILD_EVENTS: dict[str, int] = {
    "GUILD_CREATE": GUILDS,
    "GUILD_UPDATE": GUILDS,
    "GUILD_DELETE": GUILDS,
    "GUILD_ROLE_CREATE": GUILDS,
    "GUILD_ROLE_UPDATE": GUILDS,
    "GUILD_ROLE_DELETE": GUILDS,
    "CHANNEL_CREATE": GUILDS,
    "CHANNEL_UPDATE": GUILDS,
    "CHANNEL_DELETE": GUILDS,
    "CHANNEL_PINS_UPDATE": GUILDS,
    "THREAD_CREATE": GUILDS,
    "THREAD_UPDATE": GUILDS,
    "THREAD_DELETE": GUILDS,
    "THREAD_MEMBERS_UPDATE": MEMBERS,
    "GUILD_MEMBER_ADD": MEMBERS,
    "GUILD_MEMBER_UPDATE": MEMBERS,
    "GUILD_MEMBER_REMOVE": MEMBERS,
    "GUILD_BAN_ADD": MODERATION,
    "GUILD_BAN_REMOVE": MODERATION,
    "GUILD_AUDIT_LOG_ENTRY_CREATE": MODERATION,
    "INVITE_CREATE": INVITES,
    "INVITE_DELETE": INVITES,
    "MESSAGE_CREATE": GUILD_MESSAGES,
    "MESSAGE_UPDATE": GUILD_MESSAGES,
    "MESSAGE_DELETE": GUILD_MESSAGES,
    "MESSAGE_DELETE_BULK": GUILD_MESSAGES,
    "MESSAGE_REACTION_ADD": GUILD_REACTIONS,
    "MESSAGE_REACTION_REMOVE": GUILD_REACTIONS,
    "MESSAGE_REACTION_REMOVE_ALL": GUILD_REACTIONS,
    "MESSAGE_REACTION_REMOVE_EMOJI": GUILD_REACTIONS,
    "TYPING_START": GUILD_TYPING,
}
_DIRECT = {
    GUILDS: DIRECT_MESSAGES,
    GUILD_MESSAGES: DIRECT_MESSAGES,
    GUILD_REACTIONS: DIRECT_REACTIONS,
    GUILD_TYPING: DIRECT_TYPING,
}
_CONTENT_EVENTS = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})


def wanted(intents: int, happening: Happening, bot_id: int) -> bool:
    """Whether a session with these intents is told; events without an intent always are."""
    intent = _GUILD_EVENTS.get(happening.name)
    if intent is None:
        return True
    if happening.guild_id is None:
        intent = _DIRECT.get(intent, intent)
    if intents & intent:
        return True
    return _concerns(happening, str(bot_id))


def _concerns(happening: Happening, bot_id: str) -> bool:
    """Whether a bot is told of this without the intent, because it is about the bot's own membership."""
    data = happening.data
    if happening.name == "GUILD_MEMBER_UPDATE":
        return bool(data["user"]["id"] == bot_id)
    if happening.name == "THREAD_MEMBERS_UPDATE":
        joined = any(entry["user_id"] == bot_id for entry in data["added_members"])
        return joined or bot_id in data["removed_member_ids"]
    return False


def hides_content(intents: int, happening: Happening, bot_id: int) -> bool:
    """Whether this session gets the message without what stands in it."""
    if intents & MESSAGE_CONTENT or happening.name not in _CONTENT_EVENTS or happening.guild_id is None:
        return False
    message = happening.data
    mentioned = any(user["id"] == str(bot_id) for user in message["mentions"])
    return message["author"]["id"] != str(bot_id) and not mentioned


def without_content(message: JSON) -> JSON:
    """The message as it looks without the message content intent."""
    return {**message, "content": "", "embeds": [], "attachments": [], "components": []}
