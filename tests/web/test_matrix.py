"""Every declared route times every kind of caller, over HTTP, with the status of each cell.

What is expected is written down here, by access class, and not asked of the code. A route that is not in
``CASES``, an access class that is not in ``EXPECTED``, and an address that is neither declared nor a page of
the console fail the test: nothing can be forgotten.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

from alphapy.environment import Secret
from alphapy.pure.ids import GuildId, UserId
from alphapy.storage import links
from alphapy.web.app import WebApp
from alphapy.web.auth.caller import Access
from alphapy.web.auth.hooks import sign
from alphapy.web.auth.security import DiscordLogin, IdentityService, Security
from alphapy.web.routing.route import Call, Reply, Route
from tests.support.clock import START
from tests.support.http_server import scripted_server
from tests.web import neighbours
from tests.web.auth import minting
from tests.web.auth.minting import Identity, confused, handmade
from tests.web.house import open_house
from tests.web.neighbours import ADMIN, ADMIN_ELSEWHERE, BOT_OWNER, HOME, MEMBER, OWNER
from tests.web.routes.conftest import KEY, Desk, open_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from alphapy.storage.pool import Pool

JSON = dict[str, Any]
Headers = dict[str, str]

ISSUER = "https://id.test/auth/v1"
HOOK_SECRET = Secret("what the senders of webhooks sign with")
PEOPLE = {
    "member": (UUID(int=14), MEMBER),
    "admin elsewhere": (UUID(int=15), ADMIN_ELSEWHERE),
    "admin": (UUID(int=12), ADMIN),
    "guild owner": (UUID(int=11), OWNER),
    "bot owner": (UUID(int=16), BOT_OWNER),
    "bot owner abroad": (UUID(int=17), neighbours.BOT_OWNER_ABROAD),
}
"""Subjects with a linked account."""
UNLINKED = UUID(int=99)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def by_secret(secret: str = minting.SECRET, **changes: Any) -> Headers:
    return bearer(minting.hs256(secret, **{"iss": ISSUER, "sub": str(PEOPLE["admin"][0])} | changes))


def by_key(algorithm: str, **changes: Any) -> Headers:
    return bearer(minting.signed(algorithm, **{"iss": ISSUER, "sub": str(PEOPLE["admin"][0])} | changes))


def naming(user_id: object, key: str | None = KEY) -> Headers:
    named = {"X-Discord-User-Id": str(user_id)}
    return named if key is None else named | {"X-Api-Key": key}


def basic(key: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{key}".encode()).decode()}


CALLERS: dict[str, Headers] = {
    "nobody": {},
    "wrong key": {"X-Api-Key": KEY + "x"},
    "empty key": {"X-Api-Key": ""},
    "wrong key by basic": basic("wrong"),
    "nonsense as a token": bearer("nonsense"),
    "expired token": by_secret(exp=START.timestamp() - 60),
    "token without an end": by_secret(exp=None),
    "token from the future": by_secret(nbf=START.timestamp() + 60),
    "alg none": bearer(handmade({"alg": "none", "typ": "JWT"}, minting.claims(iss=ISSUER))),
    "alg confusion": bearer(confused()[0]),
    "wrong audience": by_secret(aud="anon"),
    "wrong issuer": by_secret(iss="https://evil.test"),
    "wrong secret": by_secret("another secret of thirty-two bytes and more"),
    "wrong signer": by_key("RS256", key=minting.OTHER_RSA_KEY),
    "unknown key id": by_key("RS256", kid="nobody's"),
    "no subject": by_key("RS256", sub="admin"),
    "unlinked": by_key("ES256", sub=str(UNLINKED)),
    **{
        name: by_key(algorithm, sub=str(subject))
        for (name, (subject, _)), algorithm in zip(
            PEOPLE.items(), itertools.cycle(("RS256", "ES256", "EdDSA")), strict=False
        )
    },
    "admin by HS256": by_secret(),
    "admin by a bare token": {"Authorization": by_secret()["Authorization"].removeprefix("Bearer ")},
    "service": {"X-Api-Key": KEY},
    "service by basic": basic(KEY),
    "service with a bad token": {"X-Api-Key": KEY} | bearer(handmade({"alg": "none"})),
    "service naming an admin": naming(ADMIN),
    "service naming a member": naming(MEMBER),
    "service naming an admin elsewhere": naming(ADMIN_ELSEWHERE),
    "service naming a bot owner abroad": naming(neighbours.BOT_OWNER_ABROAD),
    "service naming nonsense": naming("abc"),
    "service naming nobody": naming(""),
    "wrong key naming an admin": naming(ADMIN, "wrong"),
    "no key naming an admin": naming(ADMIN, None),
    "admin naming another": naming(OWNER, None) | by_key("RS256"),
    "member with the key naming an admin": naming(ADMIN) | by_key("RS256", sub=str(PEOPLE["member"][0])),
    "another header naming an admin": {"X-Api-Key": KEY, "X-User-Id": str(ADMIN)},
}

IN = 0
"""Stands for the status that the route has for whom it lets in."""

NO_PROOF = [
    "nobody",
    "wrong key",
    "empty key",
    "wrong key by basic",
    "nonsense as a token",
    "expired token",
    "token without an end",
    "token from the future",
    "alg none",
    "alg confusion",
    "wrong audience",
    "wrong issuer",
    "wrong secret",
    "wrong signer",
    "unknown key id",
    "no subject",
    "wrong key naming an admin",
    "no key naming an admin",
]
BY_TOKEN = ["unlinked", *PEOPLE, "admin by HS256", "admin by a bare token"]
BY_KEY = [
    "service",
    "service with a bad token",
    "service naming an admin",
    "service naming a member",
    "service naming an admin elsewhere",
    "service naming a bot owner abroad",
    "service naming nonsense",
    "service naming nobody",
    "another header naming an admin",
]
NAMING = {
    "service naming an admin": IN,
    "member with the key naming an admin": IN,
    "service naming a member": 403,
    "service naming an admin elsewhere": 403,
    "service naming a bot owner abroad": 403,
    "service naming nonsense": 400,
    "service naming nobody": 400,
}
ADMINS = {
    "unlinked": 403,
    "member": 403,
    "admin elsewhere": 403,
    "admin": IN,
    "guild owner": IN,
    "bot owner": IN,
    "bot owner abroad": 403,
    "admin by HS256": IN,
    "admin by a bare token": IN,
}


def row(otherwise: int, *parts: Mapping[str, int]) -> dict[str, int]:
    """A row of the table: the status of each caller that is not in one of the parts is ``otherwise``."""
    found = dict.fromkeys(CALLERS, otherwise)
    for part in parts:
        found |= part
    return found


EITHER = row(IN, dict.fromkeys(NO_PROOF, 401), {"service by basic": 401})
"""The key or a token: everybody but those who prove nothing."""

EXPECTED: dict[Access, dict[str, int]] = {
    Access.OPEN: row(IN),
    Access.BASE: EITHER,
    Access.KEY: row(401, dict.fromkeys(BY_KEY, IN), {"member with the key naming an admin": IN}),
    Access.USER: row(
        401,
        dict.fromkeys(BY_TOKEN, IN),
        {"admin naming another": IN, "member with the key naming an admin": IN},
    ),
    Access.LINK: row(
        401,
        dict.fromkeys(BY_TOKEN, IN),
        {"unlinked": 403, "admin naming another": IN, "member with the key naming an admin": IN},
    ),
    Access.KEY_OR_USER: EITHER,
    Access.GUILD: row(401, ADMINS, NAMING),
    Access.DADMIN: row(
        401,
        {"service": 422, "service with a bad token": 422},
        NAMING,
        {"another header naming an admin": 422},
    ),
    Access.OPERATOR: row(
        401,
        dict.fromkeys(BY_KEY, IN),
        {"service by basic": IN, "member with the key naming an admin": IN},
    ),
    Access.HOOK: row(401),
}
"""By access class, as spec/api.md 7.2 has it."""

OF_A_GUILD = ADMINS | {"admin naming another": IN}
"""For routes of another class that are about a guild, too: who comes by token must be an admin of it."""


@attrs.frozen(kw_only=True)
class Case:
    """A request that a route understands, and the status that it has for whom it lets in."""

    allowed: int = 200
    params: Mapping[str, str] = attrs.field(factory=dict)
    query: Mapping[str, str] = attrs.field(factory=dict)
    body: Callable[[int], JSON] | None = None
    """The body; the number is another one each time."""
    about_guild: bool = False
    """Whether who comes by token must be an admin of the guild, although the class does not say so."""


COMMAND = {"trigger_type": "exact", "trigger_value": "hi", "response": "Hello"}
SETTINGS = {"category": "reminders", "settings": {}}
G = {"guild_id": str(HOME)}

RULE: JSON = {
    "rule_type": "spam",
    "name": "Spam",
    "config": {},
    "action_type": "delete",
    "action_config": {},
}

CASES: dict[str, Case] = {
    "GET /status": Case(),
    "GET /api/health": Case(),
    "GET /api/health/history": Case(),
    "GET /api/ready": Case(),
    "GET /api/observability": Case(),
    "GET /metrics": Case(),
    "GET /api/actors": Case(),
    "GET /api/actors/{address}": Case(allowed=404, params={"address": "process/nobody"}),
    "GET /api/actors/dead-letters": Case(),
    "POST /api/actors/dead-letters/replay": Case(query={"address": "guild/1/nothing"}),
    "POST /api/actors/dead-letters/discard": Case(query={"address": "guild/1/nothing"}),
    "POST /api/actors/dead-letters/{number}/replay": Case(params={"number": "77"}),
    "POST /api/actors/dead-letters/{number}/discard": Case(params={"number": "77"}),
    "GET /top-commands": Case(query=G, about_guild=True),
    "GET /api/metrics": Case(query=G, about_guild=True),
    "GET /api/dashboard/metrics": Case(query=G, about_guild=True),
    "GET /api/dashboard/settings/{guild_id}": Case(params=G),
    "POST /api/dashboard/settings/{guild_id}": Case(params=G, body=lambda _: SETTINGS),
    "GET /api/dashboard/{guild_id}/settings/history": Case(params=G),
    "POST /api/dashboard/{guild_id}/settings/rollback/{history_id}": Case(
        allowed=404, params=G | {"history_id": "77"}
    ),
    "POST /api/dashboard/{guild_id}/settings/invalidate-cache": Case(params=G),
    "GET /api/dashboard/{guild_id}/discord-meta": Case(params=G),
    "GET /api/dashboard/logs": Case(query=G),
    "GET /api/dashboard/{guild_id}/automod/rules": Case(params=G),
    "POST /api/dashboard/{guild_id}/automod/rules": Case(params=G, body=lambda _: RULE),
    "PUT /api/dashboard/{guild_id}/automod/rules/{rule_id}": Case(
        allowed=404, params=G | {"rule_id": "77"}, body=lambda _: {"name": "x"}
    ),
    "DELETE /api/dashboard/{guild_id}/automod/rules/{rule_id}": Case(
        allowed=404, params=G | {"rule_id": "77"}
    ),
    "GET /api/dashboard/{guild_id}/automod/stats": Case(params=G),
    "GET /api/dashboard/{guild_id}/automod/violations": Case(params=G),
    "GET /api/dashboard/{guild_id}/automod/settings": Case(params=G),
    "POST /api/dashboard/{guild_id}/automod/settings": Case(params=G, body=lambda _: {}),
    "POST /api/dashboard/{guild_id}/automod/invalidate-cache": Case(params=G),
    "POST /api/dashboard/{guild_id}/automod/appeals/{log_id}/resolve": Case(
        allowed=404, params=G | {"log_id": "77"}, body=lambda _: {"decision": "deny"}
    ),
    "GET /api/dashboard/{guild_id}/custom-commands": Case(params=G),
    "POST /api/dashboard/{guild_id}/custom-commands": Case(
        allowed=201, params=G, body=lambda number: COMMAND | {"name": f"hello{number}"}
    ),
    "PUT /api/dashboard/{guild_id}/custom-commands/{name}": Case(
        allowed=404, params=G | {"name": "nobody"}, body=lambda _: {"response": "Hi"}
    ),
    "DELETE /api/dashboard/{guild_id}/custom-commands/{name}": Case(
        allowed=404, params=G | {"name": "nobody"}
    ),
    "GET /api/dashboard/{guild_id}/engagement": Case(params=G),
    "GET /api/dashboard/{guild_id}/engagement/challenges/{challenge_id}/export": Case(
        allowed=404, params=G | {"challenge_id": "77"}
    ),
    "GET /api/openapi.json": Case(),
    "GET /api/docs": Case(),
    "POST /webhooks/founder": Case(body=lambda number: {"user_id": str(MEMBER), "message": str(number)}),
    "POST /webhooks/legal-update": Case(
        body=lambda number: {"documents": ["tos"], "tos_version": str(number)}
    ),
    "POST /webhooks/discord-link": Case(
        body=lambda number: {
            "discord_user_id": str(1000 + number),
            "innersync_user_id": str(UUID(int=1000 + number)),
        }
    ),
}
"""By method and path; a new route adds a line."""

PAGES = {
    "GET /console": 200,
    "GET /console/fragment": 200,
    "GET /console/actors": 200,
    "GET /console/letters": 200,
    "POST /console/letters": 403,
}
"""The pages of the console, with what their form's missing token gives whom they let in."""
STYLE = "GET /console/static/<path:filename>"
SIGNING = {
    "GET /console/sign-in",
    "GET /console/sign-in/discord",
    "GET /api/auth/discord/callback",
    "GET /console/sign-out",
    "POST /console/sign-out",
}
"""Where people sign in and out, where that is set up."""

