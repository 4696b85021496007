"""Which guild the figures are of, and whether a caller may see them (spec/api.md 7.7.1 and 7.7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId
from alphapy.web.auth.caller import Caller
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from alphapy.web.routes.dashboard import Admins
    from alphapy.web.sources import Sources


@attrs.frozen
class Scope:
    """What the caller may see: the figures of a guild, or of all (None)."""

    guild_id: GuildId | None
    caller: Caller
    """With the Discord account, if by token."""


async def scope_of(caller: Caller, asked: GuildId | None, sources: Sources, admins: Admins) -> Scope:
    """What the caller may see of what is asked for; raises ApiError.

    A caller by token must be an admin of the guild that is asked for, else of the service's own; where there
    is neither, a bot owner. Any other caller was let in as the service, or because everybody is.
    """
    guild_id = asked if asked is not None else sources.dashboard.main_guild_id
    if caller.service or caller.subject is None:
        return Scope(guild_id, caller)
    if guild_id is not None:
        return Scope(guild_id, await admins.require_admin(caller, guild_id))
    linked = await admins.linked(caller)
    if linked.discord_id is None or not sources.is_owner(linked.discord_id):
        raise ApiError(403, "forbidden", "Name a server that you administer (guild_id).")
    return Scope(None, linked)
