"""Whatever is cancelled, and whenever: nothing is lost, nothing hangs, the loop is never held."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Answered, Delivery, Reason, Unanswered
from alphapy.actors.kernel.registry import Registry
from tests.actors.kernel.support import ONE, PROBE, TWO, Echo, Journal, Letters, Note, probe_spec, running

if TYPE_CHECKING:
    from alphapy.actors.kernel.actor import Context


async def test_cancelling_the_run_settles_every_ask_and_gives_back_every_place(
    autojump_clock: MockClock,
) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        await trio.sleep_forever()

    budget = Budget(100)
    registry = Registry(dead_letters=Letters(), budget=budget, rng=random.Random(0))
    registry.register(PROBE, probe_spec(Journal(on_handle=on_handle)))
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await registry.ask(ONE, Echo("?"), timeout=1000))

    async with trio.open_nursery() as askers, trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        askers.start_soon(ask)
        askers.start_soon(ask)
        for number in range(5):
            registry.tell_event(TWO, Note(number))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert answers == [Unanswered(Reason.STOPPED)] * 2
    assert budget.statistics().used == 0
    assert registry.health() == ()
    assert registry.tell(ONE, Note(1)) is Delivery.STOPPED


async def test_nothing_holds_the_event_loop() -> None:
    """Handlers that never wait: others must still run, about every five milliseconds."""

    async def spin(_context: Context, _message: object) -> None:
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass

    journal = Journal(on_handle=spin)
    turns = 0
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(100):
            house.registry.tell(ONE, Note(number))
        while len(journal.handled) < 100:
            turns += 1
            await trio.lowlevel.checkpoint()
    assert turns >= 15


async def test_many_quick_messages_do_not_hold_it_either(autojump_clock: MockClock) -> None:
    """On a clock that stands still only the count can end a slice."""
    journal = Journal()
    turns = 0
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(1000):
            house.registry.tell(ONE, Note(number))
        while len(journal.handled) < 1000:
            turns += 1
            await trio.lowlevel.checkpoint()
    assert turns >= 15


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=12),
    st.floats(0.1, 2),
)
def test_askers_may_leave_at_any_moment(plan: list[tuple[float, float]], work: float) -> None:
    """Each asker starts and gives up at its own time: it gets its own answer or leaves; the actor goes on."""
    outcomes: dict[int, object] = {}

    async def on_handle(_context: Context, _message: object) -> None:
        await trio.sleep(work)

    async def ask(registry: Registry, number: int, start: float, patience: float) -> None:
        await trio.sleep(start)
        with trio.move_on_after(patience):
            outcomes[number] = await registry.ask(ONE, Echo(str(number)), timeout=2.5)

    async def follow() -> None:
        async with running({PROBE: probe_spec(Journal(on_handle=on_handle))}) as house:
            async with trio.open_nursery() as nursery:
                for number, (start, patience) in enumerate(plan):
                    nursery.start_soon(ask, house.registry, number, start, patience)
            answer = await house.registry.ask(ONE, Echo("last"), timeout=100)
            assert answer == Answered("last")

    trio.run(follow, clock=MockClock(autojump_threshold=0))
    for number, outcome in outcomes.items():
        assert outcome in (Answered(str(number)), Unanswered(Reason.TIMED_OUT))
