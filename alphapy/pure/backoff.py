"""Exponential back-off with jitter and a ceiling, and the restart intensity window of OTP.

Both are arithmetic over the caller's random numbers and the caller's ``now``; nothing here waits.
Sources: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ and
https://www.erlang.org/doc/system/sup_princ.html#maximum-restart-intensity
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    import random

_positive = (attrs.validators.gt(0.0), attrs.validators.lt(math.inf))


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before the n-th attempt in a row.

    The undithered delay is ``initial * factor ** (n - 1)`` seconds, at most ``ceiling``. Jitter takes away
    up to that share of it, so a delay never exceeds the ceiling and many waiters do not come back together.
    """

    initial: float = attrs.field(default=0.2, validator=_positive)
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1.0))
    ceiling: float = attrs.field(default=30.0, validator=_positive)
    jitter: float = attrs.field(default=0.25, validator=(attrs.validators.ge(0.0), attrs.validators.lt(1.0)))

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Seconds to wait before this attempt, the first being 1."""
        return self._jittered(self._undithered(attempt), rng)

    def longest(self, rng: random.Random) -> float:
        """Seconds to wait where only the ceiling will do."""
        return self._jittered(self.ceiling, rng)

    def _undithered(self, attempt: int) -> float:
        try:
            return min(self.ceiling, self.initial * self.factor ** max(0, attempt - 1))
        except OverflowError:
            return self.ceiling

    def _jittered(self, delay: float, rng: random.Random) -> float:
        return delay * (1 - self.jitter * rng.random())


class RestartWindow:
    """At most ``restarts`` restarts in any ``within`` seconds."""

    def __init__(self, restarts: int, within: float) -> None:
        self._restarts = restarts
        self._within = within
        self._stamps: deque[float] = deque()

    def record(self, now: float) -> bool:
        """Note a restart; False when there have now been more than the window allows.

        Only as many stamps are kept as are needed to tell, so a crash loop needs bounded memory.
        """
        self._forget(now)
        self._stamps.append(now)
        if len(self._stamps) > self._restarts + 1:
            self._stamps.popleft()
        return len(self._stamps) <= self._restarts

    def recent(self, now: float) -> int:
        """How many restarts lie within the window, counted up to one more than it allows."""
        self._forget(now)
        return len(self._stamps)

    def _forget(self, now: float) -> None:
        while self._stamps and self._stamps[0] <= now - self._within:
            self._stamps.popleft()
