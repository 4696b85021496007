"""Progress: the marks of sessions, what is noted and written behind, and what an actor skips."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Unavailable
from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.noted import Standing
from alphapy.actors.kernel.progress import (
    MOST_NOTED,
    WRITE_AFTER,
    WRITE_AT,
    Progress,
    ProgressStore,
    ShardProgress,
)
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from trio.testing import MockClock

ONE = Address.guild(GuildId(1), "listener")
TWO = Address.guild(GuildId(2), "listener")


@attrs.frozen
class Event:
    """A place in the log."""

    seq: int
    session_id: str = "session"
    shard_id: int = 0
    key: int = 0
    closes: str = ""


@attrs.define
class Store(ProgressStore):
    """Keeps what is written, and when; fails as often as it is told to."""

    written: list[tuple[Standing, ...]] = attrs.field(factory=list)
    at: list[float] = attrs.field(factory=list)
    failures: int = 0
    gate: trio.Event | None = None
    refused: set[Address] = attrs.field(factory=set)

    @override
    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is gone")
        self.written.append(tuple(standings))
        self.at.append(trio.current_time())
        return [standing for standing in standings if standing.address in self.refused]


def progress_of(store: Store) -> Progress:
    return Progress(store, random.Random(1))


def mark(progress: Progress, shard_id: int = 0) -> int:
    found = progress.shard(shard_id)
    assert found is not None
    return found.mark


def told(progress: Progress, address: Address, *seqs: int, session: str = "session") -> list[Event]:
    """Hand these events to this actor."""
    events = [Event(seq, session) for seq in seqs]
    for event in events:
        progress.hand_on(event, [address])
    return events


async def test_sessions_are_told_apart() -> None:
    progress = progress_of(Store())
    assert progress.shard(0) is None
    await progress.begin(0, "session", mark=5)
    await progress.begin(1, "other")
    (six,) = told(progress, ONE, 6)
    progress.hand_on(Event(1, "other", 1), ())
    assert progress.shards() == (
        ShardProgress(0, "session", 5, 6, 1),
        ShardProgress(1, "other", 1, 1, 0),
    )
    await progress.begin(0, "new")
    told(progress, ONE, 1, session="new")
    progress.acknowledge(six, ONE)
    assert progress.shard(0) == ShardProgress(0, "new", 0, 1, 1)


async def test_what_is_noted_of_many_is_written_with_one_statement(autojump_clock: MockClock) -> None:
    store = Store()
    progress = progress_of(store)
    await progress.begin(0, "session")
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        progress.note(ONE, told(progress, ONE, 1, 2))
        progress.note(TWO, told(progress, TWO, 3))
        progress.note(ONE, told(progress, ONE, 4))
        assert mark(progress) == 0
        assert progress.noted(ONE) == Standing(ONE, "session", 4)
        await trio.sleep(WRITE_AFTER * 1.01)
        assert store.written == [(Standing(ONE, "session", 4), Standing(TWO, "session", 3))]
        assert mark(progress) == 4
        assert progress.noted(ONE) is None
        progress.note(ONE, told(progress, ONE, *range(5, 5 + WRITE_AT)))
        await trio.testing.wait_all_tasks_blocked()
        assert store.at[1] == store.at[0] + WRITE_AFTER * 0.01, "a full batch does not wait"
        nursery.cancel_scope.cancel()


async def test_a_failed_write_is_kept_behind_what_was_noted_meanwhile(autojump_clock: MockClock) -> None:
    store = Store(failures=2)
    progress = progress_of(store)
    await progress.begin(0, "session")
    async with trio.open_nursery() as nursery:
        await nursery.start(progress.run)
        progress.note(ONE, told(progress, ONE, 1))
        await trio.sleep(WRITE_AFTER * 1.01)
        progress.note(ONE, told(progress, ONE, 2))
        progress.note(TWO, told(progress, TWO, 3))
        await trio.sleep(10)
        assert store.written == [(Standing(ONE, "session", 2), Standing(TWO, "session", 3))]
        assert mark(progress) == 3
        nursery.cancel_scope.cancel()


async def test_one_that_cannot_be_written_holds_up_nobody_else(autojump_clock: MockClock) -> None:
    store = Store(refused={ONE})
    progress = progress_of(store)
    await progress.begin(0, "session")
    progress.note(TWO, told(progress, TWO, 1))
    progress.note(ONE, told(progress, ONE, 2))
    assert not await progress.write()
    assert mark(progress) == 1
    assert progress.noted(TWO) is None
    assert progress.noted(ONE) == Standing(ONE, "session", 2)
    store.refused.clear()
    assert await progress.write()
    assert store.written[-1] == (Standing(ONE, "session", 2),)
    assert mark(progress) == 2


async def test_what_is_noted_while_a_write_fails_comes_after_it() -> None:
    store = Store(failures=1, gate=trio.Event())
    progress = progress_of(store)
    await progress.begin(0, "session")
    progress.note(ONE, told(progress, ONE, 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.write)
        await trio.testing.wait_all_tasks_blocked()
        progress.note(ONE, told(progress, ONE, 2))
        assert store.gate is not None
        store.gate.set()
    assert progress.noted(ONE) == Standing(ONE, "session", 2)
    assert await progress.write()
    assert mark(progress) == 2


async def test_a_new_session_waits_for_the_write_and_drops_what_is_old() -> None:
    store = Store(gate=trio.Event())
    progress = progress_of(store)
    await progress.begin(0, "session")
    progress.note(ONE, told(progress, ONE, 1))
    began = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.write)
        await trio.testing.wait_all_tasks_blocked()
        progress.note(TWO, told(progress, TWO, 2))

        async def begin() -> None:
            await progress.begin(0, "new")
            began.set()

        nursery.start_soon(begin)
        await trio.testing.wait_all_tasks_blocked()
        assert not began.is_set()
        assert store.gate is not None
        store.gate.set()
    assert began.is_set()
    assert progress.noted(TWO) is None
    progress.note(ONE, [Event(9, "session")])
    assert progress.noted(ONE) is None, "it cannot come again"


async def test_a_letter_on_its_way_holds_back_its_actor_only() -> None:
    store = Store()
    progress = progress_of(store)
    await progress.begin(0, "session")
    progress.letter_waits(ONE)
    progress.note(ONE, told(progress, ONE, 1))
    progress.note(TWO, told(progress, TWO, 2))
    assert not await progress.write()
    assert store.written == [(Standing(TWO, "session", 2),)]
    progress.letter_settled(ONE)
    assert await progress.write()
    assert mark(progress) == 2


async def test_an_actor_skips_what_it_has_dealt_with_and_acknowledges_it() -> None:
    progress = progress_of(Store())
    await progress.begin(0, "session")
    mine = ActorProgress(progress, ONE)
    mine.restore(("session", 2))
    events = told(progress, ONE, 1, 2, 3)
    assert mine.fresh(events) == events[2:]
    assert mark(progress) == 2
    mine.committed(events[2:])
    assert mark(progress) == 3
    assert mine.fresh(events) == []
    again = Event(0, "")
    assert mine.fresh([again]) == [again], "what has no place in the log is always fresh"
    mine.committed([again])
    assert mine.fresh(events) == []
    assert mine.last([events[0], again]) == events[0]
    assert mine.last([again]) is None


async def test_another_session_is_fresh() -> None:
    progress = progress_of(Store())
    mine = ActorProgress(progress, ONE)
    mine.restore(("old", 100))
    event = Event(1)
    assert mine.fresh([event]) == [event]
    mine.restore(None)
    assert mine.fresh([event]) == [event]


async def test_an_incarnation_goes_on_from_what_is_not_written_yet() -> None:
    progress = progress_of(Store())
    await progress.begin(0, "session")
    ActorProgress(progress, ONE).passed(told(progress, ONE, 1, 2))
    reborn = ActorProgress(progress, ONE)
    reborn.restore(("session", 1))
    assert reborn.fresh([Event(2)]) == []
    reborn.restore(("session", 7))
    assert reborn.fresh([Event(7)]) == []
    reborn.restore(("old", 7))
    assert reborn.fresh([Event(2)]) == []


async def test_an_outage_holds_the_actors_up_before_memory_is_full() -> None:
    store = Store(failures=1)
    progress = progress_of(store)
    await progress.begin(0, "session")
    mine = ActorProgress(progress, ONE)
    mine.passed(told(progress, ONE, *range(1, MOST_NOTED)))
    mine.check()
    mine.passed(told(progress, ONE, MOST_NOTED))
    with pytest.raises(Unavailable, match="too many"):
        mine.check()
    assert not await progress.write()
    assert progress.is_backed_up
    assert await progress.write()
    mine.check()
    assert mark(progress) == MOST_NOTED


async def test_a_new_session_clears_what_backed_up() -> None:
    progress = progress_of(Store(failures=1))
    await progress.begin(0, "session")
    progress.note(ONE, told(progress, ONE, *range(1, MOST_NOTED + 1)))
    await progress.begin(0, "new")
    assert not progress.is_backed_up
