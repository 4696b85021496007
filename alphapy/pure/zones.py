"""Calendar time in a zone: which instant a wall time is, where the clocks skip or repeat it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
"""The zone of wall times that name none (spec/api.md 7.1)."""


class NoSuchTime(ValueError):
    """The clocks of the zone skip this wall time."""


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive wall time, aware, in the zone.

    Of two that are alike when the clocks go back, the first. Raises NoSuchTime where the clocks go forward
    past it, and OverflowError at the ends of the calendar.
    """
    aware = wall.replace(tzinfo=zone, fold=0)
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall.replace(fold=0):
        raise NoSuchTime(f"{wall} does not exist in {zone.key}")
    return aware
