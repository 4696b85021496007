"""The pending effects of one durable actor: tried, proved, closed, each by a child task of its own.

An effect is recorded before it gets here, and leaves by being closed in one transaction with what it counts.
Between the two the process may die at any point: the next incarnation picks the effect up and repeats it with
the same nonce, or, once Discord has forgotten the nonce, looks for it in the channel first.

Failure modes. Discord fails for a while: repeated with back-off until the effect's deadline. Discord refuses
for good: closed as refused, and told once a day and channel in the guild's log. It cannot be found out
whether it took place: closed as expired, since twice is worse than not at all. The database is gone: what was
done stays pending, is closed when it is back, and is harmless to repeat. An effect that makes no sense is
closed as refused and logged; the others go on.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import attrs
import psycopg
import trio

from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.effects.rules import Step, next_step
from alphapy.actors.effects.turns import Pace, Turns
from alphapy.actors.effects.verbs import Unprovable
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.containment import Failure, contain, summary
from alphapy.actors.kernel.waypoints import Waypoint
from alphapy.actors.settings.messages import LogEntry, LogLevel
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.backoff import Backoff
from alphapy.storage import effects as storage
from alphapy.storage.effects import Effect, Outcome
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from alphapy.actors.effects.verbs import Verb
    from alphapy.actors.journal import JournalKit
    from alphapy.actors.kernel.actor import Context
    from alphapy.pure.ids import GuildId, MessageId
    from alphapy.storage.effects import Draft
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

log = logging.getLogger("alphapy.actors.effects")

AT_ONCE = 500
"""Pending effects read by one look."""

PATIENCE = Backoff(initial=1.0, ceiling=15.0)
"""Between attempts, each of which repeats the request a few times by itself."""

STORAGE_PATIENCE = Backoff(initial=0.25, ceiling=5.0)
"""Between attempts to close an effect while the database is gone."""

TELL_AGAIN_AFTER = timedelta(days=1)
"""A refusal of the same kind for the same channel is told once in this time."""

LONGEST_CALL = 30.0
"""Seconds after which no attempt of one call begins."""

_PERMANENT = frozenset({DiscordErrorKind.FORBIDDEN, DiscordErrorKind.NOT_FOUND, DiscordErrorKind.INVALID})

MAX_ERROR = 500


@attrs.define
class _Case:
    """One effect being worked on."""

    effect: Effect
    in_doubt: bool
    failures: int = 0
    error: str | None = None


class Outbox:
    """The effects of one incarnation; its methods never wait, except :meth:`pick_up`."""

    def __init__(
        self,
        context: Context,
        kit: JournalKit,
        on_done: Callable[[Transaction, Effect], Awaitable[Sequence[Draft]]],
        on_undone: Callable[[Transaction, Effect, str], Awaitable[Sequence[Draft]]] | None = None,
    ) -> None:
        """``on_done`` runs in the transaction that closes an effect as done; it returns what follows.

        ``on_undone`` does so for one that was refused or has expired; it is told why.
        """
        guild_id = context.address.guild_id
        assert guild_id is not None, "effects belong to guilds"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._feature = context.address.name
        self._context = context
        self._kit = kit
        self._on_done = on_done
        self._on_undone = on_undone
        self._turns: Turns[_Case] = Turns()
        self._pace = Pace()
        self._may_be_more = False
        self._settling = trio.Lock()
        self._storing = trio.Lock()
        self._told: set[tuple[str, object]] = set()

    async def read(self, tx: Transaction) -> list[Effect]:
        """The pending effects that nobody works on."""
        known = list(self._turns.keys())
        return await storage.pending(tx, self._guild_id, self._feature, limit=AT_ONCE, but_not=known)

    def adopt(self, effects: Sequence[Effect]) -> None:
        """Go on with effects that were recorded, and perhaps tried, by somebody else."""
        self._may_be_more = len(effects) == AT_ONCE
        self._take(_Case(effect, in_doubt=effect.first_tried_at is not None) for effect in effects)

    def start(self, effects: Iterable[Effect]) -> None:
        """Begin with effects that have just been recorded."""
        self._take(_Case(effect, in_doubt=False) for effect in effects)

    async def pick_up(self) -> None:
        """Go on with pending effects that nobody works on."""
        self.adopt(await self._kit.pool.run(self._feature, self.read, idempotent=True))

    def closed(self, message: EffectClosed | EffectLeft) -> None:
        """A child task has told that it is done with its effect."""
        self._turns.end(message.effect.id)
        if isinstance(message, EffectClosed):
            self.start(message.follow_ups)
        self._fill()
        if self._may_be_more and not self._turns:
            self._may_be_more = False
            self._context.tell_self(PickUp())

    def _take(self, cases: Iterable[_Case]) -> None:
        for case in cases:
            self._turns.add(case.effect.id, str(case.effect.payload.get("channel_id", "")), case)
        self._fill()

    def _fill(self) -> None:
        while (case := self._turns.next()) is not None and self._context.start(self._work, case):
            self._turns.begin()

    # -- one effect, in a child task

    async def _work(self, case: _Case) -> None:
        outcome = await contain(self._deliver, case)
        if isinstance(outcome, Failure):
            log.error(
                "an effect makes no sense and is given up",
                exc_info=outcome.error,
                extra={"event": "effect_broken", **self._names(case)},
            )
            case.error = summary(outcome.error)
            outcome = await contain(self._close, case, Outcome.REFUSED)
        message = outcome if isinstance(outcome, EffectClosed) else EffectLeft(case.effect)
        self._context.tell_self(message)

    async def _deliver(self, case: _Case) -> EffectClosed | EffectLeft:
        verb = self._kit.verbs[case.effect.kind]
        while True:
            step = next_step(
                first_tried_at=case.effect.first_tried_at,
                deadline_at=case.effect.deadline_at,
                in_doubt=case.in_doubt,
                idempotent=verb.idempotent,
                now=self._kit.clock.now(),
            )
            if step is Step.EXPIRE:
                return await self._close(case, Outcome.EXPIRED)
            try:
                found = await (self._perform if step is Step.PERFORM else self._prove)(case, verb)
            except Unprovable as error:
                case.error = f"in doubt: {error}"
                return await self._close(case, Outcome.EXPIRED)
            except DiscordError as error:
                if error.kind in _PERMANENT:
                    return await self._refused(case, verb, error)
                await self._failed(case, error)
                continue
            if found is not None:
                return found

    async def _perform(self, case: _Case, verb: Verb) -> EffectClosed | EffectLeft:
        await trio.sleep_until(self._pace.book(trio.current_time()))
        left = (case.effect.deadline_at - self._kit.clock.now()).total_seconds()
        await self._kit.waypoints.reach(Waypoint.BEFORE_SEND)
        message_id = await verb.perform(case.effect, within=max(0.0, min(left, LONGEST_CALL)))
        await self._kit.waypoints.reach(Waypoint.AFTER_SEND)
        return await self._close(case, Outcome.DONE, message_id)

    async def _prove(self, case: _Case, verb: Verb) -> EffectClosed | EffectLeft | None:
        """Look for what an earlier attempt may have done; None where nothing was done."""
        async with self._settling:  # two effects must not both claim the same message
            candidates = await verb.find(case.effect)
            taken = await self._store(lambda tx: storage.claimed(tx, self._guild_id, candidates))
            mine = next((message_id for message_id in candidates if message_id not in taken), None)
            if mine is not None:
                return await self._close(case, Outcome.DONE, mine)
        case.in_doubt = False
        case.effect = attrs.evolve(case.effect, first_tried_at=self._kit.clock.now())
        return None

    async def _failed(self, case: _Case, error: DiscordError) -> None:
        """Note a failure that may pass, and wait."""
        case.failures += 1
        case.in_doubt |= error.in_doubt
        case.error = str(error)[:MAX_ERROR]
        log.warning(
            "an effect did not succeed and is tried again",
            extra={"event": "effect_failed", "error": case.error, **self._names(case)},
        )
        await self._store(
            lambda tx: storage.tried(tx, self._guild_id, case.effect.id, error=case.error or "")
        )
        left = (case.effect.deadline_at - self._kit.clock.now()).total_seconds()
        pause = max(PATIENCE.delay(case.failures, self._kit.rng), error.retry_after or 0.0)
        await trio.sleep(pause if left <= 0 else min(pause, left))

    async def _refused(self, case: _Case, verb: Verb, error: DiscordError) -> EffectClosed | EffectLeft:
        effect = case.effect
        case.error = str(error)[:MAX_ERROR]
        log.warning(
            "Discord refused an effect for good",
            extra={"event": "effect_refused", "error": case.error, **self._names(case)},
        )
        subject = (effect.kind, effect.payload.get("channel_id"))
        if subject not in self._told:
            self._told.add(subject)
            since = self._kit.clock.now() - TELL_AGAIN_AFTER
            if not await self._store(
                lambda tx: storage.refused_lately(
                    tx, self._guild_id, effect, subject="channel_id", since=since
                )
            ):
                explained = verb.explain(effect, error)
                if explained:
                    self._tell_admins(explained)
        return await self._close(case, Outcome.REFUSED)

    def _tell_admins(self, text: str) -> None:
        entry = LogEntry(
            title="⚠️ Discord does not let me do this",
            description=text,
            level=LogLevel.WARNING,
            source=self._feature,
        )
        self._context.bus.tell(Address.guild(self._guild_id, "guild_log"), entry)

    async def _close(
        self, case: _Case, outcome: Outcome, message_id: MessageId | None = None
    ) -> EffectClosed | EffectLeft:
        effect, kit = case.effect, self._kit

        async def close(tx: Transaction) -> list[Effect] | None:
            now = kit.clock.now()
            if not await storage.close(
                tx, self._guild_id, effect.id, outcome, now=now, message_id=message_id, error=case.error
            ):
                return None
            drafts: Sequence[Draft] = ()
            if outcome is Outcome.DONE:
                drafts = await self._on_done(tx, effect)
            elif self._on_undone is not None:
                drafts = await self._on_undone(tx, effect, case.error or outcome.value)
            return await storage.record(tx, self._guild_id, self._feature, drafts, now=now)

        await kit.waypoints.reach(Waypoint.BEFORE_CLOSE)
        follow_ups = await self._store(close)
        await kit.waypoints.reach(Waypoint.AFTER_CLOSE)
        if follow_ups is None:
            # Closed by somebody else, or by ourselves just before the connection was lost.
            self._may_be_more = True
            return EffectLeft(effect)
        return EffectClosed(effect, outcome, tuple(follow_ups))

    async def _store(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """One transaction, repeated for as long as the database is gone, full, or too slow.

        One at a time: where something holds the guild's rows, its effects must not take up all connections.
        """
        failures = 0
        while True:
            try:
                async with self._storing:
                    return await self._kit.pool.run(self._feature, work, idempotent=True)
            except (DatabaseUnavailable, DatabaseBusy, psycopg.OperationalError):
                failures += 1
                await trio.sleep(STORAGE_PATIENCE.delay(failures, self._kit.rng))

    def _names(self, case: _Case) -> dict[str, object]:
        return {
            "guild_id": self._guild_id,
            "feature": self._feature,
            "kind": case.effect.kind,
            "effect": case.effect.id,
            "failures": case.failures,
        }
