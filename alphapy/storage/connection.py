"""psycopg 3 natively on Trio: how a connection waits, is cancelled, connects and closes.

psycopg writes its protocol as generators that never touch I/O and say what they wait for; this module is the
waiter that they need under Trio. Nothing here or below it touches an asyncio event loop.

Failure modes: a cancelled query is cancelled on the server and its answer drained, all under a shield with a
deadline, so that the connection ends up outside any statement; when that does not succeed in time, the
connection is closed. It is never left busy. Whether it is inside a transaction is the business of
``transaction.py``.
"""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import psycopg
import trio
from psycopg import generators, pq
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, tuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg.types.string import StrDumperUnknown
from psycopg.waiting import Ready, Wait
from typing_extensions import override

from alphapy.storage.dsn import redacted
from alphapy.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from psycopg.abc import PQGen, PQGenConn
    from psycopg.pq.abc import PGconn
    from psycopg.rows import AsyncRowFactory

CONNECT_SECONDS = 5.0
"""Deadline for connecting, over all addresses of the host together."""

SETTLE_SECONDS = 3.0
"""Deadline for bringing a connection out of a cancelled statement, before it is closed."""

CANCEL_AGAIN_SECONDS = 0.5
"""A cancel request that comes between two statements of one call has no effect, so it is repeated."""

SESSION_SETTINGS = (
    "SET TimeZone = 'UTC'; SET statement_timeout = '10s'; SET lock_timeout = '5s';"
    " SET idle_in_transaction_session_timeout = '30s'"
)
"""What every session runs with (spec/schema.md section 2.0)."""

_KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""libpq parameters: a peer that vanished is noticed after a minute even while nothing is sent."""

_ACTIVE = pq.TransactionStatus.ACTIVE

T = TypeVar("T")


class _Lock:
    """A Trio lock that costs nothing while it is free; the wait that follows is the checkpoint."""

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def __aenter__(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class TrioConnection(psycopg.AsyncConnection[TupleRow]):
    """A psycopg connection that waits on Trio. Made by :func:`connect`; in autocommit mode."""

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[TupleRow] = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self.lock = _Lock()  # type: ignore[assignment]  # psycopg only ever enters it
        self._autocommit = True  # transactions are opened by transaction.py, never by psycopg
        self._descriptor = pgconn.socket

    @override
    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Run a protocol generator; ``interval`` is of no use here, ``timeout`` is in seconds."""
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            if timeout is None:
                return await _drive(gen, self._descriptor, None)
            with trio.move_on_after(timeout):
                return await _drive(gen, self._descriptor, None)
            raise psycopg.errors._WaitTimeout("wait timeout expired")  # noqa: SLF001 - what psycopg expects of wait()
        except psycopg.Error:
            raise
        except BaseException:
            await self._settle(gen)
            raise

    async def _settle(self, gen: PQGen[Any]) -> None:
        """Leave the interrupted statement: cancel it on the server and read its answer, or close."""
        if not self._busy():
            return
        with (
            trio.CancelScope(shield=True, deadline=trio.current_time() + SETTLE_SECONDS),
            contextlib.suppress(psycopg.Error, OSError),
        ):
            while not await self._cancel_and_drain(gen):
                pass
        if self._busy():
            self.finish()

    def _busy(self) -> bool:
        return not self.closed and self.pgconn.transaction_status == _ACTIVE

    async def _cancel_and_drain(self, gen: PQGen[Any]) -> bool:
        """Whether the statement has ended, by itself or by the request.

        The request must be complete before anything else is sent: the server signals the backend before it
        closes the request's connection, so that a completed request cannot hit a later statement.
        """
        await _drive_connecting(self._cancel_gen())
        with trio.move_on_after(CANCEL_AGAIN_SECONDS) as patience:
            await _drive(gen, self._descriptor, _READY_NONE)
        return not patience.cancelled_caught

    async def run_statements(self, statements: str) -> None:
        """Send statements without parameters in one round trip; the first error is raised."""
        async with self.lock:
            await self.wait(self._statements_gen(statements))

    def _statements_gen(self, statements: str) -> PQGen[None]:
        self.pgconn.send_query(statements.encode())
        for result in (yield from generators.execute(self.pgconn)):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")

    @override
    async def close(self) -> None:
        """Close; never waits."""
        self.finish()

    def finish(self) -> None:
        """Close at once, whatever the connection is doing; whoever waits on it is told."""
        self._closed = True
        if self._has_socket():
            trio.lowlevel.notify_closing(self._descriptor)
        self.pgconn.finish()

    def _has_socket(self) -> bool:
        # libpq closes the socket itself when it finds the connection lost; the number may then be another's.
        try:
            return self.pgconn.socket == self._descriptor
        except psycopg.OperationalError:
            return False

    def quiet(self) -> bool:
        """Whether an idle connection has nothing to read: anything there would be its end being announced."""
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)


