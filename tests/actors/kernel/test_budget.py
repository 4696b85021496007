"""The global budget of queued events."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery
from tests.actors.kernel.support import ONE, PROBE, TWO, Journal, Note, probe_spec, running


@given(st.integers(1, 50), st.lists(st.integers(-5, 5), max_size=50))
def test_places_are_counted(limit: int, changes: list[int]) -> None:
    budget = Budget(limit)
    used = peak = 0
    for change in changes:
        if change >= 0:
            budget.take(change)
        elif used + change < 0:
            with pytest.raises(ValueError, match="given back"):
                budget.give(-change)
            continue
        else:
            budget.give(-change)
        used += change
        peak = max(peak, used)
        assert budget.has_room == (used < limit)
    statistics = budget.statistics()
    assert (statistics.used, statistics.peak, statistics.limit) == (used, peak, limit)
    assert 1 <= statistics.share <= limit


@pytest.mark.parametrize(("limit", "share"), [(0, None), (-1, None), (5, 0), (5, 6)])
def test_what_is_no_budget(limit: int, share: int | None) -> None:
    with pytest.raises(ValueError, match="not a budget"):
        Budget(limit, share=share)


async def test_a_shard_waits_while_the_budget_is_spent() -> None:
    budget = Budget(16)
    with trio.testing.assert_checkpoints():
        await budget.wait_for_room()
    budget.take(17)
    readers: list[int] = []

    async def read(shard: int) -> None:
        await budget.wait_for_room()
        readers.append(shard)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, 0)
        nursery.start_soon(read, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert budget.statistics().waiting == 2
        budget.give(2)
        await trio.testing.wait_all_tasks_blocked()
        assert not readers, "room is announced with some slack"
        budget.give(1)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(readers) == [0, 1]
    assert budget.statistics().waits == 2


async def test_a_waiter_may_be_cancelled() -> None:
    budget = Budget(1)
    budget.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(budget.wait_for_room)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    budget.give()
    assert budget.statistics().waiting == 0
    await budget.wait_for_room()


async def test_events_hold_their_place_until_they_are_done() -> None:
    gate = trio.Event()

    async def wait(_context: object, _message: object) -> None:
        await gate.wait()

    journal = Journal(on_handle=wait)
    async with running({PROBE: probe_spec(journal, batched=True, batch=4)}, budget=Budget(100)) as house:
        for number in range(10):
            house.registry.tell_event(ONE, Note(number))
            house.registry.tell(ONE, Note(number + 100))
        await trio.testing.wait_all_tasks_blocked()
        assert house.budget.statistics().used == 10
        assert house.found().events == 10
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert house.budget.statistics().used == 0
        assert house.found().events == 0
    assert len(journal.handled) == 20


async def test_one_busy_guild_gets_its_share_and_no_more() -> None:
    gate = trio.Event()

    async def wait(_context: object, _message: object) -> None:
        await gate.wait()

    journal = Journal(on_handle=wait)
    async with running({PROBE: probe_spec(journal)}, budget=Budget(10, share=6)) as house:
        outcomes = [house.registry.tell_event(ONE, Note(number)) for number in range(8)]
        assert outcomes == [Delivery.ACCEPTED] * 6 + [Delivery.FULL] * 2
        assert house.found().refused == 2
        assert house.budget.has_room
        assert house.registry.tell_event(TWO, Note(0)) is Delivery.ACCEPTED
        gate.set()


async def test_during_an_outage_the_shard_waits_instead_of_losing_events(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Journal(gone=True)
    async with running({PROBE: probe_spec(journal)}, budget=Budget(10, share=5)) as house:
        house.registry.tell_event(ONE, Note(0))
        await trio.testing.wait_all_tasks_blocked()
        outcomes = [house.registry.tell_event(ONE, Note(number)) for number in range(1, 10)]
        assert outcomes == [Delivery.ACCEPTED] * 9
        assert not house.budget.has_room
        journal.gone = False
        with trio.fail_after(60):
            await house.budget.wait_for_room()
    assert journal.numbers == list(range(10))
