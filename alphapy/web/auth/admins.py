"""Who administers a guild (spec/api.md 7.2, "Guild admin").

Roles and the guild's owner come from the guild cache, membership and a member's roles from one
``GET /guilds/{g}/members/{u}``; a guild's owner is a member without asking. A positive answer holds for 15
seconds, unless an event says that it may not be true any more; a negative one is never remembered.

When it fails: while Discord does not answer within 5 seconds, or the guilds have not arrived yet, nobody can
tell, and nobody is let in.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.gateway import events
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import GuildId, UserId
from alphapy.web.auth.memory import Memory
from alphapy.web.flight import SharedByKey

if TYPE_CHECKING:
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.gateway.models.user import Member

WITHIN: Final = 5.0
"""Seconds that Discord may take."""

GOOD_FOR: Final = 15.0
"""Seconds that a positive answer holds."""

REMEMBERED: Final = 10_000
"""Positive answers."""

_GONE: Final = frozenset({DiscordErrorKind.NOT_FOUND, DiscordErrorKind.FORBIDDEN})
"""The user is no member, or the bot is not."""

_OF_GUILDS: Final = (events.GuildRoleUpdate, events.GuildRoleDelete)
_OF_MEMBERS: Final = (events.GuildMemberUpdate, events.GuildMemberRemove)


class Standing(enum.Enum):
    """What somebody is to a guild."""

    ADMIN = "admin"
    OTHER = "other"
    """No admin, no member, or the bot is not in the guild: not told apart."""
    UNKNOWN = "unknown"
    """Nobody can tell at the moment."""


class Guilds(Protocol):
    """The guild cache, as far as it is needed."""

    def get(self, guild_id: GuildId) -> CachedGuild | None:
        """What is known of a guild."""
        ...


class Members(Protocol):
    """Who knows members."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """A member, of whom Discord is asked for so many seconds at most; raises DiscordError."""
        ...


class AdminDesk(Protocol):
    """Who tells admins from others."""

    async def standing(self, guild_id: GuildId, user_id: UserId) -> Standing:
        """What somebody is to a guild."""
        ...


@attrs.frozen
class _Pair:
    guild_id: GuildId
    user_id: UserId


@attrs.frozen(kw_only=True)
class Surroundings:
    """Whom the desk asks. ``guilds_arrived``: a guild that is not known now is not one of the bot's."""

    guilds: Guilds
    members: Members
    is_owner: Callable[[int], bool]
    admin_role_ids: Collection[int]
    guilds_arrived: Callable[[], bool]


class GuildAdmins(AdminDesk):
    """See the module. :meth:`see` has to be told every gateway event."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        within: float = WITHIN,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._around = surroundings
        self._within = within
        self._now = now
        self._admins: Memory[_Pair, bool] = Memory(REMEMBERED)
        self._asking = SharedByKey(self._ask)
        self._events = 0
        """Counts what may have changed an answer; one that was on its way meanwhile is not remembered."""

    @override
    async def standing(self, guild_id: GuildId, user_id: UserId) -> Standing:
        pair = _Pair(guild_id, user_id)
        if self._admins.get(pair, self._now()):
            return Standing.ADMIN
        return await self._asking.get(pair)

    def see(self, event: events.Event) -> None:
        """Forget what this event may have made untrue."""
        if isinstance(event, _OF_MEMBERS):
            pair = _Pair(event.guild_id, event.user.id)
            self._forget(lambda known: known == pair)
        elif isinstance(event, _OF_GUILDS):
            role_guild = event.guild_id
            self._forget(lambda known: known.guild_id == role_guild)
        elif isinstance(event, events.GuildUpdate | events.GuildDelete | events.GuildCreate):
            guild = event.id
            self._forget(lambda known: known.guild_id == guild)

    def _forget(self, is_meant: Callable[[_Pair], bool]) -> None:
        self._events += 1
        self._admins.forget(is_meant)

    async def _ask(self, pair: _Pair) -> Standing:
        seen = self._events
        asked_at = self._now()
        standing = await self._find_out(pair)
        if standing is Standing.ADMIN and self._events == seen:
            self._admins.put(pair, True, asked_at + GOOD_FOR)
        return standing

    async def _find_out(self, pair: _Pair) -> Standing:
        around = self._around
        guild = around.guilds.get(pair.guild_id)
        if guild is None:
            return Standing.OTHER if around.guilds_arrived() else Standing.UNKNOWN
        if guild.owner_id == pair.user_id:
            return Standing.ADMIN
        try:
            with trio.fail_after(self._within):
                member = await around.members.member(pair.guild_id, pair.user_id, within=self._within)
        except DiscordError as error:
            return Standing.OTHER if error.kind in _GONE else Standing.UNKNOWN
        except trio.TooSlowError:
            return Standing.UNKNOWN
        permissions = guild.permissions(pair.user_id, member.roles)
        is_admin = (
            Permissions.ADMINISTRATOR in permissions
            or not frozenset(around.admin_role_ids).isdisjoint(member.roles)
            or around.is_owner(pair.user_id)
        )
        return Standing.ADMIN if is_admin else Standing.OTHER
