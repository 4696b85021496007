"""Work that several callers want at the same time is done once.

When it fails: whoever does the work gets the exception; those who waited do it themselves, one after the
other. If the one who does it is cancelled (the client went away), the next takes over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs
import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

SHARE = 0.05
"""At most this part of the time goes into the work: a result is reused for its cost divided by this."""


@attrs.define(eq=False)
class _Flight(Generic[T]):
    landed: trio.Event = attrs.field(factory=trio.Event)
    results: list[T] = attrs.field(factory=list)
    lands_at: float = 0.0
    cost: float = 0.0


class Shared(Generic[T]):
    """One piece of work. With ``thrifty``, a result that was costly is reused for a while."""

    def __init__(self, work: Callable[[], Awaitable[T]], *, thrifty: bool = False) -> None:
        self._work = work
        self._thrifty = thrifty
        self._flight: _Flight[T] | None = None

    async def get(self) -> T:
        """The result; raises what the work raises."""
        while (flight := self._flight) is not None:
            if flight.landed.is_set():
                if self._thrifty and trio.current_time() - flight.lands_at < flight.cost / SHARE:
                    await trio.lowlevel.checkpoint()
                    return flight.results[0]
                break
            await flight.landed.wait()
            if flight.results:
                return flight.results[0]
        return await self._fly()

    async def _fly(self) -> T:
        flight = self._flight = _Flight()
        begun = trio.current_time()
        try:
            result = await self._work()
            flight.results.append(result)
            flight.lands_at = trio.current_time()
            flight.cost = flight.lands_at - begun
        finally:
            if not flight.results:
                self._flight = None
            flight.landed.set()
        return result


class SharedByKey(Generic[K, T]):
    """One piece of work for each key; forgotten when nobody wants it any more."""

    def __init__(self, work: Callable[[K], Awaitable[T]]) -> None:
        self._work = work
        self._works: dict[K, Shared[T]] = {}
        self._callers: Counter[K] = Counter()

    async def get(self, key: K) -> T:
        """The result for this key; raises what the work raises."""
        shared = self._works.setdefault(key, Shared(partial(self._work, key)))
        self._callers[key] += 1
        try:
            return await shared.get()
        finally:
            self._callers[key] -= 1
            if not self._callers[key]:
                del self._callers[key], self._works[key]
