"""Opcodes, intents, and what each close code means for us.

Rules: https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway and
https://docs.discord.com/developers/events/gateway#gateway-intents
"""

from __future__ import annotations

import enum
from typing import Final

import attrs


class Opcode(enum.IntEnum):
    """What a gateway payload is."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Intents(enum.IntFlag):
    """Which events Discord sends us. Three of them are privileged: see :data:`PRIVILEGED`."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_EXPRESSIONS = 1 << 3
    GUILD_INTEGRATIONS = 1 << 4
    GUILD_WEBHOOKS = 1 << 5
    GUILD_INVITES = 1 << 6
    GUILD_VOICE_STATES = 1 << 7
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15
    GUILD_SCHEDULED_EVENTS = 1 << 16
    AUTO_MODERATION_CONFIGURATION = 1 << 20
    AUTO_MODERATION_EXECUTION = 1 << 21
    GUILD_MESSAGE_POLLS = 1 << 24
    DIRECT_MESSAGE_POLLS = 1 << 25


PRIVILEGED: Final = Intents.GUILD_MEMBERS | Intents.GUILD_PRESENCES | Intents.MESSAGE_CONTENT
"""Intents that have to be switched on in Discord's developer portal."""

ALPHAPY_INTENTS: Final = (
    Intents.GUILDS
    | Intents.GUILD_MEMBERS
    | Intents.GUILD_MESSAGES
    | Intents.GUILD_MESSAGE_REACTIONS
    | Intents.DIRECT_MESSAGES
    | Intents.MESSAGE_CONTENT
    | Intents.GUILD_INVITES
)
"""What the product needs (spec/operations.md 5.1)."""


class SessionFate(enum.Enum):
    """What a close leaves of the gateway session."""

    SURVIVES = "survives"
    """Reconnect and RESUME; if Discord refuses, it says so with op 9."""
    ENDS = "ends"
    """Reconnect and IDENTIFY."""
    FATAL = "fatal"
    """Reconnecting cannot help until the operator has changed something."""


@attrs.frozen
class CloseMeaning:
    """A close code: its name in Discord's documentation, the session's fate, and what the operator can do."""

    name: str
    fate: SessionFate
    advice: str = ""


_SURVIVES, _ENDS, _FATAL = SessionFate.SURVIVES, SessionFate.ENDS, SessionFate.FATAL

CLOSE_CODES: Final[dict[int, CloseMeaning]] = {
    4000: CloseMeaning("unknown error", _SURVIVES),
    4001: CloseMeaning("unknown opcode", _SURVIVES),
    4002: CloseMeaning("decode error", _SURVIVES),
    4003: CloseMeaning("not authenticated", _SURVIVES),
    4004: CloseMeaning(
        "authentication failed",
        _FATAL,
        "Discord does not accept the bot token. Copy the token from the Bot page of your application at "
        "https://discord.com/developers/applications into BOT_TOKEN, then start again.",
    ),
    4005: CloseMeaning("already authenticated", _SURVIVES),
    4007: CloseMeaning("invalid sequence", _ENDS),
    4008: CloseMeaning("rate limited", _SURVIVES),
    4009: CloseMeaning("session timed out", _ENDS),
    4010: CloseMeaning(
        "invalid shard",
        _FATAL,
        "The shard number does not fit the number of shards. Set SHARDS to auto or to one number, "
        "the same in every process, then start again.",
    ),
    4011: CloseMeaning(
        "sharding required",
        _FATAL,
        "The bot is in too many guilds for this number of shards. Set SHARDS to auto, then start again.",
    ),
    4012: CloseMeaning(
        "invalid API version",
        _FATAL,
        "Discord no longer speaks this version of its gateway. Upgrade Alphapy, then start again.",
    ),
    4013: CloseMeaning(
        "invalid intents",
        _FATAL,
        "Discord does not know one of the intents that were asked for. Upgrade Alphapy, then start again.",
    ),
    4014: CloseMeaning(
        "disallowed intents",
        _FATAL,
        "Switch on Server Members Intent and Message Content Intent on the Bot page of your application at "
        "https://discord.com/developers/applications, then start again.",
    ),
}
"""Discord's close codes. Only these end or forbid anything: see :func:`close_meaning`."""


def close_meaning(code: int) -> CloseMeaning:
    """What the gateway's close with this code means.

    A RESUME is tried after every code that Discord does not document as the end of the session: one that
    is refused costs a second, one that is not tried loses events.
    """
    return CLOSE_CODES.get(code) or CloseMeaning("undocumented code", _SURVIVES)


RESUMABLE_CLOSE: Final = 4900
"""Our own close code when we mean to come back: 1000 and 1001 would end the session, others keep it."""

SIGN_OFF_CLOSE: Final = 1000
"""Our own close code when the operator stops the bot for good: it ends the session, the bot shows offline."""
