"""One invocation from its arrival to its outcome; the member always gets an answer.

Order: guild, level, options (none of which waits), then the module's gate, the cooldown, the handler. If
nothing has been answered 1.5 s after the socket delivered the interaction, the answer is deferred.

A resumed gateway session replays interactions, which may have been handled before a restart. So each that may
change something is noted before its handler runs, and one that was begun by an earlier process does not run
again. One that is old when it arrives is acknowledged first; where Discord says that it was answered already,
or knows it no more, nothing runs either.

When it fails: a handler that meets an outage tells the member so; one that raises answers the member with an
apology and a trace id, and is logged and reported under that id. What cannot be told to the member any more
is logged.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio

from alphapy.gateway.answer import Answer, InteractionCalls, InteractionLost, Stage
from alphapy.gateway.containment import Failed, contained
from alphapy.gateway.cooldowns import Cooldowns, Use
from alphapy.gateway.invocation import Crash, Invocation, Outcome
from alphapy.gateway.models.interaction import Interaction, InteractionType
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.plan import Planner
from alphapy.gateway.refusals import AlreadyBegun, CoolingDown, DatabaseAway, Expired, Refusal
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.clock import Clock
from alphapy.pure.ids import GuildId, snowflake_time
from alphapy.pure.log_context import set_log_context
from alphapy.pure.text import cut, well_formed

if TYPE_CHECKING:
    from alphapy.gateway.plan import Plan

log = logging.getLogger("alphapy.gateway.interactions")

DEFER_AFTER: Final = 1.5
"""Seconds after which the framework defers by itself: half of what Discord allows."""

DEFER_MODALS_AFTER: Final = 2.5
"""The same for what may open a modal, which a deferral makes impossible."""

RUN_WITHIN: Final = 14.5 * 60.0
"""Seconds that an invocation may take: half a minute less than the token lives, to tell the member."""

OLD_AFTER: Final = timedelta(seconds=2)
"""Age at which an interaction counts as replayed. A wrong clock here costs an early deferral, no more."""

MAX_ERROR: Final = 500
"""Characters of an error in audit rows and events (spec/operations.md 2)."""

DONE: Final = OutgoingMessage(content="Done.")
"""What the framework says when a handler ended without saying anything."""


class Gate(Protocol):
    """Knows whether a module is enabled."""

    async def __call__(self, interaction: Interaction, scope: str) -> Refusal | None:
        """The refusal to give while this settings scope is off in the guild; None while it is on."""
        ...


class Beginnings(Protocol):
    """Remembers across restarts which interactions were begun."""

    def was_begun(self, interaction: Interaction) -> bool:
        """Whether an earlier process may have run it."""
        ...

    async def begin(self, interaction: Interaction) -> None:
        """Note that it is about to run, so that it never runs again; raises an outage where that fails."""
        ...


class Ending(enum.Enum):
    """How an invocation ended, for the statistics."""

    DONE = "done"
    REFUSED = "refused"
    CRASHED = "crashed"
    LOST = "lost"
    STOPPED = "stopped"


@attrs.frozen(kw_only=True, eq=False)
class Services:
    """What every execution works with."""

    planner: Planner
    calls: InteractionCalls
    clock: Clock
    cooldowns: Cooldowns
    gate: Gate | None
    beginnings: Beginnings | None
    outages: tuple[type[Exception], ...]
    on_outcome: Callable[[Outcome], None]
    on_crash: Callable[[Crash], None]
    new_trace: Callable[[], str]

    async def ask_gate(self, interaction: Interaction, scope: str | None) -> Refusal | None:
        """The refusal of a module that is off in the interaction's guild; a DM has no modules."""
        if scope is None or self.gate is None or interaction.guild_id is None:
            return None
        return await self.gate(interaction, scope)


