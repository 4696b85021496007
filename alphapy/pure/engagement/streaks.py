"""Days in a row on which a member has written (spec/engagement.md 5.5). A day is a UTC date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import attrs

_NEXT = timedelta(days=1)


@attrs.frozen
class Days:
    """A streak of ``count`` days that ends with ``last``; None where no day is known."""

    last: date | None
    count: int


def day_of(instant: datetime) -> date:
    """The day to which an instant, aware, belongs."""
    return instant.astimezone(UTC).date()


def after_post(stored: Days | None, day: date) -> Days | None:
    """The streak once its member has written on this day; the same object where that changes nothing.

    None for a message from before the last day, which is ignored completely.
    """
    if stored is None or stored.last is None:
        return Days(day, 1)
    if day == stored.last:
        return stored
    if day < stored.last:
        return None
    return Days(day, stored.count + 1 if day - stored.last == _NEXT else 1)
