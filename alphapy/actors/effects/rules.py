"""What to do next about an effect: pure."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

NONCE_WINDOW = timedelta(minutes=2)
"""How long a repeated send with the same nonce certainly gives the first message back.

Discord says "in the past few minutes":
https://docs.discord.com/developers/resources/message#create-message
"""


class Step(enum.Enum):
    """What comes next."""

    PERFORM = "perform"
    """Try it; where it may have been done already, a repetition is harmless."""
    PROVE = "prove"
    """It may have been done, and a repetition would be seen: look."""
    EXPIRE = "expire"
    """Its time is over, and it was certainly not done."""


def next_step(
    *, first_tried_at: datetime | None, deadline_at: datetime, in_doubt: bool, idempotent: bool, now: datetime
) -> Step:
    """Decide. ``in_doubt``: an attempt may have succeeded although no answer says so.

    ``idempotent``: doing it twice is the same as doing it once, whenever that is.
    """
    expired = now >= deadline_at
    if in_doubt and not idempotent:
        window_closed = first_tried_at is None or not timedelta(0) <= now - first_tried_at <= NONCE_WINDOW
        if expired or window_closed:
            return Step.PROVE
    return Step.EXPIRE if expired else Step.PERFORM
