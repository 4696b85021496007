"""The weeks of the weekly awards: from Monday 14:00 UTC to the next (spec/engagement.md 5.4).

UTC throughout, so that summer time never shifts one.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import attrs
from typing_extensions import override

WEEK: Final = timedelta(days=7)
BEGINS_AT: Final = time(14, tzinfo=UTC)

CATCH_UP: Final = timedelta(hours=48)
"""How long after its end a week is still computed by itself."""

LONGEST_JITTER: Final = 120.0
"""Seconds after the end of a week within which its guilds are spread."""

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@attrs.frozen
class Period:
    """A week: what was posted at ``start`` or later, and before ``end``."""

    start: datetime
    end: datetime

    @property
    def week_start(self) -> date:
        """The UTC date on which it begins, as it is stored."""
        return self.start.date()

    @property
    def week_end(self) -> date:
        """The UTC date on which it ends, as it is stored."""
        return self.end.date()

    @property
    def following(self) -> Period:
        """The week after it."""
        return Period(self.end, self.end + WEEK)

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @override
    def __str__(self) -> str:
        """Both ends for people, of which the last is the last second: ``13 Jul 14:00 – 20 Jul 13:59``."""
        return f"{_instant(self.start)} \N{EN DASH} {_instant(self.end - timedelta(seconds=1))}"


def completed(now: datetime) -> Period:
    """The last week that is over; one that ends now is."""
    utc = now.astimezone(UTC)
    monday = utc.date() - timedelta(days=utc.weekday())
    end = datetime.combine(monday, BEGINS_AT)
    if end > utc:
        end -= WEEK
    return Period(end - WEEK, end)


def jitter(guild_id: int, period: Period) -> timedelta:
    """How long after the week's end the guild computes it: 0 to 120 s, always the same."""
    digest = hashlib.blake2b(f"{guild_id}/{period.week_end}".encode(), digest_size=4).digest()
    return timedelta(seconds=LONGEST_JITTER * int.from_bytes(digest) / 2**32)


def _instant(at: datetime) -> str:
    return f"{at.day:02} {MONTHS[at.month - 1]} {at:%H:%M}"
