"""One unit of work on one connection.

Failure modes: an exception or a cancellation in the block rolls back; a COMMIT is never interrupted half-way
by a cancellation. Both run under a shield with a deadline, after which the connection is closed and the
server rolls back by itself. After a lost connection nothing of the unit has taken effect, unless the error
says ``in_doubt``.
"""

from __future__ import annotations

import contextlib
import enum
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import trio
from psycopg import pq

from alphapy.storage.errors import DatabaseUnavailable, StorageError, TransactionAborted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from psycopg import sql
    from psycopg.rows import TupleRow

    from alphapy.storage.connection import TrioConnection

    Query = LiteralString | bytes | sql.SQL | sql.Composed
    Parameters = Sequence[Any] | Mapping[str, Any]

COMMIT_SECONDS = 15.0
"""Deadline for COMMIT, beyond the server's own statement timeout."""

ROLLBACK_SECONDS = 3.0
"""Deadline for ROLLBACK; closing the connection does the same."""

_IDLE = pq.TransactionStatus.IDLE
_INERROR = pq.TransactionStatus.INERROR


class Isolation(enum.Enum):
    """What a transaction sees of others (https://www.postgresql.org/docs/current/transaction-iso.html)."""

    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"
    SERIALIZABLE = "SERIALIZABLE"


class Transaction:
    """What a unit of work may do. Handed out by ``Pool.transaction``; used by one task, until its block ends.

    Parameters are written ``%s`` or ``%(name)s``; a literal per cent sign is ``%%`` where there are
    parameters. Text loses its NUL characters, which PostgreSQL cannot store. The server's errors pass
    through, a lost connection is a :class:`DatabaseUnavailable`.
    """

    __slots__ = ("_connection", "_database", "_ended", "_savepoints")

    def __init__(self, connection: TrioConnection, database: str) -> None:
        self._connection = connection
        self._database = database
        self._savepoints = 0
        self._ended = False

    async def execute(self, query: Query, params: Parameters = ()) -> int:
        """Run a statement; the number of rows it returned or changed (-1 where there is no such number)."""
        return (await self._run(query, params)).rowcount

    async def fetch_one(self, query: Query, params: Parameters = ()) -> tuple[Any, ...] | None:
        """The first row, None when there is none."""
        return await (await self._run(query, params)).fetchone()

    async def fetch_all(self, query: Query, params: Parameters = ()) -> list[tuple[Any, ...]]:
        """Every row, all in memory: give the statement a LIMIT."""
        return await (await self._run(query, params)).fetchall()

    async def fetch_value(self, query: Query, params: Parameters = ()) -> Any:
        """The first column of the first row, None when there is no row."""
        row = await self.fetch_one(query, params)
        return None if row is None else row[0]

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what the block did when it fails, without giving up the transaction."""
        self._savepoints += 1
        name = f"s{self._savepoints}"
        await self._statements(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            # Where this fails the transaction stays aborted, and its own end takes care of the connection.
            with (
                trio.CancelScope(shield=True, deadline=trio.current_time() + ROLLBACK_SECONDS),
                contextlib.suppress(psycopg.Error, StorageError),
            ):
                await self._statements(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        await self._statements(f"RELEASE SAVEPOINT {name}")

    async def _run(self, query: Query, params: Parameters) -> psycopg.AsyncCursor[TupleRow]:
        self._check_open()
        cursor = self._connection.cursor()
        try:
            return await cursor.execute(query, params or None)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise self._translated(error) from error

    async def _statements(self, statements: str) -> None:
        self._check_open()
        try:
            await self._connection.run_statements(statements)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise self._translated(error) from error

    def _translated(self, error: psycopg.Error, *, in_doubt: bool = False) -> Exception:
        if not self._connection.closed:
            return error
        return DatabaseUnavailable(self._database, " ".join(str(error).split()), lost=True, in_doubt=in_doubt)

    def _check_open(self) -> None:
        if self._ended:
            raise StorageError("The transaction has ended; open another one.")

    async def _commit(self) -> None:
        connection = self._connection
        if connection.closed:
            raise DatabaseUnavailable(self._database, "it was lost before COMMIT", lost=True)
        if connection.pgconn.transaction_status == _INERROR:
            raise TransactionAborted(
                "A statement failed and its error was swallowed, so that nothing can be committed; "
                "put statements that may fail into a savepoint."
            )
        with trio.CancelScope(shield=True, deadline=trio.current_time() + COMMIT_SECONDS) as patience:
            try:
                await connection.commit()
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                raise self._translated(error, in_doubt=True) from error
        if patience.cancelled_caught:
            connection.finish()
            detail = f"no answer to COMMIT within {COMMIT_SECONDS:.0f} s"
            raise DatabaseUnavailable(self._database, detail, lost=True, in_doubt=True)

    async def _roll_back(self) -> None:
        connection = self._connection
        if connection.closed or connection.pgconn.transaction_status == _IDLE:
            return
        with (
            trio.CancelScope(shield=True, deadline=trio.current_time() + ROLLBACK_SECONDS),
            contextlib.suppress(psycopg.Error),
        ):
            await connection.rollback()
        if connection.pgconn.transaction_status != _IDLE:
            connection.finish()


@asynccontextmanager
async def open_transaction(
    connection: TrioConnection, begin: str, database: str
) -> AsyncIterator[Transaction]:
    """Run the block inside a transaction that the statements of ``begin`` open; commits when it ends well."""
    transaction = Transaction(connection, database)
    try:
        await transaction._statements(begin)  # noqa: SLF001 - the two halves of one thing
        yield transaction
        await transaction._commit()  # noqa: SLF001
    except BaseException:
        await transaction._roll_back()  # noqa: SLF001
        raise
    finally:
        transaction._ended = True  # noqa: SLF001
