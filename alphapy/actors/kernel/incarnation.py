"""One life of an actor: its nursery, its context and the receive loop.

The loop takes the urgent lane first, one message at a time, then one part of the normal lane: a batch for
actors that override ``handle_batch``, else one message; and looks again. What it has taken and not finished
stays in ``in_hand``, where the cell finds it after a crash. An error of ``handle`` ends the life and names
the culprit; an error of a batch puts the batch back to be replayed one message at a time; an outage puts
back what met it and holds that lane for a while.
"""

from __future__ import annotations

import enum
import logging
import math
from typing import TYPE_CHECKING, TypeVarTuple

import attrs
import trio

from alphapy.actors.kernel.actor import Actor, TooMuchToSelf
from alphapy.actors.kernel.address import Address, Lane, Request
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.kernel.containment import Failure, contain, is_only, summary
from alphapy.actors.kernel.health import ActorState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.kernel.cell import Cell
    from alphapy.actors.kernel.mailbox import Envelope
    from alphapy.actors.kernel.renewal import Renewal

Ts = TypeVarTuple("Ts")

log = logging.getLogger("alphapy.actors.kernel.incarnation")

URGENT_IN_A_ROW = 8
"""Most urgent messages handled before the normal lane has a turn."""

TURNS = 64
"""Most turns of the loop without a checkpoint ..."""

SLICE = 0.005
"""... and most seconds, since nothing holds the event loop longer."""


# Looking up a member of an enumeration is slow where it is done for every message.
_URGENT = Lane.URGENT
_NORMAL = Lane.NORMAL


@attrs.frozen
class Deadlines:
    """When an actor that is being stopped must be done, on Trio's clock."""

    drain: float
    """With its messages and child tasks."""
    end: float
    """With its last flush."""


class End(enum.Enum):
    """How a life ended that did not crash."""

    PASSIVATED = "passivated"
    RENEWED = "renewed"
    STOPPED = "stopped"


