"""An ask between its two ends: the asker waits until the deadline, the receiver settles it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from alphapy.actors.kernel.bus import Reason, Unanswered

if TYPE_CHECKING:
    from alphapy.actors.kernel.bus import Answered


class Asked:
    """One ask. Settling one whose asker has left is a no-op that says so."""

    __slots__ = ("_left", "_outcome", "_settled", "deadline")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._left = False
        self._outcome: Answered[object] | Unanswered | None = None
        self._settled = trio.Event()

    def is_awaited(self, now: float) -> bool:
        """Whether an answer would still reach somebody."""
        return not self._left and self._outcome is None and now < self.deadline

    def settle(self, outcome: Answered[object] | Unanswered) -> bool:
        """Hand the asker its outcome; False when nobody waits any more."""
        if self._left or self._outcome is not None:
            return False
        self._outcome = outcome
        self._settled.set()
        return True

    async def wait_settled(self) -> Answered[object] | Unanswered:
        """The outcome, or TIMED_OUT once the deadline has passed."""
        try:
            with trio.move_on_at(self.deadline):
                await self._settled.wait()
        finally:
            self._left = True
        return self._outcome or Unanswered(Reason.TIMED_OUT)
