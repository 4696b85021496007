"""``/status``, ``/api/health``, its history, and ``/api/ready`` (spec/api.md 7.7.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alphapy.gateway.shard import ShardState
from alphapy.storage import health as storage
from tests.support.clock import START
from tests.support.outage import outage
from tests.support.waiting import wait_until
from tests.web.house import House, shard

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases


async def rows(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT service, version, uptime_seconds, db_status, guild_count, active_commands_24h,"
            " gpt_status, database_pool_size, checked_at FROM health_check_history ORDER BY id"
        )


def row(hours_ago: float, version: str = "1") -> storage.HealthRow:
    return storage.HealthRow(
        service="alphapy-test",
        version=version,
        uptime_seconds=1,
        db_status="ok",
        guild_count=None,
        active_commands_24h=None,
        gpt_status=None,
        database_pool_size=None,
        checked_at=START - timedelta(hours=hours_ago),
    )


async def test_status_in_three_words(house: House) -> None:
    house.clock.advance(timedelta(minutes=125, seconds=50))
    assert await house.json("/status") == {"online": True, "latency": 42, "uptime": "125 min"}
    house.gateway.shards = ()
    assert await house.json("/status") == {"online": False, "latency": 0, "uptime": "125 min"}


async def test_api_1_health_answers_and_leaves_a_row_with_the_same_values(house: House, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, created_at)"
            " VALUES (1, 2, 'version', 'slash', now()), (1, 2, 'version', 'slash', now() - interval '25 h')"
        )
    house.clock.advance(90.5)
    answer = await house.json("/api/health")
    size = answer.pop("database_pool_size")
    assert size >= 1
    assert answer == {
        "service": "alphapy-test",
        "version": "1.2.3",
        "uptime_seconds": 90,
        "db_status": "ok",
        "guild_count": 3,
        "active_commands_24h": 1,
        "gpt_status": None,
        "timestamp": "2026-01-05T12:01:30.500000Z",
    }

    async def stored() -> bool:
        return bool(await rows(pool))

    await wait_until(stored, within=2.0, what="the row")
    expected = ("alphapy-test", "1.2.3", 90, "ok", 3, 1, None, size, START + timedelta(seconds=90.5))
    assert await rows(pool) == [expected]


async def test_api_2_health_without_a_database_is_told_and_not_stored(
    house: House, pool: Pool, databases: Databases, database_url: str
) -> None:
    async with outage(databases, database_url):
        answer = await house.json("/api/health")
        assert answer["db_status"] == "error:DatabaseUnavailable"
        assert answer["active_commands_24h"] is None
    await wait_until(lambda: pool.statistics().available, within=10, what="the database")
    assert (await house.json("/api/health"))["db_status"] == "ok"

    async def stored() -> bool:
        return len(await rows(pool)) == 1

    await wait_until(stored, what="the second answer's row, and no other")


async def test_the_guilds_are_not_counted_before_the_gateway_is_ready(house: House) -> None:
    house.gateway.guilds_arrived = False
    assert (await house.json("/api/health"))["guild_count"] is None


async def test_a_slow_database_is_not_waited_for(
    house: House, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.web.probe.PROBE_WITHIN", 0.1)
    async with pool.transaction("test") as tx:
        await tx.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        assert (await house.json("/api/health"))["db_status"] == "error:TimedOut"
    assert (await house.json("/api/health"))["db_status"] == "ok"


async def test_commands_that_cannot_be_counted_are_unknown(house: House, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("ALTER TABLE audit_logs RENAME TO elsewhere")
    answer = await house.json("/api/health")
    assert (answer["db_status"], answer["active_commands_24h"]) == ("ok", None)


async def test_the_history_is_newest_first_and_bounded(house: House, pool: Pool) -> None:
    await pool.run("test", lambda tx: storage.insert_many(tx, [row(h, str(h)) for h in (30, 2, 1, 23)]))
    found = await house.json("/api/health/history")
    assert [entry["version"] for entry in found["history"]] == ["1", "2", "23"]
    assert (found["period_hours"], found["total_records"]) == (24, 3)
    assert found["history"][0] == {
        "service": "alphapy-test",
        "version": "1",
        "uptime_seconds": 1,
        "db_status": "ok",
        "guild_count": None,
        "active_commands_24h": None,
        "gpt_status": None,
        "database_pool_size": None,
        "checked_at": "2026-01-05T11:00:00Z",
    }
    assert (await house.json("/api/health/history?hours=720&limit=1"))["total_records"] == 1


async def test_the_period_is_clamped(house: House) -> None:
    for query, hours in (
        ("hours=0", 1),
        ("hours=-7", 1),
        ("hours=99999", 720),
        (f"hours={'9' * 3000}", 720),
        ("hours=5&hours=6", 6),
    ):
        assert (await house.json(f"/api/health/history?{query}"))["period_hours"] == hours


async def test_the_number_of_rows_is_clamped(house: House, pool: Pool) -> None:
    await pool.run("test", lambda tx: storage.insert_many(tx, [row(n / 1000) for n in range(1003)]))
    assert (await house.json("/api/health/history?limit=5000"))["total_records"] == 1000
    assert (await house.json("/api/health/history?limit=0"))["total_records"] == 1


async def test_what_is_no_integer_is_refused(house: House) -> None:
    for query in ("hours=ten", "hours=", "hours=1.5", "limit=0x10", "limit=١", "hours=1_0"):
        answer = await house.get(f"/api/health/history?{query}")
        assert answer.status_code == 422
        name = query.partition("=")[0]
        problem = {"loc": ["query", name], "msg": "this must be a whole number", "type": "int_parsing"}
        assert answer.json() == {"detail": [problem], "code": "validation_error"}


async def test_the_history_fails_clearly(house: House, databases: Databases, database_url: str) -> None:
    async with outage(databases, database_url):
        answer = await house.get("/api/health/history")
    assert answer.status_code == 503
    found = answer.json()
    assert found["detail"] == found["error"]
    assert found["code"] == "db_unavailable"


async def test_ready_when_everything_is(house: House) -> None:
    assert await house.json("/api/ready") == {
        "ready": True,
        "checks": {"database": True, "schema": True, "gateway": True, "settings": True},
        "unhealthy": [],
    }


async def not_ready(house: House) -> set[str]:
    """The checks that fail."""
    answer = await house.get("/api/ready")
    assert answer.status_code == 503
    found = answer.json()
    assert found["ready"] is False
    return {name for name, good in found["checks"].items() if not good}


async def test_ready_says_what_is_missing(
    house: House, pool: Pool, databases: Databases, database_url: str
) -> None:
    house.switches["settings"] = False
    assert await not_ready(house) == {"settings"}
    house.switches["settings"] = True
    house.gateway.shards = (shard(0), shard(1, state=ShardState.RESUMING))
    assert await not_ready(house) == {"gateway"}
    house.gateway.shards = (shard(0),)
    house.switches["stopping"] = True
    assert await not_ready(house) == set()
    house.switches["stopping"] = False
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE alembic_version SET version_num = 'of another version'")
    assert await not_ready(house) == {"schema"}
    async with pool.transaction("test") as tx:
        await tx.execute("DROP TABLE alembic_version")
    assert await not_ready(house) == {"schema"}
    async with outage(databases, database_url):
        assert await not_ready(house) == {"database", "schema"}
