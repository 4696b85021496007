"""A guild's auto-moderation: judges every message, and is the only writer of the guild's rules and books.

The rules lie compiled in memory (:mod:`alphapy.pure.automod.ruleset`); they are read again after every change
of them and every five minutes. A message that breaks none costs microseconds and no query. What one that does
leads to is written in one transaction: log row, points, statistics, mutes, the effects, and the progress in
the gateway's log; so that whatever the process dies of, a violation is counted once and acted upon once.

When it fails. The database is gone: the batch waits, and is written once it is back; what cannot wait, and
does no harm twice (deletions, timeouts, bans), is done at once. The rules cannot be read: the last ones hold.
The settings cannot be read: the last ones hold. Discord refuses a step: it is noted in the log, and shown.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.automod import planning, queries
from alphapy.actors.automod.appeals import Appeals
from alphapy.actors.automod.asking import question_draft
from alphapy.actors.automod.channel_log import ChannelLog
from alphapy.actors.automod.desk import change_audit
from alphapy.actors.automod.judging import Bench, Reviewed
from alphapy.actors.automod.ledger import NOTICE_STAYS, Ledger
from alphapy.actors.automod.messages import (
    ASKING,
    AddRule,
    ChangeRule,
    Clears,
    DeleteRule,
    FileAppeal,
    Notify,
    ReadRules,
    Reload,
    RemoveNotice,
    Report,
    Resolve,
    SeesTexts,
    Sweep,
    TryText,
    Unrecorded,
    Wake,
)
from alphapy.actors.automod.muting import Mutes
from alphapy.actors.automod.notices import Notices
from alphapy.actors.automod.planning import Scene
from alphapy.actors.automod.rulebook import Rulebook, RuleMemory
from alphapy.actors.effects import verbs
from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.containment import Failure, contain
from alphapy.actors.operational_events.messages import EVENTS, EventType, RecordEvent
from alphapy.actors.premium import PremiumBook
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.events import GuildMemberAdd, GuildMemberUpdate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.automod.points import Escalation
from alphapy.pure.automod.violations import decide
from alphapy.pure.ids import ChannelId, MessageId
from alphapy.storage import automod_reports as reports
from alphapy.storage import effects as effect_storage
from alphapy.storage.effects import Draft, Effect, Outcome
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.events import Event
    from alphapy.gateway.models.user import Member
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.pure.automod.violations import Violation
    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.automod import Logged
    from alphapy.storage.automod_reports import Notice
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.automod")

WRITE_WITHIN = 2.0
"""Seconds that the books may take before what cannot wait is done without them (spec/moderation.md 5.6)."""

ASK_WITHIN = 5.0
"""Seconds that Discord may take to tell a member's roles."""

SWEEP_EVERY = 60.0
"""Seconds between two times that silent members are forgotten."""

SETTINGS_REST = 30.0
"""Seconds for which the last known settings do, after they could not be read."""

_OUTAGES = (DatabaseUnavailable, DatabaseBusy, psycopg.OperationalError, trio.TooSlowError)


class Members(Protocol):
    """Who knows a guild's members."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One of them; raises DiscordError."""
        ...


@attrs.frozen(kw_only=True)
class Parts:
    """The collaborators of the actor."""

    pool: Pool
    kit: JournalKit
    settings: SettingsReader
    premium: PremiumBook
    memory: RuleMemory
    guilds: GuildCache
    members: Members


