"""Snowflakes: ids that increase and carry their time (https://discord.com/developers/docs/reference#snowflakes)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH_MS = 1_420_070_400_000
"""The first millisecond of 2015, in Unix time."""


def utc_now() -> datetime:
    """The calendar time of this machine, aware, in UTC."""
    return datetime.now(UTC)


def at_millisecond(milliseconds: int) -> int:
    """The smallest snowflake of a Unix time in milliseconds."""
    return (milliseconds - EPOCH_MS) << 22


def created_at(snowflake: int) -> datetime:
    """The instant a snowflake was made."""
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC)


class Snowflakes:
    """Gives ids, each larger than the one before, also when the wall clock goes back."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now
        self.last = 0

    def next(self) -> int:
        """A new id of this very millisecond, or just after the last one."""
        fresh = at_millisecond(int(self.now().timestamp() * 1000))
        self.last = max(fresh, self.last + 1)
        return self.last

    def stamp(self) -> str:
        """This instant as Discord writes it (ISO 8601 with microseconds and offset)."""
        return self.now().isoformat(timespec="microseconds")
