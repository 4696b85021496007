"""Units of work: all or nothing, also when they fail, are cancelled or lose their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
import trio

from alphapy.storage import transaction as transaction_module
from alphapy.storage.errors import DatabaseUnavailable, StorageError, TransactionAborted
from alphapy.storage.pool import Pool, open_pool
from alphapy.storage.transaction import Isolation, Transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTES = """
CREATE TABLE notes (id bigint PRIMARY KEY, body text);
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.body = 'slow' THEN PERFORM pg_sleep(30); END IF;
    IF NEW.body = 'lost' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    IF NEW.body = 'refused' THEN RAISE unique_violation; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
"""Notes whose body says what happens during COMMIT."""


@pytest.fixture
async def notes(scratch_database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection, so that each unit of work runs on the connection of the one before."""
    async with open_pool(scratch_database_url, min_size=1, max_size=1) as pool:
        async with pool.transaction("test") as tx:
            await tx.execute(NOTES)
        yield pool


async def add(tx: Transaction, number: int, body: str = "plain") -> None:
    assert await tx.execute("INSERT INTO notes VALUES (%s, %s)", (number, body)) == 1


async def numbers(pool: Pool) -> list[int]:
    async with pool.transaction("test") as tx:
        return [number for (number,) in await tx.fetch_all("SELECT id FROM notes ORDER BY id")]


async def test_what_a_transaction_reads(notes: Pool) -> None:
    async with notes.transaction("test") as tx:
        await add(tx, 1, "one")
        await add(tx, 2, "two")
        assert await tx.fetch_one("SELECT id, body FROM notes WHERE id = %s", (2,)) == (2, "two")
        assert await tx.fetch_one("SELECT id FROM notes WHERE id = %(id)s", {"id": 3}) is None
        assert await tx.fetch_all("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]
        assert await tx.fetch_value("SELECT count(*) FROM notes") == 2
        assert await tx.fetch_value("SELECT id FROM notes WHERE id = 3") is None
        assert await tx.execute("UPDATE notes SET body = 'x' WHERE body LIKE 't%'") == 1
    assert await numbers(notes) == [1, 2]


async def test_a_failing_block_undoes_everything(notes: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            raise ZeroDivisionError
    assert await numbers(notes) == []


async def test_a_failing_statement_passes_through_and_undoes_everything(notes: Pool) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            await add(tx, 1)
    assert await numbers(notes) == []
    assert notes.statistics().discarded == 0


async def test_a_swallowed_error_cannot_be_committed(notes: Pool) -> None:
    with pytest.raises(TransactionAborted, match="savepoint"):
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            with pytest.raises(psycopg.errors.UniqueViolation):
                await add(tx, 1)
    assert await numbers(notes) == []


async def test_a_savepoint_undoes_its_own_part_only(notes: Pool) -> None:
    async with notes.transaction("test") as tx:
        await add(tx, 1)
        with pytest.raises(psycopg.errors.UniqueViolation):
            async with tx.savepoint():
                await add(tx, 2)
                async with tx.savepoint():
                    await add(tx, 1)
        async with tx.savepoint():
            await add(tx, 3)
    assert await numbers(notes) == [1, 3]


async def test_a_cancelled_savepoint_leaves_the_transaction_usable(notes: Pool) -> None:
    async with notes.transaction("test") as tx:
        await add(tx, 1)
        with trio.move_on_after(0.05) as scope:
            async with tx.savepoint():
                await add(tx, 2)
                await tx.execute("SELECT pg_sleep(30)")
        assert scope.cancelled_caught
        await add(tx, 3)
    assert await numbers(notes) == [1, 3]


async def test_a_cancelled_block_is_rolled_back_and_the_connection_kept(notes: Pool) -> None:
    with trio.move_on_after(0.05) as scope:
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            await tx.execute("SELECT pg_sleep(30)")
    assert scope.cancelled_caught
    assert await numbers(notes) == []
    statistics = notes.statistics()
    assert (statistics.opened, statistics.discarded, statistics.rolled_back) == (1, 0, 1)


async def test_a_cancellation_does_not_stop_a_commit(notes: Pool) -> None:
    with trio.CancelScope() as scope:
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            scope.cancel()
    assert not scope.cancelled_caught
    assert await numbers(notes) == [1]


async def test_an_error_at_commit_passes_through(notes: Pool) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with notes.transaction("test") as tx:
            await add(tx, 1, "refused")
    assert await numbers(notes) == []
    assert notes.statistics().discarded == 0


async def test_a_commit_without_an_answer_is_in_doubt(notes: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction_module, "COMMIT_SECONDS", 0.1)
    with pytest.raises(DatabaseUnavailable, match="may or may not") as failure:
        async with notes.transaction("test") as tx:
            await add(tx, 1, "slow")
    assert failure.value.in_doubt
    assert await numbers(notes) == []
    assert notes.statistics().discarded == 1


async def test_a_connection_lost_during_commit_is_in_doubt(notes: Pool) -> None:
    with pytest.raises(DatabaseUnavailable) as failure:
        async with notes.transaction("test") as tx:
            await add(tx, 1, "lost")
    assert failure.value.lost
    assert failure.value.in_doubt
    assert await numbers(notes) == []


async def test_a_connection_lost_before_commit_is_not_in_doubt(notes: Pool) -> None:
    with pytest.raises(DatabaseUnavailable, match="lost") as failure:
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert failure.value.lost
    assert not failure.value.in_doubt
    assert isinstance(failure.value.__cause__, psycopg.OperationalError)
    assert await numbers(notes) == []


async def test_a_swallowed_loss_cannot_be_committed(notes: Pool) -> None:
    with pytest.raises(DatabaseUnavailable, match="before COMMIT") as failure:
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            with pytest.raises(DatabaseUnavailable):
                await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert not failure.value.in_doubt
    assert await numbers(notes) == []


async def test_a_rollback_without_an_answer_closes_the_connection(
    notes: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction_module, "ROLLBACK_SECONDS", 0.0)
    with pytest.raises(ZeroDivisionError):
        async with notes.transaction("test") as tx:
            await add(tx, 1)
            raise ZeroDivisionError
    assert await numbers(notes) == []
    assert notes.statistics().discarded == 1


async def test_a_transaction_cannot_be_used_after_its_end(notes: Pool) -> None:
    async with notes.transaction("test") as tx:
        pass
    with pytest.raises(StorageError, match="ended"):
        await tx.execute("SELECT 1")
    with pytest.raises(StorageError, match="ended"):
        async with tx.savepoint():
            raise AssertionError


async def test_the_settings_of_one_transaction_end_with_it(notes: Pool) -> None:
    async with notes.transaction(
        "exports", statement_timeout=60, isolation=Isolation.SERIALIZABLE, read_only=True
    ) as tx:
        assert await tx.fetch_value("SHOW application_name") == "alphapy:exports"
        assert await tx.fetch_value("SHOW statement_timeout") == "1min"
        assert await tx.fetch_value("SHOW transaction_isolation") == "serializable"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with tx.savepoint():
                await add(tx, 1)
    async with notes.transaction("test") as tx:
        assert await tx.fetch_value("SHOW application_name") == "alphapy:test"
        assert await tx.fetch_value("SHOW statement_timeout") == "10s"
        assert await tx.fetch_value("SHOW transaction_isolation") == "read committed"


async def test_the_statement_timeout_is_the_servers(notes: Pool) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
        async with notes.transaction("test", statement_timeout=0.05) as tx:
            await tx.execute("SELECT pg_sleep(30)")
    assert notes.statistics().discarded == 0


@pytest.mark.parametrize("component", ["", "Reminders", "x'; DROP TABLE notes; --", "x" * 50])
async def test_a_component_is_a_plain_name(notes: Pool, component: str) -> None:
    with pytest.raises(ValueError, match="not the name of a component"):
        async with notes.transaction(component):
            raise AssertionError
