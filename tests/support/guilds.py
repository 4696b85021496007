"""A guild cache with one guild in it, to ask for permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import NO_PERMISSIONS, Permissions
from alphapy.pure.ids import UserId
from tests.support.interactions import CHANNEL, GUILD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ME = 500
OWNER = 43
MY_ROLE = 501

SPEAK = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES | Permissions.READ_MESSAGE_HISTORY


def guild_cache(
    *,
    channels: Mapping[int, Mapping[str, Any]] | None = None,
    everyone: Permissions = SPEAK,
    mine: Permissions = NO_PERMISSIONS,
    roles: Mapping[int, Permissions] | None = None,
) -> GuildCache:
    """The guild of tests/support/interactions.py with these channels and roles; ``mine``: the bot's own."""
    granted = {GUILD: everyone, MY_ROLE: mine, **(roles or {})}
    payload = {
        "id": str(GUILD),
        "name": "Home",
        "owner_id": str(OWNER),
        "roles": [
            {"id": str(role_id), "name": f"r{role_id}", "permissions": str(int(bits)), "position": place}
            for place, (role_id, bits) in enumerate(granted.items())
        ],
        "channels": [
            {"id": str(channel_id), "type": 0, "name": f"c{channel_id}", **fields}
            for channel_id, fields in (channels or {CHANNEL: {}}).items()
        ],
        "members": [{"user": {"id": str(ME), "username": "alphapy", "bot": True}, "roles": [str(MY_ROLE)]}],
    }
    cache = GuildCache(UserId(ME))
    cache.apply(decode("GUILD_CREATE", json.dumps(payload).encode()))
    return cache


def denied(bits: Permissions, *, to: Sequence[int] = (GUILD,)) -> dict[str, Any]:
    """Fields of a channel that takes permissions away from roles."""
    return {"permission_overwrites": [{"id": str(role), "type": 0, "deny": str(int(bits))} for role in to]}