numbers = itertools.count(1)


@attrs.frozen
class Matrix:
    """A house with everything, and the requests that its routes understand."""

    desk: Desk

    @property
    def app(self) -> WebApp:
        assert isinstance(self.desk.house.app, WebApp)
        return self.desk.house.app

    async def send(
        self, route: Route, case: Case, headers: Headers, raw: bytes | None = None
    ) -> httpx.Response:
        path = route.plain_path.format_map(case.params)
        if raw is None and case.body is not None:
            raw = json.dumps(case.body(next(numbers))).encode()
        return await self.desk.house.http.request(
            route.method, path, params=dict(case.query), content=raw or b"", headers=headers
        )


def name_of(route: Route) -> str:
    return f"{route.method} {route.plain_path}"


@asynccontextmanager
async def matrix(pool: Pool, **more: Any) -> AsyncIterator[Matrix]:
    """Production, with a key, an identity service and signed webhooks."""
    identity = Identity()
    async with scripted_server(identity.answer) as server:
        service = IdentityService(
            jwt_secret=Secret(minting.SECRET), jwks_url=server.base_url + "/jwks.json", issuer=ISSUER
        )
        secrets = more.pop("secrets", {"APP_REFLECTIONS_WEBHOOK_SECRET": HOOK_SECRET})
        security = Security(production=True, identity=service, hook_secrets=secrets)
        async with open_desk(pool, security=security, **more) as desk:
            for subject, discord_id in PEOPLE.values():
                async with pool.transaction("test") as tx:
                    await links.link(tx, subject, UserId(discord_id), "test")
            yield Matrix(desk)


