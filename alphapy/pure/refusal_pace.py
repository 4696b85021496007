"""How fast refusals are handed out, so that a flood of requests cannot buy a flood of work.

A refused request costs about as much as any other (a millisecond, most of it in reading HTTP). A client who
goes on after so many refusals gets the next ones at a steady pace only: each waits for its turn, and on its
connection nothing else is read meanwhile, so that the network holds the rest of the flood.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

RATE: Final = 20.0
"""Refusals of a client in a second."""

BURST: Final = 20
"""Refusals of a client that are given at once."""

LONGEST: Final = 10.0
"""Seconds that a refusal waits at the most."""

CLIENTS: Final = 1000
"""Clients that are remembered."""


class RefusalPace:
    """Tells each refusal when its turn is."""

    def __init__(
        self,
        *,
        rate: float = RATE,
        burst: int = BURST,
        longest: float = LONGEST,
        clients: int = CLIENTS,
    ) -> None:
        self._gap = 1 / rate
        self._credit = burst / rate
        self._longest = longest
        self._most = clients
        self._turns: OrderedDict[str, float] = OrderedDict()
        """When the last refusal of a client would have been due at the steady pace."""

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._turns)

    def wait(self, client: str, now: float) -> float:
        """The seconds for which a refusal at ``now`` (seconds that never go back) has to wait."""
        turn = max(self._turns.get(client, -math.inf), now - self._credit) + self._gap
        turn = min(turn, now + self._longest)
        self._turns[client] = turn
        self._turns.move_to_end(client)
        if len(self._turns) > self._most:
            self._turns.popitem(last=False)
        return max(0.0, turn - now)

    def sweep(self, now: float) -> None:
        """Forget the clients who have their whole burst again."""
        for client in [name for name, turn in self._turns.items() if turn <= now - self._credit]:
            del self._turns[client]
