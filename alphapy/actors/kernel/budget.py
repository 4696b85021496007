"""The global budget of queued gateway events.

Every event in a mailbox, or taken from it and not done, holds one place. When none is left the shards stop
reading: the socket is the queue then, and Discord's own buffer behind it. Taking never waits and may
overdraw, by as many events as one read brings; only :meth:`Budget.wait_for_room` waits. Losing a place
would stop the service in the end, so whoever drops an event gives its place back.
"""

from __future__ import annotations

import attrs
import trio


@attrs.frozen
class BudgetStatistics:
    """The budget at one moment."""

    limit: int
    share: int
    used: int
    peak: int
    waiting: int
    waits: int
    """How often somebody had to wait for room."""


class Budget:
    """Places for queued events, shared by all actors of the process."""

    def __init__(self, limit: int, *, share: int | None = None) -> None:
        """``share`` is the most that one actor may hold unless it waits out an outage; default: half."""
        if limit < 1 or (share is not None and not 1 <= share <= limit):
            raise ValueError(f"not a budget: limit {limit}, share {share}")
        self._limit = limit
        self._share = (limit + 1) // 2 if share is None else share
        # Room is announced with some slack, so that a shard does not stop and go with every single event.
        self._low_water = limit - max(1, limit // 8)
        self._used = 0
        self._peak = 0
        self._waits = 0
        self._lot = trio.lowlevel.ParkingLot()

    @property
    def share(self) -> int:
        """The most places that one actor may hold."""
        return self._share

    @property
    def has_room(self) -> bool:
        """Whether a shard may read on."""
        return self._used < self._limit

    def take(self, n: int = 1) -> None:
        """Take places; they may be overdrawn."""
        self._used += n
        self._peak = max(self._peak, self._used)

    def give(self, n: int = 1) -> None:
        """Give places back; raises ValueError for more than were taken."""
        if n > self._used:
            raise ValueError(f"{n} places given back, {self._used} were taken")
        self._used -= n
        if self._lot and self._used <= self._low_water:
            self._lot.unpark_all()

    async def wait_for_room(self) -> None:
        """Return when there is room; always a checkpoint. The shard awaits this before it reads on."""
        if self.has_room:
            await trio.lowlevel.checkpoint()
            return
        self._waits += 1
        while not self.has_room:
            await self._lot.park()

    def statistics(self) -> BudgetStatistics:
        """A frozen snapshot."""
        return BudgetStatistics(
            limit=self._limit,
            share=self._share,
            used=self._used,
            peak=self._peak,
            waiting=len(self._lot),
            waits=self._waits,
        )
