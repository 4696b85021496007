"""Challenges: who wins, how far one has come, and what counts (spec/engagement.md 4.1 and 5.2)."""

from __future__ import annotations

import enum
import heapq
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.ids import ChannelId, UserId

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

MOST_ACTIVE: Final = 10
"""Active challenges of a guild."""

LONGEST_TITLE: Final = 1024
MOST_MESSAGES: Final = 1_000_000
"""The highest count that a person may set."""

HIGHEST_COUNT: Final = 2**31 - 1
"""The highest count that its column can hold."""

TOP: Final = 5
"""Participants shown by name."""

CELLS: Final = 20
"""Of the progress bar."""


class Mode(enum.Enum):
    """How the winner is found."""

    LEADERBOARD = "leaderboard"
    """Who has posted most; of several, the lowest user id."""
    RANDOM = "random"
    """Drawn by lot from all who have posted."""

    @classmethod
    def read(cls, stored: object) -> Mode:
        """The mode of a stored row; what is not known counts as a leaderboard."""
        return cls.RANDOM if stored == cls.RANDOM.value else cls.LEADERBOARD


class Outcome(enum.Enum):
    """How a challenge ended."""

    WINNER = "winner"
    EMPTY = "empty"
    """Nobody could win it."""
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class Challenge:
    """A challenge. Rows of other programs may lack ``channel_id`` and ``ends_at``."""

    id: int
    channel_id: ChannelId | None
    mode: Mode
    title: str | None
    started_at: datetime
    ends_at: datetime | None

    def counts(self, channel_id: ChannelId, at: datetime) -> bool:
        """Whether a message of this channel and instant counts: from the start on, before the end."""
        return (
            channel_id == self.channel_id
            and self.started_at <= at
            and self.ends_at is not None
            and at < self.ends_at
        )


@attrs.frozen(kw_only=True)
class Ended:
    """A challenge that is over."""

    challenge: Challenge
    outcome: Outcome
    ended_at: datetime
    participants: int
    winner_id: UserId | None = None
    messages: int | None = None
    """What the winner's row says."""


@attrs.frozen
class Winner:
    """Who wins, with what their row says."""

    user_id: UserId
    messages: int


def choose_winner(mode: Mode, counts: Mapping[UserId, int], rng: random.Random) -> Winner | None:
    """Who wins; None where nobody may.

    A leaderboard goes to the highest count of at least 1, and of equals to the lowest user id. A draw gives
    all participants the same chance, whatever their counts.
    """
    if mode is Mode.RANDOM:
        if not counts:
            return None
        drawn = rng.choice(sorted(counts))
        return Winner(drawn, counts[drawn])
    best = min(counts.items(), key=lambda item: (-item[1], item[0]), default=None)
    return None if best is None or best[1] < 1 else Winner(*best)


def top(counts: Mapping[UserId, int], most: int = TOP) -> list[Winner]:
    """The first places of a leaderboard, those without a message left out."""
    ordered = heapq.nsmallest(most, counts.items(), key=lambda item: (-item[1], item[0]))
    return [Winner(user_id, count) for user_id, count in ordered if count > 0]


def filled_cells(started_at: datetime, ends_at: datetime | None, now: datetime) -> int:
    """How many of the 20 cells of the progress bar are filled, halves to even, in whole seconds."""
    if ends_at is None:
        return CELLS
    second = timedelta(seconds=1)
    whole, passed = (ends_at - started_at) // second, (now - started_at) // second
    if whole <= 0:
        return CELLS
    return round(CELLS * min(max(Fraction(passed, whole), Fraction(0)), Fraction(1)))


def progress_bar(started_at: datetime, ends_at: datetime | None, now: datetime) -> str:
    """The progress bar."""
    filled = filled_cells(started_at, ends_at, now)
    return "█" * filled + "░" * (CELLS - filled)
