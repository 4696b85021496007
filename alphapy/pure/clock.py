"""Calendar time as a value that is handed in, so that tests can drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """Wall time and waiting for an instant of it."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return once ``now() >= instant``; notices jumps of the wall clock within a minute."""
        ...
