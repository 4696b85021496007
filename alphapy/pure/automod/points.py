"""Points and what follows when they add up: pure (spec/moderation.md 5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from alphapy.pure.automod.rules import ActionKind, action_of, whole

MOST_STEPS = 10
MOST_POINTS = 1000
LONGEST_MINUTES = 40_320
"""Minutes of a mute or timeout at the most: 28 days."""

DEFAULT_MINUTES = 10
"""Minutes of a timeout that does not say."""


@attrs.frozen(kw_only=True)
class Step:
    """What happens once a member's points reach ``points``; ``minutes`` None: the action's default."""

    points: int
    action: ActionKind
    minutes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The step as the setting stores it."""
        stored: dict[str, Any] = {"points": self.points, "action": self.action.value}
        return stored if self.minutes is None else stored | {"duration_minutes": self.minutes}


@attrs.frozen
class Escalation:
    """The steps of a guild, ascending."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def read(cls, stored: object) -> Escalation:
        """Out of the setting ``automod.escalation``; what makes no sense is left out."""
        found: dict[int, Step] = {}
        for item in stored if isinstance(stored, list) else ():
            step = _step(item) if isinstance(item, Mapping) else None
            if step is not None:
                found.setdefault(step.points, step)
        return cls(tuple(sorted(found.values(), key=lambda step: step.points))[:MOST_STEPS])

    def crossed(self, before: int, after: int, *, premium: bool) -> Step | None:
        """The highest step that lies above ``before`` and not above ``after``; premium ones if there is."""
        reached = [
            step
            for step in self.steps
            if before < step.points <= after and (premium or not step.action.is_premium)
        ]
        return reached[-1] if reached else None

    def next(self, points: int) -> Step | None:
        """The lowest step that is not reached yet."""
        return next((step for step in self.steps if step.points > points), None)

    def with_step(self, step: Step) -> Escalation:
        """With this step, instead of the one at the same points."""
        kept = [known for known in self.steps if known.points != step.points]
        return Escalation(tuple(sorted([*kept, step], key=lambda known: known.points)))

    def without(self, points: int) -> Escalation | None:
        """Without the step at these points; None where there is none."""
        kept = tuple(step for step in self.steps if step.points != points)
        return None if len(kept) == len(self.steps) else Escalation(kept)

    def to_json(self) -> list[dict[str, Any]]:
        """The setting's value."""
        return [step.to_json() for step in self.steps]


def _step(item: Mapping[str, Any]) -> Step | None:
    action, points = action_of(item.get("action")), whole(item, "points", 0, 0, MOST_POINTS)
    if action is None or action is ActionKind.DELETE or points < 1:
        return None
    return Step(points=points, action=action, minutes=minutes_of(item))


def minutes_of(config: Mapping[str, Any]) -> int | None:
    """``duration_minutes`` of a stored config, clamped; None where it is absent."""
    minutes = whole(config, "duration_minutes", 0, 0, LONGEST_MINUTES)
    return minutes or None


@attrs.frozen(kw_only=True)
class Record:
    """One row of a member's history."""

    rule_type: str
    violations: int
    points: int
    last_at: datetime

    def active(self, now: datetime, decay_days: int) -> int:
        """The points that still count; ``decay_days`` 0 keeps them for ever."""
        return 0 if decay_days and now - self.last_at > timedelta(days=decay_days) else self.points


def active_points(records: Iterable[Record], now: datetime, decay_days: int) -> int:
    """A member's points over all types of rules."""
    return sum(record.active(now, decay_days) for record in records)


def outranks(step: Step | None, action: ActionKind) -> bool:
    """Whether a crossed step is done in addition to a rule's own action."""
    return step is not None and step.action.rank > action.rank
