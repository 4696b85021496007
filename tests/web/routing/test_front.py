"""What comes before every route: limits, CORS, ids, what runs at once (spec/api.md 7.1, 7.3, 7.4, 8, 9)."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import TYPE_CHECKING

import attrs
import httpx
import pytest
import trio

from alphapy.environment import Secret
from alphapy.pure.http_limits import LIMITS, LimitClass
from alphapy.web.auth.caller import Access
from alphapy.web.auth.security import Security
from alphapy.web.routing.route import Call, Reply, Route
from tests.support.waiting import wait_until
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool

APP = "https://app.innersync.tech"
SECRET = "hook-secret"
SMALL = {**LIMITS, LimitClass.READ: 3, LimitClass.WRITE: 2, LimitClass.HOOK: 4}


@attrs.frozen
class Anything:
    """A body that says nothing."""


async def done(_: Call) -> Reply:
    return Reply(body={"done": True})


def route(method: str, path: str, access: Access = Access.OPEN) -> Route:
    return Route(method=method, path=path, handler=done, access=access, tag="Test", summary="A test")


ROUTES = (
    route("GET", "/api/thing"),
    route("POST", "/api/thing"),
    attrs.evolve(
        route("POST", "/webhooks/thing", Access.HOOK), secrets=("FOUNDER_WEBHOOK_SECRET",), body=Anything
    ),
)


@pytest.fixture
async def small(pool: Pool) -> AsyncIterator[House]:
    security = Security(hook_secrets={"FOUNDER_WEBHOOK_SECRET": Secret(SECRET)})
    async with open_house(
        pool, limits=SMALL, more=ROUTES, security=security, api_key="open-sesame", trusted_proxies=1
    ) as opened:
        yield opened


async def statuses(house: House, count: int, method: str, path: str, **headers: str) -> list[int]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(await house.http.request(method, path, headers=given)).status_code for _ in range(count)]


async def test_one_request_too_many_is_told_when_there_is_room_again(small: House) -> None:
    assert await statuses(small, 3, "GET", "/api/thing") == [200] * 3
    answer = await small.get("/api/thing", Origin=APP, X_Request_ID="late-1")
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert "3" in answer.json()["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["X-Request-ID"] == "late-1"
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Cache-Control"] == "no-store"
    # What is not there, and what is not allowed, is limited like the rest.
    assert await statuses(small, 1, "GET", "/nothing") == [429]
    assert await statuses(small, 3, "POST", "/api/thing") == [200, 200, 429]
    assert await statuses(small, 1, "GET", "/api/ready") == [200]


async def test_a_client_is_the_address_that_the_trusted_proxy_saw(small: House) -> None:
    for client in ("1.1.1.1", "2.2.2.2"):
        assert await statuses(small, 4, "GET", "/api/thing", X_Forwarded_For=f"6.6.6.6, {client}") == [
            *[200] * 3,
            429,
        ]


async def test_a_control_panel_does_not_throttle_all_its_users(small: House) -> None:
    by_user = partial(statuses, small, 4, "GET", "/api/thing", X_Api_Key="open-sesame")
    assert await by_user(X_Discord_User_Id="42") == [200, 200, 200, 429]
    assert await by_user(X_Discord_User_Id="43") == [200, 200, 200, 429]
    # A wrong key, or a name that is none, does not make anybody somebody else.
    assert await statuses(small, 4, "GET", "/api/thing", X_Api_Key="guess", X_Discord_User_Id="44") == [
        200,
        200,
        200,
        429,
    ]
    assert await by_user(X_Discord_User_Id="me") == [429] * 4


async def test_the_limit_comes_before_the_credentials_and_the_body(small: House) -> None:
    guarded = "/api/dashboard/5/custom-commands"
    answers = [await small.http.post(guarded, content=b"{") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Webhook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


async def test_a_valid_signature_selects_the_hooks_own_limit(small: House) -> None:
    body = b'{"a": 1}'
    post = partial(small.http.post, "/webhooks/thing", content=body)
    assert [(await post(headers=signed(body, "wrong"))).status_code for _ in range(3)] == [401, 401, 429]
    assert (await post()).status_code == 429
    assert [(await post(headers=signed(body))).status_code for _ in range(5)] == [200] * 4 + [429]
    # The writes that came without a good signature have used up the writes.
    assert await statuses(small, 1, "POST", "/api/thing") == [429]


async def test_a_hooks_body_that_is_no_object_is_a_400_and_only_once_it_is_signed(small: House) -> None:
    for body in (b"{", b"[]"):
        answer = await small.http.post("/webhooks/thing", content=body, headers=signed(body))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_payload")
    answer = await small.http.post("/webhooks/thing", content=b"{", headers=signed(b"{}"))
    assert answer.status_code == 401


async def test_refusals_beyond_a_burst_wait_for_their_turn_and_hold_up_nobody_else(small: House) -> None:
    done_at: list[float] = []

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=small.base, trust_env=False) as http:
            assert (await http.get("/api/thing")).status_code == 429
            done_at.append(trio.current_time())

    await statuses(small, 3, "GET", "/api/thing")
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(ask)
        await wait_until(lambda: len(done_at) >= 20, what="the burst")
        assert await statuses(small, 1, "GET", "/api/thing", X_Forwarded_For="1.1.1.1") == [200]
    assert max(done_at) - begun >= 0.9
    assert small.app.front.desk.counters.limited[LimitClass.READ] == 40


async def test_a_preflight_is_answered_and_never_limited(small: House) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-A"}
    answers = [await small.http.options("/api/thing", headers=asked) for _ in range(8)]
    assert {found.status_code for found in answers} == {200}
    answer = answers[-1]
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Allow-Headers"] == "X-A"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert answer.headers["X-Request-ID"]
    assert await statuses(small, 4, "OPTIONS", "/api/thing") == [200, 200, 200, 429]


async def test_every_error_has_the_headers_of_its_origin(small: House) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("PUT", "/api/thing", 405),
        ("GET", "/api/observability", 401),
    ):
        answer = await small.http.request(method, path, headers={"Origin": APP})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["X-Request-ID"]


async def test_webhooks_have_room_when_everything_else_is_full(small: House) -> None:
    counters = small.app.front.desk.counters
    counters.running = 80
    body = b"{}"
    assert await statuses(small, 1, "GET", "/status") == [503]
    assert (await small.http.post("/webhooks/thing", content=body, headers=signed(body))).status_code == 200
    await wait_until(lambda: counters.running == 80, what="the end of that request")
    counters.running = 100
    assert (await small.http.post("/webhooks/thing", content=body, headers=signed(body))).status_code == 503
    assert counters.overloaded == 2


async def test_finishing_waits_for_what_is_under_way_but_not_for_ever(pool: Pool) -> None:
    release, begun = trio.Event(), trio.Event()

    async def waits(_: Call) -> Reply:
        begun.set()
        await release.wait()
        return Reply(body={})

    async with open_house(pool, more=(attrs.evolve(ROUTES[0], handler=waits),)) as house:
        answers: list[int] = []

        async def ask() -> None:
            answers.append((await house.get("/api/thing")).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await begun.wait()
            house.switches["stopping"] = True
            await house.app.front.finish(within=0.05)
            assert not answers
            refused = await house.get("/api/thing")
            assert (refused.status_code, refused.headers["Connection"]) == (503, "close")
            nursery.start_soon(partial(house.app.front.finish, within=10))
            release.set()
        assert answers == [200]
        await house.app.front.finish(within=10)


async def test_requests_are_counted_by_kind(small: House) -> None:
    await statuses(small, 4, "GET", "/api/thing")
    body = b"{}"
    await small.http.post("/webhooks/thing", content=body, headers=signed(body))
    found = (await small.get("/api/observability", X_Api_Key="open-sesame")).json()
    assert found["api"]["requests"] == 4
    assert found["api"]["success_rate"] == 1.0
    assert found["webhooks"]["requests"] == 1
    assert set(found["api"]["latency_ms"]) == {"p50", "p95", "p99"}
    assert found["api"]["latency_ms"]["p99"] > 0
    assert set(found["hermit_context"].values()) == {0}
