"""What may be stored of an event: pure (spec/operations.md 5.5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from alphapy.actors.operational_events.messages import EventType
from alphapy.pure.text import cut, single_line, well_formed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_MESSAGE: Final = 300
"""Characters of the text."""

MAX_DETAILS: Final = 4096
"""Bytes of the details as JSON."""

ORIGINAL: Final = "original_event_type"
_KNOWN: Final = frozenset(kind.value for kind in EventType)
_CUTS: Final = (1000, 300, 100, 30, 10)
"""Characters that each value is cut to, more and more, until the details are short enough."""

_MOST: Final = 50
"""Entries of a list or an object."""

_DEEPEST: Final = 4
_LONGEST_NAME: Final = 64


def known_type(event_type: str, details: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A type that there is, and the details, which name the type that there is not."""
    if event_type in _KNOWN:
        return event_type, details
    return EventType.SETTINGS_CHANGED.value, {ORIGINAL: event_type, **details}


def short_message(message: str, mask: Callable[[str], str]) -> str:
    """The text on one line, without secrets, in at most 300 characters."""
    return cut(single_line(mask(well_formed(message))), MAX_MESSAGE)


def short_details(details: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """The details as plain JSON, without secrets, in at most 4 KiB."""
    for limit in _CUTS:
        found = _plain(details, mask, limit, _DEEPEST)
        if isinstance(found, dict) and _size(found) <= MAX_DETAILS:
            return found
    return {"truncated": True}


def _size(details: dict[str, Any]) -> int:
    return len(json.dumps(details, ensure_ascii=False).encode())


def _plain(value: object, mask: Callable[[str], str], limit: int, depth: int) -> Any:
    """The value in JSON's types; whatever is none of them as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and value - value == 0:  # JSON has no infinity and no NaN
        return value
    if depth and isinstance(value, dict):
        return {
            cut(well_formed(str(name)), _LONGEST_NAME): _plain(inner, mask, limit, depth - 1)
            for name, inner in list(value.items())[:_MOST]
        }
    if depth and isinstance(value, list | tuple):
        return [_plain(inner, mask, limit, depth - 1) for inner in value[:_MOST]]
    return cut(mask(well_formed(str(value))), limit)
