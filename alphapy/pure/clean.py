"""Which messages ``/clean`` deletes how (spec/engagement.md 4.8)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alphapy.pure.ids import MessageId, snowflake_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MOST: Final = 100
"""Messages of one run."""

YOUNG_FOR: Final = timedelta(days=14) - timedelta(minutes=1)
"""Younger messages may be deleted many at once; Discord's limit is two weeks, and a minute is for the way."""


def wanted(limit: int) -> int | None:
    """How many messages to delete, at most a hundred; None for a limit below 1."""
    return min(limit, MOST) if limit >= 1 else None


def deleted_at_once(
    message_ids: Iterable[MessageId], now: datetime
) -> tuple[list[MessageId], list[MessageId]]:
    """The messages that may be deleted together, and those that are too old for it; both in their order."""
    young: list[MessageId] = []
    old: list[MessageId] = []
    for message_id in message_ids:
        (young if now - snowflake_time(message_id) < YOUNG_FOR else old).append(message_id)
    return young, old
