"""What may be asked of the command tracker, and what it tells itself."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address, Request

TRACKER = Address.process("command_tracker")
"""Where every finished invocation is told (:class:`alphapy.gateway.invocation.Outcome`)."""


@attrs.frozen
class FlushTracker(Request[bool]):
    """Store what is queued; the reply is whether all of it is stored now."""


@attrs.frozen
class FlushTick:
    """To itself: it is time to store what is queued."""
