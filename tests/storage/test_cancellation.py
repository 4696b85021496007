"""A campaign of random cancellations against the real server: nothing is left behind, nothing half done.

The plan of a campaign is data made from its seed, so that a failure is repeated by its seed.
"""

from __future__ import annotations

import enum
import random
from typing import TYPE_CHECKING

import attrs
import psycopg
import pytest
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage.connection import connect
from alphapy.storage.errors import DatabaseBusy
from alphapy.storage.pool import Pool, open_pool
from alphapy.storage.slots import Timing
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.postgres import Databases

TASKS = 8
UNITS = 40
ROWS = 3
CONNECTIONS = 4

MARKS = """
CREATE TABLE marks (unit int, part int, filler text, PRIMARY KEY (unit, part));
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON marks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dawdle();
"""
"""Each mark makes COMMIT take a few milliseconds, so that cancellations find it at work."""


class Deed(enum.Enum):
    """What a unit of work does after writing its marks."""

    NOTHING = enum.auto()
    SLEEP = enum.auto()
    FAIL = enum.auto()
    SAVEPOINT = enum.auto()
    SEND_MUCH = enum.auto()
    FETCH_MUCH = enum.auto()
    CONNECT = enum.auto()


@attrs.frozen
class Unit:
    """One unit of work, cancelled after some seconds of its own and of its statements."""

    number: int
    deed: Deed
    cancelled_after: float


@attrs.define
class Outcome:
    """What a campaign saw."""

    committed: set[int] = attrs.field(factory=set)
    cancelled: int = 0
    busy: int = 0


class Failed(Exception):
    """Raised by a unit of work on purpose."""


def plan(seed: int) -> list[list[Unit]]:
    """What each task does, in order."""
    rng = random.Random(seed)
    return [
        [Unit(task * UNITS + place, rng.choice(list(Deed)), patience(rng)) for place in range(UNITS)]
        for task in range(TASKS)
    ]


def patience(rng: random.Random) -> float:
    """A third of the units is never cancelled; the others soon, or about when they commit."""
    return rng.choice([60.0, rng.uniform(0, 0.02), rng.uniform(0.01, 0.15)])


async def run_unit(pool: Pool, dsn: str, unit: Unit) -> None:
    async with pool.transaction(f"task{unit.number % 3}") as tx:
        # A setting that is local to its transaction is seen by nobody but statements of that transaction.
        assert await tx.fetch_value("SELECT current_setting('campaign.unit', true)") in {None, ""}
        await tx.execute("SELECT set_config('campaign.unit', %s, true)", (str(unit.number),))
        for part in range(ROWS):
            await tx.execute("INSERT INTO marks VALUES (%s, %s)", (unit.number, part))
        match unit.deed:
            case Deed.NOTHING:
                pass
            case Deed.SLEEP:
                await tx.execute("SELECT pg_sleep(0.03)")
            case Deed.FAIL:
                raise Failed
            case Deed.SAVEPOINT:
                async with tx.savepoint():
                    await tx.execute("SELECT pg_sleep(0.01)")
            case Deed.SEND_MUCH:
                await tx.execute("SELECT length(%s)", ("x" * 1_000_000,))
            case Deed.FETCH_MUCH:
                await tx.fetch_all("SELECT repeat('y', 500) FROM generate_series(1, 3000)")
            case Deed.CONNECT:
                await (await connect(dsn, component="campaign")).close()
        assert await tx.fetch_value("SELECT current_setting('campaign.unit', true)") == str(unit.number)


async def run_task(pool: Pool, dsn: str, units: list[Unit], outcome: Outcome) -> None:
    for unit in units:
        with trio.move_on_after(unit.cancelled_after) as scope:
            try:
                await run_unit(pool, dsn, unit)
                outcome.committed.add(unit.number)
            except Failed:
                pass
            except DatabaseBusy:
                outcome.busy += 1
        outcome.cancelled += scope.cancelled_caught


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_cancellations_leave_nothing_behind(
    databases: Databases, scratch_database_url: str, seed: int
) -> None:
    outcome = Outcome()
    async with open_pool(
        scratch_database_url,
        min_size=2,
        max_size=CONNECTIONS,
        rng=random.Random(seed),
        timing=Timing(acquire=20),
    ) as pool:
        async with pool.transaction("test") as tx:
            await tx.execute(MARKS)
        async with trio.open_nursery() as nursery:
            for units in plan(seed):
                nursery.start_soon(run_task, pool, scratch_database_url, units, outcome)

        # The campaign did what it is for: hundreds of units, cancelled and not.
        assert outcome.cancelled > 50
        assert len(outcome.committed) > 50
        assert outcome.busy == 0
        # Connections survive cancellations; closing them is the exception.
        assert pool.statistics().discarded <= outcome.cancelled // 10

        statistics = pool.statistics()
        assert (statistics.in_use, statistics.waiting) == (0, 0)
        assert all(entry.in_use == 0 for entry in statistics.components)
        for slot in pool._slots._idle:
            assert slot.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
            assert slot.connection.quiet()
        # Every unit is there as a whole exactly if its block ended well.
        async with pool.transaction("test") as tx:
            stored = await tx.fetch_all("SELECT unit, count(*) FROM marks GROUP BY unit")
        assert dict(stored) == dict.fromkeys(outcome.committed, ROWS)
        await wait_until(lambda: count_backends(databases, scratch_database_url) == pool.statistics().size)
        assert (
            count_backends(databases, scratch_database_url, "starts_with(state, 'idle in transaction')") == 0
        )
    await wait_until(lambda: count_backends(databases, scratch_database_url) == 0)


def count_backends(databases: Databases, dsn: str, condition: str = "true") -> int:
    name = conninfo_to_dict(dsn)["dbname"]
    with databases.admin() as admin:
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND {condition}"  # noqa: S608 - ours
        row = admin.execute(query.encode(), (name,)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_cancel_request_never_hits_the_next_statement(scratch_database_url: str, seed: int) -> None:
    """Statements about as long as the wait before their cancellation, so that requests come late."""
    rng = random.Random(seed)
    connection = await connect(scratch_database_url, component="campaign")
    cancelled = 0
    for number in range(150):
        with trio.move_on_after(rng.uniform(0.0005, 0.0035)) as scope:
            await connection.execute("SELECT pg_sleep(0.002)")
        cancelled += scope.cancelled_caught
        try:
            cursor = await connection.execute("SELECT %s::int FROM pg_sleep(0.0005)", (number,))
        except psycopg.errors.QueryCanceled:
            pytest.fail(f"the request for statement {number} cancelled the one after it (seed {seed})")
        assert await cursor.fetchone() == (number,)
    assert 10 < cancelled < 150
    await connection.close()


async def test_cancelled_connecting_leaves_no_connection(
    databases: Databases, scratch_database_url: str
) -> None:
    rng = random.Random(1)
    connected = 0
    for _ in range(100):
        with trio.move_on_after(rng.uniform(0, 0.01)):
            await (await connect(scratch_database_url, component="campaign")).close()
            connected += 1
    assert connected < 100
    await wait_until(lambda: count_backends(databases, scratch_database_url) == 0)