class AutomodActor(Actor):
    """The actor ``guild/<id>/automod``."""

    def __init__(self, context: Context, parts: Parts) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._parts = parts
        self._clock = parts.kit.clock
        self._ledger = Ledger(guild_id, parts.guilds, parts.kit.clock)
        self._journal = Journal(context, parts.kit, on_done=self._ledger.done, on_undone=self._ledger.undone)
        self._rulebook = Rulebook(guild_id, parts.pool, parts.premium, parts.memory)
        self._bench = Bench()
        self._mutes = Mutes(guild_id, parts.kit.clock)
        self._appeals = Appeals(guild_id, parts.guilds, parts.kit.clock)
        self._channel_log = ChannelLog(context, self._clock, parts.settings)
        self._notices = Notices(guild_id, parts.kit.clock)
        self._settings_rest_until = 0.0
        self._at_once: deque[str] = deque(maxlen=2000)
        self._sweeping = False

    @override
    async def load(self) -> None:
        notices = await self._journal.load(self._read_state)
        for notice in notices:
            self._remove_later(notice)
        self._channel_log.wake()

    async def _read_state(self, tx: Transaction) -> list[Notice]:
        await self._rulebook.load(tx)
        await self._mutes.load(tx)
        return await reports.notices(tx, self._guild_id)

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Clears(posted):
                return await self._clears(GatewayEvent("MESSAGE_CREATE", posted, 0, "", 0))
            case ReadRules(stored):
                if stored:
                    await self._rulebook.read()
                return await self._rules()
            case Reload():
                await self._rulebook.read()
                return len(self._rulebook.rules.rules)
            case TryText():
                await self._rulebook.read()
                return queries.rehearse(await self._rules(), message)
            case AddRule() | ChangeRule() | DeleteRule():
                return await self._change_rules(message)
            case SeesTexts():
                return self._bench.sees_texts
            case Resolve():
                return await self._resolve(message)
            case FileAppeal():
                return await self._appeal(message)
            case _ if queries.knows(message):
                settings = await self._settings()
                return await queries.answer(
                    self._parts.pool, self._guild_id, message, settings, now=self._clock.now()
                )
            case _:
                return await self._on_told(message)

    async def _on_told(self, message: object) -> object:
        match message:
            case EffectClosed() | EffectLeft():
                self._settle(message)
            case PickUp():
                await self._journal.pick_up()
            case Report():
                await self._channel_log.report(self._journal)
            case Notify():
                await self._notices.report(self._journal, self._rulebook, await self._settings())
            case Unrecorded(rows):
                self._channel_log.add(rows)
            case Wake():
                await self._wake()
            case RemoveNotice():
                await self._journal.commit((), [_removal(message, self._clock.now() + planning.ACT_WITHIN)])
            case Sweep():
                self._sweeping = False
                self._bench.sweep(self._clock.now())
            case _:
                return await super().handle(message)
        return None

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        events = [message for message in messages if isinstance(message, GatewayEvent)]
        for message in messages:
            if not isinstance(message, GatewayEvent):
                await self.handle(message)
        if events:
            await self._on_events(events)

    # -- judging

    async def _on_events(self, events: Sequence[GatewayEvent]) -> None:
        fresh = self._journal.fresh(events)
        if not fresh:
            return
        rules, settings = await self._rules(), await self._settings()
        if not settings.enabled("automod"):
            self._journal.passed(fresh)
            return
        await self._learn(event.event for event in fresh)
        reviewed = [found for event in fresh if (found := self._review(event, rules, settings)) is not None]
        violations = [
            one.violates(one.verdict.match)
            for one in reviewed
            if one.verdict.match is not None and not one.verdict.questions
        ]
        questions = [question_draft(one) for one in reviewed if one.verdict.questions]
        members = [e.event for e in fresh if isinstance(e.event, GuildMemberAdd | GuildMemberUpdate)]
        moved = [event for event in members if self._mutes.concerns(event)]
        if violations or questions or moved:
            premium = rules.premium or await self._has_premium(settings)
            await self._write(fresh, violations, questions, moved, settings, premium=premium)
        else:
            self._journal.passed(fresh)
        self._bench.settle(reviewed)
        if reviewed and not self._sweeping:
            self._sweeping = True
            self.context.tell_after(SWEEP_EVERY, Sweep())

    async def _learn(self, events: Iterable[Event]) -> None:
        """Ask for the roles of authors that nobody knows yet. Raises Unavailable while Discord cannot say."""
        strangers = {user_id for event in events if (user_id := self._bench.stranger(event)) is not None}
        for user_id in sorted(strangers):
            try:
                member = await self._parts.members.member(self._guild_id, user_id, within=ASK_WITHIN)
            except DiscordError as error:
                if error.transient:
                    raise Unavailable(f"a member's roles are not known: {error}") from error
                self._bench.learn(user_id, ())  # who has left has none
            else:
                self._bench.learn(user_id, member.roles)

    def _review(self, event: GatewayEvent, rules: RuleSet, settings: SettingsSnapshot) -> Reviewed | None:
        return self._bench.review(event.event, rules, self._parts.guilds.get(self._guild_id), settings)

    async def _clears(self, event: GatewayEvent) -> bool:
        """Whether no deterministic rule matches; judging a message before its turn changes no verdict."""
        settings = await self._settings()
        if not settings.enabled("automod"):
            return True
        await self._learn((event.event,))
        found = self._review(event, await self._rules(), settings)
        return found is None or found.verdict.match is None

    async def _write(
        self,
        events: Sequence[GatewayEvent],
        violations: Sequence[Violation],
        questions: Sequence[Draft],
        moved: Sequence[GuildMemberAdd | GuildMemberUpdate],
        settings: SettingsSnapshot,
        *,
        premium: bool,
    ) -> None:
        unrecorded: list[Logged] = []

        async def also(tx: Transaction) -> Sequence[Draft]:
            drafts = list(await self._mutes.follow(tx, moved)) if moved else []
            await effect_storage.record(tx, self._guild_id, ASKING, questions, now=self._clock.now())
            if violations:
                entry = await self._ledger.write(tx, violations, settings, premium=premium)
                unrecorded[:] = entry.unrecorded
                drafts += entry.drafts
            return drafts

        try:
            with trio.fail_after(WRITE_WITHIN):
                await self._journal.commit(events, also=also)
        except _OUTAGES as error:
            self._act_at_once(violations, settings, premium=premium)
            raise Unavailable(f"the books cannot be written: {error}") from error
        if questions:
            self.context.bus.tell(Address.guild(self._guild_id, ASKING), PickUp())
        if violations:
            self._mutes.take_new(violations)
            self._channel_log.add(unrecorded)
            self._tell_operators(violations)

    def _act_at_once(
        self, violations: Sequence[Violation], settings: SettingsSnapshot, *, premium: bool
    ) -> None:
        """Do what cannot wait for the database, and may be done again once it is there."""
        left = [v for v in violations if v.event_key not in self._at_once]
        if not left:
            return
        self._at_once.extend(violation.event_key for violation in left)
        now = self._clock.now()
        decisions, _ = decide(left, {}, escalation=Escalation(), premium=premium, decay_days=0, now=now)
        scene = Scene(
            guild_id=self._guild_id,
            guild=self._parts.guilds.get(self._guild_id),
            settings=settings,
            me=self._parts.guilds.me,
            now=now,
        )
        for draft in planning.drafts_of(planning.acts_of(decisions, scene), scene, {}):
            if self._parts.kit.verbs[draft.kind].idempotent:
                self.context.start(self._perform, draft)

    async def _perform(self, draft: Draft) -> None:
        verb = self._parts.kit.verbs[draft.kind]
        now = self._clock.now()
        effect = Effect(
            id=0,
            guild_id=self._guild_id,
            feature=self.context.address.name,
            kind=draft.kind,
            event_key=draft.event_key,
            payload=draft.payload,
            nonce="",
            attempts=0,
            first_tried_at=now,
            deadline_at=draft.deadline_at,
        )
        outcome = await contain(lambda: verb.perform(effect, within=30.0))
        if isinstance(outcome, Failure):
            log.warning(
                "an action without the database failed; it is repeated once it is back",
                extra={
                    "event": "automod_at_once_failed",
                    "guild_id": self._guild_id,
                    "error": str(outcome.error),
                },
            )

    def _tell_operators(self, violations: Sequence[Violation]) -> None:
        if len(violations) > 10:  # the log has them all
            self._tell_event(
                f"auto-moderation acted on {len(violations)} messages", {"violations": len(violations)}
            )
            return
        for violation in violations:
            details = {
                "user_id": str(violation.user_id),
                "rule_id": violation.offence.rule_id,
                "rule_type": violation.offence.kind.rule_type,
                "action_type": violation.offence.action.value,
                "channel_id": str(violation.channel_id),
                "message_id": str(violation.message_id),
            }
            self._tell_event(f"auto-moderation: {violation.offence.action.value}", details)

    def _tell_event(self, text: str, details: dict[str, object]) -> None:
        event = RecordEvent(
            event_type=EventType.SETTINGS_CHANGED.value,
            message=text,
            guild_id=self._guild_id,
            details=details,
        )
        self.context.bus.tell(EVENTS, event)

    # -- what was done

    def _settle(self, message: EffectClosed | EffectLeft) -> None:
        effect = message.effect
        self._journal.closed(message)
        if isinstance(message, EffectClosed) and message.outcome is Outcome.DONE:
            self._mutes.given(effect)
            if effect.payload.get("about", {}).get("notice"):
                self.context.tell_self(Wake())
        if effect.payload.get("about", {}).get("keys"):
            self._channel_log.wake()

    async def _wake(self) -> None:
        """End mutes that are over, and see to notices."""
        await self._journal.commit((), also=self._mutes.end_due)
        notices = await self._parts.pool.run(
            self.context.address.name, lambda tx: reports.notices(tx, self._guild_id), idempotent=True
        )
        for notice in notices:
            self._remove_later(notice)
        self._channel_log.wake()

    def _remove_later(self, notice: Notice) -> None:
        left = (notice.posted_at + NOTICE_STAYS - self._clock.now()).total_seconds()
        self.context.tell_after(
            max(0.0, left), RemoveNotice(notice.effect_id, notice.channel_id, notice.message_id)
        )

    async def _change_rules(self, asked: AddRule | ChangeRule | DeleteRule) -> object:
        outcome, what = await self._rulebook.carry_out(asked)
        if asked.is_remote and what:
            self.context.bus.tell(
                Address.guild(self._guild_id, "guild_log"), change_audit(asked.actor_id, what)
            )
        return outcome

    async def _resolve(self, asked: Resolve) -> object:
        answer: list[object] = []

        async def resolve(tx: Transaction) -> Sequence[Draft]:
            resolved, drafts = await self._appeals.resolve(tx, asked)
            answer[:] = [resolved]
            return drafts

        await self._journal.commit((), also=resolve)
        return answer[0]

    async def _appeal(self, asked: FileAppeal) -> str:
        answer: list[str] = []
        settings = await self._settings()

        async def file(tx: Transaction) -> Sequence[Draft]:
            refusal, drafts = await self._appeals.file(tx, asked, settings)
            answer[:] = [refusal]
            return drafts

        await self._journal.commit((), also=file)
        return answer[0]

    # -- what is known

    async def _rules(self) -> RuleSet:
        rules = await self._rulebook.fresh()
        if self._notices.wanted(self._rulebook):
            self.context.tell_self(Notify())
        return rules

    async def _has_premium(self, settings: SettingsSnapshot) -> bool:
        """Whether steps of escalation that need premium may be taken; asked only where there are such."""
        steps = Escalation.read(settings.value("automod", "escalation")).steps
        if not any(step.action.is_premium for step in steps):
            return False
        return await self._parts.premium.in_force(self._guild_id)

    async def _settings(self) -> SettingsSnapshot:
        """Fresh ones; the last known where they cannot be read, which does not switch moderation off."""
        if trio.current_time() >= self._settings_rest_until:
            try:
                return await self._parts.settings.fresh(self._guild_id)
            except SettingsUnavailable:
                self._settings_rest_until = trio.current_time() + SETTINGS_REST
        return self._parts.settings.snapshot(self._guild_id)


def _removal(notice: RemoveNotice, deadline_at: datetime) -> Draft:
    return verbs.delete(
        f"unnotice:{notice.effect_id}",
        ChannelId(notice.channel_id),
        MessageId(notice.message_id),
        deadline_at=deadline_at,
        about={"step": "unnotice", "keys": []},
    )
