"""Back-off and the restart window, as arithmetic."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.backoff import Backoff, RestartWindow

BACKOFFS = st.builds(
    Backoff,
    initial=st.floats(0.001, 100),
    factor=st.floats(1, 10),
    ceiling=st.floats(0.001, 1000),
    jitter=st.floats(0, 0.99),
)


def test_without_jitter_the_delays_double_up_to_the_ceiling() -> None:
    backoff = Backoff(initial=1, factor=2, ceiling=10, jitter=0)
    rng = random.Random(0)
    assert [backoff.delay(attempt, rng) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert backoff.longest(rng) == 10


@given(BACKOFFS, st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_a_delay_lies_between_its_jittered_floor_and_the_ceiling(
    backoff: Backoff, attempt: int, rng: random.Random
) -> None:
    delay = backoff.delay(attempt, rng)
    assert 0 < delay <= backoff.ceiling
    least = min(backoff.initial, backoff.ceiling) * (1 - backoff.jitter)
    assert delay >= least * 0.999999
    assert (
        backoff.ceiling * (1 - backoff.jitter)
        <= backoff.longest(rng) * 1.000001
        <= backoff.ceiling * 1.000001
    )


def test_jitter_spreads_waiters() -> None:
    rng = random.Random(1)
    assert len({Backoff(jitter=0.5).delay(3, rng) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial": 0.0},
        {"initial": -1.0},
        {"factor": 0.5},
        {"ceiling": 0.0},
        {"ceiling": float("inf")},
        {"jitter": 1.0},
        {"jitter": -0.1},
    ],
)
def test_what_is_no_backoff(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Backoff(**wrong)


def test_the_window_allows_what_it_says() -> None:
    window = RestartWindow(2, 10)
    assert window.record(0)
    assert window.record(5)
    assert not window.record(9)
    assert window.recent(9) == 3
    # The first two have left the window.
    assert window.record(15.5)
    assert window.recent(15.5) == 2


def test_a_window_may_allow_none() -> None:
    assert not RestartWindow(0, 10).record(0)


@given(st.integers(0, 5), st.floats(0.1, 20), st.lists(st.floats(0, 5), max_size=60))
def test_the_window_agrees_with_counting(restarts: int, within: float, gaps: list[float]) -> None:
    window = RestartWindow(restarts, within)
    now, stamps = 0.0, []
    for gap in gaps:
        now += gap
        stamps.append(now)
        recent = sum(stamp > now - within for stamp in stamps)
        assert window.record(now) == (recent <= restarts)
        assert window.recent(now) == min(recent, restarts + 1)
