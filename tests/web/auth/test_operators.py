"""Who is let in at the operators' door."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from alphapy.environment import Secret
from alphapy.web.auth.operators import OperatorDoor, is_loopback
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool

KEY = "a key with ümlauts: and a colon"
OPERATORS_ONLY = (
    "/api/actors",
    "/api/actors/process/nobody",
    "/metrics",
    "/console",
    "/console/fragment",
    "/console/actors",
)
OPEN = ("/status", "/api/health", "/api/health/history", "/api/ready", "/console/static/console.css")
LOCAL = {"Host": "127.0.0.1:8000"}


def basic(password: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refusal(door: OperatorDoor, peer: str, headers: dict[str, str]) -> int:
    """The status; 200 for an operator."""
    error = door.refusal(peer, headers.get)
    return 200 if error is None else error.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Api-Key": KEY}, 200),
        ({"X-Api-Key": KEY[:-1]}, 401),
        ({"X-Api-Key": KEY.upper()}, 401),
        ({"X-Api-Key": ""}, 401),
        ({"Authorization": basic(KEY)}, 200),
        ({"Authorization": basic(KEY, user="")}, 200),
        ({"Authorization": basic(KEY).replace("Basic", "bAsIc")}, 200),
        ({"Authorization": basic("wrong")}, 401),
        ({"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}, 401),
        ({"Authorization": "Basic no base64 at all"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"a:\xff").decode()}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 401),
        ({"X-Api-Key": "\udcff"}, 401),
    ],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9"])
def test_with_a_key_the_key_is_asked_for(headers: dict[str, str], status: int, peer: str) -> None:
    assert refusal(OperatorDoor(api_key=Secret(KEY)), peer, LOCAL | headers) == status


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {"Host": "127.0.0.1:8000"}, 200),
        ("127.8.9.1", {"Host": "localhost"}, 200),
        ("::1", {"Host": "[::1]:8000"}, 200),
        ("::ffff:127.0.0.1", {"Host": "LOCALHOST:8000"}, 200),
        ("203.0.113.9", {"Host": "127.0.0.1"}, 403),
        ("10.0.0.7", {"Host": "localhost"}, 403),
        ("::ffff:10.0.0.7", {"Host": "localhost"}, 403),
        ("", {"Host": "localhost"}, 403),
        ("127.0.0.1", {"Host": "evil.test:8000"}, 403),
        ("127.0.0.1", {"Host": "localhost.evil.test"}, 403),
        ("127.0.0.1", {"Host": "[::1"}, 403),
        ("127.0.0.1", {}, 403),
        ("127.0.0.1", {"Host": "localhost", "X-Forwarded-For": "203.0.113.9"}, 403),
        ("127.0.0.1", {"Host": "localhost", "Forwarded": "for=203.0.113.9"}, 403),
        ("127.0.0.1", {"Host": "localhost", "Via": "1.1 proxy"}, 403),
        ("203.0.113.9", {"Host": "localhost", "Remote-Addr": "127.0.0.1"}, 403),
    ],
)
def test_without_a_key_only_this_machine_is_served(peer: str, headers: dict[str, str], status: int) -> None:
    assert refusal(OperatorDoor(api_key=None), peer, headers) == status


def test_behind_trusted_proxies_loopback_means_nothing() -> None:
    assert refusal(OperatorDoor(api_key=None, trusted_proxies=1), "127.0.0.1", LOCAL) == 403


def test_what_is_no_address_is_not_this_machine() -> None:
    assert not is_loopback("localhost")


@pytest.fixture
async def locked(pool: Pool) -> AsyncIterator[House]:
    async with open_house(pool, api_key="open-sesame") as opened:
        yield opened


async def test_every_operators_route_needs_the_key(locked: House) -> None:
    for path in OPERATORS_ONLY:
        refused = await locked.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        assert refused.json()["code"] == "unauthorized"
        assert "API_KEY" in refused.json()["detail"]
        wrong = await locked.get(path, X_Api_Key="open-sesamE")
        assert wrong.status_code == 401
        for proof in ({"X-Api-Key": "open-sesame"}, {"Authorization": basic("open-sesame")}):
            answer = await locked.http.get(path, headers=proof)
            assert answer.status_code == (404 if "nobody" in path else 200), path


async def test_open_routes_need_none(locked: House) -> None:
    for path in OPEN:
        assert (await locked.get(path)).status_code == 200, path


async def test_without_a_key_the_refusal_says_what_to_do(house: House) -> None:
    for path in OPERATORS_ONLY:
        answer = await house.get(path, Host="bot.example")
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "forbidden"
        assert "Set API_KEY" in answer.json()["detail"]
        assert (await house.get(path, X_Forwarded_For="198.51.100.3")).status_code == 403


async def test_a_person_gets_a_page_instead(locked: House) -> None:
    answer = await locked.get("/console", Accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert answer.headers["WWW-Authenticate"]
    assert "The service key, please" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
