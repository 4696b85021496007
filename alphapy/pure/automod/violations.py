"""A violation on its way from the verdict to the books: what is known of it, and what is done about it.

:func:`decide` is the arithmetic of points and escalation over a batch (spec/moderation.md 5.6): each
violation sees the points that those before it have added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from alphapy.pure.automod.points import Escalation, Record, Step, active_points, outranks
from alphapy.pure.automod.rules import ActionKind, RuleKind, points_of

MAX_CONTENT = 1000
"""Characters of a message that are kept (spec/moderation.md 8)."""


@attrs.frozen(kw_only=True)
class Offence:
    """The part of a rule that its violations carry along, even where the rule changes meanwhile."""

    rule_id: int
    rule_name: str
    kind: RuleKind
    action: ActionKind
    action_config: Mapping[str, Any]
    severity: int

    @property
    def points(self) -> int:
        """What one violation costs."""
        return points_of(self.severity)

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a payload."""
        return {
            "rule_id": self.rule_id,
            "rule_name": self.rule_name,
            "kind": self.kind.value,
            "action": self.action.value,
            "action_config": dict(self.action_config),
            "severity": self.severity,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Offence:
        """Out of a payload."""
        return cls(**{**stored, "kind": RuleKind(stored["kind"]), "action": ActionKind(stored["action"])})


@attrs.frozen(kw_only=True)
class Violation:
    """A message revision that breaks a rule. ``until`` is the end of a timeout that its author has."""

    event_key: str
    user_id: int
    channel_id: int
    message_id: int
    content: str
    written_at: datetime
    edited: bool
    offence: Offence
    confidence: float
    reason: str
    context: Mapping[str, Any]
    ai_analysis: Mapping[str, Any] | None = None
    until: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a payload."""
        return {
            **{field.name: getattr(self, field.name) for field in attrs.fields(Violation)},
            "written_at": self.written_at.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "offence": self.offence.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Violation:
        """Out of a payload."""
        until = stored["until"]
        return cls(
            **{
                **stored,
                "written_at": datetime.fromisoformat(stored["written_at"]),
                "until": None if until is None else datetime.fromisoformat(until),
                "offence": Offence.from_json(stored["offence"]),
            }
        )


@attrs.frozen(kw_only=True)
class Decision:
    """A violation, and what is done about it: the rule's action, and a crossed step where it is harder."""

    violation: Violation
    step: Step | None
    points_before: int
    points_after: int

    @property
    def action(self) -> ActionKind:
        """The hardest thing that is done: ``automod_logs.action_taken``."""
        return self.violation.offence.action if self.step is None else self.step.action


def decide(
    violations: Iterable[Violation],
    histories: Mapping[int, Iterable[Record]],
    *,
    escalation: Escalation,
    premium: bool,
    decay_days: int,
    now: datetime,
) -> tuple[list[Decision], dict[tuple[int, str], Record]]:
    """What is done about each violation, and the histories afterwards by member and type of rule."""
    books = {
        (user_id, record.rule_type): record for user_id, records in histories.items() for record in records
    }
    decisions = []
    for violation in violations:
        user_id, offence = violation.user_id, violation.offence
        mine = [record for (owner, _), record in books.items() if owner == user_id]
        before = active_points(mine, now, decay_days)
        key = (user_id, offence.kind.rule_type)
        known = books.get(key)
        books[key] = Record(
            rule_type=offence.kind.rule_type,
            violations=(known.violations if known is not None else 0) + 1,
            points=(known.active(now, decay_days) if known is not None else 0) + offence.points,
            last_at=now,
        )
        after = before + offence.points
        step = escalation.crossed(before, after, premium=premium)
        decisions.append(
            Decision(
                violation=violation,
                step=step if outranks(step, offence.action) else None,
                points_before=before,
                points_after=after,
            )
        )
    touched = {
        (violation.violation.user_id, violation.violation.offence.kind.rule_type) for violation in decisions
    }
    return decisions, {key: books[key] for key in touched}
