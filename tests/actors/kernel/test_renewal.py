"""A restart that somebody asked for: in order, with nothing lost, and nothing done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapy.actors.kernel.actor import Context, Unavailable
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.cell import UNHEALTHY_AFTER
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.registry import RestartReport
from tests.actors.kernel.support import (
    ONE,
    PROBE,
    STEADY,
    TWO,
    Boom,
    Crash,
    Echo,
    House,
    Journal,
    Note,
    probe_spec,
    running,
)

if TYPE_CHECKING:
    from trio.testing import MockClock


async def restart(house: House, within: float = 10.0) -> tuple[RestartReport, float]:
    """Restart the probes, and say how long it took."""
    started = trio.current_time()
    report = await house.registry.restart([PROBE], deadline=started + within)
    return report, trio.current_time() - started


async def slowly(_context: Context, _message: object) -> None:
    await trio.sleep(1)


async def test_what_waits_is_handled_by_the_new_life_in_order(autojump_clock: MockClock) -> None:
    journal = Journal(on_handle=slowly)
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(5):
            house.registry.tell(ONE, Note(number))
        await trio.sleep(0.5)
        report, took = await restart(house)
        assert report == RestartReport(1)
        assert took == 0.5
        assert journal.numbers == [0]
        assert (journal.built, journal.loads, journal.flushes) == (2, 2, 1)
        found = house.found()
        assert (found.state, found.restarts, found.failed) == (ActorState.RUNNING, 0, 0)
        house.registry.tell(ONE, Note(5))
    assert journal.numbers == [0, 1, 2, 3, 4, 5]


async def test_the_others_go_on(autojump_clock: MockClock) -> None:
    slow, quick = Journal(on_handle=slowly), Journal()
    other = "guild/*/other"
    async with running({PROBE: probe_spec(slow), other: probe_spec(quick)}) as house:
        house.registry.tell(ONE, Note(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart, house)
            await trio.sleep(0.1)
            reply = await house.registry.ask(Address("guild/1/other"), Echo("there"), timeout=0.1)
            assert getattr(reply, "value", None) == "there"
        assert quick.built == 1
        assert slow.built == 2


async def test_children_may_finish_and_their_reports_reach_the_new_life(autojump_clock: MockClock) -> None:
    async def child(context: Context) -> None:
        await trio.sleep(3)
        context.tell_self(Note(2))

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1):
            context.start(child, context)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await restart(house)
        assert (report, took) == (RestartReport(1), 3)
        await trio.testing.wait_all_tasks_blocked()
        assert journal.numbers == [1, 2]


async def test_a_child_that_takes_too_long_is_cut_off(autojump_clock: MockClock) -> None:
    async def on_handle(context: Context, _message: object) -> None:
        context.start(trio.sleep_forever)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await restart(house)
        assert (report, took) == (RestartReport(1), 7.5)
        assert (journal.built, journal.flushes) == (2, 1)
        assert house.found().children == 0


async def test_a_message_that_takes_too_long_is_taken_up_again(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        if journal.built == 1:
            await trio.sleep_forever()

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(ONE, Note(2))
        await trio.testing.wait_all_tasks_blocked()
        report, took = await restart(house)
        assert (report, took) == (RestartReport(1, failed=(ONE,)), 7.5)
        await trio.testing.wait_all_tasks_blocked()
        assert journal.numbers == [1, 2]


async def test_where_the_flush_fails_the_old_life_goes_on(autojump_clock: MockClock) -> None:
    async def on_flush(_context: Context) -> None:
        if journal.flushes < 3:
            raise Unavailable("gone") if journal.flushes == 1 else Boom("defect")
        if journal.flushes == 3:
            await trio.sleep_forever()

    journal = Journal(on_flush=on_flush)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        for attempt in (1, 2, 3):
            report, took = await restart(house, 4)
            assert report == RestartReport(1, failed=(ONE,)), attempt
            assert took == (4 if attempt == 3 else 0)
            house.registry.tell(ONE, Note(attempt))
            await trio.testing.wait_all_tasks_blocked()
        assert journal.built == 1
        assert house.found().restarts == 0
        report, _ = await restart(house)
        assert report == RestartReport(1)
        assert journal.numbers == [1, 1, 2, 3]


async def test_an_actor_that_backs_off_begins_at_once(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        if journal.built < 4:
            raise Boom("not yet")

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(3.5)  # lives end at 0, 1 and 3; the next begins at 7
        assert journal.built == 3
        report, took = await restart(house)
        assert (report, took) == (RestartReport(1), 0)
        assert house.found().state is ActorState.RUNNING
        await trio.testing.wait_all_tasks_blocked()
        assert journal.numbers == [1]


async def test_a_new_life_that_cannot_load_is_told(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        if journal.built == 2:
            raise Boom("broken")

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        report, _ = await restart(house)
        assert report == RestartReport(1, failed=(ONE,))
        await trio.sleep(2)
        assert house.found().state is ActorState.RUNNING


async def test_a_crash_meanwhile_is_a_new_life_too(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, message: object) -> None:
        await trio.sleep(1)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Crash())
        house.registry.tell(ONE, Note(1))
        await trio.sleep(0.5)
        report, took = await restart(house)
        assert (report, took) == (RestartReport(1), 0.5)
        await trio.sleep(5)
        assert journal.numbers == [1]
        assert len(house.letters.kept) == 1


async def test_a_stop_takes_precedence(autojump_clock: MockClock) -> None:
    journal = Journal(on_handle=slowly)
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(3):
            house.registry.tell(ONE, Note(number))
        reports = []

        async def ask() -> None:
            reports.append((await restart(house))[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.1)
            await house.registry.stop(deadline=trio.current_time() + 10)
        assert reports == [RestartReport(1, failed=(ONE,))]
        assert journal.numbers == [0, 1, 2]
        assert (await restart(house))[0] == RestartReport(0)


async def test_two_who_ask_at_once_get_one_restart(autojump_clock: MockClock) -> None:
    journal = Journal(on_handle=slowly)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(TWO, Note(2))
        await trio.sleep(0.1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart, house)
            nursery.start_soon(restart, house)
        assert journal.built == 4
        assert sorted(journal.numbers) == [1, 2]


async def test_nothing_runs_so_nothing_is_restarted(autojump_clock: MockClock) -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        assert (await restart(house))[0] == RestartReport(0)
        assert await house.registry.restart(["guild/*/unknown"], deadline=0) == RestartReport(0)


@attrs.frozen
class Step:
    """What happens next: so many messages, then a pause, then perhaps a restart."""

    messages: int
    pause: float
    restarts: bool


STEPS = st.lists(
    st.builds(Step, st.integers(0, 4), st.sampled_from([0, 0.3, 1.0, 2.5]), st.booleans()),
    min_size=1,
    max_size=10,
)


@given(STEPS, st.booleans())
@settings(max_examples=40)
def test_whatever_happens_every_message_is_handled_once_and_in_order(
    steps: list[Step], batched: bool
) -> None:
    async def main() -> None:
        journal = Journal(on_handle=slowly)
        number = 0
        spec = probe_spec(journal, batched=batched, batch=3, stop_within=500.0)
        async with running({PROBE: spec}, stop_within=500) as house, trio.open_nursery() as nursery:
            for step in steps:
                for _ in range(step.messages):
                    house.registry.tell_event(ONE, Note(number))
                    number += 1
                await trio.sleep(step.pause)
                if step.restarts:
                    nursery.start_soon(restart, house, 100.0)
        assert journal.numbers == list(range(number))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_operations_ten_crashes_in_a_row_are_told_once_and_a_success_heals(
    autojump_clock: MockClock,
) -> None:
    async def on_load(_context: Context) -> None:
        if journal.built <= UNHEALTHY_AFTER + 3:
            raise Boom(f"life {journal.built}")

    journal = Journal(on_load=on_load)
    told: list[tuple[Address, str]] = []
    spec = probe_spec(journal, backoff=STEADY)
    async with running(
        {PROBE: spec}, on_unhealthy=lambda where, why: told.append((where, str(why)))
    ) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(60)
        assert not house.registry.unhealthy()
        await trio.sleep(60)
        assert [where for where, _ in told] == [ONE]
        assert house.registry.unhealthy() == (ONE,)
        assert house.found().is_unhealthy
        await trio.sleep(300)
        assert journal.numbers == [1]
        assert house.registry.unhealthy() == ()
        assert len(told) == 1
