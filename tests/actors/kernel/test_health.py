"""What can be known of actors from outside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.health import BOUNDS, ActorState, Histogram, HistogramSnapshot
from tests.actors.kernel.support import ONE, PROBE, TWO, Echo, Journal, Note, probe_spec, running

if TYPE_CHECKING:
    from trio.testing import MockClock

    from alphapy.actors.kernel.actor import Context

DURATIONS = st.lists(st.floats(0, 100), max_size=50)


@given(DURATIONS, DURATIONS)
def test_a_histogram_counts_every_observation_in_its_bucket(first: list[float], second: list[float]) -> None:
    histograms = []
    for durations in (first, second):
        histogram = Histogram()
        for duration in durations:
            histogram.observe(duration)
        snapshot = histogram.snapshot()
        assert snapshot.count == len(durations)
        assert snapshot.sum == pytest.approx(math.fsum(durations))
        for index, bound in enumerate(BOUNDS):
            assert sum(snapshot.counts[: index + 1]) == sum(duration <= bound for duration in durations)
        histograms.append(snapshot)
    both = histograms[0] + histograms[1]
    assert both.count == len(first) + len(second)
    assert both.sum == pytest.approx(math.fsum(first + second))


def test_quantiles_are_upper_bounds() -> None:
    histogram = Histogram()
    for duration in [0.0004] * 90 + [0.2] * 9 + [60.0]:
        histogram.observe(duration)
    snapshot = histogram.snapshot()
    assert [snapshot.quantile(share) for share in (0.5, 0.95, 1.0)] == [0.0005, 0.25, math.inf]
    assert HistogramSnapshot().quantile(0.5) == BOUNDS[0]


async def test_a_busy_actor_shows_its_depths_ages_and_times(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, message: object) -> None:
        await trio.sleep(3 if message == Note(0) else 0.02)

    async with running({PROBE: probe_spec(Journal(on_handle=on_handle))}) as house:
        house.registry.tell(ONE, Note(0))
        await trio.sleep(1)
        for number in range(1, 5):
            house.registry.tell(ONE, Note(number))
        await trio.sleep(1)
        health = house.found()
        assert (health.state, health.normal_depth, health.urgent_depth) == (ActorState.RUNNING, 4, 0)
        assert (health.busy_seconds, health.oldest_seconds, health.processed) == (2, 1, 0)
        await trio.sleep(5)
        health = house.found()
        assert (health.normal_depth, health.busy_seconds, health.oldest_seconds) == (0, 0, 0)
        assert (health.processed, health.failed, health.last_error) == (5, 0, None)
        assert health.handling.count == 5
        assert health.handling.sum == pytest.approx(3.08)
        assert health.handling.quantile(0.5) == 0.025


async def test_late_replies_are_counted(autojump_clock: MockClock) -> None:
    async def on_handle(_context: Context, _message: object) -> None:
        await trio.sleep(2)

    async with running({PROBE: probe_spec(Journal(on_handle=on_handle))}) as house:
        await house.registry.ask(ONE, Echo("late"), timeout=1)
        await trio.sleep(2)
        assert (house.found().late_replies, house.found().processed) == (1, 1)


async def test_the_tree_is_in_order_and_sums_outlive_actors(autojump_clock: MockClock) -> None:
    async with running({PROBE: probe_spec(Journal(), idle_after=10.0)}) as house:
        house.registry.tell(TWO, Note(1))
        house.registry.tell(ONE, Note(2))
        await trio.testing.wait_all_tasks_blocked()
        assert [health.address for health in house.registry.health()] == [ONE, TWO]
        assert house.registry.running(PROBE) == (ONE, TWO)
        assert house.registry.running("guild/*/stranger") == ()
        [alive] = house.registry.statistics()
        await trio.sleep(20)
        [gone] = house.registry.statistics()
        assert (alive.running, gone.running, alive.processed, gone.processed) == (2, 0, 2, 2)
        assert alive.handling.count == gone.handling.count == 2
