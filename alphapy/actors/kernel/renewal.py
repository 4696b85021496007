"""A restart that somebody asked for: the old life ends in order, a new one begins with the same mailbox.

Messages wait meanwhile. What is under way is finished, or cut off once its time is up; then comes the flush.
Where the flush fails, the old life goes on, so that nothing is lost that is only in memory.
"""

from __future__ import annotations

import attrs
import trio

FLUSH_SHARE = 0.25
"""The share of the time that is kept for the flush."""


@attrs.define(eq=False)
class Renewal:
    """One such restart, until it is settled."""

    drain: float
    """When, on Trio's clock, what is under way is cut off."""
    deadline: float
    """When whoever asked waits no longer."""
    has_ended: bool = False
    """Whether the old life is over."""
    is_clean: bool = True
    """Whether the old life ended in order."""
    succeeded: bool = False
    _settled: trio.Event = attrs.field(factory=trio.Event)

    @classmethod
    def until(cls, deadline: float) -> Renewal:
        """One that begins now and is to be done by this time."""
        now = trio.current_time()
        return cls(now + (1 - FLUSH_SHARE) * max(0.0, deadline - now), deadline)

    def settle(self, succeeded: bool) -> None:
        """It is over; whether a new life began after the old one had ended in order."""
        self.succeeded = succeeded
        self._settled.set()

    async def wait(self) -> bool:
        """Return once it is settled, whether it succeeded; False at the deadline."""
        with trio.move_on_at(self.deadline):
            await self._settled.wait()
        return self.succeeded
