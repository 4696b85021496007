"""The authenticator's own part: links, guilds, what cannot be found out, and what the log says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import pytest

from alphapy.config import Config
from alphapy.environment import Secret
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.storage import links
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.web.auth.authenticator import Authenticator, authenticator
from alphapy.web.auth.caller import Access, Caller
from alphapy.web.auth.security import IdentityService, Security
from alphapy.web.errors import ApiError
from tests.support.outage import outage
from tests.web.auth.minting import ADA, SECRET, hs256
from tests.web.house import House, open_house
from tests.web.neighbours import ADMIN, FOREIGN, HOME, MEMBER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.pure.ids import GuildId
    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases

KEY = "the-service-key"
NOBODY = UUID(int=77)


@attrs.frozen
class Request:
    """What somebody sends."""

    headers: dict[str, str] = attrs.field(factory=dict)
    peer: str = "203.0.113.9"

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


def by_token(subject: UUID = ADA) -> Request:
    return Request({"Authorization": f"Bearer {hs256(sub=str(subject))}"})


def naming(user_id: int) -> Request:
    return Request({"X-Api-Key": KEY, "X-Discord-User-Id": str(user_id)})


@attrs.frozen
class Hall:
    """An authenticator, and the house that it is in."""

    judge: Authenticator
    house: House

    async def refusal(
        self, request: Request, access: Access, guild_id: GuildId | None = HOME
    ) -> tuple[int, str]:
        with pytest.raises(ApiError) as caught:
            await self.judge.identify(request, access, guild_id)
        return caught.value.status, caught.value.code


@pytest.fixture
async def hall(pool: Pool) -> AsyncIterator[Hall]:
    security = Security(identity=IdentityService(jwt_secret=Secret(SECRET)))
    async with open_house(pool, api_key=KEY, security=security) as house:
        async with pool.transaction("web") as tx:
            await links.link(tx, ADA, ADMIN, "test")
        yield Hall(authenticator(house.sources), house)


async def test_an_admin_is_let_in_either_way_and_noted(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        named = await hall.judge.identify(naming(ADMIN), Access.GUILD, HOME)
        linked = await hall.judge.identify(by_token(), Access.GUILD, HOME)
    assert named == Caller(access=Access.GUILD, service=True, discord_id=ADMIN)
    assert linked == Caller(access=Access.GUILD, subject=ADA, discord_id=ADMIN)
    noted = [
        (record.__dict__["actor_id"], record.__dict__["guild_id"], record.__dict__["by"])
        for record in caplog.records
        if record.__dict__.get("event") == "guild_access_granted"
    ]
    assert noted == [(ADMIN, HOME, "service"), (ADMIN, HOME, "token")]


async def test_who_is_not_let_in(hall: Hall) -> None:
    assert await hall.refusal(naming(MEMBER), Access.DADMIN) == (403, "not_guild_admin")
    assert await hall.refusal(naming(ADMIN), Access.DADMIN, FOREIGN) == (403, "not_guild_admin")
    assert await hall.refusal(naming(ADMIN), Access.GUILD, None) == (422, "validation_error")
    assert await hall.refusal(by_token(NOBODY), Access.LINK) == (403, "not_linked")
    assert await hall.refusal(Request(), Access.USER) == (401, "unauthorized")
    assert await hall.refusal(Request({"X-Api-Key": KEY}), Access.DADMIN) == (422, "validation_error")


async def test_what_cannot_be_found_out_lets_nobody_in(
    hall: Hall, databases: Databases, database_url: str
) -> None:
    hall.house.neighbours.trouble = DiscordErrorKind.SERVER
    assert await hall.refusal(naming(ADMIN), Access.DADMIN) == (503, "bot_unavailable")
    async with outage(databases, database_url):
        with pytest.raises(DatabaseUnavailable):
            await hall.judge.identify(by_token(), Access.LINK)
    assert hall.judge.identity.unread == 1


async def test_routes_of_other_classes_may_ask_for_an_admin(hall: Hall) -> None:
    judge = hall.judge
    service = Caller(access=Access.BASE, service=True)
    assert await judge.require_admin(service, HOME) is service
    person = Caller(access=Access.BASE, subject=ADA)
    admin = await judge.require_admin(person, HOME)
    assert admin == attrs.evolve(person, discord_id=ADMIN)
    assert await judge.linked(admin) is admin
    anybody = Caller(access=Access.BASE)
    assert await judge.linked(anybody) is anybody
    for caller in (anybody, attrs.evolve(admin, discord_id=MEMBER)):
        with pytest.raises(ApiError) as caught:
            await judge.require_admin(caller, HOME)
        assert caught.value.code == "not_guild_admin"


async def test_what_has_a_door_of_its_own_is_not_decided_here(hall: Hall) -> None:
    for access in (Access.HOOK, Access.CONSOLE):
        with pytest.raises(ValueError, match=access.value):
            await hall.judge.identify(naming(ADMIN), access)


@pytest.mark.parametrize(
    ("security", "key", "status"),
    [
        (Security(), None, 200),
        (Security(production=True), None, 401),
        (Security(identity=IdentityService(jwt_secret=Secret(SECRET))), None, 401),
        (Security(identity=IdentityService(url="https://id.test")), None, 401),
        (Security(), KEY, 401),
    ],
)
async def test_only_a_developers_machine_is_open(
    pool: Pool, security: Security, key: str | None, status: int
) -> None:
    async with open_house(pool, api_key=key, security=security) as house:
        judge = authenticator(house.sources)
        try:
            await judge.identify(Request(), Access.BASE)
            found = 200
        except ApiError as error:
            found = error.status
    assert found == status


def test_what_the_environment_says() -> None:
    environment = {
        "BOT_TOKEN": "t",
        "SUPABASE_URL": "https://id.test/",
        "SUPABASE_ANON_KEY": "anon",
        "FOUNDER_WEBHOOK_SECRET": "f",
        "DISCORD_CLIENT_ID": "5",
    }
    security = Security.of(Config.load(environment))
    assert security.identity.jwks_url == "https://id.test/auth/v1/.well-known/jwks.json"
    assert security.identity.issuer == "https://id.test/auth/v1"
    assert set(security.hook_secrets) == {"FOUNDER_WEBHOOK_SECRET"}
    assert security.login is None, "a client id alone is not enough"
    more = {
        "DISCORD_CLIENT_SECRET": "s",
        "SUPABASE_ISSUER": "https://other.test",
        "ALPHAPY_BASE_URL": "https://b.test",
    }
    security = Security.of(Config.load(environment | more))
    assert security.identity.issuer == "https://other.test"
    assert security.login is not None
    assert security.login.redirect_uri == "https://b.test/api/auth/discord/callback"
    assert security.login.callback_path == "/api/auth/discord/callback"
    assert Security.of(Config.load({"BOT_TOKEN": "t"})).identity == IdentityService()
