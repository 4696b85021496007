"""Roles that pass from holder to holder as an effect: taken and given only where that changes something.

The bot keeps no list of members, so that who holds a role is asked of Discord when the effect is performed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from typing_extensions import override

from alphapy.actors.effects.verbs import Repeatable
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.engagement.weekly import RoleMove
from alphapy.pure.ids import GuildId, RoleId, UserId
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from datetime import datetime

    from alphapy.actors.effects.verbs import Verb
    from alphapy.gateway.models.user import Member
    from alphapy.storage.effects import Effect

MOVE_ROLES: Final = "move_roles"
"""The name of the verb; it is stored."""

MOST_PAGES: Final = 1000
"""Pages of a thousand members that are looked through."""

_PERMANENT: Final = frozenset(
    {DiscordErrorKind.FORBIDDEN, DiscordErrorKind.NOT_FOUND, DiscordErrorKind.INVALID}
)


class Roster(Protocol):
    """Who lists a guild's members; every call raises DiscordError."""

    async def members(self, guild_id: GuildId, *, after: int) -> Sequence[Member]:
        """The members next after this id, in the order of their ids; none after the last."""
        ...


class Members(Protocol):
    """Who knows a guild's members; every call raises DiscordError."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One member."""
        ...


class Hands(Protocol):
    """Who gives and takes roles; every call raises DiscordError."""

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Give a role."""
        ...

    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Take a role."""
        ...


@attrs.frozen
class _Call:
    gives: bool
    user_id: UserId
    role_id: RoleId


class MoveRoles(Repeatable):
    """Let users have roles: ``moves`` of [role, user, whether nobody else shall have it], and ``reason``.

    Users who have left are passed over. One role that Discord refuses does not hold up the others.
    """

    def __init__(self, roster: Roster, members: Members, hands: Hands) -> None:
        self._roster = roster
        self._members = members
        self._hands = hands

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        moves = [
            RoleMove(RoleId(role_id), UserId(user_id), alone)
            for role_id, user_id, alone in effect.payload["moves"]
        ]
        refused: DiscordError | None = None
        for call in await self._calls(effect.guild_id, moves, within):
            try:
                await self._do(effect.guild_id, call, str(effect.payload["reason"]))
            except DiscordError as error:
                if error.kind not in _PERMANENT:
                    raise
                refused = refused or error
        if refused is not None:
            raise refused

    def _do(self, guild_id: GuildId, call: _Call, reason: str) -> Awaitable[None]:
        act = self._hands.give_role if call.gives else self._hands.take_role
        return act(guild_id, call.user_id, call.role_id, reason=reason)

    async def _calls(self, guild_id: GuildId, moves: Sequence[RoleMove], within: float) -> list[_Call]:
        """What has to be done; what is to be taken comes first."""
        wanted = {move.role_id: move.user_id for move in moves if move.alone}
        takes: list[_Call] = []
        roles: dict[UserId, frozenset[RoleId]] = {}
        winners = {move.user_id for move in moves}
        if wanted:
            after = 0
            for _ in range(MOST_PAGES):
                page = await self._roster.members(guild_id, after=after)
                for member in page:
                    assert member.user is not None, "members of a list have their user"  # noqa: S101
                    user_id = after = member.user.id
                    if user_id in winners:
                        roles[user_id] = frozenset(member.roles)
                    takes += [
                        _Call(gives=False, user_id=user_id, role_id=role_id)
                        for role_id in member.roles
                        if role_id in wanted and wanted[role_id] != user_id
                    ]
                if not page:
                    break
        else:
            for user_id in winners:
                found = await self._roles_of(guild_id, user_id, within)
                roles |= {} if found is None else {user_id: found}
        return takes + [
            _Call(gives=True, user_id=move.user_id, role_id=move.role_id)
            for move in moves
            if move.user_id in roles and move.role_id not in roles[move.user_id]
        ]

    async def _roles_of(self, guild_id: GuildId, user_id: UserId, within: float) -> frozenset[RoleId] | None:
        try:
            return frozenset((await self._members.member(guild_id, user_id, within=within)).roles)
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise
        return None

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        if error.kind is DiscordErrorKind.NOT_FOUND:
            return "The role of an award could not be given: it does not exist any more."
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                "The role of an award could not be given or taken: I am not allowed to. Please give me the "
                "permission *Manage Roles*, and move my role above those of the awards."
            )
        return "The role of an award could not be given or taken: Discord does not accept it."


def role_verbs(roster: Roster, members: Members, hands: Hands) -> Mapping[str, Verb]:
    """Every verb by its stored name."""
    return {MOVE_ROLES: MoveRoles(roster, members, hands)}


def as_recorded(moves: Sequence[RoleMove]) -> list[list[Any]]:
    """The moves as a payload has them."""
    return [[move.role_id, move.user_id, move.alone] for move in moves]


def move_roles(
    event_key: str,
    moves: Sequence[RoleMove],
    *,
    reason: str,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Let users have roles; ``reason`` is for the audit log."""
    payload = {
        "moves": as_recorded(moves),
        "reason": reason,
        "about": dict(about),
    }
    return Draft(kind=MOVE_ROLES, event_key=event_key, payload=payload, deadline_at=deadline_at)
