"""The pool: turns, shares, deadlines, repetition, and what happens to connections that are not clean."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio

from alphapy.storage.connection import TrioConnection, connect
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable, DsnError
from alphapy.storage.pool import Pool, open_pool
from alphapy.storage.slots import Timing
from alphapy.storage.transaction import Isolation, Transaction
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import Databases


@asynccontextmanager
async def small_pool(
    dsn: str, *, min_size: int = 1, max_size: int = 1, **timing: float
) -> AsyncIterator[Pool]:
    async with open_pool(
        dsn, min_size=min_size, max_size=max_size, rng=random.Random(1), timing=Timing(**timing)
    ) as pool:
        yield pool


def backends(databases: Databases, dsn: str) -> int:
    """How many connections the server has to a database."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with databases.admin() as admin:
        row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone()
    assert row is not None
    return int(row[0])


async def test_it_keeps_its_minimum_and_closes_everything_at_the_end(
    databases: Databases, scratch_database_url: str
) -> None:
    async with small_pool(scratch_database_url, min_size=3, max_size=5) as pool:
        await wait_until(lambda: pool.statistics().idle == 3)
        await wait_until(lambda: backends(databases, scratch_database_url) == 3)
        await pool.ping()
        await pool.wait_available()
    await wait_until(lambda: backends(databases, scratch_database_url) == 0)
    statistics = pool.statistics()
    assert (statistics.size, statistics.available) == (0, False)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await pool.ping()


