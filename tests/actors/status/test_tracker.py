"""The command tracker stores every entry once, in order, whatever the database does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.status import tracker as module
from alphapy.actors.status.messages import TRACKER, FlushTracker
from alphapy.actors.status.tracker import CommandTracker
from alphapy.gateway.invocation import Outcome
from alphapy.pure.ids import GuildId, UserId
from alphapy.storage.errors import DatabaseUnavailable
from tests.support.actors import ask, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def outcome(number: int, error: str | None = None, path: str = "version") -> Outcome:
    return Outcome(
        guild_id=GuildId(5),
        user_id=UserId(number),
        path=path,
        success=error is None,
        error=error,
        ended_at=START + timedelta(seconds=number % 1000),
    )


async def users(pool: Pool) -> list[int]:
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT user_id FROM audit_logs ORDER BY id")
    return [row[0] for row in rows]


def spec(pool: Any) -> ChildSpec:
    return ChildSpec(
        factory=lambda context: CommandTracker(context, pool=pool), mailbox=20_000, idle_after=None
    )


class FaultyPool:
    """The real pool, which fails so often first; the last failure may come after the commit."""

    def __init__(self, pool: Pool, failures: int, *, committed: bool = False) -> None:
        self._pool = pool
        self._failures = failures
        self._committed = committed

    async def run(self, component: str, work: Any, *, idempotent: bool = False) -> Any:
        if self._failures:
            self._failures -= 1
            if self._committed:
                await self._pool.run(component, work)
            raise DatabaseUnavailable("host/db", "gone", lost=True, in_doubt=self._committed)
        return await self._pool.run(component, work, idempotent=idempotent)


async def test_operations_14_one_poisonous_entry_does_not_block_the_rest(pool: Pool) -> None:
    async with running(process_command_tracker=spec(pool)) as registry:
        for number in range(50):
            registry.tell(TRACKER, outcome(number, error="with a NUL \x00 in it" if number == 7 else None))
        registry.tell(TRACKER, outcome(50, path="lone surrogate \ud800"))
        registry.tell(TRACKER, outcome(2**65))
        registry.tell(TRACKER, outcome(51))
        assert await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
    assert await users(pool) == [*range(52)]


async def test_operations_13_entries_survive_an_outage_with_their_times_and_order(pool: Pool) -> None:
    faulty = FaultyPool(pool, failures=2)
    async with running(process_command_tracker=spec(faulty)) as registry:
        for number in range(3):
            registry.tell(TRACKER, outcome(number))
        assert not await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
        assert not await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
        assert await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
    assert await users(pool) == [0, 1, 2]
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT max(created_at) FROM audit_logs") == START + timedelta(seconds=2)


async def test_a_commit_in_doubt_is_not_stored_twice(pool: Pool) -> None:
    faulty = FaultyPool(pool, failures=1, committed=True)
    async with running(process_command_tracker=spec(faulty)) as registry:
        registry.tell(TRACKER, outcome(1))
        assert not await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
        registry.tell(TRACKER, outcome(2))
        assert await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
    assert sorted(await users(pool)) == [1, 2]


async def test_a_thousand_entries_are_stored_at_once(pool: Pool) -> None:
    async with running(process_command_tracker=spec(pool)) as registry:
        for number in range(module.BATCH):
            registry.tell(TRACKER, outcome(number))

        async def stored() -> bool:
            return len(await users(pool)) == module.BATCH

        await wait_until(stored, what="the full batch")


async def test_the_oldest_entries_go_when_too_many_wait(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CAPACITY", 3)
    async with running(process_command_tracker=spec(pool)) as registry:
        for number in range(5):
            registry.tell(TRACKER, outcome(number))
    assert await users(pool) == [2, 3, 4]
    assert sum(getattr(record, "event", "") == "rows_dropped" for record in caplog.records) == 1


async def test_a_database_that_takes_nothing_for_a_while_costs_no_entry(pool: Pool) -> None:
    async with running(process_command_tracker=spec(pool)) as registry:
        async with pool.transaction("test") as tx:
            await tx.execute("ALTER TABLE audit_logs RENAME TO hidden_logs")
        registry.tell(TRACKER, outcome(1))
        assert not await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
        async with pool.transaction("test") as tx:
            await tx.execute("ALTER TABLE hidden_logs RENAME TO audit_logs")
            await tx.execute("ALTER TABLE audit_logs ADD CHECK (user_id <> 3)")
        registry.tell(TRACKER, outcome(2))
        registry.tell(TRACKER, outcome(3))
        registry.tell(TRACKER, outcome(4))
        assert await ask(registry, TRACKER, FlushTracker(), lane=Lane.NORMAL)
    assert await users(pool) == [1, 2, 4]
