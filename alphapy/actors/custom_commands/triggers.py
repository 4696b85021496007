"""Which custom command a message triggers: pure (spec/moderation.md 5.9)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

import attrs

from alphapy.pure.matching import PatternRefused, compile_pattern, without_surrogates
from alphapy.pure.template import Template

MAX_COMMANDS = 50
MAX_NAME = 50
MAX_TRIGGER = 200
MAX_RESPONSE = 1900
"""Limits per guild and in characters (spec/moderation.md 8)."""

_NAME_SIGNS = " _-."


class TriggerType(enum.Enum):
    """How a trigger is compared; the value is what ``custom_commands.trigger_type`` stores."""

    EXACT = "exact"
    STARTS_WITH = "starts_with"
    CONTAINS = "contains"
    REGEX = "regex"


@attrs.frozen(kw_only=True)
class Definition:
    """One stored command. ``revision`` is its ``updated_at`` in milliseconds since the epoch."""

    id: int
    name: str
    trigger_type: str
    trigger: str
    response: str
    enabled: bool
    case_sensitive: bool
    delete_trigger: bool
    reply_to_user: bool
    uses: int
    created_by: int | None
    revision: int


@attrs.frozen
class Armed:
    """An enabled command, ready to be compared."""

    definition: Definition
    template: Template
    matches: Callable[[str, str], bool]
    """Takes the content as written and as folded."""


class Triggers:
    """A guild's enabled commands, compiled once; the one with the lowest id wins."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        armed = (
            _arm(definition) for definition in sorted(definitions, key=lambda d: d.id) if definition.enabled
        )
        self._armed = tuple(found for found in armed if found is not None)

    def __bool__(self) -> bool:
        return bool(self._armed)

    def first(self, content: str) -> Armed | None:
        """The command that this content triggers, or None."""
        if not content or not self._armed:
            return None
        content = without_surrogates(content)
        folded = content.casefold()
        return next((armed for armed in self._armed if armed.matches(content, folded)), None)


def is_broken(definition: Definition) -> bool:
    """Whether a stored regular expression cannot be compiled, so that the command never fires."""
    return definition.trigger_type == TriggerType.REGEX.value and _compiled(definition) is None


def clean_name(name: str) -> str:
    """A name as it is stored and looked up: trimmed, in lower case."""
    return name.strip().lower()


def is_name(name: str) -> bool:
    """Whether a cleaned name may be used: 1 to 50 letters, digits, spaces, ``_``, ``-`` and ``.``."""
    return 1 <= len(name) <= MAX_NAME and all(sign.isalnum() or sign in _NAME_SIGNS for sign in name)


def _arm(definition: Definition) -> Armed | None:
    matches = _compiled(definition)
    return None if matches is None else Armed(definition, Template.parse(definition.response), matches)


def _compiled(definition: Definition) -> Callable[[str, str], bool] | None:
    """The comparison of a command; None where it can never match."""
    trigger = without_surrogates(definition.trigger)
    if not trigger:
        return None
    sensitive = definition.case_sensitive
    if not sensitive:
        trigger = trigger.casefold() if definition.trigger_type != TriggerType.REGEX.value else trigger
    match definition.trigger_type:
        case "exact":
            return lambda content, folded: (content if sensitive else folded) == trigger
        case "starts_with":
            return lambda content, folded: (content if sensitive else folded).startswith(trigger)
        case "contains":
            return lambda content, folded: trigger in (content if sensitive else folded)
        case "regex":
            try:
                pattern = compile_pattern(trigger, case_sensitive=sensitive)
            except PatternRefused:
                return None
            return lambda content, _folded: pattern.search(content) is not None
        case _:
            return None
