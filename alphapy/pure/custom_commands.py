"""What a custom command is, and what its parts are held to (spec/moderation.md 4.4 and 8)."""

from __future__ import annotations

import enum

import attrs

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


def clean_name(name: str) -> str:
    """A name as it is stored and looked up: trimmed, in lower case."""
    return name.strip().lower()


def is_name(name: str) -> bool:
    """Whether a cleaned name may be used: 1 to 50 letters, digits, spaces, ``_``, ``-`` and ``.``."""
    return 1 <= len(name) <= MAX_NAME and all(sign.isalnum() or sign in _NAME_SIGNS for sign in name)