async def test_what_the_block_raises_passes_through_ungrouped(scratch_database_url: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with small_pool(scratch_database_url):
            raise ZeroDivisionError


@pytest.mark.parametrize(("min_size", "max_size"), [(0, 1), (2, 1), (-1, 0)])
async def test_impossible_sizes_are_refused(min_size: int, max_size: int) -> None:
    with pytest.raises(ValueError, match="min_size"):
        async with open_pool("postgresql://u@/d", min_size=min_size, max_size=max_size):
            raise AssertionError


async def test_an_unreachable_database_is_reported_at_the_start(databases: Databases) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist"):
        async with open_pool(databases.url("nowhere")):
            raise AssertionError
    with pytest.raises(DsnError):
        async with open_pool("mysql://nowhere"):
            raise AssertionError


async def test_connections_are_handed_out_first_come_first_served(scratch_database_url: str) -> None:
    order: list[int] = []
    async with small_pool(scratch_database_url) as pool, trio.open_nursery() as nursery:

        async def work(number: int) -> None:
            async with pool.transaction(f"c{number % 7}"):
                order.append(number)

        async with pool.transaction("first"):
            for number in range(20):
                nursery.start_soon(work, number)
                await wait_until(lambda: pool.statistics().waiting == len(nursery.child_tasks))
    assert order == list(range(20))
    assert pool.statistics().opened == 1


async def test_it_grows_for_whoever_waits_and_no_further(scratch_database_url: str) -> None:
    held = trio.Event()
    async with small_pool(scratch_database_url, max_size=4) as pool, trio.open_nursery() as nursery:

        async def hold(number: int) -> None:
            async with pool.transaction(f"c{number}"):
                await held.wait()

        for number in range(6):
            nursery.start_soon(hold, number)
        await wait_until(lambda: pool.statistics().in_use == 4)
        await wait_until(lambda: pool.statistics().waiting == 2)
        statistics = pool.statistics()
        assert (statistics.size, statistics.connecting) == (4, 0)
        held.set()
    assert pool.statistics().acquired == 6


async def test_a_full_pool_is_busy_after_the_deadline(scratch_database_url: str) -> None:
    async with small_pool(scratch_database_url, acquire=0.05) as pool:
        async with pool.transaction("a"):
            with pytest.raises(DatabaseBusy, match="all 1 connections") as refusal:
                await pool.ping()
        assert not refusal.value.own_limit
        await pool.ping()
        statistics = pool.statistics()
        assert (statistics.busy, statistics.waiting, statistics.in_use) == (1, 0, 0)


@pytest.mark.parametrize(("component", "share"), [("reminders", 10), ("faq", 5), ("custom_commands", 5)])
async def test_a_component_has_its_share_only(scratch_database_url: str, component: str, share: int) -> None:
    held = trio.Event()
    async with (
        small_pool(scratch_database_url, min_size=share + 1, max_size=20, acquire=0.3) as pool,
        trio.open_nursery() as nursery,
    ):
        await wait_until(lambda: pool.statistics().idle > share)

        async def hold() -> None:
            async with pool.transaction(component):
                await held.wait()

        for _ in range(share):
            nursery.start_soon(hold)
        await wait_until(lambda: pool.statistics().in_use == share)
        with pytest.raises(DatabaseBusy, match=f"{component}'s {share} slots") as refusal:
            async with pool.transaction(component):
                raise AssertionError
        assert refusal.value.own_limit
        async with pool.transaction("another"):
            pass
        mine = next(entry for entry in pool.statistics().components if entry.component == component)
        assert (mine.limit, mine.in_use, mine.waiting) == (share, share, 0)
        held.set()


async def test_a_caller_that_is_cancelled_while_waiting_costs_nothing(scratch_database_url: str) -> None:
    async with small_pool(scratch_database_url) as pool:
        async with pool.transaction("a"):
            with trio.move_on_after(0.02):
                await pool.ping()
        await pool.ping()
        statistics = pool.statistics()
        assert (statistics.in_use, statistics.waiting, statistics.idle) == (0, 0, 1)
        assert all(entry.in_use == 0 for entry in statistics.components)


async def test_a_connection_handed_to_someone_who_has_just_gone_goes_to_the_next(
    scratch_database_url: str,
) -> None:
    async with small_pool(scratch_database_url) as pool, trio.open_nursery() as nursery:
        leaving = trio.CancelScope()
        served = trio.Event()

        async def leave() -> None:
            with leaving:
                await pool.ping()

        async def stay() -> None:
            await pool.ping()
            served.set()

        async with pool.transaction("a"):
            nursery.start_soon(leave)
            await wait_until(lambda: pool.statistics().waiting == 1)
            nursery.start_soon(stay)
            await wait_until(lambda: pool.statistics().waiting == 2)
        # The connection has been handed to the first waiter, who has not run yet.
        leaving.cancel()
        with trio.fail_after(5):
            await served.wait()


async def test_a_connection_that_is_not_clean_is_not_kept(
    scratch_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(self: Transaction) -> None:
        await trio.lowlevel.checkpoint()

    async with small_pool(scratch_database_url) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(Transaction, "_commit", forget)
            async with pool.transaction("a") as tx:
                await tx.execute("SELECT 1")
        await pool.ping()
        statistics = pool.statistics()
        assert (statistics.opened, statistics.discarded) == (2, 1)


async def test_a_connection_that_died_idle_is_not_handed_out(
    databases: Databases, scratch_database_url: str
) -> None:
    async with small_pool(scratch_database_url) as pool:
        terminate_all(databases, scratch_database_url)
        await wait_until(lambda: not pool._slots._idle[0].connection.quiet())
        await pool.ping()
        statistics = pool.statistics()
        assert (statistics.opened, statistics.discarded, statistics.unavailable) == (2, 1, 0)


async def test_a_connection_that_died_idle_is_replaced_by_the_maintenance(
    databases: Databases, scratch_database_url: str
) -> None:
    async with small_pool(scratch_database_url, min_size=2, max_size=2, probe=0.02) as pool:
        await wait_until(lambda: pool.statistics().idle == 2)
        terminate_all(databases, scratch_database_url)
        await wait_until(lambda: pool.statistics().opened == 4)
        await wait_until(lambda: backends(databases, scratch_database_url) == 2)


async def test_a_silent_connection_is_replaced_by_the_maintenance(
    scratch_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with small_pool(scratch_database_url, probe=0.02, acquire=0.05) as pool:
        silent = pool._slots._idle[0].connection

        async def sleep(statements: str) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(silent, "run_statements", sleep)
        await wait_until(lambda: silent.closed)
        await wait_until(lambda: pool.statistics().opened == 2)


async def test_an_old_connection_is_replaced(scratch_database_url: str) -> None:
    async with small_pool(scratch_database_url, lifetime=0.05, probe=0.02) as pool:
        await wait_until(lambda: pool.statistics().opened >= 3)
        await pool.ping()


async def test_an_old_connection_is_not_taken_back(scratch_database_url: str) -> None:
    async with small_pool(scratch_database_url, lifetime=0.05) as pool:
        async with pool.transaction("a") as tx:
            await tx.execute("SELECT pg_sleep(0.06)")
        assert pool.statistics().discarded == 1


async def test_what_is_beyond_the_minimum_is_closed_after_idling(scratch_database_url: str) -> None:
    async with small_pool(scratch_database_url, max_size=4, probe=0.02, surplus=0.05) as pool:
        async with pool.transaction("a"), pool.transaction("b"), pool.transaction("c"):
            assert pool.statistics().size == 3
        await wait_until(lambda: pool.statistics().size == 1)
        assert pool.statistics().connecting == 0
        assert pool.statistics().discarded == 2


def terminate_all(databases: Databases, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with databases.admin() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


# --- repeating a unit of work ---


@pytest.fixture
async def accounts(scratch_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(scratch_database_url, min_size=2, timing=Timing(retry=0.01)) as pool:
        async with pool.transaction("test") as tx:
            await tx.execute("CREATE TABLE accounts (id int PRIMARY KEY, amount int NOT NULL)")
            await tx.execute("INSERT INTO accounts VALUES (1, 0), (2, 0)")
        yield pool


async def amounts(pool: Pool) -> list[int]:
    async with pool.transaction("test") as tx:
        return [amount for (amount,) in await tx.fetch_all("SELECT amount FROM accounts ORDER BY id")]


async def test_serialization_failures_are_repeated(accounts: Pool) -> None:
    both_have_read = Meeting(2)

    async def increment(tx: Transaction) -> int:
        amount = await tx.fetch_value("SELECT amount FROM accounts WHERE id = 1")
        await both_have_read.arrive()
        await tx.execute("UPDATE accounts SET amount = %s WHERE id = 1", (amount + 1,))
        return int(amount) + 1

    results = []

    async def run() -> None:
        results.append(await accounts.run("test", increment, isolation=Isolation.SERIALIZABLE))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        nursery.start_soon(run)
    assert sorted(results) == [1, 2]
    assert await amounts(accounts) == [2, 0]
    assert accounts.statistics().retried == 1


async def test_deadlocks_are_repeated(accounts: Pool) -> None:
    both_hold_one = Meeting(2)

    async def run(first: int, second: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute("SET LOCAL deadlock_timeout = '10ms'")
            await tx.execute("UPDATE accounts SET amount = amount + 1 WHERE id = %s", (first,))
            await both_hold_one.arrive()
            await tx.execute("UPDATE accounts SET amount = amount + 1 WHERE id = %s", (second,))

        await accounts.run("test", work)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, 1, 2)
        nursery.start_soon(run, 2, 1)
    assert await amounts(accounts) == [2, 2]
    assert accounts.statistics().retried >= 1


class Meeting:
    """Lets the first so many arrive together, and later ones pass."""

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._complete = trio.Event()

    async def arrive(self) -> None:
        self._missing -= 1
        if self._missing <= 0:
            self._complete.set()
        await self._complete.wait()


async def test_repetition_ends(accounts: Pool) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await tx.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    with pytest.raises(psycopg.errors.SerializationFailure):
        await accounts.run("test", work)
    assert attempts == 4


async def test_a_unique_violation_is_not_repeated(accounts: Pool) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await tx.execute("INSERT INTO accounts VALUES (1, 0)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        await accounts.run("test", work, idempotent=True)
    assert attempts == 1


@pytest.mark.parametrize(
    ("idempotent", "losses", "expected_attempts"), [(False, 1, 1), (True, 1, 2), (True, 2, 2)]
)
async def test_a_lost_connection_is_repeated_once_and_only_where_that_is_safe(
    accounts: Pool, *, idempotent: bool, losses: int, expected_attempts: int
) -> None:
    attempts = 0

    async def work(tx: Transaction) -> str:
        nonlocal attempts
        attempts += 1
        if attempts <= losses:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return "done"

    if losses < expected_attempts:
        assert await accounts.run("test", work, idempotent=idempotent) == "done"
    else:
        with pytest.raises(DatabaseUnavailable, match="lost"):
            await accounts.run("test", work, idempotent=idempotent)
    assert attempts == expected_attempts


async def test_a_connection_that_is_being_opened_when_the_pool_closes_is_closed(
    scratch_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[TrioConnection] = []

    async def slowly(dsn: str, *, component: str) -> TrioConnection:
        connection = await connect(dsn, component=component)
        opened.append(connection)
        if len(opened) > 1:
            with trio.CancelScope(shield=True):  # as if all that it waits for had come already
                await wait_until(lambda: not pool.is_available, what="the end of the pool")
        return connection

    monkeypatch.setattr("alphapy.storage.slots.connect", slowly)
    async with small_pool(scratch_database_url, min_size=2, max_size=2) as pool:
        await wait_until(lambda: len(opened) == 2, what="the second connection")
    assert [connection.closed for connection in opened] == [True, True]
