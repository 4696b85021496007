"""How requests went: counts, and percentiles over the last of them (spec/api.md 7.6)."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT: Final = 2000
"""Latencies that the percentiles are taken over."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of the sorted values lies; 0.0 of nothing.

    Between two values by linear interpolation at index ``(n - 1) * share``, rounded to two decimals.
    """
    if not values:
        return 0.0
    index = (len(values) - 1) * share
    below = values[math.floor(index)]
    above = values[math.ceil(index)]
    return round(below + (above - below) * (index - math.floor(index)), 2)


@attrs.frozen(kw_only=True)
class TrafficStatistics:
    """``success_rate`` is 1.0 before the first request; percentiles in milliseconds."""

    requests: int
    success_rate: float
    p50: float
    p95: float
    p99: float


class Traffic:
    """Counts the requests of one kind since the start. What ends below 500 is a success."""

    def __init__(self, kept: int = KEPT) -> None:
        self._requests = 0
        self._successes = 0
        self._latencies: deque[float] = deque(maxlen=kept)

    def count(self, status: int, seconds: float) -> None:
        """One request has been answered after so many seconds."""
        self._requests += 1
        self._successes += status < 500
        self._latencies.append(seconds * 1000)

    def statistics(self) -> TrafficStatistics:
        """All of it at this moment."""
        latencies = sorted(self._latencies)
        rate = self._successes / self._requests if self._requests else 1.0
        return TrafficStatistics(
            requests=self._requests,
            success_rate=round(rate, 4),
            p50=percentile(latencies, 0.5),
            p95=percentile(latencies, 0.95),
            p99=percentile(latencies, 0.99),
        )
