"""How long something lasts, as people type it and as it is shown (spec/engagement.md 4.1).

``3h30m`` is twelve thousand six hundred seconds, and so is ``12600``.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 31_536_000
"""Seconds: 365 days."""

DEFAULT: Final = 86_400
"""Seconds of a challenge whose length nobody gave."""

EXAMPLES: Final = "`15m`, `3h30m`, `2d` or a number of seconds, at most 365 days"
"""What a duration looks like, for people."""

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_GRAMMAR = re.compile(r"([0-9]+)|(?=[0-9])(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?", re.ASCII)
_MOST_DIGITS = len(str(LONGEST))

_SUGGESTED = (
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("3h", 10_800),
    ("6h", 21_600),
    ("1d", 86_400),
    ("3d", 259_200),
    ("7d", 604_800),
    ("10d", 864_000),
)


def parse_duration(text: str) -> int | None:
    """Seconds, 1 to 31,536,000; None for what is no duration, or none between these.

    Either a number of seconds, or days, hours, minutes and seconds in this order, each at most once.
    """
    match = _GRAMMAR.fullmatch(text.strip().lower())
    if match is None:
        return None
    seconds = 0
    for digits, unit in zip(match.groups(), (1, *(size for _, size in _UNITS)), strict=True):
        figures = (digits or "").lstrip("0")
        if len(figures) > _MOST_DIGITS:
            return None
        seconds += int(figures or "0") * unit
    return seconds if 1 <= seconds <= LONGEST else None


def format_duration(seconds: int) -> str:
    """The shortest form that :func:`parse_duration` reads back: ``93784`` is ``1d2h3m4s``; 0 is ``0s``."""
    parts = []
    for letter, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts) or "0s"


def suggested(typed: str) -> list[tuple[str, str]]:
    """What to offer somebody who has typed this: labels, and the seconds that each stands for as text."""
    query = typed.strip().lower()
    return [(label, str(seconds)) for label, seconds in _SUGGESTED if query in label]
