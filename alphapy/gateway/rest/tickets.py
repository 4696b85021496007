"""Words about the requests that wait for a permit: who goes first, and how waiting can end."""

from __future__ import annotations

import enum


class Priority(enum.IntEnum):
    """Who goes first."""

    INTERACTION = 0
    MODERATION = 1
    OTHER = 2
    BACKFILL = 3
    """Reading back what was missed."""


class Refusal(enum.Enum):
    """Why a request may not even wait."""

    QUEUE_FULL = "too many requests are waiting already"
    TOO_MANY_ERRORS = "too many requests were answered with errors in the last ten minutes"
    TOO_LONG = "the rate limit asks to wait longer than the request may take"


class TicketState(enum.Enum):
    """Where a ticket is in its life."""

    WAITING = enum.auto()
    GRANTED = enum.auto()
    REFUSED = enum.auto()
    DONE = enum.auto()