async def connect(dsn: str, *, component: str) -> TrioConnection:
    """Connect and set the session up; raises :class:`DatabaseUnavailable` within ``CONNECT_SECONDS``."""
    error: Exception | None = None
    with trio.move_on_after(CONNECT_SECONDS):
        try:
            return await _connect(dsn, component)
        except (psycopg.Error, OSError) as failed:
            error = failed
    detail = " ".join(str(error).split()) if error else f"no answer within {CONNECT_SECONDS:.0f} s"
    raise DatabaseUnavailable(redacted(dsn), detail) from error


async def _connect(dsn: str, component: str) -> TrioConnection:
    parameters = {**_KEEPALIVES, **conninfo_to_dict(dsn, application_name=f"alphapy:{component}")}
    parameters["client_encoding"] = "UTF8"
    # Looking names up blocks, so that it happens in a worker thread.
    attempts = await trio.to_thread.run_sync(conninfo_attempts, parameters, abandon_on_cancel=True)
    for number, attempt in enumerate(attempts, 1):
        try:
            connection = await _drive_connecting(TrioConnection._connect_gen(make_conninfo("", **attempt)))  # noqa: SLF001 - psycopg has no public successor yet
        except psycopg.OperationalError:
            if number == len(attempts):
                raise
        else:
            break
    else:
        raise psycopg.OperationalError("the host has no address")
    try:
        _adapt(connection)
        await connection.run_statements(SESSION_SETTINGS)
    except BaseException:
        connection.finish()
        raise
    return connection


# --- the waiters ---

_READY_NONE, _READY_R, _READY_W = int(Ready.NONE), int(Ready.R), int(Ready.W)
_WAIT_R, _WAIT_W = int(Wait.R), int(Wait.W)


async def _drive(gen: PQGen[T], descriptor: int, first: int | None) -> T:
    """Run a generator whose socket does not change to its end; ``first`` resumes one that was interrupted."""
    try:
        wanted = gen.send(first)  # type: ignore[arg-type]  # None starts a generator
        while True:
            wanted = gen.send(await _wait_ready(descriptor, wanted))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _drive_connecting(gen: PQGenConn[T]) -> T:
    """Run a generator that names its socket each time, as connecting and cancelling do."""
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        descriptor, wanted = next(gen)
        while True:
            descriptor, wanted = gen.send(await _wait_ready(descriptor, wanted))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        gen.close()


async def _wait_ready(descriptor: int, wanted: int) -> int:
    try:
        if wanted == _WAIT_R:
            await trio.lowlevel.wait_readable(descriptor)
            return _READY_R
        if wanted == _WAIT_W:
            await trio.lowlevel.wait_writable(descriptor)
            return _READY_W
        return await _wait_either(descriptor)
    except (OSError, trio.ClosedResourceError) as error:
        raise psycopg.OperationalError("the connection was closed while it was in use") from error


async def _wait_either(descriptor: int) -> int:
    """Wait until the socket can be read or written; nearly always it can be written at once."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLOUT)
    if not poll.poll(0):
        async with trio.open_nursery() as nursery:

            async def first(wait: Callable[[int], Awaitable[None]]) -> None:
                await wait(descriptor)
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, trio.lowlevel.wait_readable)
            nursery.start_soon(first, trio.lowlevel.wait_writable)
    else:
        await trio.lowlevel.checkpoint()
    ready = 0
    for _, events in poll.poll(0):
        ready |= _READY_R if events & ~select.POLLOUT else 0  # an error is found out by reading
        ready |= _READY_W if events & select.POLLOUT else 0
    return ready


# --- values ---


class _TextDumper(StrDumperUnknown):
    """Text as PostgreSQL can store it: without NUL characters (spec/schema.md section 8)."""

    @override
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "") if "\x00" in obj else obj)


def _dump_json(value: object) -> bytes:
    encoded = msgspec.json.encode(value)
    return (
        msgspec.json.encode(_without_nul(msgspec.json.decode(encoded))) if b"\\u0000" in encoded else encoded
    )


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _adapt(connection: TrioConnection) -> None:
    connection.adapters.register_dumper(str, _TextDumper)
    set_json_dumps(_dump_json, connection)
    set_json_loads(msgspec.json.decode, connection)
