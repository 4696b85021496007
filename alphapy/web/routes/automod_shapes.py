"""The shapes of requests and answers about auto-moderation (spec/moderation.md 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs

from alphapy.pure.automod.rules import ActionKind
from alphapy.web.routing.fields import UNSET, Clamped, Snow, SnowNumber, Text, Unset, UtcTime

if TYPE_CHECKING:
    from alphapy.pure.automod.rules import StoredRule
    from alphapy.pure.ids import GuildId
    from alphapy.storage.automod import Logged

RuleType = Literal["spam", "content", "regex", "ai", "mentions", "caps", "duplicate"]


@attrs.frozen(kw_only=True)
class RuleItem:
    """A rule: what it looks at, and what it does. ``severity`` 10 is judged first."""

    id: int
    guild_id: SnowNumber
    rule_type: str
    name: str
    enabled: bool
    config: dict[str, Any]
    action_type: str | None
    action_config: dict[str, Any]
    severity: int
    created_by: SnowNumber | None
    created_at: UtcTime | None
    updated_at: UtcTime | None
    is_premium: bool


@attrs.frozen(kw_only=True)
class NewRule:
    """``mentions``, ``caps`` and ``duplicate`` stand for kinds of ``content`` and ``spam``."""

    rule_type: RuleType
    name: Annotated[str, Text(1, 1000)]
    config: dict[str, Any]
    action_type: ActionKind
    action_config: dict[str, Any]
    enabled: bool = True
    severity: int = 1


@attrs.frozen(kw_only=True)
class RuleUpdate:
    """What shall be different; what is left out or null stays. A config replaces the whole config."""

    name: str | None = None
    enabled: bool | None = None
    config: dict[str, Any] | None = None
    action_type: ActionKind | None = None
    action_config: dict[str, Any] | None = None
    severity: int | None = None


@attrs.frozen
class Done:
    """It is done."""

    success: bool = True


@attrs.frozen(kw_only=True)
class TopRule:
    """A rule and how often it was broken in seven days."""

    name: str
    rule_type: str
    violation_count: int


@attrs.frozen(kw_only=True)
class Stats:
    """The figures; ``violations_today`` are those of the last 24 hours."""

    total_rules: int
    enabled_rules: int
    rules_by_type: dict[str, int]
    total_violations: int
    violations_today: int
    violations_week: int
    top_violated_rules: list[TopRule]


@attrs.frozen(kw_only=True)
class ViolationsQuery:
    """How many, of how many days, of whom, and in which state of appeal."""

    limit: Annotated[int, Clamped(1, 200)] = 50
    days: Annotated[int, Clamped(1, 365)] = 7
    user_id: Snow | None = None
    appeal_status: Literal["none", "pending", "approved", "denied"] | None = None


@attrs.frozen(kw_only=True)
class ViolationItem:
    """A violation. ``rule_id`` is null where the rule was deleted; its name is in ``context._meta``."""

    id: int
    guild_id: SnowNumber
    user_id: SnowNumber
    message_id: SnowNumber | None
    channel_id: SnowNumber | None
    rule_id: int | None
    action_taken: str
    message_content: str | None
    ai_analysis: dict[str, Any] | None
    context: dict[str, Any]
    timestamp: UtcTime
    moderator_id: SnowNumber | None
    appeal_status: str


@attrs.frozen(kw_only=True)
class SettingsItem:
    """The switches of the module."""

    enabled: bool
    log_channel_id: Snow | None
    log_actions: bool
    log_to_database: bool


@attrs.frozen(kw_only=True)
class SettingsUpdate:
    """What shall be different; a log channel of null or an empty text clears it."""

    enabled: bool | Unset = UNSET
    log_channel_id: str | int | Unset | None = UNSET
    log_actions: bool | Unset = UNSET
    log_to_database: bool | Unset = UNSET


@attrs.frozen(kw_only=True)
class Decision:
    """What is decided about an appeal."""

    decision: Literal["approve", "deny"]


@attrs.frozen(kw_only=True)
class Decided:
    """The state of the appeal now."""

    success: bool = True
    appeal_status: str


def rule_item(guild_id: GuildId, rule: StoredRule) -> RuleItem:
    """A rule, to the dashboard."""
    return RuleItem(
        id=rule.id,
        guild_id=guild_id,
        rule_type=rule.rule_type,
        name=rule.name,
        enabled=rule.enabled,
        config=dict(rule.config),
        action_type=rule.action_type,
        action_config=dict(rule.action_config),
        severity=rule.severity,
        created_by=rule.created_by,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
        is_premium=rule.is_premium,
    )


def violation_item(guild_id: GuildId, row: Logged) -> ViolationItem:
    """A row of the log, to the dashboard."""
    return ViolationItem(
        id=row.id,
        guild_id=guild_id,
        user_id=row.user_id,
        message_id=row.message_id,
        channel_id=row.channel_id,
        rule_id=row.rule_id,
        action_taken=row.action_taken,
        message_content=row.content,
        ai_analysis=None if row.ai_analysis is None else dict(row.ai_analysis),
        context=dict(row.context),
        timestamp=row.at,
        moderator_id=row.moderator_id,
        appeal_status=row.appeal_status,
    )