class Execution:
    """The invocation of a command, component or modal."""

    def __init__(self, services: Services, interaction: Interaction, received_at: float) -> None:
        self._services = services
        self._interaction = interaction
        self._received_at = received_at
        self._answer = Answer(
            interaction,
            services.calls,
            received_at,
            may_update=services.planner.may_update(interaction),
        )
        self._path = services.planner.name_of(interaction)
        self._trace_id = services.new_trace()
        self._patience = trio.CancelScope()
        self._use: Use | None = None
        self._ending = Ending.STOPPED
        self._error: str | None = "the service stopped"

    async def run(self, start: Callable[..., None]) -> Ending:
        """Run it; ``start`` runs the task that defers the answer when its time has come."""
        set_log_context(trace_id=self._trace_id, guild_id=self._interaction.guild_id)
        try:
            await self._attempt(start)
            await self._settle()
        finally:
            self._patience.cancel(reason="the invocation has ended")
            if self._interaction.type == InteractionType.COMMAND:
                self._services.on_outcome(self._outcome())
        return self._ending

    async def refuse(self, refusal: Refusal) -> None:
        """Decline it without planning anything."""
        set_log_context(trace_id=self._trace_id, guild_id=self._interaction.guild_id)
        try:
            await self._decline(refusal)
        finally:
            if self._interaction.type == InteractionType.COMMAND:
                self._services.on_outcome(self._outcome())

    async def _attempt(self, start: Callable[..., None]) -> None:
        """Everything up to the end of the handler, whatever it raises."""
        result = await contained(self._plan_and_carry_out, start)
        if not isinstance(result, Failed):
            self._ending, self._error = Ending.DONE, None
            return
        match result.error:
            case Refusal() as refusal:
                self._release_cooldown()
                await self._decline(refusal)
            case InteractionLost() as lost:
                self._lose(lost)
            case error if isinstance(error, self._services.outages):
                self._release_cooldown()
                self._log(logging.WARNING, "an invocation met an outage", "outage_met", error=str(error))
                await self._decline(DatabaseAway())
            case error:
                await self._apologise(error)

    async def _plan_and_carry_out(self, start: Callable[..., None]) -> None:
        plan = self._services.planner.plan(self._interaction, self._services.clock.now())
        start(self._defer_in_time, plan)
        with trio.fail_at(self._received_at + RUN_WITHIN):
            await self._carry_out(plan)

    async def _carry_out(self, plan: Plan) -> None:
        beginnings = self._services.beginnings if plan.changes else None
        if beginnings is not None and beginnings.was_begun(self._interaction):
            raise AlreadyBegun
        if self._is_old() and not plan.opens_modal:
            await self._answer.defer(ephemeral=plan.ephemeral)
        refusal = await self._services.ask_gate(self._interaction, plan.gated_by)
        if refusal is not None:
            raise refusal
        self._use = self._take_cooldown(plan)
        invocation = Invocation(
            interaction=self._interaction,
            answer=self._answer,
            access=plan.access,
            path=plan.path,
            trace_id=self._trace_id,
            options=plan.options,
            args=plan.args,
            values=plan.values,
            fields=plan.fields,
            ephemeral=plan.ephemeral,
            release_cooldown=self._release_cooldown,
        )
        if beginnings is not None:
            await beginnings.begin(self._interaction)
        await plan.handler(invocation)

    def _is_old(self) -> bool:
        return self._services.clock.now() - snowflake_time(self._interaction.id) > OLD_AFTER

    def _take_cooldown(self, plan: Plan) -> Use | None:
        cooldown = plan.cooldown
        if cooldown is None or not cooldown.when(plan.options):
            return None
        bucket = cooldown.bucket or plan.bucket
        use = self._services.cooldowns.take(cooldown, bucket, self._interaction, trio.current_time())
        if isinstance(use, Use):
            return use
        raise CoolingDown(use)

    def _release_cooldown(self) -> None:
        use, self._use = self._use, None
        if use is not None:
            self._services.cooldowns.give_back(use)

    async def _defer_in_time(self, plan: Plan) -> None:
        after = DEFER_MODALS_AFTER if plan.opens_modal else DEFER_AFTER
        with self._patience:
            await trio.sleep_until(self._received_at + after)
        if self._patience.cancelled_caught:
            return
        try:
            await self._answer.defer(ephemeral=plan.ephemeral, automatically=True)
        except (DiscordError, InteractionLost) as error:
            self._log(logging.WARNING, "the answer could not be deferred", "defer_failed", error=str(error))

    async def _settle(self) -> None:
        """See to it that the member is not left waiting by a handler that said nothing."""
        self._patience.cancel(reason="the handler has ended")
        stage = await self._answer.wait_settled()
        unanswered = stage is Stage.UNANSWERED and self._error is None
        if not unanswered and stage is not Stage.REPLY_PROMISED:
            return
        if unanswered and self._answer.may_update:
            await self._tell(self._answer.defer, ephemeral=True)
            return
        self._log(logging.WARNING, "a handler ended without an answer", "no_answer")
        await self._tell(self._answer.reply, DONE, ephemeral=True)

    async def _decline(self, refusal: Refusal) -> None:
        self._ending, self._error = Ending.REFUSED, _error_text(refusal.audit)
        message = refusal.reply
        if isinstance(message, str):
            message = OutgoingMessage(content=message)
        if isinstance(refusal, Expired) and self._answer.may_update:
            await self._tell(self._answer.update, message)
        else:
            await self._tell(self._answer.reply, message, ephemeral=True)

    async def _apologise(self, error: Exception) -> None:
        self._ending, self._error = Ending.CRASHED, _error_text(f"{type(error).__name__}: {error}")
        self._log(logging.ERROR, "an invocation failed", "invocation_failed", exc_info=error)
        self._services.on_crash(
            Crash(
                guild_id=self._interaction.guild_id,
                user_id=self._interaction.invoker.id,
                path=self._path,
                trace_id=self._trace_id,
                error_type=type(error).__name__,
                error=self._error,
            )
        )
        apology = OutgoingMessage(
            content="Sorry, something went wrong on our side. "
            f"If it keeps happening, please report it with this code: `{self._trace_id}`"
        )
        await self._tell(self._answer.reply, apology, ephemeral=True)

    async def _tell(self, call: Callable[..., Awaitable[None]], *args: object, **options: object) -> None:
        """Tell the member something; a failure of that is logged, since there is nobody else to tell."""
        try:
            await call(*args, **options)
        except (DiscordError, InteractionLost) as error:
            self._log(logging.WARNING, "the member could not be answered", "not_told", error=str(error))

    def _lose(self, lost: InteractionLost) -> None:
        self._ending, self._error = Ending.LOST, _error_text(f"expired: {lost}")
        self._log(logging.INFO, "an interaction has expired", "interaction_lost", error=str(lost))

    def _outcome(self) -> Outcome:
        return Outcome(
            guild_id=self._interaction.guild_id or GuildId(0),
            user_id=self._interaction.invoker.id,
            path=self._path,
            success=self._error is None,
            error=self._error,
            ended_at=self._services.clock.now(),
        )

    def _log(
        self, level: int, text: str, event: str, *, exc_info: Exception | None = None, **more: object
    ) -> None:
        fields = {
            "event": event,
            "guild_id": self._interaction.guild_id,
            "user_id": self._interaction.invoker.id,
            "path": self._path,
            "trace_id": self._trace_id,
        }
        log.log(level, text, exc_info=exc_info, extra=fields | more)


def _error_text(text: str) -> str:
    return cut(well_formed(text), MAX_ERROR)