class Incarnation:
    """One life; it is also the actor's context."""

    __slots__ = (
        "_actor",
        "_batches",
        "_cell",
        "_children",
        "_deadlines",
        "_held",
        "_last_flush",
        "_nursery",
        "_outages",
        "_renewal",
        "_timers",
        "culprit",
        "error",
        "in_hand",
        "is_cut_off",
        "lane",
        "loaded_at",
    )

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._nursery: trio.Nursery | None = None
        self._deadlines: Deadlines | None = None
        self._last_flush: trio.CancelScope | None = None
        self._renewal: Renewal | None = None
        self._actor: Actor | None = None
        """Once it has been loaded."""
        self._batches = False
        self._children = 0
        self._timers = 0
        self._held: dict[Lane, float] = {}
        self._outages = 0
        self.loaded_at: float | None = None
        self.in_hand: list[Envelope] = []
        """What has been taken and not finished ..."""
        self.lane = _NORMAL
        """... and from where."""
        self.culprit: Envelope | None = None
        """The message whose handling ended this life ..."""
        self.error: Exception | None = None
        """... and how."""
        self.is_cut_off = False
        """Whether the last flush took too long."""

    # -- the context of the actor

    @property
    def address(self) -> Address:
        """See Context."""
        return self._cell.address

    @property
    def bus(self) -> Bus:
        """See Context."""
        return self._cell.house.bus

    @property
    def children(self) -> int:
        """How many child tasks run."""
        return self._children

    def start(self, fn: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> bool:
        """See Context."""
        if self._nursery is None or self._children >= self._cell.spec.children:
            return False

        async def child() -> None:
            try:
                await fn(*args)
            finally:
                self._children -= 1
                self._cell.mailbox.wake()

        self._children += 1
        name = getattr(fn, "__qualname__", type(fn).__qualname__)
        self._nursery.start_soon(child, name=f"{self.address} {name}")
        return True

    def tell_self(self, message: object, *, lane: Lane = Lane.NORMAL) -> None:
        """See Context."""
        if not self._cell.mailbox.put_own(message, lane):
            raise TooMuchToSelf(f"{self.address} has queued too many messages for itself")

    def tell_after(self, seconds: float, message: object) -> None:
        """See Context."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"not a time to wait: {seconds} s")
        if self._timers >= self._cell.spec.mailbox:
            raise TooMuchToSelf(f"{self.address} has set too many timers")
        if self._nursery is None:
            return

        async def timer() -> None:
            try:
                await trio.sleep(seconds)
            finally:
                self._timers -= 1
            self.tell_self(message)

        self._timers += 1
        self._nursery.start_soon(timer, name=f"{self.address} timer")

    # -- the life

    def stop(self, deadlines: Deadlines) -> None:
        """Drain the mailbox and wait for the children; flush; end."""
        self._deadlines = deadlines
        if self._nursery is not None:
            self._nursery.cancel_scope.deadline = deadlines.drain
        if self._last_flush is not None:
            self._last_flush.deadline = deadlines.end
        self._cell.mailbox.wake()

    def renew(self, renewal: Renewal) -> None:
        """End so that another life may begin: after the message at hand, the children and the flush."""
        self._renewal = renewal
        if self._nursery is not None:
            self._nursery.cancel_scope.deadline = renewal.drain

    async def run(self) -> End:
        """Live until passivated, renewed or stopped; raises a group when something crashed."""
        end = End.STOPPED
        try:
            async with trio.open_nursery() as nursery:
                if self._deadlines is not None:
                    nursery.cancel_scope.deadline = self._deadlines.drain
                self._nursery = nursery
                try:
                    end = await self._receive(await self._load())
                finally:
                    # Before the nursery closes, when it would raise instead of refusing.
                    self._nursery = None
                nursery.cancel_scope.cancel(reason=f"{self.address} has ended")
            if self._renewal is not None and self._deadlines is None and end is End.STOPPED:
                end = self._cut_off(self._renewal)
        finally:
            self._cell.counters.busy_since = None
        actor, deadlines = self._actor, self._deadlines
        if end is End.STOPPED and actor is not None and deadlines is not None:
            with trio.move_on_at(deadlines.end) as self._last_flush:
                await self._flush_last(actor)
            self.is_cut_off = self._last_flush.cancelled_caught
        return end

    async def _load(self) -> Actor:
        cell = self._cell
        cell.counters.busy_since = trio.current_time()
        actor = cell.spec.factory(self)
        await actor.load()
        self._actor = actor
        self.loaded_at = trio.current_time()
        self._batches = type(actor).handle_batch is not Actor.handle_batch
        cell.counters.busy_since = None
        cell.note_recovery()
        cell.note_loaded()
        if self._deadlines is None:
            cell.counters.state = ActorState.RUNNING
        return actor

    async def _receive(self, actor: Actor) -> End:
        mailbox = self._cell.mailbox
        urgent_in_a_row = 0
        turns = 0
        now = trio.current_time()
        slice_ends = now + SLICE
        while True:
            if self._renewal is not None and self._deadlines is None and await self._end_for(actor):
                return End.RENEWED
            lane = self._next_lane(urgent_in_a_row)
            if lane is None:
                end = await self._rest(actor)
                if end is not None:
                    return end
                now = trio.current_time()
                turns, slice_ends = 0, now + SLICE
                continue
            urgent_in_a_row = urgent_in_a_row + 1 if lane is _URGENT else 0
            limit = self._cell.spec.batch if self._batches and lane is _NORMAL else 1
            now = await self._turn(actor, mailbox.take(lane, limit), lane, now)
            turns += 1
            if turns >= TURNS or now >= slice_ends:
                await trio.lowlevel.checkpoint()
                now = trio.current_time()
                turns, slice_ends = 0, now + SLICE

    def _next_lane(self, urgent_in_a_row: int) -> Lane | None:
        mailbox = self._cell.mailbox
        urgent = mailbox.depth(_URGENT)
        normal = mailbox.depth(_NORMAL)
        if self._held:
            now = trio.current_time()
            self._held = {lane: until for lane, until in self._held.items() if until > now}
            urgent = 0 if _URGENT in self._held else urgent
            normal = 0 if _NORMAL in self._held else normal
        if urgent and (urgent_in_a_row < URGENT_IN_A_ROW or not normal):
            return _URGENT
        return _NORMAL if normal else None

    async def _turn(self, actor: Actor, run: list[Envelope], lane: Lane, started: float) -> float:
        """Handle what was just taken; returns the time afterwards. Raises what ends this life."""
        self.in_hand, self.lane = run, lane
        counters = self._cell.counters
        first = run[0]
        asked = first.asked
        counters.busy_since = started
        if asked is not None and not asked.is_awaited(started):
            counters.expired += 1
            self._finish(run)
            return started
        if self._batches and lane is _NORMAL and (asked is None or not isinstance(first.message, Request)):
            outcome: object = await contain(actor.handle_batch, [envelope.message for envelope in run])
        else:
            outcome = await contain(actor.handle, first.message)
        now = trio.current_time()
        counters.handling.observe(now - started)
        if isinstance(outcome, Failure):
            self._fail(run, outcome.error, now)
            return now
        if asked is not None and not asked.settle(Answered(outcome)):
            counters.late_replies += 1
        counters.processed += len(run)
        counters.in_a_row = 0
        if counters.outage_since is not None:
            self._outages = 0
            self._cell.note_recovery()
        self._finish(run)
        return now

    def _finish(self, run: list[Envelope]) -> None:
        self.in_hand = []
        self._cell.counters.busy_since = None
        self._cell.settle_done(run)

    def _fail(self, run: list[Envelope], error: Exception, now: float) -> None:
        cell = self._cell
        cell.counters.last_error = summary(error)
        if is_only(error, cell.house.outages):
            self._outages += 1
            cell.note_outage(now)
            self._held[self.lane] = now + cell.spec.outage.delay(self._outages, cell.house.rng)
        elif len(run) > 1:
            cell.counters.failed += 1
            for envelope in run:
                envelope.alone = True
            log.warning(
                "a batch failed and is replayed one message at a time: %s",
                summary(error),
                extra={"event": "batch_failed", "actor": str(self.address), "messages": len(run)},
            )
        else:
            self.culprit, self.error = run[0], error
            raise error
        self.in_hand = []
        cell.counters.busy_since = None
        cell.mailbox.put_back(run, self.lane)

    async def _rest(self, actor: Actor) -> End | None:
        """Wait until there may be something to do; the end of this life, if this is it."""
        mailbox, idle_after = self._cell.mailbox, self._cell.spec.idle_after
        if self._deadlines is not None and mailbox.is_empty and not self._children:
            await trio.lowlevel.checkpoint()
            return End.STOPPED
        wake_at = min(self._held.values(), default=math.inf)
        is_idle = idle_after is not None and self._deadlines is None and self._has_nothing_to_do()
        if idle_after is not None and is_idle:
            wake_at = trio.current_time() + idle_after
        with trio.move_on_at(wake_at) as scope:
            await mailbox.wait_for_arrival()
        if is_idle and scope.cancelled_caught and self._has_nothing_to_do():
            return await self._passivate(actor)
        return None

    async def _passivate(self, actor: Actor) -> End | None:
        outcome = await contain(actor.flush)
        if isinstance(outcome, Failure):
            self._cell.counters.last_error = summary(outcome.error)
            if not is_only(outcome.error, self._cell.house.outages):
                raise outcome.error
            self._cell.note_outage(trio.current_time())
            return None
        self._cell.note_recovery()
        # No checkpoint from here to the end of leave(): what is told now finds this cell or starts a new one.
        if self._deadlines is not None or not self._has_nothing_to_do():
            return None
        self._cell.leave()
        return End.PASSIVATED

    async def _end_for(self, actor: Actor) -> bool:
        """Wait for the children and flush, for a restart; False where this life goes on after all."""
        renewal, nursery = self._renewal, self._nursery
        assert renewal is not None, "asked for only then"  # noqa: S101
        assert nursery is not None, "the loop runs in it"  # noqa: S101
        nursery.cancel_scope.deadline = math.inf
        with trio.move_on_at(renewal.drain):
            while self._children and self._deadlines is None:
                await self._cell.mailbox.wait_for_arrival()
        outcome: object = Failure(TimeoutError("the flush took too long"))
        with trio.move_on_at(renewal.deadline):
            outcome = await contain(actor.flush)
        self._renewal = None
        if isinstance(outcome, Failure):
            self._cell.counters.last_error = summary(outcome.error)
        if isinstance(outcome, Failure) or self._deadlines is not None:
            self._cell.settle_renewal(succeeded=False)
            return False
        renewal.has_ended = True
        return True

    def _cut_off(self, renewal: Renewal) -> End:
        """What was under way took too long for a restart; it is taken up again by the next life."""
        renewal.has_ended, renewal.is_clean = True, False
        return End.RENEWED

    def _has_nothing_to_do(self) -> bool:
        return self._cell.mailbox.is_empty and not self._children and not self._timers

    async def _flush_last(self, actor: Actor) -> None:
        """Flush at the stop, again and again during an outage; the deadline ends it."""
        cell = self._cell
        attempt = 0
        while isinstance(outcome := await contain(actor.flush), Failure):
            cell.counters.last_error = summary(outcome.error)
            if not is_only(outcome.error, cell.house.outages):
                raise outcome.error
            attempt += 1
            cell.note_outage(trio.current_time())
            await trio.sleep(cell.spec.outage.delay(attempt, cell.house.rng))
