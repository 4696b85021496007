"""Mailboxes: nothing lost, order per lane, bounds kept; whatever is taken and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.asking import Asked
from alphapy.actors.kernel.bus import Answered, Delivery, Reason, Unanswered
from alphapy.actors.kernel.mailbox import Envelope, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = {Lane.URGENT: 3, Lane.NORMAL: 5}


@attrs.frozen
class Tell:
    lane: Lane
    alone: bool


@attrs.frozen
class Event:
    pass


@attrs.frozen
class Own:
    lane: Lane


@attrs.frozen
class Take:
    lane: Lane
    limit: int
    put_back: int


@attrs.frozen
class Close:
    pass


LANES = st.sampled_from(Lane)
STEPS = st.one_of(
    st.builds(Tell, LANES, st.booleans()),
    st.builds(Event),
    st.builds(Own, LANES),
    st.builds(Take, LANES, st.integers(1, 6), st.integers(0, 6)),
)
PLANS = st.tuples(st.lists(STEPS, max_size=60), st.booleans()).map(
    lambda made: [*made[0], Close(), *made[0]] if made[1] else made[0]
)


@attrs.define
class Model:
    """What a mailbox must do, said slowly: (number, kind, alone) per lane."""

    lanes: dict[Lane, list[tuple[int, str, bool]]] = attrs.field(
        factory=lambda: {Lane.URGENT: [], Lane.NORMAL: []}
    )
    closed: bool = False
    number: int = 0

    def count(self, lane: Lane, kind: str) -> int:
        return sum(entry[1] == kind for entry in self.lanes[lane])

    def arrive(self, lane: Lane, kind: str, *, alone: bool = False) -> int:
        self.number += 1
        self.lanes[lane].append((self.number, kind, alone))
        return self.number

    def expect_put(self, lane: Lane, kind: str) -> Delivery:
        if self.closed:
            return Delivery.STOPPED
        if kind == "tell" and self.count(lane, "tell") >= LIMIT[lane]:
            return Delivery.FULL
        return Delivery.ACCEPTED

    def expect_run(self, lane: Lane, limit: int) -> list[tuple[int, str, bool]]:
        entries = self.lanes[lane]
        length = 1
        while length < min(limit, len(entries)) and not entries[0][2] and not entries[length][2]:
            length += 1
        return entries[:length]


@given(PLANS)
def test_a_mailbox_does_what_its_model_does(plan: list[object]) -> None:
    async def follow() -> None:
        mailbox, model = Mailbox(normal=LIMIT[Lane.NORMAL], urgent=LIMIT[Lane.URGENT]), Model()
        refused = 0
        for step in plan:
            refused += follow_step(mailbox, model, step)
            for lane in Lane:
                assert mailbox.depth(lane) == len(model.lanes[lane])
            assert mailbox.is_empty == (not any(model.lanes.values()))
        assert mailbox.statistics().refused == refused
        left = [envelope.message for envelope in mailbox.drain()]
        assert left == [entry[0] for lane in (Lane.URGENT, Lane.NORMAL) for entry in model.lanes[lane]]
        assert mailbox.is_empty

    trio.run(follow)


def follow_step(mailbox: Mailbox, model: Model, step: object) -> bool:
    """Do one step on both; returns whether it was refused."""
    match step:
        case Tell(lane, alone):
            expected = model.expect_put(lane, "tell")
            envelope = Envelope(model.number + 1, Asked(1.0) if alone else None)
            assert mailbox.put(envelope, lane) is expected
            if expected is Delivery.ACCEPTED:
                model.arrive(lane, "tell", alone=alone)
            return expected is not Delivery.ACCEPTED
        case Event():
            expected = model.expect_put(Lane.NORMAL, "event")
            envelope = Envelope(model.number + 1, None, is_exempt=True, is_event=True)
            assert mailbox.put(envelope, Lane.NORMAL) is expected
            if expected is Delivery.ACCEPTED:
                model.arrive(Lane.NORMAL, "event")
            return expected is not Delivery.ACCEPTED
        case Own(lane):
            fits = model.count(lane, "own") < LIMIT[lane]
            assert mailbox.put_own(model.number + 1, lane) == fits
            if fits:
                model.arrive(lane, "own")
        case Take(lane, limit, put_back) if model.lanes[lane]:
            expected_run = model.expect_run(lane, limit)
            run = mailbox.take(lane, limit)
            assert [envelope.message for envelope in run] == [entry[0] for entry in expected_run]
            done = len(run) - min(put_back, len(run))
            mailbox.put_back(run[done:], lane)
            # What the cell does when messages are dealt with.
            mailbox.events -= sum(envelope.is_event for envelope in run[:done])
            del model.lanes[lane][:done]
        case Close():
            mailbox.close()
            model.closed = True
    return False


async def test_the_age_of_the_oldest_message_is_known_from_above(mock_clock: trio.testing.MockClock) -> None:
    mailbox = Mailbox(normal=100, urgent=100)
    age: Callable[[], float] = lambda: mailbox.statistics().oldest_seconds  # noqa: E731
    assert age() == 0
    mailbox.put(Envelope(1), Lane.NORMAL)
    mock_clock.jump(10)
    mailbox.put(Envelope(2), Lane.NORMAL)
    assert age() == 10
    run = mailbox.take(Lane.NORMAL, 1)
    # The second came within the same wake-up: its age is known only to that precision.
    assert age() == 10
    mock_clock.jump(5)
    mailbox.put(Envelope(3), Lane.NORMAL)
    mailbox.take(Lane.NORMAL, 1)
    assert age() == 5
    mailbox.put_back(run, Lane.NORMAL)
    assert age() == 15
    mailbox.take(Lane.NORMAL, 9)
    assert age() == 0
    mock_clock.jump(1)
    mailbox.put(Envelope(4), Lane.URGENT)
    assert age() == 0


async def test_peaks_are_remembered() -> None:
    mailbox = Mailbox(normal=100, urgent=100)
    for number in range(7):
        mailbox.put(Envelope(number), Lane.NORMAL)
    assert mailbox.statistics().normal_peak == 7
    mailbox.take(Lane.NORMAL, 5)
    assert (mailbox.statistics().normal_peak, mailbox.statistics().urgent_peak) == (7, 0)


async def test_a_parked_task_is_woken_by_an_arrival_and_can_be_cancelled() -> None:
    mailbox = Mailbox(normal=1, urgent=1)
    woken: list[str] = []

    async def wait() -> None:
        await mailbox.wait_for_arrival()
        woken.append("yes")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not woken
        mailbox.put(Envelope(1), Lane.URGENT)
        mailbox.put(Envelope(2), Lane.NORMAL)
    assert woken == ["yes"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    # Nobody is parked: waking must not touch the task that left.
    mailbox.wake()
    mailbox.take(Lane.NORMAL, 1)
    mailbox.put(Envelope(3), Lane.NORMAL)
    assert woken == ["yes"]


async def test_an_ask_is_settled_once_and_only_while_somebody_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    asked = Asked(trio.current_time() + 5)
    assert asked.is_awaited(trio.current_time())
    assert asked.settle(Answered(1))
    assert not asked.settle(Answered(2))
    assert not asked.is_awaited(trio.current_time())
    assert await asked.wait_settled() == Answered(1)

    late = Asked(trio.current_time() + 5)
    assert not late.is_awaited(trio.current_time() + 5)
    assert await late.wait_settled() == Unanswered(Reason.TIMED_OUT)
    assert not late.settle(Answered(3))


@pytest.mark.parametrize("value", [None, 0, False, ""])
async def test_a_reply_that_is_falsy_is_a_reply(value: object) -> None:
    asked = Asked(trio.current_time() + 5)
    asked.settle(Answered(value))
    assert await asked.wait_settled() == Answered(value)
