"""What Discord's REST limiter does, written from its documentation alone, and a network to reach it by.

Shares nothing with the limiter under test. Time is a number; nothing waits.
"""

from __future__ import annotations

import enum
import heapq
import itertools
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


class Style(enum.Enum):
    """How a bucket's window moves."""

    FIXED = "from the first request in it"
    SLIDING = "a log of the last requests"
    TOKENS = "refilled evenly"


@attrs.define
class Counter:
    """One counter: ``limit`` requests per ``window`` seconds."""

    style: Style
    limit: int
    window: float
    log: list[float] = attrs.field(factory=list)
    ends: float = -1.0
    used: int = 0
    tokens: float = attrs.field(init=False)
    filled: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.tokens = float(self.limit)

    def count(self, at: float) -> bool:
        """Take one; False when there is none."""
        if self.style is Style.FIXED:
            if at >= self.ends:
                self.ends, self.used = at + self.window, 0
            self.used += 1
            return self.used <= self.limit
        if self.style is Style.SLIDING:
            self.log = [then for then in self.log if then > at - self.window]
            self.log.append(at)
            return len(self.log) <= self.limit
        self.tokens = min(self.limit, self.tokens + (at - self.filled) * self.limit / self.window)
        self.filled = at
        self.tokens -= 1
        return self.tokens >= -1e-9

    def remaining(self) -> int:
        if self.style is Style.FIXED:
            return max(0, self.limit - self.used)
        if self.style is Style.SLIDING:
            return max(0, self.limit - len(self.log))
        return max(0, int(self.tokens + 1e-9))

    def reset_after(self, at: float) -> float:
        if self.style is Style.FIXED:
            return self.ends - at
        if self.style is Style.SLIDING:
            return self.log[-1] + self.window - at
        return (self.limit - self.tokens) * self.window / self.limit


@attrs.frozen
class Rule:
    """The bucket of a route: its name (shared by routes that name the same) and its numbers."""

    name: str
    style: Style
    limit: int
    window: float


@attrs.frozen
class Verdict:
    """What the server says: headers of the bucket, or why it refused."""

    rule: Rule | None
    remaining: int
    reset_after: float
    breach: str | None


class Server:
    """Answers a request that arrives ``at`` an instant."""

    def __init__(self, rules: dict[str, Rule | None], *, global_style: Style, global_limit: int = 50) -> None:
        self.rules = rules
        self.whole = Counter(global_style, global_limit, 1.0)
        self.counters: dict[tuple[str, str], Counter] = {}
        self.taken = 0

    def arrive(self, at: float, route: str, major: str, *, exempt: bool) -> Verdict:
        rule = self.rules[route]
        self.taken += 1
        if not exempt and not self.whole.count(at):
            return Verdict(rule, 0, 0.0, f"the global limit, at {at}")
        if rule is None:
            return Verdict(None, 0, 0.0, None)
        key = (rule.name, major)
        counter = self.counters.setdefault(key, Counter(rule.style, rule.limit, rule.window))
        fine = counter.count(at)
        breach = None if fine else f"bucket {key} at {at}"
        return Verdict(rule, counter.remaining(), counter.reset_after(at), breach)


class Network:
    """Things that happen at instants, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, instant: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._numbers), what))

    @property
    def next_at(self) -> float | None:
        return self._events[0][0] if self._events else None

    def step(self) -> None:
        instant, _, what = heapq.heappop(self._events)
        self.now = max(self.now, instant)
        what()
