"""Queries of ``webhook_receipts``: which deliveries have had their visible effect (spec/api.md 7.8).

A receipt is inserted before the effect, under a name that says so, and becomes a real one once the effect is
there; it is removed when the effect fails. One that stays behind in between says that a process died there.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction

_BEGUN: Final = ":begun"
"""Behind the route's name in receipts of effects that are not known to be there."""


@attrs.frozen
class Beginning:
    """Before an effect. ``done``: the same delivery has had it.

    ``unfinished_since``: a process began with it then, and it is not known how that ended.
    """

    done: bool
    unfinished_since: datetime | None = None


async def begin(tx: Transaction, route: str, body_sha256: str, now: datetime, since: datetime) -> Beginning:
    """Note that an effect begins, unless the delivery has had it after ``since``. Repeatable."""
    done = await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM webhook_receipts"
        " WHERE route = %s AND body_sha256 = %s AND received_at > %s)",
        (route, body_sha256, since),
    )
    if done:
        return Beginning(done=True)
    earlier = await tx.fetch_value(
        "SELECT received_at FROM webhook_receipts WHERE route = %s AND body_sha256 = %s",
        (route + _BEGUN, body_sha256),
    )
    await tx.execute(
        "INSERT INTO webhook_receipts (route, body_sha256, received_at) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (route + _BEGUN, body_sha256, now),
    )
    return Beginning(done=False, unfinished_since=earlier)


async def finish(tx: Transaction, route: str, body_sha256: str, now: datetime) -> None:
    """The effect is there. Repeatable."""
    await forget(tx, route, body_sha256)
    await tx.execute(
        """
        INSERT INTO webhook_receipts (route, body_sha256, received_at) VALUES (%s, %s, %s)
        ON CONFLICT (route, body_sha256) DO UPDATE SET received_at = EXCLUDED.received_at
        """,
        (route, body_sha256, now),
    )


async def forget(tx: Transaction, route: str, body_sha256: str) -> None:
    """The effect has failed and left nothing. Repeatable."""
    await tx.execute(
        "DELETE FROM webhook_receipts WHERE route = %s AND body_sha256 = %s", (route + _BEGUN, body_sha256)
    )


async def delete_before(tx: Transaction, instant: datetime, *, limit: int) -> int:
    """Delete at most ``limit`` receipts older than ``instant``, the oldest first; how many were deleted."""
    return await tx.execute(
        """
        DELETE FROM webhook_receipts WHERE (route, body_sha256) IN (
            SELECT route, body_sha256 FROM webhook_receipts WHERE received_at < %s
            ORDER BY received_at LIMIT %s
        )
        """,
        (instant, limit),
    )
