"""How often somebody may call: the classes of requests, and a sliding window for each (spec/api.md 7.4).

A request is accepted if fewer than the limit of its class were accepted in the window before it. What is
refused is not counted, so that a caller who asks too often is served at the limit's rate and not locked out.

Algorithm: the instants of the accepted requests themselves (a sliding log), since the rule is about each of
them; at most 300 numbers for a client and class. Bounded to so many clients; the one that has not been heard
of for longest is forgotten first.
"""

from __future__ import annotations

import enum
import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW: Final = 60.0
"""Seconds."""

CLIENTS: Final = 1000
"""Clients that are remembered."""


class LimitClass(enum.Enum):
    """What kind of request it is."""

    PROBE = "probe"
    """How the service is doing."""
    WRITE = "write"
    READ = "read"
    HOOK = "hook"
    """A webhook with a valid signature."""
    CONSOLE = "console"
    """The pages for people, which refresh themselves."""


LIMITS: Final[Mapping[LimitClass, int]] = {
    LimitClass.PROBE: 60,
    LimitClass.WRITE: 10,
    LimitClass.READ: 30,
    LimitClass.HOOK: 300,
    LimitClass.CONSOLE: 300,
}
"""Requests in a window."""

_PROBES: Final = frozenset(
    {
        "/status",
        "/api/health",
        "/api/health/history",
        "/api/ready",
        "/api/observability",
        "/api/metrics",
        "/api/dashboard/metrics",
    }
)
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def limit_class(method: str, path: str) -> LimitClass:
    """The class of a request. A webhook's is the one for a valid signature."""
    if path.startswith("/webhooks/"):
        return LimitClass.HOOK
    if path in _PROBES or path.startswith(("/health", "/metrics")):
        return LimitClass.PROBE
    if method in _WRITES:
        return LimitClass.WRITE
    if path == "/console" or path.startswith("/console/"):
        return LimitClass.CONSOLE
    return LimitClass.READ


@attrs.frozen
class Refusal:
    """A request that comes too early: the oldest one leaves the window in ``retry_after`` whole seconds."""

    limit_class: LimitClass
    limit: int
    retry_after: int


class SlidingWindows:
    """The windows of all clients."""

    def __init__(
        self, limits: Mapping[LimitClass, int] = LIMITS, *, window: float = WINDOW, clients: int = CLIENTS
    ) -> None:
        self._limits = limits
        self._window = window
        self._most = clients
        self._clients: OrderedDict[str, dict[LimitClass, deque[float]]] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._clients)

    def take(self, client: str, limit_class: LimitClass, now: float) -> Refusal | None:
        """Accept a request at ``now`` (seconds that never go back), or say why not."""
        refusal = self.peek(client, limit_class, now)
        if refusal is None:
            buckets = self._clients.setdefault(client, {})
            buckets.setdefault(limit_class, deque()).append(now)
            if len(self._clients) > self._most:
                self._clients.popitem(last=False)
        return refusal

    def peek(self, client: str, limit_class: LimitClass, now: float) -> Refusal | None:
        """What :meth:`take` would say, without accepting anything."""
        buckets = self._clients.get(client)
        if buckets is None:
            return None
        self._clients.move_to_end(client)
        accepted = buckets.get(limit_class)
        if accepted is None:
            return None
        while accepted and now - accepted[0] >= self._window:
            accepted.popleft()
        limit = self._limits[limit_class]
        if len(accepted) < limit:
            return None
        left = accepted[0] + self._window - now
        return Refusal(limit_class, limit, min(max(1, math.ceil(left)), math.ceil(self._window)))

    def sweep(self, now: float) -> None:
        """Forget the clients of whom nothing is left in the window."""
        idle = [
            client
            for client, buckets in self._clients.items()
            if all(not accepted or now - accepted[-1] >= self._window for accepted in buckets.values())
        ]
        for client in idle:
            del self._clients[client]
