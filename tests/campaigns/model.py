"""What is done with a message, written a second time from the specification (5.3 and 5.9) alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.campaigns.plan import Rule

MOST_PER_CHANNEL = 5
"""Answers that a channel gets in ten seconds; the plans never have more than that in a channel at all."""


FORBIDDEN = "kraken"
"""The word that auto-moderation deletes in every guild."""

SEVERITY = 3
POINTS = 2
"""Of its rule, and what one violation costs."""


def forbidden(content: str) -> bool:
    """Whether a message is to be deleted; such a one is answered by nobody."""
    return FORBIDDEN in content.replace("\u200b", "").lower()


def answering(rules: Iterable[Rule], content: str) -> Rule | None:
    """The rule that answers: the first of those that match, in the order in which they were added."""
    if forbidden(content):
        return None
    return next((rule for rule in rules if matches(rule, content)), None)


def matches(rule: Rule, content: str) -> bool:
    """Whether a message triggers a rule."""
    if rule.kind == "regex":
        return re.search(rule.trigger, content, 0 if rule.case_sensitive else re.IGNORECASE) is not None
    trigger = rule.trigger
    if not rule.case_sensitive:
        trigger, content = trigger.casefold(), content.casefold()
    if rule.kind == "exact":
        return content == trigger
    if rule.kind == "starts_with":
        return content[: len(trigger)] == trigger
    return trigger in content
