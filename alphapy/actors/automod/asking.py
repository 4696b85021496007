"""``guild/<id>/automod_ai``: asks the language model, apart from everything else (spec/moderation.md 5.5).

A message that AI rules are to be asked about is recorded as an effect of this actor in the transaction that
judged it, together with what the other rules say. It has its own queue of effects, so that a slow model holds
up no deletion and no other message. The answer, and what follows of it, is stored in the transaction that
closes the question: whatever the process dies of, a message has one verdict.

When it fails: the model's failures mean "no match" for the AI rules, and the other rules' verdict counts.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.actors.automod.judging import offence_of
from alphapy.actors.automod.ledger import Ledger
from alphapy.actors.automod.messages import FEATURE, Report, Unrecorded
from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.effects.verbs import Verb
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.ai.client import ModelFailed
from alphapy.pure.automod.asking import (
    AT_ONCE,
    WAITING,
    Allowance,
    Breaker,
    Opinion,
    messages_for,
    read_opinion,
)
from alphapy.pure.automod.violations import Offence, Violation
from alphapy.storage import effects as effect_storage
from alphapy.storage.effects import Draft, Effect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.actors.automod.judging import Reviewed
    from alphapy.actors.premium import PremiumBook
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.rest.errors import DiscordError
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId, MessageId
    from alphapy.storage.automod import Logged
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.automod")

ASK = "ask_model"
"""The name of the verb; it is stored."""

TOGETHER = 8.0
"""Seconds that all questions about one message may take."""

STALE = timedelta(minutes=2)
"""Age of a message that nobody is asked about any more: the process was away meanwhile."""

KEPT = timedelta(minutes=30)
"""How long the verdict of the other rules waits for this to be over."""


class Model(Protocol):
    """Who can be asked."""

    @property
    def available(self) -> bool:
        """Whether there is anybody."""
        ...

    async def complete(self, model: str, messages: Sequence[dict[str, str]], *, within: float) -> str:
        """The answer; raises ModelFailed."""
        ...


@attrs.define(eq=False)
class _Guild:
    """What one guild may do at a time."""

    allowance: Allowance = attrs.field(factory=Allowance)
    places: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(AT_ONCE))

    def is_idle(self, now: float) -> bool:
        """Whether it need not be remembered."""
        return self.allowance.is_fresh(now) and not self.places.borrowed_tokens


class ModelJudge(Verb):
    """Asks for all guilds, each within its own bounds, and holds the answers until they are stored."""

    idempotent = True

    def __init__(self, model: Model, settings: SettingsReader, clock: Clock) -> None:
        self._model = model
        self._settings = settings
        self._clock = clock
        self._breaker = Breaker()
        self._guilds: dict[GuildId, _Guild] = {}
        self._answers: dict[int, tuple[int, Opinion]] = {}

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId | None:
        violation = Violation.from_json(effect.payload["violation"])
        if self._model.available and self._clock.now() - violation.written_at < STALE:
            with trio.move_on_after(TOGETHER):
                await self._ask_all(effect)
        return None

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        return ()

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        return ""

    def take(self, effect_id: int) -> tuple[int, Opinion] | None:
        """Which question of an effect was answered with a match, and how."""
        return self._answers.get(effect_id)

    def forget(self, effect_id: int) -> None:
        """What was answered is stored."""
        self._answers.pop(effect_id, None)

    async def _ask_all(self, effect: Effect) -> None:
        guild = self._guild(effect.guild_id)
        if guild.places.statistics().tasks_waiting >= WAITING:
            return
        async with guild.places:
            for number, question in enumerate(effect.payload["questions"]):
                opinion = await self._ask(guild, effect, question)
                if opinion is not None and opinion.violates and opinion.confidence >= question["threshold"]:
                    self._answers[effect.id] = (number, opinion)
                    return

    async def _ask(self, guild: _Guild, effect: Effect, question: Mapping[str, Any]) -> Opinion | None:
        now = trio.current_time()
        if not self._breaker.allows(now) or not guild.allowance.take(now):
            return None
        model = self._settings.snapshot(effect.guild_id).text("gpt", "model")
        asked = messages_for(question["policy"], effect.payload["text"])
        try:
            answer = await self._model.complete(model, asked, within=TOGETHER)
        except ModelFailed as error:
            self._breaker.failed(trio.current_time())
            log.warning(
                "the language model did not judge a message",
                extra={"event": "automod_ai_failed", "guild_id": effect.guild_id, "error": str(error)},
            )
            return None
        self._breaker.succeeded()
        return read_opinion(answer)

    def _guild(self, guild_id: GuildId) -> _Guild:
        if guild_id not in self._guilds:
            now = trio.current_time()
            self._guilds = {key: kept for key, kept in self._guilds.items() if not kept.is_idle(now)}
        return self._guilds.setdefault(guild_id, _Guild())


def question_draft(reviewed: Reviewed) -> Draft:
    """The question about a message, as an effect of this actor."""
    verdict = reviewed.verdict
    first = verdict.questions[0].rule
    base = Violation(
        event_key=reviewed.event_key,
        user_id=reviewed.user_id,
        channel_id=reviewed.channel_id,
        message_id=reviewed.message_id,
        content=reviewed.content[:1000],
        written_at=reviewed.written_at,
        edited=reviewed.edited,
        offence=offence_of(first),
        confidence=0.0,
        reason="",
        context={},
        until=reviewed.until,
    )
    otherwise = None if verdict.match is None else reviewed.violates(verdict.match).to_json()
    return Draft(
        kind=ASK,
        event_key=f"ask:{reviewed.event_key}",
        payload={
            "channel_id": reviewed.channel_id,
            "text": reviewed.text[:2000],
            "violation": base.to_json(),
            "otherwise": otherwise,
            "questions": [
                {
                    "offence": offence_of(question.rule).to_json(),
                    "policy": question.policy,
                    "threshold": question.threshold,
                }
                for question in verdict.questions
            ],
        },
        deadline_at=reviewed.written_at + KEPT,
    )


def outcome_of(payload: Mapping[str, Any], answer: tuple[int, Opinion] | None) -> Violation | None:
    """What the model's answer makes of a message, or what the other rules had said; None: nothing."""
    if answer is None:
        return None if payload["otherwise"] is None else Violation.from_json(payload["otherwise"])
    number, opinion = answer
    return attrs.evolve(
        Violation.from_json(payload["violation"]),
        offence=Offence.from_json(payload["questions"][number]["offence"]),
        confidence=opinion.confidence,
        reason=f"the language model: {opinion.reason or opinion.category or 'it breaks the policy'}",
        context={
            "category": opinion.category,
            "ai_reason": opinion.reason,
            "confidence": opinion.confidence,
        },
        ai_analysis=opinion.to_json(),
    )


