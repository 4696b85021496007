"""Actors start on their first message, sleep when idle and come back; nothing told meanwhile is lost."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.actors.kernel.actor import Context, Unavailable
from alphapy.actors.kernel.bus import Answered, Delivery
from alphapy.actors.kernel.health import ActorState
from tests.actors.kernel.support import ONE, PROBE, TWO, Boom, Echo, Journal, Note, probe_spec, running

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_messages_queue_while_the_actor_loads(autojump_clock: MockClock) -> None:
    loading = trio.Event()

    async def load(_context: Context) -> None:
        await loading.wait()

    journal = Journal(on_load=load)
    async with running({PROBE: probe_spec(journal)}) as house:
        assert house.registry.find(ONE) is None
        assert house.registry.running(PROBE) == ()
        for number in range(3):
            assert house.registry.tell(ONE, Note(number)) is Delivery.ACCEPTED
        await trio.testing.wait_all_tasks_blocked()
        assert house.found().state is ActorState.STARTING
        assert house.found().normal_depth == 3
        await trio.sleep(2)
        assert house.found().busy_seconds == 2
        loading.set()
        await trio.testing.wait_all_tasks_blocked()
        assert house.found().state is ActorState.RUNNING
        assert house.registry.running(PROBE) == (ONE,)
    assert journal.numbers == [0, 1, 2]


async def test_an_idle_actor_flushes_and_leaves_and_is_loaded_again_when_told(
    autojump_clock: MockClock,
) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal, idle_after=10.0)}) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(TWO, Note(2))
        await trio.sleep(6)
        house.registry.tell(TWO, Note(3))
        await trio.sleep(6)
        assert house.registry.running(PROBE) == (TWO,)
        assert journal.flushes == 1
        await trio.sleep(6)
        assert house.registry.running(PROBE) == ()
        assert await house.registry.ask(ONE, Echo("back"), timeout=1) == Answered("back")
        assert journal.loads == 3
        [kind] = house.registry.statistics()
        assert (kind.running, kind.started, kind.ended, kind.processed) == (1, 3, 2, 4)


async def test_an_actor_that_never_idles_stays(autojump_clock: MockClock) -> None:
    async with running({PROBE: probe_spec(Journal(), idle_after=None)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(80_000)
        assert house.registry.running(PROBE) == (ONE,)


async def test_what_is_told_during_the_flush_is_handled_by_the_same_incarnation(
    autojump_clock: MockClock,
) -> None:
    async def flush(context: Context) -> None:
        if journal.flushes == 1:
            await trio.sleep(1)
            context.bus.tell(context.address, Note(2))
            await trio.sleep(1)

    journal = Journal(on_flush=flush)
    async with running({PROBE: probe_spec(journal, idle_after=10.0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(15)
        assert journal.numbers == [1, 2]
        assert (journal.loads, journal.flushes) == (1, 1)
        assert house.registry.running(PROBE) == (ONE,)
        await trio.sleep(15)
        assert house.registry.running(PROBE) == ()


async def test_a_tell_at_the_very_moment_of_leaving_is_handled(autojump_clock: MockClock) -> None:
    """Tell at every moment around the passivation, to the tick; each message must be handled once."""
    journal = Journal()
    async with running({PROBE: probe_spec(journal, idle_after=1.0)}) as house:
        for number in range(50):
            assert house.registry.tell(ONE, Note(number)) is Delivery.ACCEPTED
            await trio.sleep(1.0)
            for _ in range(number % 7):
                await trio.lowlevel.checkpoint()
    assert journal.numbers == list(range(50))
    assert journal.loads > 1


async def test_leaving_has_no_checkpoint_between_the_last_look_and_the_address_book(
    autojump_clock: MockClock,
) -> None:
    """From the end of the flush until the actor is gone, no other task gets to run."""
    seen: list[bool] = []

    async def flush(context: Context) -> None:
        # Runs as soon as the flush lets go: the first task after it must find the actor gone.
        watcher = trio.lowlevel.current_task().parent_nursery
        assert watcher is not None
        await trio.lowlevel.checkpoint()
        watcher.start_soon(look)

    async def look() -> None:
        seen.append(house.registry.find(ONE) is None)
        await trio.lowlevel.checkpoint()

    journal = Journal(on_flush=flush)
    async with running({PROBE: probe_spec(journal, idle_after=1.0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(1.5)
        assert seen == [True]


async def test_children_and_timers_keep_an_actor_awake(autojump_clock: MockClock) -> None:
    async def work(context: Context, message: object) -> None:
        if message == Note(1):
            assert context.start(trio.sleep, 50)
        if message == Note(2):
            context.tell_after(50, Note(3))
        await trio.lowlevel.checkpoint()

    journal = Journal(on_handle=work)
    async with running({PROBE: probe_spec(journal, idle_after=10.0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(49)
        assert house.found().children == 1
        await trio.sleep(12)
        assert house.registry.find(ONE) is None
        house.registry.tell(ONE, Note(2))
        await trio.sleep(51)
        assert house.found().children == 0
        assert journal.numbers == [1, 2, 3]
        await trio.sleep(12)
        assert house.registry.find(ONE) is None


@pytest.mark.parametrize(
    "error", [Unavailable("gone"), ExceptionGroup("both", [Unavailable("a"), Unavailable("b")])]
)
async def test_an_outage_during_the_flush_keeps_the_actor_until_it_is_over(
    autojump_clock: MockClock, error: Exception
) -> None:
    async def flush(_context: Context) -> None:
        if journal.flushes < 3:
            raise error

    journal = Journal(on_flush=flush)
    async with running({PROBE: probe_spec(journal, idle_after=10.0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(25)
        health = house.found()
        assert (health.restarts, health.failed, health.postponed, journal.loads) == (0, 0, 2, 1)
        assert health.outage_seconds > 0
        await trio.sleep(10)
        assert house.registry.find(ONE) is None
        assert journal.flushes == 3


async def test_a_flush_that_crashes_is_a_crash(autojump_clock: MockClock) -> None:
    async def flush(_context: Context) -> None:
        if journal.flushes == 1:
            raise Boom("in flush")

    journal = Journal(on_flush=flush)
    async with running({PROBE: probe_spec(journal, idle_after=10.0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(12)
        assert (house.found().failed, house.found().restarts, journal.loads) == (1, 1, 2)
        await trio.sleep(10)
        assert house.registry.find(ONE) is None


async def test_an_actor_does_not_inherit_the_context_of_who_told_it(autojump_clock: MockClock) -> None:
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    async def load(_context: Context) -> None:
        seen.append(trace.get())

    async with running({PROBE: probe_spec(Journal(on_load=load))}) as house:
        trace.set("of the first teller")
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
    assert seen == ["none"]
