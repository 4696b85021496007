"""Crashes stay where they are: restarts with back-off, intensity, failing and escalating."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
import trio.testing

from alphapy.actors.kernel.actor import Actor, Context, TooMuchToSelf
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Answered, Delivery, Reason, Unanswered
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.registry import EssentialActorFailed, Registry
from alphapy.actors.kernel.supervision import ChildSpec, Supervision, Verdict
from tests.actors.kernel.support import (
    ONE,
    PROBE,
    STEADY,
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


def judge(spec: ChildSpec, crashes: list[tuple[float, float]]) -> list[tuple[Verdict, float]]:
    supervision, rng = Supervision(spec), random.Random(0)
    return [supervision.crashed(now, lived=lived, rng=rng) for now, lived in crashes]


def test_verdicts() -> None:
    spec = probe_spec(Journal(), restarts=2, within=60.0)
    restart, fail = Verdict.RESTART, Verdict.FAIL
    assert judge(spec, [(0, 0), (1, 0), (3, 0)]) == [(restart, 1.0), (restart, 2.0), (fail, 16.0)]
    # A failed actor stays at the ceiling, even once its window is empty ...
    assert judge(spec, [(0, 0), (1, 0), (3, 0), (100, 0), (200, 59)])[-2:] == [(fail, 16.0)] * 2
    # ... until an incarnation outlived the window.
    assert judge(spec, [(0, 0), (1, 0), (3, 0), (100, 60)])[-1] == (restart, 1.0)
    essential = attrs.evolve(spec, essential=True, restarts=0)
    assert judge(essential, [(0, 0)]) == [(Verdict.ESCALATE, 0.0)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mailbox": 0},
        {"urgent": 0},
        {"batch": 0},
        {"idle_after": 0.0},
        {"restarts": -1},
        {"within": 0.0},
        {"children": 0},
        {"stop_within": 0.0},
    ],
)
def test_what_is_no_child_spec(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        probe_spec(Journal(), **wrong)


async def test_a_crash_of_one_actor_leaves_the_others_alone(autojump_clock: MockClock) -> None:
    journal = Journal()
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(TWO, Note(1))
        house.registry.tell(ONE, Crash())
        await trio.testing.wait_all_tasks_blocked()
        one, two = house.found(ONE), house.found(TWO)
        assert (one.state, one.failed, one.last_error) == (
            ActorState.BACKING_OFF,
            1,
            "Boom: on Crash(number=0)",
        )
        assert (two.state, two.failed, two.restarts) == (ActorState.RUNNING, 0, 0)


@pytest.mark.parametrize("where", ["factory", "load", "child", "timer", "handle in a nursery"])
async def test_wherever_it_crashes_only_the_incarnation_ends(autojump_clock: MockClock, where: str) -> None:
    async def explode() -> None:
        await trio.lowlevel.checkpoint()
        raise Boom(where)

    async def on_load(_context: Context) -> None:
        if where == "load" and journal.built == 1:
            raise Boom(where)

    async def on_handle(context: Context, message: object) -> None:
        if message != Note(1) or journal.built > 1:
            return
        if where == "child":
            context.start(explode)
        if where == "timer":
            for _ in range(11):
                context.tell_after(1, Note(100))
        if where == "handle in a nursery":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(explode)

    def factory(context: Context) -> Actor:
        if where == "factory" and journal.built == 0:
            journal.built += 1
            raise Boom(where)
        return spec.factory(context)

    journal = Journal(on_load=on_load, on_handle=on_handle)
    spec = probe_spec(journal, mailbox=10)
    async with running({PROBE: attrs.evolve(spec, factory=factory)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(10)
        assert await house.registry.ask(ONE, Echo("alive"), timeout=1) == Answered("alive")
        health = house.found()
        assert (health.restarts, health.failed) == (1, 1)
        assert health.last_error is not None
        assert ("Boom" in health.last_error) == (where != "timer")
    assert 1 in journal.numbers


async def test_restarts_wait_longer_and_longer(autojump_clock: MockClock) -> None:
    starts: list[float] = []

    async def on_load(_context: Context) -> None:
        starts.append(trio.current_time())
        if len(starts) < 5:
            raise Boom("not yet")

    async with running({PROBE: probe_spec(Journal(on_load=on_load))}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(20)
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [1, 2, 4, 8]


async def test_a_guild_that_keeps_crashing_fails_visibly_and_is_tried_at_the_ceiling(
    autojump_clock: MockClock,
) -> None:
    starts: list[float] = []
    broken = True

    async def on_load(context: Context) -> None:
        if context.address == ONE and broken:
            starts.append(trio.current_time())
            raise Boom("broken guild")

    journal = Journal(on_load=on_load)
    async with running({PROBE: probe_spec(journal, restarts=2, within=60.0)}) as house:
        house.registry.tell(ONE, Note(1))
        async with trio.open_nursery() as nursery:
            answers: list[object] = []

            async def ask() -> None:
                answers.append(await house.registry.ask(ONE, Echo("?"), timeout=1000))

            nursery.start_soon(ask)
        # Whoever waited when it failed is told at once, and so is whoever asks afterwards.
        assert trio.current_time() == 3
        late = await house.registry.ask(ONE, Echo("?"), timeout=1000)
        assert answers == [late]
        assert isinstance(late, Unanswered)
        assert late.reason is Reason.CRASHED
        assert "broken guild" in late.detail
        assert house.found().state is ActorState.FAILED
        assert house.found().refused == 1
        assert house.registry.statistics()[0].failed_actors == 1
        assert await house.registry.ask(TWO, Echo("fine"), timeout=1) == Answered("fine")
        await trio.sleep(100)
        assert [later - earlier for earlier, later in itertools.pairwise(starts)][2:] == [16] * 6
        assert house.registry.tell(ONE, Note(2)) is Delivery.ACCEPTED
        broken = False
        await trio.sleep(17)
        assert house.found().state is ActorState.RUNNING
        assert journal.numbers == [1, 2]


async def test_an_essential_actor_that_keeps_crashing_ends_the_run(autojump_clock: MockClock) -> None:
    async def on_load(_context: Context) -> None:
        raise Boom("no settings")

    registry = Registry(dead_letters=Letters(), budget=Budget(10), rng=random.Random(0))
    heart = Address.process("heart")
    registry.register(heart.path, probe_spec(Journal(on_load=on_load), essential=True, restarts=1))
    registry.register(PROBE, probe_spec(Journal()))
    with pytest.raises(ExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            registry.tell(ONE, Note(1))
            registry.tell(heart, Note(1))
            answer = await registry.ask(heart, Echo("?"), timeout=50)
            assert answer == Unanswered(Reason.STOPPED)
    [error] = caught.value.exceptions
    assert isinstance(error, EssentialActorFailed)
    assert error.address == heart
    assert "process/heart keeps failing" in str(error)
    assert "no settings" in str(error)
    assert error.__cause__ is not None
    assert registry.tell(ONE, Note(2)) is Delivery.STOPPED


async def test_children_are_bounded_and_end_with_their_incarnation(autojump_clock: MockClock) -> None:
    ended: list[str] = []

    async def child(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1):
            assert [context.start(child, name) for name in "abc"] == [True, True, False]

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal, children=2)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.testing.wait_all_tasks_blocked()
        assert house.found().children == 2
        house.registry.tell(ONE, Crash())
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(ended) == ["a", "b"]
        assert not journal.context.start(child, "of the dead")
        journal.context.tell_after(0.1, Note(2))
        await trio.sleep(5)
    assert Note(2) not in journal.handled


async def test_what_a_child_found_out_comes_back_as_a_message(autojump_clock: MockClock) -> None:
    async def look_up(context: Context, number: int) -> None:
        await trio.sleep(5)
        context.tell_self(Note(number), lane=Lane.URGENT)

    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1):
            context.start(look_up, context, 2)

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(6)
    assert journal.numbers == [1, 2]


async def test_an_actor_may_not_flood_itself(autojump_clock: MockClock) -> None:
    async def on_handle(context: Context, message: object) -> None:
        if message == Note(1):
            for number in range(100, 104):
                context.tell_self(Note(number))
            with pytest.raises(TooMuchToSelf):
                context.tell_self(Note(104))
            for _ in range(4):
                context.tell_after(10, Note(200))
            with pytest.raises(TooMuchToSelf):
                context.tell_after(10, Note(201))
            with pytest.raises(ValueError, match="not a time"):
                context.tell_after(-1, Note(202))

    journal = Journal(on_handle=on_handle)
    async with running({PROBE: probe_spec(journal, mailbox=4)}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(9)
        assert journal.numbers == [1, 100, 101, 102, 103]
        await trio.sleep(2)
    assert journal.numbers == [1, 100, 101, 102, 103, 200, 200, 200, 200]


async def test_a_message_nobody_expects_is_a_crash_with_a_name(autojump_clock: MockClock) -> None:
    spec = ChildSpec(factory=Actor, backoff=STEADY, idle_after=5.0)
    async with running({PROBE: spec}) as house:
        house.registry.tell(ONE, Note(1))
        await trio.sleep(5)
        [letter] = house.letters.kept
        assert "guild/1/probe does not handle Note" in letter.error


async def test_the_events_of_an_actor_that_stays_failed_are_parked_and_the_rest_waits(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal()

    async def fails(_context: Context) -> None:
        raise Boom("cannot load")

    journal.on_load = fails
    spec = probe_spec(journal, restarts=1, park_after=60.0)
    async with running({PROBE: spec}) as house:
        house.registry.tell_event(ONE, Note(1))
        house.registry.tell(ONE, Note(2))
        house.registry.tell_event(ONE, Note(3))
        await trio.sleep(50)
        assert house.found().state is ActorState.FAILED
        assert house.letters.kept == [], "not at once: it may recover"
        assert house.budget.statistics().used == 2
        await trio.sleep(50)
        assert [(letter.message, letter.attempts) for letter in house.letters.kept] == [
            (Note(1), 0),
            (Note(3), 0),
        ]
        assert house.letters.kept[0].error.startswith("its actor has failed: ")
        assert "Boom: cannot load" in house.letters.kept[0].error
        assert house.budget.statistics().used == 0
        assert house.found().parked == 2
        house.registry.tell_event(ONE, Note(4))
        journal.on_load = None
        await trio.sleep(50)
        assert journal.numbers == [2, 4], "what waited is handled once it has recovered"
    assert len(house.letters.kept) == 2
    assert [vars(record).get("event") for record in caplog.records].count("events_parked") == 1


async def test_no_more_are_parked_at_a_time_than_there_is_room_for(autojump_clock: MockClock) -> None:
    journal, letters = Journal(), Letters(failures=10_000)

    async def fails(_context: Context) -> None:
        raise Boom("cannot load")

    journal.on_load = fails
    async with running(
        {PROBE: probe_spec(journal, restarts=0, park_after=1.0)}, letters=letters, stop_within=1.0
    ) as house:
        for number in range(1200):
            house.registry.tell_event(ONE, Note(number))
        await trio.sleep(120)
        assert house.registry.dead_letters().lost == 0
        assert house.budget.statistics().used >= 200
        letters.failures = 0
        await trio.sleep(400)
        numbers = [letter.message.number for letter in letters.kept if isinstance(letter.message, Note)]
        assert sorted(numbers) == list(range(1200)), "each once"


async def test_an_actor_that_recovered_begins_anew_when_it_fails_again(autojump_clock: MockClock) -> None:
    journal = Journal()
    spec = probe_spec(journal, restarts=0, within=10.0, park_after=100.0)
    async with running({PROBE: spec}) as house:
        house.registry.tell(ONE, Crash())
        await trio.sleep(90)
        assert house.found().state is ActorState.RUNNING
        await trio.sleep(90)

        async def fails(_context: Context) -> None:
            raise Boom("cannot load")

        journal.on_load = fails
        house.registry.tell(ONE, Crash())
        house.registry.tell_event(ONE, Note(1))
        await trio.sleep(60)
        assert Note(1) not in [letter.message for letter in house.letters.kept]
        journal.on_load = None
        await trio.sleep(60)
        assert journal.numbers == [1]
