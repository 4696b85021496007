"""A message that crashes its actor is retried once and parked; the innocent are not held to account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing
from typing_extensions import override

from alphapy.actors.kernel.actor import Context, Unavailable
from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.bus import Answered, Reason, Unanswered
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.mailbox import Envelope
from alphapy.actors.kernel.poison import Docket
from tests.actors.kernel.support import (
    ONE,
    PROBE,
    Boom,
    Crash,
    CrashingEcho,
    Echo,
    Journal,
    Letters,
    Note,
    Probe,
    probe_spec,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock


class Outage(Exception):
    """Another wing's way of saying that the database is gone."""


def test_the_docket() -> None:
    docket, culprit, bystander = Docket(), Envelope(1), Envelope(2)
    assert [docket.convict(culprit, is_culprit=True) for _ in range(2)] == [0, 2]
    assert [docket.convict(bystander, is_culprit=False) for _ in range(2)] == [0, 0]
    assert bystander.alone
    docket.acquit(bystander)
    assert len(docket) == 0
    assert [docket.convict(bystander, is_culprit=False) for _ in range(3)] == [0, 0, 3]


async def test_poison_is_retried_once_after_the_restart_and_then_parked(autojump_clock: MockClock) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal)}) as house:
        for message in (Note(1), Crash(7), Note(2)):
            house.registry.tell_event(ONE, message)
        await trio.sleep(10)
        health = house.found()
        assert (health.state, health.restarts, health.failed, health.parked) == (ActorState.RUNNING, 2, 2, 1)
        assert journal.loads == 3
        assert house.budget.statistics().used == 0, "a parked event holds no place"
        [letter] = house.letters.kept
        assert (letter.address, letter.message, letter.attempts, letter.lane) == (
            ONE,
            Crash(7),
            2,
            Lane.NORMAL,
        )
        assert letter.message_type == "Crash"
        assert letter.error == "Boom: on Crash(number=7)"
        assert "support.py" in letter.traceback
    assert journal.handled == [Note(1), Note(2)]


async def test_a_message_that_fails_once_is_not_parked(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, message: object) -> None:
        if message == Note(2) and journal.loads == 1:
            raise Boom("only once")

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        for number in range(1, 4):
            house.registry.tell(ONE, Note(number))
        answer = await house.registry.ask(ONE, Echo("urgent"), timeout=5)
        assert answer == Answered("urgent")
        await trio.sleep(5)
    assert journal.numbers == [1, 2, 3]
    assert house.letters.kept == []


async def test_an_ask_is_poison_too(autojump_clock: MockClock) -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        answer = await house.registry.ask(ONE, CrashingEcho(), timeout=60)
        assert answer == Unanswered(Reason.CRASHED, "Boom: on CrashingEcho()")
        await trio.sleep(3)
        assert [letter.message for letter in house.letters.kept] == [CrashingEcho()]


async def test_an_ask_whose_asker_left_after_the_first_crash_is_dropped(autojump_clock: MockClock) -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        assert await house.registry.ask(ONE, CrashingEcho(), timeout=0.5) == Unanswered(Reason.TIMED_OUT)
        await trio.sleep(5)
        assert (house.found().expired, house.found().restarts) == (1, 1)
        assert house.letters.kept == []


async def test_a_failed_batch_is_replayed_one_message_at_a_time(autojump_clock: MockClock) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal, batched=True)}) as house:
        messages = (Note(1), Note(2), Crash(), Note(3))
        for message in messages:
            house.registry.tell_event(ONE, message)
        await trio.sleep(10)
        assert journal.batches == [
            messages,
            (Note(1),),
            (Note(2),),
            (Crash(),),
            # a restart: the culprit once more, and after the next one the rest
            (Crash(),),
            (Note(3),),
        ]
        assert house.found().restarts == 2
        assert [letter.message for letter in house.letters.kept] == [Crash()]
    assert journal.numbers == [1, 2, 3]


async def test_a_batch_that_fails_only_as_a_whole_crashes_nothing(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, message: object) -> None:
        if message == Note(3) and len(journal.batches) == 1:
            raise Boom("a deadlock, say")

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal, batched=True)}) as house:
        for number in range(4):
            house.registry.tell(ONE, Note(number))
        await trio.sleep(1)
        assert (house.found().failed, house.found().restarts) == (1, 0)
    assert journal.numbers == [0, 1, 2, 3]
    assert [len(batch) for batch in journal.batches] == [4, 1, 1, 1, 1]


async def test_batches_are_bounded_and_urgent_is_looked_at_between_them(autojump_clock: MockClock) -> None:
    async def on_handle(context: Context, message: object) -> None:
        if message == Note(0):
            context.bus.tell(ONE, Note(99), lane=Lane.URGENT)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal, batched=True, batch=4)}) as house:
        for number in range(10):
            house.registry.tell(ONE, Note(number))
        await trio.sleep(1)
    assert [len(batch) for batch in journal.batches] == [4, 4, 2]
    assert journal.numbers == [0, 1, 2, 3, 99, 4, 5, 6, 7, 8, 9]


