"""The address book: starts actors on their first message, runs them, stops them in order.

The registry is the bus of one process. Telling creates the cell at once, with its mailbox, in the
registry's own nursery; loading happens in the cell's task while messages queue. Nothing an actor does
reaches that nursery: only an essential actor that keeps failing ends :meth:`Registry.run`, with
:class:`EssentialActorFailed`.
"""

from __future__ import annotations

import contextvars
import heapq
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Unavailable
from alphapy.actors.kernel.address import Address, Lane, Request, check_pattern
from alphapy.actors.kernel.asking import Asked
from alphapy.actors.kernel.bus import Answered, Bus, Delivery, Reason, Reply, Unanswered
from alphapy.actors.kernel.cell import Cell, House, Leftover
from alphapy.actors.kernel.containment import summary
from alphapy.actors.kernel.deadletters import DeadLetters, DeadLetterSink, DeadLetterStatistics
from alphapy.actors.kernel.health import ActorHealth, ActorState, KindStatistics
from alphapy.actors.kernel.kinds import Kind
from alphapy.actors.kernel.mailbox import Envelope
from alphapy.actors.kernel.survey import Survey, survey

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from alphapy.actors.kernel.budget import Budget
    from alphapy.actors.kernel.supervision import ChildSpec

T = TypeVar("T")

log = logging.getLogger("alphapy.actors.kernel.registry")

PHASE_SHARE = 0.5
"""No phase of the stop but the last may use more than this share of the time that is left."""

_REFUSALS = {
    Delivery.FULL: Unanswered(Reason.BUSY),
    Delivery.STOPPED: Unanswered(Reason.STOPPED),
    Delivery.UNKNOWN: Unanswered(Reason.UNKNOWN),
}


class EssentialActorFailed(Exception):
    """An actor that the service cannot be without crashed too often; the cause is the last crash."""

    def __init__(self, address: Address, cause: Exception) -> None:
        super().__init__(f"{address} keeps failing and the service cannot run without it: {summary(cause)}")
        self.address = address


@attrs.frozen
class StopReport:
    """What an ordered stop left undone."""

    leftovers: tuple[Leftover, ...] = ()
    dead_letters: int = 0
    """Dead letters that could not be stored."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was left."""
        return not self.leftovers and not self.dead_letters


@attrs.frozen
class RestartReport:
    """How many actors were to begin anew, and which of them did not, or not in order."""

    actors: int
    failed: tuple[Address, ...] = ()


def _nobody_asks(_address: Address, _error: Exception) -> None:
    """Nobody wants to know."""


