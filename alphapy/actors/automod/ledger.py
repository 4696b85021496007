"""The books: what is written about violations, in the transaction of whoever writes (spec/moderation.md 5.6).

Two actors write here, the one that judges and the one that asks the language model. Each holds the guild's
lock, so that points add up and a message revision is in the log once. Returned are the effects to record in
the same transaction: a log row without its action, or an action without its row, cannot be.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.actors.automod import planning
from alphapy.actors.automod.planning import PENDING, Act, Scene
from alphapy.actors.effects import moderation
from alphapy.pure.automod.points import Escalation
from alphapy.pure.automod.rules import ActionKind
from alphapy.pure.automod.violations import Violation, decide
from alphapy.storage import automod as storage
from alphapy.storage import automod_mutes as mutes
from alphapy.storage import automod_reports as reports
from alphapy.storage.automod import Logged, LogRow
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.automod.violations import Decision
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.effects import Effect
    from alphapy.storage.transaction import Transaction

WARNED_FOR = timedelta(seconds=30)
"""A member is warned once in this time; further warnings are only logged."""

NOTICE_STAYS = timedelta(seconds=10)
"""How long a notice stands in a channel."""


@attrs.frozen(kw_only=True)
class Entry:
    """What a batch has led to. ``unrecorded`` are violations that the guild does not want in the database."""

    drafts: tuple[Draft, ...]
    unrecorded: tuple[Logged, ...] = ()


class Ledger:
    """The books of one guild."""

    def __init__(self, guild_id: GuildId, guilds: GuildCache, clock: Clock) -> None:
        self._guild_id = guild_id
        self._guilds = guilds
        self._clock = clock

    async def write(
        self, tx: Transaction, violations: Sequence[Violation], settings: SettingsSnapshot, *, premium: bool
    ) -> Entry:
        """Write violations down: log, points, statistics and mutes; returns what is to be done about them."""
        guild_id, now = self._guild_id, self._clock.now()
        await storage.lock(tx, guild_id)
        known = await storage.known_keys(tx, guild_id, [v.event_key for v in violations])
        fresh = list({v.event_key: v for v in violations if v.event_key not in known}.values())
        if not fresh:
            return Entry(drafts=())
        users = [violation.user_id for violation in fresh]
        decisions, records = decide(
            fresh,
            await storage.histories(tx, guild_id, users),
            escalation=Escalation.read(settings.value("automod", "escalation")),
            premium=premium,
            decay_days=settings.number("automod", "points_decay_days"),
            now=now,
        )
        scene = Scene(
            guild_id=guild_id,
            guild=self._guilds.get(guild_id),
            settings=settings,
            me=self._guilds.me,
            now=now,
            warned=await self._warned(tx, decisions, now),
        )
        acts = planning.acts_of(decisions, scene)
        rows = [_row(act, now) for act in acts]
        recorded = bool(settings.value("automod", "log_to_database"))
        log_ids = await storage.add_logs(tx, guild_id, rows) if recorded else {}
        await storage.write_histories(tx, guild_id, records)
        triggers = Counter(violation.offence.rule_id for violation in fresh)
        await storage.count_triggers(tx, guild_id, triggers, now=now)
        await self._begin_mutes(tx, acts, log_ids, now)
        return Entry(
            drafts=tuple(planning.drafts_of(acts, scene, log_ids)),
            unrecorded=() if recorded else tuple(map(_unrecorded, rows)),
        )

    async def _warned(self, tx: Transaction, decisions: Sequence[Decision], now: datetime) -> frozenset[int]:
        users = sorted({d.violation.user_id for d in decisions if _warns(d)})
        if not users:
            return frozenset()
        return await reports.warned_since(tx, self._guild_id, users, since=now - WARNED_FOR)

    async def _begin_mutes(
        self, tx: Transaction, acts: Sequence[Act], log_ids: Mapping[str, int], now: datetime
    ) -> None:
        for act in acts:
            minutes = act.minutes(ActionKind.MUTE)
            if act.needs("mute") and act.mute_role is not None and minutes is not None:
                violation = act.decision.violation
                await mutes.extend(
                    tx,
                    self._guild_id,
                    violation.user_id,
                    act.mute_role,
                    now + timedelta(minutes=minutes),
                    log_id=log_ids.get(violation.event_key),
                )

    async def done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """An effect took place: note it; returns what follows."""
        about = effect.payload.get("about", {})
        if about.get("keys"):
            await self._settle(tx, about["keys"], about["step"], "done")
        return _following(about)

    async def undone(self, tx: Transaction, effect: Effect, error: str) -> Sequence[Draft]:
        """An effect was refused, or has expired: note why; returns what follows instead."""
        about = effect.payload.get("about", {})
        if effect.kind == moderation.SEND_DIRECT and about.get("step") == "warn":
            deadline = self._clock.now() + planning.ACT_WITHIN
            return [
                planning.notice_in_channel(
                    effect.payload, effect.event_key.removeprefix("warn:"), deadline_at=deadline
                )
            ]
        if effect.kind == moderation.GIVE_ROLE:
            await mutes.end(tx, self._guild_id, effect.payload["user_id"], effect.payload["role_id"])
        if about.get("keys"):
            await self._settle(tx, about["keys"], about["step"], f"failed: {why(error)}")
        return _following(about)

    async def _settle(self, tx: Transaction, keys: Sequence[str], step: str, outcome: str) -> None:
        now = self._clock.now()
        contexts: dict[int, Mapping[str, Any]] = {}
        for row in await storage.by_keys(tx, self._guild_id, keys):
            meta = dict(row.meta)
            delivery = dict(meta.get("delivery") or {})
            steps = {**row.steps, step: outcome}
            if outcome == "done" and "reaction_ms" not in delivery and row.rule_id is not None:
                written = datetime.fromisoformat(meta["written_at"])
                delivery["reaction_ms"] = max(0.0, (now - written).total_seconds() * 1000)
                await storage.measure(tx, self._guild_id, row.rule_id, row.at, delivery["reaction_ms"])
            meta["delivery"] = {**delivery, "state": state_of(steps), "steps": steps}
            contexts[row.id] = {**row.context, "_meta": meta}
        if contexts:
            await storage.write_contexts(tx, self._guild_id, contexts)


def _warns(decision: Decision) -> bool:
    step = decision.step
    return decision.violation.offence.action is ActionKind.WARN or (
        step is not None and step.action is ActionKind.WARN
    )


def _following(about: Mapping[str, Any]) -> Sequence[Draft]:
    then = about.get("then")
    if then is None:
        return ()
    return [
        Draft(
            kind=then["kind"],
            event_key=then["event_key"],
            payload=then["payload"],
            deadline_at=datetime.fromisoformat(then["deadline_at"]),
        )
    ]


def state_of(steps: Mapping[str, str]) -> str:
    """How the delivery of a violation stands: ``pending``, ``done``, ``partial`` or ``failed``."""
    outcomes = list(steps.values())
    if PENDING in outcomes:
        return "pending"
    good = [outcome for outcome in outcomes if outcome in {"done", planning.THROTTLED}]
    if len(good) == len(outcomes):
        return "done"
    return "partial" if good else "failed"


def why(error: str) -> str:
    """Discord's refusal in a few words for people."""
    if "expired" in error or "in doubt" in error:
        return "not in time"
    if "403" in error:
        return "I lack the permission, or the member ranks above me"
    if "404" in error:
        return "the member or the channel is gone"
    return "Discord does not accept it"


