"""Percentiles and counts of requests."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.traffic import Traffic, percentile


def test_api_4_percentiles_by_linear_interpolation() -> None:
    traffic = Traffic()
    for milliseconds in (27, 12, 31, 18):
        traffic.count(200, milliseconds / 1000)
    found = traffic.statistics()
    assert (found.p50, found.p95, found.p99) == (22.5, 30.4, 30.88)


def test_nothing_has_happened_yet() -> None:
    found = Traffic().statistics()
    assert (found.requests, found.success_rate, found.p50, found.p95, found.p99) == (0, 1.0, 0.0, 0.0, 0.0)


def test_what_ends_below_500_is_a_success() -> None:
    traffic = Traffic()
    for status in (200, 302, 404, 429, 500, 503, 499):
        traffic.count(status, 0.0)
    assert traffic.statistics().success_rate == round(5 / 7, 4)


def test_percentiles_are_of_the_last_requests_and_the_count_is_of_all() -> None:
    traffic = Traffic(kept=3)
    for seconds in (9, 9, 9, 1, 1, 1):
        traffic.count(200, seconds)
    found = traffic.statistics()
    assert (found.requests, found.p99) == (6, 1000.0)


@given(st.lists(st.floats(0, 1e5), min_size=2, max_size=60))
def test_percentiles_agree_with_the_standard_library(values: list[float]) -> None:
    values.sort()
    expected = statistics.quantiles(values, n=100, method="inclusive")
    for share in (1, 50, 95, 99):
        assert abs(percentile(values, share / 100) - expected[share - 1]) <= 0.006 + 1e-9 * values[-1]
