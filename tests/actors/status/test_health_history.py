"""The health history keeps every answer once, at most a hundred in waiting, and forgets after 30 days."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

from alphapy.actors.kernel.actor import UnexpectedMessage
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.status import health_history as module
from alphapy.actors.status.health_history import CAPACITY, HealthHistory, Schedule
from alphapy.actors.status.messages import HEALTH_HISTORY, KeepHistory, PruneTick, RecordHealth
from alphapy.storage import health
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool
from tests.support.actors import running
from tests.support.clock import START, FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

QUICK = Schedule(first=0.05, every=0.1, again=0.02)


def row(number: int, *, age: timedelta = timedelta()) -> health.HealthRow:
    return health.HealthRow(
        service="test",
        version=str(number),
        uptime_seconds=number,
        db_status="ok",
        guild_count=None,
        active_commands_24h=number,
        gpt_status=None,
        database_pool_size=2,
        checked_at=START - age + timedelta(microseconds=number),
    )


def spec(pool: Any, schedule: Schedule | None = None) -> ChildSpec:
    return ChildSpec(
        factory=lambda context: HealthHistory(context, pool=pool, clock=FakeClock(), schedule=schedule),
        mailbox=CAPACITY,
        idle_after=None,
    )


async def versions(pool: Pool) -> list[int]:
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT version::int FROM health_check_history ORDER BY id")
    return [found[0] for found in rows]


@attrs.define
class FaultyPool:
    """The real pool, which raises these errors first; those in doubt come after the commit."""

    pool: Pool
    errors: list[Exception]
    calls: int = 0

    async def run(self, component: str, work: Any, **options: Any) -> Any:
        self.calls += 1
        if self.errors:
            error = self.errors.pop(0)
            if isinstance(error, DatabaseUnavailable) and error.in_doubt:
                await self.pool.run(component, work)
            raise error
        return await self.pool.run(component, work, **options)


def gone(*, in_doubt: bool = False) -> DatabaseUnavailable:
    return DatabaseUnavailable("host/db", "gone", lost=True, in_doubt=in_doubt)


async def test_every_answer_is_stored_in_order(pool: Pool) -> None:
    async with running(process_health_history=spec(pool)) as registry:
        for number in range(30):
            assert registry.tell(HEALTH_HISTORY, RecordHealth(row(number))) is Delivery.ACCEPTED
    assert await versions(pool) == list(range(30))
    async with pool.transaction("test") as tx:
        (stored,) = await health.since(tx, START, limit=1)
    assert stored == row(29)


async def test_an_outage_is_waited_out_and_the_newest_are_dropped(pool: Pool) -> None:
    faulty = FaultyPool(pool, [gone()] * 1000)
    async with running(process_health_history=spec(faulty, QUICK)) as registry:
        told = 0
        for number in range(CAPACITY + 20):
            registry.tell(HEALTH_HISTORY, RecordHealth(row(number)))
            if number % 40 == 39:
                told = faulty.calls
                await wait_until(lambda seen=told: faulty.calls > seen, what="the next try")  # type: ignore[misc]
        faulty.errors.clear()
        await wait_until(lambda: _has(pool, CAPACITY), what="the rows")
    assert await versions(pool) == list(range(CAPACITY))


async def _has(pool: Pool, count: int) -> bool:
    return len(await versions(pool)) == count


async def test_what_was_committed_in_doubt_is_not_stored_twice(pool: Pool) -> None:
    faulty = FaultyPool(pool, [gone(in_doubt=True), gone(), gone()])
    async with running(process_health_history=spec(faulty, QUICK)) as registry:
        registry.tell(HEALTH_HISTORY, RecordHealth(row(1)))
        await wait_until(lambda: not faulty.errors, what="the last failure")
        registry.tell(HEALTH_HISTORY, RecordHealth(row(2)))
        await wait_until(lambda: _has(pool, 2), what="both rows")
    assert await versions(pool) == [1, 2]


async def test_what_was_in_doubt_and_is_not_there_is_stored(pool: Pool) -> None:
    class Liar(FaultyPool):
        """Says that it may have committed, and has not."""

    faulty = Liar(pool, [])
    first = gone(in_doubt=True)

    async def run(component: str, work: Any, **options: Any) -> Any:
        faulty.calls += 1
        if faulty.calls == 1:
            raise first
        return await pool.run(component, work, **options)

    @attrs.frozen
    class Doubtful:
        run: Any

    async with running(process_health_history=spec(Doubtful(run), QUICK)) as registry:
        registry.tell(HEALTH_HISTORY, RecordHealth(row(7)))
        await wait_until(lambda: _has(pool, 1), what="the row")
    assert await versions(pool) == [7]


async def test_an_unforeseen_error_of_the_database_doubles_nothing(pool: Pool) -> None:
    faulty = FaultyPool(pool, [psycopg.errors.DiskFull("full")])
    async with running(process_health_history=spec(faulty, QUICK)) as registry:
        for number in range(5):
            registry.tell(HEALTH_HISTORY, RecordHealth(row(number)))
        await wait_until(lambda: _has(pool, 5), what="the rows")
    assert sorted(await versions(pool)) == list(range(5))


async def test_schema_18_rows_older_than_30_days_go_soon_after_the_start(pool: Pool) -> None:
    days = {31: "gone", 29: "kept", 0: "kept"}
    old = [row(age, age=timedelta(days=age)) for age in days]
    await pool.run("test", lambda tx: health.insert_many(tx, old))
    async with running(process_health_history=spec(pool, QUICK)) as registry:
        registry.tell(HEALTH_HISTORY, KeepHistory())
        await wait_until(lambda: _has(pool, 2), what="the clean-up")
        assert await versions(pool) == [29, 0]
        await pool.run("test", lambda tx: health.insert_many(tx, [row(40, age=timedelta(days=40))]))
        await wait_until(lambda: _has(pool, 2), what="the next clean-up")


def test_the_clean_up_begins_a_minute_after_the_start_and_comes_every_hour() -> None:
    assert (Schedule().first, Schedule().every, module.BATCH) == (60.0, 3600.0, 5000)


async def test_the_clean_up_goes_in_batches(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    old = [row(number, age=timedelta(days=31)) for number in range(10)]
    await pool.run("test", lambda tx: health.insert_many(tx, old))
    counting = FaultyPool(pool, [])
    async with running(process_health_history=spec(counting)) as registry:
        registry.tell(HEALTH_HISTORY, PruneTick())
        await wait_until(lambda: _has(pool, 0), what="the clean-up")
    assert counting.calls == 3


async def test_a_clean_up_that_fails_is_logged_and_tried_again(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await pool.run("test", lambda tx: health.insert_many(tx, [row(1, age=timedelta(days=31))]))
    faulty = FaultyPool(pool, [gone(), psycopg.errors.QueryCanceled("slow")])
    async with running(process_health_history=spec(faulty, QUICK)) as registry:
        registry.tell(HEALTH_HISTORY, KeepHistory())
        await wait_until(lambda: _has(pool, 0), what="the clean-up")
        health_of = registry.find(HEALTH_HISTORY)
        assert health_of is not None
        assert (health_of.failed, health_of.restarts) == (0, 0)
    warned = [found for found in caplog.records if found.levelno == logging.WARNING]
    assert {vars(found)["event"] for found in warned} == {"health_history_prune_failed"}
    assert len(warned) == 2


async def test_a_message_of_somebody_else_is_not_handled(pool: Pool) -> None:
    async with running(process_health_history=spec(pool)) as registry:
        registry.tell(HEALTH_HISTORY, "what?")
        await wait_until(lambda: registry.dead_letters().parked == 1, what="the dead letter")
        health_of = registry.find(HEALTH_HISTORY)
        assert health_of is not None
        assert UnexpectedMessage.__name__ in str(health_of.last_error)
