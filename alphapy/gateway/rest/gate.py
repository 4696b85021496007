"""Where requests wait for the limiter's word: the thin side of it that knows Trio.

One of the waiting tasks sleeps until the limiter's next instant; everything else happens when tickets come,
end or leave. No task of its own, so nothing to start and nothing to stop.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.gateway.rest.answers import Answer
from alphapy.gateway.rest.tickets import TicketState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.gateway.rest.lanes import Ticket
    from alphapy.gateway.rest.limiter import Limiter
    from alphapy.gateway.rest.routes import Target
    from alphapy.gateway.rest.tickets import Priority


@attrs.define(eq=False)
class Permit:
    """The right to send one request. Left unused it returns itself; used, it needs :attr:`answer`.

    ``heard_at`` is when the answer began to arrive: the body of a long one need not be waited for.
    """

    used: bool = False
    answer: Answer | None = None
    heard_at: float | None = None


class Gate:
    """Lets tasks through as the limiter decides."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._waiting: dict[Ticket, trio.Event] = {}
        self._alarm: trio.CancelScope | None = None

    async def wait_for_turn(self, target: Target, priority: Priority, *, expires_at: float) -> Ticket:
        """A ticket that is granted, to be used with :meth:`permit` at once, or one that is refused."""
        await trio.lowlevel.checkpoint()
        ticket = self._limiter.submit(target, priority, trio.current_time(), expires_at=expires_at)
        self._pump()
        handed_over = False
        try:
            while ticket.state is TicketState.WAITING:
                await self._wait(ticket)
            handed_over = True
        finally:
            if not handed_over:
                self._limiter.discard(ticket, trio.current_time())
                self._pump()
            self._appoint_sleeper()
        return ticket

    @contextmanager
    def permit(self, ticket: Ticket) -> Iterator[Permit]:
        """Use a granted ticket. Whatever happens inside, the limiter learns what became of it."""
        permit = Permit()
        try:
            yield permit
        finally:
            now = trio.current_time()
            if permit.used:
                self._limiter.finish(ticket, permit.answer, now, heard_at=permit.heard_at)
            else:
                self._limiter.discard(ticket, now)
            self._pump()

    async def _wait(self, ticket: Ticket) -> None:
        """Until the ticket's waiting may be over."""
        event = self._waiting[ticket] = trio.Event()
        try:
            if self._alarm is None:
                await self._sleep(event)
            else:
                await event.wait()
        finally:
            del self._waiting[ticket]

    async def _sleep(self, event: trio.Event) -> None:
        """Wait for the event, on behalf of all until the limiter's next instant at the latest."""
        with trio.CancelScope() as alarm:
            self._alarm = alarm
            try:
                self._set_alarm(alarm, trio.current_time())
                await event.wait()
            finally:
                self._alarm = None
        self._pump()

    def _pump(self) -> None:
        """Something changed: let through whoever may go, and let the sleeper sleep as long as is right."""
        now = trio.current_time()
        for ticket in self._limiter.grant(now):
            if ticket in self._waiting:
                self._waiting[ticket].set()
        if self._alarm is not None:
            self._set_alarm(self._alarm, now)

    def _set_alarm(self, alarm: trio.CancelScope, now: float) -> None:
        at = self._limiter.wake_at(now)
        alarm.deadline = math.inf if at is None else at

    def _appoint_sleeper(self) -> None:
        if self._alarm is None:
            for event in self._waiting.values():
                event.set()
                return
