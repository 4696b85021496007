"""Heartbeats, pure: when the first one goes, whether the connection is a zombie, and the latencies.

Rule: https://docs.discord.com/developers/events/gateway#heartbeat-interval — a client that gets no ACK
between two of its beats drops the connection and resumes.

An ACK that we have not *read* is not an ACK that was not *sent*: while the shard holds back (the budget of
queued events is spent), ACKs wait in the socket. So a beat counts as unanswered only for the time in which
the shard was listening on an empty socket, and the verdict needs half an interval of that.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    import random

SHORTEST_INTERVAL: Final = 0.01
LONGEST_INTERVAL: Final = 600.0
"""Bounds in seconds on what HELLO may ask for; Discord asks for about 41."""

_LISTENED: Final = 0.5
"""The share of an interval that we must have listened for an ACK before its absence means anything."""

LATENCY_WINDOW: Final = 3600.0
"""Seconds for which a latency sample counts (spec/operations.md 5.6)."""
_MOST_SAMPLES: Final = 1000


def first_beat(interval: float, rng: random.Random) -> float:
    """Seconds from HELLO to the first beat: a random share of the interval, so that a herd spreads out."""
    return interval * rng.random()


class Heartbeat:
    """The beats of one connection. ``interval`` and all times are in seconds, of one monotonic clock."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._unanswered_since: float | None = None
        self._listening_since: float | None = None
        self._listened = 0.0

    def listening(self, now: float) -> None:
        """The shard begins to wait for the socket: all that was sent so far has been read."""
        self._listening_since = now

    def heard(self, now: float) -> None:
        """The shard has something to work on, and is not listening meanwhile."""
        if self._listening_since is not None:
            if self._unanswered_since is not None:
                self._listened += now - max(self._listening_since, self._unanswered_since)
            self._listening_since = None

    def sent(self, now: float) -> None:
        """A beat was sent."""
        if self._unanswered_since is None:
            self._unanswered_since = now
            self._listened = 0.0

    def acknowledged(self, now: float) -> float | None:
        """An ACK was read: the latency in seconds, None when no beat was waiting for one."""
        since, self._unanswered_since = self._unanswered_since, None
        return None if since is None else max(0.0, now - since)

    def is_zombie(self, now: float) -> bool:
        """Whether the connection looks alive and is not; asked when the next beat is due."""
        if self._unanswered_since is None:
            return False
        listened = self._listened
        if self._listening_since is not None:
            listened += now - max(self._listening_since, self._unanswered_since)
        return listened >= self.interval * _LISTENED


@attrs.frozen
class LatencyStatistics:
    """Heartbeat latencies in seconds: the last one, and median and 95th percentile of the last hour.

    None where there is no sample.
    """

    last: float | None = None
    p50: float | None = None
    p95: float | None = None
    samples: int = 0


class LatencyWindow:
    """The latencies of the last hour, across connections; at most 1000 of them."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)

    def record(self, now: float, latency: float) -> None:
        """Note a sample."""
        self._samples.append((now, latency))

    def statistics(self, now: float) -> LatencyStatistics:
        """What the window holds now."""
        while self._samples and self._samples[0][0] <= now - LATENCY_WINDOW:
            self._samples.popleft()
        if not self._samples:
            return LatencyStatistics()
        ordered = sorted(latency for _, latency in self._samples)
        return LatencyStatistics(
            last=self._samples[-1][1],
            p50=_nearest_rank(ordered, 0.50),
            p95=_nearest_rank(ordered, 0.95),
            samples=len(ordered),
        )


def _nearest_rank(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
