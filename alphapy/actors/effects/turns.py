"""Which effects of an actor are tried next, how many at the same time, and how fast: pure.

Every request that Discord does not answer takes up a permit of the whole bot's 50 a second for as long as it
is under way. So an actor has few of them, and few in one channel: a channel that hangs holds up neither its
guild's other channels nor the other guilds. Channels take turns; within one, the oldest comes first. And no
guild that floods uses up all permits: the pace leaves the larger part to the others.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

C = TypeVar("C")

AT_A_TIME = 12
"""Effects of one actor under way together ..."""

PER_CHANNEL = 3
"""... and of them in one channel."""


PACE = 20
PACE_SECONDS = 1.0
"""Attempts of one actor per seconds."""


class Pace:
    """At most ``limit`` instants in any ``seconds``."""

    def __init__(self, limit: int = PACE, seconds: float = PACE_SECONDS) -> None:
        self._seconds = seconds
        self._booked: deque[float] = deque(maxlen=limit)

    def book(self, now: float) -> float:
        """The next free instant, taken by this call; ``now`` is in seconds and only grows."""
        at = now
        if len(self._booked) == self._booked.maxlen:
            at = max(now, self._booked[0] + self._seconds)
        self._booked.append(at)
        return at


class Turns(Generic[C]):
    """Cases that wait or are under way, each with the key of its effect and the channel it goes to."""

    def __init__(self, *, at_a_time: int = AT_A_TIME, per_channel: int = PER_CHANNEL) -> None:
        self._at_a_time = at_a_time
        self._per_channel = per_channel
        self._waiting: dict[object, deque[tuple[int, C]]] = {}
        self._under_way: dict[int, object] = {}
        self._busy: Counter[object] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._under_way)

    def keys(self) -> Iterator[int]:
        """The keys of all cases."""
        yield from self._under_way
        for queue in self._waiting.values():
            yield from (key for key, _ in queue)

    def add(self, key: int, channel: object, case: C) -> None:
        """Let a case wait for its turn."""
        self._waiting.setdefault(channel, deque()).append((key, case))

    def next(self) -> C | None:
        """Whose turn it is; None while as many as may be are under way, or nothing waits."""
        channel = self._next_channel()
        return None if channel is None else self._waiting[channel][0][1]

    def begin(self) -> None:
        """The case that :meth:`next` named is under way."""
        channel = self._next_channel()
        if channel is None:
            raise ValueError("it is nobody's turn")
        queue = self._waiting.pop(channel)
        key, _ = queue.popleft()
        if queue:
            self._waiting[channel] = queue  # behind the other channels
        self._under_way[key] = channel
        self._busy[channel] += 1

    def end(self, key: int) -> None:
        """A case is over; one that is not under way is ignored."""
        if key in self._under_way:
            channel = self._under_way.pop(key)
            self._busy[channel] -= 1
            if not self._busy[channel]:
                del self._busy[channel]

    def _next_channel(self) -> object:
        if len(self._under_way) >= self._at_a_time:
            return None
        return next((channel for channel in self._waiting if self._busy[channel] < self._per_channel), None)