class Registry(Bus):
    """The actors of this process."""

    def __init__(
        self,
        *,
        dead_letters: DeadLetterSink,
        budget: Budget,
        rng: random.Random,
        outages: tuple[type[Exception], ...] = (),
        on_unhealthy: Callable[[Address, Exception], None] = _nobody_asks,
    ) -> None:
        """``outages``: exceptions that mean the same as :class:`Unavailable`.

        ``on_unhealthy`` is called once for each actor that has crashed ten times in a row, with its last
        crash; it may neither wait nor raise.
        """
        self._letters = DeadLetters(dead_letters, rng)
        self._kinds: dict[str, Kind] = {}
        self._cells: dict[str, Cell] = {}
        self._nursery: trio.Nursery | None = None
        self._finished = trio.Event()
        self._takes_events = True
        self._fatal: tuple[Address, Exception] | None = None
        self._house = House(
            bus=self,
            budget=budget,
            dead_letters=self._letters,
            rng=rng,
            outages=(Unavailable, *outages),
            forget=self._forget,
            escalate=self._escalate,
            sicken=on_unhealthy,
        )

    def register(self, pattern: str, spec: ChildSpec) -> None:
        """Say how the actors of a pattern are run. Raises InvalidAddress, and ValueError the second time.

        The order matters for the stop: see :meth:`stop`.
        """
        if check_pattern(pattern) in self._kinds:
            raise ValueError(f"{pattern} is registered already")
        self._kinds[pattern] = Kind(pattern, spec)

    # -- the bus

    @override
    def tell(self, address: Address, message: object, *, lane: Lane = Lane.NORMAL) -> Delivery:
        cell = self._cells.get(address.path) or self._start(address)
        return cell.mailbox.put(Envelope(message), lane) if isinstance(cell, Cell) else cell

    @override
    def tell_event(self, address: Address, message: object) -> Delivery:
        if not self._takes_events:
            return Delivery.STOPPED
        cell = self._cells.get(address.path) or self._start(address)
        return cell.tell_event(message) if isinstance(cell, Cell) else cell

    @override
    async def ask(
        self,
        address: Address,
        request: Request[T],
        *,
        timeout: float,
        lane: Lane = Lane.URGENT,
    ) -> Reply[T]:
        if not (math.isfinite(timeout) and timeout >= 0):
            raise ValueError(f"an ask must not wait for ever: {timeout} s")
        asked = Asked(trio.current_time() + timeout)
        refusal = self._post_asked(address, Envelope(request, asked), lane)
        if refusal is not None:
            await trio.lowlevel.checkpoint()
            return refusal
        # The type of the reply is the requester's word; what the actor returned is an object.
        return cast("Reply[T]", await asked.wait_settled())

    async def retell(self, address: Address, message: object, *, timeout: float) -> Reply[None]:  # noqa: ASYNC109 -- it travels along
        """Tell a message on the normal lane, handled as any tell, and wait for what becomes of it.

        Answered once it has been dealt with; CRASHED once it was parked; TIMED_OUT as for an ask; BUSY
        where the mailbox is full, or the actor has failed.
        """
        asked = Asked(trio.current_time() + timeout)
        cell = self._cells.get(address.path) or self._start(address)
        if not isinstance(cell, Cell):
            await trio.lowlevel.checkpoint()
            return _REFUSALS[cell]
        if cell.counters.state is ActorState.FAILED:
            await trio.lowlevel.checkpoint()
            return Unanswered(Reason.BUSY, cell.counters.last_error or "")
        delivery = cell.mailbox.put(Envelope(message, asked), Lane.NORMAL)
        if delivery is not Delivery.ACCEPTED:
            await trio.lowlevel.checkpoint()
            return _REFUSALS[delivery]
        outcome = await asked.wait_settled()
        return outcome if isinstance(outcome, Unanswered) else Answered(None)

    def _post_asked(self, address: Address, envelope: Envelope, lane: Lane) -> Unanswered | None:
        cell = self._cells.get(address.path) or self._start(address)
        if not isinstance(cell, Cell):
            return _REFUSALS[cell]
        if cell.counters.state is ActorState.FAILED:
            cell.mailbox.refused += 1
            return Unanswered(Reason.CRASHED, cell.counters.last_error or "")
        delivery = cell.mailbox.put(envelope, lane)
        return None if delivery is Delivery.ACCEPTED else _REFUSALS[delivery]

    # -- running

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own all cells; returns after :meth:`stop`. Raises EssentialActorFailed. Can be run once."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._letters.run, name="dead letters")
                task_status.started()
                await self._finished.wait()
                nursery.cancel_scope.cancel(reason="all actors have been stopped")
        finally:
            self._nursery = None
            self._finished.set()
        if self._fatal is not None:
            raise EssentialActorFailed(*self._fatal) from self._fatal[1]

    async def restart(self, patterns: Iterable[str], *, deadline: float) -> RestartReport:
        """Begin new lives of all actors of these patterns by this time, one pattern after the other.

        Nothing is lost: messages wait in the mailbox, what is under way is finished or taken up again, and
        what is only in memory is flushed, or its actor is left as it is.
        """
        failed: list[Address] = []
        count = 0
        for pattern in patterns:
            kind = self._kinds.get(check_pattern(pattern))
            cells = () if kind is None else tuple(kind.cells.values())
            count += len(cells)
            async with trio.open_nursery() as nursery:
                for cell in cells:
                    nursery.start_soon(_renew_cell, cell, deadline, failed, name=f"restart {cell.address}")
        return RestartReport(count, tuple(sorted(failed)))

    def stop_intake(self) -> None:
        """Refuse gateway events from now on; tells and asks go on, since draining actors need them."""
        self._takes_events = False

    async def stop(self, *, deadline: float) -> StopReport:
        """Stop every actor by this time (on Trio's clock), and then :meth:`run`; report what was left.

        Kinds stop one after the other, those of guilds before those of the process, the last registered
        first: so an actor may tell what was registered before it, to its very end.
        """
        self.stop_intake()
        order = sorted(self._kinds.values(), key=lambda kind: kind.is_of_guilds)[::-1]
        leftovers: list[Leftover] = []
        for kind in order:
            kind.is_stopped = True
            left = max(0.0, deadline - trio.current_time())
            share = 1.0 if kind is order[-1] else PHASE_SHARE
            until = trio.current_time() + min(kind.spec.stop_within, left * share)
            async with trio.open_nursery() as nursery:
                for cell in tuple(kind.cells.values()):
                    nursery.start_soon(_stop_cell, cell, until, leftovers, name=f"stop {cell.address}")
        if self._nursery is not None:
            with trio.move_on_at(deadline):
                await self._letters.wait_empty()
        self._finished.set()
        report = StopReport(tuple(leftovers), self._letters.statistics().waiting)
        if not report.is_clean:
            log.error(
                "the stop left messages undone",
                extra={
                    "event": "stop_incomplete",
                    "actors": {str(left.address): left.messages for left in report.leftovers},
                    "dead_letters": report.dead_letters,
                },
            )
        return report

    # -- looking

    def running(self, pattern: str) -> tuple[Address, ...]:
        """The addresses of this pattern that have an actor now, in order. Raises InvalidAddress."""
        kind = self._kinds.get(check_pattern(pattern))
        return () if kind is None else tuple(sorted(cell.address for cell in kind.cells.values()))

    def health(self) -> tuple[ActorHealth, ...]:
        """Every actor there is now, by address. Costs some 10 µs each: for many, see :meth:`page`."""
        return tuple(cell.health() for _, cell in sorted(self._cells.items()))

    def find(self, address: Address) -> ActorHealth | None:
        """One actor, if there is one now."""
        cell = self._cells.get(address.path)
        return None if cell is None else cell.health()

    def page(self, *, limit: int, after: str = "", under: str = "") -> tuple[ActorHealth, ...]:
        """The first ``limit`` actors, by address, of those behind ``after`` that begin with ``under``."""
        paths = (path for path in self._cells if path > after and path.startswith(under))
        return tuple(self._cells[path].health() for path in heapq.nsmallest(limit, paths))

    async def survey(self, *, worst: int) -> Survey:
        """The actors summed by pattern, those included that have ended, and the ``worst`` of those there are.

        Looks at a few at a time, so that it never holds up the others.
        """
        return await survey(self._kinds.values(), worst=worst)

    def statistics(self) -> tuple[KindStatistics, ...]:
        """The actors summed by pattern, those included that have ended, all at once."""
        return tuple(kind.statistics() for kind in self._kinds.values())

    def unhealthy(self) -> tuple[Address, ...]:
        """The actors that have crashed ten times in a row and handled nothing since, in order."""
        return tuple(sorted(cell.address for cell in self._cells.values() if cell.is_unhealthy))

    def dead_letters(self) -> DeadLetterStatistics:
        """The dead letters of this process."""
        return self._letters.statistics()

    # -- cells

    def _start(self, address: Address) -> Cell | Delivery:
        kind = self._kinds.get(address.pattern)
        if kind is None:
            return Delivery.UNKNOWN
        if self._nursery is None or kind.is_stopped:
            return Delivery.STOPPED
        cell = Cell(address, kind.spec, self._house)
        # Without the teller's context variables: the actor outlives what it was first told about.
        contextvars.Context().run(partial(self._nursery.start_soon, cell.run, name=address.path))
        self._cells[address.path] = cell
        kind.add(cell)
        return cell

    def _forget(self, cell: Cell) -> None:
        del self._cells[cell.address.path]
        self._kinds[cell.address.pattern].remove(cell)

    def _escalate(self, address: Address, cause: Exception) -> None:
        if self._fatal is None and self._nursery is not None:
            self._fatal = (address, cause)
            self._nursery.cancel_scope.cancel(reason=f"{address} keeps failing")


async def _renew_cell(cell: Cell, deadline: float, failed: list[Address]) -> None:
    if not await cell.renew(deadline=deadline):
        failed.append(cell.address)


async def _stop_cell(cell: Cell, deadline: float, leftovers: list[Leftover]) -> None:
    leftover = await cell.stop(deadline=deadline)
    if leftover is not None:
        leftovers.append(leftover)
