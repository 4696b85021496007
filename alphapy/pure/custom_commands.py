"""What a custom command is, and what its parts are held to (spec/moderation.md 4.4 and 8)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.matching import PatternRefused, compile_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_COMMANDS = 50
"""Commands of one guild."""

MAX_NAME = 50
MAX_TRIGGER = 200
MAX_RESPONSE = 1900
"""Characters of a command's parts."""

_NAME_SIGNS = " _-."


class TriggerType(enum.Enum):
    """How a trigger is compared; the value is what ``custom_commands.trigger_type`` stores."""

    EXACT = "exact"
    STARTS_WITH = "starts_with"
    CONTAINS = "contains"
    REGEX = "regex"


@attrs.frozen(kw_only=True)
class CustomCommand:
    """One stored command. ``trigger_type`` may be one that nobody knows: such a command never fires."""

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
    """``updated_at`` in milliseconds since the epoch: tells whether a form is out of date."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    """In UTC; None where a row has none that a calendar knows."""


@attrs.frozen(kw_only=True)
class Draft:
    """What an admin wants a command to be; its parts are cleaned and within their limits."""

    name: str
    trigger_type: TriggerType
    trigger: str
    response: str
    case_sensitive: bool = False
    delete_trigger: bool = False
    reply_to_user: bool = True


@attrs.frozen(kw_only=True)
class Amendment:
    """What shall be different about a command; None leaves a part as it is. The texts are trimmed."""

    trigger_type: TriggerType | None = None
    trigger: str | None = None
    response: str | None = None
    enabled: bool | None = None
    case_sensitive: bool | None = None
    delete_trigger: bool | None = None
    reply_to_user: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing shall be different."""
        return all(value is None for value in attrs.astuple(self))


class FlawKind(enum.Enum):
    """Which part of a command cannot be used."""

    NAME = "name"
    TRIGGER = "trigger"
    RESPONSE = "response"
    REGEX = "regex"


@attrs.frozen
class Flaw:
    """Why a command cannot be as it is wished; ``regex`` says what is wrong with a regular expression."""

    kind: FlawKind
    regex: PatternRefused | None = None


def flaw_of_texts(trigger_type: str, trigger: str, response: str) -> Flaw | None:
    """What is wrong with a command's trimmed texts; None where they can be used."""
    if not 1 <= len(trigger) <= MAX_TRIGGER:
        return Flaw(FlawKind.TRIGGER)
    if not 1 <= len(response) <= MAX_RESPONSE:
        return Flaw(FlawKind.RESPONSE)
    return flaw_of_regex(trigger_type, trigger)


def flaw_of_regex(trigger_type: str, trigger: str) -> Flaw | None:
    """What is wrong with a trigger that is a regular expression; None for any other."""
    if trigger_type == TriggerType.REGEX.value:
        try:
            compile_pattern(trigger, case_sensitive=False)
        except PatternRefused as error:
            return Flaw(FlawKind.REGEX, error)
    return None


def amend_command(command: CustomCommand, amendment: Amendment) -> CustomCommand | Flaw:
    """The command as it will be, or why it cannot be that; what is not amended is not judged again.

    The trigger and its type belong together: one that is stored is tested when the type is amended.
    """
    changes = attrs.asdict(amendment, filter=lambda _, value: value is not None)
    kind = changes.get("trigger_type")
    if kind is not None:
        changes["trigger_type"] = kind.value
    amended = attrs.evolve(command, **changes)
    if amendment.trigger is not None and not 1 <= len(amended.trigger) <= MAX_TRIGGER:
        return Flaw(FlawKind.TRIGGER)
    if amendment.response is not None and not 1 <= len(amended.response) <= MAX_RESPONSE:
        return Flaw(FlawKind.RESPONSE)
    if amendment.trigger_type is None and amendment.trigger is None:
        return amended
    return flaw_of_regex(amended.trigger_type, amended.trigger) or amended


def named(commands: Iterable[CustomCommand], name: str) -> CustomCommand | None:
    """The command that somebody means by a name; None where there is none.

    Other programs store names in any case, even two that differ only in that: the one that is spelled like
    the cleaned name goes first, then the oldest.
    """
    wanted = clean_name(name)
    found = [command for command in commands if clean_name(command.name) == wanted]
    return min(found, key=lambda command: (command.name != wanted, command.id), default=None)


def clean_name(name: str) -> str:
    """A name as it is stored and looked up: trimmed, in lower case."""
    return name.strip().lower()


def is_name(name: str) -> bool:
    """Whether a cleaned name may be used: 1 to 50 letters, digits, spaces, ``_``, ``-`` and ``.``."""
    return 1 <= len(name) <= MAX_NAME and all(sign.isalnum() or sign in _NAME_SIGNS for sign in name)
