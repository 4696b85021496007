"""How long a member waits for an actor that may be waiting for the database itself.

While the database is known to be away, an actor still answers from its memory what it can, so it is asked all
the same, but not waited for longer than a member of Discord waits to see an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import attrs

from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.gateway.refusals import DatabaseAway

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Address, Request
    from alphapy.actors.kernel.bus import Reply

T = TypeVar("T")

AWAY_WITHIN = 1.0
"""Seconds that an actor has for an answer while the database is away."""


@attrs.frozen
class PatientBus:
    """Asks actors on behalf of members."""

    _bus: Bus
    _is_away: Callable[[], bool]
    """Whether the database is known not to answer."""

    async def ask(self, address: Address, request: Request[T], *, within: float) -> Reply[T]:
        """The reply; raises DatabaseAway where there is no answer and the database is away."""
        timeout = min(within, AWAY_WITHIN) if self._is_away() else within
        reply = await self._bus.ask(address, request, timeout=timeout)
        if not isinstance(reply, Answered) and self._is_away():
            raise DatabaseAway
        return reply
