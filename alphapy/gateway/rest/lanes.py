"""Lanes: one bucket of one major parameter, as far as we know it, with the requests that wait for it.

A lane never promises more permits than Discord has for certain. What is known of a bucket comes from
answers, each of which tells the state at some instant between sending and receiving; so the end of a window
is an interval, and requests in flight are held to be counted in whatever window hurts most.

Stages:

- ``UNKNOWN``: no answer has told the route's bucket yet. One request at a time, and only while every other
  lane of the same major parameter could spare a permit too, for it may turn out to be one of their buckets.
- ``PROBING``: the bucket is known from elsewhere, its state here is not. One request at a time.
- ``OPEN``: as many as remain.
- ``UNLIMITED``: successful answers on this route carry no bucket.
"""

from __future__ import annotations

import bisect
import enum
from typing import TYPE_CHECKING

import attrs

from alphapy.gateway.rest.tickets import Priority, Refusal, TicketState
from alphapy.gateway.rest.windows import MARGIN

if TYPE_CHECKING:
    from alphapy.gateway.rest.answers import Bucket

PROBE_PATIENCE = 10.0
"""Seconds. A first request on an unknown route ignores sibling buckets that are exhausted for longer than
this: bucket windows are seconds long, what is longer is a limit of another kind (renaming a channel)."""


class Stage(enum.Enum):
    """What is known of a lane; see the module's text."""

    UNKNOWN = enum.auto()
    PROBING = enum.auto()
    OPEN = enum.auto()
    UNLIMITED = enum.auto()


@attrs.define(eq=False)
class Ticket:
    """One attempt of one request. ``retry_after`` (seconds) is told with the refusal TOO_LONG."""

    route: str
    major: str
    exempt: bool
    priority: Priority
    number: int
    state: TicketState = TicketState.WAITING
    refusal: Refusal | None = None
    retry_after: float = 0.0
    lane: Lane | None = attrs.field(default=None, repr=False)
    probe: bool = False
    granted_at: float = 0.0


@attrs.define(eq=False)
class Shape:
    """What is known of a bucket wherever it applies: permits per window, and the longest window seen."""

    limit: int
    window: float


@attrs.define(eq=False)
class Major:
    """The lanes that share a major parameter, and whether an unknown route is being tried on it."""

    name: str
    probes: int = 0
    lanes: set[Lane] = attrs.field(factory=set)


@attrs.define(eq=False)
class Lane:
    """See the module's text. ``queue`` is sorted by priority, then by arrival."""

    key: tuple[str, str, bool]
    major: Major
    stage: Stage
    shape: Shape
    remaining: int = 0
    in_flight: int = 0
    reset_until: float | None = None
    blocked_until: float = 0.0
    ghosts: list[float] = attrs.field(factory=list)
    """Until when each request without an answer may still be counted."""
    queue: list[tuple[int, int, Ticket]] = attrs.field(factory=list)
    listed: int | None = None
    """The number of the ticket under which the limiter has this lane among the ready ones."""
    alarm: float | None = None
    """When the limiter will look at it next."""

    def push(self, ticket: Ticket) -> None:
        """Let a ticket wait here."""
        ticket.lane = self
        bisect.insort(self.queue, (ticket.priority, ticket.number, ticket))

    def remove(self, ticket: Ticket) -> None:
        """A waiting ticket leaves."""
        del self.queue[bisect.bisect_left(self.queue, (ticket.priority, ticket.number))]

    @property
    def head(self) -> Ticket | None:
        """Whose turn it is."""
        return self.queue[0][2] if self.queue else None

    def free(self, now: float) -> int:
        """Permits to be had now, apart from blocks after a 429."""
        if self.stage is Stage.UNLIMITED:
            return 1
        if self.stage is Stage.UNKNOWN:
            return 1 - self.in_flight - self.major.probes
        if self.reset_until is not None and now >= self.reset_until:
            self.remaining = self.shape.limit
            self.reset_until = None
        if self.ghosts:
            self.ghosts = [until for until in self.ghosts if until > now]
        room = self.remaining - self.in_flight - self.major.probes - len(self.ghosts)
        return min(room, 1 - self.in_flight) if self.stage is Stage.PROBING else room

    def ready_at(self, now: float) -> float | None:
        """When the next request may go: ``now``; a later time to look again; None: after an answer."""
        at = self.window_at(now)
        if at is not None and self.stage is Stage.UNKNOWN:
            for sibling in self.major.lanes:
                if sibling is self or sibling.stage is Stage.UNKNOWN:
                    continue
                theirs = sibling.window_at(now)
                if theirs is None:
                    return None
                if theirs - now <= PROBE_PATIENCE:
                    at = max(at, theirs)
        return None if at is None else max(at, self.blocked_until)

    def window_at(self, now: float) -> float | None:
        """When to look again as far as this lane's own bucket is concerned; ``now`` if a permit is free."""
        if self.free(now) >= 1:
            return now
        if self.stage is Stage.UNKNOWN or (self.stage is Stage.PROBING and self.in_flight):
            return None
        changes = self.ghosts if self.reset_until is None else [self.reset_until, *self.ghosts]
        return min(changes, default=None)

    def learn(self, bucket: Bucket, sent_at: float, heard_at: float, now: float) -> None:
        """A request was sent and its answer heard; the bucket's state is that of an instant in between."""
        self.free(now)
        self.shape.limit = bucket.limit
        self.shape.window = max(self.shape.window, bucket.reset_after)
        since, until = sent_at + bucket.reset_after - MARGIN, heard_at + bucket.reset_after + MARGIN
        if self.stage is not Stage.OPEN:
            self.stage = Stage.OPEN
            self.remaining = bucket.remaining
        elif self.reset_until is not None and since > self.reset_until:
            self.remaining = bucket.remaining  # for certain a later window than the one we knew
        else:
            self.remaining = min(self.remaining, bucket.remaining)
        self.reset_until = until if self.reset_until is None else max(until, self.reset_until)

    def lose(self, ended: float) -> None:
        """A request may be counted until ``ended``, in this window or as the first of another; who knows.

        So it goes on taking up a permit until every window that it may be in is over.
        """
        if self.stage not in {Stage.UNKNOWN, Stage.UNLIMITED}:
            self.ghosts.append(ended + self.shape.window + MARGIN)

    def idle(self, now: float) -> bool:
        """Whether forgetting the lane loses nothing."""
        quiet = not self.queue and not self.in_flight and now >= self.blocked_until
        self.free(now)
        return quiet and self.reset_until is None and not self.ghosts
