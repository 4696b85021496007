"""``process/effects``: has pending effects picked up that belong to actors nobody would start otherwise.

When it fails: the next sweep, a minute later, does the same again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.effects.messages import PickUp, Sweep
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.storage import effects as storage

if TYPE_CHECKING:
    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.effects")

COMPONENT = "effects"
"""Name at the connection pool."""

ADDRESS = Address.process("effects")

SWEEP_EVERY = 60.0
"""Seconds between sweeps."""

AT_ONCE = 1000
"""Actors told by one sweep."""

DONE_KEPT_FOR = timedelta(hours=1)
"""How long an effect that was done is kept: a replay finds it, and ``{uses}`` stays unique."""

UNDONE_KEPT_FOR = timedelta(days=7)
"""How long one that was refused or has expired is kept, for whoever wants to know why."""


class Sweeper(Actor):
    """See the module; the first :class:`Sweep` starts it."""

    def __init__(self, context: Context, *, pool: Pool, clock: Clock) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Sweep():
                await self._sweep()
            case _:
                return await super().handle(message)
        return None

    async def _sweep(self) -> None:
        debtors = await self._pool.run(
            COMPONENT, lambda tx: storage.debtors(tx, limit=AT_ONCE), idempotent=True
        )
        for debtor in debtors:
            self.context.bus.tell(Address.guild(debtor.guild_id, debtor.feature), PickUp())
        if debtors:
            log.info("effects are picked up", extra={"event": "effects_swept", "actors": len(debtors)})
        now = self._clock.now()
        await self._pool.run(
            COMPONENT,
            lambda tx: storage.prune(tx, now=now, done_for=DONE_KEPT_FOR, undone_for=UNDONE_KEPT_FOR),
            idempotent=True,
        )
        self.context.tell_after(SWEEP_EVERY, Sweep())
