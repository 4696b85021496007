"""Answers that are remembered for a while: bounded, the least recently used are forgotten first. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """At most ``size`` values, each until its own instant; instants are seconds of whatever clock."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K, now: float) -> V | None:
        """What is remembered; None for nothing, or for nothing any more."""
        found = self._held.get(key)
        if found is None:
            return None
        value, until = found
        if now >= until:
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return value

    def put(self, key: K, value: V, until: float) -> None:
        """Remember a value until this instant."""
        self._held[key] = (value, until)
        self._held.move_to_end(key)
        if len(self._held) > self._size:
            self._held.popitem(last=False)

    def forget(self, is_meant: Callable[[K], bool]) -> None:
        """Forget every key of which this is true."""
        for key in [key for key in self._held if is_meant(key)]:
            del self._held[key]
