"""Visible effects of webhooks happen once, however often a delivery is repeated (spec/api.md 7.8).

When it fails: an effect that fails and leaves nothing (an ordinary ApiError) takes its receipt along, so that
the next delivery tries again. Where nobody knows whether it is there (:class:`InDoubt`, a client that went
away, a kill), a mark stays, and the next delivery looks first. A database that goes away after the effect
costs the receipt: the next delivery looks, too.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs
import trio

from alphapy.storage import webhook_receipts
from alphapy.storage.errors import StorageError
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.web")

COMPONENT: Final = "web"
REMEMBERED: Final = timedelta(hours=24)
"""How long the same delivery has no second effect."""


@attrs.frozen(auto_exc=True)
class InDoubt(ApiError):
    """An error after which nobody knows whether the effect is there."""


class Receipts:
    """See the module. Deliveries that are under way here wait for each other."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._under_way: dict[tuple[str, str], trio.Event] = {}

    async def once(
        self, hook: str, body: bytes, effect: Callable[[datetime | None], Awaitable[None]]
    ) -> bool:
        """Have the effect, unless this delivery to this hook has had it; whether it was had now.

        ``effect`` is told since when an earlier attempt may have left something. Raises what it raises.
        """
        key = (hook, hashlib.sha256(body).hexdigest())
        while (other := self._under_way.get(key)) is not None:
            await other.wait()
        landed = self._under_way[key] = trio.Event()
        try:
            return await self._once(*key, effect)
        finally:
            del self._under_way[key]
            landed.set()

    async def _once(
        self, hook: str, digest: str, effect: Callable[[datetime | None], Awaitable[None]]
    ) -> bool:
        now = self._clock.now()
        beginning = await self._pool.run(
            COMPONENT,
            lambda tx: webhook_receipts.begin(tx, hook, digest, now, now - REMEMBERED),
            idempotent=True,
        )
        if beginning.done:
            return False
        try:
            await effect(beginning.unfinished_since)
        except InDoubt:
            raise
        except ApiError:
            await self._note(hook, lambda tx: webhook_receipts.forget(tx, hook, digest))
            raise
        done_at = self._clock.now()
        await self._note(hook, lambda tx: webhook_receipts.finish(tx, hook, digest, done_at))
        return True

    async def _note(self, hook: str, work: Callable[[Transaction], Awaitable[None]]) -> None:
        try:
            await self._pool.run(COMPONENT, work, idempotent=True)
        except StorageError as error:
            log.warning(
                "the receipt of a webhook could not be written",
                extra={"event": "receipt_not_written", "hook": hook, "error": str(error)},
            )
