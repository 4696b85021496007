"""Point selects per second: on one connection, and through the pool as one transaction each.

Run with ``.venv/bin/python bench/storage.py``; starts its own PostgreSQL.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psycopg
import trio

from alphapy.storage.connection import connect
from alphapy.storage.embedded import embedded_postgres
from alphapy.storage.pool import Pool, open_pool

SECONDS = 3.0
ROWS = 10_000
SELECT = "SELECT body FROM bench WHERE id = %s"
TASKS = 8


def report(name: str, count: int, seconds: float) -> None:
    print(f"{name:<52} {count / seconds:>9,.0f} /s")


async def one_connection(dsn: str) -> None:
    connection = await connect(dsn, component="bench")
    count, begun = 0, trio.current_time()
    while trio.current_time() < begun + SECONDS:
        cursor = await connection.execute(SELECT, (count % ROWS,))
        assert await cursor.fetchone() is not None
        count += 1
    report("point selects, one connection", count, trio.current_time() - begun)
    await connection.close()


def blocking(dsn: str) -> None:
    """What plain psycopg does without any event loop, to compare with."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        count, begun = 0, time.monotonic()
        while time.monotonic() < begun + SECONDS:
            assert connection.execute(SELECT, (count % ROWS,)).fetchone() is not None
            count += 1
        report("point selects, blocking psycopg", count, time.monotonic() - begun)


async def transactions(pool: Pool, tasks: int, selects: int) -> None:
    """``tasks`` tasks run transactions of ``selects`` selects each."""
    counts = [0] * tasks
    begun = trio.current_time()

    async def work(number: int) -> None:
        while trio.current_time() < begun + SECONDS:
            async with pool.transaction(f"bench{number}") as tx:
                for _ in range(selects):
                    assert await tx.fetch_one(SELECT, (counts[number] % ROWS,)) is not None
            counts[number] += 1

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(work, number)
    seconds = trio.current_time() - begun
    report(f"transactions of {selects} select(s), {tasks} task(s)", sum(counts), seconds)


async def main(dsn: str) -> None:
    async with open_pool(dsn, min_size=TASKS) as pool:
        async with pool.transaction("bench") as tx:
            await tx.execute(
                "CREATE TABLE bench AS SELECT id, repeat('x', 100) AS body FROM generate_series(0, 9999) id"
            )
            await tx.execute("ALTER TABLE bench ADD PRIMARY KEY (id)")
        blocking(dsn)
        await one_connection(dsn)
        await transactions(pool, 1, 1)
        await transactions(pool, 1, 10)
        await transactions(pool, TASKS, 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "postgres") as address:
        trio.run(main, address)
