"""Named places on the way of an event, where a test may end the process to see what is left of it."""

from __future__ import annotations

import enum
from typing import Protocol

from typing_extensions import override


class Waypoint(enum.Enum):
    """Before and after whatever outlives the process."""

    BEFORE_COMMIT = "before_commit"
    """An actor is about to commit its rows, effects and progress ..."""
    AFTER_COMMIT = "after_commit"
    """... and has."""
    BEFORE_SEND = "before_send"
    """An effect is about to be tried at Discord ..."""
    AFTER_SEND = "after_send"
    """... and Discord has answered."""
    BEFORE_CLOSE = "before_close"
    """An effect is about to be recorded as done, refused or expired ..."""
    AFTER_CLOSE = "after_close"
    """... and has been."""
    BEFORE_PROGRESS = "before_progress"
    """The progress of events without effect is about to be written ..."""
    AFTER_PROGRESS = "after_progress"
    """... and has been."""
    BEFORE_MARK = "before_mark"
    """The low-water marks of the sessions are about to be written ..."""
    AFTER_MARK = "after_mark"
    """... and have been."""
    BEFORE_READ = "before_read"
    """A page of what was missed is about to be read."""
    BEFORE_FILL = "before_fill"
    """What a guild missed is read, and about to be told."""
    BEFORE_GAPS = "before_gaps"
    """Gaps are about to be closed in the database ..."""
    AFTER_GAPS = "after_gaps"
    """... and have been."""


class Waypoints(Protocol):
    """Who is told of every waypoint that is passed."""

    async def reach(self, waypoint: Waypoint) -> None:
        """The calling task is there; it goes on when this returns."""
        ...


class Unwatched(Waypoints):
    """Nobody."""

    @override
    async def reach(self, waypoint: Waypoint) -> None:
        pass