def expected(route: Route, case: Case, caller: str) -> int:
    """The status of a cell."""
    status = EXPECTED[route.access][caller]
    if case.about_guild and status == IN:
        status = OF_A_GUILD.get(caller, IN)
    return case.allowed if status == IN else status


def test_the_table_is_whole() -> None:
    assert set(EXPECTED) == set(Access) - {Access.CONSOLE}, "every access class has a row"
    for access, statuses in EXPECTED.items():
        assert set(statuses) == set(CALLERS), access


async def test_every_route_has_a_case(pool: Pool) -> None:
    async with matrix(pool) as found:
        assert {name_of(route) for route in found.app.declared} == set(CASES), "and no other"
        assert addresses(found.app) == {*PAGES, STYLE}, "what is not declared is a page of the console"


@pytest.mark.parametrize("access", [access for access in Access if access is not Access.CONSOLE])
async def test_every_cell(pool: Pool, access: Access) -> None:
    async with matrix(pool) as found:
        wrong = []
        for route in found.app.declared:
            if route.access is not access:
                continue
            case = CASES[name_of(route)]
            for caller, headers in CALLERS.items():
                answer = await found.send(route, case, headers)
                want = expected(route, case, caller)
                if answer.status_code != want:
                    text = f"{answer.status_code}, not {want}: {answer.text[:90]}"
                    wrong.append(f"{name_of(route)} by {caller}: {text}")
                elif want != case.allowed and want >= 400:
                    assert set(answer.json()) == {"detail", "code"}, answer.text
                    assert answer.headers["X-Request-ID"]
        assert not wrong, "\n".join(wrong)


