"""What can be known of an actor from outside: counters, a histogram, and frozen snapshots of them.

Snapshots are pulled by the console and by metrics; nothing is pushed.
"""

from __future__ import annotations

import enum
from bisect import bisect_left

import attrs

from alphapy.actors.kernel.address import Address

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the handling-time buckets, in seconds; one more bucket takes what is above."""

_NOTHING = (0,) * (len(BOUNDS) + 1)


class ActorState(enum.Enum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    """It crashed, or cannot load during an outage, and waits for its next incarnation."""
    FAILED = "failed"
    """It crashed too often and is tried again at the ceiling of its back-off."""
    STOPPING = "stopping"


@attrs.frozen
class HistogramSnapshot:
    """Observations by bucket. ``counts`` has one entry more than ``bounds``: those above the last bound."""

    bounds: tuple[float, ...] = BOUNDS
    counts: tuple[int, ...] = _NOTHING
    sum: float = 0.0

    @property
    def count(self) -> int:
        """How many observations there are."""
        return sum(self.counts)

    def __add__(self, other: HistogramSnapshot) -> HistogramSnapshot:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return HistogramSnapshot(self.bounds, counts, self.sum + other.sum)

    def quantile(self, share: float) -> float:
        """The upper bound of the bucket that holds this quantile (0 to 1); infinite above the last bound."""
        wanted = share * self.count
        seen = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            seen += count
            if seen >= wanted:
                return bound
        return float("inf")


class Histogram:
    """A histogram being filled."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts: list[int] | None = None  # an actor that never handled anything needs no buckets
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        if self._counts is None:
            self._counts = list(_NOTHING)
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def snapshot(self) -> HistogramSnapshot:
        """A frozen copy."""
        return HistogramSnapshot(BOUNDS, tuple(self._counts or _NOTHING), self._sum)


class Counters:
    """What one cell counts over all its incarnations."""

    __slots__ = (
        "busy_since",
        "expired",
        "failed",
        "handling",
        "in_a_row",
        "last_error",
        "late_replies",
        "outage_since",
        "parked",
        "postponed",
        "processed",
        "restarts",
        "state",
    )

    def __init__(self) -> None:
        self.state = ActorState.STARTING
        self.processed = 0
        self.failed = 0
        self.in_a_row = 0
        """Crashes since the last message that was handled."""
        self.restarts = 0
        self.parked = 0
        self.postponed = 0
        self.expired = 0
        self.late_replies = 0
        self.last_error: str | None = None
        self.busy_since: float | None = None
        self.outage_since: float | None = None
        self.handling = Histogram()


@attrs.frozen(kw_only=True)
class ActorHealth:
    """One actor at one moment."""

    address: Address
    state: ActorState
    urgent_depth: int
    normal_depth: int
    oldest_seconds: float
    """Age of its oldest waiting message, from above; 0 when none waits."""
    busy_seconds: float
    """How long it has been handling the present message or batch; 0 when it rests."""
    outage_seconds: float
    """How long it has been waiting for an outage to end; 0 when it is not."""
    events: int
    """Places of the global budget that its messages hold."""
    processed: int
    """Messages handled without an error."""
    failed: int
    """Calls (of a message, a batch, ``load``, ``flush`` or a child task) that ended with an error."""
    refused: int
    """Messages that found the mailbox full or closed."""
    restarts: int
    parked: int
    """Messages parked as dead letters."""
    is_unhealthy: bool
    """Whether it has crashed ten times in a row."""
    postponed: int
    """Waits for an outage to end."""
    expired: int
    """Asks dropped unworked, since nobody waited for them any more."""
    late_replies: int
    """Replies to askers who had left."""
    children: int
    last_error: str | None
    handling: HistogramSnapshot
    """Durations of the calls of ``handle`` and ``handle_batch``, in seconds."""


@attrs.frozen(kw_only=True)
class KindStatistics:
    """All actors of one pattern, those included that have ended; sums only ever grow, depths do not."""

    pattern: str
    running: int
    failed_actors: int
    """How many are in the state FAILED now."""
    depth: int
    oldest_seconds: float
    started: int
    ended: int
    processed: int
    failed: int
    refused: int
    restarts: int
    parked: int
    postponed: int
    expired: int
    late_replies: int
    handling: HistogramSnapshot
