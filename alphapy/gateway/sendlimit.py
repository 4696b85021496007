"""How much a connection may send: 120 payloads in 60 seconds, with room kept for heartbeats. Pure.

Rule: https://docs.discord.com/developers/events/gateway#rate-limiting; who exceeds it is disconnected.

A sliding window log: the instants of the last sends. A token bucket would allow bursts across the edge of
Discord's window; the log cannot, at the price of 120 numbers. Discord counts arrivals, which can be closer
together than our sends, so the window is a second longer than Discord's.

Three kinds of send have different ceilings, so that requests never use up what beats need, nor do beats that
the gateway asks for out of turn use up what the scheduled ones need.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

LIMIT: Final = 120
WINDOW: Final = 60.0
_MARGIN: Final = 1.0
_FOR_REQUESTED_BEATS: Final = 5


class Urgency(enum.Enum):
    """What is to be sent."""

    ORDINARY = "ordinary"
    REQUESTED_BEAT = "requested_beat"
    """A beat that the gateway asked for with op 1."""
    SCHEDULED_BEAT = "scheduled_beat"


class SendLimit:
    """The sends of one connection. ``beat_interval`` is in seconds, times of one monotonic clock."""

    def __init__(self, beat_interval: float) -> None:
        self._window = WINDOW + _MARGIN
        beats = min(LIMIT // 2, int(self._window / beat_interval) + 1)
        self._ceilings = {
            Urgency.ORDINARY: LIMIT - beats - _FOR_REQUESTED_BEATS,
            Urgency.REQUESTED_BEAT: LIMIT - beats,
            Urgency.SCHEDULED_BEAT: LIMIT,
        }
        self._sent: deque[float] = deque()

    def delay(self, now: float, urgency: Urgency) -> float:
        """Seconds until a send of this urgency is allowed; 0.0 when it is now."""
        while self._sent and self._sent[0] <= now - self._window:
            self._sent.popleft()
        excess = len(self._sent) - self._ceilings[urgency]
        return 0.0 if excess < 0 else self._sent[excess] + self._window - now

    def take(self, now: float, urgency: Urgency) -> bool:
        """Note a send if it is allowed now; False when it is not."""
        if self.delay(now, urgency) > 0:
            return False
        self._sent.append(now)
        return True
