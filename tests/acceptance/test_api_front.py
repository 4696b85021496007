"""The scenarios of spec/api.md 10 that are about every route: limits, ids, CORS, observability.

Scenarios 8 and 9 (a repeated request) are played with a route of the test in
``tests/web/routing/test_work.py``, since no route of this version takes an ``Idempotency-Key``; scenario 4
(percentiles) is in ``tests/pure/test_traffic.py``, and scenario 2 (no database) in ``test_web.py``.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import httpx

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool
    from tests.support.bot import Stage

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KEY = "the-service-key"
APP = "https://app.innersync.tech"


@asynccontextmanager
async def web(stage: Stage, **environment: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole service's web."""
    around = attrs.evolve(stage, environment={**stage.environment, **environment})
    async with around.bot() as service:
        base = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            yield http


async def test_01_health_leaves_one_row(offstage: Stage, pool: Pool) -> None:
    async with web(offstage) as http:
        answer = await http.get("/api/health")
        assert (answer.status_code, answer.json()["db_status"]) == (200, "ok")

        async def versions() -> list[str]:
            async with pool.transaction("test") as tx:
                found = await tx.fetch_all("SELECT version FROM health_check_history")
            return [version for (version,) in found]

        async def is_stored() -> bool:
            return await versions() != []

        await wait_until(is_stored, what="the row")
        assert await versions() == [answer.json()["version"]]


async def test_03_observability_needs_the_key(offstage: Stage) -> None:
    async with web(offstage) as http:
        answer = await http.get("/api/observability")
        assert (answer.status_code, answer.json()["code"]) == (503, "key_not_configured")
    async with web(offstage, API_KEY=KEY) as http:
        for offered in ({}, {"X-Api-Key": "guess"}):
            answer = await http.get("/api/observability", headers=offered)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        answer = await http.get("/api/observability", headers={"X-Api-Key": KEY})
        assert answer.status_code == 200
        assert {"api", "webhooks"} <= set(answer.json())
        assert answer.json()["api"]["requests"] == 2


async def test_05_writes_and_reads_have_budgets_of_their_own(offstage: Stage) -> None:
    async with web(offstage) as http:
        path = "/api/dashboard/5/custom-commands"
        writes = [await http.post(path) for _ in range(11)]
        assert [answer.status_code for answer in writes] == [401] * 10 + [429]
        assert 1 <= int(writes[-1].headers["Retry-After"]) <= 60
        assert writes[-1].json()["code"] == "rate_limited"
        reads = [await http.get(path) for _ in range(31)]
        assert [answer.status_code for answer in reads] == [401] * 30 + [429]
        assert (await http.get("/status")).status_code == 200


async def test_06_an_acceptable_request_id_is_echoed_and_any_other_replaced(offstage: Stage) -> None:
    async with web(offstage) as http:
        for path in ("/status", "/nothing", "/api/actors/x"):
            assert (await http.get(path, headers={"X-Request-ID": "abc-1"})).headers[
                "X-Request-ID"
            ] == "abc-1"
            given = (await http.get(path, headers={"X-Request-ID": "a b"})).headers["X-Request-ID"]
            assert UUID4.fullmatch(given)


async def test_28_a_preflight_of_the_product_is_allowed_and_of_others_not(offstage: Stage) -> None:
    async with web(offstage) as http:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        path = "/api/dashboard/settings/5"
        answer = await http.options(path, headers={"Origin": APP, **asked})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
        for origin in ("https://evil.test", "http://app.innersync.tech"):
            answer = await http.options(path, headers={"Origin": origin, **asked})
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_description_is_served(offstage: Stage) -> None:
    async with web(offstage) as http:
        document = (await http.get("/api/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert "/api/dashboard/settings/{guild_id}" in document["paths"]
        assert (await http.get("/api/docs")).status_code == 200
