"""The database goes away and comes back under a running pool, on a server of this file's own."""

from __future__ import annotations

import random
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import trio
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage.embedded import embedded_postgres
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool, open_pool
from alphapy.storage.slots import Timing
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from alphapy.storage.transaction import Transaction

SERVER = {"fsync": "off", "full_page_writes": "off", "max_connections": "12"}
TIMING = Timing(reconnect=0.02, reconnect_limit=0.2, acquire=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outage") / "postgres"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with embedded_postgres(folder, settings=SERVER) as dsn:
        yield dsn


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().split()[0]))


OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@asynccontextmanager
async def outage(dsn: str) -> AsyncIterator[None]:
    """Nobody can connect while the block runs, and whoever was connected is thrown out before it."""
    socket = Path(str(conninfo_to_dict(dsn)["host"])) / ".s.PGSQL.5432"
    with psycopg.connect(dsn, autocommit=True) as admin:

        def alone() -> bool:
            return admin.execute(f"SELECT pid {OTHERS}").fetchone() is None

        aside = socket.rename(socket.with_name("aside"))
        try:
            admin.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
            await wait_until(alone)
            yield
        finally:
            aside.rename(socket)


async def test_callers_are_told_at_once_and_recovery_is_automatic(server: str) -> None:
    async with open_pool(server, min_size=2, max_size=4, timing=TIMING) as pool:
        await wait_until(lambda: pool.statistics().idle == 2)
        async with outage(server):
            for _ in range(20):
                begun = trio.current_time()
                with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
                    await pool.ping()
                assert trio.current_time() - begun < 1
            statistics = pool.statistics()
            assert (statistics.available, statistics.size, statistics.waiting) == (False, 0, 0)
            assert "No such file" in str(statistics.last_error)
            assert statistics.unavailable == 20
            with trio.move_on_after(0.05) as scope:
                await pool.wait_available()
            assert scope.cancelled_caught

        with trio.fail_after(5):
            await pool.wait_available()
        await pool.ping()
        await wait_until(lambda: pool.statistics().idle == 2)
        statistics = pool.statistics()
        assert (statistics.available, statistics.last_error) == (True, None)


async def test_who_waits_when_it_goes_down_is_told(server: str) -> None:
    told = 0
    async with open_pool(server, min_size=1, max_size=1, timing=TIMING) as pool:

        async def wait() -> None:
            nonlocal told
            with pytest.raises(DatabaseUnavailable):
                await pool.ping()
            told += 1

        async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
            with pytest.raises(DatabaseUnavailable, match="lost"):
                async with pool.transaction("test") as tx:
                    for _ in range(3):
                        nursery.start_soon(wait)
                    await wait_until(lambda: pool.statistics().waiting == 3)
                    await stack.enter_async_context(outage(server))
                    await tx.execute("SELECT 1")
        assert told == 3


async def test_a_server_without_room_for_more_does_not_fail_those_who_can_wait(server: str) -> None:
    async with open_pool(server, min_size=1, max_size=20, timing=TIMING) as pool:
        held = trio.Event()
        done = 0

        async def hold(number: int) -> None:
            nonlocal done
            async with pool.transaction(f"c{number}"):
                await held.wait()
            done += 1

        async with trio.open_nursery() as nursery:
            for number in range(18):
                nursery.start_soon(hold, number)
            await wait_until(lambda: pool.statistics().last_error is not None, what="the server's refusal")
            assert "too many clients" in str(pool.statistics().last_error)
            assert pool.statistics().available
            held.set()
        assert done == 18
        await wait_until(lambda: pool.statistics().last_error is None)
        await pool.ping()


async def keep_writing(pool: Pool, writer: int, stop: trio.Event, acknowledged: set[tuple[int, int]]) -> None:
    """Write row after row, repeating each until it is acknowledged, as an actor does."""
    number = 0
    while not stop.is_set():

        async def write(tx: Transaction, number: int = number) -> None:
            await tx.execute("INSERT INTO rows VALUES (%s, %s) ON CONFLICT DO NOTHING", (writer, number))

        try:
            await pool.run("writers", write, idempotent=True)
        except DatabaseUnavailable:
            await pool.wait_available()
        else:
            acknowledged.add((writer, number))
            number += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_the_server_is_restarted_under_load(server: str, folder: Path, number: signal.Signals) -> None:
    acknowledged: set[tuple[int, int]] = set()
    stop = trio.Event()
    async with open_pool(server, min_size=2, max_size=4, timing=TIMING, rng=random.Random(1)) as pool:
        async with pool.transaction("test") as tx:
            await tx.execute("DROP TABLE IF EXISTS rows")
            await tx.execute("CREATE TABLE rows (writer int, number int, PRIMARY KEY (writer, number))")
        async with trio.open_nursery() as nursery:
            for writer in range(6):
                nursery.start_soon(keep_writing, pool, writer, stop, acknowledged)
            await wait_until(lambda: len(acknowledged) > 50)
            before = postmaster(folder)
            before.send_signal(number)
            await wait_until(
                lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE,
                within=10,
                what="the server's end",
            )
            seen = len(acknowledged)
            await wait_until(
                lambda: len(acknowledged) > seen + 50, within=30, what="writing after the restart"
            )
            stop.set()
        assert postmaster(folder).pid != before.pid
        async with pool.transaction("test") as tx:
            stored = set(await tx.fetch_all("SELECT writer, number FROM rows"))
        # What was acknowledged is there; what is there beyond it is a row whose acknowledgement was lost.
        assert acknowledged <= stored
        statistics = pool.statistics()
        assert (statistics.in_use, statistics.waiting, statistics.available) == (0, 0, True)
