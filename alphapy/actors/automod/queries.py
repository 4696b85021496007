"""What can be asked of the books without changing them, and ``/automod test``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.automod.messages import (
    FEATURE,
    Finding,
    ForgetHistory,
    ReadHistory,
    ReadLogs,
    ReadStatistics,
    ReadTotals,
    Rehearsal,
    Standing,
    TryText,
)
from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.normalise import fold
from alphapy.pure.automod.points import Escalation, active_points
from alphapy.pure.automod.windows import Windows
from alphapy.storage import automod as storage
from alphapy.storage import automod_reports as reports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.pure.ids import GuildId
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

_KNOWN = (ReadLogs, ReadStatistics, ReadTotals, ReadHistory, ForgetHistory)


def knows(message: object) -> bool:
    """Whether :func:`answer` answers this."""
    return isinstance(message, _KNOWN)


async def answer(
    pool: Pool, guild_id: GuildId, message: object, settings: SettingsSnapshot, *, now: datetime
) -> object:
    """The answer to one of the questions; a KeyError for any other message."""

    async def history(tx: Transaction, user_id: int) -> Standing:
        records = (await storage.histories(tx, guild_id, [user_id])).get(user_id, [])
        points = active_points(records, now, settings.number("automod", "points_decay_days"))
        escalation = Escalation.read(settings.value("automod", "escalation"))
        return Standing(records=tuple(records), points=points, next_step=escalation.next(points))

    work: Callable[[Transaction], Awaitable[object]]
    match message:
        case ReadLogs(wanted):
            work = lambda tx: reports.read_logs(tx, guild_id, wanted)  # noqa: E731
        case ReadStatistics(days):
            work = lambda tx: reports.statistics(tx, guild_id, days=days, now=now)  # noqa: E731
        case ReadTotals():
            work = lambda tx: reports.totals(tx, guild_id, now=now)  # noqa: E731
        case ReadHistory(user_id):
            work = lambda tx: history(tx, user_id)  # noqa: E731
        case ForgetHistory(user_id):
            work = lambda tx: storage.forget_history(tx, guild_id, user_id)  # noqa: E731
        case _:
            raise KeyError(type(message))
    found = await pool.run(FEATURE, work, idempotent=True)
    return tuple(found) if isinstance(found, list) else found


def rehearse(rules: RuleSet, asked: TryText) -> Rehearsal:
    """What a text would lead to as somebody's first message."""
    count = Windows().note(0, 1, 0.0, hash(fold(asked.text)))
    subject = Subject(asked.text, mentions=asked.mentions, count=count)
    verdict = rules.judge(subject)
    winner = verdict.match.rule.id if verdict.match is not None else None
    return Rehearsal(
        findings=tuple(
            Finding(
                rule=match.rule,
                reason=match.evidence.reason,
                confidence=match.evidence.confidence,
                wins=match.rule.id == winner,
            )
            for match in rules.explain(subject)
        ),
        asked=tuple(question.rule for question in verdict.questions),
        rules=rules,
    )
