"""The flood limit: at most so many answers per channel and time (spec/moderation.md 5.9). Pure.

It goes by when the messages were written, so that messages that are replayed after a restart meet the same
limit as they would have met live.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.pure.ids import ChannelId

FLOOD_LIMIT = 5
FLOOD_WINDOW = timedelta(seconds=10)


class Flood:
    """The answered messages of the last seconds, by channel."""

    def __init__(self, answered: Iterable[tuple[ChannelId, datetime]] = ()) -> None:
        self._recent: dict[ChannelId, deque[datetime]] = {}
        for channel_id, at in answered:
            self._recent.setdefault(channel_id, deque()).append(at)

    def copy(self) -> Self:
        """One to decide with, before what is decided is stored."""
        return type(self)((channel, at) for channel, times in self._recent.items() for at in times)

    def admit(self, channel_id: ChannelId, at: datetime) -> bool:
        """Whether a message written then may be answered; if so, it is counted."""
        self._forget(at - FLOOD_WINDOW)
        times = self._recent.setdefault(channel_id, deque())
        if len(times) >= FLOOD_LIMIT:
            return False
        times.append(at)
        return True

    def _forget(self, expired: datetime) -> None:
        for channel, times in list(self._recent.items()):
            while times and times[0] <= expired:
                times.popleft()
            if not times:
                del self._recent[channel]