async def tell(call: Call) -> Reply:
    """Who was let in, and as whom."""
    caller = call.caller
    subject = None if caller.subject is None else str(caller.subject)
    return Reply(body={"subject": subject, "discord_id": caller.discord_id, "service": caller.service})


def probe(access: Access) -> Route:
    """A route that only tells who calls, so that classes are tried that no route of the product has yet."""
    of_guild = access in {Access.GUILD, Access.DADMIN}
    return Route(
        method="GET",
        path="/api/probe/{guild_id}/" + access.value if of_guild else f"/api/probe/{access.value}",
        handler=tell,
        access=access,
        summary="Tell who calls",
        tag="Test",
        params={"guild_id": GuildId} if of_guild else {},
    )


SUBJECTS = {name: str(subject) for name, (subject, _) in PEOPLE.items()} | {
    "unlinked": str(UNLINKED),
    "admin by HS256": str(PEOPLE["admin"][0]),
    "admin by a bare token": str(PEOPLE["admin"][0]),
    "admin naming another": str(PEOPLE["admin"][0]),
    "member with the key naming an admin": str(PEOPLE["member"][0]),
}
ACCOUNTS = {name: discord_id for name, (_, discord_id) in PEOPLE.items()} | {
    "admin by HS256": ADMIN,
    "admin by a bare token": ADMIN,
    "admin naming another": ADMIN,
    "member with the key naming an admin": MEMBER,
}


