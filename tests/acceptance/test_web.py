"""The web of the whole service, with the local Discord and a real database (spec/api.md 10, schema.md 10)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import trio
from prometheus_client.parser import text_string_to_metric_families

from alphapy.actors.status.messages import HEALTH_HISTORY, PruneTick
from alphapy.sandbox.faults import RestFault
from alphapy.supervisor import StopSwitch, serve
from alphapy.version import VERSION
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage
    from tests.support.postgres import Databases


@asynccontextmanager
async def online(stage: Stage) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """The bot, and a client of its web."""
    async with stage.bot() as service:
        base = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            yield service, http


async def ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/api/ready")).status_code == 200


async def rows(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all("SELECT version, db_status, guild_count FROM health_check_history")


async def test_ready_once_the_gateway_is_and_not_while_stopping(offstage: Stage) -> None:
    async with online(offstage) as (service, http):
        await wait_until(lambda: service.is_ready, what="the service to be ready")
        assert await ready(http)
        assert (await http.get("/api/ready")).json()["checks"] == {
            "database": True,
            "schema": True,
            "gateway": True,
            "settings": True,
        }
        assert (await http.get("/status")).json()["online"] is True
        service.stopping = True
        assert (await http.get("/api/ready")).status_code == 503
        service.stopping = False


async def test_http_answers_before_discord_does_and_says_what_is_missing(offstage: Stage) -> None:
    offstage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route="GET /gateway/bot", times=1000)
    switch = StopSwitch()
    async with trio.open_nursery() as nursery:
        service: Service = await nursery.start(partial(serve, offstage.config(), switch=switch))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", trust_env=False) as http:
            answer = await http.get("/api/ready")
            assert answer.status_code == 503
            missing = {name for name, good in answer.json()["checks"].items() if not good}
            assert missing == {"gateway"}
            assert (await http.get("/status")).json()["online"] is False
            assert (await http.get("/api/health")).json()["guild_count"] is None
            assert "No shard is connected yet." in (await http.get("/console")).text
        switch.flip()


async def test_api_1_health_leaves_a_row_of_this_version(offstage: Stage, pool: Pool) -> None:
    async with online(offstage) as (service, http):
        await wait_until(lambda: service.is_ready, what="the service to be ready")
        assert await ready(http)
        answer = (await http.get("/api/health")).json()
        assert (answer["db_status"], answer["version"], answer["guild_count"]) == ("ok", VERSION, 1)

        async def stored() -> bool:
            return bool(await rows(pool))

        await wait_until(stored, within=2.0, what="the row")
        assert await rows(pool) == [(VERSION, "ok", 1)]
        history = (await http.get("/api/health/history")).json()
        assert [entry["version"] for entry in history["history"]] == [VERSION]


async def test_api_2_health_without_a_database(
    offstage: Stage, pool: Pool, databases: Databases, database_url: str
) -> None:
    async with online(offstage) as (service, http):
        async with outage(databases, database_url):
            answer = await http.get("/api/health")
            assert answer.status_code == 200
            assert answer.json()["db_status"].startswith("error:")
            assert (await http.get("/api/ready")).json()["checks"]["database"] is False
        await wait_until(lambda: service.pool.statistics().available, within=10, what="the database")
        await wait_until(lambda: pool.statistics().available, within=10, what="the test's own pool")
        await wait_until(lambda: service.is_ready, what="the service to be ready")
        assert await ready(http)
        assert await rows(pool) == []


async def test_schema_18_the_clean_up_is_set_going_at_the_start(offstage: Stage, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO health_check_history (service, version, uptime_seconds, db_status, checked_at)"
            " VALUES ('old', '31', 1, 'ok', now() - interval '31 days'),"
            " ('old', '29', 1, 'ok', now() - interval '29 days')"
        )
    async with online(offstage) as (service, _):
        assert service.registry.find(HEALTH_HISTORY) is not None
        service.registry.tell(HEALTH_HISTORY, PruneTick())  # instead of waiting for a minute

        async def is_clean() -> bool:
            return [row[0] for row in await rows(pool)] == ["29"]

        await wait_until(is_clean, what="the clean-up")


def guild_actors(tree: JSON) -> set[str]:
    return set(tree.get("guild", {}))


async def test_the_tree_shows_a_guilds_actors_after_a_message(offstage: Stage) -> None:
    ada = offstage.person("ada")
    async with online(offstage) as (_, http):
        tea = {"name": "tea", "trigger_type": "exact", "trigger": "tea", "response": "Here you are."}
        await ada.slash(offstage.general, "/cc add", **tea).wait_reply()
        ada.say(offstage.general, "tea")

        async def is_there() -> bool:
            tree = (await http.get("/api/actors?under=guild/")).json()["tree"]
            return guild_actors(tree) == {str(offstage.demo.guild_id)}

        await wait_until(is_there, what="the guild's actors")


async def test_metrics_and_console_of_the_whole(offstage: Stage) -> None:
    async with online(offstage) as (service, http):
        await wait_until(lambda: service.is_ready, what="the service to be ready")
        assert await ready(http)
        await offstage.person("ada").slash(offstage.general, "/version").wait_reply()
        metrics = await http.get("/metrics")
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(metrics.text)
            for sample in family.samples
        }
        assert samples["alphapy_guilds", ()] == 1
        assert samples["alphapy_gateway_ready", ()] == 1
        assert samples["alphapy_interactions_received_total", ()] == 1
        assert samples["alphapy_shard_state", (("shard", "0"), ("state", "ready"))] == 1
        console = await http.get("/console")
        assert "Everything is fine" in console.text
