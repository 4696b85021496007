"""What may be shown of a message without showing what people wrote: its shape, its ids, numbers and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES: Final = 40
"""Lines of an outline; the rest is only counted."""

DEEPEST: Final = 4
"""Levels of nesting that are looked into."""

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
_ID_KEY: Final = re.compile(r"(?:\w*_)?id", re.ASCII)
_ID: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


def outline(value: Any) -> dict[str, str]:
    """A JSON value as lines, by the dotted names of its fields.

    Of a text only its length is told, unless it is an id or an instant; of a list only how long it is.
    """
    found: dict[str, str] = {}
    left = 0
    for name, text in _lines("", value, 0):
        if len(found) < MOST_LINES:
            found[name or "value"] = text
        else:
            left += 1
    if left:
        found["…"] = f"{left} more"
    return found


def _lines(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield name, _told(name, value)
        return
    if depth >= DEEPEST:
        yield name, f"{len(value)} fields"
        return
    strange = 0
    for key, inner in value.items():
        if isinstance(key, str) and _KEY.fullmatch(key):
            yield from _lines(f"{name}.{key}" if name else key, inner, depth + 1)
        else:
            strange += 1
    if strange:
        yield f"{name}.?" if name else "?", f"{strange} fields of other names"


def _told(name: str, value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return "nothing" if value is None else str(value).lower()[:40]
    if isinstance(value, list):
        return f"list of {len(value)}"
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    is_id = _ID_KEY.fullmatch(name.rpartition(".")[2]) and _ID.fullmatch(value)
    if is_id or _INSTANT.fullmatch(value):
        return value
    return f"text of {len(value)} characters"
