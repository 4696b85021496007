"""What may be told to or asked of the actors of status, and what they tell themselves."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.storage.health import HealthRow

TRACKER = Address.process("command_tracker")
"""Where every finished invocation is told (:class:`alphapy.gateway.invocation.Outcome`)."""


@attrs.frozen
class FlushTracker(Request[bool]):
    """Store what is queued; the reply is whether all of it is stored now."""


@attrs.frozen
class CountQueued(Request[int]):
    """How many finished invocations wait to be stored."""


@attrs.frozen
class FlushTick:
    """To itself: it is time to store what is queued."""


HEALTH_HISTORY = Address.process("health_history")
"""Where every answer of ``GET /api/health`` is told, to be kept."""


@attrs.frozen
class RecordHealth:
    """Keep one answer of ``GET /api/health``."""

    row: HealthRow


@attrs.frozen
class KeepHistory:
    """Begin to clean up by and by; told once, when the service starts."""


@attrs.frozen
class StoreTick:
    """To itself: try again to store what could not be stored."""


@attrs.frozen
class PruneTick:
    """To itself: it is time to delete what is too old."""
