"""Numbers and spans as a person reads them; the charts; shared work."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.health import BOUNDS, HistogramSnapshot
from alphapy.web.console import charts, words
from alphapy.web.encoding import whole_number
from alphapy.web.flight import Shared

NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.0005, "0.5 ms"),
        (0.001, "1 ms"),
        (0.0254, "25 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.55, "1.6 s"),
        (9.96, "10 s"),
        (59.94, "60 s"),
        (59.96, "1 min"),
        (3569, "59 min"),
        (3599, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (86_400 * 3 + 3600 * 4, "3 d 4 h"),
        (math.inf, f"over{NARROW}10 s"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert words.span(seconds) == text


def test_numbers_ages_and_counts() -> None:
    assert words.number(1234567) == f"1{NARROW}234{NARROW}567"
    assert words.number(None) == "–"
    assert words.age(0) == "–"
    assert words.age(2) == "2.0 s"
    assert words.counted(1, "actor", "actors") == "1 actor"
    assert words.counted(0, "actor", "actors") == "0 actors"


@given(st.lists(st.integers(0, 10**9), min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1))
def test_a_histogram_draws_every_bucket_within_its_frame(counts: list[int]) -> None:
    chart = charts.histogram(HistogramSnapshot(BOUNDS, tuple(counts), 1.0))
    if not any(counts):
        assert chart is None
        return
    assert chart is not None
    assert len(chart.bars) == sum(count > 0 for count in counts)
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= chart.width
        assert 0 <= bar.y <= bar.y + bar.height <= chart.height + 0.01
        assert bar.height >= 1


@given(st.lists(st.floats(0, 1e6), max_size=5), st.floats(0, 1e6))
def test_a_meter_never_overflows(parts: list[float], whole: float) -> None:
    chart = charts.meter([(part, "busy") for part in parts], whole, "text")
    right = 0.0
    for bar in chart.bars:
        assert bar.x >= right - 0.02
        right = bar.x + bar.width
    assert right <= chart.width + 0.02


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("-7", -7), ("+7", 7), ("007", 7)])
def test_whole_numbers(text: str, value: int) -> None:
    assert whole_number(text) == value


@pytest.mark.parametrize("text", ["", " 7", "7.0", "1e3", "٧", "1_000", "9" * 5000, "--1"])
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_number(text) is None


class Work:
    """Counts how often it is done; each time takes a second and may fail."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = 0

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await trio.sleep(1)
        if self.fails:
            self.fails -= 1
            raise RuntimeError(number)
        return number


async def test_work_wanted_at_once_is_done_once(autojump_clock: trio.testing.MockClock) -> None:
    work = Work()
    shared = Shared(work)
    results: list[int] = []

    async def want() -> None:
        results.append(await shared.get())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(want)
    assert results == [1] * 5
    assert await shared.get() == 2


async def test_whoever_waited_takes_over_when_the_worker_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    work = Work()
    shared = Shared(work)
    results: list[int] = []

    async def want(patience: float) -> None:
        with trio.move_on_after(patience):
            results.append(await shared.get())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(want, 0.5)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(want, 5)
        nursery.start_soon(want, 5)
    assert results == [2, 2]


async def test_a_failure_is_the_workers_alone(autojump_clock: trio.testing.MockClock) -> None:
    work = Work()
    work.fails = 1
    shared = Shared(work)
    results: list[int | str] = []

    async def want() -> None:
        try:
            results.append(await shared.get())
        except RuntimeError:
            results.append("failed")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(want)
    assert sorted(map(str, results)) == ["2", "2", "failed"]


async def test_costly_work_is_not_done_all_the_time(autojump_clock: trio.testing.MockClock) -> None:
    work = Work()
    shared = Shared(work, thrifty=True)
    began = trio.current_time()
    while trio.current_time() - began < 100:
        await shared.get()
        await trio.sleep(0.5)
    assert 4 <= work.begun <= 6
