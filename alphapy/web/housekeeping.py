"""What the web throws away: expired idempotency records every minute, silent clients' limits every ten.

Rules: spec/schema.md 5.6, spec/api.md 7.4. When it fails: a database that is away is tried again a minute
later, and nothing else waits for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import psycopg
import trio

from alphapy.storage import idempotency
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool
    from alphapy.web.routing.front import FrontDesk

log = logging.getLogger("alphapy.web")

COMPONENT: Final = "web"

EVERY: Final = 60.0
"""Seconds between two rounds."""

SWEEP_EVERY: Final = 10
"""Rounds between two sweeps of the clients' limits."""


async def keep_house(desk: FrontDesk, pool: Pool, clock: Clock, *, every: float = EVERY) -> None:
    """Throw away what is not needed any more, until cancelled."""
    rounds = 0
    due = trio.current_time()
    while True:
        due = max(due + every, trio.current_time())
        await trio.sleep_until(due)
        rounds += 1
        if rounds % SWEEP_EVERY == 0:
            desk.sweep()
        with trio.move_on_after(every):
            try:
                await expire(pool, clock)
            except (StorageError, psycopg.Error) as error:
                log.warning(
                    "expired idempotency records could not be deleted; trying again in a minute",
                    extra={"event": "idempotency_not_expired", "error": str(error)},
                )


async def expire(pool: Pool, clock: Clock) -> None:
    """Delete the idempotency records whose time is over."""
    now = clock.now()
    deleted = idempotency.EXPIRED_AT_ONCE
    while deleted >= idempotency.EXPIRED_AT_ONCE:
        deleted = await pool.run(COMPONENT, lambda tx: idempotency.expire(tx, now), idempotent=True)
