"""Dispatches in the order of their numbers: one that comes before its turn waits a moment for the others.

Everything behind the shard relies on the order (progress is one number). Discord sends in order, but says
nowhere that no number is ever left out; so a gap is waited for only briefly. Outside of a replay it is then
asked for once by a RESUME (:meth:`alphapy.gateway.session.SessionTrack.ask_again`), before what is behind it
is handed on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alphapy.gateway.shard_facts import Dispatch

_WAIT: Final = 0.25
"""Seconds that a gap is waited for ..."""

_MOST: Final = 16
"""... while at most so many dispatches wait behind it."""


class Order:
    """What has come too early on one connection."""

    def __init__(self) -> None:
        self._early: dict[int, Dispatch] = {}
        self.due = math.inf
        """When the gap has been waited for long enough."""

    def __contains__(self, seq: int) -> bool:
        """Whether the dispatch of this number waits."""
        return seq in self._early

    @property
    def is_full(self) -> bool:
        """Whether so many wait that the gap is not waited for any longer."""
        return len(self._early) > _MOST

    def take(self, dispatch: Dispatch, last: int, now: float) -> list[Dispatch]:
        """A dispatch has come, and ``last`` was handed on last: what is to be handed on now, in order."""
        if last and dispatch.seq > last + 1:
            self._early[dispatch.seq] = dispatch
            self.due = min(self.due, now + _WAIT)
            return []
        ready, last = [dispatch], max(last, dispatch.seq)
        while (follower := self._early.pop(last + 1, None)) is not None:
            ready.append(follower)
            last = follower.seq
        if not self._early:
            self.due = math.inf
        return ready

    def release(self) -> list[Dispatch]:
        """Give up waiting: everything that waits, in order."""
        released = [self._early[seq] for seq in sorted(self._early)]
        self._early.clear()
        self.due = math.inf
        return released
