"""How many interactions may run at once: overall, and per guild, so that one guild cannot starve the others.

Pure. A DM counts as a guild of its own for its user. Suggestions may fill half of the places only, so that
typing never keeps a command from running. Whoever finds no place is told at once; telling has places of its
own, and past those an interaction is dropped and counted, which the member sees as a failed interaction.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import Final

import attrs

MOST_RUNNING: Final = 500
MOST_PER_GUILD: Final = 50
MOST_TELLING: Final = 100


class Place(enum.Enum):
    """What an interaction was given."""

    RUN = "run"
    TELL = "tell"
    """No place to run, but one to say so."""
    NONE = "none"


@attrs.frozen(kw_only=True)
class Bounds:
    """How many may run overall and per guild, and how many may be told that they may not."""

    running: int = MOST_RUNNING
    per_guild: int = MOST_PER_GUILD
    telling: int = MOST_TELLING


class Admission:
    """Counts who is inside. Every place that was given must be given back by :meth:`leave`."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._per_guild: Counter[int] = Counter()
        self._running = 0
        self._telling = 0

    @property
    def running(self) -> int:
        """How many run."""
        return self._running

    def enter(self, guild: int, *, suggestion: bool = False) -> Place:
        """Take a place; suggestions are never told that there is none."""
        share = 2 if suggestion else 1
        if (
            self._running < self._bounds.running // share
            and self._per_guild[guild] < self._bounds.per_guild // share
        ):
            self._running += 1
            self._per_guild[guild] += 1
            return Place.RUN
        if not self._per_guild[guild]:
            del self._per_guild[guild]
        if suggestion or self._telling >= self._bounds.telling:
            return Place.NONE
        self._telling += 1
        return Place.TELL

    def leave(self, guild: int, place: Place) -> None:
        """Give a place back."""
        if place is Place.TELL:
            self._telling -= 1
        elif place is Place.RUN:
            self._running -= 1
            self._per_guild[guild] -= 1
            if not self._per_guild[guild]:
                del self._per_guild[guild]
