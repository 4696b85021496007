"""What the routes of the dashboard work with, and how they ask actors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import attrs

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.bus import Answered, Bus, Reason
from alphapy.gateway.commands import CommandPath
from alphapy.pure.ids import ChannelId, GuildId, UserId
from alphapy.pure.settings import SettingsRegistry
from alphapy.storage.pool import Pool
from alphapy.web.errors import UNAVAILABLE, ApiError

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.actors.kernel.address import Address, Request
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.gateway.models.guild import Permissions
    from alphapy.web.auth.caller import Caller
    from alphapy.web.auth.identity import IdentityCounts

T = TypeVar("T")

COMPONENT: Final = "web"
"""Name at the connection pool."""

ASK_WITHIN: Final = 8.0
"""Seconds that an actor may take: less than the handler has, so that the caller hears why."""

_UNANSWERED: Final = {
    Reason.TIMED_OUT: (504, "timeout", "The answer took too long. Look whether the change was made."),
    Reason.CRASHED: (500, "internal", "This could not be done. The operators find it in the logs."),
}
_TOO_BUSY: Final = (503, "overloaded", "Too much is going on for this server. Please try again.")


class Guilds(Protocol):
    """The guild cache, as far as it is looked at."""

    def __iter__(self) -> Iterator[CachedGuild]:
        """Every guild that is known."""
        ...

    def get(self, guild_id: GuildId) -> CachedGuild | None:
        """What is known of a guild."""
        ...

    def my_permissions(
        self, guild_id: GuildId, channel_id: ChannelId | None = None, *, now: datetime
    ) -> Permissions | None:
        """What the bot may do in a guild; None when that is not known."""
        ...


class Admins(Protocol):
    """Who tells whether a caller may look at a guild, where the class of the route does not."""

    async def require_admin(self, caller: Caller, guild_id: GuildId) -> Caller:
        """The caller, if an admin of the guild or the service itself; raises ApiError."""
        ...

    @property
    def identity(self) -> IdentityCounts:
        """How often accounts were looked up."""
        ...

    async def linked(self, caller: Caller) -> Caller:
        """The caller with the Discord account that is linked to its subject; raises ApiError."""
        ...


@attrs.frozen(kw_only=True)
class Dashboard:
    """What these routes look at beyond what every route does; every callable answers at once."""

    registry: SettingsRegistry
    guilds: Guilds
    commands: Callable[[], tuple[CommandPath, ...]]
    main_guild_id: GuildId | None = None
    public_stats: bool = False
    """Whether everybody may see which commands are used."""


@attrs.frozen
class ActorDesk:
    """Asks actors; an ask without an answer becomes the error that the caller is told."""

    _bus: Bus
    _pool: Pool

    async def ask(
        self,
        address: Address,
        request: Request[T],
        *,
        within: float = ASK_WITHIN,
        lane: Lane = Lane.URGENT,
        needs_database: bool = True,
    ) -> T:
        """The answer; raises ApiError where there is none.

        On the normal lane the question stands behind what the actor was told before. With
        ``needs_database`` nobody waits for an actor that waits for a database that is away.
        """
        if needs_database and not self._pool.statistics().available:
            raise ApiError(503, "db_unavailable", UNAVAILABLE)
        reply = await self._bus.ask(address, request, timeout=within, lane=lane)
        if isinstance(reply, Answered):
            return reply.value
        if needs_database and reply.reason is Reason.TIMED_OUT and not self._pool.statistics().available:
            raise ApiError(503, "db_unavailable", UNAVAILABLE)
        raise ApiError(*_UNANSWERED.get(reply.reason, _TOO_BUSY))


def actor_of(caller: Caller) -> UserId:
    """The Discord user who acts; of a class that lets in nobody else."""
    assert caller.discord_id is not None, "the class of the route names a Discord user"  # noqa: S101
    return caller.discord_id
