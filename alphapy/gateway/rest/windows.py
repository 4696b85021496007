"""Two windows over time that hold for the whole bot: requests per second, and invalid requests.

Pure: every method takes ``now``, in seconds of any monotonic clock.
"""

from __future__ import annotations

import heapq
from collections import deque

MARGIN = 0.005
"""Seconds added to every wait: headers are rounded to milliseconds, and clocks tick differently."""


class SlidingWindow:
    """At most ``limit`` requests in any ``seconds``, whenever in between each of them arrived.

    We know when a request was sent and when its answer began; Discord counted it somewhere in between. So a
    permit is used from the sending until ``seconds`` (and a margin) after the answer. That holds against a
    fixed window, a sliding one and a token bucket alike, and costs the round trip: 50 permits give 49 in a
    second at 20 ms and 43 at 150 ms. Nothing faster is safe (docs/decisions/0008).
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self._seconds = seconds
        self._in_flight = 0
        self._free_again: list[float] = []

    def free(self, now: float) -> int:
        """Permits that may be taken now."""
        while self._free_again and self._free_again[0] <= now:
            heapq.heappop(self._free_again)
        return self.limit - self._in_flight - len(self._free_again)

    def take(self) -> None:
        """Use a permit; the caller has made sure that one is free."""
        self._in_flight += 1

    def give_back(self) -> None:
        """The permit was not used: nothing has been sent."""
        self._in_flight -= 1

    def done(self, counted_by: float) -> None:
        """The request was answered, or will never be: by this instant at the latest it was counted."""
        self._in_flight -= 1
        heapq.heappush(self._free_again, counted_by + self._seconds + MARGIN)

    @property
    def free_at(self) -> float | None:
        """When the next permit becomes free by the passing of time; None if only an answer can free one."""
        return self._free_again[0] if self._free_again else None


class InvalidRequests:
    """How many requests were answered with 401, 403 or 429 lately.

    Discord bans an address for a while after 10,000 of them in 10 minutes
    (https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
    Counted in slots of ten seconds, each of which is forgotten when all of it is over ten minutes old.
    """

    SECONDS = 600.0
    SLOT = 10.0

    def __init__(self) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, now: float) -> None:
        """One more."""
        start = now - now % self.SLOT
        if self._slots and self._slots[-1][0] == start:
            self._slots[-1] = (start, self._slots[-1][1] + 1)
        else:
            self._slots.append((start, 1))
        self._total += 1

    def count(self, now: float) -> int:
        """How many in the last ten minutes; up to ten seconds more, never less."""
        while self._slots and self._slots[0][0] + self.SLOT + self.SECONDS <= now:
            self._total -= self._slots.popleft()[1]
        return self._total
