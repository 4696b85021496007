"""Which messages crashed their actor, and when that makes them poison. Pure bookkeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from alphapy.actors.kernel.mailbox import Envelope

MOST_FAILURES = 2
"""A message whose own handling failed is retried once."""

MOST_SUSPICIONS = 3
"""A message in hand while something else of its actor crashed may have caused that; it gets one more
chance.
"""


@attrs.define
class _Strikes:
    failures: int = 0
    suspicions: int = 0


class Docket:
    """The messages under suspicion of one cell."""

    __slots__ = ("_strikes",)

    def __init__(self) -> None:
        self._strikes: dict[Envelope, _Strikes] = {}

    def convict(self, envelope: Envelope, *, is_culprit: bool) -> int:
        """Note that the incarnation crashed with this message in hand.

        Returns the number of attempts when it is poison, else 0; it will then be handled alone.
        """
        strikes = self._strikes.setdefault(envelope, _Strikes())
        if is_culprit:
            strikes.failures += 1
        else:
            strikes.suspicions += 1
        envelope.alone = True
        if strikes.failures >= MOST_FAILURES or strikes.suspicions >= MOST_SUSPICIONS:
            del self._strikes[envelope]
            return strikes.failures + strikes.suspicions
        return 0

    def acquit(self, envelope: Envelope) -> None:
        """The message has been dealt with."""
        if self._strikes:
            self._strikes.pop(envelope, None)

    def __len__(self) -> int:
        return len(self._strikes)
