"""A clock that tests drive, forwards and backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import trio
from typing_extensions import override

from alphapy.pure.clock import Clock

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""A Monday noon in winter."""


class FakeClock(Clock):
    """Stands still until it is moved; whoever waits for an instant is woken by the move that reaches it."""

    def __init__(self, now: datetime = START) -> None:
        self._lot = trio.lowlevel.ParkingLot()
        self._now = self._checked(now)

    @override
    def now(self) -> datetime:
        return self._now

    @override
    async def sleep_until(self, instant: datetime) -> None:
        while self._now < instant:
            await self._lot.park()
        await trio.lowlevel.checkpoint()

    def advance(self, by: timedelta | float) -> datetime:
        """Move by a span or by seconds; negative goes back. Returns the new time."""
        return self.jump_to(self._now + (by if isinstance(by, timedelta) else timedelta(seconds=by)))

    def jump_to(self, instant: datetime) -> datetime:
        """Move to an instant, either way. Returns it."""
        self._now = self._checked(instant)
        self._lot.unpark_all()
        return self._now

    @property
    def waiting(self) -> int:
        """How many tasks wait for an instant."""
        return len(self._lot)

    @staticmethod
    def _checked(instant: datetime) -> datetime:
        if instant.tzinfo is None:
            raise ValueError("a clock shows aware times")
        return instant.astimezone(UTC)
