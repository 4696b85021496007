"""Waiting for permits on Trio: order, time, cancellation."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from alphapy.gateway.rest import routes
from alphapy.gateway.rest.answers import Answer, Bucket
from alphapy.gateway.rest.gate import Gate
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority, TicketState

TARGET = routes.CREATE_MESSAGE.to(channel_id=1)


async def pass_through(
    gate: Gate, passed: list[float], *, limit: int = 2, priority: Priority = Priority.OTHER
) -> None:
    ticket = await gate.wait_for_turn(TARGET, priority, expires_at=1e9)
    with gate.permit(ticket) as permit:
        permit.used = True
        passed.append(trio.current_time())
        permit.answer = Answer(200, Bucket("b", limit, max(0, limit - len(passed) % limit - 1), 5.0))


async def test_everybody_passes_in_windows(autojump_clock: trio.testing.MockClock) -> None:
    gate, passed = Gate(Limiter()), list[float]()
    async with trio.open_nursery() as nursery:
        for _ in range(7):
            nursery.start_soon(pass_through, gate, passed)
    assert len(passed) == 7
    assert passed == sorted(passed)
    assert passed[-1] - passed[0] > 5.0


async def test_the_sleeper_may_leave_and_another_takes_over(autojump_clock: trio.testing.MockClock) -> None:
    limiter = Limiter()
    gate, passed = Gate(limiter), list[float]()
    await pass_through(gate, passed, limit=1)
    sleeper = trio.CancelScope()

    async def leave() -> None:
        with sleeper:
            await pass_through(gate, passed)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(pass_through, gate, passed)
        await trio.testing.wait_all_tasks_blocked()
        sleeper.cancel()
    assert len(passed) == 2
    assert limiter.statistics(trio.current_time()).waiting[Priority.OTHER] == 0


async def test_a_newcomer_whose_window_ends_sooner_is_not_kept_waiting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gate, times = Gate(Limiter()), dict[int, float]()

    async def once(channel: int, window: float) -> None:
        target = routes.CREATE_MESSAGE.to(channel_id=channel)
        ticket = await gate.wait_for_turn(target, Priority.OTHER, expires_at=1e9)
        with gate.permit(ticket) as permit:
            permit.used = True
            times[channel] = trio.current_time()
            permit.answer = Answer(200, Bucket("b", 1, 0, window))

    await once(1, 5.0)
    await once(2, 1.0)
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(once, 1, 5.0)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(once, 2, 1.0)
    assert times[2] - started == pytest.approx(1.0, abs=0.1)
    assert times[1] - started == pytest.approx(5.0, abs=0.1)


async def test_an_unused_permit_returns_itself() -> None:
    limiter = Limiter()
    gate = Gate(limiter)
    ticket = await gate.wait_for_turn(TARGET, Priority.OTHER, expires_at=1e9)
    with pytest.raises(KeyError), gate.permit(ticket):
        raise KeyError
    assert ticket.state is TicketState.DONE
    assert limiter.statistics(trio.current_time()).in_flight == 0


async def test_a_refused_ticket_comes_back_at_once() -> None:
    gate = Gate(Limiter(Bounds(waiting=0)))
    ticket = await gate.wait_for_turn(TARGET, Priority.OTHER, expires_at=1e9)
    assert ticket.state is TicketState.REFUSED


async def test_whoever_is_cancelled_at_any_time_leaves_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limiter = Limiter()
    gate, passed = Gate(limiter), list[float]()

    async def impatient(seconds: float) -> None:
        with trio.move_on_after(seconds):
            await pass_through(gate, passed)

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(impatient, number * 0.5)
    statistics = limiter.statistics(trio.current_time())
    assert statistics.in_flight == 0
    assert set(statistics.waiting.values()) == {0}
    assert len(passed) >= 8
    with trio.fail_after(20):
        await pass_through(gate, passed)
