"""What the part ``weekly`` is told and asked."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import attrs

from alphapy.actors.kernel.address import Request
from alphapy.pure.engagement.awards import Award
from alphapy.pure.engagement.periods import Period
from alphapy.pure.engagement.weekly import Win
from alphapy.pure.ids import ChannelId, MessageId


class WeekOutcome(enum.Enum):
    """What became of the announcement."""

    POSTED = "posted"
    """It is being posted, or was a moment ago."""
    UNCHANGED = "unchanged"
    """It was posted before, and says the same."""
    UPDATED = "updated"
    """It was posted before, and is being brought up to date."""
    NO_CHANNEL = "no channel"
    NO_CANDIDATES = "no candidates"


@attrs.frozen
class Place:
    """Where an announcement stands."""

    channel_id: ChannelId
    message_id: MessageId


@attrs.frozen(kw_only=True)
class WeekReport:
    """What was computed of a week. ``place`` is None while it is not announced; ``wins`` are by award key."""

    week_id: int
    period: Period
    awards: Sequence[Award]
    wins: Mapping[str, Win]
    outcome: WeekOutcome
    place: Place | None


@attrs.frozen
class ComputeWeek(Request[WeekReport]):
    """Compute the last completed week, perhaps once more."""


@attrs.frozen
class WhereAnnounced(Request[Place | None]):
    """Where a week was announced."""

    week_id: int


@attrs.frozen
class ComputeDue:
    """To itself: the last completed week may be due."""
