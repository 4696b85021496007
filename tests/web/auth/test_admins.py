"""Who administers a guild: by which of five ways, how long that holds, and what ends it early."""

from __future__ import annotations

import pytest
import trio

from alphapy.gateway import events
from alphapy.gateway.models.guild import Role
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.pure.ids import GuildId, RoleId, UserId
from alphapy.web.auth.admins import GuildAdmins, Standing, Surroundings
from tests.web import neighbours
from tests.web.neighbours import (
    ADMIN,
    ADMIN_ROLE,
    ELSEWHERE,
    FOREIGN,
    HOME,
    MEMBER,
    OWNER,
    Neighbours,
    person,
)


class Watch:
    """Seconds that the test lets pass."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def admins_of(
    around: Neighbours, *, watch: Watch | None = None, within: float = 5.0, arrived: bool = True
) -> GuildAdmins:
    surroundings = Surroundings(
        guilds=around,
        members=around,
        is_owner=around.is_owner,
        admin_role_ids=[neighbours.STAFF_ROLE],
        guilds_arrived=lambda: arrived,
    )
    return GuildAdmins(surroundings, within=within, now=watch or Watch())


@pytest.mark.parametrize(
    ("user_id", "guild_id", "standing"),
    [
        (OWNER, HOME, Standing.ADMIN),
        (ADMIN, HOME, Standing.ADMIN),
        (neighbours.STAFF, HOME, Standing.ADMIN),
        (neighbours.BOT_OWNER, HOME, Standing.ADMIN),
        (MEMBER, HOME, Standing.OTHER),
        (neighbours.STRANGER, HOME, Standing.OTHER),
        (neighbours.BOT_OWNER_ABROAD, HOME, Standing.OTHER),
        (neighbours.ADMIN_ELSEWHERE, HOME, Standing.OTHER),
        (neighbours.ADMIN_ELSEWHERE, ELSEWHERE, Standing.ADMIN),
        (neighbours.BOT_OWNER, FOREIGN, Standing.OTHER),
    ],
)
async def test_who_is_an_admin_where(user_id: UserId, guild_id: GuildId, standing: Standing) -> None:
    assert await admins_of(Neighbours()).standing(guild_id, user_id) is standing


async def test_a_guilds_owner_needs_no_question() -> None:
    around = Neighbours(trouble=DiscordErrorKind.SERVER)
    assert await admins_of(around).standing(HOME, OWNER) is Standing.ADMIN
    assert around.asked == []


@pytest.mark.parametrize("kind", sorted(DiscordErrorKind, key=str))
async def test_what_discord_may_answer(kind: DiscordErrorKind) -> None:
    gone = kind in {DiscordErrorKind.NOT_FOUND, DiscordErrorKind.FORBIDDEN}
    standing = await admins_of(Neighbours(trouble=kind)).standing(HOME, ADMIN)
    assert standing is (Standing.OTHER if gone else Standing.UNKNOWN)


async def test_a_discord_that_hangs_and_guilds_that_have_not_come() -> None:
    assert await admins_of(Neighbours(hangs=True), within=0.05).standing(HOME, ADMIN) is Standing.UNKNOWN
    assert await admins_of(Neighbours(), arrived=False).standing(FOREIGN, ADMIN) is Standing.UNKNOWN


async def test_only_good_news_is_remembered_and_not_for_long() -> None:
    around, watch = Neighbours(), Watch()
    admins = admins_of(around, watch=watch)
    for _ in range(3):
        assert await admins.standing(HOME, ADMIN) is Standing.ADMIN
        assert await admins.standing(HOME, MEMBER) is Standing.OTHER
    assert around.asked.count((HOME, ADMIN)) == 1
    assert around.asked.count((HOME, MEMBER)) == 3
    watch.seconds = 14.9
    await admins.standing(HOME, ADMIN)
    assert around.asked.count((HOME, ADMIN)) == 1
    watch.seconds = 15.0
    around.roles[HOME, ADMIN] = ()
    assert await admins.standing(HOME, ADMIN) is Standing.OTHER


def role_event(kind: type[events.GuildRoleUpdate], guild_id: GuildId) -> events.Event:
    role = Role(id=ADMIN_ROLE, name="Admins", permission_bits=0)
    return kind(guild_id=guild_id, role=role)


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (events.GuildMemberUpdate(guild_id=HOME, user=person(ADMIN)), True),
        (events.GuildMemberRemove(guild_id=HOME, user=person(ADMIN)), True),
        (role_event(events.GuildRoleUpdate, HOME), True),
        (events.GuildRoleDelete(guild_id=HOME, role_id=ADMIN_ROLE), True),
        (events.GuildUpdate(id=HOME, name="New", owner_id=ADMIN), True),
        (events.GuildDelete(id=HOME), True),
        (events.GuildMemberUpdate(guild_id=HOME, user=person(MEMBER)), False),
        (events.GuildMemberRemove(guild_id=ELSEWHERE, user=person(ADMIN)), False),
        (events.GuildRoleDelete(guild_id=ELSEWHERE, role_id=RoleId(1)), False),
        (events.GuildMemberAdd(guild_id=HOME, user=person(MEMBER)), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_events_end_what_they_may_have_made_untrue(event: events.Event, *, ends: bool) -> None:
    around = Neighbours()
    admins = admins_of(around)
    await admins.standing(HOME, ADMIN)
    around.roles[HOME, ADMIN] = ()
    admins.see(event)
    assert await admins.standing(HOME, ADMIN) is (Standing.OTHER if ends else Standing.ADMIN)


async def test_an_answer_that_an_event_has_overtaken_is_not_remembered() -> None:
    around = Neighbours()
    admins = admins_of(around)

    async def overtake() -> None:
        while not around.asked:
            await trio.lowlevel.checkpoint()
        admins.see(events.GuildMemberUpdate(guild_id=HOME, user=person(ADMIN)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(overtake)
        await admins.standing(HOME, ADMIN)
    await admins.standing(HOME, ADMIN)
    assert len(around.asked) == 2


async def test_many_at_once_cost_one_question() -> None:
    around = Neighbours()
    admins = admins_of(around)
    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(admins.standing, HOME, ADMIN)
    assert len(around.asked) == 1
