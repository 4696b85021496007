"""Random plans against whole actors: each message is handled, parked or refused, in order; nothing leaks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery
from tests.actors.kernel.support import ONE, PROBE, Boom, Crash, Journal, Note, probe_spec, running

if TYPE_CHECKING:
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.kernel.deadletters import DeadLetter
    from alphapy.actors.kernel.registry import Registry


@attrs.frozen
class Step:
    """One thing that happens, after a while."""

    kind: str
    amount: int
    pause: float


STEPS = st.builds(
    Step,
    st.sampled_from(["tell", "urgent", "event", "poison", "flaky", "child crash", "outage", "idle"]),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.0, 0.3, 2.0]),
)


@attrs.define
class Plan:
    """A plan being followed: what was accepted, by lane and in order."""

    accepted: dict[Lane, list[int]] = attrs.field(factory=lambda: {Lane.URGENT: [], Lane.NORMAL: []})
    poison: set[int] = attrs.field(factory=set)
    flaky: set[int] = attrs.field(factory=set)
    number: int = 0
    child_crashes: int = 0


@settings(max_examples=80)
@example(
    steps=[
        Step("tell", 1, 0.0),
        Step("tell", 1, 0.0),
        Step("child crash", 1, 0.0),
        Step("tell", 1, 0.0),
        Step("child crash", 1, 0.0),
    ],
    batched=False,
)
@given(st.lists(STEPS, max_size=25), st.booleans())
def test_nothing_is_lost_whatever_happens(steps: list[Step], batched: bool) -> None:
    plan = Plan()
    parked: list[DeadLetter] = []

    async def on_handle(_context: Context, message: object) -> None:
        await trio.sleep(0.01)
        if isinstance(message, Note) and message.number in plan.flaky:
            plan.flaky.discard(message.number)
            raise Boom("this once")

    journal = Journal(on_handle=on_handle)
    spec = probe_spec(
        journal,
        batched=batched,
        idle_after=1.0,
        mailbox=12,
        batch=4,
        restarts=3,
        park_after=1e9,  # that parks notes of its own, see test_supervision.py
    )

    async def follow() -> None:
        async with running({PROBE: spec}, budget=Budget(1000), stop_within=10_000.0) as house:
            for step in steps:
                await trio.sleep(step.pause)
                await follow_step(house.registry, journal, plan, step)
            journal.gone = False
            await trio.sleep(2000)
            assert house.budget.statistics().used == 0
            report = await house.registry.stop(deadline=trio.current_time() + 1000)
            assert report.is_clean
            parked.extend(house.letters.kept)

    logging.disable(logging.CRITICAL)
    try:
        trio.run(follow, clock=MockClock(autojump_threshold=0))
    finally:
        logging.disable(logging.NOTSET)
    assert sorted(letter.message.number for letter in parked if isinstance(letter.message, Crash)) == sorted(
        plan.poison
    )
    # A note that was in hand while three children crashed is taken for poison; nothing else parks a note.
    suspects = {letter.message.number for letter in parked if isinstance(letter.message, Note)}
    assert not suspects or plan.child_crashes >= 3
    for lane, numbers in plan.accepted.items():
        expected = [number for number in numbers if number not in suspects]
        assert [number for number in journal.numbers if number in set(numbers)] == expected, lane
    assert len(parked) + len(journal.numbers) == len(plan.poison) + sum(map(len, plan.accepted.values()))


async def follow_step(registry: Registry, journal: Journal, plan: Plan, step: Step) -> None:
    """Do one step of the plan."""
    if step.kind == "outage":
        journal.gone = not journal.gone
    elif step.kind == "idle":
        await trio.sleep(step.amount)
    elif step.kind == "child crash":
        if journal.contexts and journal.context.start(explode):
            plan.child_crashes += 1
    else:
        for _ in range(step.amount):
            tell(registry, plan, step.kind)


def tell(registry: Registry, plan: Plan, kind: str) -> None:
    """Send one message and note what became of it."""
    plan.number += 1
    lane = Lane.URGENT if kind == "urgent" else Lane.NORMAL
    message = Crash(plan.number) if kind == "poison" else Note(plan.number)
    delivery = (
        registry.tell_event(ONE, message) if kind == "event" else registry.tell(ONE, message, lane=lane)
    )
    assert delivery in {Delivery.ACCEPTED, Delivery.FULL}
    assert kind != "event" or delivery is Delivery.ACCEPTED
    if delivery is not Delivery.ACCEPTED:
        return
    if kind == "poison":
        plan.poison.add(plan.number)
    else:
        plan.accepted[lane].append(plan.number)
        if kind == "flaky":
            plan.flaky.add(plan.number)


async def explode() -> None:
    """The crash of a child."""
    raise Boom("child")
