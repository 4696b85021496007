"""Numbers, spans and instants as a person reads them. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

NOTHING: Final = "–"
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"
"""Stands between the groups of three digits."""


def number(value: float | None) -> str:
    """1 234 567; a dash for what is not known."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", NARROW)


def span(seconds: float | None) -> str:
    """A span in the unit that fits: 0.4 ms, 12 ms, 1.5 s, 4 min, 2 h 5 min, 3 d 4 h."""
    if seconds is None:
        return NOTHING
    if not math.isfinite(seconds):
        return f"over{NARROW}10 s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.{1 if 0 < seconds < 0.00095 else 0}f} ms"
    if seconds < 59.95:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"


def age(seconds: float) -> str:
    """How long something waits; a dash for nothing."""
    return span(seconds) if seconds > 0 else NOTHING


def instant(when: datetime) -> str:
    """In UTC, to the second."""
    return f"{when:%Y-%m-%d %H:%M:%S}"


def counted(count: int, one: str, many: str) -> str:
    """1 actor, 2 actors."""
    return f"{number(count)} {one if count == 1 else many}"
