"""The ordered stop: intake off, drained, flushed, in order, within the deadline, and with a report."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing

from alphapy.actors.kernel.actor import Context, Unavailable
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery, Reason, Unanswered
from alphapy.actors.kernel.cell import Leftover
from alphapy.actors.kernel.registry import Registry, StopReport
from tests.actors.kernel.support import (
    ONE,
    PROBE,
    TWO,
    Boom,
    Crash,
    Echo,
    Journal,
    Letters,
    Note,
    probe_spec,
    running,
)

if TYPE_CHECKING:
    from trio.testing import MockClock


async def stop(registry: Registry, within: float) -> tuple[StopReport, float]:
    """Stop, and say how long it took."""
    started = trio.current_time()
    report = await registry.stop(deadline=started + within)
    return report, trio.current_time() - started


async def test_everything_accepted_is_handled_and_flushed(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        await trio.sleep(0.1)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(20):
            house.registry.tell(ONE, Note(number))
            house.registry.tell_event(TWO, Note(number))
        report, took = await stop(house.registry, 10)
        assert report == StopReport()
        assert report.is_clean
        assert 2.0 <= took < 2.1
        assert house.registry.tell(ONE, Note(99)) is Delivery.STOPPED
        assert house.registry.health() == ()
    assert sorted(journal.numbers) == sorted([*range(20), *range(20)])
    assert journal.flushes == 2


async def test_after_the_intake_is_off_only_events_are_refused(autojump_clock: MockClock) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.stop_intake()
        assert house.registry.tell_event(ONE, Note(1)) is Delivery.STOPPED
        assert house.registry.tell(ONE, Note(2)) is Delivery.ACCEPTED
    assert journal.numbers == [2]


async def test_guilds_stop_before_the_process_and_the_last_registered_first(
    autojump_clock: MockClock,
) -> None:
    order: list[str] = []
    audit = Address.process("audit")

    async def on_flush(context: Context) -> None:
        order.append(str(context.address))
        # To its very end an actor may tell what was registered before it, running or not.
        if context.address != audit:
            assert context.bus.tell(audit, Note(len(order))) is Delivery.ACCEPTED
            assert context.bus.tell(ONE, Note(0)) is Delivery.STOPPED

    journal, audited = Journal(on_flush=on_flush), Journal(on_flush=on_flush)
    first, second, log = "guild/*/first", "guild/*/second", "process/log"
    specs = {
        audit.path: probe_spec(audited),
        first: probe_spec(journal),
        log: probe_spec(journal),
        second: probe_spec(journal),
        PROBE: probe_spec(journal),
    }
    async with running(specs) as house:
        for path in ("process/log", "guild/1/first", "guild/1/second", "guild/1/probe"):
            house.registry.tell(Address(path), Note(100))
        await stop(house.registry, 60)
    assert order == ["guild/1/probe", "guild/1/second", "guild/1/first", "process/log", "process/audit"]
    assert sorted(audited.numbers) == [1, 2, 3, 4]


async def test_at_the_deadline_the_rest_is_left_children_are_cancelled_and_the_flush_still_runs(
    autojump_clock: MockClock,
) -> None:
    cancelled: list[str] = []

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.append("child")

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(0):
            context.start(child)
        await trio.sleep(4)

    async def on_flush(_context: Context) -> None:
        await trio.sleep(1)
        cancelled.append("flushed")

    journal = Journal(on_handle=on_handle, on_flush=on_flush)
    async with running({PROBE: probe_spec(journal, stop_within=8.0)}) as house:
        for number in range(5):
            house.registry.tell_event(ONE, Note(number))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await stop(house.registry, 100)
        assert report.leftovers == (Leftover(ONE, 4, None),)
        assert not report.is_clean
        assert took == pytest.approx(7)
    assert cancelled == ["child", "flushed"]
    assert journal.numbers == [0]


async def test_a_flush_that_hangs_is_cancelled_at_the_deadline(autojump_clock: MockClock) -> None:
    async def on_flush(_context: Context) -> None:
        await trio.sleep_forever()

    async with running({PROBE: probe_spec(Journal(on_flush=on_flush))}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await stop(house.registry, 5)
        assert took == pytest.approx(5)
        assert report.leftovers == (Leftover(ONE, 0, "the last flush took too long"),)


async def test_one_slow_kind_leaves_time_for_the_others(autojump_clock: MockClock) -> None:
    async def hang(_context: Context) -> None:
        await trio.sleep_forever()

    audited = Journal()
    specs = {
        "process/audit": probe_spec(audited),
        PROBE: probe_spec(Journal(on_flush=hang), stop_within=1000.0),
    }
    async with running(specs) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(Address.process("audit"), Note(2))
        await trio.testing.wait_all_tasks_blocked()
        _, took = await stop(house.registry, 10)
        assert took == pytest.approx(5)
    assert audited.flushes == 1


async def test_the_last_flush_is_repeated_during_an_outage(autojump_clock: MockClock) -> None:
    async def on_flush(_context: Context) -> None:
        if journal.flushes < 3:
            raise Unavailable

    journal = Journal(on_flush=on_flush)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        report, took = await stop(house.registry, 60)
        assert report.is_clean
        assert took == pytest.approx(3)


async def test_a_last_flush_that_crashes_is_reported(autojump_clock: MockClock) -> None:
    async def on_flush(_context: Context) -> None:
        raise Boom("cannot write")

    async with running({PROBE: probe_spec(Journal(on_flush=on_flush))}) as house:
        house.registry.tell(ONE, Note(1))
        report, _ = await stop(house.registry, 60)
        [leftover] = report.leftovers
        assert (leftover.address, leftover.messages) == (ONE, 0)
        assert "cannot write" in (leftover.error or "")


async def test_messages_behind_poison_are_drained_too(autojump_clock: MockClock) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal)}) as house:
        for message in (Note(1), Crash(), Note(2)):
            house.registry.tell(ONE, message)
        report, _ = await stop(house.registry, 60)
        assert report.is_clean
        assert [letter.message for letter in house.letters.kept] == [Crash()]
    assert journal.numbers == [1, 2]


@pytest.mark.parametrize("queued", [0, 2])
async def test_a_failed_actor_gets_one_more_try_only_for_what_it_still_has(
    autojump_clock: MockClock, queued: int
) -> None:
    async def on_load(_context: Context) -> None:
        if journal.built > 1:
            raise Boom("broken")

    async def on_handle(_context: Context, message: object) -> None:
        if message == Crash():
            await trio.sleep(1)

    journal = Journal(on_load=on_load, on_handle=on_handle)
    async with running({PROBE: probe_spec(journal, restarts=0, stop_within=100.0)}) as house:
        house.registry.tell(ONE, Note(0))
        await trio.testing.wait_all_tasks_blocked()
        journal.context.start(fail_at_once)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(queued):
            house.registry.tell_event(ONE, Note(number))
        report, took = await stop(house.registry, 200)
        assert took == pytest.approx(0)
        assert [left.messages for left in report.leftovers] == ([queued] if queued else [])


async def fail_at_once() -> None:
    raise Boom("child")


async def test_asks_left_over_are_answered(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        await trio.sleep_forever()

    answers: list[object] = []
    async with (
        running({PROBE: probe_spec(Journal(on_handle=on_handle))}) as house,
        trio.open_nursery() as nursery,
    ):

        async def ask(text: str) -> None:
            answers.append(await house.registry.ask(ONE, Echo(text), timeout=1000))

        nursery.start_soon(ask, "in hand")
        nursery.start_soon(ask, "queued")
        await trio.testing.wait_all_tasks_blocked()
        report, _ = await stop(house.registry, 5)
        assert [left.messages for left in report.leftovers] == [2]
        await trio.testing.wait_all_tasks_blocked()
    assert answers == [Unanswered(Reason.STOPPED)] * 2


async def test_timers_do_not_hold_up_the_stop_but_children_do(autojump_clock: MockClock) -> None:
    async def child(context: Context) -> None:
        await trio.sleep(2)
        context.tell_self(Note(2))

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1):
            context.start(child, context)
            context.tell_after(5, Note(3))

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await stop(house.registry, 60)
        assert report.is_clean
        assert took == pytest.approx(2)
    assert journal.numbers == [1, 2]


async def test_dead_letters_that_cannot_be_stored_are_reported(autojump_clock: MockClock) -> None:
    letters = Letters(refuses=lambda _letter: True)
    async with running({PROBE: probe_spec(Journal())}, letters=letters) as house:
        house.registry.tell(ONE, Crash())
        await trio.sleep(2)
        report, took = await stop(house.registry, 10)
        assert report == StopReport((), dead_letters=1)
        assert took == pytest.approx(10)


async def test_a_stop_while_loading_lets_the_actor_load_and_drain(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        await trio.sleep(1)

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        report, took = await stop(house.registry, 60)
        assert report.is_clean
        assert took == pytest.approx(1)
    assert (journal.numbers, journal.flushes) == ([1], 1)


async def test_a_load_that_hangs_is_given_up(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        await trio.sleep_forever()

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, _ = await stop(house.registry, 4)
        assert report.leftovers == (Leftover(ONE, 1, None),)
    assert journal.flushes == 0


async def test_stopping_what_never_ran_is_nothing() -> None:
    registry = Registry(dead_letters=Letters(), budget=Budget(1), rng=random.Random(0))
    registry.register(PROBE, probe_spec(Journal()))
    assert (await registry.stop(deadline=trio.current_time() + 1)).is_clean


async def test_a_stop_during_an_outage_is_bounded(autojump_clock: MockClock) -> None:
    journal = Journal(gone=True)
    spec = attrs.evolve(probe_spec(journal), stop_within=20.0)
    async with running({PROBE: spec}) as house:
        house.registry.tell_event(ONE, Note(1))
        await trio.sleep(1)
        report, took = await stop(house.registry, 60)
        assert report.leftovers == (Leftover(ONE, 1, None),)
        assert took == pytest.approx(15)


@pytest.mark.parametrize("hanging", ["handle", "flush"])
async def test_a_second_stop_may_be_in_more_of_a_hurry(autojump_clock: MockClock, hanging: str) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        if hanging == "handle":
            await trio.sleep_forever()

    async def on_flush(_context: Context) -> None:
        if hanging == "flush":
            await trio.sleep_forever()

    took: list[float] = []
    journal = Journal(on_handle=on_handle, on_flush=on_flush)
    async with running({PROBE: probe_spec(journal, stop_within=100.0)}) as house:

        async def stop_within(seconds: float) -> None:
            took.append((await stop(house.registry, seconds))[1])

        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_within, 60)
            await trio.sleep(1)
            nursery.start_soon(stop_within, 4)
            await trio.sleep(1)
            nursery.start_soon(stop_within, 90)
    # A handler must be done at three quarters of the four seconds, the flush at the end of them.
    expected = [2, 3, 4] if hanging == "handle" else [3, 4, 5]
    assert sorted(took) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("error", [Unavailable("gone"), Boom("broken")])
async def test_an_actor_that_cannot_be_loaded_is_given_up_in_time(
    autojump_clock: MockClock, error: Exception
) -> None:
    async def on_load(_context: Context) -> None:
        raise error

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await stop(house.registry, 8)
        assert [left.messages for left in report.leftovers] == [1]
        # Tried again while there is time to drain, and no longer.
        assert took < 6.0
        assert journal.built >= 3