def identity_of(access: Access, caller: str) -> JSON:
    """As whom somebody is let in by a class."""
    nobody = {"subject": None, "discord_id": None, "service": False}
    by_key = "X-Api-Key" in CALLERS[caller]
    match access:
        case Access.OPEN:
            return nobody
        case Access.KEY:
            return nobody | {"service": True}
        case Access.OPERATOR:
            return nobody | {"service": by_key}
        case Access.BASE | Access.KEY_OR_USER if by_key:
            return nobody | {"service": True}
        case Access.BASE | Access.KEY_OR_USER | Access.USER:
            return nobody | {"subject": SUBJECTS[caller]}
        case Access.GUILD | Access.DADMIN if by_key:
            return nobody | {"discord_id": ADMIN, "service": True}
        case _:
            return nobody | {"subject": SUBJECTS[caller], "discord_id": ACCOUNTS[caller]}


async def test_every_class_lets_people_in_as_who_they_are(pool: Pool) -> None:
    probes = [probe(access) for access in EXPECTED if access is not Access.HOOK]
    async with matrix(pool, more=probes) as found:
        for route in probes:
            for caller, headers in CALLERS.items():
                answer = await found.send(route, Case(params=G), headers)
                want = EXPECTED[route.access][caller]
                assert answer.status_code == (want or 200), f"{route.access} by {caller}: {answer.text}"
                if want == IN:
                    assert answer.json() == identity_of(route.access, caller), f"{route.access} by {caller}"