class AskingActor(Actor):
    """See the module."""

    def __init__(
        self,
        context: Context,
        *,
        kit: JournalKit,
        judge: ModelJudge,
        settings: SettingsReader,
        premium: PremiumBook,
        guilds: GuildCache,
    ) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._clock = kit.clock
        self._judge = judge
        self._settings = settings
        self._premium = premium
        self._ledger = Ledger(guild_id, guilds, kit.clock)
        self._unrecorded: dict[int, tuple[Logged, ...]] = {}
        verbs = {**kit.verbs, ASK: judge}
        self._journal = Journal(
            context, attrs.evolve(kit, verbs=verbs), on_done=self._on_done, on_undone=self._on_undone
        )

    @override
    async def load(self) -> None:
        await self._journal.load(_nothing)

    @override
    async def handle(self, message: object) -> object:
        match message:
            case PickUp():
                await self._premium.in_force(self._guild_id)
                await self._journal.pick_up()
            case EffectClosed() | EffectLeft():
                self._judge.forget(message.effect.id)
                self._journal.closed(message)
                self._hand_on(self._unrecorded.pop(message.effect.id, ()))
            case _:
                return await super().handle(message)
        return None

    async def _on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return await self._conclude(tx, effect, self._judge.take(effect.id))

    async def _on_undone(self, tx: Transaction, effect: Effect, _error: str) -> Sequence[Draft]:
        return await self._conclude(tx, effect, None)

    async def _conclude(
        self, tx: Transaction, effect: Effect, answer: tuple[int, Opinion] | None
    ) -> Sequence[Draft]:
        violation = outcome_of(effect.payload, answer)
        if violation is not None:
            entry = await self._ledger.write(
                tx,
                [violation],
                self._settings.snapshot(self._guild_id),
                premium=self._premium.last_known(self._guild_id),
            )
            await effect_storage.record(tx, self._guild_id, FEATURE, entry.drafts, now=self._clock.now())
            self._unrecorded[effect.id] = entry.unrecorded
        return ()

    def _hand_on(self, unrecorded: tuple[Logged, ...]) -> None:
        """Have the effects of a violation begun by the actor whose they are, and the log channel told."""
        address = Address.guild(self._guild_id, FEATURE)
        self.context.bus.tell(address, PickUp())
        self.context.bus.tell(address, Unrecorded(unrecorded) if unrecorded else Report())


async def _nothing(_tx: Transaction) -> None:
    """There is no state to read."""