async def test_a_message_in_hand_while_a_child_crashes_is_not_to_blame(autojump_clock: MockClock) -> None:
    async def explode_later() -> None:
        await trio.sleep(1)
        raise Boom("child")

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1) and journal.loads == 1:
            context.start(explode_later)
        if message == Note(2):
            await trio.sleep(2)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(ONE, Note(2))
        await trio.sleep(10)
        assert (house.found().restarts, house.found().parked) == (1, 0)
    assert journal.numbers == [1, 2]


async def test_a_message_whose_child_always_crashes_under_it_is_poison_in_the_end(
    autojump_clock: MockClock,
) -> None:
    async def explode() -> None:
        raise Boom("child")

    async def on_handle(context: Context, message: object) -> None:
        if message == Crash():
            context.start(explode)
            await trio.sleep(1)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Crash())
        house.registry.tell(ONE, Note(1))
        await trio.sleep(30)
        [letter] = house.letters.kept
        assert (letter.message, letter.attempts) == (Crash(), 3)
    assert journal.numbers == [1]


@pytest.mark.parametrize("batched", [False, True])
async def test_an_outage_is_waited_out_and_nothing_is_lost_or_blamed(
    autojump_clock: MockClock, batched: bool
) -> None:
    journal = Journal(gone=True)
    async with running({PROBE: probe_spec(journal, batched=batched)}) as house:
        for number in range(5):
            house.registry.tell_event(ONE, Note(number))
        await trio.sleep(40)
        health = house.found()
        assert (health.state, health.restarts, health.failed) == (ActorState.RUNNING, 0, 0)
        # Attempts at 0, 1, 3, 7, 15 and 31 s.
        assert health.postponed == 6
        assert health.outage_seconds == 40
        assert "database is gone" in (health.last_error or "")
        journal.gone = False
        await trio.sleep(16)
        assert house.found().outage_seconds == 0
    assert journal.numbers == list(range(5))
    assert journal.loads == 1
    assert house.letters.kept == []


async def test_during_an_outage_the_other_lane_is_served(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, message: object) -> None:
        if message == Note(1) and trio.current_time() < 10:
            raise Outage

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}, outages=(Outage,)) as house:
        house.registry.tell(ONE, Note(1))
        house.registry.tell(ONE, Note(2))
        await trio.testing.wait_all_tasks_blocked()
        assert await house.registry.ask(ONE, Echo("from memory"), timeout=1) == Answered("from memory")
        await trio.sleep(20)
    assert journal.handled == [Echo("from memory"), Note(1), Note(2)]


async def test_an_outage_while_loading_is_waited_out(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        if trio.current_time() < 20:
            raise Unavailable

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal, restarts=0)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(10)
        health = house.found()
        assert (health.state, health.failed) == (ActorState.BACKING_OFF, 0)
        assert health.outage_seconds == 10
        await trio.sleep(25)
        assert house.found().state is ActorState.RUNNING
    assert journal.numbers == [1]


async def test_an_ask_that_meets_an_outage_waits_until_its_deadline(autojump_clock: MockClock) -> None:
    journal = Journal(gone=True)
    async with running({PROBE: probe_spec(journal)}) as house:
        assert await house.registry.ask(ONE, Echo("?"), timeout=4) == Unanswered(Reason.TIMED_OUT)
        journal.gone = False
        assert await house.registry.ask(ONE, Echo("!"), timeout=10) == Answered("!")
        assert house.found().expired == 1


async def test_dead_letters_survive_a_sink_that_is_down(autojump_clock: MockClock) -> None:
    journal = Journal()
    letters = Letters(failures=5)
    async with running({PROBE: probe_spec(journal)}, letters=letters) as house:
        house.registry.tell(ONE, Crash(1))
        house.registry.tell(ONE, Note(1))
        await trio.sleep(3.1)
        assert journal.numbers == [1], "the actor has moved on"
        statistics = house.registry.dead_letters()
        assert (statistics.waiting, statistics.parked) == (1, 0)
        assert 0 < statistics.failures < 5
        await trio.sleep(30)
        statistics = house.registry.dead_letters()
        assert (statistics.waiting, statistics.parked, statistics.failures) == (0, 1, 5)
    assert [letter.message for letter in letters.kept] == [Crash(1)]


async def test_a_batch_may_be_handed_on_to_be_handled_one_by_one(autojump_clock: MockClock) -> None:
    sizes: list[int] = []

    class Filtering(Probe):
        @override
        async def handle_batch(self, messages: Sequence[object]) -> None:
            sizes.append(len(messages))
            await super().handle_batch([message for message in messages if message != Note(2)])

    journal = Journal()
    spec = attrs.evolve(probe_spec(journal), factory=lambda context: Filtering(context, journal))
    async with running({PROBE: spec}) as house:
        for number in range(5):
            house.registry.tell(ONE, Note(number))
    assert sizes == [5]
    assert journal.numbers == [0, 1, 3, 4]


async def test_a_message_in_hand_while_a_child_meets_an_outage_is_not_suspected(
    autojump_clock: MockClock,
) -> None:
    async def need_database() -> None:
        await trio.lowlevel.checkpoint()
        raise Unavailable

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1) and trio.current_time() < 30:
            context.start(need_database)
            await trio.sleep(1)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(60)
        assert (house.found().failed, house.found().parked) == (0, 0)
        assert house.found().postponed >= 5
        assert house.found().outage_seconds == 0
    assert journal.numbers == [1]
