"""A change of a rule, from a command or over REST, worked out on the stored rule (spec/moderation.md 4.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from alphapy.pure.automod.drafts import (
    DEFAULT_ACTION_CONFIG,
    MAX_CONFIG_BYTES,
    Rejected,
    action_changes,
    checked_action_config,
    checked_config,
    clean_rule_name,
    config_changes,
    unfitting,
)
from alphapy.pure.automod.rules import MAX_SEVERITY, MIN_SEVERITY, ActionKind, RuleKind, StoredRule, kind_of

NEEDS_PREMIUM = Rejected(
    "Regex rules, AI rules, timeouts and bans need premium in this server.", "premium needed"
)
DEGRADED = Rejected("This rule is of a kind that nobody knows; it can only be deleted.", "degraded")


@attrs.frozen(kw_only=True)
class RuleChange:
    """What is to be different; None leaves a part as it is.

    ``options`` are those of ``/automod edit_rule`` that change config and action config key by key;
    ``config`` and ``action_config`` replace them whole.
    """

    name: str | None = None
    enabled: bool | None = None
    severity: int | None = None
    action: ActionKind | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)
    config: Mapping[str, Any] | None = None
    action_config: Mapping[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be different."""
        return self == RuleChange()

    @property
    def only_soothes(self) -> bool:
        """Whether the change is only a name, or switching the rule off: allowed without premium."""
        return attrs.evolve(self, name=None, enabled=None) == RuleChange() and not self.enabled


def revised(rule: StoredRule, change: RuleChange, *, premium: bool) -> StoredRule:
    """The rule as it shall be stored; raises Rejected, and then nothing is to be written."""
    kind, action = rule.kind, change.action or rule.action
    if kind is None and not change.only_soothes:
        raise DEGRADED
    if not premium and _needs_premium(rule, change, kind):
        raise NEEDS_PREMIUM
    wrong = unfitting(kind, action, change.options)
    if wrong:
        raise Rejected(f"This rule has no {', '.join(wrong)}.", "options of another kind")
    config, action_config = dict(rule.config), dict(rule.action_config)
    if kind is not None:
        if change.config is not None:
            config = checked_config(kind, limited(change.config))
        elif changes := config_changes(kind, change.options):
            config = {**config, **changes, **kind.marker}
    if change.action is not None and change.action is not rule.action:
        action_config = dict(DEFAULT_ACTION_CONFIG[change.action])
    if change.action_config is not None:
        action_config = dict(limited(change.action_config))
    action_config |= action_changes(change.options)
    if action is not None and (
        change.action_config is not None or change.options or change.action is not None
    ):
        action_config = checked_action_config(action, action_config)
    if change.severity is not None:
        check_severity(change.severity)
    return attrs.evolve(
        rule,
        name=rule.name if change.name is None else clean_rule_name(change.name),
        enabled=rule.enabled if change.enabled is None else change.enabled,
        rule_type=rule.rule_type if kind is None else kind.rule_type,
        config=config if kind is None else {**config, **kind.marker},
        is_premium=kind.is_premium if kind is not None else rule.is_premium,
        action_type=rule.action_type if action is None else action.value,
        action_config=action_config,
        severity=rule.severity if change.severity is None else change.severity,
    )


def _needs_premium(rule: StoredRule, change: RuleChange, kind: RuleKind | None) -> bool:
    if change.action is not None and change.action.is_premium and change.action is not rule.action:
        return True
    if (
        change.enabled
        and rule.needs_premium
        and not (change.action and not change.action.is_premium and kind and not kind.is_premium)
    ):
        return True
    return bool(kind and kind.is_premium) and not change.only_soothes


def limited(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config, unless it is too large to be kept; raises Rejected."""
    if len(json.dumps(config, ensure_ascii=False).encode(errors="replace")) > MAX_CONFIG_BYTES:
        raise Rejected(f"A config has at most {MAX_CONFIG_BYTES // 1024} KiB.", "config too large")
    return config


def check_severity(severity: int) -> None:
    """Raises Rejected unless the severity is in range."""
    if not MIN_SEVERITY <= severity <= MAX_SEVERITY:
        raise Rejected(f"A severity lies between {MIN_SEVERITY} and {MAX_SEVERITY}.", "bad severity")


def kind_for(rule_type: str, config: Mapping[str, Any]) -> RuleKind:
    """The kind of a new rule; raises Rejected where nobody knows it."""
    kind = kind_of(rule_type, config)
    if kind is None:
        raise Rejected("There is no rule of that type.", "bad rule type")
    return kind
