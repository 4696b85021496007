"""Rows that are noted with the progress: kept outside of the actor, written once, waited for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing
from typing_extensions import override

from alphapy.actors.kernel.actor import Unavailable
from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.progress import (
    FLUSH_WITHIN,
    MOST_ROWS,
    WRITE_AFTER,
    WRITE_ROWS_AT,
    Progress,
    ProgressStore,
)
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from trio.testing import MockClock

    from alphapy.actors.kernel.noted import Standing

ONE = Address.guild(GuildId(1), "counter")
TWO = Address.guild(GuildId(2), "counter")


@attrs.frozen
class Event:
    """A place in the log."""

    seq: int
    session_id: str = "session"
    shard_id: int = 0
    key: int = 0
    closes: str = ""


@attrs.frozen
class Total:
    """How much somebody has."""

    key: int
    amount: int


@attrs.frozen
class Place:
    """Where somebody is: another kind, with the same keys."""

    key: int


@attrs.define
class Store(ProgressStore):
    """Keeps rows as a table would; fails as often as it is told to, before or after it has kept them."""

    table: dict[tuple[type, object], object] = attrs.field(factory=dict)
    seqs: dict[Address, int] = attrs.field(factory=dict)
    writes: int = 0
    failures: int = 0
    in_doubt: int = 0
    gate: trio.Event | None = None
    refused: set[Address] = attrs.field(factory=set)

    @override
    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is gone")
        refused = [standing for standing in standings if standing.address in self.refused]
        for standing in standings:
            if standing not in refused:
                self.seqs[standing.address] = standing.seq
                self.table |= {(type(row), row.key): row for row in standing.rows}
        self.writes += 1
        if self.in_doubt:
            self.in_doubt -= 1
            raise ConnectionError("was it committed?")
        return refused

    def totals(self) -> dict[int, int]:
        return {row.key: row.amount for row in self.table.values() if isinstance(row, Total)}


async def started(store: Store) -> Progress:
    progress = Progress(store, random.Random(1))
    await progress.begin(0, "session")
    return progress


def told(progress: Progress, address: Address, *seqs: int) -> list[Event]:
    events = [Event(seq) for seq in seqs]
    for event in events:
        progress.hand_on(event, [address])
    return events


def mark(progress: Progress) -> int:
    found = progress.shard(0)
    assert found is not None
    return found.mark


async def test_the_newest_row_of_a_key_is_written_with_the_progress() -> None:
    store = Store()
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(7, 1), Place(7)])
    mine.passed(told(progress, ONE, 2), [Total(7, 2), Total(8, 1)])
    ActorProgress(progress, TWO).passed(told(progress, TWO, 3), [Total(9, 1)])
    assert mine.waiting(Total, 7) == Total(7, 2)
    assert mine.waiting(Place, 8) is None
    assert progress.rows_waiting == 4
    assert store.table == {}
    assert await progress.write()
    assert store.writes == 1
    assert store.totals() == {7: 2, 8: 1, 9: 1}
    assert store.seqs == {ONE: 2, TWO: 3}
    assert (mark(progress), progress.rows_waiting) == (3, 0)
    assert mine.waiting(Total, 7) is None


async def test_rows_need_no_event(autojump_clock: MockClock) -> None:
    store = Store()
    progress = await started(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        ActorProgress(progress, ONE).passed((), [Total(7, 1)])
        await trio.sleep(WRITE_AFTER * 1.01)
        assert store.totals() == {7: 1}
        ActorProgress(progress, ONE).passed((), [Total(key, 1) for key in range(WRITE_ROWS_AT)])
        await trio.testing.wait_all_tasks_blocked()
        assert len(store.totals()) == WRITE_ROWS_AT, "many do not wait"
        nursery.cancel_scope.cancel()


async def test_a_failed_write_never_replaces_what_is_newer() -> None:
    store = Store(failures=1, gate=trio.Event())
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(7, 1), Total(8, 1)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.write)
        await trio.testing.wait_all_tasks_blocked()
        assert mine.waiting(Total, 7) == Total(7, 1), "what is being written is still here"
        mine.passed(told(progress, ONE, 2), [Total(7, 2)])
        assert mine.waiting(Total, 7) == Total(7, 2)
        assert mine.waiting(Total, 8) == Total(8, 1)
        assert store.gate is not None
        store.gate.set()
    assert await progress.write()
    assert store.totals() == {7: 2, 8: 1}
    assert mark(progress) == 2


async def test_a_write_that_is_cancelled_or_in_doubt_is_repeated() -> None:
    store = Store(gate=trio.Event())
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(7, 1)])
    with trio.move_on_after(0):
        await progress.write()
    assert mark(progress) == 0
    mine.passed(told(progress, ONE, 2), [Total(8, 1)])
    store.gate, store.in_doubt = None, 1
    assert not await progress.write()
    assert store.totals() == {7: 1, 8: 1}, "it was committed, though nobody knows"
    mine.passed(told(progress, ONE, 3), [Total(7, 2)])
    assert await progress.write()
    assert store.totals() == {7: 2, 8: 1}
    assert mark(progress) == 3


async def test_a_replay_counts_as_done_only_once_its_rows_are_written() -> None:
    store = Store()
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(7, 1)])
    assert mine.fresh(told(progress, ONE, 1)) == []
    assert mark(progress) == 0, "were the process to die now, it would have to come again"
    assert await progress.write()
    assert mark(progress) == 1
    assert mine.fresh(told(progress, ONE, 1)) == []
    assert mark(progress) == 1


async def test_a_new_session_keeps_the_rows_of_the_old_one() -> None:
    store = Store()
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(7, 1)])
    await progress.begin(0, "new")
    assert await progress.write()
    assert store.totals() == {7: 1}


async def test_what_is_counted_is_waited_for(autojump_clock: MockClock) -> None:
    store = Store(failures=2)
    progress = await started(store)
    mine = ActorProgress(progress, ONE)
    await mine.flushed()
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        mine.passed(told(progress, ONE, 1), [Total(7, 1)])
        began = trio.current_time()
        await mine.flushed()
        assert store.totals() == {7: 1}
        mine.passed(told(progress, ONE, 2), [Total(7, 2)])
        began = trio.current_time()
        await mine.flushed()
        assert trio.current_time() == began, "somebody waits, so it is written at once"
        nursery.cancel_scope.cancel()


async def test_nobody_waits_for_ever_for_what_cannot_be_written(autojump_clock: MockClock) -> None:
    store = Store(refused={ONE})
    progress = await started(store)
    mine, others = ActorProgress(progress, ONE), ActorProgress(progress, TWO)
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        mine.passed(told(progress, ONE, 1), [Total(7, 1)])
        others.passed(told(progress, TWO, 2), [Total(8, 1)])
        await others.flushed()
        assert store.totals() == {8: 1}
        began = trio.current_time()
        with pytest.raises(Unavailable, match="cannot be written"):
            await mine.flushed()
        assert trio.current_time() == began + FLUSH_WITHIN
        store.refused.clear()
        await mine.flushed()
        assert store.totals() == {7: 1, 8: 1}
        assert mark(progress) == 2
        nursery.cancel_scope.cancel()


async def test_too_many_rows_hold_the_actors_up() -> None:
    progress = await started(Store())
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, 1), [Total(key, 1) for key in range(MOST_ROWS)])
    with pytest.raises(Unavailable, match="too many"):
        mine.check()
    assert await progress.write()
    mine.check()


async def test_a_write_of_nothing_does_not_silence_the_writer(autojump_clock: MockClock) -> None:
    store = Store()
    progress = await started(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        await trio.testing.wait_all_tasks_blocked()
        assert await progress.write()
        mine = ActorProgress(progress, ONE)
        mine.passed(told(progress, ONE, 1), [Total(7, 1)])
        await mine.flushed()
        assert store.totals() == {7: 1}
        nursery.cancel_scope.cancel()
