"""A connection on Trio: its session, its values, and that a cancelled statement leaves it usable."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio
from psycopg import pq
from psycopg.types.json import Jsonb

from alphapy.storage import connection as connection_module
from alphapy.storage.connection import TrioConnection, connect
from alphapy.storage.errors import DatabaseUnavailable
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import Databases

IDLE = pq.TransactionStatus.IDLE


@pytest.fixture
async def connection(scratch_database_url: str) -> AsyncIterator[TrioConnection]:
    opened = await connect(scratch_database_url, component="test")
    yield opened
    await opened.close()


async def value(connection: TrioConnection, query: str, *params: object) -> object:
    row = await (await connection.execute(query.encode(), params or None)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("TimeZone", "UTC"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("application_name", "alphapy:test"),
        ("client_encoding", "UTF8"),
    ],
)
async def test_the_session_runs_as_the_schema_says(
    connection: TrioConnection, setting: str, expected: str
) -> None:
    assert await value(connection, f"SHOW {setting}") == expected


async def test_times_are_utc(connection: TrioConnection) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert await value(connection, "SELECT %s::timestamptz", noon) == noon
    assert await value(connection, "SELECT (%s::timestamptz)::timestamp::text", noon) == "2026-07-01 12:00:00"


async def test_nul_characters_are_removed_before_binding(connection: TrioConnection) -> None:
    assert await value(connection, "SELECT %s::text", "a\0b\0") == "ab"
    assert await value(connection, "SELECT %s::text[]", ["\0", "x\0", "y"]) == ["", "x", "y"]


async def test_nul_characters_are_removed_from_json(connection: TrioConnection) -> None:
    stored = {"a\0": ["b\0", {"c": "\0"}], "literal": "\\u0000", "n": 1, "none": None}
    expected = {"a": ["b", {"c": ""}], "literal": "\\u0000", "n": 1, "none": None}
    assert await value(connection, "SELECT %s::jsonb", Jsonb(stored)) == expected


async def test_json_keeps_large_numbers(connection: TrioConnection) -> None:
    assert await value(connection, "SELECT %s::jsonb", Jsonb(2**63 - 1)) == 2**63 - 1


async def test_a_parameter_larger_than_the_sockets_buffer(connection: TrioConnection) -> None:
    big = "x" * 20_000_000
    assert await value(connection, "SELECT length(%s)", big) == len(big)


async def test_other_tasks_run_while_a_query_waits(connection: TrioConnection) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.lowlevel.checkpoint()
            ticks += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        await connection.execute("SELECT pg_sleep(0.1)")
        nursery.cancel_scope.cancel()
    assert ticks > 10


async def test_every_call_is_a_checkpoint(connection: TrioConnection) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await connection.execute("SELECT 1")
    assert scope.cancelled_caught
    assert connection.pgconn.transaction_status == IDLE


async def test_two_tasks_take_turns(connection: TrioConnection) -> None:
    seen: list[object] = []

    async def ask(number: int) -> None:
        seen.append(await value(connection, "SELECT %s::int FROM pg_sleep(0.01)", number))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(ask, number)
    assert sorted(map(str, seen)) == list("01234")


async def test_a_cancelled_query_ends_on_the_server_and_the_connection_lives(
    connection: TrioConnection,
) -> None:
    begun = trio.current_time()
    with trio.move_on_after(0.05) as scope:
        await connection.execute("SELECT pg_sleep(30)")
    assert scope.cancelled_caught
    assert trio.current_time() - begun < 2
    assert connection.pgconn.transaction_status == IDLE
    assert await value(connection, "SELECT 1") == 1


async def test_a_cancelled_large_answer_is_drained(connection: TrioConnection) -> None:
    with trio.move_on_after(0.02) as scope:
        await connection.execute("SELECT repeat('x', 1000) FROM generate_series(1, 10000000)")
    assert scope.cancelled_caught
    assert connection.pgconn.transaction_status == IDLE
    assert await value(connection, "SELECT 1") == 1


async def test_a_cancelled_large_parameter_leaves_nothing_half_sent(connection: TrioConnection) -> None:
    for wait in (0.0, 0.001, 0.005, 0.01):
        with trio.move_on_after(wait):
            await connection.execute("SELECT length(%s)", ("x" * 5_000_000,))
        if connection.closed:  # the honest way out where the server could not be told
            return
        assert connection.pgconn.transaction_status == IDLE
        assert await value(connection, "SELECT 1") == 1


async def test_a_connection_that_cannot_be_settled_is_closed(
    connection: TrioConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "SETTLE_SECONDS", 0.0)
    with trio.move_on_after(0.05):
        await connection.execute("SELECT pg_sleep(30)")
    assert connection.closed
    with pytest.raises(psycopg.OperationalError, match="closed"):
        await connection.execute("SELECT 1")


async def test_waiting_with_a_timeout(connection: TrioConnection) -> None:
    await connection.execute("LISTEN news")
    quiet = [notice async for notice in connection.notifies(timeout=0.05)]
    await connection.execute("NOTIFY news, 'hello'")
    heard = [notice.payload async for notice in connection.notifies(timeout=5, stop_after=1)]
    assert (quiet, heard) == ([], ["hello"])


async def test_an_error_in_one_of_several_statements_is_raised(connection: TrioConnection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await connection.run_statements("SELECT 1; SELECT 1/0; SELECT 2")
    assert await value(connection, "SELECT 1") == 1


async def test_closing_wakes_whoever_waits(connection: TrioConnection) -> None:
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("SELECT pg_sleep(30)")

        nursery.start_soon(wait)
        await wait_until(lambda: connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE)
        connection.finish()
        connection.finish()  # harmless


async def test_a_lost_connection_is_noticed(connection: TrioConnection, databases: Databases) -> None:
    assert connection.quiet()
    with databases.admin() as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    await wait_until(lambda: not connection.quiet(), what="the end of the connection")
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT 1")
    assert connection.closed
    assert not connection.quiet()


async def test_an_unknown_database_is_reported_with_the_servers_words(databases: Databases) -> None:
    with pytest.raises(DatabaseUnavailable, match=r'database "nowhere" does not exist') as failure:
        await connect(databases.url("nowhere"), component="test")
    assert failure.value.database.endswith("/nowhere")
    assert not failure.value.lost


async def test_a_refused_connection_is_reported_without_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DatabaseUnavailable, match=rf"127\.0\.0\.1:{port}/alpha.*refused") as failure:
        await connect(f"postgresql://u:hunter2@127.0.0.1:{port}/alpha", component="test")
    assert "hunter2" not in str(failure.value)


async def test_an_unknown_host_is_reported() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"no-such-host\.invalid"):
        await connect("postgresql://u@no-such-host.invalid/alpha", component="test")


async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match="no answer within"):
            await connect(f"postgresql://u@127.0.0.1:{port}/alpha?sslmode=disable", component="test")


async def test_the_next_address_of_a_host_is_tried(databases: Databases) -> None:
    url = databases.url("postgres").replace("host=", "host=%2Fnonexistent,")
    opened = await connect(url, component="test")
    assert await value(opened, "SELECT 1") == 1
    await opened.close()
