"""Periodic work keeps its rate, and is never late for more than one instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.schedule import FixedRate

SECONDS = st.floats(0, 1e6, allow_nan=False)


@given(SECONDS, st.floats(0.01, 1e5), SECONDS)
def test_the_next_instant_lies_ahead_within_a_period(begin: float, period: float, late: float) -> None:
    wait = FixedRate(begin, period).wait(begin + late)
    assert 0 < wait <= period * 1.000001


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 50), min_size=1, max_size=30))
def test_there_is_no_drift(period: float, took: list[float]) -> None:
    rate = FixedRate(100.0, period)
    now = 100.0
    for work in took:
        now += work
        now += rate.wait(now)
        ticks = (now - 100.0) / period
        assert ticks == pytest.approx(round(ticks), abs=1e-6)


def test_what_was_missed_coalesces() -> None:
    rate = FixedRate(10.0, 5.0)
    assert rate.wait(7.0) == 3.0
    assert rate.wait(10.0) == 5.0
    assert rate.wait(33.0) == 2.0
    with pytest.raises(ValueError, match="period"):
        FixedRate(0.0, 0.0)
