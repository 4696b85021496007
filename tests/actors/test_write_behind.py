"""Rows are stored in order, each once; a poisonous one costs itself alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphapy.actors.write_behind import Rows, WriteBehind
from alphapy.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Table:
    """A table with a database around it, which fails as it is told."""

    def __init__(self, *plan: str) -> None:
        self.rows: list[int] = []
        self.plan = list(plan)
        self.poison: set[int] = set()

    async def run(self, _component: str, work: Any, **_options: Any) -> Any:
        await trio.lowlevel.checkpoint()
        step = self.plan.pop(0) if self.plan else "ok"
        if step == "gone":
            raise DatabaseUnavailable("db", "gone", lost=True)
        if step == "full":
            raise psycopg.errors.DiskFull("full")
        before = list(self.rows)
        try:
            found = await work(self)
        except psycopg.Error:
            self.rows = before
            raise
        if step == "doubt, stored":
            raise DatabaseUnavailable("db", "gone", lost=True, in_doubt=True)
        if step == "doubt, not stored":
            self.rows = before
            raise DatabaseUnavailable("db", "gone", lost=True, in_doubt=True)
        return found


async def insert(tx: Any, rows: Sequence[int]) -> None:
    if tx.poison & set(rows):
        raise psycopg.errors.UntranslatableCharacter("poison")
    tx.rows += rows


async def contains(tx: Any, row: int) -> bool:
    return row in tx.rows


def queue(table: Any, *, batch: int = 3, most: int = 1000) -> WriteBehind[int]:
    rows: Rows[int] = Rows(component="test", insert=insert, contains=contains, batch=batch, most=most)
    return WriteBehind(table, rows)


@given(
    st.lists(st.sampled_from(["ok", "gone", "full", "doubt, stored", "doubt, not stored"]), max_size=12),
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_database_does_every_row_is_stored_once_and_in_order(
    plan: list[str], adds: list[int]
) -> None:
    async def main() -> None:
        table = Table(*plan)
        waiting = queue(table)
        number = 0
        for count in adds:
            for _ in range(count):
                waiting.add(number)
                number += 1
            await waiting.store()
        while not await waiting.store():
            pass
        assert table.rows == list(range(number))
        assert not len(waiting)

    trio.run(main)


async def test_a_poisonous_row_is_dropped_alone(caplog: pytest.LogCaptureFixture) -> None:
    table = Table()
    table.poison = {4}
    waiting = queue(table, batch=10)
    for number in range(10):
        waiting.add(number)
    assert await waiting.store()
    assert table.rows == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert [vars(record)["event"] for record in caplog.records] == ["row_poison"]


async def test_the_oldest_make_room_and_one_warning_a_minute_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = Table("doubt, stored")
    waiting = queue(table, batch=2, most=4)
    for number in range(4):
        waiting.add(number)
    assert not await waiting.store()
    for number in range(4, 7):
        waiting.add(number)
    assert await waiting.store()
    assert table.rows == [0, 1, 3, 4, 5, 6]
    drops = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [vars(record)["event"] for record in drops] == ["rows_wait", "rows_dropped"]
