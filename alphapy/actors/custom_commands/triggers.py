"""Which custom command a message triggers: pure (spec/moderation.md 5.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.custom_commands import CustomCommand, TriggerType
from alphapy.pure.matching import PatternRefused, compile_pattern, without_surrogates
from alphapy.pure.template import Template

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen
class Armed:
    """An enabled command, ready to be compared."""

    command: CustomCommand
    template: Template
    matches: Callable[[str, str], bool]
    """Takes the content as written and as folded."""


class Triggers:
    """A guild's enabled commands, compiled once; the one with the lowest id wins."""

    def __init__(self, commands: Iterable[CustomCommand]) -> None:
        armed = (_arm(command) for command in sorted(commands, key=lambda d: d.id) if command.enabled)
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


def is_broken(command: CustomCommand) -> bool:
    """Whether a stored regular expression cannot be compiled, so that the command never fires."""
    return command.trigger_type == TriggerType.REGEX.value and _compiled(command) is None


def _arm(command: CustomCommand) -> Armed | None:
    matches = _compiled(command)
    return None if matches is None else Armed(command, Template.parse(command.response), matches)


def _compiled(command: CustomCommand) -> Callable[[str, str], bool] | None:
    """The comparison of a command; None where it can never match."""
    trigger = without_surrogates(command.trigger)
    if not trigger:
        return None
    sensitive = command.case_sensitive
    if not sensitive:
        trigger = trigger.casefold() if command.trigger_type != TriggerType.REGEX.value else trigger
    match command.trigger_type:
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
