"""Discord's REST rate limits, as a pure object driven by ``now``: who may send, and when to ask again.

Purpose
    Requests become tickets. A ticket waits in the lane of its bucket and major parameter, is granted when
    no correct server could answer it with 429, and is finished with what its answer said. The object never
    waits; the gate (gate.py) does.

Order
    Interaction answers first, then moderation, then the rest, and what was missed last, each in order of
    arrival, among the requests that their lane lets go. A lane that must wait holds up nobody else.

Limits
    Buckets as told by headers (lanes.py), 50 requests a second for everything authorised by the bot's token
    (windows.py), and our own: requests in flight, waiting in all and waiting for one lane.

Failure modes
    *A request is lost* (no answer, or one that tells nothing of the bucket): it is held to be counted,
    wherever that hurts most. *The process starts while Discord still counts requests of its predecessor*, or
    another process uses the token: the first answer on each lane tells; until then one request at a time.
    *A 429 comes all the same* (shared limits, limits without headers): its lane, everything of the bot, or
    everything at all waits as told. *Errors pile up*: from 4,000 invalid requests in ten minutes nothing is
    read back, from 5,000 ordinary requests are refused, from 6,500 moderation, from 8,000 all; at 10,000
    Discord would ban the address.
    *A bucket changes its name*: waiting tickets move along.

Rule: https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from alphapy.gateway.rest.answers import Answer, Scope
from alphapy.gateway.rest.lanes import Lane, Major, Shape, Stage, Ticket
from alphapy.gateway.rest.tickets import Priority, Refusal, TicketState
from alphapy.gateway.rest.windows import InvalidRequests, SlidingWindow

if TYPE_CHECKING:
    from alphapy.gateway.rest.routes import Target

GLOBAL_LIMIT = 50
"""Requests per second that Discord allows a bot of ordinary size."""

STRAY = 1.0
"""Seconds for which a request may still reach Discord after we have given it up."""

_NO_BUCKET = ""
_KEPT_LANES = 512
"""Idle lanes are swept when there are more lanes than this and than twice those of the last sweep."""


_INVALID_LIMITS: Mapping[Priority, int] = {
    Priority.INTERACTION: 8_000,
    Priority.MODERATION: 6_500,
    Priority.OTHER: 5_000,
    Priority.BACKFILL: 4_000,
}


@attrs.frozen(kw_only=True)
class Bounds:
    """Our own limits. ``in_flight`` holds for requests by the bot's token, ``exempt_in_flight`` for others.

    ``waiting`` is per priority, ``waiting_per_lane`` keeps one busy channel from filling it.
    """

    global_limit: int = GLOBAL_LIMIT
    global_seconds: float = 1.0
    in_flight: int = 100
    exempt_in_flight: int = 150
    waiting: int = 5_000
    waiting_per_lane: int = 500


@attrs.frozen(kw_only=True)
class LimiterStatistics:
    """A moment of the limiter; ``invalid`` are 401, 403 and 429 in the last ten minutes."""

    waiting: Mapping[Priority, int]
    in_flight: int
    lanes: int
    invalid: int
    globally_blocked_for: float


class Limiter:
    """See the module's text. Every method takes ``now``: seconds of a monotonic clock, never going back."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._window = SlidingWindow(self._bounds.global_limit, self._bounds.global_seconds)
        self._invalid = InvalidRequests()
        self._numbers = itertools.count()
        self._entries = itertools.count()
        self._waiting = dict.fromkeys(Priority, 0)
        self._in_flight = {True: 0, False: 0}
        self._buckets: dict[str, str] = {}
        self._shapes: dict[str, Shape] = {}
        self._majors: dict[str, Major] = {}
        self._lanes: dict[tuple[str, str, bool], Lane] = {}
        self._sweep_at = _KEPT_LANES
        self._ready: dict[bool, list[tuple[int, int, int, Lane]]] = {True: [], False: []}
        self._alarms: list[tuple[float, int, Lane]] = []
        self._global_until = 0.0
        self._edge_until = 0.0

    @property
    def most_in_flight(self) -> int:
        """The most requests that are ever under way together."""
        return self._bounds.in_flight + self._bounds.exempt_in_flight

    def submit(self, target: Target, priority: Priority, now: float, *, expires_at: float) -> Ticket:
        """A ticket that waits, or is refused at once. Call :meth:`grant` next."""
        route, exempt = target.route.key, target.route.by_token
        ticket = Ticket(route, target.major, exempt, priority, next(self._numbers))
        if not self._guard_open(priority, now):
            return self._refuse(ticket, Refusal.TOO_MANY_ERRORS)
        lane = self._lane_for(ticket)
        full = len(lane.queue) >= self._bounds.waiting_per_lane
        if full or self._waiting[priority] >= self._bounds.waiting:
            return self._refuse(ticket, Refusal.QUEUE_FULL)
        earliest = max(self._edge_until, lane.blocked_until, 0.0 if exempt else self._global_until)
        if lane.stage is not Stage.UNKNOWN:
            earliest = max(earliest, lane.ready_at(now) or 0.0)
        if earliest > max(expires_at, now):
            ticket.retry_after = earliest - now
            return self._refuse(ticket, Refusal.TOO_LONG)
        self._waiting[priority] += 1
        lane.push(ticket)
        self._settle(lane, now)
        return ticket

    def grant(self, now: float) -> list[Ticket]:
        """The tickets whose waiting is over: granted, or refused because errors pile up."""
        while self._alarms and self._alarms[0][0] <= now:
            at, _, lane = heapq.heappop(self._alarms)
            if lane.alarm == at:
                lane.alarm = None
                self._settle(lane, now)
        over: list[Ticket] = []
        for exempt, ready in self._ready.items():
            while ready and self._open_at(exempt, now) == now:
                self._consider(ready, now, over)
        return over

    def wake_at(self, now: float) -> float | None:
        """When :meth:`grant` may have more to give; None when only an answer or a new ticket changes that."""
        times = [self._open_at(exempt, now) for exempt, ready in self._ready.items() if ready]
        if self._alarms:
            times.append(self._alarms[0][0])
        return min((at for at in times if at is not None), default=None)

    def finish(
        self, ticket: Ticket, answer: Answer | None, now: float, *, heard_at: float | None = None
    ) -> None:
        """A granted request was answered, or (None) sent without an answer ever coming.

        ``heard_at`` is when the answer began to arrive, where that was before ``now``: by then Discord had
        counted the request.
        """
        lane = self._end(ticket)
        heard = now if heard_at is None else heard_at
        ended = heard if answer is not None else now + STRAY
        if not ticket.exempt:
            self._window.done(ended)
        if answer is None:
            for affected in (lane, *lane.major.lanes) if ticket.probe else (lane,):
                affected.lose(ended)
        else:
            self._learn(ticket, lane, answer, heard, now)
        self._settle_all(lane.major, now)
        self._sweep(now)

    def discard(self, ticket: Ticket, now: float) -> None:
        """A ticket is not used: it stops waiting, or gives its permit back. Safe to repeat."""
        lane = ticket.lane
        if ticket.state is TicketState.WAITING and lane is not None:
            ticket.state = TicketState.DONE
            self._waiting[ticket.priority] -= 1
            lane.remove(ticket)
            self._settle(lane, now)
        elif ticket.state is TicketState.GRANTED:
            lane = self._end(ticket)
            if not ticket.exempt:
                self._window.give_back()
            self._settle_all(lane.major, now)

    def statistics(self, now: float) -> LimiterStatistics:
        """This moment, frozen."""
        blocked_until = max(self._global_until, self._edge_until)
        return LimiterStatistics(
            waiting=dict(self._waiting),
            in_flight=sum(self._in_flight.values()),
            lanes=len(self._lanes),
            invalid=self._invalid.count(now),
            globally_blocked_for=max(0.0, blocked_until - now),
        )

    def _refuse(self, ticket: Ticket, refusal: Refusal) -> Ticket:
        ticket.state, ticket.refusal = TicketState.REFUSED, refusal
        return ticket

    def _guard_open(self, priority: Priority, now: float) -> bool:
        """Whether even the worst answers to everything in flight would keep us away from a ban."""
        possible = self._invalid.count(now) + sum(self._in_flight.values())
        return possible < _INVALID_LIMITS[priority]

    def _open_at(self, exempt: bool, now: float) -> float | None:
        """When limits other than the lanes' own let a request go; ``now`` itself if they do now."""
        bounds = self._bounds
        if self._in_flight[exempt] >= (bounds.exempt_in_flight if exempt else bounds.in_flight):
            return None
        if exempt:
            return max(now, self._edge_until)
        if self._window.free(now) < 1:
            if self._window.free_at is None:
                return None
            return max(self._window.free_at, self._global_until, self._edge_until)
        return max(now, self._global_until, self._edge_until)

    def _consider(self, ready: list[tuple[int, int, int, Lane]], now: float, over: list[Ticket]) -> None:
        _, number, _, lane = heapq.heappop(ready)
        if lane.listed == number:
            lane.listed = None
        head = lane.head
        at = lane.ready_at(now)
        if head is not None and head.number == number and at is not None and at <= now:
            over.append(head)
            del lane.queue[0]
            self._waiting[head.priority] -= 1
            if self._guard_open(head.priority, now):
                self._start(head, lane, now)
            else:
                self._refuse(head, Refusal.TOO_MANY_ERRORS)
        self._settle(lane, now)

    def _start(self, ticket: Ticket, lane: Lane, now: float) -> None:
        ticket.state, ticket.granted_at = TicketState.GRANTED, now
        ticket.probe = lane.stage is Stage.UNKNOWN
        lane.major.probes += ticket.probe
        lane.in_flight += 1
        self._in_flight[ticket.exempt] += 1
        if not ticket.exempt:
            self._window.take()

    def _end(self, ticket: Ticket) -> Lane:
        lane = ticket.lane
        if ticket.state is not TicketState.GRANTED or lane is None:
            raise ValueError(f"a ticket that is {ticket.state.name} cannot end")
        ticket.state = TicketState.DONE
        lane.in_flight -= 1
        lane.major.probes -= ticket.probe
        self._in_flight[ticket.exempt] -= 1
        return lane

    def _learn(self, ticket: Ticket, lane: Lane, answer: Answer, heard: float, now: float) -> None:
        if answer.counts_as_invalid:
            self._invalid.add(now)
        if answer.bucket is not None:
            shape = Shape(answer.bucket.limit, answer.bucket.reset_after)
            self._shapes.setdefault(answer.bucket.name, shape)
            self._name_bucket(ticket.route, answer.bucket.name, now)
            lane = self._lane_for(ticket)
            lane.learn(answer.bucket, ticket.granted_at, heard, now)
        else:
            lane.lose(heard)  # where the lane has a bucket: it may have been counted there
        if answer.bucket is None and 200 <= answer.status < 300 and ticket.route not in self._buckets:
            self._name_bucket(ticket.route, _NO_BUCKET, now)
        until = now + answer.retry_after
        if answer.scope is Scope.GLOBAL:
            self._global_until = max(self._global_until, until)
        elif answer.scope is Scope.EDGE:
            self._edge_until = max(self._edge_until, until)
        elif answer.scope is not None:
            lane.blocked_until = max(lane.blocked_until, until)

    def _name_bucket(self, route: str, name: str, now: float) -> None:
        """A route's bucket became known, or changed: its waiting tickets move to the lanes of that bucket."""
        if self._buckets.get(route) == name:
            return
        self._buckets[route] = name
        for lane in tuple(self._lanes.values()):
            if name == _NO_BUCKET and lane.key[0] == route:
                lane.stage = Stage.UNLIMITED
                self._settle(lane, now)
            else:
                self._move(lane, route, now)

    def _move(self, lane: Lane, route: str, now: float) -> None:
        leaving = [ticket for _, _, ticket in lane.queue if ticket.route == route]
        for ticket in leaving:
            lane.remove(ticket)
            home = self._lane_for(ticket)
            home.push(ticket)
            self._settle(home, now)
        if leaving:
            self._settle(lane, now)

    def _lane_for(self, ticket: Ticket) -> Lane:
        bucket = self._buckets.get(ticket.route)
        key = (bucket or ticket.route, ticket.major, ticket.exempt)
        lane = self._lanes.get(key)
        if lane is None:
            major = self._majors.setdefault(ticket.major, Major(ticket.major))
            if bucket:
                shape = self._shapes[bucket]
                lane = Lane(key, major, Stage.PROBING, shape, remaining=shape.limit)
            else:
                stage = Stage.UNKNOWN if bucket is None else Stage.UNLIMITED
                lane = Lane(key, major, stage, Shape(1, 0.0))
            self._lanes[key] = lane
            major.lanes.add(lane)
        return lane

    def _settle(self, lane: Lane, now: float) -> None:
        """List the lane as ready, or set its alarm, or leave it until an answer comes."""
        head = lane.head
        at = None if head is None else lane.ready_at(now)
        if head is None or at is None:
            return
        if at > now:
            if lane.alarm is None or at < lane.alarm:
                lane.alarm = at
                heapq.heappush(self._alarms, (at, next(self._entries), lane))
        elif lane.listed != head.number:
            lane.listed = head.number
            entry = (int(head.priority), head.number, next(self._entries), lane)
            heapq.heappush(self._ready[head.exempt], entry)

    def _settle_all(self, major: Major, now: float) -> None:
        for lane in tuple(major.lanes):
            if lane.queue:
                self._settle(lane, now)

    def _sweep(self, now: float) -> None:
        """Forget idle lanes once in a while, so that memory follows use."""
        if len(self._lanes) < self._sweep_at:
            return
        for key, lane in tuple(self._lanes.items()):
            if lane.idle(now):
                del self._lanes[key]
                lane.major.lanes.remove(lane)
                if not lane.major.lanes:
                    del self._majors[lane.major.name]
        self._sweep_at = max(_KEPT_LANES, 2 * len(self._lanes))
        used = set(self._buckets.values())
        self._shapes = {name: shape for name, shape in self._shapes.items() if name in used}
