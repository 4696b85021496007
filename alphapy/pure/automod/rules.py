"""What an auto-moderation rule is, and how its stored parts are read (spec/moderation.md 2).

Reading is tolerant: a missing key takes its default, a number in quotes is a number, a value out of range is
clamped, unknown keys are left alone. What makes no sense at all makes a rule *degraded*: it never matches.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

MAX_RULES = 100
"""Rules of one guild (spec/moderation.md 8)."""

MAX_RULE_ID = 2**31 - 1
"""The largest id that fits the column."""

MIN_SEVERITY, MAX_SEVERITY = 1, 10

DEFAULT_POLICY = (
    "Messages must not be toxic or abusive: no insults, harassment, threats, hate speech or sexual advances."
)
"""What an AI rule without a policy judges by."""


class RuleKind(enum.Enum):
    """What a rule looks at. The value names the kind to people and in ``context``; it is not stored."""

    FREQUENCY = "frequency"
    DUPLICATE = "duplicate"
    CAPS = "caps"
    BAD_WORDS = "bad_words"
    LINKS = "links"
    MENTIONS = "mentions"
    REGEX = "regex"
    AI = "ai"

    @property
    def rule_type(self) -> str:
        """The canonical ``automod_rules.rule_type``."""
        return _TYPES[self][0]

    @property
    def marker(self) -> dict[str, str]:
        """The key of the config that says which kind of its type it is; empty where the type says it."""
        _, key = _TYPES[self]
        return {key: self.value} if key else {}

    @property
    def is_premium(self) -> bool:
        """Whether guilds without premium cannot have it."""
        return self in {RuleKind.REGEX, RuleKind.AI}


_TYPES: Final = {
    RuleKind.FREQUENCY: ("spam", "spam_type"),
    RuleKind.DUPLICATE: ("spam", "spam_type"),
    RuleKind.CAPS: ("spam", "spam_type"),
    RuleKind.BAD_WORDS: ("content", "content_type"),
    RuleKind.LINKS: ("content", "content_type"),
    RuleKind.MENTIONS: ("content", "content_type"),
    RuleKind.REGEX: ("regex", ""),
    RuleKind.AI: ("ai", ""),
}
ALIASES: Final = {
    "mentions": RuleKind.MENTIONS,
    "caps": RuleKind.CAPS,
    "duplicate": RuleKind.DUPLICATE,
}
"""Types of old rows that stand for a kind of a canonical type."""

RULE_TYPES: Final = ("spam", "content", "regex", "ai", *ALIASES)
"""What may be written as ``rule_type``; aliases become canonical."""


class ActionKind(enum.Enum):
    """What is done about a violation, mildest first; the value is ``automod_actions.action_type``."""

    DELETE = "delete"
    WARN = "warn"
    MUTE = "mute"
    TIMEOUT = "timeout"
    BAN = "ban"

    @property
    def rank(self) -> int:
        """How hard it is: higher outranks lower."""
        return list(ActionKind).index(self)

    @property
    def is_premium(self) -> bool:
        """Whether guilds without premium cannot have it."""
        return self in {ActionKind.TIMEOUT, ActionKind.BAN}


def kind_of(rule_type: str, config: Mapping[str, Any]) -> RuleKind | None:
    """The kind of a stored rule; None where nobody knows such a type or sub-type."""
    if rule_type in ALIASES:
        return ALIASES[rule_type]
    if rule_type == "spam":
        return _sub_kind(config.get("spam_type", "frequency"), "spam")
    if rule_type == "content":
        return _sub_kind(config.get("content_type", "bad_words"), "content")
    return {"regex": RuleKind.REGEX, "ai": RuleKind.AI}.get(rule_type)


def _sub_kind(name: object, rule_type: str) -> RuleKind | None:
    return next((k for k in RuleKind if k.value == name and k.rule_type == rule_type and k.marker), None)


def action_of(action_type: str | None) -> ActionKind | None:
    """The kind of a stored action; None where there is none, or nobody knows it."""
    return next((kind for kind in ActionKind if kind.value == action_type), None)


@attrs.frozen(kw_only=True)
class StoredRule:
    """A rule with its action, as the database holds them."""

    id: int
    name: str
    rule_type: str
    enabled: bool
    config: Mapping[str, Any]
    is_premium: bool
    action_id: int | None
    action_type: str | None
    action_config: Mapping[str, Any]
    severity: int
    created_by: int | None
    created_at: datetime | None
    updated_at: datetime | None

    @property
    def kind(self) -> RuleKind | None:
        """What it looks at; None for a degraded rule."""
        return kind_of(self.rule_type, self.config)

    @property
    def action(self) -> ActionKind | None:
        """What it does; None for an incomplete rule."""
        return action_of(self.action_type)

    @property
    def needs_premium(self) -> bool:
        """Whether it is paused while its guild has no premium."""
        kind, action = self.kind, self.action
        return self.is_premium or bool((kind and kind.is_premium) or (action and action.is_premium))

    @property
    def points(self) -> int:
        """What one violation costs."""
        return points_of(self.severity)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts rules as they are judged: highest severity first, then the oldest."""
        return (-self.severity, self.id)


def points_of(severity: int) -> int:
    """The published level, 1 to 5, of a severity of 1 to 10: how many points one violation costs."""
    return (min(max(severity, MIN_SEVERITY), MAX_SEVERITY) + 1) // 2


def whole(config: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    """A whole number of a stored config, clamped."""
    number = _number(config.get(key))
    return default if number is None else int(min(max(number, low), high))


def real(config: Mapping[str, Any], key: str, default: float, low: float, high: float) -> float:
    """A number of a stored config, clamped."""
    number = _number(config.get(key))
    return default if number is None else min(max(number, low), high)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int) and abs(value) > 2**63:
        return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def switched_on(config: Mapping[str, Any], key: str) -> bool:
    """A flag of a stored config; false by default."""
    value = config.get(key)
    return value.strip().lower() in {"true", "1", "yes"} if isinstance(value, str) else value in (True, 1)


def texts(config: Mapping[str, Any], key: str, most: int) -> tuple[str, ...]:
    """A list of texts of a stored config, without blanks and anything that is no text."""
    value = config.get(key)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str) and item.strip())[:most]
