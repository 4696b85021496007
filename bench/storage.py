"""Point selects per second: blocking psycopg, one connection on Trio, and through the pool as transactions.

Run with ``.venv/bin/python bench/storage.py``; starts its own PostgreSQL. The rounds of all measurements take
turns and the best round counts, so that a busy machine disturbs the ratios little.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import trio

from alphapy.storage.connection import TrioConnection, connect
from alphapy.storage.embedded import embedded_postgres
from alphapy.storage.pool import Pool, open_pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 5
ROUND_SECONDS = 0.6
ROWS = 10_000
SELECT = "SELECT body FROM bench WHERE id = %s"
TASKS = 8

TABLE = "CREATE TABLE bench AS SELECT id, repeat('x', 100) AS body FROM generate_series(0, 9999) AS id"


async def blocking(connection: psycopg.Connection[Any]) -> float:
    """What plain psycopg does without any event loop, to compare with."""
    count, begun = 0, trio.current_time()
    while (now := trio.current_time()) < begun + ROUND_SECONDS:
        assert connection.execute(SELECT, (count % ROWS,)).fetchone() is not None
        count += 1
    await trio.lowlevel.checkpoint()
    return count / (now - begun)


async def one_connection(connection: TrioConnection) -> float:
    count, begun = 0, trio.current_time()
    while (now := trio.current_time()) < begun + ROUND_SECONDS:
        cursor = await connection.execute(SELECT, (count % ROWS,))
        assert await cursor.fetchone() is not None
        count += 1
    return count / (now - begun)


async def transactions(pool: Pool, tasks: int, selects: int) -> float:
    """``tasks`` tasks run transactions of ``selects`` selects each."""
    counts = [0] * tasks
    begun = trio.current_time()

    async def work(number: int) -> None:
        while trio.current_time() < begun + ROUND_SECONDS:
            async with pool.transaction(f"bench{number}") as tx:
                for _ in range(selects):
                    assert await tx.fetch_one(SELECT, (counts[number] % ROWS,)) is not None
            counts[number] += 1

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(work, number)
    return sum(counts) / (trio.current_time() - begun)


async def main(dsn: str) -> None:
    async with open_pool(dsn, min_size=TASKS) as pool:
        async with pool.transaction("bench") as tx:
            await tx.execute(TABLE)
            await tx.execute("ALTER TABLE bench ADD PRIMARY KEY (id)")
        connection = await connect(dsn, component="bench")
        with psycopg.connect(dsn, autocommit=True) as plain:
            measurements: dict[str, Callable[[], Awaitable[float]]] = {
                "point selects, blocking psycopg": lambda: blocking(plain),
                "point selects, one connection on Trio": lambda: one_connection(connection),
                "transactions of 1 select, 1 task": lambda: transactions(pool, 1, 1),
                "transactions of 10 selects, 1 task": lambda: transactions(pool, 1, 10),
                f"transactions of 1 select, {TASKS} tasks": lambda: transactions(pool, TASKS, 1),
            }
            best = dict.fromkeys(measurements, 0.0)
            for _ in range(ROUNDS):
                for name, measure in measurements.items():
                    best[name] = max(best[name], await measure())
        await connection.close()
    for name, per_second in best.items():
        print(f"{name:<44} {per_second:>9,.0f} /s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "postgres") as address:
        trio.run(main, address)
