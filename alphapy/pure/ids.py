"""Identifiers with the type of the thing they name, and what a snowflake tells.

Rules: https://docs.discord.com/developers/reference#snowflakes
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NewType

GuildId = NewType("GuildId", int)
ChannelId = NewType("ChannelId", int)
MessageId = NewType("MessageId", int)
UserId = NewType("UserId", int)
RoleId = NewType("RoleId", int)
InteractionId = NewType("InteractionId", int)
ApplicationId = NewType("ApplicationId", int)
CommandId = NewType("CommandId", int)

MAX_SNOWFLAKE = 2**63 - 1
"""The largest id that fits PostgreSQL's bigint; Discord's own ids stay below it."""

DISCORD_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""The instant that snowflake timestamps count from."""

NONCE_LENGTH = 25
"""The longest message nonce that Discord accepts, in characters."""


def snowflake_time(snowflake: int) -> datetime:
    """The instant at which Discord made this id, in UTC, to the millisecond."""
    return DISCORD_EPOCH + timedelta(milliseconds=snowflake >> 22)


def snowflake_at(instant: datetime) -> int:
    """The smallest id that Discord could have made at this instant."""
    return int((instant - DISCORD_EPOCH) / timedelta(milliseconds=1)) << 22


def parse_snowflake(value: object) -> int | None:
    """An id out of foreign data: an int or a string of ASCII digits, 1 to 2^63-1; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal() and len(value) <= len(str(MAX_SNOWFLAKE))):
            return None
        value = int(value)
    return value if isinstance(value, int) and 1 <= value <= MAX_SNOWFLAKE else None


def deterministic_nonce(*parts: str | int) -> str:
    """The same nonce for the same parts, always, so that Discord drops a repeated send.

    Used with ``enforce_nonce`` (https://docs.discord.com/developers/resources/message#create-message).
    """
    digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=12)
    return digest.hexdigest()[:NONCE_LENGTH]
