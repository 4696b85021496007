"""Rules for tests of the pure parts."""

from __future__ import annotations

from typing import Any

from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.rules import StoredRule
from alphapy.pure.automod.ruleset import RuleSet

CONTENT = {"bad_words": "content", "links": "content", "mentions": "content"}
SPAM = {"frequency": "spam", "duplicate": "spam", "caps": "spam"}


def rule(
    kind: str, /, *, number: int = 1, severity: int = 1, action: str | None = "delete", **config: Any
) -> StoredRule:
    """A stored rule of a kind, or of any other type as it is."""
    rule_type = CONTENT.get(kind) or SPAM.get(kind) or kind
    marker = {"content_type": kind} if kind in CONTENT else {"spam_type": kind} if kind in SPAM else {}
    return StoredRule(
        id=number,
        name=f"rule {number}",
        rule_type=rule_type,
        enabled=True,
        config={**marker, **config},
        is_premium=False,
        action_id=number,
        action_type=action,
        action_config={},
        severity=severity,
        created_by=None,
        created_at=None,
        updated_at=None,
    )


def first(content: str, *rules: StoredRule, **subject: Any) -> int | None:
    """The id of the rule that wins."""
    match = RuleSet(rules, premium=True).judge(Subject(content, **subject)).match
    return None if match is None else match.rule.id
