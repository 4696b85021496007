"""Takes interactions from the router and runs each in a task of its own nursery.

:meth:`Dispatcher.submit` never waits. How many run at once is bounded, overall and per guild; whoever finds
no place is told so at once. An interaction that comes a second time is ignored.

When it fails: what goes wrong inside one interaction ends there (:mod:`alphapy.gateway.execution`); a fault
of the framework itself is logged and costs that interaction its answer, never its siblings theirs.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

import attrs
import trio

from alphapy.gateway.admission import Admission, Bounds, Place
from alphapy.gateway.containment import Failed, contained
from alphapy.gateway.cooldowns import Cooldowns
from alphapy.gateway.execution import Beginnings, Ending, Execution, Gate, Services
from alphapy.gateway.models.interaction import InteractionType
from alphapy.gateway.plan import Planner
from alphapy.gateway.refusals import Busy
from alphapy.gateway.suggestions import suggest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from alphapy.gateway.access import Authority
    from alphapy.gateway.answer import InteractionCalls
    from alphapy.gateway.commands import Command, Group
    from alphapy.gateway.components import ComponentRoute, ModalRoute
    from alphapy.gateway.invocation import Crash, Outcome
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.pure.clock import Clock

log = logging.getLogger("alphapy.gateway.interactions")

REMEMBERED: Final = 10_000
"""Ids of interactions that are recognised when they come a second time."""

_KNOWN_TYPES = frozenset(InteractionType) - {InteractionType.PING}


@attrs.frozen(kw_only=True)
class DispatcherStatistics:
    """How many interactions are running now, and counts since the start."""

    running: int
    received: int
    duplicates: int
    busy: int
    """Told that too much is going on."""
    dropped: int
    """Not even told: too much was going on, or the service was not running."""
    refused: int
    crashed: int
    lost: int
    """Discord took no answer any more."""


def _new_trace() -> str:
    """Eight characters that a member can pass on."""
    return secrets.token_hex(4)


def _nothing() -> None:
    """Nobody waits for the end."""


def _no_crash(_crash: Crash) -> None:
    """Nobody wants to know."""


class Dispatcher:
    """The one who runs commands, components, modals and suggestions.

    ``on_outcome`` is called exactly once for each invocation of a command, ``on_crash`` for each handler that
    raised what it should not have; neither may wait or raise. ``outages`` are exceptions of handlers that
    mean that the database is away, and are no crashes. Raises RouteConflict or ValueError when two
    declarations claim the same path or custom_id.
    """

    def __init__(
        self,
        *,
        commands: Iterable[Command | Group],
        components: Iterable[ComponentRoute] = (),
        modals: Iterable[ModalRoute] = (),
        calls: InteractionCalls,
        authority: Authority,
        clock: Clock,
        on_outcome: Callable[[Outcome], None],
        on_crash: Callable[[Crash], None] = _no_crash,
        gate: Gate | None = None,
        beginnings: Beginnings | None = None,
        outages: tuple[type[Exception], ...] = (),
        bounds: Bounds | None = None,
        new_trace: Callable[[], str] = _new_trace,
    ) -> None:
        self._services = Services(
            planner=Planner(commands=commands, components=components, modals=modals, authority=authority),
            calls=calls,
            clock=clock,
            cooldowns=Cooldowns(),
            gate=gate,
            beginnings=beginnings,
            outages=outages,
            on_outcome=on_outcome,
            on_crash=on_crash,
            new_trace=new_trace,
        )
        self._admission = Admission(bounds or Bounds())
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._endings: Counter[Ending] = Counter()
        self._received = self._duplicates = self._busy = self._dropped = 0
        self._nursery: trio.Nursery | None = None
        self._stop = trio.Event()
        self._stopped = trio.Event()

    def statistics(self) -> DispatcherStatistics:
        """What is running, and what has been."""
        return DispatcherStatistics(
            running=self._admission.running,
            received=self._received,
            duplicates=self._duplicates,
            busy=self._busy,
            dropped=self._dropped,
            refused=self._endings[Ending.REFUSED],
            crashed=self._endings[Ending.CRASHED],
            lost=self._endings[Ending.LOST],
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the tasks of all interactions; returns after :meth:`stop`, once the last of them has ended."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await self._stop.wait()
        finally:
            self._nursery = None
            self._stopped.set()

    async def stop(self, *, within: float) -> None:
        """Take nothing more; give what is running ``within`` seconds to end, then cancel it."""
        self._stop.set()
        nursery = self._nursery
        if nursery is None:
            return
        with trio.move_on_after(within) as patience:
            await self._stopped.wait()
        if patience.cancelled_caught:
            nursery.cancel_scope.cancel(reason="the service is stopping")
            await self._stopped.wait()

    def submit(
        self, interaction: Interaction, received_at: float, on_end: Callable[[], None] = _nothing
    ) -> None:
        """Take an interaction that the socket delivered at this moment of Trio's clock; never waits.

        ``on_end`` is called once it needs nothing more; not where the stop cut it short, or turned it away.
        """
        self._received += 1
        if interaction.type not in _KNOWN_TYPES or self._is_duplicate(interaction):
            on_end()
            return
        nursery = self._nursery
        if nursery is None or self._stop.is_set():
            self._drop(interaction, "the service is not running")
            return
        is_suggestion = interaction.type == InteractionType.AUTOCOMPLETE
        guild = int(interaction.guild_id or interaction.invoker.id)
        place = self._admission.enter(guild, suggestion=is_suggestion)
        if place is Place.NONE:
            self._drop(interaction, "too much is going on")
            on_end()
        elif place is Place.TELL:
            self._busy += 1
            nursery.start_soon(
                self._serve, self._refuse_as_busy, interaction, received_at, guild, place, on_end
            )
        else:
            serve = self._suggest if is_suggestion else self._execute
            nursery.start_soon(self._serve, serve, interaction, received_at, guild, place, on_end)

    async def _serve(
        self,
        serve: Callable[[Interaction, float], Awaitable[None]],
        interaction: Interaction,
        received_at: float,
        guild: int,
        place: Place,
        on_end: Callable[[], None],
    ) -> None:
        """Serve one interaction, and give its place back."""
        try:
            await _isolated(serve, interaction, received_at)
        finally:
            self._admission.leave(guild, place)
        on_end()

    async def _execute(self, interaction: Interaction, received_at: float) -> None:
        execution = Execution(self._services, interaction, received_at)
        self._endings[await execution.run(self._start)] += 1

    def _start(self, serve: Callable[..., Awaitable[None]], *args: object) -> None:
        assert self._nursery is not None  # noqa: S101  # who calls this runs in it
        self._nursery.start_soon(_isolated, serve, *args)

    async def _refuse_as_busy(self, interaction: Interaction, received_at: float) -> None:
        await Execution(self._services, interaction, received_at).refuse(Busy())

    async def _suggest(self, interaction: Interaction, received_at: float) -> None:
        await suggest(self._services, interaction, received_at)

    def _is_duplicate(self, interaction: Interaction) -> bool:
        if interaction.id in self._seen:
            self._duplicates += 1
            return True
        self._seen[interaction.id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _drop(self, interaction: Interaction, why: str) -> None:
        self._dropped += 1
        log.warning(
            "an interaction was dropped: %s",
            why,
            extra={"event": "interaction_dropped", "guild_id": interaction.guild_id},
        )


async def _isolated(serve: Callable[..., Awaitable[None]], *args: object) -> None:
    """Run it so that no fault of ours reaches its siblings in the nursery."""
    result = await contained(serve, *args)
    if isinstance(result, Failed):
        log.error(
            "the framework failed to serve an interaction",
            exc_info=result.error,
            extra={"event": "interaction_failed"},
        )