def deliveries(raw: bytes) -> dict[str, tuple[Headers, bytes, int]]:
    """Kinds of deliveries of a webhook: headers, body, status."""
    now = int(START.timestamp())
    right = sign(HOOK_SECRET, raw)
    other = raw.replace(b"{", b"{ ", 1)

    def dated(stamp: int) -> Headers:
        signature = sign(HOOK_SECRET, f"{stamp}.".encode() + raw)
        return {"X-Webhook-Timestamp": str(stamp), "X-Webhook-Signature": signature}

    return {
        "no signature": ({}, raw, 401),
        "wrong signature": ({"X-Webhook-Signature": sign(Secret("x"), raw)}, raw, 401),
        "another secret's, which is not in its chain": (
            {"X-Webhook-Signature": sign(Secret(KEY), raw)},
            raw,
            401,
        ),
        "stale": (dated(now - 301), raw, 401),
        "from the future": (dated(now + 301), raw, 401),
        "another body": ({"X-Webhook-Signature": right}, other, 401),
        "one byte more": ({"X-Webhook-Signature": right}, raw + b" ", 401),
        "one byte less": ({"X-Webhook-Signature": right}, raw[:-1], 401),
        "one bit off": ({"X-Webhook-Signature": right}, bytes([raw[0] ^ 1]) + raw[1:], 401),
        "the key instead": ({"X-Api-Key": KEY}, raw, 401),
        "the key and a wrong signature": ({"X-Api-Key": KEY, "X-Webhook-Signature": "0" * 64}, raw, 401),
        "right": ({"X-Webhook-Signature": right}, raw, IN),
        "right in capitals and with a prefix": (
            {"X-Webhook-Signature": f"SHA256={right.upper()}"},
            raw,
            IN,
        ),
        "dated": (dated(now - 299), raw, IN),
    }


async def test_every_webhook_times_every_delivery(pool: Pool) -> None:
    async with matrix(pool) as found:
        hooks = [route for route in found.app.declared if route.access is Access.HOOK]
        assert hooks
        for route in hooks:
            case = CASES[name_of(route)]
            assert case.body is not None
            for kind in deliveries(b"{}"):
                raw = json.dumps(case.body(next(numbers))).encode()
                headers, sent, status = deliveries(raw)[kind]
                answer = await found.send(route, case, headers, sent)
                assert answer.status_code == (status or case.allowed), (
                    f"{name_of(route)}: {kind}: {answer.text}"
                )


async def test_every_webhook_without_a_secret_in_production(pool: Pool) -> None:
    async with matrix(pool, secrets={}) as found:
        for route in found.app.declared:
            if route.access is Access.HOOK:
                answer = await found.send(route, CASES[name_of(route)], {"X-Webhook-Signature": "0" * 64})
                assert (answer.status_code, answer.json()["code"]) == (503, "secret_not_configured")


def addresses(app: WebApp) -> set[str]:
    """Every address that the application knows which is not a declared route's."""
    declared = {route.endpoint for route in app.declared}
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in declared
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


async def test_the_pages_of_the_console_by_key(pool: Pool) -> None:
    async with matrix(pool) as found:
        for name, allowed in PAGES.items():
            method, path = name.split(" ")
            for caller, headers in CALLERS.items():
                answer = await found.desk.house.http.request(method, path, headers=headers)
                status = EXPECTED[Access.OPERATOR][caller]
                assert answer.status_code == (status or allowed), f"{name} by {caller}"


async def test_the_pages_of_the_console_where_people_sign_in(pool: Pool) -> None:
    """No key and no token opens them: tests/web/test_signin.py shows what does."""
    login = DiscordLogin(
        client_id=1,
        client_secret=Secret("s"),
        redirect_uri="http://127.0.0.1:8000/api/auth/discord/callback",
        api_base="http://127.0.0.1:1/api/v10",
    )
    async with open_house(pool, api_key=KEY, security=Security(login=login)) as house:
        assert isinstance(house.app, WebApp)
        assert addresses(house.app) == {*PAGES, STYLE, *SIGNING}
        for name in PAGES:
            method, path = name.split(" ")
            for caller, headers in CALLERS.items():
                answer = await house.http.request(method, path, headers=headers)
                assert answer.status_code == 401, f"{name} by {caller}"
