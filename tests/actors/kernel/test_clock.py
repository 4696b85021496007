"""Clocks: the system's, and the one that tests drive. Both keep the promise of the Protocol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from typing_extensions import override

from alphapy.actors.kernel.clock import LONGEST_SLEEP, SystemClock
from tests.support.clock import START, FakeClock

if TYPE_CHECKING:
    from trio.testing import MockClock


class SteeredSystemClock(SystemClock):
    """The system's clock, where the test sets the wall time apart from Trio's."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    @override
    def now(self) -> datetime:
        return START + timedelta(seconds=trio.current_time()) + self.ahead


async def test_system_time_is_aware_and_in_utc() -> None:
    clock = SystemClock()
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta()
    with trio.testing.assert_checkpoints():
        await clock.sleep_until(before)
    await clock.sleep_until(clock.now() + timedelta(milliseconds=20))
    assert clock.now() >= now + timedelta(milliseconds=20)


async def test_a_sleeper_returns_at_its_instant(autojump_clock: MockClock) -> None:
    await SteeredSystemClock().sleep_until(START + timedelta(seconds=500))
    assert trio.current_time() == pytest.approx(500)


@pytest.mark.parametrize(("jump", "slept"), [(400.0, 60.0), (-400.0, 900.0)])
async def test_a_sleeper_notices_a_jump_of_the_wall_clock(
    autojump_clock: MockClock, jump: float, slept: float
) -> None:
    clock = SteeredSystemClock()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clock.sleep_until, START + timedelta(seconds=500 if jump < 0 else 440))
        await trio.sleep(1)
        clock.ahead = timedelta(seconds=jump)
    assert trio.current_time() == pytest.approx(slept)
    assert LONGEST_SLEEP <= 60


async def test_the_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock()
    woken: list[int] = []

    async def wait(seconds: int) -> None:
        await clock.sleep_until(START + timedelta(seconds=seconds))
        woken.append(seconds)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, 10)
        nursery.start_soon(wait, 20)
        await trio.testing.wait_all_tasks_blocked()
        assert (clock.now(), clock.waiting, woken) == (START, 2, [])
        clock.advance(10)
        await trio.testing.wait_all_tasks_blocked()
        assert woken == [10]
        clock.advance(timedelta(hours=-1))
        await trio.testing.wait_all_tasks_blocked()
        assert woken == [10]
        clock.jump_to(datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=2))))
    assert woken == [10, 20]
    assert clock.now() == datetime(2029, 12, 31, 22, tzinfo=UTC)
    with trio.testing.assert_checkpoints():
        await clock.sleep_until(START)


def test_a_clock_shows_aware_times_only() -> None:
    with pytest.raises(ValueError, match="aware"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001
