"""One process for each shard, also when the connection that holds the locks is lost."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.storage.shard_locks import ShardLocks, ShardsTaken, hold_shards
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases

APPLICATION = 7


@asynccontextmanager
async def holding(
    url: str, shards: Sequence[int], within: float = 0.3, application_id: int = APPLICATION
) -> AsyncIterator[ShardLocks]:
    rng = random.Random(1)
    async with hold_shards(url, application_id, shards, rng, within=within, look_every=0.05) as locks:
        yield locks


async def held(pool: Pool) -> int:
    async with pool.transaction("test") as tx:
        return int(
            await tx.fetch_value(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )


async def test_overlapping_shards_are_refused(database_url: str) -> None:
    async with holding(database_url, range(4)):
        with pytest.raises(ShardsTaken, match=r"already runs shards 3 to 5 .* within 0\.3 s"):
            async with holding(database_url, range(3, 6)):
                pass
        with pytest.raises(ShardsTaken, match="already runs shard 0 "):
            async with holding(database_url, [0]):
                pass
        async with holding(database_url, range(4, 6)), holding(database_url, [0], application_id=8):
            pass
    async with holding(database_url, [3, 4]):
        pass


async def test_a_rolling_restart_is_waited_for(database_url: str) -> None:
    taken = trio.Event()
    async with trio.open_nursery() as nursery:

        async def successor() -> None:
            async with holding(database_url, [0], within=10):
                taken.set()

        async with holding(database_url, [0]):
            nursery.start_soon(successor)
            await trio.sleep(0.3)
            assert not taken.is_set()
    assert taken.is_set()


async def test_lost_locks_are_taken_again(database_url: str, pool: Pool) -> None:
    async with holding(database_url, [0, 1]) as locks, trio.open_nursery() as nursery:
        nursery.start_soon(locks.watch)
        lost = locks._connection
        async with pool.transaction("test") as tx:
            await tx.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'alphapy:shards' AND datname = current_database()"
            )
        await wait_until(lambda: locks._connection not in {lost, None}, what="another connection")
        await wait_until(lambda: locks_are(pool, 2), what="the locks")
        nursery.cancel_scope.cancel()
    await wait_until(lambda: locks_are(pool, 0), what="letting go")


async def locks_are(pool: Pool, count: int) -> bool:
    return await held(pool) == count


async def test_a_connection_that_only_we_have_lost_is_no_rival(database_url: str, pool: Pool) -> None:
    async with holding(database_url, [0]) as locks, trio.open_nursery() as nursery:
        forgotten, locks._connection = locks._connection, None
        nursery.start_soon(locks.watch)
        await wait_until(lambda: locks._connection is not None, what="another connection")
        await wait_until(lambda: locks_are(pool, 1), what="the lock")
        assert forgotten is not None
        forgotten.finish()
        await trio.sleep(0.2)
        assert await held(pool) == 1
        nursery.cancel_scope.cancel()


async def test_whoever_was_quicker_ends_us(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphapy.storage.shard_locks.TAKE_AGAIN_WITHIN", 0.2)
    async with holding(database_url, [0]) as locks:
        locks.close()
        async with holding(database_url, [0], within=5):
            with pytest.raises(ShardsTaken):
                await locks.watch()


async def test_a_database_that_is_away_is_waited_for(
    databases: Databases, database_url: str, pool: Pool
) -> None:
    async with holding(database_url, [0]) as locks, trio.open_nursery() as nursery:
        nursery.start_soon(locks.watch)
        async with outage(databases, database_url):
            await trio.sleep(0.5)
        await wait_until(lambda: locks_are(pool, 1), within=15, what="the lock")
        nursery.cancel_scope.cancel()