def _row(act: Act, now: datetime) -> LogRow:
    decision = act.decision
    violation, offence = decision.violation, decision.violation.offence
    meta: dict[str, Any] = {
        "rule_name": offence.rule_name,
        "rule_type": offence.kind.rule_type,
        "kind": offence.kind.value,
        "reason": violation.reason,
        "confidence": round(violation.confidence, 4),
        "points": offence.points,
        "points_after": decision.points_after,
        "edited": violation.edited,
        "written_at": violation.written_at.isoformat(),
        "base_action": offence.action.value,
        "delivery": {"state": state_of(act.steps), "steps": dict(act.steps)},
        "logged": False,
    }
    if decision.step is not None:
        meta["escalation"] = decision.step.to_json()
    if act.mute_role is not None:
        meta["mute_role_id"] = str(act.mute_role)
    return LogRow(
        event_key=violation.event_key,
        user_id=violation.user_id,
        message_id=violation.message_id,
        channel_id=violation.channel_id,
        rule_id=offence.rule_id,
        action_taken=decision.action.value,
        content=violation.content,
        ai_analysis=violation.ai_analysis,
        context={**violation.context, "_meta": meta},
        at=now,
    )


def _unrecorded(row: LogRow) -> Logged:
    return Logged(
        id=0,
        event_key=row.event_key,
        user_id=row.user_id,
        message_id=row.message_id,
        channel_id=row.channel_id,
        rule_id=row.rule_id,
        action_taken=row.action_taken,
        content=row.content,
        ai_analysis=row.ai_analysis,
        context=row.context,
        moderator_id=None,
        at=row.at,
        appeal_status="none",
    )
