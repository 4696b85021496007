"""What a shard sends, as JSON objects, and the address it connects to. Pure.

Rules: https://docs.discord.com/developers/events/gateway-events#send-events
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.opcodes import Intents
    from alphapy.pure.ids import GuildId, UserId

API_VERSION: Final = 10
_MOST_USER_IDS: Final = 100


def gateway_address(url: str, compression: str) -> str:
    """The URL to connect to: the gateway's with version, encoding and transport compression ("" for none)."""
    query = f"v={API_VERSION}&encoding=json"
    if compression:
        query += f"&compress={compression}"
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def identify(token: str, intents: Intents, shard_id: int, shard_count: int) -> dict[str, Any]:
    """Start a session (op 2)."""
    return {
        "token": token,
        "intents": int(intents),
        "properties": {"os": sys.platform, "browser": "alphapy", "device": "alphapy"},
        "shard": [shard_id, shard_count],
        "compress": False,
    }


def resume(token: str, session_id: str, seq: int) -> dict[str, Any]:
    """Take a session up again after event ``seq`` (op 6)."""
    return {"token": token, "session_id": session_id, "seq": seq}


def members(
    guild_id: GuildId, *, query: str, limit: int, user_ids: Sequence[UserId], nonce: str | None
) -> dict[str, Any]:
    """Ask for members (op 8): by ids if any are given (at most 100), else by the beginning of their names.

    https://docs.discord.com/developers/events/gateway-events#request-guild-members
    """
    if len(user_ids) > _MOST_USER_IDS:
        raise ValueError(f"at most {_MOST_USER_IDS} members can be asked for by id, not {len(user_ids)}")
    wanted: dict[str, Any] = {"guild_id": str(guild_id), "limit": limit}
    if user_ids:
        wanted["user_ids"] = [str(user_id) for user_id in user_ids]
    else:
        wanted["query"] = query
    if nonce is not None:
        wanted["nonce"] = nonce
    return wanted
