"""Roles that pass from holder to holder: taken and given only where that changes something."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from alphapy.actors.effects.roles import MOVE_ROLES, Hands, Members, Roster, move_roles, role_verbs
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.engagement.weekly import RoleMove
from alphapy.pure.ids import GuildId, RoleId, UserId
from alphapy.storage.effects import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
STAR, BADGE = RoleId(50), RoleId(60)


def error(kind: DiscordErrorKind) -> DiscordError:
    return DiscordError(kind=kind, route="x", message="no", status=400)


@attrs.define
class Guild(Roster, Members, Hands):
    """Members and their roles, two on a page."""

    roles: dict[int, set[int]]
    calls: list[tuple[str, int, int]] = attrs.field(factory=list)
    asked: list[int] = attrs.field(factory=list)
    fails: dict[int, DiscordErrorKind] = attrs.field(factory=dict)
    """By role, when it is given or taken; 0 stands for looking."""

    def _member(self, user_id: int) -> Member:
        roles = tuple(RoleId(role_id) for role_id in sorted(self.roles[user_id]))
        return Member(user=User(id=UserId(user_id)), roles=roles)

    @override
    async def members(self, guild_id: GuildId, *, after: int) -> Sequence[Member]:
        if 0 in self.fails:
            raise error(self.fails[0])
        return [self._member(user_id) for user_id in sorted(self.roles) if user_id > after][:2]

    @override
    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        self.asked.append(user_id)
        if 0 in self.fails:
            raise error(self.fails[0])
        if user_id not in self.roles:
            raise error(DiscordErrorKind.NOT_FOUND)
        return self._member(user_id)

    def _note(self, what: str, user_id: int, role_id: int) -> None:
        self.calls.append((what, user_id, role_id))
        if role_id in self.fails:
            raise error(self.fails[role_id])

    @override
    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        self._note("PUT", user_id, role_id)
        self.roles[user_id].add(role_id)

    @override
    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        self._note("DELETE", user_id, role_id)
        self.roles[user_id].discard(role_id)


async def move(guild: Guild, *moves: tuple[int, int, bool]) -> None:
    draft = move_roles(
        "k",
        [RoleMove(RoleId(role), UserId(user), alone) for role, user, alone in moves],
        reason="why",
        deadline_at=NOW,
        about={},
    )
    effect = Effect(
        id=1,
        guild_id=GuildId(9),
        feature="engagement",
        kind=draft.kind,
        event_key=draft.event_key,
        payload=json.loads(json.dumps(draft.payload)),
        nonce="n",
        attempts=0,
        first_tried_at=NOW,
        deadline_at=NOW,
    )
    verb = role_verbs(guild, guild, guild)[MOVE_ROLES]
    assert verb.idempotent
    assert await verb.find(effect) == ()
    await verb.perform(effect, within=1)


async def test_scenario_20_the_role_goes_from_the_last_winner_to_the_next_and_then_stays() -> None:
    guild = Guild({1: {STAR}, 2: set(), 3: {7}})
    await move(guild, (STAR, 2, True))
    assert guild.calls == [("DELETE", 1, STAR), ("PUT", 2, STAR)]
    guild.calls.clear()
    await move(guild, (STAR, 2, True))
    assert guild.calls == []


async def test_all_holders_of_all_pages_lose_it() -> None:
    guild = Guild({n: {STAR} for n in range(1, 8)})
    await move(guild, (STAR, 4, True), (BADGE, 4, False))
    assert guild.calls == [*[("DELETE", n, STAR) for n in (1, 2, 3, 5, 6, 7)], ("PUT", 4, BADGE)]


async def test_the_role_of_a_badge_is_given_and_never_taken() -> None:
    guild = Guild({1: {BADGE}, 2: set()})
    await move(guild, (BADGE, 2, False), (BADGE, 1, False))
    assert guild.calls == [("PUT", 2, BADGE)]
    assert sorted(guild.asked) == [1, 2], "nobody else is looked at"


async def test_who_has_left_is_passed_over() -> None:
    guild = Guild({1: {STAR}})
    await move(guild, (STAR, 2, True))
    await move(guild, (BADGE, 2, False))
    assert guild.calls == [("DELETE", 1, STAR)]


async def test_a_role_that_is_refused_does_not_hold_up_the_others() -> None:
    guild = Guild({1: {STAR}, 2: set()}, fails={STAR: DiscordErrorKind.FORBIDDEN})
    with pytest.raises(DiscordError) as caught:
        await move(guild, (STAR, 2, True), (BADGE, 2, False))
    assert caught.value.kind is DiscordErrorKind.FORBIDDEN
    assert guild.calls == [("DELETE", 1, STAR), ("PUT", 2, STAR), ("PUT", 2, BADGE)]


async def test_what_may_pass_is_tried_again_as_a_whole() -> None:
    guild = Guild({1: {STAR}, 2: set()}, fails={STAR: DiscordErrorKind.SERVER})
    with pytest.raises(DiscordError):
        await move(guild, (STAR, 2, True), (BADGE, 2, False))
    assert guild.calls == [("DELETE", 1, STAR)]
    guild.fails = {0: DiscordErrorKind.SERVER}
    for alone in (True, False):
        with pytest.raises(DiscordError):
            await move(guild, (STAR, 2, alone))


@given(
    st.dictionaries(st.integers(1, 9), st.sets(st.sampled_from([STAR, BADGE, 70]))),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_afterwards_it_is_as_it_should_be_with_no_more_calls_than_changes(
    roles: dict[int, set[int]], star: int, badge: int
) -> None:
    guild = Guild({user_id: set(held) for user_id, held in roles.items()})
    trio.run(move, guild, (STAR, star, True), (BADGE, badge, False))
    wanted = {user_id: {role for role in held if role != STAR} for user_id, held in roles.items()}
    if star in wanted:
        wanted[star].add(STAR)
    if badge in wanted:
        wanted[badge].add(BADGE)
    assert guild.roles == wanted
    assert len(guild.calls) == sum(len(wanted[user_id] ^ roles[user_id]) for user_id in roles)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (DiscordErrorKind.FORBIDDEN, "*Manage Roles*"),
        (DiscordErrorKind.NOT_FOUND, "does not exist"),
        (DiscordErrorKind.INVALID, "does not accept"),
    ],
)
def test_admins_are_told_what_to_do(kind: DiscordErrorKind, said: str) -> None:
    verb = role_verbs(Guild({}), Guild({}), Guild({}))[MOVE_ROLES]
    told = move_roles("k", [], reason="why", deadline_at=NOW, about={})
    effect = Effect(
        id=1,
        guild_id=GuildId(9),
        feature="engagement",
        kind=told.kind,
        event_key="k",
        payload=told.payload,
        nonce="n",
        attempts=0,
        first_tried_at=NOW,
        deadline_at=NOW,
    )
    assert said in verb.explain(effect, error(kind))
