"""Whether commands are to be registered now: pure (spec/operations.md 5.3)."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

GLOBAL: Final = "global"
"""The scope of the commands that are the same in every guild."""

GLOBAL_COOLDOWN: Final = timedelta(minutes=60)
GUILD_COOLDOWN: Final = timedelta(minutes=30)
"""From one success to the next."""

KEPT_LONGER: Final = timedelta(hours=1)
"""How long after its cooldown a record stays at hand."""

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a scope was registered that never was."""


class Why(enum.Enum):
    """Who wants it."""

    START = "start"
    """The start: what has changed is registered at once."""
    AUTOMATIC = "automatic"
    BY_HAND = "by hand"
    FORCED = "forced"


@attrs.frozen(kw_only=True)
class Record:
    """What is known of a scope.

    ``synced_at`` is the calendar time of the last success; ``synced_mono`` the same on the monotonic clock
    where it was in this process.
    """

    fingerprint: str = ""
    command_count: int = 0
    synced_at: datetime = NEVER
    synced_mono: float | None = None
    retry_after: datetime | None = None


@attrs.frozen
class Now:
    """The moment on both clocks."""

    wall: datetime
    mono: float


@attrs.frozen
class Put:
    """Register."""


@attrs.frozen
class Leave:
    """Nothing has changed."""


@attrs.frozen
class Wait:
    """Too soon, for so many seconds."""

    seconds: float
    limited_by_discord: bool = False


Decision = Put | Leave | Wait


def cooldown(scope: str) -> timedelta:
    """The time from one success to the next."""
    return GLOBAL_COOLDOWN if scope == GLOBAL else GUILD_COOLDOWN


def decide(record: Record | None, fingerprint: str, now: Now, *, scope: str, why: Why) -> Decision:
    """What to do about a scope that is to have the commands of this fingerprint."""
    if record is None:
        return Put()
    unchanged = record.fingerprint == fingerprint and record.synced_at > NEVER
    if unchanged and why in (Why.START, Why.AUTOMATIC):
        return Leave()
    patience = _patience(record, now)
    if patience > 0:
        return Wait(patience, limited_by_discord=True)
    left = _cooldown_left(record, now, scope)
    if left > 0 and why in (Why.AUTOMATIC, Why.BY_HAND):
        return Wait(left)
    return Put()


def _patience(record: Record, now: Now) -> float:
    return 0.0 if record.retry_after is None else max(0.0, (record.retry_after - now.wall).total_seconds())


def _cooldown_left(record: Record, now: Now, scope: str) -> float:
    """Seconds; a clock that was set back never makes it longer than a whole cooldown."""
    whole = cooldown(scope).total_seconds()
    if record.synced_mono is not None:
        return max(0.0, record.synced_mono + whole - now.mono)
    return min(whole, max(0.0, (record.synced_at + cooldown(scope) - now.wall).total_seconds()))


def is_stale(record: Record, now: Now, scope: str) -> bool:
    """Whether it need not be at hand any more."""
    until = record.synced_at + cooldown(scope) + KEPT_LONGER
    return until < now.wall and _patience(record, now) == 0


def duration(seconds: float) -> str:
    """``45s``, ``12m 5s`` or ``1h 30m``; whole units, and no shorter than it takes."""
    whole = max(1, -int(-seconds // 1))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    return f"{minutes // 60}h {minutes % 60}m"
