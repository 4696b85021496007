"""Badges: their keys, and a member's grants as they are listed (spec/engagement.md 3 and 4.2)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.text import code

if TYPE_CHECKING:
    from collections.abc import Iterable

WELL_KNOWN: Final = ("winner", "og", "motivator", "foodfluencer", "sharpshooter", "star")
"""The keys that the bot grants by itself."""

MOST_EXTRA: Final = 20
"""Other keys that a guild may link to roles."""

KEY_RULE: Final = "1 to 32 small letters, digits, `-` or `_`"
"""What a key is, for people."""

WINNER: Final = "winner"
OG: Final = "og"

_KEY = re.compile(r"[a-z0-9_-]{1,32}")


@attrs.frozen
class Grant:
    """How often a member was granted a badge, and when last."""

    key: str
    count: int
    latest_at: datetime


def badge_key(text: str) -> str | None:
    """The key that somebody typed, trimmed and in small letters; None for what is no key."""
    key = text.strip().lower()
    return key if _KEY.fullmatch(key) else None


def lines(grants: Iterable[Grant]) -> list[str]:
    """One line for each key, the latest grant first, with how often where that is more than once."""
    ordered = sorted(grants, key=lambda grant: (-grant.latest_at.timestamp(), grant.key))
    return [
        f"• {code(grant.key, 40)}" + (f" \N{MULTIPLICATION SIGN}{grant.count}" if grant.count > 1 else "")
        for grant in ordered
    ]
