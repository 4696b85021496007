"""A cell owns an actor's mailbox and runs its incarnations, one after the other.

Failure modes. A crash (of ``handle``, ``load``, ``flush``, the factory or a child task) ends the
incarnation and nothing else; what it had in hand goes back to the front, the culprit once, then to the dead
letters; the verdict of :class:`Supervision` says how long to wait. During an outage the cell waits and
counts no restart. A failed actor keeps its mailbox, refuses asks and is tried again at the ceiling; once it
has failed for long, the events that wait for it are parked, so that the log can go on without it. When
the cell ends, whoever still waits for an answer gets STOPPED and every place of the budget goes back.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Bus, Delivery, Reason, Unanswered
from alphapy.actors.kernel.containment import full_text, is_only, summary
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetters
from alphapy.actors.kernel.health import ActorHealth, ActorState, Counters
from alphapy.actors.kernel.incarnation import Deadlines, End, Incarnation
from alphapy.actors.kernel.mailbox import Envelope, Mailbox
from alphapy.actors.kernel.poison import Docket
from alphapy.actors.kernel.renewal import FLUSH_SHARE, Renewal
from alphapy.actors.kernel.supervision import ChildSpec, Supervision, Verdict
from alphapy.pure.log_context import set_log_context

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("alphapy.actors.kernel.cell")

UNHEALTHY_AFTER = 10
"""Crashes in a row, with no message handled between them, that make an actor unhealthy
(spec/operations.md 1).
"""


@attrs.frozen(eq=False, kw_only=True)
class House:
    """What all cells share."""

    bus: Bus
    budget: Budget
    dead_letters: DeadLetters
    rng: random.Random
    outages: tuple[type[Exception], ...]
    forget: Callable[[Cell], None]
    """Takes a cell out of the address book; called once, when it takes no more messages."""
    escalate: Callable[[Address, Exception], None]
    """Ends the process: an essential actor keeps failing."""
    sicken: Callable[[Address, Exception], None]
    """Called once when an actor has become unhealthy."""


@attrs.frozen
class Leftover:
    """What one actor had not done when it was stopped."""

    address: Address
    messages: int
    error: str | None
    """Why it was given up, where that was not the deadline."""


class Cell:
    """One actor across its incarnations."""

    __slots__ = (
        "_deadlines",
        "_departed",
        "_done",
        "_failed_since",
        "_life",
        "_outages",
        "_renewal",
        "_supervision",
        "address",
        "counters",
        "docket",
        "house",
        "leftover",
        "mailbox",
        "spec",
    )

    def __init__(self, address: Address, spec: ChildSpec, house: House) -> None:
        self.address = address
        self.spec = spec
        self.house = house
        self.mailbox = Mailbox(normal=spec.mailbox, urgent=spec.urgent)
        self.counters = Counters()
        self.docket = Docket()
        self.leftover: Leftover | None = None
        self._supervision: Supervision | None = None  # most actors never crash
        self._life: Incarnation | None = None
        self._renewal: Renewal | None = None
        self._outages = 0
        self._failed_since: float | None = None
        self._deadlines: Deadlines | None = None
        self._departed = False
        self._done: trio.Event | None = None

    def tell_event(self, message: object) -> Delivery:
        """Queue a gateway event, unless this actor holds its whole share of the budget already.

        The share does not bind during an outage: then everybody falls behind, and the shard has to wait.
        """
        budget = self.house.budget
        if self.mailbox.events >= budget.share and self.counters.outage_since is None:
            self.mailbox.refused += 1
            return Delivery.FULL
        delivery = self.mailbox.put(Envelope(message, None, True, True), Lane.NORMAL)
        if delivery is Delivery.ACCEPTED:
            budget.take()
        return delivery

    async def run(self) -> None:
        """Run incarnations until one is passivated or stopped, or the deadline of the stop has passed."""
        set_log_context(actor=self.address.path, guild_id=self.address.guild_id)
        try:
            await self._live()
        finally:
            self._end()

    async def stop(self, *, deadline: float) -> Leftover | None:
        """Take nothing more, drain, flush and end by this time; what was left, if anything was.

        Asked again, the earlier deadline holds.
        """
        if not self._departed:
            now = trio.current_time()
            self.mailbox.close()
            if self._deadlines is None or deadline < self._deadlines.end:
                drain = now + (1 - FLUSH_SHARE) * max(0.0, deadline - now)
                self._deadlines = Deadlines(drain=drain, end=deadline)
            if self._done is None:
                self._done = trio.Event()
            self.counters.state = ActorState.STOPPING
            if self._life is not None:
                self._life.stop(self._deadlines)
            self.mailbox.wake()
            await self._done.wait()
        return self.leftover

    async def renew(self, *, deadline: float) -> bool:
        """Begin a new life with the same mailbox, after the old one has drained and flushed.

        False where that did not end well by this time: the flush failed and the old life goes on, what was
        under way had to be cut off, the new life could not load, or the actor is being stopped.
        """
        if self._departed:
            return True
        if self._deadlines is not None:
            return False
        renewal = self._renewal
        if renewal is None:
            renewal = self._renewal = Renewal.until(deadline)
            if self._life is not None:
                self._life.renew(renewal)
            self.mailbox.wake()
        return await renewal.wait()

    # -- called by the incarnation

    def settle_done(self, run: Sequence[Envelope]) -> None:
        """These messages are dealt with: acquit them and give back their places."""
        if self.docket:
            for envelope in run:
                self.docket.acquit(envelope)
        if self.mailbox.events:
            events = sum(envelope.is_event for envelope in run)
            self.mailbox.events -= events
            self.house.budget.give(events)

    def note_outage(self, now: float) -> None:
        """Something met an outage and will be repeated."""
        self.counters.postponed += 1
        if self.counters.outage_since is None:
            self.counters.outage_since = now
            log.info(
                "an actor waits for an outage to end: %s",
                self.counters.last_error,
                extra={"event": "actor_postponed", "actor": str(self.address)},
            )

    def note_recovery(self) -> None:
        """Something that could have met an outage succeeded."""
        self.counters.outage_since = None
        self._outages = 0

    def note_loaded(self) -> None:
        """A life has loaded."""
        if self._renewal is not None and self._renewal.has_ended:
            self.settle_renewal(self._renewal.is_clean)

    def settle_renewal(self, succeeded: bool) -> None:
        """The restart that was asked for, if one was, is over."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.settle(succeeded)

    def leave(self) -> None:
        """Leave the address book; what is told from now on is not for this cell."""
        if not self._departed:
            self._departed = True
            self.mailbox.close()
            self.house.forget(self)

    # -- the lives

    async def _live(self) -> None:
        while True:
            life = self._life = Incarnation(self)
            if self._renewal is not None:
                self._renewal.has_ended = True
            if self._deadlines is None:
                self.counters.state = ActorState.STARTING
            else:
                life.stop(self._deadlines)
            crash: Exception | None = None
            end = End.STOPPED
            try:
                end = await life.run()
            except* Exception as group:  # noqa: BLE001 -- what a cell is for
                crash = group
            finally:
                self._recover(life, crash)
            if crash is None and end is End.RENEWED:
                continue
            if crash is None:
                if life.is_cut_off:
                    self.leftover = Leftover(self.address, 0, "the last flush took too long")
                return
            pause = self._judge(life, crash)
            if pause is None:
                return
            if self._renewal is not None and self._renewal.has_ended:
                self.settle_renewal(succeeded=False)
            await self._pause(pause)
            if self._deadlines is not None and self.mailbox.is_empty:
                return
            self.counters.restarts += 1

    def _recover(self, life: Incarnation, crash: Exception | None) -> None:
        """Put back what the life had in hand, or park it."""
        run, life.in_hand = life.in_hand, []
        if crash is not None and not is_only(crash, self.house.outages):
            error = life.error or crash
            run = [envelope for envelope in run if not self._is_poison(envelope, life, error)]
        self.mailbox.put_back(run, life.lane)

    def _is_poison(self, envelope: Envelope, life: Incarnation, error: Exception) -> bool:
        attempts = self.docket.convict(envelope, is_culprit=envelope is life.culprit)
        if not attempts:
            return False
        self.counters.parked += 1
        log.error(
            "a message crashed its actor again and is parked",
            extra={
                "event": "message_parked",
                "actor": str(self.address),
                "message_type": type(envelope.message).__qualname__,
                "error": summary(error),
            },
        )
        self._park(envelope, life.lane, error, summary(error), attempts)
        if envelope.asked is not None:
            envelope.asked.settle(Unanswered(Reason.CRASHED, summary(error)))
        self.settle_done((envelope,))
        return True

    def _park(self, envelope: Envelope, lane: Lane, error: Exception, text: str, attempts: int) -> None:
        letter = DeadLetter(
            address=self.address,
            lane=lane,
            message=envelope.message,
            error=text,
            traceback=full_text(error),
            attempts=attempts,
        )
        self.house.dead_letters.put_nowait(letter)

    def _park_after_all(self, error: Exception, now: float) -> None:
        """Where this actor has failed for long, park the events that wait: the log goes on without it."""
        if self._failed_since is None:
            self._failed_since = now
        if now - self._failed_since < self.spec.park_after:
            return
        events = self.mailbox.take_events(self.house.dead_letters.room)
        if not events:
            return
        self.counters.parked += len(events)
        log.error(
            "an actor stays failed, and the events that waited for it are parked",
            extra={
                "event": "events_parked",
                "actor": str(self.address),
                "events": len(events),
                "failed_seconds": round(now - self._failed_since),
            },
        )
        text = f"its actor has failed: {summary(error)}"
        for envelope in events:
            self._park(envelope, Lane.NORMAL, error, text, 0)
        self.settle_done(events)

    def _judge(self, life: Incarnation, crash: Exception) -> float | None:
        """Seconds to wait before the next life; None: there will be none."""
        now = trio.current_time()
        counters, stopping = self.counters, self._deadlines is not None
        counters.last_error = summary(life.error or crash)
        if is_only(crash, self.house.outages):
            self._outages += 1
            self.note_outage(now)
            self._show(ActorState.BACKING_OFF)
            pause = self.spec.outage.delay(self._outages, self.house.rng)
            return None if self._is_too_late(now + pause) else pause
        counters.failed += 1
        counters.in_a_row += 1
        if counters.in_a_row == UNHEALTHY_AFTER:
            self.house.sicken(self.address, crash)
        lived = 0.0 if life.loaded_at is None else now - life.loaded_at
        if lived >= self.spec.within:
            self._failed_since = None
        if self._supervision is None:
            self._supervision = Supervision(self.spec)
        verdict, pause = self._supervision.crashed(now, lived=lived, rng=self.house.rng)
        log.error(
            "an actor crashed",
            exc_info=crash,
            extra={
                "event": "actor_crashed",
                "actor": str(self.address),
                "verdict": verdict.value,
                "pause_seconds": round(pause, 3),
                "restarts": counters.restarts,
            },
        )
        if stopping and (
            verdict is not Verdict.RESTART or self.mailbox.is_empty or self._is_too_late(now + pause)
        ):
            self.leftover = Leftover(self.address, 0, counters.last_error)
            return None
        if verdict is Verdict.ESCALATE:
            self.house.escalate(self.address, crash)
            return None
        if verdict is Verdict.FAIL:
            self._disappoint()
            self._park_after_all(crash, now)
        else:
            self._failed_since = None
        self._show(ActorState.FAILED if verdict is Verdict.FAIL else ActorState.BACKING_OFF)
        return pause

    def _is_too_late(self, then: float) -> bool:
        """Whether a stop will have ended by then."""
        return self._deadlines is not None and then >= self._deadlines.drain

    def _show(self, state: ActorState) -> None:
        if self._deadlines is None:
            self.counters.state = state

    def _disappoint(self) -> None:
        """Nobody shall wait for an actor that has failed."""
        for envelope in self.mailbox.waiting():
            if envelope.asked is not None:
                envelope.asked.settle(Unanswered(Reason.CRASHED, self.counters.last_error or ""))

    async def _pause(self, seconds: float) -> None:
        """Wait that long; a stop or a restart that begins meanwhile cuts it short."""
        deadlines = self._deadlines
        with trio.move_on_after(seconds):
            while self._deadlines == deadlines and self._renewal is None:
                await self.mailbox.wait_for_arrival()

    def _end(self) -> None:
        self._life = None
        self.leave()
        self.settle_renewal(succeeded=self.leftover is None and self._deadlines is None)
        left = self.mailbox.drain()
        for envelope in left:
            if envelope.asked is not None:
                envelope.asked.settle(Unanswered(Reason.STOPPED))
        if left or self.leftover is not None:
            error = None if self.leftover is None else self.leftover.error
            self.leftover = Leftover(self.address, len(left), error)
        self.house.budget.give(self.mailbox.events)
        self.mailbox.events = 0
        if self._done is not None:
            self._done.set()

    @property
    def is_unhealthy(self) -> bool:
        """Whether it has crashed too often in a row."""
        return self.counters.in_a_row >= UNHEALTHY_AFTER

    def health(self) -> ActorHealth:
        """A frozen snapshot."""
        now = trio.current_time()
        counters, mail = self.counters, self.mailbox.statistics()
        return ActorHealth(
            address=self.address,
            state=counters.state,
            urgent_depth=mail.urgent_depth,
            normal_depth=mail.normal_depth,
            oldest_seconds=mail.oldest_seconds,
            busy_seconds=0.0 if counters.busy_since is None else now - counters.busy_since,
            outage_seconds=0.0 if counters.outage_since is None else now - counters.outage_since,
            events=mail.events,
            processed=counters.processed,
            failed=counters.failed,
            refused=mail.refused,
            restarts=counters.restarts,
            parked=counters.parked,
            is_unhealthy=self.is_unhealthy,
            postponed=counters.postponed,
            expired=counters.expired,
            late_replies=counters.late_replies,
            children=0 if self._life is None else self._life.children,
            last_error=counters.last_error,
            handling=counters.handling.snapshot(),
        )
